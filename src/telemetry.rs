//! What operators read: one line a request, and the events of the process.

use std::io::Write;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Serialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tracing_subscriber::EnvFilter;

use crate::principal::Principal;
use crate::tenant::Tenant;

mod sink;

pub use sink::{LogSink, paints};

#[derive(Clone, Debug)]
pub struct Config {
    pub format: LogFormat,
    /// A level, or directives as `tracing_subscriber::EnvFilter` reads them.
    pub level: String,
    /// Whether each request gets its line. One whose credential was refused gets it in any case.
    pub requests: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// For a person at a terminal.
    Text,
}

/// The default level: start, stop, reload, and everything that wants an operator's attention.
pub const DEFAULT_LEVEL: &str = "info";

impl Default for Config {
    fn default() -> Config {
        Config { format: LogFormat::Json, level: DEFAULT_LEVEL.into(), requests: true }
    }
}

/// The config's level is neither a level nor a list of directives.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is no log level: write error, warn, info, debug or trace")]
pub struct LevelError(String);

/// Reads a level, for the check at start.
pub fn parse_level(level: &str) -> Result<EnvFilter, LevelError> {
    EnvFilter::try_new(level).map_err(|_| LevelError(level.to_owned()))
}

/// Sends the process's events to `sink`. Only the first call of a process has an effect.
pub fn install(config: &Config, sink: &LogSink) {
    let filter = EnvFilter::try_new(&config.level).unwrap_or_else(|_| EnvFilter::new(DEFAULT_LEVEL));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_ansi(sink.paints()).with_writer(sink.clone());
    let installed = match config.format {
        LogFormat::Json => builder.json().flatten_event(true).with_current_span(false).try_init(),
        LogFormat::Text => builder.with_target(false).compact().try_init(),
    };
    // In one process several gates may start, as tests do; the first one's events are all there is to see.
    drop(installed);
}

/// What is known of one request by the time it ends. Dropping it writes its line, once, whatever the way it ended.
pub struct RequestLog {
    sink: LogSink,
    format: Option<LogFormat>,
    config_format: LogFormat,
    pub started: Instant,
    pub line: RequestLine,
}

/// The fields of a request's line.
#[derive(Debug, Serialize)]
pub struct RequestLine {
    timestamp: String,
    level: &'static str,
    message: &'static str,
    pub request_id: String,
    pub peer: String,
    pub method: String,
    /// The route's declared path, never the path that was sent.
    pub route: Arc<str>,
    pub status: u16,
    pub outcome: Outcome,
    /// The refusal's code, where there was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refusal: Option<&'static str>,
    /// What lay beneath a refusal, for the operator.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub principal: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auth_method: Option<&'static str>,
    /// What came of authentication: `accepted`, or the word of docs/authentication.md for why not. Absent where nobody
    /// was asked who they are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auth: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upstream: Option<Arc<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upstream_request_id: Option<String>,
    pub attempts: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scan: Option<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub scan_rules: Vec<&'static str>,
    /// Log-odds of the text that is an attack most surely.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scan_score: Option<f32>,
    /// The level that it had to reach.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scan_level: Option<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub scan_findings: Vec<ScanFinding>,
    /// Whether only parts of the text were scanned.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub scan_sampled: bool,
    pub bytes_in: u64,
    pub bytes_out: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_byte_ms: Option<f64>,
    pub total_ms: f64,
}

/// A passage that was found in a prompt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ScanFinding {
    pub rule: &'static str,
    /// How the text had to be read to find it.
    pub reading: &'static str,
    /// The first digits of the passage's SHA-256: the same passage has the same ones.
    pub digest: String,
    /// The passage itself, where the operator asks for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The whole answer was handed to the client's connection.
    Complete,
    /// The client left before the answer was whole.
    ClientClosed,
    /// The upstream broke off after its first byte, or told of a failure of its own.
    UpstreamFailed,
    /// The credential was revoked while the answer streamed.
    Revoked,
    /// The process ended while the answer streamed.
    ShutDown,
}

/// The word for a credential that proved its principal.
const AUTH_ACCEPTED: &str = "accepted";

impl RequestLog {
    pub fn new(sink: &LogSink, config: &Config, request_id: String, peer: String, method: String) -> RequestLog {
        let line = RequestLine {
            timestamp: String::new(),
            level: "INFO",
            message: "request",
            request_id,
            peer,
            method,
            route: Arc::from("unknown"),
            status: 0,
            // Until the answer was handed over whole, a request that is dropped is one whose client left.
            outcome: Outcome::ClientClosed,
            refusal: None,
            cause: None,
            tenant: None,
            tenant_id: None,
            principal: None,
            auth_method: None,
            auth: None,
            model: None,
            upstream: None,
            upstream_request_id: None,
            attempts: 0,
            scan: None,
            scan_rules: Vec::new(),
            scan_score: None,
            scan_level: None,
            scan_findings: Vec::new(),
            scan_sampled: false,
            bytes_in: 0,
            bytes_out: 0,
            first_byte_ms: None,
            total_ms: 0.0,
        };
        let format = config.requests.then_some(config.format);
        RequestLog { sink: sink.clone(), format, config_format: config.format, started: Instant::now(), line }
    }

    pub fn identify(&mut self, principal: &Principal) {
        self.line.tenant = Some(principal.tenant.slug.as_str().to_owned());
        self.line.tenant_id = Some(principal.tenant.id.as_str().to_owned());
        self.line.principal = Some(principal.id.as_str().to_owned());
        self.line.auth_method = Some(principal.method.as_str());
        self.line.auth = Some(AUTH_ACCEPTED);
    }

    /// Notes who logged in.
    pub fn identify_user(&mut self, tenant: &Tenant, user: &str) {
        self.line.tenant = Some(tenant.slug.as_str().to_owned());
        self.line.tenant_id = Some(tenant.id.as_str().to_owned());
        self.line.principal = Some(user.to_owned());
        self.line.auth = Some(AUTH_ACCEPTED);
    }

    /// Notes why there is no principal. Such a line is written even where requests get none.
    pub fn refuse_principal(&mut self, reason: &'static str) {
        self.line.auth = Some(reason);
        self.format = Some(self.config_format);
    }

    pub fn first_byte(&mut self) {
        if self.line.first_byte_ms.is_none() {
            self.line.first_byte_ms = Some(milliseconds(self.started.elapsed()));
        }
    }
}

impl Drop for RequestLog {
    fn drop(&mut self) {
        let Some(format) = self.format else { return };
        self.line.total_ms = milliseconds(self.started.elapsed());
        self.line.timestamp = now();
        match format {
            LogFormat::Json => self.sink.push(|buffer| write_json(&self.line, buffer)),
            LogFormat::Text => self.sink.push(|buffer| write_text(&self.line, self.sink.paints(), buffer)),
        }
    }
}

/// Milliseconds with three decimals.
fn milliseconds(span: Duration) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a request does not last the 285 years that f64 cannot count")]
    let microseconds = span.as_micros() as f64;
    microseconds / 1e3
}

fn write_json(line: &RequestLine, buffer: &mut Vec<u8>) {
    // Plain fields into memory: there is no way for this to fail.
    drop(serde_json::to_writer(&mut *buffer, line));
    buffer.push(b'\n');
}

/// Who asked for what, who answered, and how it went, mostly within 100 columns. Of the request's id only the end is
/// shown, which is random and will do to find it.
fn write_text(line: &RequestLine, paints: bool, buffer: &mut Vec<u8>) {
    let colour = match line.status {
        200..=399 => "\x1b[32m",
        400..=499 => "\x1b[33m",
        _ => "\x1b[31m",
    };
    let (colour, dim, plain) = if paints { (colour, "\x1b[2m", "\x1b[0m") } else { ("", "", "") };
    let way = way(line);
    let note = line.refusal.or(line.scan).unwrap_or_default();
    let id = line.request_id.len().checked_sub(ID_SHOWN).and_then(|start| line.request_id.get(start..));
    let id = id.unwrap_or(&line.request_id);
    let written = writeln!(
        buffer,
        "{colour}{}{plain} {} {:20} {way:18} {:>5} B {:>5.1} ms {note} {dim}{id}{plain}",
        line.status, line.method, line.route, line.bytes_out, line.total_ms,
    );
    drop(written);
}

const ID_SHOWN: usize = 8;

/// From whom to whom, as far as the request came: `acme → secondary, attempt 2`.
fn way(line: &RequestLine) -> String {
    let tenant = line.tenant.as_deref().unwrap_or("nobody");
    match (&line.upstream, line.attempts) {
        (None, _) => tenant.to_owned(),
        (Some(upstream), ..=1) => format!("{tenant} → {upstream}"),
        (Some(upstream), attempts) => format!("{tenant} → {upstream}, attempt {attempts}"),
    }
}

fn now() -> String {
    OffsetDateTime::now_utc().format(&Rfc3339).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::Mutex;

    use super::*;

    #[derive(Clone, Default)]
    struct Memory(Arc<Mutex<Vec<u8>>>);

    impl Write for Memory {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn request_writes_one_line_of_json_however_it_ends() {
        let memory = Memory::default();
        let sink = LogSink::to(memory.clone());
        let mut log = RequestLog::new(&sink, &Config::default(), "r1".into(), "127.0.0.1".into(), "POST".into());
        log.line.status = 200;
        log.line.model = Some("line\r\nbreak".into());
        drop(log);
        sink.flush();
        let text = String::from_utf8(memory.0.lock().unwrap().clone()).unwrap();
        assert_eq!(text.lines().count(), 1, "{text}");
        let line: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(line["request_id"], "r1");
        assert_eq!(line["outcome"], "client_closed");
        assert_eq!(line["model"], "line\r\nbreak");
    }

    #[test]
    fn line_for_people_tells_who_answered_and_is_plain_where_no_terminal_reads_it() {
        let memory = Memory::default();
        let sink = LogSink::to(memory.clone());
        let config = Config { format: LogFormat::Text, ..Config::default() };
        let mut log = RequestLog::new(&sink, &config, "0199-abcdefgh".into(), "127.0.0.1".into(), "POST".into());
        log.line.status = 200;
        log.line.tenant = Some("acme".into());
        log.line.upstream = Some("secondary".into());
        log.line.attempts = 2;
        drop(log);
        sink.flush();
        let text = String::from_utf8(memory.0.lock().unwrap().clone()).unwrap();
        assert!(text.starts_with("200 POST unknown ") && text.ends_with(" abcdefgh\n"), "{text}");
        assert!(text.contains(" acme → secondary, attempt 2 ") && !text.contains('\x1b'), "{text}");
    }
}
