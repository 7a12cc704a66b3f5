//! The scan room: one user message enters, findings about it leave.
//!
//! A scan looks for the text of an attack on the assistant: an attempt to override its
//! instructions, to make it hand out what it was told in confidence, to hijack its persona,
//! or to smuggle control sequences and hidden characters past a human reader.
//!
//! What is promised: the time of a scan grows linearly with the text, whatever the text is;
//! a clean text allocates nothing when it is plain ASCII; spans point into the text as it came.
//! What is not done here: no decoding of base64, hex or ROT13, no judgement across messages,
//! and no decision. Policy decides what a finding of a given category and severity leads to.

mod confusables;
mod finding;
#[cfg(test)]
mod fuzz;
mod hidden;
mod inspect;
mod joined;
mod model;
pub(crate) mod normalise;
mod repetition;
pub(crate) mod rules;
mod ruleset;
mod scanner;
mod view;
mod words;

pub use crate::scan::finding::{Category, Finding, Severity};
pub use crate::scan::inspect::{Blocked, Config, Scan, Verdict};
pub use crate::scan::model::{Level, Parts, Score};
pub use crate::scan::scanner::{MODEL, Report, Scanner};
pub use crate::scan::view::Reading;

/// Whether a rule has this id.
pub fn is_rule(id: &str) -> bool {
    rules::all().any(|rule| rule.id == id)
}
