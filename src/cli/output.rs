//! What commands say: secrets and listings on stdout, everything else on stderr.
//!
//! A command returns an `Answer` and writes nothing itself, so that nothing holds stdout across an `await` and tests
//! read what an operator would.

use std::io::{self, ErrorKind, Write};

use serde::Serialize;
use zeroize::Zeroizing;

use super::CliError;
use crate::clock::Timestamp;

/// All that one command has to say.
pub(crate) struct Answer {
    data: Data,
    note: String,
}

/// What goes to stdout.
enum Data {
    Nothing,
    Listing(String),
    /// Cannot be asked for again.
    Secret(Zeroizing<String>),
}

impl Answer {
    pub(crate) fn note(note: impl Into<String>) -> Answer {
        Answer { data: Data::Nothing, note: note.into() }
    }

    pub(crate) fn listing(text: String) -> Answer {
        Answer { data: Data::Listing(text), note: String::new() }
    }

    pub(crate) fn json(value: &impl Serialize) -> Result<Answer, CliError> {
        json_text(value).map(Answer::listing)
    }

    pub(crate) fn secret(text: Zeroizing<String>, note: impl Into<String>) -> Answer {
        Answer { data: Data::Secret(text), note: note.into() }
    }

    pub(crate) fn with_note(self, note: impl Into<String>) -> Answer {
        Answer { note: note.into(), ..self }
    }

    pub(crate) fn deliver(self) -> Result<(), CliError> {
        self.deliver_to(&mut io::stdout().lock(), &mut io::stderr().lock())
    }

    /// The note comes first, so that on a terminal it introduces the secret. A reader that closed the pipe has read
    /// all it wanted of a listing (`| head -1`); a secret that nobody read is an error.
    pub(crate) fn deliver_to(self, stdout: &mut impl Write, stderr: &mut impl Write) -> Result<(), CliError> {
        if !self.note.is_empty() {
            // Without stderr there is nowhere left to complain, and the data still counts.
            let _ = writeln!(stderr, "{}", self.note);
        }
        match self.data {
            Data::Nothing => Ok(()),
            Data::Secret(text) => write_line(stdout, &text).map_err(CliError::SecretLost),
            Data::Listing(text) => match write_line(stdout, &text) {
                Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
                outcome => outcome.map_err(CliError::Output),
            },
        }
    }
}

fn write_line(stdout: &mut impl Write, text: &str) -> io::Result<()> {
    writeln!(stdout, "{text}")?;
    stdout.flush()
}

pub(crate) fn json_text(value: &impl Serialize) -> Result<String, CliError> {
    serde_json::to_string_pretty(value).map_err(|error| CliError::Output(error.into()))
}

/// Columns under their headings, two spaces apart.
pub(crate) fn table(headings: &[&str], rows: &[Vec<String>]) -> String {
    let headings = headings.iter().map(|&heading| heading.to_owned()).collect();
    let lines: Vec<Vec<String>> = std::iter::once(headings)
        .chain(rows.iter().map(|row| row.iter().map(|cell| visible(cell)).collect()))
        .collect();
    let width = |column: usize| {
        lines.iter().filter_map(|line| line.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..lines[0].len()).map(width).collect();
    lines.iter().map(|line| aligned(line, &widths)).collect::<Vec<_>>().join("\n")
}

/// One record, a field a line.
pub(crate) fn fields(record: &[(&str, String)]) -> String {
    let width = record.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    let lines = record.iter().map(|(name, value)| aligned(&[(*name).to_owned(), visible(value)], &[width]));
    lines.collect::<Vec<_>>().join("\n")
}

fn aligned(cells: &[String], widths: &[usize]) -> String {
    let padded = cells.iter().enumerate().map(|(at, cell)| {
        let width = widths.get(at).copied().unwrap_or(0);
        format!("{cell:width$}")
    });
    padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
}

/// A name that came into the store by another way could hold what a terminal obeys.
fn visible(cell: &str) -> String {
    if cell.is_empty() {
        return "-".to_owned();
    }
    let escaped = |c: char| if c.is_control() { c.escape_default().to_string() } else { c.to_string() };
    cell.chars().map(escaped).collect()
}

/// RFC 3339, or `never`.
pub(crate) fn time_or_never(at: Option<Timestamp>) -> String {
    at.map_or_else(|| "never".to_owned(), |at| at.to_string())
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// What an operator would read on stdout and stderr.
    pub(crate) fn said(answer: Answer) -> (String, String) {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        answer.deliver_to(&mut out, &mut err).unwrap();
        (String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap())
    }

    struct ClosedPipe;

    impl Write for ClosedPipe {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(ErrorKind::BrokenPipe.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Err(ErrorKind::BrokenPipe.into())
        }
    }

    #[test]
    fn closed_pipe_ends_a_listing_quietly_and_loses_a_secret_loudly() {
        let listing = Answer::listing("a\nb".into());
        assert!(listing.deliver_to(&mut ClosedPipe, &mut Vec::new()).is_ok());
        let secret = Answer::secret(Zeroizing::new("wgk_canary".into()), "made");
        let error = secret.deliver_to(&mut ClosedPipe, &mut Vec::new()).unwrap_err();
        assert!(matches!(error, CliError::SecretLost(_)) && !error.to_string().contains("canary"), "{error}");
    }

    #[test]
    fn table_is_aligned_and_holds_nothing_a_terminal_obeys() {
        let rows =
            [vec!["1".into(), "Größe".into(), "x".into()], vec!["100".into(), "\u{1b}[2J".into(), String::new()]];
        let expected = "ID   NAME       END\n1    Größe      x\n100  \\u{1b}[2J  -";
        assert_eq!(table(&["ID", "NAME", "END"], &rows), expected);
    }
}
