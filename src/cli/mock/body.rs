//! The body of an answer, whole or played event by event.
//!
//! Every event is a frame of its own, and between two frames the body lets hyper write: a proxy in front can be held to
//! passing each event on as it comes.

use std::{
    collections::VecDeque,
    convert::Infallible,
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::sync::Semaphore;

use super::{
    faults::{Step, Tail},
    recording::Exchange,
};

/// Settles its [`Exchange`] when the last frame was taken, or when hyper drops it before.
#[derive(Debug)]
pub(super) struct AnswerBody {
    content: Content,
    exchange: Exchange,
}

#[derive(Debug)]
enum Content {
    Whole(Option<Bytes>),
    Played(Playback),
}

impl AnswerBody {
    pub(super) fn whole(bytes: Bytes, exchange: Exchange) -> Self {
        Self { content: Content::Whole(Some(bytes)), exchange }
    }

    pub(super) fn played(events: Vec<Bytes>, delivery: Delivery, mut exchange: Exchange) -> Self {
        let mut steps = delivery.tail.steps(events);
        if !delivery.pace.drip.is_zero() {
            steps = steps.into_iter().flat_map(Step::dripping).collect();
        }
        if steps.is_empty() {
            // hyper does not ask a body that is over from the start for a frame.
            exchange.finish();
        }
        let pause = match delivery.pace.start.is_zero() {
            true => Pause::Over,
            false => Pause::Wait(Box::pin(tokio::time::sleep(delivery.pace.start))),
        };
        Self { content: Content::Played(Playback { steps, pace: delivery.pace, pause }), exchange }
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let this = self.get_mut();
        let frame = match &mut this.content {
            Content::Whole(bytes) => {
                this.exchange.finish();
                bytes.take()
            }
            Content::Played(playback) => ready!(playback.poll_next(cx, &mut this.exchange)),
        };
        Poll::Ready(frame.map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        match &self.content {
            Content::Whole(bytes) => bytes.is_none(),
            Content::Played(playback) => playback.steps.is_empty(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.content {
            Content::Whole(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, Bytes::len) as u64),
            Content::Played(_) => SizeHint::default(),
        }
    }
}

/// How events shall reach the peer.
#[derive(Debug)]
pub(super) struct Delivery {
    pub(super) tail: Tail,
    pub(super) pace: Pace,
}

impl Delivery {
    /// Whether it reaches an answer that is whole, and so is a single event.
    pub(super) fn touches_whole(&self) -> bool {
        self.tail.touches_whole() || !self.pace.start.is_zero() || !self.pace.drip.is_zero()
    }
}

/// What passes before the first event, and between one and the next.
#[derive(Clone, Debug)]
pub(super) struct Pace {
    pub(super) start: Duration,
    pub(super) delay: Duration,
    /// Between the pieces into which each event falls, where it is not zero.
    pub(super) drip: Duration,
    /// When present, each event after the first costs one permit.
    pub(super) gate: Option<Arc<Semaphore>>,
}

impl Pace {
    fn pause(&self) -> Pause {
        if self.delay.is_zero() && self.drip.is_zero() && self.gate.is_none() {
            return Pause::Yield;
        }
        Pause::Wait(Box::pin(wait(self.clone())))
    }
}

async fn wait(pace: Pace) {
    let delay = pace.delay.max(pace.drip);
    if !delay.is_zero() {
        tokio::time::sleep(delay).await;
    }
    let Some(gate) = pace.gate else { return };
    // Nobody closes the gate, so there is always a permit to wait for.
    if let Ok(permit) = gate.acquire().await {
        permit.forget();
    }
}

#[derive(Debug)]
struct Playback {
    steps: VecDeque<Step>,
    pace: Pace,
    pause: Pause,
}

impl Playback {
    fn poll_next(&mut self, cx: &mut Context<'_>, exchange: &mut Exchange) -> Poll<Option<Bytes>> {
        ready!(self.pause.poll(cx));
        match self.steps.front_mut() {
            Some(Step::Send(bytes)) => {
                let bytes = std::mem::take(bytes);
                self.steps.pop_front();
                match self.steps.front() {
                    Some(Step::Send(_)) => self.pause = self.pace.pause(),
                    // Only another event has to wait: a fault follows at once.
                    Some(Step::Stall | Step::Reset) => {}
                    None => exchange.finish(),
                }
                Poll::Ready(Some(bytes))
            }
            Some(Step::Reset) => {
                exchange.connection().reset();
                Poll::Pending
            }
            // No waker is kept: only the peer can end a silence, and hyper notices that by itself.
            Some(Step::Stall) => Poll::Pending,
            None => Poll::Ready(None),
        }
    }
}

enum Pause {
    Over,
    /// Gives way once, so that hyper flushes the event before it asks for the next.
    Yield,
    Wait(Pin<Box<dyn Future<Output = ()> + Send>>),
}

impl Pause {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match self {
            Pause::Over => {}
            Pause::Yield => {
                *self = Pause::Over;
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            Pause::Wait(wait) => {
                ready!(wait.as_mut().poll(cx));
                *self = Pause::Over;
            }
        }
        Poll::Ready(())
    }
}

impl fmt::Debug for Pause {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Pause::Over => "Over",
            Pause::Yield => "Yield",
            Pause::Wait(_) => "Wait",
        })
    }
}
