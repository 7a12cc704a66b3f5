//! The mock itself: what it answers, how it fails, and how it is controlled.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails where it stands")]
#![expect(clippy::disallowed_methods, reason = "what a test spawns ends with its runtime")]

mod answers;
mod control;
mod faults;
mod refusals;
mod support;
mod tools;
