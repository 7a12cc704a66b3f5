//! One word said over and over: floods that push instructions out of a model's attention, and
//! the divergence attack that makes a model recite what it was trained on.

use std::ops::Range;

use memchr::memchr3;

/// A word that stands in a row about forty times or more, whatever whitespace lies between.
///
/// Passes: repeated numbers and punctuation, which tables and rulers are made of.
/// The text is sampled: a run of forty words is at least 79 bytes long, so that looking at two
/// neighbouring words every thirty bytes finds every run and reads little of the rest. The words
/// of the run before the sample are not counted but granted.
pub(crate) fn repeated_word(text: &str) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let mut at = 0;
    while at + RUN_BYTES_MIN / 2 < bytes.len() {
        let Some(run) = run_at(bytes, at) else {
            at += STRIDE;
            continue;
        };
        let missed = STRIDE / (run.word.len() + 1) + 1;
        if run.words + missed >= WORDS_MIN && is_wordy(&bytes[run.word.clone()]) {
            return Some(run.word.start..run.end);
        }
        at = run.end.max(at + STRIDE);
    }
    None
}

const WORDS_MIN: usize = 40;
const RUN_BYTES_MIN: usize = 2 * WORDS_MIN - 1;
const STRIDE: usize = 30;
/// Nothing longer is looked through, word or gap, so that each sample costs a bounded time.
const WORD_BYTES_MAX: usize = 48;

struct Run {
    /// The first word seen.
    word: Range<usize>,
    words: usize,
    end: usize,
}

/// The run that the next whole word after `at` begins, when at least two words are equal.
fn run_at(bytes: &[u8], at: usize) -> Option<Run> {
    let start = word_start(bytes, gap(bytes, at)?);
    let word = start..gap(bytes, start)?;
    let spelling = &bytes[word.clone()];
    let mut run = Run { end: word.end, word, words: 1 };
    loop {
        let next = word_start(bytes, run.end);
        let end = next + spelling.len();
        let ends = bytes.get(end).is_none_or(|byte| is_gap(*byte));
        if next == run.end || bytes.get(next..end) != Some(spelling) || !ends {
            break;
        }
        run.words += 1;
        run.end = end;
    }
    (run.words > 1).then_some(run)
}

/// The end of the word around `at`, unless it is too long to be one.
fn gap(bytes: &[u8], at: usize) -> Option<usize> {
    let near = &bytes[at..bytes.len().min(at + WORD_BYTES_MAX)];
    memchr3(b' ', b'\n', b'\t', near).map(|found| at + found)
}

fn word_start(bytes: &[u8], gap: usize) -> usize {
    let near = bytes[gap..].iter().take(WORD_BYTES_MAX);
    let gaps = near.take_while(|byte| is_gap(**byte)).count();
    gap + gaps
}

fn is_gap(byte: u8) -> bool {
    matches!(byte, b' ' | b'\n' | b'\t')
}

fn is_wordy(word: &[u8]) -> bool {
    word.iter().any(|byte| byte.is_ascii_alphabetic() || *byte >= 0x80)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forty_words_are_a_run_wherever_they_stand() {
        for before in 0..90 {
            let text = format!("{}{}", "x".repeat(before), " poem".repeat(41));
            assert!(repeated_word(&text).is_some(), "after {before} bytes");
        }
    }

    #[test]
    fn the_shortest_run_is_found() {
        assert!(repeated_word(&"a ".repeat(42)).is_some());
    }

    #[test]
    fn a_refrain_is_not_a_run() {
        assert_eq!(repeated_word(&"la ".repeat(16)), None);
        assert_eq!(repeated_word(&"row your boat ".repeat(100)), None);
    }

    #[test]
    fn numbers_and_rulers_are_not_words() {
        assert_eq!(repeated_word(&"0 ".repeat(100)), None);
        assert_eq!(repeated_word(&"--- ".repeat(100)), None);
    }
}
