//! The life of a request: `serve` decides, and is all `?`; `handle` answers and records.

use std::net::{IpAddr, SocketAddr};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::FutureExt;
use http::header::{self, HeaderMap, HeaderValue};
use http::request::Parts;
use http::{Request, Response};
use http_body::Body;
use ipnet::IpNet;
use uuid::Uuid;

use crate::account::Account;
use crate::auth::{Authenticator, Presented};
use crate::call::{Call, Trace};
use crate::cors::{self, Cors};
use crate::headers::{self, Claimed};
use crate::health::{self, Readiness};
use crate::limits::{Limits, Slot};
use crate::meter::{Answer, Relay, is_event_stream};
use crate::policy;
use crate::principal::Principal;
use crate::prompt::{self, Prompt};
use crate::rejection::{self, Rejection};
use crate::route::{Dialect, Endpoint, Route, RouteTable};
use crate::scan::Scan;
use crate::telemetry::{self, LogSink, RequestLog};
use crate::upstream::{Reply, ReplyBody, Upstreams};

/// Everything that decides over requests, shared by all workers.
pub struct Rules {
    pub routes: RouteTable,
    pub cors: Cors,
    pub auth: Arc<Authenticator>,
    pub account: Account,
    pub limits: Limits,
    pub prompt: prompt::Config,
    pub scan: Scan,
    /// Peers whose word on forwarding headers is believed; nobody's by default.
    pub trusted_peers: Vec<IpNet>,
    pub readiness: Readiness,
    pub telemetry: telemetry::Config,
    pub sink: LogSink,
}

/// One worker's pipeline.
pub struct Proxy {
    rules: Arc<Rules>,
    upstreams: Upstreams,
}

/// A model's name is the client's text: no more of it is logged.
const MODEL_CHARS_LOGGED: usize = 128;

/// What clients receive.
pub type Relayed = Answer<ReplyBody, Held>;

/// What a request holds until its last byte has gone: its place, and its principal, so that a revocation finds whoever
/// is still being answered, remembered or not.
pub struct Held {
    _slot: Slot,
    principal: Option<Arc<Principal>>,
}

/// Where a request comes from, read before its spoofed headers are taken out.
struct Origin {
    /// Whose failed log-ins are counted, and who is noted as a key's last user: behind a listed proxy its client.
    client: IpAddr,
    /// Whether the peer is listed.
    trusted: bool,
    claimed: Claimed,
    /// Whether what is claimed says who the tenant is.
    believed: bool,
}

/// What a request that was not refused gets.
enum Served {
    /// From us: a health answer, a preflight's, or an account's.
    Here(Response<Bytes>),
    Relayed(Reply, Held),
}

impl Proxy {
    pub fn new(rules: Arc<Rules>, upstreams: Upstreams) -> Proxy {
        Proxy { rules, upstreams }
    }

    /// Answers a request, whatever becomes of it, and writes its line in the log.
    pub async fn handle<B>(&self, request: Request<B>, peer: SocketAddr) -> Response<Relayed>
    where
        B: Body<Data = Bytes> + Unpin,
    {
        let (parts, body) = request.into_parts();
        let trace = Trace::new(Uuid::now_v7(), parts.headers.get(headers::TRACEPARENT));
        let mut log = self.log(&parts, &trace, peer);
        let dialect = Dialect::of_caller(parts.uri.path(), &parts.headers);
        let origin = parts.headers.get(header::ORIGIN).cloned();
        // A defect ends its own request and no other (promise R45).
        let serving = AssertUnwindSafe(self.serve(parts, body, peer, &trace, &mut log)).catch_unwind().await;
        let mut response = match serving.unwrap_or_else(|_| Err(Rejection::internal())) {
            Ok(Served::Relayed(reply, held)) => relay(reply, held, log, dialect),
            Ok(Served::Here(response)) => answer(response, log),
            Err(rejection) => refuse(&rejection, log, dialect),
        };
        let headers = response.headers_mut();
        self.rules.cors.decorate(headers, origin.as_ref());
        headers.insert(headers::X_REQUEST_ID, trace.request_id.clone());
        headers.insert(headers::REQUEST_ID, trace.request_id);
        response
    }

    /// The whole pipeline. The order matters: what is cheap and needs no trust comes first, nothing is looked up for a
    /// route that does not exist, no body is read for a principal that may not send one, and nothing goes upstream
    /// that was not scanned.
    async fn serve<B>(
        &self,
        mut parts: Parts,
        body: B,
        peer: SocketAddr,
        trace: &Trace,
        log: &mut RequestLog,
    ) -> Result<Served, Rejection>
    where
        B: Body<Data = Bytes> + Unpin,
    {
        let rules = &*self.rules;
        headers::check_head(&parts)?;
        let origin = rules.origin(peer.ip(), &parts.headers);
        headers::strip_spoofed(&mut parts.headers, origin.trusted);
        if let Some(preflight) = rules.cors.preflight(&parts) {
            return Ok(Served::Here(preflight.map(|()| Bytes::new())));
        }
        let route = rules.routes.find(&parts)?;
        log.line.route = route.name.clone();
        if let Some(probe) = rules.probe(route) {
            return Ok(Served::Here(probe));
        }
        let permit = match policy::admit_public(route) {
            Some(permit) => permit,
            None => {
                let presented = origin.presented(&parts.headers);
                let principal = rules.auth.authenticate(&presented).await.inspect_err(|error| error.record(log))?;
                log.identify(&principal);
                policy::authorize(principal, route, parts.uri.path(), &origin.claimed, origin.believed)?
            }
        };
        let slot = rules.limits.admit(&permit)?;
        if let Endpoint::Account(endpoint) = route.endpoint {
            let answer = rules.account.answer(endpoint, &permit, &parts, body, origin.client, log).await;
            return Ok(Served::Here(answer.inspect_err(|error| error.record(log))?));
        }
        let prompt = Prompt::read(route, &parts.headers, body, &rules.prompt).await?;
        log.line.bytes_in = prompt.body().len() as u64;
        log.line.model = prompt.model().map(|model| model.chars().take(MODEL_CHARS_LOGGED).collect());
        permit.check_body(&prompt)?;
        let (prompt, verdict) = rules.scan.inspect(&permit, prompt).inspect_err(|blocked| blocked.record(log))?;
        verdict.record(log);
        let mut call = Call::prepare(permit, parts, prompt, trace, rules.auth.credential_headers());
        if let Some(told) = verdict.header() {
            call.tell(headers::X_WARDGATE_SCAN, told);
        }
        let reply = self.upstreams.send(&call).await.inspect_err(|error| error.record(log))?;
        Ok(Served::Relayed(reply, Held { _slot: slot, principal: call.principal().cloned() }))
    }

    fn log(&self, parts: &Parts, trace: &Trace, peer: SocketAddr) -> Box<RequestLog> {
        let id = String::from_utf8_lossy(trace.request_id.as_bytes()).into_owned();
        let method = parts.method.as_str().to_owned();
        Box::new(RequestLog::new(&self.rules.sink, &self.rules.telemetry, id, peer.ip().to_string(), method))
    }
}

impl Rules {
    fn trusts(&self, peer: IpAddr) -> bool {
        // A listener on `::` sees IPv4 peers as mapped addresses.
        let address = peer.to_canonical();
        self.trusted_peers.iter().any(|range| range.contains(&address))
    }

    fn origin(&self, peer: IpAddr, headers: &HeaderMap) -> Origin {
        let trusted = self.trusts(peer);
        let told = trusted.then(|| headers::forwarded_for(headers, |address| self.trusts(address)));
        Origin {
            client: told.flatten().unwrap_or(peer),
            trusted,
            claimed: Claimed::read(headers),
            believed: trusted && self.auth.takes_words(),
        }
    }

    /// The answer of a route that is served here.
    fn probe(&self, route: &Route) -> Option<Response<Bytes>> {
        match route.endpoint {
            Endpoint::Health => Some(health::alive()),
            Endpoint::Ready => Some(self.readiness.ready()),
            _ => None,
        }
    }
}

impl Origin {
    fn presented<'a>(&'a self, headers: &'a HeaderMap) -> Presented<'a> {
        let word = Some(&self.claimed).filter(|_| self.believed);
        Presented { headers, peer: self.client, word, certificate: None }
    }
}

/// Passes an upstream's answer on. The log's line is written when its last byte has gone.
fn relay(mut reply: Reply, held: Held, mut log: Box<RequestLog>, dialect: Dialect) -> Response<Relayed> {
    reply.record(&mut log);
    let headers = tell_upstream(&mut reply, &log);
    let Reply { status, body, idle_timeout, .. } = reply;
    let id = log.line.request_id.clone();
    let error_event = move |broken| rejection::error_event(broken, dialect, &id);
    let revocable = held.principal.as_ref().map(|principal| principal.ended.clone());
    let relay = Relay::new(body, &headers, idle_timeout, held, revocable.as_ref(), log, error_event);
    let mut response = Response::new(Answer::Relayed(Box::new(relay)));
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}

/// Who answered, at which attempt, and how much of the time until the first byte was ours.
fn tell_upstream(reply: &mut Reply, log: &RequestLog) -> HeaderMap {
    let mut headers = std::mem::take(&mut reply.headers);
    cors::strip(&mut headers);
    // A stream that breaks ends in one more event than was announced.
    if is_event_stream(&headers) {
        headers.remove(header::CONTENT_LENGTH);
    }
    if let Ok(name) = HeaderValue::from_str(&reply.upstream) {
        headers.insert(headers::X_WARDGATE_UPSTREAM, name);
    }
    headers.insert(headers::X_WARDGATE_ATTEMPTS, HeaderValue::from(reply.attempts));
    let own = log.started.elapsed().saturating_sub(reply.waited).as_secs_f64() * 1e3;
    if let Ok(timing) = HeaderValue::from_str(&format!("wardgate;dur={own:.3}")) {
        headers.append(headers::SERVER_TIMING, timing);
    }
    headers
}

fn answer(response: Response<Bytes>, mut log: Box<RequestLog>) -> Response<Relayed> {
    log.line.status = response.status().as_u16();
    response.map(|body| Answer::own(body, log))
}

fn refuse(rejection: &Rejection, mut log: Box<RequestLog>, dialect: Dialect) -> Response<Relayed> {
    log.line.status = rejection.status.as_u16();
    log.line.refusal = Some(rejection.code);
    log.line.cause.clone_from(&rejection.cause);
    let body = rejection.body(dialect, &log.line.request_id);
    let mut response = Response::new(Answer::own(body, log));
    *response.status_mut() = rejection.status;
    *response.headers_mut() = rejection.headers();
    response
}
