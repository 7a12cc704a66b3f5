//! `wardgate scan`: what the gate would make of a text, a request body or rows of them, and why; and how good the
//! scanner is on texts whose label is known.
//!
//! The same scanner, by the same config, on the same texts of a body as the gate looks at. Nothing is sent anywhere.

mod eval;
mod input;
mod judge;
mod report;
mod rows;
mod rules;
mod show;

use std::io;
use std::path::PathBuf;

use clap::Args;

use self::eval::By;
use self::input::{Input, Rows};
use self::judge::Judge;
use super::CliError;
use super::tenant::values::{scan_level, scan_mode};
use crate::scan::Level;
use crate::tenant::ScanMode;

#[derive(Debug, Args)]
pub(crate) struct ScanArgs {
    /// A text, the JSON body of a request, or JSON lines with a text or a body each; - for standard input
    #[arg(default_value = input::STDIN, value_name = "FILE")]
    file: PathBuf,
    /// For machines: one object, or one a line where lines were given
    #[arg(long)]
    json: bool,
    /// How often honest texts may be taken for attacks: strict (0.1 %), balanced (0.5 %) or sensitive (1 %) [default:
    /// the config's]
    #[arg(long, value_parser = scan_level)]
    level: Option<Level>,
    /// What becomes of an attack: block, sanitize, flag or shadow [default: the config's]
    #[arg(long, value_parser = scan_mode, conflicts_with = "eval")]
    mode: Option<ScanMode>,
    /// List the rules, and scan nothing
    #[arg(long, conflicts_with_all = ["file", "eval", "level", "mode"])]
    rules: bool,
    /// Measure the scanner by labelled texts: JSON lines with text and label (0 or 1), and source, category and lang
    /// where known; - for standard input
    #[arg(long, value_name = "FILE", conflicts_with = "file")]
    eval: Option<PathBuf>,
    /// By what the measured texts are told apart: source, category or lang [default: source]
    #[arg(long, value_parser = by, requires = "eval")]
    by: Option<By>,
}

/// Exit 3 where the gate would block it.
pub(crate) fn run(args: &ScanArgs, config: Option<PathBuf>) -> Result<(), CliError> {
    if args.rules {
        return rules::answer(args.json)?.deliver();
    }
    let mut config = super::source(config, Vec::new())?.scan()?;
    (config.mode, config.level) = (args.mode.unwrap_or(config.mode), args.level.unwrap_or(config.level));
    // What is typed holds for every category and source that has something of its own.
    let sources = [&mut config.tools, &mut config.documents].into_iter().flatten();
    for terms in config.by_category.values_mut().chain(sources) {
        terms.mode = terms.mode.map(|mode| args.mode.unwrap_or(mode));
        terms.level = terms.level.map(|level| args.level.unwrap_or(level));
    }
    let judge = Judge::new(config);
    if let Some(file) = &args.eval {
        let by = args.by.unwrap_or(By::Source);
        return eval::answer(Rows::open(file)?, &judge, by, args.json)?.deliver();
    }
    let blocks = match Input::open(&args.file)? {
        Input::Whole(bytes) => {
            let judged = judge.judge(input::texts(bytes)?);
            report::answer(&judge, &judged, args.json)?.deliver()?;
            judge.blocks(&judged)
        }
        Input::Rows(rows) => rows::tell(rows, &judge, args.json, &mut io::stdout().lock())?,
    };
    if blocks { Err(CliError::WouldBlock) } else { Ok(()) }
}

fn by(text: &str) -> Result<By, &'static str> {
    By::ALL.into_iter().find(|by| by.as_str() == text).ok_or("texts are told apart by source, category or lang")
}
