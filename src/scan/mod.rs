//! The scan room: one user message enters, findings about it leave.
//!
//! A scan looks for the text of an attack on the assistant: an attempt to override its
//! instructions, to make it hand out what it was told in confidence, to hijack its persona,
//! or to smuggle control sequences and hidden characters past a human reader.
//!
//! `Scanner` reads one text in all its views, by rules and a model: its time grows linearly with the text,
//! whatever the text is, what hides words from plain eyes is undone to a bounded depth, and its spans point into the text
//! as it came. `Scan` reads a prompt: which of its texts (`passages`), under which terms (`terms`), whether they count
//! (`verdict`), and what goes from them (`sanitise`). `lesson` shows the trainer what the scanner sees.

mod automata;
mod confusables;
mod discreet;
mod finding;
mod framing;
#[cfg(test)]
mod fuzz;
mod hidden;
mod inspect;
mod lesson;
mod literals;
mod model;
pub(crate) mod normalise;
mod passages;
mod repetition;
pub(crate) mod rules;
mod ruleset;
mod sanitise;
mod scanner;
mod terms;
mod verdict;
mod view;
mod windows;
mod words;

pub use crate::scan::finding::{Category, Finding, Severity};
pub use crate::scan::inspect::Scan;
pub use crate::scan::lesson::{Lesson, Lessons, Piece, Reader, RuleHit};
pub use crate::scan::model::features::{BALLAST, CHARACTERS, WORDS};
pub use crate::scan::model::weights::{CATEGORY_SLOTS, CATEGORY_WORDS, Table, Weights};
pub use crate::scan::model::{Level, Parts, Score};
pub use crate::scan::passages::{by_turn, joints};
pub use crate::scan::scanner::{MODEL, Report, Scanner};
pub use crate::scan::terms::{Config, Oversize};
pub use crate::scan::verdict::{Reason, Refused, Verdict};
pub use crate::scan::view::Reading;

/// The ids of everything that finds something: the rules', and the model's.
pub fn rule_ids() -> impl Iterator<Item = &'static str> {
    rules::all().map(|rule| rule.id).chain([MODEL])
}

/// Whether a rule or the model has this id.
pub fn is_rule(id: &str) -> bool {
    rule_ids().any(|known| known == id)
}
