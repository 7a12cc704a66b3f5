//! How long an upstream has been silent.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::time::Sleep;

/// A timer that is only set while nothing comes, and only looked at when it fires: chunks cost it nothing.
pub(super) struct Silence {
    idle_timeout: Duration,
    keep_alive: Option<Duration>,
    heard_at: Instant,
    /// When the client was last told that the upstream only thinks.
    told_at: Instant,
    timer: Option<Pin<Box<Sleep>>>,
}

/// What a silence calls for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// A word to the client, so that nobody in between takes the connection for dead.
    KeepAlive,
    /// The end: the upstream was silent for too long.
    End,
}

impl Silence {
    /// Without `keep_alive`, or where that is zero, nothing but the end is ever due.
    pub(super) fn new(idle_timeout: Duration, keep_alive: Option<Duration>) -> Silence {
        let now = Instant::now();
        let keep_alive = keep_alive.filter(|span| !span.is_zero());
        Silence { idle_timeout, keep_alive, heard_at: now, told_at: now, timer: None }
    }

    pub(super) fn heard(&mut self) {
        self.heard_at = Instant::now();
    }

    pub(super) fn poll_due(&mut self, context: &mut Context<'_>) -> Poll<Due> {
        loop {
            let ends_at = self.heard_at + self.idle_timeout;
            let tells_at = self.keep_alive.map_or(ends_at, |span| self.heard_at.max(self.told_at) + span);
            let deadline = tokio::time::Instant::from_std(ends_at.min(tells_at));
            let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline)));
            if timer.as_mut().poll(context).is_pending() {
                return Poll::Pending;
            }
            let now = Instant::now();
            if now >= ends_at {
                return Poll::Ready(Due::End);
            }
            if now >= tells_at {
                self.told_at = now;
                return Poll::Ready(Due::KeepAlive);
            }
            timer.as_mut().reset(deadline);
        }
    }
}
