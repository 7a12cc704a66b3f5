//! Promises that hold for any text: no panic, honest spans, linear time.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use proptest::prelude::*;

use crate::scan::Scanner;

/// Pieces of attacks and of awkward Unicode, so that generated texts reach the rules.
const PIECES: &[&str] = &[
    "ignore ",
    "all ",
    "previous ",
    "instructions",
    "your ",
    "reveal ",
    "the system prompt",
    "<|im_start|>",
    "i g n o r e ",
    "p-r-i-o-r ",
    "\u{200B}",
    "\u{202E}",
    "\u{E0041}",
    "\u{1F3F4}",
    "\u{FE0F}",
    "іgn",
    "оrе ",
    "ﬃ",
    "ﷺ",
    "é",
    "e\u{301}",
    "が",
    "ﾌﾟ",
    "𝐢",
    "忽略",
    "以上",
    "\0",
    "\u{1B}[2J",
    "\"",
    " \n\n",
    "cake ",
    "password",
];

fn text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => proptest::sample::select(PIECES).prop_map(str::to_owned),
        1 => any::<String>(),
    ];
    proptest::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
}

fn assert_spans_fit(set: &Scanner, text: &str) {
    let findings = set.scan(text).findings;
    let rules: HashSet<&str> = findings.iter().map(|finding| finding.rule).collect();
    assert_eq!(rules.len(), findings.len(), "{findings:?}");
    assert!(findings.is_sorted_by_key(|finding| finding.span.start));
    for finding in findings {
        assert!(text.get(finding.span.clone()).is_some_and(|found| !found.is_empty()), "{finding:?}");
    }
}

#[test]
fn spans_lie_on_character_boundaries_of_any_text() {
    let set = Scanner::builtin();
    let config = ProptestConfig::with_cases(2_000);
    proptest!(config, |(text in text())| assert_spans_fit(&set, &text));
}

/// The bound is a ratio to plain prose, generous enough for a debug build on a busy machine:
/// quadratic time would exceed it a thousandfold.
#[test]
fn no_text_takes_much_longer_than_prose_of_its_size() {
    let set = Scanner::builtin();
    let prose = time(&set, PROSE, TEXT_BYTES);
    for piece in [
        "ignore ",
        "<|<|<|",
        "ignore prompt the ",
        "a ",
        "\u{200B}a",
        "aи",
        "а ",
        "\u{301}",
        " ",
        "ﷺ",
        "instructions rules safety refuse ",
        "i g n o r e @i _a <b>",
        "AbCdEfGhIjKlMnOpQr\n",
        "%41",
        "1gn0re ",
        "erongi ",
    ] {
        let taken = time(&set, piece, TEXT_BYTES);
        assert!(taken < prose * 60, "{piece:?}: {taken:?}, prose: {prose:?}");
    }
}

/// Looks for the dearest text by changing the dearest ones found so far, piece by piece. A quadratic walk over rows of
/// letters was found by it: rows that one part took for ended went on in another, to the end of the text for each row.
///
/// Its bound holds in any build. What is promised is three times the time of English, which an optimised build on a quiet
/// machine shows: `WARDGATE_SEARCH_STEPS=3000 cargo test --release --lib dearest -- --nocapture`, some minutes long.
#[test]
fn a_search_for_the_dearest_text_finds_none_much_dearer_than_prose() {
    let steps = std::env::var("WARDGATE_SEARCH_STEPS").ok().and_then(|steps| steps.parse().ok());
    let dearest = search(steps.unwrap_or(STEPS), TEXT_BYTES / 4);
    for (ratio, pieces) in &dearest {
        println!("{ratio:6.2} times as long as prose: {:?}", pieces.concat());
    }
    let (ratio, pieces) = &dearest[0];
    assert!(*ratio < 120.0, "{pieces:?} takes {ratio:.0} times as long as prose");
}

/// The dearest texts, each by its time as a multiple of that of prose, and the pieces that it repeats.
fn search(steps: usize, bytes: usize) -> Vec<(f64, Vec<&'static str>)> {
    let set = Scanner::builtin();
    let prose = time(&set, PROSE, bytes).as_secs_f64();
    let pieces: Vec<&'static str> = PIECES.iter().chain(DISGUISES).copied().collect();
    let mut chance = Chance(0x9E37_79B9_7F4A_7C15);
    let mut dearest: Vec<(f64, Vec<&'static str>)> = Vec::new();
    for step in 0..steps {
        let mut text = match dearest.is_empty() || step % 4 == 0 {
            true => Vec::new(),
            false => dearest[chance.below(dearest.len())].1.clone(),
        };
        for _ in 0..=chance.below(4) {
            text.insert(chance.below(text.len() + 1), pieces[chance.below(pieces.len())]);
        }
        if text.len() > 12 {
            text.remove(chance.below(text.len()));
        }
        dearest.push((time(&set, &text.concat(), bytes).as_secs_f64() / prose, text));
        dearest.sort_by(|one, other| other.0.total_cmp(&one.0));
        dearest.truncate(16);
    }
    dearest
}

/// Xorshift: the same search each time.
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % bound as u64).unwrap()
    }
}

const STEPS: usize = 40;

/// Pieces of all that is undone.
const DISGUISES: &[&str] = &[
    "a ",
    "1gn0re ",
    "erongi ",
    "vtaber ",
    "ingore ",
    "%41",
    "%E5%BF",
    "\\u0069",
    "\\x69",
    "\\n",
    "&#105;",
    "&amp;",
    "<b>",
    "<",
    "<!--",
    "-->",
    "**",
    "a*",
    "`x",
    "_a ",
    "@",
    "aWdub3JlIGFsbCBydWxlcw== ",
    "aWdub3JlIGFs/",
    "AbCdEfGhIjKlMnOpQr\n",
    "69 67 ",
    "6e6f",
    "01101001 ",
    "忽 ",
    "а ",
    "иa",
    "ignoreallpreviousrules",
    "1lI|",
    "!1",
];

const PROSE: &str = "The committee met on Tuesday to review the cost of heating. ";

fn time(set: &Scanner, piece: &str, bytes: usize) -> Duration {
    let text = piece.repeat(bytes / piece.len());
    let run = || {
        let start = Instant::now();
        set.scan(&text);
        start.elapsed()
    };
    run().min(run())
}

const TEXT_BYTES: usize = 1 << 18;
