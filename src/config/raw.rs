//! The config as the file has it: every key optional, nothing resolved. Its doc comments are the schema's descriptions.

pub(super) mod jwt;
pub(super) mod upstreams;

use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, de};

use crate::auth::Authenticating;
use crate::auth::api_key::HashMethod;
use crate::clock::parse_duration;
use crate::scan::{Category, Oversize};
use crate::telemetry::LogFormat;
use crate::tenant::{ScanLevel, ScanMode};

/// The config file of Wardgate.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Raw {
    pub(super) server: Server,
    pub(super) admin: Admin,
    pub(super) store: Store,
    pub(super) auth: Auth,
    pub(super) sealing: Sealing,
    /// Providers in order: the first is the primary, the next one the secondary.
    pub(super) upstreams: Vec<upstreams::Upstream>,
    /// Names that clients may ask for, and what each stands for at the upstreams. Other names pass as they are.
    pub(super) models: Vec<upstreams::Model>,
    pub(super) failover: upstreams::Failover,
    pub(super) scan: Scan,
    pub(super) limits: Limits,
    pub(super) cors: Cors,
    pub(super) telemetry: Telemetry,
    /// Paths of an app of your own, forwarded to the upstreams of dialect `any`.
    pub(super) routes: Vec<Route>,
}

/// The listener for clients.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Server {
    /// Address and port [default: 127.0.0.1:8080].
    pub(super) listen: Option<String>,
    /// Threads that serve requests [default: one for each core the process may use].
    pub(super) workers: Option<usize>,
    /// The largest body that is read [default: 10MiB].
    pub(super) body_max: Option<ByteSize>,
    /// The deepest nesting of a JSON body [default: 64].
    pub(super) depth_max: Option<usize>,
    /// How long reading a body may take [default: 30s].
    pub(super) body_timeout: Option<Span>,
    /// How long a connection may be silent before a request's head is complete [default: 30s].
    pub(super) head_timeout: Option<Span>,
    /// Streams that one HTTP/2 connection may have open [default: 256].
    pub(super) h2_streams_max: Option<u32>,
    /// How long connections are still accepted after SIGTERM [default: 2s].
    pub(super) drain_delay: Option<Span>,
    /// How long requests under way may go on after that [default: 25s].
    pub(super) drain_timeout: Option<Span>,
}

/// The listener for probes and for operators.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Admin {
    /// Address and port [default: 127.0.0.1:9901].
    pub(super) listen: Option<String>,
    /// What operators show at the admin API, of 32 bytes or more; without it only credentials with platform:admin are
    /// let in there.
    pub(super) token: Option<SecretRef>,
}

/// Where tenants and keys are kept.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Store {
    /// `sqlite:PATH` or `postgres://USER@HOST:PORT/DATABASE` [default: sqlite:wardgate.db].
    pub(super) url: Option<String>,
    /// PostgreSQL's password. A file is read anew for each new connection.
    pub(super) password: Option<SecretRef>,
    /// Connections to PostgreSQL, beside the feed's and the one that listens [default: 8].
    pub(super) pool: Option<usize>,
    /// How long what is remembered is honoured while the store cannot say what has changed, 1s to 12h [default: 5m].
    pub(super) stale_limit: Option<Span>,
    /// How often the store is asked what has changed, 50ms to 10s [default: 500ms].
    pub(super) poll_interval: Option<Span>,
}

/// Who a request comes from.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Auth {
    /// Which authenticators are asked, in this order [default: jwt, api_key].
    pub(super) order: Option<Vec<Authenticating>>,
    /// Declared routes that need no credential. Provider routes can not be public.
    pub(super) public_paths: Vec<String>,
    /// Networks of peers whose forwarding headers are believed, such as 10.0.0.7/32 [default: none].
    pub(super) trusted_peers: Vec<String>,
    pub(super) api_key: ApiKey,
    pub(super) jwt: jwt::Jwt,
    pub(super) mtls: Mtls,
    pub(super) trusted_header: TrustedHeader,
    pub(super) session: Session,
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct ApiKey {
    /// Headers that may carry a credential [default: authorization, x-api-key, api-key, x-llmcore-api-key].
    pub(super) headers: Option<Vec<String>>,
    /// First part of new keys [default: wgk].
    pub(super) brand: Option<String>,
    /// How new keys are hashed [default: bcrypt].
    pub(super) hash: Option<HashMethod>,
    /// bcrypt's cost for new keys, 4 to 15 [default: 10].
    pub(super) bcrypt_cost: Option<u32>,
    /// Server-side secrets of HMAC hashes: the first is used for new keys, all verify.
    pub(super) peppers: Vec<NamedSecret>,
    /// How many answers are remembered [default: 100000].
    pub(super) cache_entries_max: Option<u64>,
    /// How long an unknown key stays unknown [default: 1s].
    pub(super) unknown_ttl: Option<Span>,
    /// How many bcrypt hashes are computed at a time [default: half the cores, at least one].
    pub(super) hash_threads: Option<usize>,
    /// Whether a canary key that is presented suspends its tenant [default: false].
    pub(super) canary_suspends_tenant: Option<bool>,
}

/// Tenants' own keys at providers, which the store holds sealed.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Sealing {
    /// Secrets of 32 bytes or more: the first seals, all open. At most 3.
    pub(super) keys: Vec<NamedSecret>,
}

/// Who client certificates speak for.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Mtls {
    /// The first that matches decides.
    pub(super) identities: Vec<CertificateRule>,
}

/// A name in a certificate, and the tenant that it means.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct CertificateRule {
    /// A SPIFFE id, with `*` for any segment and `{tenant}` for the tenant's. Either this or `dns`.
    pub(super) spiffe: Option<String>,
    /// A DNS name, with `*` for any label and `{tenant}` for the tenant's.
    pub(super) dns: Option<String>,
    /// By id or slug. Not beside `{tenant}`.
    pub(super) tenant: Option<String>,
    /// [default: llm:invoke, llm:models].
    pub(super) scopes: Option<Vec<String>>,
}

/// Requests whose tenant a listed peer names in `X-Tenant-ID`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct TrustedHeader {
    /// What such a request is good for [default: llm:invoke, llm:models].
    pub(super) scopes: Option<Vec<String>>,
}

/// Users who log in with a password.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Session {
    /// [default: false].
    pub(super) enabled: bool,
    /// Path under which the endpoints stand [default: /auth].
    pub(super) prefix: Option<String>,
    /// How long an access token is good [default: 15m].
    pub(super) access_ttl: Option<Span>,
    /// How long a refresh token is good, and so how long a user may be away [default: 7d].
    pub(super) refresh_ttl: Option<Span>,
}

/// A secret under an id, which what is made with it names.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NamedSecret {
    pub(super) id: String,
    /// Name of an environment variable.
    #[serde(default)]
    pub(super) env: Option<String>,
    /// Path of a file.
    #[serde(default)]
    pub(super) file: Option<String>,
}

/// Where a secret is kept: exactly one of the two.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct SecretRef {
    /// Name of an environment variable.
    pub(super) env: Option<String>,
    /// Path of a file. An upstream's, the store's and those that seal are read anew when they change.
    pub(super) file: Option<String>,
}

/// What is looked for in the user's text, and what happens then. A route and a tenant may differ.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Scan {
    /// [default: block].
    pub(super) mode: Option<ScanMode>,
    /// How sure the scanner has to be, by how often an honest text may be taken for an attack [default: balanced].
    pub(super) level: Option<ScanLevel>,
    /// What is looked for; nothing is scanned where this is empty [default: all].
    pub(super) categories: Option<Vec<Category>>,
    pub(super) by_category: ByCategory,
    /// What tools gave back. Scanned where there is a mode other than off [default: off].
    pub(super) tools: SourceTerms,
    /// Documents that are attached, and results of searches [default: as the user's text].
    pub(super) documents: SourceTerms,
    /// Ids of rules that are not applied, as `wardgate scan` and the log name them; `model` for rules alone to decide.
    pub(super) allow_rules: Vec<String>,
    /// Whether the log has what was found, which is the user's text [default: false].
    pub(super) log_text: Option<bool>,
    /// Bytes of text in one request that are scanned, 4KiB or more [default: 512KiB].
    pub(super) max_bytes: Option<ByteSize>,
    /// What becomes of a request with more [default: sample].
    pub(super) oversize: Option<Oversize>,
}

/// What holds for one category, in place of `mode` and `level`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct ByCategory {
    #[serde(rename = "override")]
    pub(super) overriding: Terms,
    pub(super) exfiltration: Terms,
    pub(super) hijacking: Terms,
    pub(super) control: Terms,
}

/// A mode and a level of one's own.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Terms {
    pub(super) mode: Option<ScanMode>,
    pub(super) level: Option<ScanLevel>,
}

/// What holds for texts that the user did not write.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct SourceTerms {
    pub(super) mode: Option<SourceMode>,
    pub(super) level: Option<ScanLevel>,
}

/// As for the user's text; off where such texts are not scanned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum SourceMode {
    Off,
    Shadow,
    Flag,
    Sanitize,
    Block,
}

/// How much may be under way.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Limits {
    /// Requests under way, streams included [default: 10000].
    pub(super) in_flight_max: Option<usize>,
}

/// Browsers on other origins; off unless origins are listed.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Cors {
    /// Origins such as https://app.example.com, or `*` alone.
    pub(super) origins: Vec<String>,
    /// [default: GET, POST].
    pub(super) methods: Option<Vec<String>>,
    /// Request headers that are allowed [default: those that the browser asks for].
    pub(super) headers: Vec<String>,
    /// Response headers that scripts may read [default: the request's ids, waits, who answered at which attempt, what was left out].
    pub(super) expose: Option<Vec<String>>,
    /// How long a browser may remember the answer [default: 10m].
    pub(super) max_age: Option<Span>,
}

/// What operators read.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Telemetry {
    /// [default: json].
    pub(super) format: Option<LogFormat>,
    /// error, warn, info, debug or trace [default: info].
    pub(super) level: Option<String>,
    /// Whether each request gets a line [default: true].
    pub(super) requests: Option<bool>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Route {
    /// Such as /sessions/{id}/messages.
    pub(super) path: String,
    /// [default: POST].
    #[serde(default)]
    pub(super) methods: Option<Vec<String>>,
    /// Scopes of which a principal needs every one [default: llm:invoke].
    #[serde(default)]
    pub(super) scopes: Option<Vec<String>>,
    /// Scopes of which a principal needs one.
    #[serde(default)]
    pub(super) any_scope: Option<Vec<String>>,
    /// Where user text stands, such as /messages/*/content.
    #[serde(default)]
    pub(super) user_text: Vec<String>,
    /// What holds for it, in place of what `scan` says.
    #[serde(default)]
    pub(super) scan: Terms,
}

/// A span of time as people write it: 500ms, 30s, 15m, 24h, 30d, 2w.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span(pub(super) Duration);

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Span, D::Error> {
        let text = String::deserialize(deserializer)?;
        parse_duration(&text).map(Span).map_err(de::Error::custom)
    }
}

impl JsonSchema for Span {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Span".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^[0-9]+(ms|s|m|h|d|w)$" })
    }
}

/// A size in bytes: 4096, 64KiB, 10MiB, 1GiB.
#[derive(Clone, Copy, Debug)]
pub(super) struct ByteSize(pub(super) usize);

impl ByteSize {
    fn parse(text: &str) -> Option<ByteSize> {
        let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let (number, unit) = text.split_at(digits);
        let shift = match unit {
            "" | "B" => 0,
            "KiB" => 10,
            "MiB" => 20,
            "GiB" => 30,
            _ => return None,
        };
        number.parse::<usize>().ok()?.checked_mul(1 << shift).map(ByteSize)
    }
}

impl<'de> Deserialize<'de> for ByteSize {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<ByteSize, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            Number(usize),
            Text(String),
        }
        let parsed = match Written::deserialize(deserializer) {
            Ok(Written::Number(bytes)) => Some(ByteSize(bytes)),
            Ok(Written::Text(text)) => ByteSize::parse(&text),
            Err(_) => None,
        };
        parsed.ok_or_else(|| de::Error::custom("expected a size such as 65536, 64KiB or 10MiB"))
    }
}

impl JsonSchema for ByteSize {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "ByteSize".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["string", "integer"], "pattern": "^[0-9]+(B|KiB|MiB|GiB)?$", "minimum": 0 })
    }
}
