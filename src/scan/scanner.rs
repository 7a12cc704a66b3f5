//! A text through the whole scanner: its views, the rules, the model, and one score.

use std::cmp::Reverse;

use crate::scan::finding::{Finding, Severity};
use crate::scan::model::{Level, Model, Parts, Score};
use crate::scan::ruleset::Ruleset;
use crate::scan::view::views;

/// Rules and model, made once and shared by all requests.
pub struct Scanner {
    rules: Ruleset,
    model: &'static Model,
}

/// What a text was found to be.
#[derive(Debug)]
pub struct Report {
    /// What decides. The findings say why.
    pub score: Score,
    pub parts: Parts,
    /// What the rules found, and the model's own finding where it is the one that is sure; in the order of the text.
    pub findings: Vec<Finding>,
}

/// The name that the model's own findings bear, among those of the rules.
pub const MODEL: &str = "model";

/// Enough to judge a text; a text with more of them is no better understood.
pub(crate) const FINDINGS_MAX: usize = 16;

impl Scanner {
    /// What the product ships with.
    pub fn builtin() -> Scanner {
        Scanner { rules: Ruleset::builtin(), model: Model::builtin() }
    }

    /// The score of one text as its author wrote it, without the escapes of its transport.
    pub fn scan(&self, text: &str) -> Report {
        let mut findings = Vec::new();
        let mut score = Score(f32::NEG_INFINITY);
        let mut parts = Parts::default();
        for view in &views(text) {
            let hits = self.rules.hits(view);
            let weighed = self.model.weigh(view.text(), &hits);
            if weighed.score > score {
                (score, parts) = (weighed.score, weighed.parts);
            }
            for hit in &hits {
                score = score.max(self.floor(hit.severity));
                if findings.iter().all(|known: &Finding| known.rule != hit.rule.id) {
                    findings.push(hit.finding(view));
                }
            }
        }
        for mark in self.rules.marks(text) {
            score = score.max(self.floor(mark.severity));
            findings.push(mark.mark());
        }
        Report { score, parts, findings: in_order(findings) }
    }

    pub fn threshold(&self, level: Level) -> Score {
        self.model.threshold(level)
    }

    /// A rule of high severity is as sure as `balanced` asks for, whatever the model says.
    fn floor(&self, severity: Severity) -> Score {
        match severity {
            Severity::High | Severity::Medium => self.threshold(Level::Balanced),
            Severity::Low => Score(f32::NEG_INFINITY),
        }
    }
}

fn in_order(mut findings: Vec<Finding>) -> Vec<Finding> {
    if findings.len() > FINDINGS_MAX {
        findings.sort_by_key(|finding| Reverse(finding.severity));
        findings.truncate(FINDINGS_MAX);
    }
    findings.sort_by_key(|finding| (finding.span.start, finding.span.end));
    findings
}
