//! Whether a target is asked at all: one that fails is left alone for a while, and then tried by a single call.
//!
//! Every moment is given by the caller, so that a day passes in a test within milliseconds.

use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::config::BreakerConfig;
use super::window::{Tally, Window};
use crate::backoff::shortened;

/// One target's, shared by all workers.
pub(super) struct Breaker {
    config: BreakerConfig,
    inner: Mutex<Inner>,
    /// What a call of a target that is well has to know, and leaves behind, without the lock: whether it is closed and the
    /// last call did not fail, which opening comes next, and the calls that succeeded.
    is_well: AtomicBool,
    opening: AtomicU64,
    succeeded: Tally,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Closed,
    Open,
    /// The next call decides, or the one that is under way does.
    HalfOpen,
}

pub(super) enum Admission {
    Admitted(Trial),
    /// Nobody is let in before this moment. Where a probe or a health check has to decide first, it is a guess.
    Shut {
        until: Instant,
    },
}

/// A call that was let in. Dropped without a word it says nothing of the target, and a probe's place is free again.
pub(super) struct Trial {
    breaker: Arc<Breaker>,
    opening: u64,
    probe: bool,
}

struct Inner {
    phase: Phase,
    /// Grows each time it opens, and each time it is shut anew. A call that was let in before says nothing any more: its
    /// failure is the one that was counted already.
    opening: u64,
    /// A probe is under way: of this opening or, where it is slow, of an earlier one.
    probing: bool,
    /// Health checks fail, so that nobody is let in until they succeed.
    ill: bool,
    /// How long it was open the last time, before jitter; nothing where that is forgotten.
    penalty: Duration,
    /// What the upstream asked for itself. Nothing but time ends it.
    asked: Option<Instant>,
    /// It is open because calls failed, and not only because it was asked for.
    has_failed: bool,
    failures_in_a_row: u32,
    /// Calls and failures.
    window: Window,
    last_failure: Option<Instant>,
}

#[derive(Clone, Copy)]
enum Phase {
    Closed {
        since: Instant,
    },
    /// Half open from `until` on.
    Open {
        until: Instant,
    },
}

impl Breaker {
    pub(super) fn new(config: BreakerConfig) -> Arc<Breaker> {
        let inner = Inner {
            phase: Phase::Closed { since: Instant::now() },
            opening: 0,
            probing: false,
            ill: false,
            penalty: Duration::ZERO,
            asked: None,
            has_failed: false,
            failures_in_a_row: 0,
            window: Window::new(config.window),
            last_failure: None,
        };
        let succeeded = inner.window.tally();
        let (is_well, opening) = (AtomicBool::new(true), AtomicU64::new(0));
        Arc::new(Breaker { config, inner: Mutex::new(inner), is_well, opening, succeeded })
    }

    /// Lets a call in, or says when the next one may come. While half open one call at a time is let in, as a probe.
    pub(super) fn admit(self: &Arc<Breaker>, now: Instant) -> Admission {
        if self.is_well.load(Ordering::Acquire) {
            let opening = self.opening.load(Ordering::Acquire);
            return Admission::Admitted(Trial { breaker: self.clone(), opening, probe: false });
        }
        let mut inner = self.inner();
        let probe = match inner.phase {
            Phase::Closed { .. } => false,
            Phase::Open { until } if now < until => return Admission::Shut { until },
            Phase::Open { .. } if inner.probing || inner.ill => {
                return Admission::Shut { until: now + self.config.open_min };
            }
            Phase::Open { .. } => true,
        };
        inner.probing |= probe;
        Admission::Admitted(Trial { breaker: self.clone(), opening: inner.opening, probe })
    }

    /// As `admit`, for a call that somebody else's credential pays for: what the upstream asked of the gate's does not
    /// concern it.
    pub(super) fn admit_own(self: &Arc<Breaker>, now: Instant) -> Admission {
        let inner = self.inner();
        if !inner.has_failed && !inner.ill {
            return Admission::Admitted(Trial { breaker: self.clone(), opening: inner.opening, probe: false });
        }
        drop(inner);
        self.admit(now)
    }

    /// The upstream asked to be left alone until then (429 with `Retry-After`). After it one probe decides. To be said
    /// before the trial of the call that was answered so ends.
    pub(super) fn shut_until(&self, now: Instant, until: Instant) {
        let mut inner = self.inner();
        if until > now {
            inner.asked = inner.asked.max(Some(until));
            inner.forget_penalty(&self.config, now);
            inner.shut(until);
        }
    }

    /// A call that had been let in, and had succeeded, broke later: within its stream.
    pub(super) fn broke(&self, now: Instant) {
        let mut inner = self.inner();
        inner.last_failure = Some(now);
        if let Phase::Closed { .. } = inner.phase {
            // It was counted as a call when it succeeded.
            inner.count_failure(&self.config, now, 0);
        }
    }

    /// Whether a call has failed within the window.
    pub(super) fn failed_lately(&self, now: Instant) -> bool {
        let last = self.inner().last_failure;
        last.is_some_and(|last| now.saturating_duration_since(last) <= self.config.window)
    }

    /// A health check succeeded: whoever is left alone for its failures is tried at the next call.
    pub(super) fn well(&self, now: Instant) {
        let mut inner = self.inner();
        inner.ill = false;
        if let Phase::Open { until } = inner.phase {
            inner.phase = Phase::Open { until: until.min(inner.asked.map_or(now, |asked| asked.max(now))) };
        }
    }

    /// Health checks have failed: nobody is let in until one succeeds, and then one probe decides.
    pub(super) fn ill(&self, now: Instant) {
        let mut inner = self.inner();
        if !inner.ill {
            inner.ill = true;
            inner.forget_penalty(&self.config, now);
            inner.shut(now);
        }
    }

    pub(super) fn state(&self, now: Instant) -> State {
        let inner = self.inner();
        match inner.phase {
            Phase::Closed { .. } => State::Closed,
            Phase::Open { until } if now < until || inner.ill => State::Open,
            Phase::Open { .. } => State::HalfOpen,
        }
    }

    fn inner(&self) -> Locked<'_> {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        self.succeeded.take_into(&mut inner.window);
        Locked { breaker: self, inner }
    }
}

/// The lock. What calls read without it is brought up to the moment before it is given back.
struct Locked<'a> {
    breaker: &'a Breaker,
    inner: MutexGuard<'a, Inner>,
}

impl Deref for Locked<'_> {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.inner
    }
}

impl DerefMut for Locked<'_> {
    fn deref_mut(&mut self) -> &mut Inner {
        &mut self.inner
    }
}

impl Drop for Locked<'_> {
    fn drop(&mut self) {
        let is_well = matches!(self.inner.phase, Phase::Closed { .. }) && self.inner.failures_in_a_row == 0;
        // In the order in which `admit` reads them: whoever is let in by the one knows the other.
        self.breaker.opening.store(self.inner.opening, Ordering::Release);
        self.breaker.is_well.store(is_well, Ordering::Release);
    }
}

impl Trial {
    pub(super) fn is_probe(&self) -> bool {
        self.probe
    }

    pub(super) fn succeeded(self, now: Instant) {
        let is_well = !self.probe && self.breaker.is_well.load(Ordering::Acquire);
        if is_well && self.opening == self.breaker.opening.load(Ordering::Acquire) && self.breaker.succeeded.add(now) {
            return;
        }
        let mut inner = self.breaker.inner();
        if self.opening != inner.opening {
            return;
        }
        match inner.phase {
            Phase::Closed { .. } => {
                inner.failures_in_a_row = 0;
                inner.window.add(now, [1, 0]);
            }
            Phase::Open { .. } => inner.close(now),
        }
    }

    pub(super) fn failed(self, now: Instant) {
        let mut inner = self.breaker.inner();
        inner.last_failure = Some(now);
        if self.opening != inner.opening {
            return;
        }
        match inner.phase {
            Phase::Closed { .. } => inner.count_failure(&self.breaker.config, now, 1),
            Phase::Open { .. } => inner.open(&self.breaker.config, now),
        }
    }
}

impl Drop for Trial {
    fn drop(&mut self) {
        if self.probe {
            self.breaker.inner().probing = false;
        }
    }
}

impl Inner {
    /// While closed.
    fn count_failure(&mut self, config: &BreakerConfig, now: Instant, calls: u32) {
        self.failures_in_a_row += 1;
        self.window.add(now, [calls, 1]);
        let [calls, failures] = self.window.covering(now);
        let too_many = calls >= config.requests_min && f64::from(failures) >= config.failure_ratio * f64::from(calls);
        if self.failures_in_a_row >= config.failures || too_many {
            self.open(config, now);
        }
    }

    /// For longer each time, unless it was well for long enough in between.
    fn open(&mut self, config: &BreakerConfig, now: Instant) {
        self.forget_penalty(config, now);
        self.has_failed = true;
        self.penalty = if self.penalty.is_zero() { config.open_min } else { self.penalty * 2 }.min(config.open_max);
        self.shut(now + shortened(self.penalty, JITTER));
    }

    /// Until then, or for as long as it is shut already.
    fn shut(&mut self, until: Instant) {
        let longest = match self.phase {
            Phase::Closed { .. } => until,
            Phase::Open { until: already } => already.max(until),
        };
        self.phase = Phase::Open { until: longest };
        self.opening += 1;
    }

    fn close(&mut self, now: Instant) {
        self.phase = Phase::Closed { since: now };
        self.has_failed = false;
        self.failures_in_a_row = 0;
        self.window.clear();
    }

    /// A target that flaps is closed now and then too: that counts as well only once it has lasted for as long as the
    /// target was left alone, and for a window.
    fn forget_penalty(&mut self, config: &BreakerConfig, now: Instant) {
        if let Phase::Closed { since } = self.phase
            && now.saturating_duration_since(since) >= self.penalty.max(config.window)
        {
            self.penalty = Duration::ZERO;
        }
    }
}

/// The share of an open time by which it may be shorter, so that replicas do not probe in step.
const JITTER: f64 = 0.2;

#[cfg(test)]
mod tests;
