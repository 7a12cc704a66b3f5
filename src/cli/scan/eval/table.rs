//! Figures as people and machines read them. Beside every share stands how far it can be believed.

use std::time::Duration;

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::figures::{Figures, Found, SHARES};
use super::{By, roc};
use crate::cli::output::table;
use crate::cli::scan::judge::Judge;
use crate::scan::Level;

/// Attacks, honest texts and times, each with a line for all and one for each group that has any.
pub(super) fn tables(judge: &Judge, by: By, all: &Figures, groups: &[Figures]) -> String {
    let name = by.as_str().to_uppercase();
    let lines: Vec<&Figures> = std::iter::once(all).chain(groups).collect();
    let plain = groups.iter().find(|group| by == By::Category && group.name == PLAIN && group.attacks > 0);
    let shown = [
        (all.attacks > 0).then(|| attacks(&name, judge.config.level, plain, &lines)),
        (all.honest > 0).then(|| honest(&name, &lines)),
        Some(times(&name, &lines)),
        Some(note(judge, plain.is_some())),
    ];
    shown.into_iter().flatten().collect::<Vec<_>>().join("\n\n")
}

fn attacks(name: &str, level: Level, plain: Option<&Figures>, lines: &[&Figures]) -> String {
    let cuts = SHARES.map(|(share, _)| format!("AT {share}"));
    let mut headings = vec![name, "ATTACKS"];
    headings.extend(LEVELS);
    headings.extend(["RULES", &cuts[0], &cuts[1], &cuts[2], "AUC"]);
    headings.extend(plain.map(|_| "KEPT"));
    let row = |figures: &&Figures| {
        let recall = |found: Found| percent_between(found.attacks, figures.attacks);
        let mut row = vec![figures.name.clone(), figures.attacks.to_string()];
        row.extend(figures.levels.map(recall));
        row.push(recall(figures.rules));
        row.extend(
            figures.cuts.map(|found| found.map_or_else(String::new, |found| percent(found.attacks, figures.attacks))),
        );
        row.push(figures.auc.map_or_else(String::new, |auc| format!("{auc:.4}")));
        row.extend(plain.and_then(|plain| kept(figures, plain, level)).map(|share| format!("{:.0}%", share * 100.0)));
        row
    };
    let rows: Vec<Vec<String>> = lines.iter().filter(|figures| figures.attacks > 0).map(row).collect();
    table(&headings, &rows)
}

fn honest(name: &str, lines: &[&Figures]) -> String {
    let mut headings = vec![name, "HONEST"];
    headings.extend(LEVELS);
    headings.push("RULES");
    let row = |figures: &&Figures| {
        let taken = |found: Found| format!("{} = {}", found.honest, percent_between(found.honest, figures.honest));
        let mut row = vec![figures.name.clone(), figures.honest.to_string()];
        row.extend(figures.levels.map(taken));
        row.push(taken(figures.rules));
        row
    };
    let rows: Vec<Vec<String>> = lines.iter().filter(|figures| figures.honest > 0).map(row).collect();
    table(&headings, &rows)
}

fn times(name: &str, lines: &[&Figures]) -> String {
    let row = |figures: &&Figures| {
        vec![
            figures.name.clone(),
            (figures.attacks + figures.honest).to_string(),
            (figures.bytes / (figures.attacks + figures.honest)).to_string(),
            format!("{:.1}", microseconds(figures.median)),
            format!("{:.1}", microseconds(figures.p99)),
            format!("{:.1}", figures.megabytes_per_second()),
        ]
    };
    let rows: Vec<Vec<String>> = lines.iter().map(row).collect();
    table(&[name, "TEXTS", "MEAN BYTES", "MEDIAN µs", "P99 µs", "MB/s"], &rows)
}

fn note(judge: &Judge, has_plain: bool) -> String {
    let thresholds = Level::ALL.map(|level| format!("{} {:+.2}", level.as_str(), judge.threshold(level).0));
    let mut note = format!(
        "The first table is of attacks that were found, the second of honest texts that were taken for one; in brackets, where \
         the share lies by 19 of 20 samples. The levels' thresholds (log-odds): {}. RULES: some rule of medium severity or higher, \
         without the model. AT: by the score above which that share of all the file's honest texts lies.",
        thresholds.join(", ")
    );
    if has_plain {
        note.push_str(&format!(" KEPT: of the recall of {PLAIN}, at {}.", judge.config.level.as_str()));
    }
    note
}

pub(super) fn view(judge: &Judge, by: By, all: &Figures, groups: &[Figures]) -> Value {
    let thresholds: Map<String, Value> =
        Level::ALL.iter().map(|level| (level.as_str().to_owned(), judge.threshold(*level).0.into())).collect();
    let groups: Vec<Value> = groups.iter().map(figures_view).collect();
    json!({ "by": by.as_str(), "thresholds_log_odds": thresholds, "all": figures_view(all), "groups": groups })
}

/// What can not be told of the texts there were is `null`.
fn figures_view(figures: &Figures) -> Value {
    let found = |found: Found| {
        json!({
            "recall": ShareView::of(found.attacks, figures.attacks),
            "false_positives": ShareView::of(found.honest, figures.honest),
        })
    };
    let levels: Map<String, Value> =
        Level::ALL.iter().map(|level| (level.as_str().to_owned(), found(figures.at(*level)))).collect();
    let cuts: Map<String, Value> =
        SHARES.iter().zip(figures.cuts).map(|((name, _), cut)| ((*name).to_owned(), cut.map(found).into())).collect();
    json!({
        "group": figures.name,
        "attacks": figures.attacks,
        "honest": figures.honest,
        "levels": levels,
        "at_false_positives": cuts,
        "rules_alone": found(figures.rules),
        "auc": figures.auc,
        "time": {
            "bytes": figures.bytes,
            "microseconds_median": microseconds(figures.median),
            "microseconds_p99": microseconds(figures.p99),
            "megabytes_per_second": figures.megabytes_per_second(),
        },
    })
}

#[derive(Serialize)]
struct ShareView {
    count: u64,
    rate: f64,
    /// Wilson's interval, 95 %.
    low: f64,
    high: f64,
}

impl ShareView {
    fn of(part: u64, whole: u64) -> Option<ShareView> {
        let (low, high) = roc::interval(part, whole);
        (whole > 0).then(|| ShareView { count: part, rate: roc::ratio(part) / roc::ratio(whole), low, high })
    }
}

/// What is left of the recall of texts that are not disguised.
fn kept(figures: &Figures, plain: &Figures, level: Level) -> Option<f64> {
    let recall = |figures: &Figures| roc::ratio(figures.at(level).attacks) / roc::ratio(figures.attacks);
    (plain.at(level).attacks > 0).then(|| recall(figures) / recall(plain))
}

fn percent(part: u64, whole: u64) -> String {
    format!("{:.1}%", roc::ratio(part) / roc::ratio(whole) * 100.0)
}

fn percent_between(part: u64, whole: u64) -> String {
    let (low, high) = roc::interval(part, whole);
    let share = roc::ratio(part) / roc::ratio(whole);
    // Of one in a thousand the second digit tells something, of half of a few nothing does.
    let digits = usize::from(high < 0.1) + 1;
    format!("{:.digits$}% [{:.digits$}–{:.digits$}]", share * 100.0, low * 100.0, high * 100.0)
}

fn microseconds(span: Duration) -> f64 {
    span.as_secs_f64() * 1e6
}

/// In the order of `Level::ALL`.
const LEVELS: [&str; 3] = ["STRICT", "BALANCED", "SENSITIVE"];

/// Sets of evasions have the texts that were disguised, as they were, in a category of this name.
const PLAIN: &str = "none";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn share_stands_beside_how_far_it_can_be_believed() {
        assert_eq!(percent_between(3, 3), "100.0% [43.9–100.0]");
        assert_eq!(percent_between(1, 1000), "0.10% [0.02–0.56]");
        assert_eq!(percent_between(0, 3), "0.0% [0.0–56.1]");
        assert!(ShareView::of(0, 0).is_none());
    }
}
