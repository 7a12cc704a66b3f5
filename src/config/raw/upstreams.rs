//! Upstreams, models and failover, as the file has them.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{SecretRef, Span};
use crate::route::Dialect;
use crate::upstream::config::Protocol;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Upstream {
    /// Shown in `X-Wardgate-Upstream` and in logs.
    pub(in crate::config) name: String,
    /// `any` for one that speaks every dialect, or an app of your own.
    pub(in crate::config) dialect: Dialect,
    /// `http://` or `https://`, a host, and a path prefix where there is one.
    pub(in crate::config) url: String,
    /// The provider's own credential; ours never passes.
    #[serde(default)]
    pub(in crate::config) api_key: Option<SecretRef>,
    /// The model that it is asked for by calls in another dialect, where no entry of `models` names one.
    #[serde(default)]
    pub(in crate::config) model: Option<String>,
    /// Which of these it has; the others' calls are translated [default: all of its dialect].
    #[serde(default)]
    pub(in crate::config) apis: Option<Vec<Api>>,
    /// What it is told of the principal [default: headers and body; headers alone for `any`].
    #[serde(default)]
    pub(in crate::config) metadata: Option<Vec<MetadataPart>>,
    /// How it is spoken to [default: auto].
    #[serde(default)]
    pub(in crate::config) protocol: Option<Protocol>,
    #[serde(default)]
    pub(in crate::config) timeouts: Timeouts,
    #[serde(default)]
    pub(in crate::config) tls: Tls,
    #[serde(default)]
    pub(in crate::config) health: Option<Health>,
}

/// A format that is translated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::config) enum Api {
    ChatCompletions,
    Responses,
    Messages,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(in crate::config) enum MetadataPart {
    /// `X-Tenant-ID`, `X-Tenant-Slug`, `X-Principal-ID`, `X-Auth-Method`.
    Headers,
    /// `safety_identifier` (openai), `metadata.user_id` (anthropic), `metadata` (any).
    Body,
}

/// How long an upstream may take.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct Timeouts {
    /// Name and TCP [default: 2s].
    pub(in crate::config) connect: Option<Span>,
    /// TLS [default: 3s].
    pub(in crate::config) tls: Option<Span>,
    /// From the beginning of an attempt to the answer's first content [default: failover.first_byte_timeout].
    pub(in crate::config) first_byte: Option<Span>,
    /// The longest silence within an answer [default: failover.idle_timeout].
    pub(in crate::config) idle: Option<Span>,
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct Tls {
    /// PEM file of the authorities that sign its certificate [default: the public ones].
    pub(in crate::config) ca: Option<String>,
}

/// How an upstream is asked for its health beside requests.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Health {
    /// Asked by GET, behind the path of `url`; well is every status below 500 but 429.
    pub(in crate::config) path: String,
    /// [default: 10s].
    #[serde(default)]
    pub(in crate::config) interval: Option<Span>,
    /// [default: 2s].
    #[serde(default)]
    pub(in crate::config) timeout: Option<Span>,
    /// Failures in a row after which it is not asked by requests [default: 3].
    #[serde(default)]
    pub(in crate::config) failures: Option<u32>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Model {
    /// `*` at its end stands for anything.
    pub(in crate::config) name: String,
    /// Other names of it; `*` at an end stands for anything.
    #[serde(default)]
    pub(in crate::config) aliases: Vec<String>,
    /// Tried in this order.
    pub(in crate::config) targets: Vec<Target>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Target {
    /// Name of an upstream.
    pub(in crate::config) upstream: String,
    /// The upstream's name for the model [default: the one that was asked for].
    #[serde(default)]
    pub(in crate::config) model: Option<String>,
    /// Targets of one rank take turns, by weight [default: one more than the target before].
    #[serde(default)]
    pub(in crate::config) rank: Option<u32>,
    /// Its part among the targets of its rank [default: 1].
    #[serde(default)]
    pub(in crate::config) weight: Option<u32>,
    /// Tokens that the model takes: a call that was too long for a smaller one is tried here.
    #[serde(default)]
    pub(in crate::config) context_window: Option<u64>,
}

/// When the next target is tried.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct Failover {
    /// Statuses that count as a failure of the upstream [default: 408, 429, 500, 502, 503, 504, 529].
    pub(in crate::config) statuses: Option<Vec<u16>>,
    /// From the beginning of an attempt to the answer's first content [default: 120s].
    pub(in crate::config) first_byte_timeout: Option<Span>,
    /// The longest silence within an answer [default: 60s].
    pub(in crate::config) idle_timeout: Option<Span>,
    /// Until the answer's first content, all attempts together [default: 5m].
    pub(in crate::config) deadline: Option<Span>,
    /// How long a client of a stream hears nothing before it is sent a comment; 0s for never [default: 15s].
    pub(in crate::config) keep_alive: Option<Span>,
    pub(in crate::config) retry_budget: RetryBudget,
    pub(in crate::config) backoff: Backoff,
    pub(in crate::config) breaker: Breaker,
    pub(in crate::config) hedging: Hedging,
}

/// How many calls requests may cost beyond the first of each.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct RetryBudget {
    /// Share of the requests of the last 10s [default: 0.2].
    #[schemars(range(min = 0.0, max = 1.0))]
    pub(in crate::config) ratio: Option<f64>,
    /// A second, at least [default: 3].
    pub(in crate::config) per_second_min: Option<u32>,
}

/// What is waited before an upstream that failed is asked once more: any time up to a bound that doubles.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct Backoff {
    /// The first bound [default: 50ms].
    pub(in crate::config) min: Option<Span>,
    /// The last bound [default: 1s].
    pub(in crate::config) max: Option<Span>,
}

/// When a target is left alone, and for how long.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct Breaker {
    /// Failures in a row [default: 3].
    pub(in crate::config) failures: Option<u32>,
    /// Share of calls that failed within the window [default: 0.5].
    #[schemars(range(min = 0.0, max = 1.0))]
    pub(in crate::config) failure_ratio: Option<f64>,
    /// Calls within the window before the share counts [default: 10].
    pub(in crate::config) requests_min: Option<u32>,
    /// [default: 10s].
    pub(in crate::config) window: Option<Span>,
    /// How long it is left alone at first; doubles each time it fails again [default: 1s].
    pub(in crate::config) open_min: Option<Span>,
    /// [default: 30s].
    pub(in crate::config) open_max: Option<Span>,
}

/// Asking a second target while the first is late, for tenants that opted in.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct Hedging {
    /// Late is later than this share of recent answers [default: 0.95].
    #[schemars(range(min = 0.0, max = 1.0))]
    pub(in crate::config) quantile: Option<f64>,
    /// Share of requests that may be hedged; 0 for none [default: 0].
    #[schemars(range(min = 0.0, max = 1.0))]
    pub(in crate::config) share_max: Option<f64>,
}
