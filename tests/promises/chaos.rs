//! A minute of mixed load while the primary is killed, stalled, slowed, overloaded and cut off at random: every answer is
//! either complete and exact, or a declared error; none is lost, and none is doubled.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use wardgate::cli::mock::{Options, Provider};

use crate::support::*;

/// The minute is for `tests/run`; whoever runs the tests by hand gets the shorter one.
fn span() -> Duration {
    let seconds = std::env::var("WARDGATE_CHAOS_SECONDS").ok().and_then(|seconds| seconds.parse().ok());
    Duration::from_secs(seconds.unwrap_or(10))
}

const CLIENTS: u64 = 12;

/// Short enough that a minute sees each of them often.
const CONFIG: &str = "
failover:
  first_byte_timeout: 400ms
  idle_timeout: 400ms
  deadline: 3s
  keep_alive: 100ms
  breaker: { open_min: 100ms, open_max: 500ms }
models:
  - name: native
    targets: [{ upstream: primary }, { upstream: secondary }]
  - name: across
    targets: [{ upstream: third, model: claude }, { upstream: fourth, model: gpt }]
";

const FAULTS: &str = r#"{"mix":[
    {"weight":4,"faults":{}},
    {"weight":2,"faults":{"status":529}},
    {"weight":1,"faults":{"status":429,"retry_after":1}},
    {"weight":2,"faults":{"latency_ms":150}},
    {"weight":1,"faults":{"hang":true}},
    {"weight":1,"faults":{"reset":true}},
    {"weight":2,"faults":{"cut_after":3}},
    {"weight":1,"faults":{"cut_bytes":2}},
    {"weight":2,"faults":{"stall_after":3}},
    {"weight":2,"faults":{"truncate_after":3}},
    {"weight":1,"faults":{"first_event_error":true}},
    {"weight":1,"faults":{"error_after":3}},
    {"weight":1,"faults":{"chunk_delay_ms":20}},
    {"weight":1,"faults":{"drip_ms":1}}
]}"#;

/// What became of the answers.
#[derive(Default)]
struct Counts {
    asked: AtomicU64,
    complete: AtomicU64,
    declared: AtomicU64,
    by_secondary: AtomicU64,
}

impl Counts {
    fn get(&self) -> [u64; 4] {
        [&self.asked, &self.complete, &self.declared, &self.by_secondary].map(|count| count.load(Ordering::Relaxed))
    }
}

/// What a client got in the end.
enum Got {
    Complete {
        text: String,
    },
    /// With what came before the error.
    Declared {
        text: String,
    },
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r01_every_answer_of_a_minute_of_chaos_is_exact_or_a_declared_error() {
    let (primary, secondary) = (provider("primary").await, provider("secondary").await);
    let gate = gate()
        .upstream(&primary)
        .upstream(&secondary)
        .upstream_at(primary.addr(), "anthropic", "")
        .upstream_at(secondary.addr(), "openai", "")
        .tenant("acme")
        .config(CONFIG)
        .start()
        .await;
    let gate = Arc::new(gate);
    let counts = Arc::new(Counts::default());
    let until = Instant::now() + span();
    let clients: Vec<_> =
        (0..CLIENTS).map(|client| tokio::spawn(ask_until(until, client, gate.clone(), counts.clone()))).collect();
    let lives = torment(primary, until).await;
    let mut attempts = Vec::new();
    for client in clients {
        attempts.extend(client.await.unwrap());
    }
    let [asked, complete, declared, by_secondary] = counts.get();
    eprintln!(
        "{asked} asked: {complete} complete ({by_secondary} by the secondary), {declared} declared errors, {} lives",
        lives.len()
    );
    assert_eq!(asked, complete + declared, "none was lost");
    assert!(
        complete * 10 > asked * 7 && by_secondary > asked / 20 && declared > 0,
        "it was chaos, and most got through"
    );
    for (id, told, complete) in attempts {
        let seen = lives.iter().chain([&secondary]).map(|provider| provider.seen(&id)).sum::<usize>();
        assert!(seen <= told, "{id} was seen {seen} times, and {told} attempts were told");
        assert!(seen >= usize::from(complete), "{id} was answered by somebody");
    }
    eventually("every place is given back", async || gate.log.requests().len() as u64 >= asked).await;
}

/// One life of the primary after the other, on the same address.
async fn torment(first: Provider, until: Instant) -> Vec<Provider> {
    let address = first.addr();
    let mut lives = vec![first];
    for round in 0.. {
        if Instant::now() >= until {
            break;
        }
        let primary = lives.last().unwrap();
        match round % 4 {
            0 => primary.set_faults(faults("{}")),
            1 | 2 => primary.set_faults(faults(FAULTS)),
            _ => {
                primary.kill().await;
                tokio::time::sleep(Duration::from_millis(300)).await;
                lives.push(restarted(address).await);
            }
        }
        tokio::time::sleep(Duration::from_millis(700)).await;
    }
    lives.last().unwrap().set_faults(faults("{}"));
    lives
}

async fn restarted(address: SocketAddr) -> Provider {
    let options = Options { name: "primary".into(), required_key: Some(PROVIDER_KEY.into()), ..Options::default() };
    Provider::start(address, options).await.unwrap()
}

/// The ids that a client sent, how many attempts it was told of, and whether the answer was complete.
async fn ask_until(until: Instant, client: u64, gate: Arc<Gate>, counts: Arc<Counts>) -> Vec<(String, usize, bool)> {
    let mut sent = Vec::new();
    for number in 0.. {
        if Instant::now() >= until {
            break;
        }
        let id = format!("{client}x{number}");
        let text = format!("words to be said again, one after the other #id-{id}");
        let endpoint = Endpoint::ALL[(number % 3) as usize];
        let streams = number % 2 == 0;
        let model = if number % 5 == 0 { "across" } else { "native" };
        counts.asked.fetch_add(1, Ordering::Relaxed);
        let mut stream = endpoint.ask(&gate, model, &text, streams).open().await.expect("the head of an answer comes");
        let told = stream.headers.get("x-wardgate-attempts").and_then(|told| told.to_str().ok()?.parse().ok());
        let upstream = stream.headers.get("x-wardgate-upstream").cloned();
        let mut body = Vec::new();
        while let Some(chunk) = stream.chunk().await {
            let chunk = chunk.unwrap_or_else(|error| panic!("{id} was cut off, and nobody said so: {error}"));
            body.extend_from_slice(&chunk);
        }
        let body = String::from_utf8(body).unwrap();
        let is_stream = stream.headers["content-type"].as_bytes().starts_with(b"text/event-stream");
        let got =
            if is_stream { endpoint.read_stream(&body) } else { endpoint.read_whole(stream.status.as_u16(), &body) };
        let expected = ["primary", "secondary"].map(|name| format!("Hello from {name}. You said: {text}"));
        match &got {
            Got::Complete { text } => {
                assert!(expected.contains(text), "{id}: {text:?}");
                counts.complete.fetch_add(1, Ordering::Relaxed);
                let by_secondary = upstream.is_some_and(|name| name == "secondary" || name == "fourth");
                counts.by_secondary.fetch_add(u64::from(by_secondary), Ordering::Relaxed);
            }
            Got::Declared { text } => {
                assert!(
                    expected.iter().any(|whole| whole.starts_with(text)),
                    "{id}: what came before is exact: {text:?}"
                );
                counts.declared.fetch_add(1, Ordering::Relaxed);
            }
        }
        // An answer that began with a comment could not tell: there are two targets.
        sent.push((id, told.unwrap_or(2), matches!(got, Got::Complete { .. })));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    sent
}

#[derive(Clone, Copy, Debug)]
enum Endpoint {
    Chat,
    Messages,
    Responses,
}

impl Endpoint {
    const ALL: [Endpoint; 3] = [Endpoint::Chat, Endpoint::Messages, Endpoint::Responses];

    fn ask(self, gate: &Gate, model: &str, text: &str, stream: bool) -> Ask {
        let messages = json!([{"role": "user", "content": text}]);
        match self {
            Endpoint::Chat => gate.post(
                "/v1/chat/completions",
                json!({"model": model, "messages": messages, "stream": stream}).to_string(),
            ),
            Endpoint::Messages => gate
                .post(
                    "/v1/messages",
                    json!({"model": model, "max_tokens": 99, "messages": messages, "stream": stream}).to_string(),
                )
                .header("anthropic-version", "2023-06-01"),
            Endpoint::Responses => {
                gate.post("/v1/responses", json!({"model": model, "input": text, "stream": stream}).to_string())
            }
        }
    }

    fn read_whole(self, status: u16, body: &str) -> Got {
        let json: Value = serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {body}"));
        if status != 200 {
            assert!(status >= 429 && json["error"]["message"].is_string(), "{status}: {body}");
            return Got::Declared { text: String::new() };
        }
        let text = match self {
            Endpoint::Chat => &json["choices"][0]["message"]["content"],
            Endpoint::Messages => &json["content"][0]["text"],
            Endpoint::Responses => &json["output"][0]["content"][0]["text"],
        };
        Got::Complete { text: text.as_str().unwrap_or_else(|| panic!("{body}")).to_owned() }
    }

    /// A stream has its end, or one error event at its end, and never both.
    fn read_stream(self, body: &str) -> Got {
        let mut text = String::new();
        let (mut ends, mut errors) = (0, 0);
        for data in body.lines().filter_map(|line| line.strip_prefix("data: ")) {
            assert_eq!((ends, errors), (0, 0), "nothing comes behind the end: {body}");
            if data == "[DONE]" {
                ends += 1;
                continue;
            }
            let event: Value = serde_json::from_str(data).unwrap_or_else(|error| panic!("{error}: {body}"));
            let kind = event["type"].as_str().unwrap_or_default();
            if event.get("error").is_some_and(|error| !error.is_null()) || matches!(kind, "error" | "response.failed") {
                errors += 1;
                continue;
            }
            let delta = match self {
                Endpoint::Chat => &event["choices"][0]["delta"]["content"],
                Endpoint::Messages => &event["delta"]["text"],
                Endpoint::Responses if kind == "response.output_text.delta" => &event["delta"],
                Endpoint::Responses => &Value::Null,
            };
            text.push_str(delta.as_str().unwrap_or_default());
            ends += usize::from(matches!(kind, "message_stop" | "response.completed"));
        }
        match (ends, errors) {
            (1, 0) => Got::Complete { text },
            (0, 1) => Got::Declared { text },
            _ => panic!("{self:?} has neither an end nor an error: {body}"),
        }
    }
}
