//! Where calls go: the primary, then the secondary.
//!
//! A call is prepared once and attempted at one target after the other, until one answers with its first byte. What
//! was sent to the client is never taken back, so there is no other attempt after that byte.

mod body;
pub mod config;
mod connections;
mod credential;

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderValue};
use http::{Request, StatusCode, Uri};
use http_body_util::Full;

pub use self::body::ReplyBody;
pub use self::config::Config;
pub use self::credential::CredentialError;

use self::config::{Failover, Metadata, ModelGroup, Upstream};
use self::connections::{ConnectionError, Connections};
use self::credential::{Credential, Loaded};
use crate::call::Call;
use crate::headers;
use crate::route::Dialect;
use crate::telemetry::RequestLog;
use crate::tls;

/// What every worker shares: who the upstreams are, and their credentials.
pub struct Directory {
    targets: Vec<Target>,
    models: Vec<ModelGroup>,
    failover: Failover,
}

struct Target {
    upstream: Upstream,
    credential: Option<Credential>,
    tls: rustls::ClientConfig,
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
    pub fn new(config: Config) -> Result<Directory, DirectoryError> {
        let targets = config.upstreams.into_iter().map(Target::new).collect::<Result<_, _>>()?;
        Ok(Directory { targets, models: config.models, failover: config.failover })
    }

    /// The targets of a call, in the order in which they are tried, each with its own name for the model.
    fn route(&self, call: &Call) -> Vec<(usize, Option<&str>)> {
        let understands = |index: &usize| self.targets[*index].upstream.dialect.understands(call.dialect());
        let group = self.models.iter().find(|group| call.model() == Some(&group.name));
        match group {
            Some(group) => {
                let targets = group.targets.iter().map(|target| (target.upstream, Some(target.model.as_str())));
                targets.filter(|(index, _)| understands(index)).collect()
            }
            None => (0..self.targets.len()).filter(understands).map(|index| (index, None)).collect(),
        }
    }
}

impl Target {
    fn new(upstream: Upstream) -> Result<Target, DirectoryError> {
        let name = upstream.name.clone();
        let failed = |error| DirectoryError::Credential { upstream: name.clone(), error };
        let credential = upstream.credential.clone().map(Credential::load).transpose().map_err(failed)?;
        let tls = tls::client_config(upstream.ca_file.as_deref())
            .map_err(|problem| DirectoryError::Authorities { upstream: upstream.name.clone(), problem })?;
        Ok(Target { upstream, credential, tls })
    }
}

/// One worker's way to the upstreams.
pub struct Upstreams {
    directory: Arc<Directory>,
    connections: Vec<Connections>,
}

/// An upstream's answer, from its first byte on.
pub struct Reply {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: ReplyBody,
    pub upstream: Arc<str>,
    pub attempts: u32,
    /// How long the upstreams took until the first byte, all attempts together.
    pub waited: Duration,
    /// The longest silence that its body may keep.
    pub idle_timeout: Duration,
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

/// Why no upstream answered. The last attempt's cause is told.
#[derive(Debug, thiserror::Error)]
pub enum UpstreamError {
    #[error("no upstream speaks the {} dialect", .0.as_str())]
    NoTarget(Dialect),
    #[error("no upstream could be reached: {cause}")]
    Unreachable { cause: String, upstream: Arc<str>, attempts: u32 },
    #[error("no upstream answered in time: {cause}")]
    Timeout { cause: String, upstream: Arc<str>, attempts: u32 },
}

impl UpstreamError {
    pub fn record(&self, log: &mut RequestLog) {
        match self {
            UpstreamError::NoTarget(_) => {}
            UpstreamError::Unreachable { upstream, attempts, .. }
            | UpstreamError::Timeout { upstream, attempts, .. } => {
                log.line.upstream = Some(upstream.clone());
                log.line.attempts = *attempts;
            }
        }
    }
}

/// Why one attempt failed, so that the next target is tried.
#[derive(Debug, thiserror::Error)]
enum AttemptError {
    #[error(transparent)]
    Connection(#[from] ConnectionError),
    #[error("the answer broke off before its first byte")]
    Body,
    #[error("no first byte within the first-byte timeout")]
    FirstByteTimeout,
}

impl AttemptError {
    fn is_of_a_kept_connection(&self) -> bool {
        matches!(self, AttemptError::Connection(ConnectionError::Broken { reused: true, .. }))
    }
}

impl Upstreams {
    pub fn new(directory: Arc<Directory>) -> Result<Upstreams, http::Error> {
        let connect = |target: &Target| Connections::new(&target.upstream, target.tls.clone());
        let connections = directory.targets.iter().map(connect).collect::<Result<_, _>>()?;
        Ok(Upstreams { directory, connections })
    }

    pub async fn send(&self, call: &Call) -> Result<Reply, UpstreamError> {
        let started = Instant::now();
        let targets = self.directory.route(call);
        let alone = targets.len() == 1;
        let mut refused: Option<Reply> = None;
        let mut failed = None;
        let mut attempts = 0;
        for (index, model) in targets {
            attempts += 1;
            let mut outcome = self.attempt(call, index, model, false).await;
            // The upstream may have closed a kept connection just as the request was sent. Where nobody else is left to
            // ask, it is asked once more.
            if alone && matches!(&outcome, Err(error) if error.is_of_a_kept_connection()) {
                attempts += 1;
                outcome = self.attempt(call, index, model, true).await;
            }
            match outcome {
                Ok(reply) if self.fails_over(reply.status) => refused = Some(reply),
                Ok(reply) => return Ok(Reply { attempts, waited: started.elapsed(), ..reply }),
                Err(error) => failed = Some((error, index)),
            }
        }
        // What an upstream said is worth more to the caller than our word that another could not be reached.
        match (refused, failed) {
            (Some(reply), _) => Ok(Reply { attempts, waited: started.elapsed(), ..reply }),
            (None, Some((error, index))) => Err(self.told(&error, index, attempts)),
            (None, None) => Err(UpstreamError::NoTarget(call.dialect())),
        }
    }

    fn fails_over(&self, status: StatusCode) -> bool {
        self.directory.failover.statuses.contains(&status)
    }

    fn told(&self, error: &AttemptError, index: usize, attempts: u32) -> UpstreamError {
        let upstream = self.directory.targets[index].upstream.name.clone();
        let cause = error.to_string();
        match error {
            AttemptError::FirstByteTimeout | AttemptError::Connection(ConnectionError::ConnectTimeout) => {
                UpstreamError::Timeout { cause, upstream, attempts }
            }
            AttemptError::Connection(_) | AttemptError::Body => {
                UpstreamError::Unreachable { cause, upstream, attempts }
            }
        }
    }

    async fn attempt(
        &self,
        call: &Call,
        index: usize,
        model: Option<&str>,
        fresh: bool,
    ) -> Result<Reply, AttemptError> {
        let target = &self.directory.targets[index];
        let credential = target.credential.as_ref().map(Credential::current);
        // A public route has no tenant, and nobody without one may spend what the credential pays for.
        let credential = credential.filter(|_| call.principal().is_some());
        let request = request_for(call, &target.upstream, model, credential.as_deref());
        let answering = async {
            let (response, lease) = self.connections[index].send(request, fresh).await?;
            let (parts, body) = response.into_parts();
            let body = ReplyBody::open(body, lease).await.map_err(|_| AttemptError::Body)?;
            Ok((parts, body))
        };
        let first_byte_timeout = self.directory.failover.first_byte_timeout;
        let answered = tokio::time::timeout(first_byte_timeout, answering).await;
        let (parts, body) = answered.unwrap_or(Err(AttemptError::FirstByteTimeout))?;
        Ok(Reply {
            status: parts.status,
            headers: reply_headers(parts.headers, credential.as_deref()),
            body,
            upstream: target.upstream.name.clone(),
            attempts: 0,
            waited: Duration::ZERO,
            idle_timeout: self.directory.failover.idle_timeout,
        })
    }
}

fn request_for(
    call: &Call,
    upstream: &Upstream,
    model: Option<&str>,
    credential: Option<&Loaded>,
) -> Request<Full<Bytes>> {
    let Metadata { headers: told_by_headers, body: told_in_body } = upstream.metadata;
    let mut request = Request::new(Full::new(call.body_for(model, upstream.dialect, told_in_body)));
    *request.method_mut() = call.method.clone();
    *request.uri_mut() = target_uri(call, upstream);
    let mut headers = call.headers_for(told_by_headers);
    if let Ok(host) = HeaderValue::from_str(upstream.base.authority.as_str()) {
        headers.insert(header::HOST, host);
    }
    if let Some(credential) = credential {
        match call.dialect() {
            Dialect::Anthropic => headers.insert("x-api-key", credential.bare.clone()),
            Dialect::OpenAi | Dialect::Any => headers.insert(header::AUTHORIZATION, credential.bearer.clone()),
        };
    }
    *request.headers_mut() = headers;
    request
}

/// Scheme, host and prefix are the config's, path and query the caller's: no byte of a request moves between the two.
fn target_uri(call: &Call, upstream: &Upstream) -> Uri {
    let mut parts = http::uri::Parts::default();
    parts.scheme = Some(upstream.base.scheme.clone());
    parts.authority = Some(upstream.base.authority.clone());
    parts.path_and_query = if upstream.base.path.is_empty() {
        Some(call.path_and_query.clone())
    } else {
        upstream.base.join(call.path_and_query.as_str()).parse().ok()
    };
    Uri::from_parts(parts).expect("scheme, authority and path were each parsed before")
}

/// What passes back: not the headers of one connection, no cookie, and nothing that holds the credential (promise S8).
fn reply_headers(mut headers: HeaderMap, credential: Option<&Loaded>) -> HeaderMap {
    headers::strip_hop_by_hop(&mut headers);
    headers.remove(header::SET_COOKIE);
    if let Some(credential) = credential {
        headers::strip_values_holding(&mut headers, credential.secret.expose());
    }
    headers
}
