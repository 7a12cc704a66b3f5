//! `wardgate mock`: a provider that costs nothing and fails to order.
//!
//! It speaks the dialects of OpenAI and Anthropic well enough for the official packages, refuses what they refuse, answers
//! with the name it was given and the words it was sent, and goes wrong exactly as it is told. It is what the quick start
//! talks to, what the tests put behind the gate, and what the load benchmark measures against.
//!
//! A request's way: `provider` accepts it, `route` names its endpoint, `serve` resolves its `faults` by their `schedule`,
//! `ask` reads its body, `reply` decides what is said, and `chat`, `responses`, `anthropic` or `openai` words it; `body`
//! plays the answer, `recording` keeps how it ended, `wire` breaks the socket.

mod answer;
mod anthropic;
mod ask;
mod body;
mod chat;
mod control;
mod faults;
mod openai;
mod provider;
mod recording;
mod reply;
mod responses;
mod route;
mod schedule;
mod serve;
mod wire;

use std::{
    io::{self, Read, Write},
    net::SocketAddr,
    num::NonZeroUsize,
    thread,
    time::Duration,
};

use tokio::{
    runtime,
    signal::{
        ctrl_c,
        unix::{SignalKind, signal},
    },
    sync::oneshot,
};

pub use self::{
    faults::{ErrorEvent, Faults},
    provider::{Options, Provider},
    recording::{Outcome, Recorded},
    schedule::{Act, Alternative},
};

/// Run a fake LLM provider (OpenAI and Anthropic)
#[derive(Clone, Debug, clap::Args)]
#[command(after_long_help = MANUAL)]
pub struct Args {
    /// Address to listen on; port 0 takes a free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:9100")]
    listen: SocketAddr,

    /// Name that every answer gives as its author
    #[arg(long, default_value = provider::DEFAULT_NAME)]
    name: String,

    /// Wait before every answer (50ms, 2s, 1m)
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    latency: Option<Duration>,

    /// Wait between the events of a stream (50ms, 2s, 1m)
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    chunk_delay: Option<Duration>,

    /// Tokens of every answer [default: as many as its text has]
    #[arg(long, value_name = "N")]
    tokens: Option<usize>,

    /// Answer with this status and an error body
    #[arg(long, value_parser = clap::value_parser!(u16).range(300..=599))]
    status: Option<u16>,

    /// Share of requests (0 to 1) that fail, with --status or 500
    #[arg(long, value_name = "SHARE", value_parser = parse_share)]
    error_rate: Option<f64>,

    /// Seconds for the retry-after header of failing answers
    #[arg(long, value_name = "SECONDS")]
    retry_after: Option<u64>,

    /// Reset the connection after N events of a stream
    #[arg(long, value_name = "N")]
    cut_after: Option<usize>,

    /// Fall silent after N events of a stream
    #[arg(long, value_name = "N")]
    stall_after: Option<usize>,

    /// Reset the connection instead of answering
    #[arg(long)]
    reset: bool,

    /// Read requests and never answer
    #[arg(long)]
    hang: bool,

    /// Answer 401 unless this key comes as bearer token or, to Anthropic's endpoints, as x-api-key
    #[arg(long, value_name = "KEY")]
    require_key: Option<String>,

    /// Do not keep requests for GET /_mock/requests
    #[arg(long, alias = "quiet-record")]
    no_record: bool,

    /// Ignore the x-mock-faults header of requests
    #[arg(long)]
    no_header_faults: bool,

    /// Print the address alone on standard output, for programs
    #[arg(long)]
    print_address: bool,

    /// Exit when standard input ends, and so together with the parent process
    #[arg(long)]
    exit_with_stdin: bool,

    /// Worker threads [default: one per processor]
    #[arg(long, value_name = "N")]
    workers: Option<NonZeroUsize>,
}

/// What the flags do not say.
const MANUAL: &str = r#"What it answers:
  The name of the mock, and what arrived: the user's words, results of tools, images, documents.
  `use NAME` in the user's text calls that tool. More follow after `and` or a comma, each with its
  arguments if it brings some, and what stands between `say` and `use` is said first:
    say One moment. use get_weather {"city":"Paris"} and get_time
  Choices of tools, JSON formats, limits, stop sequences and thinking are honoured. What providers
  refuse is refused: fields, roles and parts of other formats, results without their calls.

Control:
  GET /_mock/requests             total, ids (of each `#id-…` in a body), the last 1,000 requests
  DELETE /_mock/requests          forgets them
  GET, POST, DELETE /_mock/faults
  x-mock-faults                   a header with the faults of its request alone

Faults, as JSON:
  Instead of an answer: latency_ms, reset, hang, redirect, context_window, error_rate,
    status with error_code and retry_after
  Within it: body_delay_ms, chunk_delay_ms, drip_ms, first_event_error, and after so many events
    cut_after, cut_bytes, stall_after, truncate_after, error_after with error_event {kind, message}
  Beside it: close_after (answers of a connection), cached_tokens, echo_headers
  And when: share (0 to 1), flap_ms, script [{requests, faults}], mix [{weight, faults}]:
    {"mix":[{"weight":8}, {"weight":1,"faults":{"status":529}}]}"#;

impl Args {
    fn options(&self) -> Options {
        Options {
            name: self.name.clone(),
            record: !self.no_record,
            header_faults: !self.no_header_faults,
            required_key: self.require_key.clone(),
            tokens: self.tokens,
            faults: self.faults(),
        }
    }

    fn faults(&self) -> Faults {
        Faults {
            latency_ms: self.latency.map_or(0, milliseconds),
            chunk_delay_ms: self.chunk_delay.map_or(0, milliseconds),
            status: self.status,
            error_rate: self.error_rate,
            retry_after: self.retry_after,
            cut_after: self.cut_after,
            stall_after: self.stall_after,
            reset: self.reset,
            hang: self.hang,
            ..Faults::default()
        }
    }
}

/// Serves until a signal comes, or standard input ends where that was asked for.
///
/// # Errors
///
/// When the address cannot be listened on, or the operating system refuses threads or signals.
pub fn run(args: &Args) -> io::Result<()> {
    let mut builder = runtime::Builder::new_multi_thread();
    if let Some(workers) = args.workers {
        builder.worker_threads(workers.get());
    }
    builder.enable_all().build()?.block_on(serve_until_told(args))
}

async fn serve_until_told(args: &Args) -> io::Result<()> {
    let provider = Provider::start(args.listen, args.options())
        .await
        .map_err(|error| io::Error::new(error.kind(), format!("cannot listen on {}: {error}", args.listen)))?;
    announce(args, provider.addr())?;
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        interrupted = ctrl_c() => interrupted,
        _ = terminate.recv() => Ok(()),
        () = stdin_ended(args.exit_with_stdin) => Ok(()),
    }
}

fn announce(args: &Args, addr: SocketAddr) -> io::Result<()> {
    writeln!(io::stderr(), "mock {} listens on http://{addr}", args.name)?;
    if args.print_address {
        let mut stdout = io::stdout().lock();
        writeln!(stdout, "{addr}")?;
        stdout.flush()?;
    }
    Ok(())
}

/// Resolves at the end of standard input when it is `watched`, and never otherwise.
async fn stdin_ended(watched: bool) {
    if !watched {
        return std::future::pending().await;
    }
    let (sender, ended) = oneshot::channel::<()>();
    // A thread of its own: a read that the runtime waits for at shutdown would outlast every signal.
    thread::spawn(move || {
        drain(&mut io::stdin().lock());
        drop(sender);
    });
    // Nothing is ever sent: the sender's end is the message.
    let _ = ended.await;
}

/// Reads to the end; an input that fails has ended, too.
fn drain(input: &mut impl Read) {
    let _ = io::copy(input, &mut io::sink());
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Reads a whole number with a unit: `50ms`, `2s`, `1m`.
fn parse_duration(text: &str) -> Result<Duration, String> {
    let digits = text.trim_end_matches(|c: char| !c.is_ascii_digit());
    let number: u64 = digits.parse().map_err(|_| format!("{text:?} is not a number with a unit, such as 50ms"))?;
    match &text[digits.len()..] {
        "ms" => Ok(Duration::from_millis(number)),
        "s" => Ok(Duration::from_secs(number)),
        "m" => Ok(Duration::from_secs(number.saturating_mul(60))),
        "" => Err("the unit is missing: ms, s or m".into()),
        unit => Err(format!("unknown unit {unit:?}: use ms, s or m")),
    }
}

fn parse_share(text: &str) -> Result<f64, String> {
    let share: f64 = text.parse().map_err(|_| "not a number".to_owned())?;
    match (0.0..=1.0).contains(&share) {
        true => Ok(share),
        false => Err("must be between 0 and 1".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_need_a_unit() {
        assert_eq!(parse_duration("50ms"), Ok(Duration::from_millis(50)));
        assert_eq!(parse_duration("2s"), Ok(Duration::from_secs(2)));
        assert_eq!(parse_duration("1m"), Ok(Duration::from_secs(60)));
        for bad in ["", "5", "ms", "-5ms", "1.5s", "5h"] {
            assert!(parse_duration(bad).is_err(), "{bad:?} was accepted");
        }
    }
}
