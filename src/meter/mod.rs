//! The answer's way back: bytes pass as they come, are counted, and end in something a client can read.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http_body::{Body, Frame, SizeHint};
use tokio::time::Sleep;
use tokio_util::sync::WaitForCancellationFutureOwned;

use crate::principal::Ended;
use crate::sse::EventGate;
use crate::telemetry::{Outcome, RequestLog};

/// What a client receives: an answer of our own, or an upstream's as it comes.
///
/// `B` is the upstream's body, `G` a guard that the request holds until its last byte has gone.
pub enum Answer<B, G> {
    /// Ours, with the log of its request, which is written once it went out.
    Own {
        body: Option<Bytes>,
        _log: Box<RequestLog>,
    },
    Relayed(Box<Relay<B, G>>),
}

/// An upstream's body on its way to the client.
pub struct Relay<B, G> {
    upstream: B,
    /// Present where the answer is a stream of events.
    events: Option<Events>,
    ready: VecDeque<Bytes>,
    gathering: Gathering,
    idle: Idle,
    /// Comes back once the principal is revoked. Looked at only where the answer is a stream of events.
    revoked: Option<Pin<Box<WaitForCancellationFutureOwned>>>,
    ended: bool,
    log: Box<RequestLog>,
    _guard: G,
}

/// Lets events that arrived together leave together: hyper hands on one chunk at a time and would write each by itself.
/// Nothing waits for bytes that have not arrived: the upstream's connection gets one turn to hand on the next chunk.
struct Gathering {
    /// What is ready goes out before more is asked for. The first event leaves with the head of the answer.
    releasing: bool,
    /// How often the upstream was asked in vain for what leaves together with what is ready.
    asked: u8,
}

/// Chunks that leave together at most: hyper writes as many at once.
const GATHERED_MAX: usize = 16;

/// hyper asks a body that has nothing a second time at once; only the next time has the upstream's connection had its turn.
const ASKED_MAX: u8 = 2;

struct Events {
    gate: EventGate,
    /// Makes the one event that ends a broken stream, in the caller's dialect.
    error_event: Box<dyn FnOnce(Broken) -> Bytes + Send>,
}

/// Why an answer ended before its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    #[error("the upstream broke off the answer")]
    Reset,
    #[error("the upstream was silent for longer than the idle timeout")]
    Stalled,
    #[error("the credential was revoked while the answer was on its way")]
    Revoked,
}

impl<B, G> Relay<B, G>
where
    B: Body<Data = Bytes> + Unpin,
{
    /// Relays `upstream`, whose head was `headers`. `error_event` is asked only where it is a stream of events, and
    /// `revocable` ends only that: any other answer is short.
    pub fn new(
        upstream: B,
        headers: &HeaderMap,
        idle_timeout: Duration,
        guard: G,
        revocable: Option<&Ended>,
        log: Box<RequestLog>,
        error_event: impl FnOnce(Broken) -> Bytes + Send + 'static,
    ) -> Relay<B, G> {
        let events =
            is_event_stream(headers).then(|| Events { gate: EventGate::default(), error_event: Box::new(error_event) });
        let revoked = revocable.filter(|_| events.is_some()).map(|principal| Box::pin(principal.ending()));
        let mut relay = Relay {
            upstream,
            events,
            revoked,
            ready: VecDeque::new(),
            gathering: Gathering { releasing: true, asked: 0 },
            idle: Idle::new(idle_timeout),
            ended: false,
            log,
            _guard: guard,
        };
        // An answer without a body is never asked for one.
        if relay.is_end_stream() {
            relay.log.line.outcome = Outcome::Complete;
        }
        relay
    }

    fn poll_frame(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        loop {
            if self.gathering.releasing || self.ended || self.ready.len() >= GATHERED_MAX {
                if let Some(chunk) = self.ready.pop_front() {
                    self.gathering.releasing = !self.ready.is_empty();
                    return Poll::Ready(Some(Ok(self.passing(chunk))));
                }
                if self.ended {
                    return Poll::Ready(None);
                }
            }
            if self.poll_revoked(context).is_ready() {
                self.fail(Broken::Revoked)?;
                continue;
            }
            match Pin::new(&mut self.upstream).poll_frame(context) {
                Poll::Ready(Some(Ok(frame))) => {
                    self.idle.heard();
                    self.gathering.asked = 0;
                    match frame.into_data() {
                        Ok(chunk) => self.take(chunk),
                        // Trailers of an upstream mean nothing to the callers of these APIs.
                        Err(_) => continue,
                    }
                }
                Poll::Ready(Some(Err(_))) => self.fail(Broken::Reset)?,
                Poll::Ready(None) => self.finish(),
                Poll::Pending if !self.ready.is_empty() && self.gathering.asked == ASKED_MAX => {
                    self.gathering.releasing = true
                }
                Poll::Pending if !self.ready.is_empty() => {
                    self.gathering.asked += 1;
                    context.waker().wake_by_ref();
                    return Poll::Pending;
                }
                Poll::Pending if self.idle.poll_silent(context).is_ready() => self.fail(Broken::Stalled)?,
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    fn poll_revoked(&mut self, context: &mut Context<'_>) -> Poll<()> {
        self.revoked.as_mut().map_or(Poll::Pending, |revoked| revoked.as_mut().poll(context))
    }

    fn take(&mut self, chunk: Bytes) {
        match &mut self.events {
            Some(events) => events.gate.push(chunk, &mut self.ready),
            None if chunk.is_empty() => {}
            None => {
                self.ready.push_back(chunk);
                self.gathering.releasing = true;
            }
        }
    }

    fn finish(&mut self) {
        self.ended = true;
        self.log.line.outcome = Outcome::Complete;
        if let Some(events) = &mut self.events {
            events.gate.finish(&mut self.ready);
        }
    }

    /// A stream of events ends with one that says so; any other body can only be cut, which clients see as an error.
    fn fail(&mut self, broken: Broken) -> Result<(), Broken> {
        self.ended = true;
        self.revoked = None;
        self.log.line.outcome = match broken {
            Broken::Reset | Broken::Stalled => Outcome::UpstreamFailed,
            Broken::Revoked => Outcome::Revoked,
        };
        self.log.line.cause = Some(broken.to_string());
        let Some(mut events) = self.events.take() else { return Err(broken) };
        events.gate.fail((events.error_event)(broken), &mut self.ready);
        Ok(())
    }

    fn passing(&mut self, chunk: Bytes) -> Frame<Bytes> {
        self.log.first_byte();
        self.log.line.bytes_out += chunk.len() as u64;
        // A body of known length is not polled once more after its last byte.
        if !self.ended && self.is_end_stream() {
            self.log.line.outcome = Outcome::Complete;
        }
        Frame::data(chunk)
    }

    fn is_end_stream(&self) -> bool {
        self.ready.is_empty() && (self.ended || self.events.is_none() && self.upstream.is_end_stream())
    }
}

/// Media type of server-sent events, whatever parameters follow it. Events in a coding that was not asked for are bytes.
pub fn is_event_stream(headers: &HeaderMap) -> bool {
    if headers.contains_key(CONTENT_ENCODING) {
        return false;
    }
    let content_type = headers.get(CONTENT_TYPE).map_or(&b""[..], |value| value.as_bytes());
    let media = content_type.split(|b| *b == b';').next().unwrap_or_default();
    media.trim_ascii().eq_ignore_ascii_case(b"text/event-stream")
}

/// A timer that is only set while nothing comes, and only looked at when it fires: chunks cost it nothing.
struct Idle {
    timeout: Duration,
    heard_at: Instant,
    timer: Option<Pin<Box<Sleep>>>,
}

impl Idle {
    fn new(timeout: Duration) -> Idle {
        Idle { timeout, heard_at: Instant::now(), timer: None }
    }

    fn heard(&mut self) {
        self.heard_at = Instant::now();
    }

    fn poll_silent(&mut self, context: &mut Context<'_>) -> Poll<()> {
        loop {
            let deadline = tokio::time::Instant::from_std(self.heard_at + self.timeout);
            let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline)));
            if timer.as_mut().poll(context).is_pending() {
                return Poll::Pending;
            }
            if self.heard_at.elapsed() >= self.timeout {
                return Poll::Ready(());
            }
            timer.as_mut().reset(deadline);
        }
    }
}

impl<B, G> Body for Answer<B, G>
where
    B: Body<Data = Bytes> + Unpin,
    G: Unpin,
{
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        match self.get_mut() {
            Answer::Own { body, .. } => Poll::Ready(body.take().map(|bytes| Ok(Frame::data(bytes)))),
            Answer::Relayed(relay) => relay.poll_frame(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Answer::Own { body, .. } => body.is_none(),
            Answer::Relayed(relay) => relay.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Answer::Own { body, .. } => SizeHint::with_exact(body.as_ref().map_or(0, |bytes| bytes.len() as u64)),
            // A stream of events may yet get one more.
            Answer::Relayed(relay) if relay.events.is_some() => SizeHint::default(),
            Answer::Relayed(relay) => relay.upstream.size_hint(),
        }
    }
}

impl<B, G> Answer<B, G> {
    pub fn own(body: Bytes, mut log: Box<RequestLog>) -> Answer<B, G> {
        log.line.outcome = Outcome::Complete;
        log.line.bytes_out = body.len() as u64;
        Answer::Own { body: (!body.is_empty()).then_some(body), _log: log }
    }
}
