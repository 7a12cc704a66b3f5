//! Characters that a reader does not see and a model does.
//!
//! Each function looks for one kind and gives the first suspicious place in the original text.
//! Most invisible characters have an honest use, and each function names the use it lets pass.

use std::ops::Range;

use memchr::{memchr_iter, memmem};

/// NUL and the other C0 characters, and DEL.
///
/// Passes: tab, line ends, vertical tab and form feed; escape has a rule of its own.
pub(crate) fn control_character(text: &str) -> Option<Range<usize>> {
    let is_control = |byte: u8| matches!(byte, 0x00..=0x08 | 0x0E..=0x1A | 0x1C..=0x1F | 0x7F);
    // Block by block and without an early exit, so that it compiles to vector instructions.
    let has_control = |block: &[u8]| block.iter().fold(false, |found, &byte| found | is_control(byte));
    let (number, block) = text.as_bytes().chunks(BLOCK_BYTES).enumerate().find(|(_, block)| has_control(block))?;
    let at = number * BLOCK_BYTES + block.iter().position(|&byte| is_control(byte))?;
    Some(at..at + 1)
}

const BLOCK_BYTES: usize = 1024;

/// An escape that begins a terminal sequence other than a colour (SGR, ECMA-48 8.3.117).
///
/// Passes: coloured logs, which people paste as they are.
pub(crate) fn terminal_escape(text: &str) -> Option<Range<usize>> {
    memchr_iter(0x1B, text.as_bytes()).find(|&at| !is_colour(&text.as_bytes()[at + 1..])).map(|at| at..at + 1)
}

fn is_colour(after_escape: &[u8]) -> bool {
    let Some(parameters) = after_escape.strip_prefix(b"[") else {
        return false;
    };
    parameters
        .iter()
        .take(COLOUR_BYTES_MAX)
        .find(|byte| !matches!(byte, b'0'..=b'9' | b';'))
        .is_some_and(|end| matches!(end, b'm' | b'K'))
}

/// The longest colour sequence in use: two 24-bit colours with attributes.
const COLOUR_BYTES_MAX: usize = 48;

/// LRO or RLO, which show text in another order than it is stored.
///
/// Passes: direction marks, embeddings and isolates, which right-to-left text needs.
pub(crate) fn bidi_override(text: &str) -> Option<Range<usize>> {
    memmem::find_iter(text.as_bytes(), b"\xE2\x80")
        .find(|&at| matches!(text.as_bytes().get(at + 2), Some(0xAD | 0xAE)))
        .map(|at| at..at + 3)
}

/// Tag characters, which spell invisible ASCII.
///
/// Passes: the flags of England, Scotland and Wales, a black flag followed by tags (UTS #51).
pub(crate) fn tag_characters(text: &str) -> Option<Range<usize>> {
    let mut rest = 0;
    while let Some(found) = memmem::find(&text.as_bytes()[rest..], b"\xF3\xA0") {
        let at = rest + found;
        let run = run_of(text, at, |c| matches!(c, '\u{E0000}'..='\u{E007F}'));
        let tags = run.len() / '\u{E0000}'.len_utf8();
        if tags > 0 && !(text[..at].ends_with('\u{1F3F4}') && tags <= FLAG_TAGS_MAX) {
            return Some(run);
        }
        rest = run.end.max(at + 2);
    }
    None
}

/// Five letters of a region and the closing tag.
const FLAG_TAGS_MAX: usize = 6;

/// Variation selectors in a row, which can carry any bytes behind a single visible character.
///
/// Passes: the one or two selectors that follow an emoji or an ideograph.
pub(crate) fn variation_selectors(text: &str) -> Option<Range<usize>> {
    let is_selector = |c| matches!(c, '\u{FE00}'..='\u{FE0F}' | '\u{E0100}'..='\u{E01EF}');
    let mut rest = 0;
    while let Some(at) = next_of(text.as_bytes(), rest, 0xEF, 0xF3) {
        let run = run_of(text, at, is_selector);
        if text[run.clone()].chars().nth(SELECTORS_MAX).is_some() {
            return Some(run);
        }
        rest = run.end.max(at + 1);
    }
    None
}

const SELECTORS_MAX: usize = 2;

/// Zero-width characters inside Latin words, or many of them in a row anywhere.
///
/// Passes: joiners in emoji, Persian and Indic text, a byte-order mark at the start, and the
/// odd break opportunity in a long word or address.
pub(crate) fn zero_width(text: &str) -> Option<Range<usize>> {
    let mut inside_words = 0;
    let mut first = None;
    let mut rest = 0;
    while let Some(at) = next_of(text.as_bytes(), rest, 0xE2, 0xEF) {
        let run = run_of(text, at, is_zero_width);
        rest = run.end.max(at + 1);
        let count = run.len() / '\u{200B}'.len_utf8();
        if count >= ZERO_WIDTH_RUN_MIN {
            return Some(run);
        }
        if count > 0 && is_inside_word(text, &run) {
            inside_words += count;
            let first = first.get_or_insert(run.start);
            if inside_words >= ZERO_WIDTH_IN_WORDS_MIN {
                return Some(*first..run.end);
            }
        }
    }
    None
}

/// No script stacks so many joiners; hidden binary messages do.
const ZERO_WIDTH_RUN_MIN: usize = 6;
const ZERO_WIDTH_IN_WORDS_MIN: usize = 3;

fn is_zero_width(character: char) -> bool {
    matches!(character, '\u{200B}'..='\u{200D}' | '\u{2060}' | '\u{FEFF}')
}

fn is_inside_word(text: &str, run: &Range<usize>) -> bool {
    let before = text.as_bytes()[..run.start].last();
    let after = text.as_bytes()[run.end..].first();
    [before, after].iter().all(|byte| byte.is_some_and(u8::is_ascii_alphanumeric))
}

fn next_of(bytes: &[u8], from: usize, one: u8, other: u8) -> Option<usize> {
    memchr::memchr2(one, other, bytes.get(from..)?).map(|found| from + found)
}

/// The bytes from `at` on whose characters all are of the kind; empty when the first is not.
fn run_of(text: &str, at: usize, kind: impl Fn(char) -> bool) -> Range<usize> {
    let rest = text.get(at..).unwrap_or_default();
    let length = rest.find(|c| !kind(c)).unwrap_or(rest.len());
    at..at + length
}
