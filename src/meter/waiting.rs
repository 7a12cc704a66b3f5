//! An answer that is still to come: its client is told by comments that somebody is there.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use tokio::time::{Instant, Sleep};

use super::Answer;
use super::relay::KEEP_ALIVE;

/// Makes the answer, which takes its place.
pub type Coming<B, G> = Pin<Box<dyn Future<Output = Answer<B, G>> + Send>>;

/// A stream of events before its first one.
pub struct Waiting<B, G> {
    coming: Coming<B, G>,
    every: Duration,
    next: Pin<Box<Sleep>>,
}

/// What becomes of waiting.
pub(super) enum Waited<B, G> {
    Comment(Bytes),
    Answer(Answer<B, G>),
}

impl<B, G> Waiting<B, G> {
    /// The first comment is due at once: the client has waited already.
    pub(super) fn new(coming: Coming<B, G>, every: Duration) -> Waiting<B, G> {
        Waiting { coming, every, next: Box::pin(tokio::time::sleep(Duration::ZERO)) }
    }

    pub(super) fn poll(&mut self, context: &mut Context<'_>) -> Poll<Waited<B, G>> {
        if let Poll::Ready(answer) = self.coming.as_mut().poll(context) {
            return Poll::Ready(Waited::Answer(answer));
        }
        ready!(self.next.as_mut().poll(context));
        self.next.as_mut().reset(Instant::now() + self.every);
        Poll::Ready(Waited::Comment(Bytes::from_static(KEEP_ALIVE)))
    }
}
