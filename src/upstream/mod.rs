//! Where calls go: from target to target, until one answers.
//!
//! A call is prepared for one target after the other, until one answers with its first content. What was sent to the
//! client is never taken back, so there is no other attempt after that. `run` tells a call's life; `attempt` that of one
//! try of it.

mod attempt;
mod body;
mod breaker;
mod budget;
pub mod config;
mod connections;
mod credential;
mod health;
mod latency;
mod models;
mod retry_after;
mod run;
mod targets;
mod too_long;
mod translate;
mod window;

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use http::StatusCode;
use http::header::HeaderMap;

pub use self::body::ReplyBody;
pub use self::config::Config;
pub use self::credential::CredentialError;
pub use self::models::Catalogue;

use self::breaker::{Breaker, State};
use self::budget::Budget;
use self::config::{Failover, Upstream};
use self::connections::Connections;
use self::credential::{Credential, Loaded, Payer};
use self::health::Check;
use self::run::Run;
use self::targets::{Candidate, Targets};
use crate::call::Call;
use crate::headers;
use crate::metrics::{AttemptOutcome, Count, Metrics};
use crate::route::Dialect;
use crate::seal::{SealError, Seals};
use crate::sse::Protocol;
use crate::telemetry::RequestLog;
use crate::tenant::TenantId;
use crate::tls;

/// What every worker shares: who the upstreams are, how they do, and their credentials.
pub struct Directory {
    targets: Targets,
    /// By the upstream's index.
    credentials: Vec<Option<Credential>>,
    tls: Vec<rustls::ClientConfig>,
    seals: Arc<Seals>,
    failover: Failover,
    budget: Budget,
    hedges: Budget,
    metrics: Arc<Metrics>,
    /// Of each upstream, what nearly every request adds to.
    answered: Vec<Count>,
    shut_for: Mutex<HashMap<(TenantId, usize), Instant>>,
}

/// Why an upstream cannot be used at all; found before the gate starts.
#[derive(Debug, thiserror::Error)]
pub enum DirectoryError {
    #[error("upstream `{upstream}`: {error}")]
    Credential { upstream: Arc<str>, error: CredentialError },
    #[error("upstream `{upstream}`: its file of certificate authorities cannot be read: {problem}")]
    Authorities { upstream: Arc<str>, problem: String },
}

impl Directory {
    pub fn new(config: Config, seals: Arc<Seals>, metrics: Arc<Metrics>) -> Result<Directory, DirectoryError> {
        let failover = config.failover.clone();
        let credentials = config.upstreams.iter().map(credential).collect::<Result<_, _>>()?;
        let tls = config.upstreams.iter().map(tls_config).collect::<Result<_, _>>()?;
        let answered = |upstream: &Upstream| metrics.count_of(&upstream.name, AttemptOutcome::Answered);
        Ok(Directory {
            answered: config.upstreams.iter().map(answered).collect(),
            targets: Targets::new(config),
            credentials,
            tls,
            seals,
            budget: Budget::new(failover.retry_budget.ratio, failover.retry_budget.per_second_min),
            hedges: Budget::new(failover.hedging.share_max, 0.0),
            failover,
            metrics,
            shut_for: Mutex::default(),
        })
    }

    /// Asks the upstreams for their health, by the config. Never returns.
    pub async fn watch_health(&self) {
        let checks = self.targets.upstreams().iter().zip(&self.tls).enumerate().map(|(index, (upstream, tls))| {
            let targets = self.targets.all().iter().filter(|target| target.upstream == index);
            Check::new(upstream, tls.clone(), targets.map(|target| target.breaker.clone()).collect())
        });
        match checks.collect::<Result<Vec<_>, http::Error>>() {
            Ok(checks) => health::watch(&checks.into_iter().flatten().collect::<Vec<_>>()).await,
            Err(error) => tracing::error!(%error, "an upstream cannot be asked for its health"),
        }
        std::future::pending().await
    }

    /// Tells the metrics which targets are left alone at this moment.
    pub fn measure(&self) {
        let now = Instant::now();
        for target in self.targets.all() {
            let upstream = &self.targets.upstreams()[target.upstream].name;
            let shut = target.breaker.state(now) != State::Closed;
            self.metrics.upstream_shut(upstream, target.model.as_deref().unwrap_or_default(), shut);
        }
    }

    /// Whether the config gives hedging a share.
    fn hedges_calls(&self) -> bool {
        self.failover.hedging.share_max > 0.0
    }

    /// Whose credential a call at an upstream is paid by: the tenant's own before the gate's. One that does not open is
    /// no reason to spend the gate's.
    fn payer(&self, call: &Call, index: usize) -> Result<Payer, SealError> {
        // A public route has no tenant, and nobody without one may spend what the credential pays for.
        let Some(principal) = call.principal() else { return Ok(Payer::Nobody) };
        let tenant = &principal.tenant;
        let name = &self.targets.upstreams()[index].name;
        if let Some(sealed) = tenant.policy.provider_keys.get(&**name) {
            let secret = self.seals.open(sealed, &[tenant.id.as_str(), name])?;
            return Ok(Payer::Tenant(Arc::new(Loaded::of(secret).ok_or(SealError::Unopened)?)));
        }
        Ok(self.credentials[index].as_ref().map_or(Payer::Nobody, |credential| Payer::House(credential.current())))
    }

    /// Until when a target that limits the rate of a tenant's own credential is left alone by that tenant.
    fn shut_to(&self, call: &Call, candidate: &Candidate<'_>, payer: &Payer, now: Instant) -> Option<Instant> {
        let tenant = payer.is_a_tenant().then(|| call.principal())??.tenant.id.clone();
        let shut = self.shut_for.lock().unwrap_or_else(PoisonError::into_inner);
        shut.get(&(tenant, candidate.target.index)).copied().filter(|until| *until > now)
    }

    fn shut_for(&self, call: &Call, candidate: &Candidate<'_>, until: Instant) {
        let Some(principal) = call.principal() else { return };
        let now = Instant::now();
        let mut shut = self.shut_for.lock().unwrap_or_else(PoisonError::into_inner);
        shut.retain(|_, until| *until > now);
        let longest = shut.entry((principal.tenant.id.clone(), candidate.target.index)).or_insert(until);
        *longest = until.max(*longest);
    }
}

fn credential(upstream: &Upstream) -> Result<Option<Credential>, DirectoryError> {
    let failed = |error| DirectoryError::Credential { upstream: upstream.name.clone(), error };
    upstream.credential.clone().map(Credential::load).transpose().map_err(failed)
}

fn tls_config(upstream: &Upstream) -> Result<rustls::ClientConfig, DirectoryError> {
    tls::client_config(upstream.ca_file.as_deref())
        .map_err(|problem| DirectoryError::Authorities { upstream: upstream.name.clone(), problem })
}

/// One worker's way to the upstreams.
pub struct Upstreams {
    directory: Arc<Directory>,
    connections: Vec<Connections>,
}

/// An upstream's answer, from its first content on.
pub struct Reply {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: ReplyBody,
    pub upstream: Arc<str>,
    pub attempts: u32,
    /// How long the upstreams took until the first content, all attempts together.
    pub waited: Duration,
    /// The longest silence that its body may keep.
    pub idle_timeout: Duration,
    /// How long a client of a stream hears nothing before it is sent a comment; zero for never.
    pub keep_alive: Duration,
    /// The rules by which its events end, where it is a stream and they are known.
    pub protocol: Option<Protocol>,
    pub report: Report,
}

/// A call under way.
pub type Sending = Pin<Box<dyn Future<Output = Result<Reply, UpstreamError>> + Send>>;

/// Tells of an answer that broke after it had begun.
#[derive(Clone)]
pub struct Report {
    upstream: Arc<str>,
    metrics: Arc<Metrics>,
    /// None where a tenant's own credential paid: what becomes of its calls says nothing of others'.
    breaker: Option<Arc<Breaker>>,
}

impl Report {
    pub fn broke(&self) {
        self.metrics.attempted(&self.upstream, AttemptOutcome::Broken);
        if let Some(breaker) = &self.breaker {
            breaker.broke(Instant::now());
        }
    }
}

impl Reply {
    pub fn record(&self, log: &mut RequestLog) {
        log.line.status = self.status.as_u16();
        log.line.upstream = Some(self.upstream.clone());
        log.line.attempts = self.attempts;
        let theirs = self.headers.get(headers::X_REQUEST_ID).or_else(|| self.headers.get(headers::REQUEST_ID));
        log.line.upstream_request_id = theirs.and_then(|id| id.to_str().ok()).map(str::to_owned);
    }
}

/// Why no upstream answered. Of several attempts the last one's cause is told.
#[derive(Debug, thiserror::Error)]
pub enum UpstreamError {
    #[error("no upstream speaks the {} dialect", .0.as_str())]
    NoTarget(Dialect),
    #[error("there is no model of this name for the caller")]
    UnknownModel,
    /// Every target that there is for the call has no word for something in it. Names the place, as the caller wrote it.
    #[error("the call cannot be translated: {0}")]
    Untranslatable(String),
    /// Every target is left alone for a while.
    #[error("every target is shut; the first opens after {opens_after:?}")]
    AllShut { opens_after: Duration },
    #[error("the tenant's own credential cannot be used: {0}")]
    Sealed(#[source] SealError),
    #[error("no upstream could be reached: {cause}")]
    Unreachable { cause: String, upstream: Arc<str>, attempts: u32 },
    #[error("no upstream answered in time: {cause}")]
    Timeout { cause: String, upstream: Arc<str>, attempts: u32 },
}

impl UpstreamError {
    pub fn record(&self, log: &mut RequestLog) {
        match self {
            UpstreamError::NoTarget(_)
            | UpstreamError::UnknownModel
            | UpstreamError::Untranslatable(_)
            | UpstreamError::AllShut { .. }
            | UpstreamError::Sealed(_) => {}
            UpstreamError::Unreachable { upstream, attempts, .. }
            | UpstreamError::Timeout { upstream, attempts, .. } => {
                log.line.upstream = Some(upstream.clone());
                log.line.attempts = *attempts;
            }
        }
    }
}

impl Upstreams {
    pub fn new(directory: Arc<Directory>) -> Result<Upstreams, http::Error> {
        let upstreams = directory.targets.upstreams().iter().zip(&directory.tls);
        let connect =
            |(upstream, tls): (&Arc<Upstream>, &rustls::ClientConfig)| Connections::new(upstream, tls.clone());
        let connections = upstreams.map(connect).collect::<Result<_, _>>()?;
        Ok(Upstreams { directory, connections })
    }

    pub async fn send(&self, call: &Call) -> Result<Reply, UpstreamError> {
        Run::new(self, call).go().await
    }

    /// As `send`, for whoever has more to do meanwhile. Dropped, it ends the call.
    pub fn dispatch(self: Arc<Upstreams>, call: Call) -> Sending {
        Box::pin(async move { self.send(&call).await })
    }

    /// How long a client of a stream hears nothing before it is sent a comment; zero for never.
    pub fn keep_alive(&self) -> Duration {
        self.directory.failover.keep_alive
    }

    /// Which models the caller may ask for.
    pub fn models(&self, call: &Call) -> Catalogue {
        models::answer(&self.directory.targets, call)
    }
}

/// What an answer that tells of an error says of it, in whichever dialect.
pub async fn refusal_in(mut reply: Reply) -> Option<String> {
    let body = reply.body.collect(REFUSAL_BYTES_MAX, reply.idle_timeout).await.ok()?;
    let told: serde_json::Value = serde_json::from_slice(&body).ok()?;
    told["error"]["message"].as_str().map(str::to_owned)
}

const REFUSAL_BYTES_MAX: usize = 64 << 10;
