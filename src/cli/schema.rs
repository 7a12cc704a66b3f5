//! `wardgate schema`: the config's JSON Schema, for editors and validators.

use super::CliError;
use super::output::Answer;

pub(crate) fn run() -> Result<(), CliError> {
    Answer::json(&crate::config::schema())?.deliver()
}
