//! How long what is remembered may be believed without the store: for `stale_limit` after its last word.
//!
//! Answers are remembered without an end of their own, because the store announces what makes them untrue. That holds
//! only while it can be heard. Where it was not heard for too long, nothing that is remembered is good any more, and
//! nothing is refused for good either: what is known cannot be confirmed (promises R20 and R22).

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Renewed by every answer of the feed that was acted on. It does not hold before the first.
pub(super) struct Lease {
    limit: Duration,
    /// What `confirmed` counts from.
    started: Instant,
    /// The moment before the last question that was answered, in microseconds and one more; 0 where none was.
    confirmed: AtomicU64,
}

impl Lease {
    pub(super) fn new(limit: Duration) -> Lease {
        Lease { limit, started: Instant::now(), confirmed: AtomicU64::new(0) }
    }

    pub(super) fn limit(&self) -> Duration {
        self.limit
    }

    /// Everything that was announced before `asked` has been acted on. What is announced after it may not have been, so
    /// that the moment of the answer would promise too much.
    pub(super) fn renew(&self, asked: Instant) {
        self.confirmed.fetch_max(self.micros(asked) + 1, Ordering::Release);
    }

    pub(super) fn holds(&self) -> bool {
        self.holds_at(Instant::now())
    }

    fn holds_at(&self, now: Instant) -> bool {
        self.age_at(now).is_some_and(|age| age <= self.limit)
    }

    /// How long ago the store was last heard; `None` where it never was.
    pub(super) fn age(&self) -> Option<Duration> {
        self.age_at(Instant::now())
    }

    fn age_at(&self, now: Instant) -> Option<Duration> {
        let confirmed = self.confirmed.load(Ordering::Acquire).checked_sub(1)?;
        Some(Duration::from_micros(self.micros(now).saturating_sub(confirmed)))
    }

    fn micros(&self, at: Instant) -> u64 {
        u64::try_from(at.saturating_duration_since(self.started).as_micros()).unwrap_or(u64::MAX - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(300);

    #[test]
    fn lease_does_not_hold_before_the_store_was_heard() {
        let lease = Lease::new(LIMIT);
        assert!(!lease.holds());
        assert_eq!(lease.age(), None);
    }

    #[test]
    fn r22_lease_ends_a_stale_limit_after_the_question_and_not_after_the_answer() {
        let lease = Lease::new(LIMIT);
        let asked = Instant::now();
        lease.renew(asked);
        assert!(lease.holds_at(asked));
        assert!(lease.holds_at(asked + LIMIT));
        assert!(!lease.holds_at(asked + LIMIT + Duration::from_millis(1)));
        lease.renew(asked + LIMIT * 2);
        assert!(lease.holds_at(asked + LIMIT * 3));
    }

    #[test]
    fn late_answer_to_an_early_question_takes_nothing_back() {
        let lease = Lease::new(LIMIT);
        let asked = Instant::now();
        lease.renew(asked + Duration::from_secs(60));
        lease.renew(asked);
        assert!(lease.holds_at(asked + LIMIT + Duration::from_secs(60)));
    }
}
