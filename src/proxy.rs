//! The life of a request: `serve` decides, and is all `?`; `handle` answers and records.

mod answers;

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

use self::answers::{Answers, Late};
use crate::account::Account;
use crate::auth::{Authenticator, Presented};
use crate::call::{Call, Trace};
use crate::cors::Cors;
use crate::headers::{self, Claimed};
use crate::health::{self, Readiness};
use crate::limits::{Limits, Slot};
use crate::meter::{Answer, Closing, Guard, interrupted};
use crate::metrics::Metrics;
use crate::policy;
use crate::principal::Principal;
use crate::prompt::{self, Prompt};
use crate::rejection::Rejection;
use crate::route::{Dialect, Endpoint, Route, RouteTable};
use crate::scan::Scan;
use crate::sse::Protocol;
use crate::telemetry::{self, LogSink, RequestLog};
use crate::upstream::{Catalogue, Reply, ReplyBody, Report, UpstreamError, Upstreams};

/// Everything that decides over requests, shared by all workers.
pub struct Rules {
    pub routes: RouteTable,
    pub cors: Cors,
    pub auth: Arc<Authenticator>,
    pub account: Account,
    pub limits: Limits,
    pub prompt: prompt::Config,
    pub scan: Scan,
    pub metrics: Arc<Metrics>,
    /// Peers whose word on forwarding headers is believed; nobody's by default.
    pub trusted_peers: Vec<IpNet>,
    pub readiness: Readiness,
    pub telemetry: telemetry::Config,
    pub sink: LogSink,
}

/// One worker's pipeline.
pub struct Proxy {
    rules: Arc<Rules>,
    upstreams: Arc<Upstreams>,
    /// Ends the streams of this worker.
    closing: Closing,
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
    /// Once an upstream has answered.
    report: Option<Report>,
}

impl Guard for Held {
    fn upstream_failed(&self) {
        if let Some(report) = &self.report {
            report.broke();
        }
    }
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
    /// From an upstream.
    Relayed(Box<Reply>, Held),
    /// From an upstream that is still to be found.
    Late(Late),
}

impl Proxy {
    pub fn new(rules: Arc<Rules>, upstreams: Upstreams) -> Proxy {
        Proxy { rules, upstreams: Arc::new(upstreams), closing: Closing::default() }
    }

    /// Ends every stream of events that is still on its way, each with an event that says so.
    pub fn close_streams(&self) {
        self.closing.close();
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
        let answers = Answers { log, dialect, closing: self.closing.clone() };
        let mut response = match serving.unwrap_or_else(|_| Err(Rejection::internal())) {
            Ok(Served::Relayed(reply, held)) => answers.relay(*reply, held),
            Ok(Served::Late(late)) => answers.wait(late),
            Ok(Served::Here(response)) => answers.own(response),
            Err(rejection) => answers.refuse(&rejection),
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
        let inspected = rules.scan.inspect(&permit, prompt, trace.request_id.as_bytes()).await;
        let (prompt, verdict) = inspected.inspect_err(|refused| refused.record(log, &rules.metrics))?;
        verdict.record(log, &rules.metrics);
        let mut call = Call::prepare(permit, parts, prompt, trace, rules.auth.credential_headers());
        if let Some(told) = verdict.header() {
            call.tell(headers::X_WARDGATE_SCAN, told);
        }
        if let Some(answer) = self.models(&call)? {
            return Ok(Served::Here(answer));
        }
        let held = Held { _slot: slot, principal: call.principal().cloned(), report: None };
        self.send(call, held, log).await
    }

    /// Sends the call. A stream whose first content is late begins without it, so that its client hears that somebody
    /// is there.
    async fn send(&self, call: Call, held: Held, log: &mut RequestLog) -> Result<Served, Rejection> {
        let keep_alive = self.upstreams.keep_alive();
        // What an app of one's own answers to such a call is not known.
        let protocol = Protocol::of(call.endpoint()).filter(|_| call.streams() && !keep_alive.is_zero());
        if protocol.is_none() {
            let reply = self.upstreams.send(&call).await.inspect_err(|error| error.record(log))?;
            return Ok(Served::Relayed(Box::new(reply), held));
        }
        let mut sending = self.upstreams.clone().dispatch(call);
        let sent = tokio::select! {
            biased;
            sent = tokio::time::timeout(keep_alive, &mut sending) => sent,
            // Nothing was said yet, so that it can be said by a status.
            _ = interrupted(None, self.closing.clone()) => return Err(Rejection::shutting_down()),
        };
        match sent {
            Ok(sent) => Ok(Served::Relayed(Box::new(sent.inspect_err(|error| error.record(log))?), held)),
            Err(_) => Ok(Served::Late(Late { sending, held, protocol, keep_alive })),
        }
    }

    /// The answer to a question for models, where config or tenant say what there is.
    fn models(&self, call: &Call) -> Result<Option<Response<Bytes>>, UpstreamError> {
        if call.endpoint() != Endpoint::Models {
            return Ok(None);
        }
        let json = |body| {
            let mut response = Response::new(body);
            response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
            response
        };
        Ok(match self.upstreams.models(call) {
            Catalogue::Listed(body) => Some(json(body)),
            Catalogue::Unknown => return Err(UpstreamError::UnknownModel),
            Catalogue::Theirs => None,
        })
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
