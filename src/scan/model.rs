//! The linear model: what the words of a view weigh as an attack, beside the rules that found something in it.

use std::ops::Range;

use crate::scan::finding::{Category, Severity};
use crate::scan::ruleset::Hit;

/// How much a text is an attack, as log-odds; ever higher is ever surer.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Score(pub f32);

impl Score {
    pub fn max(self, other: Score) -> Score {
        Score(self.0.max(other.0))
    }
}

/// How often honest texts may be taken for attacks.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// One honest text in a thousand.
    Strict,
    /// One in two hundred.
    Balanced,
    /// One in a hundred.
    Sensitive,
}

/// The segment of a view that weighs most.
pub(crate) struct Weighed {
    pub(crate) score: Score,
    pub(crate) span: Range<usize>,
    /// What each part added to the score, for people to read.
    pub(crate) parts: Parts,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Parts {
    pub words: f32,
    pub characters: f32,
    pub rules: f32,
}

pub(crate) struct Model;

impl Model {
    pub(crate) fn builtin() -> &'static Model {
        &Model
    }

    /// Weighs a view by segments, so that no padding thins an attack out; the heaviest counts.
    pub(crate) fn weigh(&self, text: &str, hits: &[Hit]) -> Weighed {
        let sure = hits.iter().any(|hit| hit.severity > Severity::Low);
        let score = Score(if sure { 8.0 } else { -8.0 });
        let span = hits.first().map_or(0..text.len(), |hit| hit.span.clone());
        Weighed { score, span, parts: Parts { rules: score.0, ..Parts::default() } }
    }

    /// What a segment is that the model alone takes for an attack.
    pub(crate) fn category(&self, _segment: &str) -> Category {
        Category::Override
    }

    /// The score from which on a text counts as an attack.
    pub(crate) fn threshold(&self, level: Level) -> Score {
        Score(match level {
            Level::Strict => 4.0,
            Level::Balanced => 2.0,
            Level::Sensitive => 1.0,
        })
    }
}
