//! Which faults meet a request, where they change: by time, by chance, by a script or by a mixture.

use std::{sync::LazyLock, time::Duration};

use serde::{Deserialize, Serialize};

use super::faults::Faults;

/// What a script has for the requests that come next.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Act {
    /// For so many requests; for all that come where there is no number.
    pub requests: Option<u64>,
    #[serde(default)]
    pub faults: Faults,
}

/// One of the faults that chance chooses from.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Alternative {
    /// Beside the weights of the others.
    pub weight: f64,
    #[serde(default)]
    pub faults: Faults,
}

/// When a request comes, as faults see it.
#[derive(Debug)]
pub(super) struct Moment {
    /// Requests that met the same faults before.
    pub(super) earlier: u64,
    /// Since the faults were set.
    pub(super) elapsed: Duration,
    pub(super) dice: Dice,
}

impl Moment {
    /// Of a request that brings faults for itself alone.
    pub(super) fn only(dice: Dice) -> Self {
        Self { earlier: 0, elapsed: Duration::ZERO, dice }
    }
}

/// Numbers between 0 and 1: as good as random for a share of requests, yet the same in every run, so that a failure
/// seen once is seen again (SplitMix64, Steele et al., OOPSLA 2014).
#[derive(Debug)]
pub(super) struct Dice(u64);

impl Dice {
    /// The dice of one request.
    pub(super) fn of(request: u64) -> Self {
        Self(mixed(request.wrapping_add(1).wrapping_mul(STEP)))
    }

    pub(super) fn roll(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(STEP);
        // The upper 53 bits are what an f64 holds exactly.
        (mixed(self.0) >> 11) as f64 / (1_u64 << 53) as f64
    }
}

const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

fn mixed(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

impl Faults {
    /// What a request meets at its moment: these faults, those that they choose, or none.
    pub(super) fn at(&self, moment: &mut Moment) -> &Faults {
        if self.is_well_by_now(moment.elapsed) || self.share.is_some_and(|share| moment.dice.roll() >= share) {
            return &HEALTHY;
        }
        if !self.script.is_empty() {
            return self.act(moment.earlier).map_or(&HEALTHY, |faults| faults.at(moment));
        }
        if !self.mix.is_empty() {
            let chosen = self.alternative(moment.dice.roll());
            return chosen.map_or(&HEALTHY, |faults| faults.at(moment));
        }
        self
    }

    /// Well at first, then ill for as long, and so on.
    fn is_well_by_now(&self, elapsed: Duration) -> bool {
        self.flap_ms != 0 && (elapsed.as_millis() / u128::from(self.flap_ms)).is_multiple_of(2)
    }

    fn act(&self, mut request: u64) -> Option<&Faults> {
        for act in &self.script {
            match act.requests {
                Some(requests) if request >= requests => request -= requests,
                Some(_) | None => return Some(&act.faults),
            }
        }
        None
    }

    fn alternative(&self, roll: f64) -> Option<&Faults> {
        let mut left = roll * self.mix.iter().map(|alternative| alternative.weight).sum::<f64>();
        let chosen = self.mix.iter().find(|alternative| {
            left -= alternative.weight;
            left < 0.0
        });
        // What rounding leaves falls to the last.
        chosen.or(self.mix.last()).map(|alternative| &alternative.faults)
    }
}

static HEALTHY: LazyLock<Faults> = LazyLock::new(Faults::default);

#[cfg(test)]
mod tests {
    use super::*;

    fn statuses(json: &str, requests: u64) -> Vec<Option<u16>> {
        let faults = Faults::parse(json.as_bytes()).unwrap();
        let moment = |earlier| Moment { earlier, elapsed: Duration::ZERO, dice: Dice::of(earlier) };
        (0..requests).map(|request| faults.at(&mut moment(request)).status).collect()
    }

    fn count(statuses: &[Option<u16>], status: Option<u16>) -> usize {
        statuses.iter().filter(|each| **each == status).count()
    }

    #[test]
    fn a_share_of_requests_meets_the_faults_and_the_others_do_not() {
        let met = statuses(r#"{"share":0.2,"status":529}"#, 10_000);
        assert!((1_900..=2_100).contains(&count(&met, Some(529))), "{}", count(&met, Some(529)));
        assert_eq!(count(&statuses(r#"{"share":0,"status":529}"#, 100), None), 100);
        assert_eq!(count(&statuses(r#"{"share":1,"status":529}"#, 100), Some(529)), 100);
    }

    #[test]
    fn a_script_is_played_once_in_its_order() {
        let script = r#"{"script":[{"requests":2,"faults":{"status":529}},{"requests":1},{"requests":1,"faults":{"status":500}}]}"#;
        assert_eq!(statuses(script, 6), [Some(529), Some(529), None, Some(500), None, None]);
        let endless = r#"{"script":[{"requests":1},{"faults":{"status":503}}]}"#;
        assert_eq!(statuses(endless, 4), [None, Some(503), Some(503), Some(503)]);
    }

    #[test]
    fn a_mixture_chooses_by_weight() {
        let met = statuses(
            r#"{"mix":[{"weight":3},{"weight":1,"faults":{"status":529}},{"weight":0,"faults":{"status":500}}]}"#,
            10_000,
        );
        assert!((2_350..=2_650).contains(&count(&met, Some(529))), "{}", count(&met, Some(529)));
        assert_eq!(count(&met, Some(500)), 0);
        assert_eq!(count(&met, None) + count(&met, Some(529)), 10_000);
    }

    #[test]
    fn shares_within_a_mixture_are_drawn_on_their_own() {
        let met = statuses(r#"{"mix":[{"weight":1},{"weight":1,"faults":{"share":0.5,"status":529}}]}"#, 10_000);
        assert!((2_350..=2_650).contains(&count(&met, Some(529))), "{}", count(&met, Some(529)));
    }

    #[test]
    fn a_flapping_provider_is_well_first_and_then_ill_for_as_long() {
        let faults = Faults::parse(br#"{"flap_ms":100,"status":503}"#).unwrap();
        let status = |millis| {
            let elapsed = Duration::from_millis(millis);
            faults.at(&mut Moment { earlier: 0, elapsed, dice: Dice::of(0) }).status
        };
        assert_eq!([0, 99, 100, 199, 200, 300].map(status), [None, None, Some(503), Some(503), None, Some(503)]);
    }
}
