//! How long a target usually takes until its first content.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The last calls of one target, shared by all workers.
#[derive(Default)]
pub(super) struct Latencies {
    recent: Mutex<Ring>,
}

#[derive(Default)]
struct Ring {
    /// When a call had its first content, and how long that took. Grows to `SAMPLES_MAX`.
    samples: Vec<(Instant, Duration)>,
    /// Where the next one goes once there are so many: the oldest one's place.
    next: usize,
}

impl Latencies {
    pub(super) fn record(&self, took: Duration) {
        self.record_at(Instant::now(), took);
    }

    /// The span within which this share (0 to 1) of recent calls had their first content; none before enough were seen.
    pub(super) fn quantile(&self, share: f64) -> Option<Duration> {
        self.quantile_at(Instant::now(), share)
    }

    fn record_at(&self, now: Instant, took: Duration) {
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        if recent.samples.len() < SAMPLES_MAX {
            recent.samples.push((now, took));
        } else {
            let next = recent.next;
            recent.samples[next] = (now, took);
            recent.next = (next + 1) % SAMPLES_MAX;
        }
    }

    fn quantile_at(&self, now: Instant, share: f64) -> Option<Duration> {
        let mut spans: Vec<Duration> = {
            let recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
            let young = recent.samples.iter().filter(|(at, _)| now.saturating_duration_since(*at) <= AGE_MAX);
            young.map(|(_, took)| *took).collect()
        };
        if spans.len() < SAMPLES_MIN {
            return None;
        }
        // The nearest rank: the smallest span that so many did not exceed.
        let rank = (share * spans.len() as f64).ceil() as usize;
        let at = rank.clamp(1, spans.len()) - 1;
        Some(*spans.select_nth_unstable(at).1)
    }
}

const SAMPLES_MAX: usize = 128;
/// With fewer, the 95th percentile is the slowest.
const SAMPLES_MIN: usize = 20;
/// What was usual a minute ago says little about a provider that has slowed down since.
const AGE_MAX: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;

    fn millis(number: usize) -> Duration {
        Duration::from_millis(number as u64)
    }

    #[test]
    fn nothing_is_usual_before_twenty_calls() {
        let latencies = Latencies::default();
        (1..SAMPLES_MIN).for_each(|number| latencies.record(millis(number)));
        assert_eq!(latencies.quantile(0.95), None);
        latencies.record(millis(SAMPLES_MIN));
        assert_eq!(latencies.quantile(0.95), Some(millis(19)));
        assert_eq!(latencies.quantile(0.5), Some(millis(10)));
        assert_eq!(latencies.quantile(0.0), Some(millis(1)));
        assert_eq!(latencies.quantile(1.0), Some(millis(20)));
    }

    #[test]
    fn what_is_older_than_a_minute_is_forgotten() {
        let (latencies, start) = (Latencies::default(), Instant::now());
        (0..SAMPLES_MIN).for_each(|_| latencies.record_at(start, millis(1)));
        assert_eq!(latencies.quantile_at(start + AGE_MAX, 0.95), Some(millis(1)));
        assert_eq!(latencies.quantile_at(start + AGE_MAX + millis(1), 0.95), None);
    }

    #[test]
    fn oldest_calls_make_room_for_new_ones() {
        let (latencies, now) = (Latencies::default(), Instant::now());
        (0..SAMPLES_MAX * 10 + 50).for_each(|number| latencies.record_at(now, millis(number)));
        assert_eq!(latencies.quantile_at(now, 0.0), Some(millis(SAMPLES_MAX * 9 + 50)));
        assert_eq!(latencies.quantile_at(now, 1.0), Some(millis(SAMPLES_MAX * 10 + 49)));
        let recent = latencies.recent.lock().unwrap();
        assert_eq!(recent.samples.len(), SAMPLES_MAX, "memory is bounded");
    }
}
