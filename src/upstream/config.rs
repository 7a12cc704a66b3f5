//! What upstreams there are, and when the next one is tried.

use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use http::uri::{Authority, Scheme, Uri};

use crate::route::Dialect;
use crate::secret::SecretSource;

#[derive(Clone)]
pub struct Config {
    /// In order: the first is the primary, the next one the secondary.
    pub upstreams: Vec<Upstream>,
    pub models: Vec<ModelGroup>,
    pub failover: Failover,
}

#[derive(Clone)]
pub struct Upstream {
    pub name: Arc<str>,
    pub dialect: Dialect,
    pub base: BaseUrl,
    pub credential: Option<SecretSource>,
    pub metadata: Metadata,
    pub protocol: Protocol,
    /// What it is asked for by calls in another dialect, where no group names its model.
    pub model: Option<String>,
    pub timeouts: Timeouts,
    /// The endpoints that it has; calls of others are translated where that can be.
    pub apis: Apis,
    /// How it is asked for its health beside requests; not at all where there is nothing.
    pub health: Option<HealthCheck>,
    /// A PEM file with the authorities that sign this upstream's certificate, in place of the public ones.
    pub ca_file: Option<std::path::PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// Name and TCP.
    pub connect: Duration,
    pub tls: Duration,
    /// Of one attempt, connecting included, until the first content of the answer.
    pub first_byte: Duration,
    /// The longest silence between two chunks of an answer.
    pub idle: Duration,
}

/// Which of the formats that are translated an upstream has of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Apis {
    pub chat_completions: bool,
    pub responses: bool,
    pub messages: bool,
}

impl Apis {
    /// All that providers of a dialect have.
    pub fn of(dialect: Dialect) -> Apis {
        let openai = dialect != Dialect::Anthropic;
        Apis { chat_completions: openai, responses: openai, messages: dialect != Dialect::OpenAi }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HealthCheck {
    /// Asked by GET, behind the base URL's path.
    pub path: String,
    pub interval: Duration,
    pub timeout: Duration,
    /// Failures in a row after which it counts as ill. One success makes it well again.
    pub failures: u32,
}

/// What an upstream is told of the principal beside the request's id and trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metadata {
    /// `X-Tenant-ID`, `X-Tenant-Slug`, `X-Principal-ID`, `X-Auth-Method`.
    pub headers: bool,
    /// The provider's own field in the body.
    pub body: bool,
}

/// How an upstream is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// HTTP/2 where TLS negotiates it, else HTTP/1.1.
    Auto,
    Http1,
    /// HTTP/2 from the first byte, also without TLS (RFC 9113, section 3.3).
    Http2,
}

/// Scheme, authority and path prefix of an upstream. No request changes any of them.
#[derive(Clone, Debug)]
pub struct BaseUrl {
    pub scheme: Scheme,
    pub authority: Authority,
    /// Without a `/` at its end.
    pub path: String,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BaseUrlError {
    #[error("an upstream's url is http:// or https:// with a host, such as https://api.openai.com")]
    Malformed,
    #[error("an upstream's url has no query, fragment or user name; credentials go to `api_key`")]
    Superfluous,
}

impl BaseUrl {
    pub fn parse(text: &str) -> Result<BaseUrl, BaseUrlError> {
        if text.contains(['?', '#', '@']) {
            return Err(BaseUrlError::Superfluous);
        }
        let parts = text.parse::<Uri>().map_err(|_| BaseUrlError::Malformed)?.into_parts();
        let scheme = parts.scheme.filter(|scheme| *scheme == Scheme::HTTP || *scheme == Scheme::HTTPS);
        let path = parts.path_and_query.map(|path| path.path().trim_end_matches('/').to_owned());
        Ok(BaseUrl {
            scheme: scheme.ok_or(BaseUrlError::Malformed)?,
            authority: parts.authority.ok_or(BaseUrlError::Malformed)?,
            path: path.unwrap_or_default(),
        })
    }

    /// The target of a request: prefix and path, with the `/v1` that both may have said once.
    pub fn join(&self, path_and_query: &str) -> String {
        let doubled = self.path.ends_with("/v1") && path_and_query.starts_with("/v1/");
        let prefix = if doubled { &self.path[..self.path.len() - "/v1".len()] } else { &self.path };
        format!("{prefix}{path_and_query}")
    }
}

/// Names that clients ask for, and what they stand for.
#[derive(Clone, Debug)]
pub struct ModelGroup {
    pub name: String,
    /// Other names of it. `*` at an end stands for anything, in `name` too.
    pub aliases: Vec<String>,
    /// In the order in which they are tried.
    pub targets: Vec<ModelTarget>,
}

#[derive(Clone, Debug)]
pub struct ModelTarget {
    /// Index into `Config::upstreams`.
    pub upstream: usize,
    /// Its name for the model; the one that was asked for where there is none.
    pub model: Option<String>,
    /// Targets of one rank are tried in an order that is drawn for each call, by weight.
    pub rank: u32,
    pub weight: u32,
    /// Tokens that it takes; none where nobody said.
    pub context_window: Option<u64>,
}

#[derive(Clone, Debug)]
pub struct Failover {
    /// Answers that count as a failure of the upstream, before its first byte.
    pub statuses: Vec<StatusCode>,
    /// Of all attempts together, until the first content of an answer.
    pub deadline: Duration,
    /// How long a client of a stream waits before it is sent a comment, so that nobody in between takes it for dead.
    pub keep_alive: Duration,
    pub retry_budget: RetryBudget,
    pub backoff: Backoff,
    pub breaker: BreakerConfig,
    pub hedging: Hedging,
}

/// Calls beyond the first of a request.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RetryBudget {
    /// Of recent requests.
    pub ratio: f64,
    /// A second, at least.
    pub per_second_min: f64,
}

/// What is waited before the same upstream is asked once more: any time up to a bound that doubles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    pub min: Duration,
    pub max: Duration,
}

/// When a target is left alone, and for how long.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BreakerConfig {
    /// Failures in a row.
    pub failures: u32,
    /// The share of failures within the window, of `requests_min` calls or more.
    pub failure_ratio: f64,
    pub requests_min: u32,
    pub window: Duration,
    /// Doubles each time the target fails again, up to `open_max`; jitter makes it up to a fifth shorter.
    pub open_min: Duration,
    pub open_max: Duration,
}

/// Asking a second target while the first is late.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hedging {
    /// Late is later than this share of recent calls.
    pub quantile: f64,
    /// Of recent requests, at most; nothing where it is 0.
    pub share_max: f64,
}

/// Twice the retransmission time of a lost SYN.
pub const DEFAULT_CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// Two round trips, and a slow server's signature.
pub const DEFAULT_TLS_TIMEOUT: Duration = Duration::from_secs(3);
/// Models that think before they answer, and are not streamed, take minutes.
pub const DEFAULT_FIRST_BYTE_TIMEOUT: Duration = Duration::from_secs(120);
/// Providers send a ping every 15 s or so while a model thinks.
pub const DEFAULT_IDLE_TIMEOUT: Duration = Duration::from_secs(60);
/// The providers' own clients give up after ten minutes.
pub const DEFAULT_DEADLINE: Duration = Duration::from_secs(300);
/// Load balancers commonly cut what was silent for 30 s or 60 s.
pub const DEFAULT_KEEP_ALIVE: Duration = Duration::from_secs(15);
/// 408, 429, the usual 5xx, and Anthropic's 529 `overloaded_error`.
pub const DEFAULT_STATUSES: [u16; 7] = [408, 429, 500, 502, 503, 504, 529];

/// What the caller did wrong: no other upstream would take it either.
pub const CALLERS_FAULTS: [u16; 6] = [400, 401, 403, 404, 413, 422];
pub const DEFAULT_HEALTH_INTERVAL: Duration = Duration::from_secs(10);
pub const DEFAULT_HEALTH_TIMEOUT: Duration = Duration::from_secs(2);
/// One lost packet is no illness.
pub const DEFAULT_HEALTH_FAILURES: u32 = 3;

impl Default for Failover {
    fn default() -> Failover {
        let statuses = DEFAULT_STATUSES.iter().filter_map(|code| StatusCode::from_u16(*code).ok());
        Failover {
            statuses: statuses.collect(),
            deadline: DEFAULT_DEADLINE,
            keep_alive: DEFAULT_KEEP_ALIVE,
            retry_budget: RetryBudget::default(),
            backoff: Backoff::default(),
            breaker: BreakerConfig::default(),
            hedging: Hedging::default(),
        }
    }
}

impl Default for RetryBudget {
    /// As the meshes have it: enough for a sudden failure, and no storm.
    fn default() -> RetryBudget {
        RetryBudget { ratio: 0.2, per_second_min: 3.0 }
    }
}

impl Default for Backoff {
    fn default() -> Backoff {
        Backoff { min: Duration::from_millis(50), max: Duration::from_secs(1) }
    }
}

impl Default for BreakerConfig {
    /// Quick to open, since a stand-by is there; back within a minute (promise R13).
    fn default() -> BreakerConfig {
        BreakerConfig {
            failures: 3,
            failure_ratio: 0.5,
            requests_min: 10,
            window: Duration::from_secs(10),
            open_min: Duration::from_secs(1),
            open_max: Duration::from_secs(30),
        }
    }
}

impl Default for Hedging {
    /// Off: only tenants that opt in are hedged, and only where the config gives them a share.
    fn default() -> Hedging {
        Hedging { quantile: 0.95, share_max: 0.0 }
    }
}

impl Default for Timeouts {
    fn default() -> Timeouts {
        Timeouts {
            connect: DEFAULT_CONNECT_TIMEOUT,
            tls: DEFAULT_TLS_TIMEOUT,
            first_byte: DEFAULT_FIRST_BYTE_TIMEOUT,
            idle: DEFAULT_IDLE_TIMEOUT,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base_url_says_v1_once() {
        let join = |base: &str| BaseUrl::parse(base).unwrap().join("/v1/messages?beta=true");
        assert_eq!(join("https://api.anthropic.com"), "/v1/messages?beta=true");
        assert_eq!(join("https://api.anthropic.com/"), "/v1/messages?beta=true");
        assert_eq!(join("https://host/v1"), "/v1/messages?beta=true");
        assert_eq!(join("https://host/api/v1/"), "/api/v1/messages?beta=true");
        assert_eq!(join("https://host/gateway"), "/gateway/v1/messages?beta=true");
    }

    #[test]
    fn urls_that_name_no_upstream_are_refused() {
        for wrong in ["", "api.openai.com", "ftp://host", "/v1", "http://"] {
            assert_eq!(BaseUrl::parse(wrong).err(), Some(BaseUrlError::Malformed), "{wrong}");
        }
        for wrong in ["https://user:secret@host", "https://host?x=1", "https://host/#x"] {
            assert_eq!(BaseUrl::parse(wrong).err(), Some(BaseUrlError::Superfluous), "{wrong}");
        }
    }
}
