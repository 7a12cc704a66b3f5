//! Whether a text counts, and what was made of a prompt.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::ops::Range;

use http::HeaderValue;
use memchr::memmem;

use super::terms::Terms;
use super::{Category, Finding, Level, MODEL, Reading, Report, Scanner, Score, Severity};
use crate::digest::{hex, sha256};
use crate::metrics::{Metrics, ScanLabels};
use crate::prompt::Source;
use crate::telemetry::{RequestLog, ScanFinding};
use crate::tenant::ScanMode;

/// Why a text counts, and what that leads to.
pub struct Reason {
    pub finding: Finding,
    pub mode: ScanMode,
    /// What the text's score had to reach.
    level: Level,
    score: f32,
    /// The surest level that the score reaches.
    pub reached: Level,
}

/// Why a text counts as an attack: findings of the categories that are looked for, where the text's score is as high as
/// their level asks. What honest text often has is no reason by itself.
pub(super) fn judge(scanner: &Scanner, terms: &Terms<'_>, source: Source, text: &str) -> Vec<Reason> {
    let original = text;
    let (report, text) = read(scanner, terms, text);
    let model_decides = !terms.allows(MODEL);
    if model_decides && report.score < scanner.threshold(Level::Sensitive) {
        return Vec::new();
    }
    let with_its_score = |finding| (finding, report.score);
    let mut found: Vec<(Finding, Score)> = report.findings.into_iter().map(with_its_score).collect();
    found.retain(|(finding, _)| !terms.allows(finding.rule));
    let weak = found.first().map(|(finding, _)| finding.category);
    found.retain(|(finding, _)| finding.rule == MODEL || finding.severity > Severity::Low);
    if model_decides && found.is_empty() {
        // The score has no finding to show for itself: it is all of the text.
        let category = weak.unwrap_or(Category::Override);
        let (severity, span) = (Severity::High, 0..text.len());
        found.push(with_its_score(Finding { rule: MODEL, category, severity, span, reading: Reading::Folded }));
    } else if model_decides
        && terms.tells_categories_apart(source)
        && found.iter().all(|(finding, _)| finding.rule != MODEL)
    {
        // What rules found may be of a category that matters less than that of the words.
        found.extend(scanner.scan_words(&text));
    }
    let reaches = |finding: &Finding, score: Score, level: Level| match (model_decides, level) {
        (true, _) => score >= scanner.threshold(level),
        (false, Level::Strict) => finding.severity == Severity::High,
        (false, Level::Balanced | Level::Sensitive) => true,
    };
    let counts = |(finding, score): (Finding, Score)| {
        if !terms.looks_for(finding.category) {
            return None;
        }
        let (mode, level) = terms.of(source, finding.category);
        let reached = Level::ALL.into_iter().find(|level| reaches(&finding, score, *level))?;
        // What was blanked may have had longer characters.
        let whole =
            |span: &Range<usize>| original.floor_char_boundary(span.start)..original.ceil_char_boundary(span.end);
        let finding = Finding { span: whole(&finding.span), ..finding };
        (reached <= level).then_some(Reason { finding, mode, level, score: score.0, reached })
    };
    found.into_iter().filter_map(counts).collect()
}

/// The scan of a text without what allowed rules find in it: neither rules nor model read these passages. What another
/// rule finds, too, stays. With it what was read of the text.
fn read<'t>(scanner: &Scanner, terms: &Terms<'_>, text: &'t str) -> (Report, Cow<'t, str>) {
    let mut report = scanner.scan(text);
    let mut rest = Cow::Borrowed(text);
    if !terms.allows_a_rule() {
        return (report, rest);
    }
    for _ in 0..rounds(text.len()) {
        let (allowed, others): (Vec<&Finding>, Vec<&Finding>) =
            report.findings.iter().partition(|finding| finding.rule != MODEL && terms.allows(finding.rule));
        let counts_otherwise = |finding: &Finding| {
            let mut others = others.iter().filter(|other| other.severity > Severity::Low && other.rule != MODEL);
            others.any(|other| other.span.start < finding.span.end && finding.span.start < other.span.end)
        };
        let allowed = allowed.into_iter().filter(|found| !counts_otherwise(found));
        let passages: BTreeSet<&str> = allowed.map(|found| &rest[found.span.clone()]).collect();
        if passages.is_empty() {
            break;
        }
        rest = Cow::Owned(blanked(&rest, &passages));
        report = scanner.scan(&rest);
    }
    (report, rest)
}

/// The text with spaces in place of each passage, wherever it stands; every other byte keeps its place.
fn blanked(text: &str, passages: &BTreeSet<&str>) -> String {
    let mut bytes = text.as_bytes().to_vec();
    for passage in passages {
        for at in memmem::find_iter(text.as_bytes(), passage.as_bytes()) {
            bytes[at..at + passage.len()].fill(b' ');
        }
    }
    String::from_utf8(bytes).expect("what is blanked are whole characters")
}

/// How often a text is read again after something went from it: seldom where it is long, so that no text costs more than
/// its share.
pub(super) fn rounds(length: usize) -> usize {
    (ROUNDS_BYTES / length.max(1)).clamp(ROUNDS_MIN, ROUNDS_MAX)
}

const ROUNDS_MAX: usize = 16;
const ROUNDS_MIN: usize = 2;
/// Bytes that are read in all rounds together, where these are more than the fewest.
const ROUNDS_BYTES: usize = 1 << 20;

/// What the scanner made of a prompt that passes.
#[derive(Debug, Default)]
pub struct Verdict {
    /// What was done; the strongest where several things were.
    acted: Option<ScanMode>,
    found: Vec<Found>,
    findings: Vec<ScanFinding>,
    /// Of the text that is an attack most surely, and the level that it had to reach.
    score: Option<(f32, Level)>,
    /// Whether parts of the text alone were read.
    sampled: bool,
    /// Whether there was anything to be read.
    pub(super) looked: bool,
}

/// A category that was found.
#[derive(Debug, PartialEq, Eq)]
struct Found {
    category: Category,
    mode: ScanMode,
    /// The surest level that a text with it reaches.
    reached: Level,
}

/// Why a prompt is not forwarded.
#[derive(Debug)]
pub enum Refused {
    /// The client learns the category; the rules go to the log alone.
    Blocked { category: Category, verdict: Verdict },
    /// There is more text than is scanned, and the config would not have a part of it scanned.
    TooLong { bytes_max: usize },
    /// So many long prompts are to be read that this one waited too long for its turn.
    Overloaded,
    /// The scan came to no end, by a defect of ours.
    Failed,
}

impl Verdict {
    /// Notes why a text counts, and by which words.
    pub(super) fn note(&mut self, reason: &Reason, passage: &str, log_text: bool) {
        self.acted = self.acted.max(Some(reason.mode));
        if self.score.is_none_or(|(score, _)| score < reason.score) {
            self.score = Some((reason.score, reason.level));
        }
        let Finding { category, rule, reading, .. } = reason.finding;
        match self.found.iter_mut().find(|found| found.category == category && found.mode == reason.mode) {
            Some(found) => found.reached = found.reached.min(reason.reached),
            None => self.found.push(Found { category, mode: reason.mode, reached: reason.reached }),
        }
        let digest = hex(&sha256(passage.as_bytes())[..DIGEST_BYTES]);
        let is_known = |known: &ScanFinding| known.rule == rule && known.digest == digest;
        if self.findings.len() < FINDINGS_LOGGED_MAX && !self.findings.iter().any(is_known) {
            let text = log_text.then(|| passage.chars().take(CHARS_LOGGED_MAX).collect());
            self.findings.push(ScanFinding { rule, reading: reading.as_str(), digest, text });
        }
    }

    pub(super) fn sampled(&mut self) {
        self.sampled = true;
    }

    pub(super) fn is_blocked(&self) -> bool {
        self.acted == Some(ScanMode::Block)
    }

    /// The refusal, where something was found whose mode is to block.
    pub(super) fn blocked(self) -> Result<Verdict, Refused> {
        let blocks = |found: &&Found| found.mode == ScanMode::Block;
        match self.found.iter().find(blocks).map(|found| found.category) {
            Some(category) => Err(Refused::Blocked { category, verdict: self }),
            None => Ok(self),
        }
    }

    pub fn record(&self, log: &mut RequestLog, metrics: &Metrics) {
        let word = match self.acted {
            None => "clean",
            Some(ScanMode::Block) => "blocked",
            Some(ScanMode::Sanitize) => "sanitized",
            Some(ScanMode::Flag) => "flagged",
            Some(ScanMode::Shadow) => "shadowed",
        };
        let line = &mut log.line;
        // A prompt at which nobody looked is not called clean.
        line.scan = self.looked.then_some(word);
        line.scan_sampled = self.sampled;
        line.scan_score = self.score.map(|(score, _)| score);
        line.scan_level = self.score.map(|(_, level)| level.as_str());
        for finding in &self.findings {
            if !line.scan_rules.contains(&finding.rule) {
                line.scan_rules.push(finding.rule);
            }
        }
        line.scan_findings.clone_from(&self.findings);
        if !self.looked {
            return;
        }
        metrics.scanned(word, self.sampled);
        for Found { category, mode, reached } in &self.found {
            let (category, mode, level) = (category.as_str(), mode.as_str(), reached.as_str());
            metrics.scan_found(ScanLabels { category, mode, level });
        }
    }

    /// What an upstream is told: the categories of a flagged or sanitised prompt.
    pub fn header(&self) -> Option<HeaderValue> {
        let word = match self.acted? {
            ScanMode::Flag => "flagged",
            ScanMode::Sanitize => "sanitized",
            ScanMode::Block | ScanMode::Shadow => return None,
        };
        let mut categories: Vec<&str> = Vec::new();
        for found in self.found.iter().filter(|found| found.mode != ScanMode::Shadow) {
            if !categories.contains(&found.category.as_str()) {
                categories.push(found.category.as_str());
            }
        }
        HeaderValue::from_str(&format!("{word}; categories={}", categories.join(","))).ok()
    }
}

impl Refused {
    pub fn record(&self, log: &mut RequestLog, metrics: &Metrics) {
        match self {
            Refused::Blocked { verdict, .. } => verdict.record(log, metrics),
            Refused::TooLong { .. } => {
                log.line.scan = Some(TOO_LONG);
                metrics.scanned(TOO_LONG, false);
            }
            Refused::Overloaded => {
                log.line.scan = Some(OVERLOADED);
                metrics.scanned(OVERLOADED, false);
            }
            Refused::Failed => {
                log.line.scan = Some(FAILED);
                metrics.scanned(FAILED, false);
            }
        }
    }
}

const TOO_LONG: &str = "too_long";
const OVERLOADED: &str = "overloaded";
const FAILED: &str = "failed";
/// Half of it is enough to find the same passage again, and too little to find the passage by.
const DIGEST_BYTES: usize = 8;
/// An attack has few; a line of the log stays a line.
const FINDINGS_LOGGED_MAX: usize = 16;
const CHARS_LOGGED_MAX: usize = 256;
