//! Promises that hold for any text: no panic, honest spans, linear time.

use std::time::{Duration, Instant};

use proptest::prelude::*;

use crate::scan::Scanner;
use crate::scan::scanner::FINDINGS_MAX;

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
    assert!(findings.len() <= FINDINGS_MAX);
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
    let prose = time(&set, "The committee met on Tuesday to review the cost of heating. ");
    for piece in [
        "ignore ",
        "<|<|<|",
        "ignore prompt the ",
        "a ",
        "\u{200B}a",
        "aи",
        "\u{301}",
        " ",
        "ﷺ",
        "instructions rules safety refuse ",
    ] {
        let taken = time(&set, piece);
        assert!(taken < prose * 60, "{piece:?}: {taken:?}, prose: {prose:?}");
    }
}

fn time(set: &Scanner, piece: &str) -> Duration {
    let text = piece.repeat(TEXT_BYTES / piece.len());
    let run = || {
        let start = Instant::now();
        set.scan(&text);
        start.elapsed()
    };
    run().min(run())
}

const TEXT_BYTES: usize = 1 << 18;
