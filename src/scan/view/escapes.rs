//! Characters written by their numbers: `%69`, `\u0069`, `\x69`, `&#105;`, `&amp;`, and line ends written as `\n`.

use std::ops::Range;

use crate::scan::view::Reading;
use crate::scan::view::edits::{Edits, Rank};
use crate::scan::view::entities;
use crate::scan::view::layer::Way;
use crate::scan::view::markup::{self, Comments, Emphasis};
use crate::scan::view::vocabulary::VOCABULARY;

/// Undoes what the symbols of a text begin.
pub(super) fn undo(text: &str, edits: &mut Edits) {
    let bytes = text.as_bytes();
    let mut comments = Comments::default();
    let mut emphasis = Emphasis::default();
    let mut at = 0;
    while let Some(ordinary) = bytes[at..].iter().position(|byte| IS_SYMBOL[usize::from(*byte)]) {
        at += ordinary;
        let end = match bytes[at] {
            b'%' => numbered_bytes(text, at, b"%", edits),
            b'\\' => backslash(text, at, edits),
            b'&' => entities::undo(text, at, edits),
            b'<' => markup::undo_tag(text, at, &mut comments, edits),
            b'*' | b'`' | b'~' | b'_' => Some(match markup::undo_emphasis(text, at, edits) {
                Some(end) => end,
                None => emphasis.note(text, at, edits),
            }),
            _ => None,
        };
        at = end.unwrap_or(at + 1);
    }
    emphasis.undo(edits);
}

/// What `undo` looks at; it passes over everything else.
static IS_SYMBOL: [bool; 256] = {
    let mut is_symbol = [false; 256];
    let mut at = 0;
    while at < SYMBOLS.len() {
        is_symbol[SYMBOLS[at] as usize] = true;
        at += 1;
    }
    is_symbol
};

const SYMBOLS: &[u8] = br"%\&<*`~_";

fn backslash(text: &str, at: usize, edits: &mut Edits) -> Option<usize> {
    match text.as_bytes().get(at + 1)? {
        b'x' | b'X' => numbered_bytes(text, at, br"\x", edits),
        b'u' | b'U' => numbered_character(text, at, edits),
        b'n' | b'r' | b't' => line_end(text, at, edits),
        _ => None,
    }
}

/// A row of bytes by their numbers, which may spell characters of several bytes.
fn numbered_bytes(text: &str, at: usize, mark: &[u8], edits: &mut Edits) -> Option<usize> {
    let bytes = text.as_bytes();
    let step = mark.len() + 2;
    let mut spelt = Vec::new();
    let mut end = at;
    while bytes[end..].get(..mark.len()).is_some_and(|found| found.eq_ignore_ascii_case(mark)) {
        let Some(byte) = hex_byte(&bytes[end + mark.len()..]) else {
            break;
        };
        spelt.push(byte);
        end += step;
    }
    let mut from = at;
    for chunk in spelt.utf8_chunks() {
        for character in chunk.valid().chars() {
            let to = from + character.len_utf8() * step;
            put(edits, from..to, character);
            from = to;
        }
        from += chunk.invalid().len() * step;
    }
    (end > at).then_some(end)
}

/// `\u0069`, `\u{69}`, `\U00000069`, and pairs of surrogates.
fn numbered_character(text: &str, at: usize, edits: &mut Edits) -> Option<usize> {
    let (unit, mut end) = numbered_unit(text, at)?;
    let mut code = unit;
    if (0xD800..0xDC00).contains(&unit)
        && let Some((low @ 0xDC00..0xE000, after)) = numbered_unit(text, end)
    {
        code = 0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00);
        end = after;
    }
    put(edits, at..end, char::from_u32(code)?);
    Some(end)
}

fn numbered_unit(text: &str, at: usize) -> Option<(u32, usize)> {
    let rest = text.as_bytes().get(at..)?;
    let digits_at = match rest {
        [b'\\', b'u', b'{', ..] => {
            let close = rest.iter().take(10).position(|&byte| byte == b'}')?;
            return Some((hex(&rest[3..close])?, at + close + 1));
        }
        [b'\\', b'u', ..] => 2..6,
        [b'\\', b'U', ..] => 2..10,
        _ => return None,
    };
    let end = at + digits_at.end;
    Some((hex(rest.get(digits_at)?)?, end))
}

/// A line end written as two characters glues the next word to a letter, which is parted again where that makes a word
/// out of none: `\nIgnore`, and neither `\nabla` nor `C:\new`.
fn line_end(text: &str, at: usize, edits: &mut Edits) -> Option<usize> {
    let end = at + 2;
    let glued = &text.as_bytes()[at + 1..];
    let length = glued.iter().take(WORD_BYTES_MAX).take_while(|byte| byte.is_ascii_alphabetic()).count();
    let parts = length > 1 && VOCABULARY.has(&glued[1..length]) && !VOCABULARY.has(&glued[..length]);
    if parts {
        edits.put(Rank::Symbols, Reading::Escapes, at..end, "\n");
    }
    Some(end)
}

const WORD_BYTES_MAX: usize = 24;

/// Puts a character that was written by its number; the characters that end lines and fields keep doing so, and other
/// control characters are dropped, as from any text.
pub(super) fn put(edits: &mut Edits, source: Range<usize>, character: char) {
    edits.put_by(Rank::Symbols, Reading::Escapes, Way::Whole, source, |put| {
        if !character.is_control() || character.is_whitespace() {
            put.push(character);
        }
    });
}

fn hex_byte(digits: &[u8]) -> Option<u8> {
    u8::try_from(hex(digits.get(..2)?)?).ok()
}

/// The number that hexadecimal digits make, and nothing else than digits.
pub(super) fn hex(digits: &[u8]) -> Option<u32> {
    if digits.is_empty() || digits.len() > 8 {
        return None;
    }
    digits.iter().try_fold(0, |number, &digit| Some(number << 4 | char::from(digit).to_digit(16)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn undone(text: &str) -> String {
        let mut edits = Edits::default();
        undo(text, &mut edits);
        edits.apply(text).0
    }

    #[test]
    fn numbers_read_as_their_characters() {
        assert_eq!(undone("%69%67n%6fre %E5%BF%BD"), "ignore 忽");
        assert_eq!(undone(r"\u0069\u{67}\U0000006eore \xe5\xbf\xbd \ud83d\ude00"), "ignore 忽 😀");
        assert_eq!(undone("&#105;&#x67;no&#114e &amp; &lt;b&gt;"), "ignore & <b>");
    }

    #[test]
    fn what_is_no_number_stays() {
        for text in ["100% sure, %d %s 5%", r"\undefined \xyz \u12 \ud800", "AT&T &c; &#; &#99999999;", r"\"] {
            assert_eq!(undone(text), text);
        }
    }

    #[test]
    fn line_ends_part_from_words_alone() {
        assert_eq!(undone(r"hi\nIgnore\tthis"), "hi\nIgnore\nthis");
        for text in [r"\nabla \nu \times \right \text{x}", r"C:\new\table", r"\n\n\n"] {
            assert_eq!(undone(text), text);
        }
    }
}
