//! What a client receives, made of what came of its request. Each holds the request's log line, which is written when the
//! last byte has gone.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use http::Response;
use http::header::{self, HeaderMap, HeaderValue};

use super::{Held, Relayed};
use crate::cors;
use crate::headers;
use crate::meter::{Answer, Broken, Closing, Relay, Terms, interrupted, is_event_stream};
use crate::rejection::{self, Rejection, Speech};
use crate::route::Dialect;
use crate::sse::Protocol;
use crate::telemetry::{Outcome, RequestLog};
use crate::upstream::{Reply, Sending, refusal_in};

/// What every answer to one request is made with.
pub(super) struct Answers {
    pub(super) log: Box<RequestLog>,
    pub(super) dialect: Dialect,
    /// Ends the streams of this worker.
    pub(super) closing: Closing,
}

/// A stream that was asked for, and whose first content is late.
pub(super) struct Late {
    pub(super) sending: Sending,
    pub(super) held: Held,
    pub(super) protocol: Option<Protocol>,
    pub(super) keep_alive: Duration,
}

impl Answers {
    /// One of our own.
    pub(super) fn own(mut self, response: Response<Bytes>) -> Response<Relayed> {
        self.log.line.status = response.status().as_u16();
        response.map(|body| Answer::own(body, self.log))
    }

    pub(super) fn refuse(mut self, rejection: &Rejection) -> Response<Relayed> {
        self.log.line.status = rejection.status.as_u16();
        self.note(rejection);
        let body = rejection.body(self.dialect, &self.log.line.request_id);
        let mut response = Response::new(Answer::own(body, self.log));
        *response.status_mut() = rejection.status;
        *response.headers_mut() = rejection.headers();
        response
    }

    /// Passes an upstream's answer on.
    pub(super) fn relay(mut self, mut reply: Reply, mut held: Held) -> Response<Relayed> {
        reply.record(&mut self.log);
        let headers = tell_upstream(&mut reply, &self.log);
        let Reply { status, body, idle_timeout, keep_alive, protocol, report, .. } = reply;
        // The rules are those of answers that went well.
        let protocol = protocol.filter(|_| status.is_success());
        let speech = self.speech(protocol);
        held.report = Some(report);
        let error_event = move |broken, number| rejection::error_event(broken, &speech, number);
        let revocable = held.principal.as_ref().map(|principal| principal.ended.clone());
        let terms = Terms { idle_timeout, keep_alive, protocol, revocable: revocable.as_ref(), closing: &self.closing };
        let relay = Relay::new(body, &headers, terms, held, self.log, error_event);
        let mut response = Response::new(Answer::Relayed(Box::new(relay)));
        *response.status_mut() = status;
        *response.headers_mut() = headers;
        response
    }

    /// Begins a stream without knowing who will answer: its client hears comments, while one target after the other may
    /// still be tried. What is refused now can only be told by an event.
    pub(super) fn wait(mut self, late: Late) -> Response<Relayed> {
        let Late { sending, held, protocol, keep_alive } = late;
        let mut response = Response::new(());
        self.log.line.status = response.status().as_u16();
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
        response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        let coming = Box::pin(async move {
            let revocable = held.principal.as_ref().map(|principal| principal.ended.clone());
            let sent = tokio::select! {
                biased;
                broken = interrupted(revocable, self.closing.clone()) => return self.broken(broken, protocol),
                sent = AssertUnwindSafe(sending).catch_unwind() => sent,
            };
            let Ok(sent) = sent else {
                let event = Rejection::internal().event(&self.speech(protocol));
                return self.failed(event);
            };
            match sent {
                Ok(reply) if reply.status.is_success() && is_event_stream(&reply.headers) => {
                    self.relay(reply, held).into_body()
                }
                Ok(reply) => self.refused_by_upstream(reply, protocol).await,
                Err(error) => {
                    error.record(&mut self.log);
                    let rejection = Rejection::from(error);
                    self.note(&rejection);
                    let event = rejection.event(&self.speech(protocol));
                    self.failed(event)
                }
            }
        });
        response.map(|()| Answer::waiting(coming, keep_alive))
    }

    async fn refused_by_upstream(mut self, reply: Reply, protocol: Option<Protocol>) -> Relayed {
        reply.record(&mut self.log);
        let status = reply.status;
        self.log.line.cause = Some(format!("the upstream answered {status} when the stream had begun"));
        let message = refusal_in(reply).await;
        let event = rejection::upstream_refused(status, message.as_deref(), &self.speech(protocol));
        self.failed(event)
    }

    fn broken(mut self, broken: Broken, protocol: Option<Protocol>) -> Relayed {
        self.log.line.cause = Some(broken.to_string());
        let event = rejection::error_event(broken, &self.speech(protocol), 0);
        let mut answer = Answer::own(event, self.log);
        answer.end_as(broken.outcome());
        answer
    }

    fn failed(self, event: Bytes) -> Relayed {
        let mut answer = Answer::own(event, self.log);
        answer.end_as(Outcome::UpstreamFailed);
        answer
    }

    fn note(&mut self, rejection: &Rejection) {
        self.log.line.refusal = Some(rejection.code);
        self.log.line.cause.clone_from(&rejection.cause);
    }

    fn speech(&self, protocol: Option<Protocol>) -> Speech {
        Speech { protocol, dialect: self.dialect, request_id: Arc::from(self.log.line.request_id.as_str()) }
    }
}

/// Who answered, at which attempt, and how much of the time until the first content was ours.
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
