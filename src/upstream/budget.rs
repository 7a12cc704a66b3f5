//! How many calls beyond the first a request may cost, in all: failover must not become a storm.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::window::{Tally, Window};

/// A share of recent requests, and so many a second at least. Shared by all workers.
///
/// Over any ten seconds that end with a withdrawal, no more was withdrawn than the share of their requests, or than the
/// least. That holds to the one: the buckets in which time is counted make it stricter by up to a second, never laxer.
pub(super) struct Budget {
    ratio: f64,
    /// What may be withdrawn within a window however few requests come.
    least: f64,
    requests: Tally,
    /// Requests and withdrawals.
    window: Mutex<Window>,
    started: Instant,
    /// Until when, in milliseconds from the start, something may be missing: nothing was withdrawn for a window then.
    touched_until: AtomicU64,
}

/// What counts as recent.
pub(super) const WINDOW: Duration = Duration::from_secs(10);

impl Budget {
    pub(super) fn new(ratio: f64, per_second_min: f64) -> Budget {
        let least = per_second_min * WINDOW.as_secs_f64();
        let window = Window::new(WINDOW);
        Budget {
            ratio,
            least,
            requests: window.tally(),
            window: Mutex::new(window),
            started: Instant::now(),
            touched_until: AtomicU64::new(0),
        }
    }

    /// A request has come.
    pub(super) fn deposit(&self, now: Instant) {
        if !self.requests.add(now) {
            self.window().add(now, [1, 0]);
        }
    }

    /// Takes one more call, where there is one to take.
    pub(super) fn withdraw(&self, now: Instant) -> bool {
        let mut window = self.window();
        let is_left = self.has_left(&mut window, now);
        if is_left {
            window.add(now, [0, 1]);
        }
        self.touched_until.fetch_max(self.millis(now) + TOUCHED_MILLIS, Ordering::Relaxed);
        is_left
    }

    /// Gives one back that was not needed after all, soon after it was taken.
    pub(super) fn refund(&self, now: Instant) {
        self.window().take_back(now, WITHDRAWALS);
    }

    /// Whether there is one to take. Without a recent withdrawal there is, and nobody waits for a lock to learn it.
    pub(super) fn is_left(&self, now: Instant) -> bool {
        let is_whole = self.millis(now) >= self.touched_until.load(Ordering::Relaxed);
        is_whole && self.least >= 1.0 || self.has_left(&mut self.window(), now)
    }

    /// Both are rounded against whoever asks.
    fn has_left(&self, window: &mut Window, now: Instant) -> bool {
        let [requests, _] = window.within(now);
        let [_, withdrawals] = window.covering(now);
        let allowed = (self.ratio * f64::from(requests)).max(self.least);
        f64::from(withdrawals) + 1.0 <= allowed
    }

    fn millis(&self, now: Instant) -> u64 {
        u64::try_from(now.saturating_duration_since(self.started).as_millis()).unwrap_or(u64::MAX / 2)
    }

    fn window(&self) -> MutexGuard<'_, Window> {
        let mut window = self.window.lock().unwrap_or_else(PoisonError::into_inner);
        self.requests.take_into(&mut window);
        window
    }
}

/// A window, and the bucket by which it may be longer.
const TOUCHED_MILLIS: u64 = 12_000;

/// The kind in the window.
const WITHDRAWALS: usize = 1;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::upstream::config::RetryBudget;

    fn by_default() -> Budget {
        let RetryBudget { ratio, per_second_min } = RetryBudget::default();
        Budget::new(ratio, per_second_min)
    }

    /// How many can be withdrawn at this moment.
    fn drain(budget: &Budget, now: Instant) -> usize {
        std::iter::repeat_with(|| budget.withdraw(now)).take_while(|taken| *taken).count()
    }

    #[test]
    fn cold_start_has_thirty_and_ten_seconds_later_thirty_again() {
        let (budget, now) = (by_default(), Instant::now());
        assert_eq!(drain(&budget, now), 30);
        assert!(!budget.is_left(now));
        assert_eq!(drain(&budget, now + WINDOW / 2), 0);
        assert_eq!(drain(&budget, now + WINDOW * 12 / 10), 30);
    }

    #[test]
    fn fifth_of_a_thousand_requests_may_be_repeated() {
        let (budget, now) = (by_default(), Instant::now());
        (0..1000).for_each(|_| budget.deposit(now));
        assert_eq!(drain(&budget, now), 200);
        assert_eq!(drain(&budget, now + WINDOW * 12 / 10), 30, "requests are forgotten too");
    }

    #[test]
    fn call_that_was_not_needed_is_given_back_once() {
        let (budget, now) = (by_default(), Instant::now());
        drain(&budget, now);
        budget.refund(now);
        assert!(budget.is_left(now));
        assert_eq!(drain(&budget, now), 1);
        assert!(!budget.is_left(now));
        let untouched = by_default();
        untouched.refund(now);
        assert_eq!(drain(&untouched, now), 30, "nothing is given back that was not taken");
    }

    #[test]
    fn nothing_is_left_where_the_config_allows_nothing() {
        let (budget, now) = (Budget::new(0.0, 0.0), Instant::now());
        (0..1000).for_each(|_| budget.deposit(now));
        assert!(!budget.is_left(now) && !budget.withdraw(now));
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        /// R11: whatever comes in whatever order, the bound holds over the ten seconds before each withdrawal, whichever
        /// of them was given back; and where none was, what the bound over a second less would allow is not refused.
        #[test]
        fn r11_withdrawals_never_exceed_the_share_of_their_window(
            steps in prop::collection::vec((0_u64..800, 0_usize..40, 0_usize..20, 0_usize..60), 1..150),
            ratio in 0.0..1.0,
            per_second_min in 0.0..2.0,
        ) {
            let budget = Budget::new(ratio, per_second_min);
            let (mut now, mut requests, mut withdrawals) = (Instant::now(), Vec::new(), Vec::new());
            let mut refunds = 0;
            for (wait, arriving, asking, refund) in steps {
                now += Duration::from_millis(wait);
                let count = |all: &[Instant], span| all.iter().filter(|at| now - **at < span).count() as f64;
                let bound = |requests: f64| (ratio * requests).max(per_second_min * WINDOW.as_secs_f64());
                for _ in 0..arriving {
                    budget.deposit(now);
                    requests.push(now);
                }
                for _ in 0..asking {
                    if budget.withdraw(now) {
                        withdrawals.push(now);
                        prop_assert!(count(&withdrawals, WINDOW) <= bound(count(&requests, WINDOW)));
                    } else if refunds == 0 {
                        let stricter = bound(count(&requests, WINDOW * 9 / 10));
                        prop_assert!(count(&withdrawals, WINDOW * 12 / 10) + 1.0 > stricter.floor());
                    }
                }
                if withdrawals.get(refund).is_some_and(|at| now - *at < WINDOW) {
                    budget.refund(now);
                    withdrawals.remove(refund);
                    refunds += 1;
                }
            }
        }
    }
}
