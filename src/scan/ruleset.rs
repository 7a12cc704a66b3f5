//! The compiled rules, and the walk of a text through them.
//!
//! One Aho-Corasick pass over the view finds the literals of all rules at once. A literal opens
//! a window around itself for each of its rules, windows that touch are merged, and only inside
//! them does the rule's regular expression run. Each rule therefore reads each byte at most once,
//! and the engine of the `regex` crate is linear, so the whole scan is.

use std::ops::Range;

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};
use regex::bytes::{Regex, RegexBuilder};

use crate::scan::finding::{Finding, Severity};
use crate::scan::normalise::{fold, is_plain};
use crate::scan::rules::{self, Find, Reach, Rule};
use crate::scan::view::{Reading, View};
use crate::scan::words;

/// All rules, compiled once at start-up and shared by all requests.
pub struct Ruleset {
    /// Rules that look for words.
    patterns: Vec<Pattern>,
    /// Finds the literals of all patterns.
    literals: AhoCorasick,
    /// For each literal, the patterns it belongs to, as indices.
    owners: Vec<Vec<usize>>,
    /// Patterns for words spelt out letter by letter that do not show where a word ends.
    joined: Vec<Joint>,
    /// Rules that look at the shape of any text.
    shapes: Vec<Code>,
    /// Rules that look for characters which plain ASCII text cannot hold.
    hidden: Vec<Code>,
}

struct Pattern {
    rule: &'static Rule,
    reach: Reach,
    regex: Regex,
}

/// A pattern that reads the joined letters from end to end.
struct Joint {
    rule: &'static Rule,
    regex: Regex,
}

struct Code {
    rule: &'static Rule,
    find: fn(&str) -> Option<Range<usize>>,
}

impl Ruleset {
    /// The rules that the product ships with.
    pub fn builtin() -> Ruleset {
        Ruleset::compile(rules::all())
    }

    /// What the rules match in a view, at most once each.
    pub(crate) fn hits(&self, view: &View<'_>) -> Vec<Hit> {
        let text = view.text();
        let mut hits = Vec::new();
        self.scan_words(text, |rule, span| hits.push(Hit::new(rule, text, span)));
        if view.reading() == Reading::Joined {
            for pattern in &self.joined {
                if hits.iter().all(|hit| hit.rule.id != pattern.rule.id)
                    && let Some(found) = pattern.regex.find(text.as_bytes())
                {
                    hits.push(Hit { rule: pattern.rule, severity: pattern.rule.severity, span: found.range() });
                }
            }
        }
        hits
    }

    /// What the rules find that look at characters and shapes: at the text as it came.
    pub(crate) fn marks(&self, original: &str) -> Vec<Hit> {
        let hidden = self.hidden.iter().filter(|_| !is_plain(original.as_bytes()));
        hidden
            .chain(&self.shapes)
            .filter_map(|code| {
                Some(Hit { rule: code.rule, severity: code.rule.severity, span: (code.find)(original)? })
            })
            .collect()
    }

    fn compile(rules: impl Iterator<Item = &'static Rule>) -> Ruleset {
        let mut set = RulesetParts::default();
        rules.for_each(|rule| set.add(rule));
        Ruleset {
            literals: literal_search(&set.literals),
            patterns: set.patterns,
            owners: set.owners,
            joined: set.joined,
            shapes: set.shapes,
            hidden: set.hidden,
        }
    }

    /// Hands over each rule that matches, with the span of its first match.
    fn scan_words(&self, view: &str, mut found: impl FnMut(&'static Rule, Range<usize>)) {
        // Rule by rule, since the automaton of one expression stays in the cache meanwhile.
        for (pattern, windows) in self.patterns.iter().zip(self.windows(view)) {
            let mut hits = windows.iter().filter_map(|window| search(&pattern.regex, view.as_bytes(), window));
            if let Some(span) = hits.next() {
                found(pattern.rule, span);
            }
        }
    }

    /// For each pattern the parts of the view to search, ascending and apart from each other.
    /// No list at all, without an allocation, for a view without any literal.
    fn windows(&self, view: &str) -> Vec<Vec<Range<usize>>> {
        let mut windows = Vec::new();
        for hit in self.literals.find_overlapping_iter(view) {
            windows.resize_with(self.patterns.len(), Vec::new);
            for &owner in &self.owners[hit.pattern().as_usize()] {
                let reach = self.patterns[owner].reach;
                let next = reach_of(reach, hit.start()..hit.end(), view.len());
                push_window(&mut windows[owner], next);
            }
        }
        windows
    }
}

/// Bytes searched on the side of a literal where the rest of the match stands. An author who
/// puts more between the two halves of a sentence loses the model as well.
const FAR_BYTES: usize = 144;

/// Bytes searched on the other side: the rest of the literal's word, and what must follow it.
const NEAR_BYTES: usize = 32;

fn reach_of(reach: Reach, hit: Range<usize>, length: usize) -> Range<usize> {
    let (before, after) = match reach {
        Reach::Ahead => (NEAR_BYTES, FAR_BYTES),
        Reach::Back => (FAR_BYTES, NEAR_BYTES),
        Reach::Around => (FAR_BYTES, FAR_BYTES),
    };
    hit.start.saturating_sub(before)..length.min(hit.end + after)
}

/// Adds a window, or lets the last one grow when they touch.
fn push_window(windows: &mut Vec<Range<usize>>, next: Range<usize>) {
    match windows.last_mut() {
        Some(last) if next.start <= last.end => last.end = last.end.max(next.end),
        _ => windows.push(next),
    }
}

/// Searches a window with its surroundings in sight, so that word boundaries hold at its edges.
fn search(regex: &Regex, view: &[u8], window: &Range<usize>) -> Option<Range<usize>> {
    let hit = regex.find_at(&view[..window.end], window.start)?;
    Some(hit.range())
}

/// A rule's match, in bytes of the text that was searched.
pub(crate) struct Hit {
    pub(crate) rule: &'static Rule,
    pub(crate) severity: Severity,
    pub(crate) span: Range<usize>,
}

impl Hit {
    fn new(rule: &'static Rule, view: &str, span: Range<usize>) -> Hit {
        let severity = if is_talk_about(view.as_bytes(), &span) { Severity::Low } else { rule.severity };
        Hit { rule, severity, span }
    }

    /// The match as it stands in the original, by the way that a view has back to it.
    pub(crate) fn finding(&self, view: &View<'_>) -> Finding {
        Finding {
            rule: self.rule.id,
            category: self.rule.category,
            severity: self.severity,
            span: view.locate(self.span.clone()),
            reading: view.reading(),
        }
    }

    /// A match in the original itself.
    pub(crate) fn mark(self) -> Finding {
        Finding {
            rule: self.rule.id,
            category: self.rule.category,
            severity: self.severity,
            span: self.span,
            reading: Reading::Original,
        }
    }
}

/// Whether the match opens a quotation that the words before it talk about, as in: explain what
/// "ignore previous instructions" means.
///
/// Such a match is weakened and not dropped, since an attacker can write the same words.
fn is_talk_about(view: &[u8], span: &Range<usize>) -> bool {
    let before = &view[span.start.saturating_sub(TALK_BYTES)..span.start];
    let Some((b'"' | b'\'' | b'`', lead)) = before.split_last() else {
        return false;
    };
    let lead = lead.to_ascii_lowercase();
    TALK.iter().any(|word| memchr::memmem::find(&lead, word.as_bytes()).is_some())
}

/// How far before a quotation its introduction is looked for, in bytes.
const TALK_BYTES: usize = 64;

const TALK: &[&str] = &[
    "explain", "mean", "phrase", "detect", "classif", "such as", "like", "example", "string", "e.g.", "why", "term",
    "called", "is this", "block", "flag",
];

#[derive(Default)]
struct RulesetParts {
    patterns: Vec<Pattern>,
    literals: Vec<String>,
    owners: Vec<Vec<usize>>,
    joined: Vec<Joint>,
    shapes: Vec<Code>,
    hidden: Vec<Code>,
}

impl RulesetParts {
    fn add(&mut self, rule: &'static Rule) {
        match rule.find {
            Find::Words { literals, reach, pattern } => {
                self.add_literals(literals);
                let regex = compile(&words::expand(pattern));
                self.patterns.push(Pattern { rule, reach, regex });
            }
            Find::Shape(find) => self.shapes.push(Code { rule, find }),
            Find::Hidden(find) => self.hidden.push(Code { rule, find }),
        }
        if let Some(pattern) = rule.joined {
            let regex = compile(&words::expand_joined(pattern));
            self.joined.push(Joint { rule, regex });
        }
    }

    /// Notes the literals as those of the pattern that is added next.
    fn add_literals(&mut self, literals: &[&str]) {
        let owner = self.patterns.len();
        for literal in literals.iter().map(|literal| fold(literal)) {
            match self.literals.iter().position(|known| *known == literal) {
                Some(at) => self.owners[at].push(owner),
                None => {
                    self.literals.push(literal);
                    self.owners.push(vec![owner]);
                }
            }
        }
    }
}

/// ASCII letters match in either case; all others are lower-case in the view already, which
/// keeps the automata free of Unicode tables.
fn compile(pattern: &str) -> Regex {
    RegexBuilder::new(pattern)
        .unicode(false)
        .case_insensitive(true)
        .multi_line(true)
        .build()
        .expect("built-in patterns are compiled by every test run")
}

fn literal_search(literals: &[String]) -> AhoCorasick {
    AhoCorasick::builder()
        .ascii_case_insensitive(true)
        .match_kind(MatchKind::Standard)
        .kind(Some(AhoCorasickKind::DFA))
        .build(literals)
        .expect("built-in literals are compiled by every test run")
}
