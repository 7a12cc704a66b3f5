//! Waits that are drawn at random, so that those who lost the same server do not come back to it all at once.

use std::time::Duration;

/// Any time up to a bound, which is `min` doubled so often and at most `max` ("full jitter").
pub(crate) fn full_jitter(doublings: u32, min: Duration, max: Duration) -> Duration {
    let bound = min.saturating_mul(1 << doublings.min(DOUBLINGS_MAX)).min(max);
    bound.mul_f64(random_share().unwrap_or(1.0))
}

/// The whole wait, or up to this share of it (0 to 1) less.
pub(crate) fn shortened(wait: Duration, share: f64) -> Duration {
    wait - wait.mul_f64(share * random_share().unwrap_or(0.0))
}

/// A number from 0 to 1. Without random numbers every wait is the longest, which is no reason to fail.
pub(crate) fn random_share() -> Option<f64> {
    let mut random = [0; 4];
    aws_lc_rs::rand::fill(&mut random).ok()?;
    Some(f64::from(u32::from_le_bytes(random)) / f64::from(u32::MAX))
}

/// A shift by more would be no number.
const DOUBLINGS_MAX: u32 = 31;

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    const MIN: Duration = Duration::from_millis(50);
    const MAX: Duration = Duration::from_secs(2);

    #[test]
    fn waits_grow_to_a_bound_and_differ() {
        assert!((0..100).all(|_| full_jitter(0, MIN, MAX) <= MIN));
        assert!((0..100).all(|_| full_jitter(1, MIN, MAX) <= MIN * 2));
        for doublings in [5, 31, 32, u32::MAX] {
            let waits: HashSet<Duration> = (0..100).map(|_| full_jitter(doublings, MIN, MAX)).collect();
            assert!(waits.iter().all(|wait| *wait <= MAX));
            assert!(waits.iter().any(|wait| *wait > MAX / 2), "{doublings}: {waits:?}");
            assert!(waits.len() > 50, "{doublings}: {waits:?}");
        }
    }

    #[test]
    fn shortened_wait_lacks_no_more_than_its_share() {
        let waits: HashSet<Duration> = (0..100).map(|_| shortened(MAX, 0.2)).collect();
        assert!(waits.iter().all(|wait| (MAX.mul_f64(0.8)..=MAX).contains(wait)), "{waits:?}");
        assert!(waits.len() > 50, "{waits:?}");
        assert_eq!(shortened(MAX, 0.0), MAX);
    }
}
