//! How JSON spells strings (RFC 8259, section 7): what ends a plain run, what an escape stands for, and the way back.
//!
//! A literal's inside is what stands between its quotes; its text is what the inside stands for. An inside that was not
//! scanned first makes no sense here, and yet panics nowhere.

use std::ops::Range;

use memchr::memchr;

use super::JsonError;

/// Maps a range of a string's text back to its spelling `raw`, quotes included, counted from `raw`'s start.
///
/// A range that begins or ends inside an escape, or inside a character, takes in the whole of it. For many ranges of one
/// string use [`RawCursor`], since each call here walks the string from its start.
pub fn raw_range(raw: &str, decoded: Range<usize>) -> Range<usize> {
    RawCursor::new(raw).raw_range(decoded)
}

/// [`raw_range`] for many ranges: as long as they ascend without overlap, the string is walked once for all of them.
pub struct RawCursor<'a> {
    inside: &'a str,
    pieces: Pieces<'a>,
    piece: Option<Piece<'a>>,
    /// Where `piece` begins, in `inside` and in the text.
    raw: usize,
    decoded: usize,
}

impl<'a> RawCursor<'a> {
    pub fn new(raw: &'a str) -> RawCursor<'a> {
        let inside = inside(raw);
        let mut pieces = Pieces { rest: inside };
        let piece = pieces.next();
        RawCursor { inside, pieces, piece, raw: 0, decoded: 0 }
    }

    pub fn raw_range(&mut self, decoded: Range<usize>) -> Range<usize> {
        if decoded.start < self.decoded {
            self.pieces = Pieces { rest: self.inside };
            self.piece = self.pieces.next();
            (self.raw, self.decoded) = (0, 0);
        }
        // Counted from the opening quote, hence one more than in the inside.
        let start = 1 + self.raw_around(decoded.start).start;
        let end = 1 + self.raw_around(decoded.end.max(decoded.start)).end;
        start..end
    }

    /// The spelling of the character that `decoded` stands inside of; an empty range when it stands between two.
    fn raw_around(&mut self, decoded: usize) -> Range<usize> {
        while let Some(piece) = self.piece {
            let within = decoded.saturating_sub(self.decoded);
            if within < piece.decoded_bytes() {
                let around = piece.raw_around(within);
                return self.raw + around.start..self.raw + around.end;
            }
            self.raw += piece.raw.len();
            self.decoded += piece.decoded_bytes();
            self.piece = self.pieces.next();
        }
        self.raw..self.raw
    }
}

/// Appends `text` as the inside of a string literal, without quotes.
pub fn escape_into(text: &str, out: &mut Vec<u8>) {
    let bytes = text.as_bytes();
    out.reserve(bytes.len());
    let mut from = 0;
    loop {
        let at = plain_end(bytes, from);
        out.extend_from_slice(&bytes[from..at]);
        let Some(&byte) = bytes.get(at) else { return };
        escape_byte_into(byte, out);
        from = at + 1;
    }
}

fn escape_byte_into(byte: u8, out: &mut Vec<u8>) {
    let letter = match byte {
        b'"' | b'\\' => byte,
        0x08 => b'b',
        0x0C => b'f',
        b'\n' => b'n',
        b'\r' => b'r',
        b'\t' => b't',
        _ => {
            let [high, low] = [byte >> 4, byte & 0x0F].map(|digit| b"0123456789abcdef"[usize::from(digit)]);
            return out.extend_from_slice(&[b'\\', b'u', b'0', b'0', high, low]);
        }
    };
    out.extend_from_slice(&[b'\\', letter]);
}

/// A literal without its quotes.
pub(super) fn inside(raw: &str) -> &str {
    raw.get(1..raw.len().saturating_sub(1)).unwrap_or_default()
}

/// The text that a literal's inside stands for.
/// The text of a string literal that was scanned before, quotes included; borrowed when it holds no escape.
pub fn unescape(raw: &str) -> std::borrow::Cow<'_, str> {
    use std::borrow::Cow;

    let inside = inside(raw);
    if memchr::memchr(b'\\', inside.as_bytes()).is_none() {
        Cow::Borrowed(inside)
    } else {
        Cow::Owned(unescaped(inside))
    }
}

pub(super) fn unescaped(inside: &str) -> String {
    let mut text = String::with_capacity(inside.len());
    for piece in (Pieces { rest: inside }) {
        match piece.escaped {
            Some(character) => text.push(character),
            None => text.push_str(piece.raw),
        }
    }
    text
}

/// Whether Go's case folding makes these equal, as far as its rules meet ASCII letters.
pub(super) fn equal_folded(one: &str, other: &str) -> bool {
    one.chars().map(folded).eq(other.chars().map(folded))
}

fn folded(character: char) -> char {
    match character {
        '\u{17F}' => 's',
        '\u{212A}' => 'k',
        _ => character.to_ascii_lowercase(),
    }
}

/// Where the run of characters that stand for themselves ends: at a quote, a backslash, a control byte or the end.
///
/// Keys and most values end within two words. Long text is passed in blocks, whose loop the compiler turns into vector
/// instructions; measured, this beats `memchr2` and a second look for control bytes once text has escapes.
pub(super) fn plain_end(bytes: &[u8], from: usize) -> usize {
    let rest = bytes.get(from..).unwrap_or_default();
    let (near, far) = rest.split_at(rest.len().min(2 * WORD_BYTES));
    if let Some(found) = stop_by_words(near) {
        return from + found;
    }
    let (blocks, _) = far.as_chunks::<BLOCK_BYTES>();
    let plain = blocks.iter().take_while(|block| !has_stop(block)).count() * BLOCK_BYTES;
    let found = stop_by_words(&far[plain..]);
    from + near.len() + found.map_or(far.len(), |found| plain + found)
}

fn stop_by_words(bytes: &[u8]) -> Option<usize> {
    let (words, tail) = bytes.as_chunks::<WORD_BYTES>();
    for (count, word) in words.iter().enumerate() {
        let stops = stops(u64::from_le_bytes(*word));
        if stops != 0 {
            return Some(count * WORD_BYTES + stops.trailing_zeros() as usize / 8);
        }
    }
    let found = tail.iter().position(|byte| is_stop(*byte))?;
    Some(bytes.len() - tail.len() + found)
}

/// A word whose lowest set bit lies in the first byte that is a stop; zero when none is.
///
/// A subtraction borrows only from higher bytes, so what it gets wrong lies behind the first stop.
fn stops(word: u64) -> u64 {
    let each = |byte: u8| u64::from_le_bytes([byte; WORD_BYTES]);
    let zero = |word: u64| word.wrapping_sub(each(1)) & !word;
    let control = word.wrapping_sub(each(FIRST_PLAIN)) & !word;
    (control | zero(word ^ each(b'"')) | zero(word ^ each(b'\\'))) & each(0x80)
}

/// Folds over every byte instead of leaving early, which is what lets it be vectorised.
fn has_stop(block: &[u8; BLOCK_BYTES]) -> bool {
    block.iter().fold(false, |found, byte| found | is_stop(*byte))
}

fn is_stop(byte: u8) -> bool {
    matches!(byte, ..FIRST_PLAIN | b'"' | b'\\')
}

/// The character that the escape at `at` (its backslash) stands for, and where the escape ends.
pub(super) fn escape(bytes: &[u8], at: usize) -> Result<(char, usize), JsonError> {
    let character = match bytes.get(at + 1) {
        Some(b'n') => '\n',
        Some(b'"') => '"',
        Some(b'\\') => '\\',
        Some(b'/') => '/',
        Some(b't') => '\t',
        Some(b'r') => '\r',
        Some(b'b') => '\u{8}',
        Some(b'f') => '\u{C}',
        Some(b'u') => return unicode_escape(bytes, at),
        _ => return Err(unexpected(bytes, at + 1)),
    };
    Ok((character, at + 2))
}

/// `\uXXXX`, or two of them that make one character beyond U+FFFF.
fn unicode_escape(bytes: &[u8], at: usize) -> Result<(char, usize), JsonError> {
    let unpaired = JsonError::UnpairedSurrogate { at };
    let unit = hex4(bytes, at + 2)?;
    if let Some(character) = char::from_u32(unit) {
        return Ok((character, at + 6));
    }
    if unit >= LOW_SURROGATES.start || !bytes[at + 6..].starts_with(b"\\u") {
        return Err(unpaired);
    }
    let low = hex4(bytes, at + 8)?;
    if !LOW_SURROGATES.contains(&low) {
        return Err(unpaired);
    }
    let scalar = 0x1_0000 + ((unit - HIGH_SURROGATE_MIN) << 10) + (low - LOW_SURROGATES.start);
    char::from_u32(scalar).map(|character| (character, at + 12)).ok_or(unpaired)
}

fn hex4(bytes: &[u8], from: usize) -> Result<u32, JsonError> {
    (from..from + 4).try_fold(0, |unit, at| {
        let digit = bytes.get(at).and_then(|byte| char::from(*byte).to_digit(16));
        Ok(unit << 4 | digit.ok_or_else(|| unexpected(bytes, at))?)
    })
}

/// What to say of a byte that has no place where it stands, which may be behind the last.
pub(super) fn unexpected(bytes: &[u8], at: usize) -> JsonError {
    if at < bytes.len() { JsonError::UnexpectedByte { at } } else { JsonError::UnexpectedEnd { at } }
}

/// A stretch of a literal's inside: one escape, or characters that stand for themselves.
#[derive(Clone, Copy)]
struct Piece<'a> {
    raw: &'a str,
    /// What an escape stands for.
    escaped: Option<char>,
}

impl Piece<'_> {
    fn decoded_bytes(&self) -> usize {
        self.escaped.map_or(self.raw.len(), char::len_utf8)
    }

    /// See [`RawCursor::raw_around`]; both offsets count from the piece's start.
    fn raw_around(&self, decoded: usize) -> Range<usize> {
        match self.escaped {
            None => self.raw.floor_char_boundary(decoded)..self.raw.ceil_char_boundary(decoded),
            Some(_) if decoded == 0 => 0..0,
            Some(_) => 0..self.raw.len(),
        }
    }
}

/// The pieces of a literal's inside.
struct Pieces<'a> {
    rest: &'a str,
}

impl<'a> Iterator for Pieces<'a> {
    type Item = Piece<'a>;

    fn next(&mut self) -> Option<Piece<'a>> {
        let bytes = self.rest.as_bytes();
        let escape = (*bytes.first()? == b'\\').then(|| escape(bytes, 0));
        // A backslash that begins no escape, which no scan lets through, stands for itself here: nothing panics.
        let (raw_bytes, escaped) = match escape {
            Some(Ok((character, end))) => (end, Some(character)),
            _ => (1 + memchr(b'\\', &bytes[1..]).unwrap_or(bytes.len() - 1), None),
        };
        let (raw, rest) = self.rest.split_at(raw_bytes);
        self.rest = rest;
        Some(Piece { raw, escaped })
    }
}

/// The first halves of a pair begin here and end where the second halves begin.
const HIGH_SURROGATE_MIN: u32 = 0xD800;
const LOW_SURROGATES: Range<u32> = 0xDC00..0xE000;

/// Bytes below are control characters, which RFC 8259 (section 7) wants escaped.
const FIRST_PLAIN: u8 = 0x20;

const WORD_BYTES: usize = 8;
const BLOCK_BYTES: usize = 64;

#[cfg(test)]
pub(crate) mod tests {
    use proptest::{prelude::*, sample::select};
    use serde_json::Value as Oracle;

    use super::*;

    #[test]
    fn a_range_inside_an_escape_takes_in_the_whole_of_it() {
        let raw = r#""a\n\u00e9b\ud83d\ude00c""#;
        let spelling = |decoded: Range<usize>| &raw[raw_range(raw, decoded)];
        assert_eq!(spelling(0..1), "a");
        assert_eq!(spelling(1..2), r"\n");
        assert_eq!(spelling(2..3), r"\u00e9", "it ends inside");
        assert_eq!(spelling(3..5), r"\u00e9b", "it begins inside");
        assert_eq!(spelling(4..5), "b");
        assert_eq!(spelling(6..7), r"\ud83d\ude00");
        assert_eq!(spelling(0..10), &raw[1..raw.len() - 1]);
        assert_eq!(spelling(9..99), "c", "what is past the end is cut");
        assert_eq!(raw_range(raw, 2..2), 4..4, "nothing, between two escapes");
        assert_eq!(raw_range(raw, 10..10), raw.len() - 1..raw.len() - 1);
    }

    #[test]
    fn a_range_inside_a_character_takes_in_the_whole_of_it() {
        assert_eq!(raw_range(r#""aéb""#, 2..2), 2..4);
        assert_eq!(raw_range(r#""aéb""#, 1..2), 2..4);
    }

    /// A caller with a finding on every line would otherwise walk the string once for each.
    #[test]
    fn a_cursor_maps_a_hundred_thousand_ranges_in_one_walk() {
        let lines = 100_000;
        let raw = format!("\"{}\"", r"one\n".repeat(lines));
        let mut cursor = RawCursor::new(&raw);
        for line in 0..lines {
            assert_eq!(cursor.raw_range(4 * line..4 * line + 3), 1 + 5 * line..4 + 5 * line);
        }
        assert_eq!(cursor.raw_range(0..4), 1..6, "and goes back where it must");
    }

    #[test]
    fn only_what_the_rfc_demands_is_escaped() {
        let mut out = b"\"".to_vec();
        escape_into("q\" b\\ n\n r\r t\t \u{8}\u{C}\u{0}\u{1F}\u{7F} é \u{2028} 😀", &mut out);
        out.push(b'"');
        let expected = "\"q\\\" b\\\\ n\\n r\\r t\\t \\b\\f\\u0000\\u001f\u{7F} é \u{2028} 😀\"";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }

    /// Every character in every spelling that the RFC allows it, each with its text.
    fn spelled_character() -> impl Strategy<Value = (char, String)> {
        let character =
            prop_oneof![any::<char>(), select("aAé\n\t\r\u{8}\u{C}\u{0}\"\\/ſ日😀".chars().collect::<Vec<_>>())];
        (character, 0..4).prop_map(|(character, spelling)| {
            let mut plain = Vec::new();
            escape_into(character.encode_utf8(&mut [0; 4]), &mut plain);
            let units = character
                .encode_utf16(&mut [0; 2])
                .iter()
                .fold(String::new(), |units, unit| units + &format!("\\u{unit:04x}"));
            let spelled = match (spelling, character) {
                (0, _) => units,
                (1, _) => units.to_uppercase().replace("\\U", "\\u"),
                (2, '/') => r"\/".to_owned(),
                _ => String::from_utf8(plain).unwrap(),
            };
            (character, spelled)
        })
    }

    /// A text and one of its literals.
    pub(crate) fn literal() -> impl Strategy<Value = (String, String)> {
        prop::collection::vec(spelled_character(), 0..40).prop_map(|characters| {
            let (text, spelled): (String, Vec<String>) = characters.into_iter().unzip();
            (text, format!("\"{}\"", spelled.concat()))
        })
    }

    proptest! {
        #[test]
        fn no_text_panics_the_literal_functions(raw in r#""?(\PC|\\u[dD89]?|["\\]){0,20}"#, a in 0_usize..40, b in 0_usize..40) {
            let range = raw_range(&raw, a..b);
            prop_assert!(range.start <= range.end);
            let _ = unescaped(&raw);
        }

        #[test]
        fn escaped_text_is_a_literals_inside(text in any::<String>()) {
            let mut out = b"\"".to_vec();
            escape_into(&text, &mut out);
            out.push(b'"');
            prop_assert_eq!(serde_json::from_slice::<Oracle>(&out).unwrap(), Oracle::String(text.clone()));
            prop_assert_eq!(unescaped(inside(&String::from_utf8(out).unwrap())), text);
        }

        #[test]
        fn a_range_maps_to_the_spelling_of_its_whole_characters(
            (text, raw) in literal(), ranges in prop::collection::vec((0_usize..120, 0_usize..60), 1..6),
        ) {
            let mut cursor = RawCursor::new(&raw);
            for (start, length) in ranges {
                let (start, end) = (start.min(text.len()), (start + length).min(text.len()));
                let spelled = raw_range(&raw, start..end);
                let whole = &text[text.floor_char_boundary(start)..text.ceil_char_boundary(end)];
                prop_assert_eq!(unescaped(&raw[spelled.clone()]), whole);
                prop_assert!(0 < spelled.start && spelled.end < raw.len(), "the quotes are not the text's");
                prop_assert_eq!(cursor.raw_range(start..end), spelled);
            }
        }
    }
}
