//! What happened over the last while, counted in buckets of a tenth of it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Counts of two kinds. Its size is fixed, whatever is counted.
pub(super) struct Window {
    started: Instant,
    bucket: Duration,
    /// The number of the newest bucket, counted from the start.
    newest: u64,
    /// Each bucket's place is its number's remainder.
    counts: [Counts; BUCKETS],
}

/// One of each kind.
pub(super) type Counts = [u32; 2];

/// Ten whole ones, and the one under way.
const BUCKETS: usize = 11;

impl Window {
    pub(super) fn new(span: Duration) -> Window {
        let bucket = (span / (BUCKETS as u32 - 1)).max(Duration::from_micros(1));
        Window { started: Instant::now(), bucket, newest: 0, counts: [[0; 2]; BUCKETS] }
    }

    pub(super) fn add(&mut self, now: Instant, more: Counts) {
        self.roll(now);
        let newest = &mut self.counts[place(self.newest)];
        *newest = sum(*newest, more);
    }

    /// Counts of a bucket that may be over; what is too old is forgotten.
    fn add_to(&mut self, number: u64, more: Counts) {
        self.roll_to(number);
        if number + BUCKETS as u64 > self.newest {
            let counts = &mut self.counts[place(number)];
            *counts = sum(*counts, more);
        }
    }

    /// For the first kind, counted by many threads at a time.
    pub(super) fn tally(&self) -> Tally {
        Tally { started: self.started, bucket: self.bucket, pending: AtomicU64::new(0) }
    }

    /// Of the span or up to a bucket less: nothing that is older.
    pub(super) fn within(&mut self, now: Instant) -> Counts {
        self.roll(now);
        // The oldest bucket stands behind the newest in the circle.
        let oldest = place(self.newest + 1);
        let younger = self.counts.iter().enumerate().filter(|(at, _)| *at != oldest);
        younger.fold([0; 2], |all, (_, counts)| sum(all, *counts))
    }

    /// Of the span or up to a bucket more: everything that is not older.
    pub(super) fn covering(&mut self, now: Instant) -> Counts {
        self.roll(now);
        self.counts.iter().fold([0; 2], |all, counts| sum(all, *counts))
    }

    /// Takes one of a kind back, and the oldest: the rest is then remembered no shorter than what it stands for.
    pub(super) fn take_back(&mut self, now: Instant, kind: usize) {
        self.roll(now);
        let oldest_first = (1..=BUCKETS as u64).map(|after| place(self.newest + after));
        if let Some(at) = oldest_first.into_iter().find(|at| self.counts[*at][kind] > 0) {
            self.counts[at][kind] -= 1;
        }
    }

    pub(super) fn clear(&mut self) {
        self.counts = [[0; 2]; BUCKETS];
    }

    /// Forgets what is too old. Threads' clocks may be read in another order than they get here: what comes from before
    /// the newest bucket counts in it.
    fn roll(&mut self, now: Instant) {
        self.roll_to(number(self.started, self.bucket, now));
    }

    fn roll_to(&mut self, number: u64) {
        for skipped in (self.newest..number).take(BUCKETS) {
            self.counts[place(skipped + 1)] = [0; 2];
        }
        self.newest = self.newest.max(number);
    }
}

/// Counts what every request does, without a lock: a thread that is put to sleep while it holds one would make the others
/// wait for its next turn. What one bucket has is one number, until whoever holds the window's lock takes it.
pub(super) struct Tally {
    started: Instant,
    bucket: Duration,
    /// The bucket's number in the upper half, and its count in the lower.
    pending: AtomicU64,
}

impl Tally {
    /// Counts one; or not, where those of an earlier bucket are to be taken first.
    pub(super) fn add(&self, now: Instant) -> bool {
        let number = number(self.started, self.bucket, now) << HALF;
        let one_more = |pending: u64| match pending {
            0 => Some(number | 1),
            ours if ours >> HALF == number >> HALF && ours & COUNT != COUNT => Some(ours + 1),
            _ => None,
        };
        self.pending.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more).is_ok()
    }

    /// Hands over what was counted.
    pub(super) fn take_into(&self, window: &mut Window) {
        let pending = self.pending.swap(0, Ordering::Relaxed);
        if pending != 0 {
            let count = u32::try_from(pending & COUNT).unwrap_or(u32::MAX);
            window.add_to(pending >> HALF, [count, 0]);
        }
    }
}

const HALF: u32 = 32;
const COUNT: u64 = u32::MAX as u64;

/// The number of the bucket that a moment is in.
fn number(started: Instant, bucket: Duration, now: Instant) -> u64 {
    micros(now.saturating_duration_since(started)) / micros(bucket)
}

fn sum(one: Counts, other: Counts) -> Counts {
    [one[0].saturating_add(other[0]), one[1].saturating_add(other[1])]
}

fn place(number: u64) -> usize {
    (number % BUCKETS as u64) as usize
}

fn micros(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SPAN: Duration = Duration::from_secs(10);

    #[test]
    fn what_is_counted_is_forgotten_after_the_span_and_within_a_bucket_of_it() {
        let mut window = Window::new(SPAN);
        let start = window.started;
        window.add(start, [3, 1]);
        assert_eq!(window.within(start), [3, 1]);
        assert_eq!(window.within(start + SPAN - Duration::from_millis(1)), [3, 1]);
        assert_eq!(window.within(start + SPAN), [0, 0]);
        assert_eq!(window.covering(start + SPAN), [3, 1]);
        assert_eq!(window.covering(start + SPAN * 11 / 10), [0, 0]);
        window.add(start + SPAN * 1000, [1, 0]);
        assert_eq!(window.covering(start + SPAN * 1000), [1, 0], "however much was skipped");
    }

    #[test]
    fn clock_that_was_read_before_another_counts_in_the_newest_bucket() {
        let mut window = Window::new(SPAN);
        let start = window.started;
        window.add(start + SPAN * 5, [1, 0]);
        window.add(start, [1, 0]);
        assert_eq!(window.within(start + SPAN * 5), [2, 0]);
    }

    #[test]
    fn oldest_is_taken_back_and_nothing_where_there_is_none() {
        let mut window = Window::new(SPAN);
        let start = window.started;
        window.take_back(start, 1);
        window.add(start, [0, 1]);
        window.add(start + SPAN / 2, [0, 1]);
        window.take_back(start + SPAN / 2, 1);
        assert_eq!(window.covering(start + SPAN * 12 / 10), [0, 1], "the younger one is left");
        window.take_back(start + SPAN * 12 / 10, 1);
        assert_eq!(window.covering(start + SPAN * 12 / 10), [0, 0]);
    }

    #[test]
    fn tally_hands_over_what_many_threads_counted_and_each_to_its_bucket() {
        let mut window = Window::new(SPAN);
        let (tally, start) = (window.tally(), window.started);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..1_000).for_each(|_| assert!(tally.add(start))));
            }
        });
        let later = start + SPAN / 2;
        assert!(!tally.add(later), "those of the earlier bucket come first");
        tally.take_into(&mut window);
        assert!(tally.add(later));
        tally.take_into(&mut window);
        tally.take_into(&mut window);
        assert_eq!(window.covering(later), [4_001, 0]);
        assert_eq!(window.covering(start + SPAN * 12 / 10), [1, 0]);
        assert!(tally.add(start));
        window.add(start + SPAN * 3, [0, 0]);
        tally.take_into(&mut window);
        assert_eq!(window.covering(start + SPAN * 3), [0, 0], "what is too old by then is forgotten");
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        /// Against a list of everything: no less than a window a tenth shorter or longer, no more than the window itself
        /// or one longer.
        #[test]
        fn counts_are_those_of_the_span_but_for_a_bucket(waits in prop::collection::vec(0_u64..3_000, 1..100)) {
            let mut window = Window::new(SPAN);
            let (mut now, mut all) = (window.started, Vec::new());
            for wait in waits {
                now += Duration::from_millis(wait);
                window.add(now, [1, 0]);
                all.push(now);
                let younger = |span: Duration| all.iter().filter(|at| now - **at < span).count() as u32;
                let ([within, _], [covering, _]) = (window.within(now), window.covering(now));
                prop_assert!((younger(SPAN * 9 / 10)..=younger(SPAN)).contains(&within));
                prop_assert!((younger(SPAN)..=younger(SPAN * 11 / 10)).contains(&covering));
            }
        }
    }
}
