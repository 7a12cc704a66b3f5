//! An upstream's body on its way to the client: what passes at once, what is held back, and how it ends.

use std::collections::VecDeque;
use std::future::{Future, pending};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};

use super::silence::{Due, Silence};
use super::{Broken, Closing, Guard, is_event_stream};
use crate::principal::Ended;
use crate::sse::{Ending, EventGate, Protocol};
use crate::telemetry::{Outcome, RequestLog};

/// An upstream's body on its way to the client.
pub struct Relay<B, G> {
    upstream: B,
    /// Present where the answer is a stream of events.
    events: Option<Box<Events>>,
    ready: VecDeque<Bytes>,
    /// Bytes of `ready`.
    ready_bytes: usize,
    gathering: Gathering,
    silence: Silence,
    ended: bool,
    log: Box<RequestLog>,
    guard: G,
}

/// What an answer is relayed by.
pub struct Terms<'a> {
    /// The longest silence that the upstream may keep.
    pub idle_timeout: Duration,
    /// After how much of a silence the client of a stream of events gets a comment; never, where it is zero.
    pub keep_alive: Duration,
    /// By whose rules a stream of events is whole. None where they are not known: it ends as the upstream ends it.
    pub protocol: Option<Protocol>,
    /// Whose revocation ends a stream of events. Any other answer is short, and goes out.
    pub revocable: Option<&'a Ended>,
    /// What ends it when the process does.
    pub closing: &'a Closing,
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

/// Bytes that leave together: no more is asked for once there are as many.
const GATHERED_BYTES_MAX: usize = 8 << 10;

/// hyper asks a body that has nothing a second time at once; only the next time has the upstream's connection had its turn.
const ASKED_MAX: u8 = 2;

/// hyper holds up to 16 pieces that a client has not read yet, whatever their size. This is theirs, so that a client that
/// reads slowly costs 16 KiB there (promise R16).
const PIECE_BYTES_MAX: usize = 1 << 10;

/// What keeps a connection alive and means nothing: lines with a colon first are comments (WHATWG HTML, section 9.2.6).
pub(super) const KEEP_ALIVE: &[u8] = b": keep-alive\n\n";

/// For the log: the upstream said by an event of its own that it failed.
const FAILED_ITSELF: &str = "the upstream ended the answer with an error of its own";

struct Events {
    gate: EventGate,
    /// Makes the one event that ends a broken stream, in the caller's dialect. It is numbered behind the last one.
    error_event: Box<dyn FnOnce(Broken, u64) -> Bytes + Send>,
    /// Comes back once the stream is to end although its upstream has more.
    interrupted: Pin<Box<dyn Future<Output = Broken> + Send>>,
}

impl<B, G> Relay<B, G>
where
    B: Body<Data = Bytes> + Unpin,
    G: Guard,
{
    /// Relays `upstream`, whose head was `headers`. `error_event` is asked where that is a stream of events which breaks,
    /// and then once.
    pub fn new(
        upstream: B,
        headers: &HeaderMap,
        terms: Terms<'_>,
        guard: G,
        log: Box<RequestLog>,
        error_event: impl FnOnce(Broken, u64) -> Bytes + Send + 'static,
    ) -> Relay<B, G> {
        let events = is_event_stream(headers).then(|| {
            let interrupted = Box::pin(interrupted(terms.revocable.cloned(), terms.closing.clone()));
            Box::new(Events { gate: EventGate::new(terms.protocol), error_event: Box::new(error_event), interrupted })
        });
        let keep_alive = events.is_some().then_some(terms.keep_alive);
        let mut relay = Relay {
            upstream,
            events,
            ready: VecDeque::new(),
            ready_bytes: 0,
            gathering: Gathering { releasing: true, asked: 0 },
            silence: Silence::new(terms.idle_timeout, keep_alive),
            ended: false,
            log,
            guard,
        };
        // An answer without a body is never asked for one.
        if relay.is_end_stream() {
            relay.log.line.outcome = Outcome::Complete;
        }
        relay
    }

    pub(super) fn poll_frame(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        loop {
            if self.gathering.releasing || self.ended || self.has_enough() {
                if let Some(piece) = self.next_piece() {
                    self.gathering.releasing = !self.ready.is_empty();
                    return Poll::Ready(Some(Ok(self.passing(piece))));
                }
                if self.ended {
                    return Poll::Ready(None);
                }
            }
            // Once for all that leaves together, and before every wait.
            if self.ready.is_empty()
                && let Poll::Ready(broken) = self.poll_interrupted(context)
            {
                self.fail(broken)?;
                continue;
            }
            match Pin::new(&mut self.upstream).poll_frame(context) {
                Poll::Ready(Some(Ok(frame))) => {
                    self.silence.heard();
                    self.gathering.asked = 0;
                    match frame.into_data() {
                        Ok(chunk) => self.take(chunk),
                        // Trailers of an upstream mean nothing to the callers of these APIs.
                        Err(_) => continue,
                    }
                }
                Poll::Ready(Some(Err(_))) => self.fail(Broken::Reset)?,
                Poll::Ready(None) => self.finish()?,
                Poll::Pending if !self.ready.is_empty() && self.gathering.asked == ASKED_MAX => {
                    self.gathering.releasing = true
                }
                Poll::Pending if !self.ready.is_empty() => {
                    self.gathering.asked += 1;
                    context.waker().wake_by_ref();
                    return Poll::Pending;
                }
                Poll::Pending => match self.silence.poll_due(context) {
                    Poll::Ready(Due::End) => self.fail(Broken::Stalled)?,
                    Poll::Ready(Due::KeepAlive) => self.keep_alive(),
                    Poll::Pending => return Poll::Pending,
                },
            }
        }
    }

    fn poll_interrupted(&mut self, context: &mut Context<'_>) -> Poll<Broken> {
        self.events.as_mut().map_or(Poll::Pending, |events| events.interrupted.as_mut().poll(context))
    }

    fn take(&mut self, chunk: Bytes) {
        match &mut self.events {
            Some(events) => {
                let held = events.gate.held_bytes() + chunk.len();
                events.gate.push(chunk, &mut self.ready);
                self.ready_bytes += held - events.gate.held_bytes();
            }
            None if chunk.is_empty() => {}
            None => {
                self.push(chunk);
                self.gathering.releasing = true;
            }
        }
    }

    /// A comment between two events, and none behind the last or inside one that went out in part.
    fn keep_alive(&mut self) {
        let gate = self.events.as_ref().map(|events| &events.gate);
        if gate.is_some_and(|gate| gate.is_between_events() && gate.ending() != Ending::Whole) {
            self.push(Bytes::from_static(KEEP_ALIVE));
            self.gathering.releasing = true;
        }
    }

    /// The upstream says that this is all. Of a stream of events its last one has to say so, too.
    fn finish(&mut self) -> Result<(), Broken> {
        match self.ending() {
            Ending::Open => self.fail(Broken::Truncated),
            Ending::Failed => {
                self.end(Outcome::UpstreamFailed, Some(FAILED_ITSELF.to_owned()));
                self.pass_rest();
                Ok(())
            }
            Ending::Whole | Ending::Unknown => {
                self.end(Outcome::Complete, None);
                self.pass_rest();
                Ok(())
            }
        }
    }

    /// A stream of events ends with one that says so; any other body can only be cut, which clients see as an error.
    /// Behind the last event of a whole stream nothing can break any more, and an upstream that told of its failure
    /// itself is not told of twice.
    fn fail(&mut self, broken: Broken) -> Result<(), Broken> {
        let ending = self.ending();
        if ending == Ending::Whole && self.events.is_some() {
            return self.finish();
        }
        let Some(mut events) = self.events.take() else {
            self.end(broken.outcome(), Some(broken.to_string()));
            return Err(broken);
        };
        if ending == Ending::Failed {
            self.end(Outcome::UpstreamFailed, Some(FAILED_ITSELF.to_owned()));
            return Ok(());
        }
        self.end(broken.outcome(), Some(broken.to_string()));
        let number = events.gate.sequence_number().map_or(0, |last| last.saturating_add(1));
        let event = (events.error_event)(broken, number);
        events.gate.fail(event, &mut self.ready);
        Ok(())
    }

    fn ending(&self) -> Ending {
        self.events.as_ref().map_or(Ending::Unknown, |events| events.gate.ending())
    }

    fn end(&mut self, outcome: Outcome, cause: Option<String>) {
        self.ended = true;
        if outcome == Outcome::UpstreamFailed {
            self.guard.upstream_failed();
        }
        self.log.line.outcome = outcome;
        self.log.line.cause = cause;
    }

    fn pass_rest(&mut self) {
        if let Some(events) = &mut self.events {
            events.gate.finish(&mut self.ready);
        }
    }

    fn push(&mut self, chunk: Bytes) {
        self.ready_bytes += chunk.len();
        self.ready.push_back(chunk);
    }

    fn has_enough(&self) -> bool {
        self.ready.len() >= GATHERED_MAX || self.ready_bytes >= GATHERED_BYTES_MAX
    }

    /// The next piece of what is ready, no larger than hyper shall hold of it.
    fn next_piece(&mut self) -> Option<Bytes> {
        let front = self.ready.front_mut()?;
        let piece =
            if front.len() > PIECE_BYTES_MAX { front.split_to(PIECE_BYTES_MAX) } else { self.ready.pop_front()? };
        self.ready_bytes = self.ready_bytes.saturating_sub(piece.len());
        Some(piece)
    }

    fn passing(&mut self, piece: Bytes) -> Frame<Bytes> {
        self.log.first_byte();
        self.log.line.bytes_out += piece.len() as u64;
        // A body of known length is not polled once more after its last byte.
        if !self.ended && self.is_end_stream() {
            self.log.line.outcome = Outcome::Complete;
        }
        Frame::data(piece)
    }

    pub(super) fn is_end_stream(&self) -> bool {
        self.ready.is_empty() && (self.ended || self.events.is_none() && self.upstream.is_end_stream())
    }

    pub(super) fn size_hint(&self) -> SizeHint {
        // A stream of events may yet get one more.
        if self.events.is_some() { SizeHint::default() } else { self.upstream.size_hint() }
    }
}

/// Comes back once a stream is to end although its upstream has more, or has nothing yet.
pub async fn interrupted(revocable: Option<Ended>, closing: Closing) -> Broken {
    let revoked = async {
        match &revocable {
            Some(principal) => principal.ending().await,
            None => pending().await,
        }
    };
    tokio::select! {
        biased;
        () = revoked => Broken::Revoked,
        () = closing.closed() => Broken::ShuttingDown,
    }
}

#[cfg(test)]
mod tests;
