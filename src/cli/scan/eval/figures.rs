//! What a group of texts came to.

use std::time::Duration;

use super::{Sample, roc};
use crate::scan::Level;

/// Shares of honest texts that may be taken for attacks, for which the score's own thresholds are looked for; those that
/// the levels are named by.
pub(super) const SHARES: [(&str, f64); 3] = [("0.1%", 0.001), ("0.5%", 0.005), ("1%", 0.01)];

/// The scores that these shares of all the file's honest texts exceed. Of one group's there would be too few.
pub(super) struct Cuts([Option<f32>; 3]);

pub(super) struct Figures {
    pub(super) name: String,
    pub(super) attacks: u64,
    pub(super) honest: u64,
    /// At each of `Level::ALL`.
    pub(super) levels: [Found; 3],
    /// At each of `SHARES`; none without honest texts in the file.
    pub(super) cuts: [Option<Found>; 3],
    pub(super) rules: Found,
    /// None where the texts are of one kind.
    pub(super) auc: Option<f64>,
    pub(super) bytes: u64,
    pub(super) total: Duration,
    pub(super) median: Duration,
    pub(super) p99: Duration,
}

/// How many texts were taken for attacks, of those that are and of those that are not.
#[derive(Clone, Copy, Default)]
pub(super) struct Found {
    pub(super) attacks: u64,
    pub(super) honest: u64,
}

impl Cuts {
    pub(super) fn of<'s>(samples: impl Iterator<Item = &'s Sample>) -> Cuts {
        let honest: Vec<f32> = samples.filter(|sample| !sample.is_attack).map(|sample| sample.score).collect();
        Cuts(SHARES.map(|(_, share)| roc::cut(&honest, share)))
    }
}

impl Figures {
    pub(super) fn of<'s>(name: &str, samples: impl Iterator<Item = &'s Sample>, cuts: &Cuts) -> Figures {
        let samples: Vec<&Sample> = samples.collect();
        let (attacks, honest): (Vec<&Sample>, Vec<&Sample>) = samples.iter().partition(|sample| sample.is_attack);
        let scores = |samples: &[&Sample]| samples.iter().map(|sample| sample.score).collect();
        let mut times: Vec<Duration> = samples.iter().map(|sample| sample.took).collect();
        times.sort_unstable();
        // A group has a text at least, since it is made of one.
        let quantile = |percent: usize| times[(times.len() - 1) * percent / 100];
        Figures {
            name: name.to_owned(),
            attacks: attacks.len() as u64,
            honest: honest.len() as u64,
            levels: std::array::from_fn(|at| Found::of(&samples, |sample| sample.acts[at])),
            cuts: cuts.0.map(|cut| cut.map(|cut| Found::of(&samples, |sample| sample.score > cut))),
            rules: Found::of(&samples, |sample| sample.by_rules),
            auc: roc::auc(scores(&attacks), scores(&honest)),
            bytes: samples.iter().map(|sample| sample.bytes).sum(),
            total: times.iter().sum(),
            median: quantile(50),
            p99: quantile(99),
        }
    }

    pub(super) fn at(&self, level: Level) -> Found {
        let place = Level::ALL.iter().position(|other| *other == level);
        place.map_or_else(Found::default, |place| self.levels[place])
    }

    pub(super) fn megabytes_per_second(&self) -> f64 {
        roc::ratio(self.bytes) / 1e6 / self.total.as_secs_f64().max(f64::MIN_POSITIVE)
    }
}

impl Found {
    fn of(samples: &[&Sample], is_found: impl Fn(&Sample) -> bool) -> Found {
        let count =
            |attack| samples.iter().filter(|sample| sample.is_attack == attack && is_found(sample)).count() as u64;
        Found { attacks: count(true), honest: count(false) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(is_attack: bool, score: f32, microseconds: u64) -> Sample {
        let acts = [score > 3.0, score > 2.0, score > 1.0];
        Sample { is_attack, score, acts, by_rules: score > 2.5, bytes: 100, took: Duration::from_micros(microseconds) }
    }

    #[test]
    fn both_kinds_are_counted_at_every_level_and_at_the_scores_own_cuts() {
        let mut samples: Vec<Sample> = (0..100).map(|_| sample(false, 0.0, 10)).collect();
        samples.push(sample(false, 2.2, 10));
        samples.extend([sample(true, 4.0, 1000), sample(true, 2.3, 10), sample(true, 0.5, 10)]);
        let cuts = Cuts::of(samples.iter());
        let figures = Figures::of("all", samples.iter(), &cuts);
        assert_eq!((figures.attacks, figures.honest), (3, 101));
        let attacks: Vec<u64> = figures.levels.iter().map(|found| found.attacks).collect();
        let honest: Vec<u64> = figures.levels.iter().map(|found| found.honest).collect();
        assert_eq!((attacks, honest), (vec![1, 2, 2], vec![0, 1, 1]));
        assert_eq!((figures.rules.attacks, figures.rules.honest), (1, 0));
        let [tight, _, loose] = figures.cuts.map(Option::unwrap);
        assert_eq!((tight.attacks, tight.honest), (2, 0), "none of 101 is a thousandth of them");
        assert_eq!((loose.attacks, loose.honest), (3, 1));
        assert_eq!((figures.median.as_micros(), figures.p99.as_micros()), (10, 10));
        assert!((figures.megabytes_per_second() - 5.12).abs() < 0.01, "{}", figures.megabytes_per_second());
    }

    #[test]
    fn group_of_one_kind_has_no_auc_and_attacks_alone_no_cuts() {
        let attacks = [sample(true, 4.0, 10)];
        let figures = Figures::of("a", attacks.iter(), &Cuts::of(attacks.iter()));
        assert!(figures.auc.is_none() && figures.cuts.iter().all(Option::is_none));
    }
}
