//! One call at one target: from its request to an answer that has begun, or to the reason for trying the next.

mod prepare;

use std::time::{Duration, Instant};

use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Response, StatusCode};
use hyper::body::Incoming;

use super::body::{BrokenBody, ReplyBody};
use super::breaker::Trial;
use super::config::{Failover, Upstream};
use super::connections::{ConnectionError, Connections, Lease};
use super::credential::{Loaded, Payer};
use super::retry_after::retry_after;
use super::targets::Candidate;
use super::too_long::SAID_OF_TOO_LONG;
use super::translate::{self, Expects, Pair};
use super::{Directory, Reply, Report};
use crate::headers;
use crate::meter::is_event_stream;
use crate::sse::{Protocol, Sort};

pub(super) use self::prepare::{Prepared, prepare};

/// A call, ready to be sent to a target that lets it in.
pub(super) struct Attempt<'a> {
    pub(super) candidate: Candidate<'a>,
    pub(super) trial: Trial,
    pub(super) prepared: Prepared,
}

/// How an attempt ended.
pub(super) struct Finished<'a> {
    pub(super) candidate: Candidate<'a>,
    pub(super) trial: Trial,
    pub(super) payer: Payer,
    /// Until the first content, or the failure.
    pub(super) took: Duration,
    pub(super) outcome: Result<(Reply, Verdict), AttemptError>,
}

/// What an answer means for the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is the answer, also where it says what the caller did wrong.
    Good,
    /// The upstream says that it failed.
    Failed,
    /// It wants to be left alone for a while.
    RateLimited { until: Instant },
    /// The conversation is longer than the model takes.
    TooLong,
}

/// Why one attempt failed without an answer, so that the next target is tried.
#[derive(Debug, thiserror::Error)]
pub(super) enum AttemptError {
    #[error(transparent)]
    Connection(#[from] ConnectionError),
    #[error("the answer broke off before its first content")]
    Body,
    #[error("the answer was silent for longer than the idle timeout before it was whole")]
    Stalled,
    #[error("the call's deadline came before an answer")]
    Deadline,
    #[error("no content within the first-byte timeout")]
    FirstByteTimeout,
    #[error("the answer is not what the upstream's format promises, so it cannot be translated")]
    Unreadable,
}

impl From<BrokenBody> for AttemptError {
    fn from(broken: BrokenBody) -> AttemptError {
        match broken {
            BrokenBody::Reset | BrokenBody::TooLarge => AttemptError::Body,
            BrokenBody::Stalled => AttemptError::Stalled,
        }
    }
}

impl AttemptError {
    /// Nothing of the request can have been worked on.
    pub(super) fn is_unprocessed(&self) -> bool {
        matches!(self, AttemptError::Connection(error) if error.is_unprocessed())
    }

    pub(super) fn is_of_a_kept_connection(&self) -> bool {
        matches!(self, AttemptError::Connection(ConnectionError::Broken { reused: true, .. }))
    }

    pub(super) fn is_timeout(&self) -> bool {
        match self {
            AttemptError::FirstByteTimeout | AttemptError::Stalled | AttemptError::Deadline => true,
            AttemptError::Connection(error) => error.is_timeout(),
            AttemptError::Body | AttemptError::Unreadable => false,
        }
    }
}

impl<'a> Attempt<'a> {
    /// Sends the call, until its answer has begun. `deadline` is that of the whole call; `fresh` wants a new connection.
    pub(super) async fn run(
        self,
        connections: &Connections,
        directory: &Directory,
        deadline: Instant,
        fresh: bool,
    ) -> Finished<'a> {
        let Attempt { candidate, trial, prepared } = self;
        let began = Instant::now();
        let payer = prepared.payer.clone();
        let running = Running {
            upstream: candidate.upstream,
            failover: &directory.failover,
            began,
            deadline,
            report: Report {
                upstream: candidate.upstream.name.clone(),
                metrics: directory.metrics.clone(),
                breaker: (!payer.is_a_tenant()).then(|| candidate.target.breaker.clone()),
            },
        };
        let outcome = running.answer(prepared, connections, fresh).await;
        Finished { candidate, trial, payer, took: began.elapsed(), outcome }
    }
}

/// An attempt that is under way.
struct Running<'a> {
    upstream: &'a Upstream,
    failover: &'a Failover,
    began: Instant,
    deadline: Instant,
    report: Report,
}

impl Running<'_> {
    async fn answer(
        self,
        prepared: Prepared,
        connections: &Connections,
        fresh: bool,
    ) -> Result<(Reply, Verdict), AttemptError> {
        let Prepared { request, payer, translation, left_out, protocol } = prepared;
        let head = async {
            let (response, lease) = connections.send(request, fresh).await?;
            first_byte(response, lease).await
        };
        let (status, headers, body) = self.in_time(head).await?;
        let secret = payer.credential().map(|credential| &**credential);
        let headers = reply_headers(headers, secret);
        let (mut reply, begun) = match translation {
            None => self.native(status, headers, body, protocol).await?,
            Some((pair, expects)) => self.translated(status, headers, body, pair, expects, protocol).await?,
        };
        tell_left_out(&mut reply.headers, &left_out);
        let verdict = self.verdict(&mut reply, status, begun).await;
        Ok((reply, verdict))
    }

    /// Bytes as they come, held until they are known to be the answer.
    async fn native(
        &self,
        status: StatusCode,
        headers: HeaderMap,
        mut body: ReplyBody,
        protocol: Option<Protocol>,
    ) -> Result<(Reply, Sort), AttemptError> {
        let mut begun = Sort::Content;
        match protocol.filter(|_| status.is_success() && is_event_stream(&headers)) {
            Some(protocol) => begun = self.in_time(async { Ok(body.hold_until_content(protocol).await?) }).await?,
            // Of an app's answer, and of events that follow no known rules, every part may be waited for.
            None if protocol.is_none() || is_event_stream(&headers) => {}
            None => self.hold_whole(&mut body).await?,
        }
        Ok((self.reply(status, headers, body, protocol), begun))
    }

    /// What takes longer than the call may is passed on as far as it came.
    async fn hold_whole(&self, body: &mut ReplyBody) -> Result<(), AttemptError> {
        let held = tokio::time::timeout_at(self.deadline.into(), body.hold_whole(self.upstream.timeouts.idle)).await;
        Ok(held.unwrap_or(Ok(()))?)
    }

    async fn translated(
        &self,
        status: StatusCode,
        headers: HeaderMap,
        mut body: ReplyBody,
        pair: Pair,
        expects: Expects,
        protocol: Option<Protocol>,
    ) -> Result<(Reply, Sort), AttemptError> {
        let mut told = headers::only(&headers, &PASSED_WHERE_TRANSLATED);
        let idle = self.upstream.timeouts.idle;
        if status.is_success() && is_event_stream(&headers) {
            let stream = translate::Stream::new(pair, expects);
            let begun = self.in_time(async { Ok(body.translate_until_content(stream).await?) }).await?;
            told.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
            return Ok((self.reply(status, told, body, protocol), begun));
        }
        told.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let collecting = tokio::time::timeout_at(self.deadline.into(), body.collect(TRANSLATED_BYTES_MAX, idle)).await;
        let whole = collecting.map_err(|_| AttemptError::Deadline)??;
        let (status, whole) = if status.is_success() {
            (status, translate::answer(pair, &expects, &whole).map_err(|_| AttemptError::Unreadable)?)
        } else {
            let id = headers.get(headers::REQUEST_ID).or_else(|| headers.get(headers::X_REQUEST_ID));
            translate::error(pair, status, &whole, id.and_then(|id| id.to_str().ok()).unwrap_or_default())
        };
        Ok((self.reply(status, told, ReplyBody::whole(whole), protocol), Sort::Content))
    }

    fn reply(&self, status: StatusCode, headers: HeaderMap, body: ReplyBody, protocol: Option<Protocol>) -> Reply {
        Reply {
            status,
            headers,
            body,
            upstream: self.upstream.name.clone(),
            attempts: 0,
            waited: Duration::ZERO,
            idle_timeout: self.upstream.timeouts.idle,
            keep_alive: self.failover.keep_alive,
            protocol,
            report: self.report.clone(),
        }
    }

    /// By the status that the upstream gave: a translated answer may have another.
    async fn verdict(&self, reply: &mut Reply, status: StatusCode, begun: Sort) -> Verdict {
        if begun == Sort::Error {
            return Verdict::Failed;
        }
        if matches!(status.as_u16(), 400 | 413) {
            let reading = is_too_long(reply, self.upstream.timeouts.idle);
            if tokio::time::timeout_at(self.deadline.into(), reading).await.unwrap_or(false) {
                return Verdict::TooLong;
            }
        }
        if !self.failover.statuses.contains(&status) {
            return Verdict::Good;
        }
        match retry_after(&reply.headers).filter(|_| status.as_u16() == 429) {
            Some(span) => Verdict::RateLimited { until: Instant::now() + span },
            None => Verdict::Failed,
        }
    }

    /// Bounded by what is left for the first content.
    async fn in_time<T>(&self, work: impl Future<Output = Result<T, AttemptError>>) -> Result<T, AttemptError> {
        let first_byte = self.began + self.upstream.timeouts.first_byte;
        let timed = tokio::time::timeout_at(first_byte.min(self.deadline).into(), work).await;
        let late = if self.deadline < first_byte { AttemptError::Deadline } else { AttemptError::FirstByteTimeout };
        timed.unwrap_or(Err(late))
    }
}

async fn first_byte(
    response: Response<Incoming>,
    lease: Lease,
) -> Result<(StatusCode, HeaderMap, ReplyBody), AttemptError> {
    let (parts, incoming) = response.into_parts();
    let mut body = ReplyBody::new(incoming, lease);
    body.hold_first().await?;
    Ok((parts.status, parts.headers, body))
}

/// Whether an error says that the conversation is too long for the model. The reply stays whole.
async fn is_too_long(reply: &mut Reply, idle: Duration) -> bool {
    match reply.body.collect(ERROR_BYTES_MAX, idle).await {
        Ok(body) => SAID_OF_TOO_LONG.iter().any(|said| memchr::memmem::find(&body, said.as_bytes()).is_some()),
        Err(_) => false,
    }
}

/// What of an upstream's headers means something to a caller of another dialect.
const PASSED_WHERE_TRANSLATED: [HeaderName; 6] = [
    header::RETRY_AFTER,
    headers::RETRY_AFTER_MS,
    headers::X_SHOULD_RETRY,
    header::DATE,
    // For our log: the caller is told ours.
    headers::X_REQUEST_ID,
    headers::REQUEST_ID,
];

/// Whole answers that are translated are held; none of text comes near it.
const TRANSLATED_BYTES_MAX: usize = 32 << 20;
const ERROR_BYTES_MAX: usize = 64 << 10;

/// What the upstream has no word for is told to the caller, where it changed nothing but the cost.
fn tell_left_out(headers: &mut HeaderMap, left_out: &[&str]) {
    if left_out.is_empty() {
        return;
    }
    if let Ok(told) = HeaderValue::from_str(&left_out.join(", ")) {
        headers.insert(headers::X_WARDGATE_LEFT_OUT, told);
    }
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
