//! The card of the model: how it does on sources and languages that it never saw, as Markdown.

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::data::Text;

/// A text that was not learned from, and what became of it.
pub(crate) struct Judged<'t> {
    pub(crate) text: &'t Text,
    pub(crate) score: f32,
    pub(crate) certain: bool,
}

/// The scores from which on a text counts as an attack, at `strict`, `balanced` and `sensitive`.
#[derive(Clone, Copy)]
pub(crate) struct Thresholds(pub(crate) [f32; 3]);

impl Thresholds {
    /// The lowest that keep honest texts of general traffic below the levels' rates.
    pub(crate) fn of(judged: &[Judged<'_>]) -> Thresholds {
        let mut honest: Vec<_> = judged.iter().map(|judged| (judged, traffic(judged.text))).collect();
        honest.retain(|(_, weight)| *weight > 0.0);
        let all: f32 = honest.iter().map(|(_, weight)| weight).sum();
        Thresholds(RATES.map(|rate| {
            let lifted =
                |judged: &Judged<'_>| if judged.certain && rate > RATES[0] { f32::INFINITY } else { judged.score };
            honest.sort_by(|one, other| lifted(other.0).total_cmp(&lifted(one.0)));
            let mut above = 0.0;
            let first_too_many = honest.iter().find(|(_, weight)| {
                above += weight;
                above > rate * all
            });
            let threshold = first_too_many.map_or(0.0, |(judged, _)| lifted(judged).next_up());
            if threshold.is_finite() { threshold } else { 0.0 }
        }))
        .in_order()
    }

    /// A stricter level is never passed by what a more sensitive one lets through.
    fn in_order(mut self) -> Thresholds {
        self.0[1] = self.0[1].min(self.0[0]);
        self.0[2] = self.0[2].min(self.0[1]);
        self
    }

    fn passed(&self, level: usize, judged: &Judged<'_>) -> bool {
        judged.score >= self.0[level] || judged.certain && level > 0
    }

    fn rates<'a>(&self, judged: impl Iterator<Item = &'a Judged<'a>> + Clone) -> [f32; 3] {
        let all = judged.clone().count().max(1) as f32;
        [0, 1, 2].map(|level| 100.0 * judged.clone().filter(|judged| self.passed(level, judged)).count() as f32 / all)
    }
}

const RATES: [f32; 3] = [0.001, 0.005, 0.01];

/// What an honest text counts in the making of thresholds: ordinary chat, code and documents do, and what was written to
/// provoke a scanner does not.
fn traffic(text: &Text) -> f32 {
    match text.source.as_str() {
        _ if text.attack => 0.0,
        "oasst" | "selfinstruct" | "mtbench" | "arena_hard_v01" | "ifeval" | "ultrachat" | "code_dev" | "docs_dev" => {
            1.0
        }
        "gpteacher" | "neuralchemy" => 0.5,
        // The only honest texts in many languages, all of them about prompts.
        "ui_ml" => 0.25,
        _ => 0.0,
    }
}

/// Recall of attacks and false positives of honest texts, by source.
pub(crate) fn by_source(judged: &[Judged<'_>], thresholds: Thresholds) -> String {
    let mut sources: BTreeMap<(bool, &str), Vec<&Judged<'_>>> = BTreeMap::new();
    for judged in judged {
        sources.entry((!judged.text.attack, &judged.text.source)).or_default().push(judged);
    }
    let honest: Vec<&Judged<'_>> = judged.iter().filter(|judged| traffic(judged.text) > 0.0).collect();
    let mut table = heading("source", "AUC");
    let mut means = [0.0f32; 4];
    let attacks = sources.keys().filter(|(honest, _)| !honest).count() as f32;
    for ((is_honest, source), texts) in &sources {
        let rates = thresholds.rates(texts.iter().copied());
        let kind = if *is_honest { "honest" } else { "attacks" };
        if *is_honest {
            row(&mut table, &format!("{kind}: {source}"), texts.len(), rates, "–");
            continue;
        }
        let auc = auc(texts, &honest);
        row(&mut table, &format!("{kind}: {source}"), texts.len(), rates, &format!("{auc:.3}"));
        let [strict, balanced, sensitive] = rates;
        [strict, balanced, sensitive, auc].iter().zip(&mut means).for_each(|(rate, mean)| *mean += rate / attacks);
    }
    let pooled: Vec<&Judged<'_>> = judged.iter().filter(|judged| judged.text.attack).collect();
    let [strict, balanced, sensitive, mean_auc] = means;
    let rates = thresholds.rates(pooled.iter().copied());
    row(&mut table, "**all attacks**", pooled.len(), rates, &format!("{:.3}", auc(&pooled, &honest)));
    row(
        &mut table,
        "**mean of the sources of attacks**",
        pooled.len(),
        [strict, balanced, sensitive],
        &format!("{mean_auc:.3}"),
    );
    row(&mut table, "**general traffic**", honest.len(), thresholds.rates(honest.iter().copied()), "–");
    table
}

/// Recall, or false positives, by what `group` says of a text.
pub(crate) fn by<'t>(
    judged: &'t [Judged<'t>],
    thresholds: Thresholds,
    what: &str,
    group: impl Fn(&'t Text) -> Option<String>,
) -> String {
    let mut groups: BTreeMap<String, Vec<&Judged<'_>>> = BTreeMap::new();
    for judged in judged {
        if let Some(name) = group(judged.text) {
            groups.entry(name).or_default().push(judged);
        }
    }
    let mut table = heading(what, "");
    for (name, texts) in &groups {
        row(&mut table, name, texts.len(), thresholds.rates(texts.iter().copied()), "");
    }
    table
}

fn heading(what: &str, last: &str) -> String {
    format!(
        "| {what} | texts | at strict | at balanced | at sensitive | {last} |\n| --- | --- | --- | --- | --- | --- |\n"
    )
}

fn row(table: &mut String, name: &str, texts: usize, [strict, balanced, sensitive]: [f32; 3], last: &str) {
    let line = format!("| {name} | {texts} | {strict:.2} % | {balanced:.2} % | {sensitive:.2} % | {last} |");
    writeln!(table, "{line}").expect("a string takes all that is written");
}

/// How often an attack weighs more than a text of general traffic.
fn auc(attacks: &[&Judged<'_>], honest: &[&Judged<'_>]) -> f32 {
    let mut scores: Vec<(f32, f32)> = honest.iter().map(|judged| (judged.score, traffic(judged.text))).collect();
    scores.sort_by(|one, other| one.0.total_cmp(&other.0));
    let mut below = Vec::with_capacity(scores.len() + 1);
    let mut sum = 0.0;
    below.push(sum);
    for (_, weight) in &scores {
        sum += weight;
        below.push(sum);
    }
    let beaten = |judged: &&Judged<'_>| below[scores.partition_point(|(score, _)| *score < judged.score)] / sum;
    attacks.iter().map(beaten).sum::<f32>() / attacks.len().max(1) as f32
}
