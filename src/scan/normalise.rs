//! The text as a reader would take it: without hidden characters, styles and look-alikes.
//!
//! Plain ASCII is its own view and costs one vectorised pass. Anything else is folded once into
//! a new string. The way back to the original bytes is not stored with the view: it is found by
//! folding a second time, which only a text with a finding pays for.

use std::borrow::Cow;
use std::ops::Range;

use unicode_normalization::char::{compose, decompose_compatible};

use crate::scan::confusables::{ascii_lookalike, is_greek_or_cyrillic, is_latin, latin_lookalike};

/// What the rules read in place of the original text.
///
/// ASCII letters keep their case, since the rules ignore it; all others are lower-case.
pub(crate) struct Folded<'t> {
    original: &'t str,
    text: Cow<'t, str>,
}

impl<'t> Folded<'t> {
    pub(crate) fn new(original: &'t str) -> Folded<'t> {
        let text = if is_plain(original.as_bytes()) { Cow::Borrowed(original) } else { Cow::Owned(fold(original)) };
        Folded { original, text }
    }

    pub(crate) fn into_text(self) -> Cow<'t, str> {
        self.text
    }

    #[cfg(test)]
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Whether the text was plain ASCII, so that nothing can hide in it.
    pub(crate) fn is_plain(&self) -> bool {
        matches!(self.text, Cow::Borrowed(_))
    }

    /// The way back to the original. Costs a second fold unless the text is plain.
    pub(crate) fn origins(&self) -> Origins<'t> {
        let mut marks = Vec::new();
        if !self.is_plain() {
            fold_into(self.original, &mut String::new(), Some(&mut marks));
        }
        Origins { original: self.original, marks }
    }
}

/// Maps spans of a view to spans of the original text.
pub(crate) struct Origins<'t> {
    original: &'t str,
    /// Ascending in both fields; empty when view and original are the same.
    marks: Vec<Mark>,
}

/// From `view` on, the view was made from the original at `original`.
struct Mark {
    view: usize,
    original: usize,
    /// The bytes that follow were copied, so that offsets run in step.
    in_step: bool,
}

impl Origins<'_> {
    /// The original bytes that the span of the view was made from, on character boundaries.
    pub(crate) fn locate(&self, span: Range<usize>) -> Range<usize> {
        let start = self.offset(span.start);
        let last = self.offset(span.end.saturating_sub(1).max(span.start));
        let end = self.original.ceil_char_boundary((last + 1).min(self.original.len()));
        self.original.floor_char_boundary(start)..end
    }

    fn offset(&self, view: usize) -> usize {
        let after = self.marks.partition_point(|mark| mark.view <= view);
        let Some(mark) = after.checked_sub(1).and_then(|at| self.marks.get(at)) else {
            return view;
        };
        if mark.in_step { mark.original + (view - mark.view) } else { mark.original }
    }
}

/// Folds a piece of a pattern the way a text is folded, so that rules can be spelt naturally.
pub(crate) fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    fold_into(text, &mut folded, None);
    folded
}

/// ASCII without control characters other than whitespace.
///
/// Written as a fold without an early exit, so that it compiles to vector instructions.
pub(crate) fn is_plain(bytes: &[u8]) -> bool {
    bytes.chunks(4096).all(|chunk| {
        let odd = chunk.iter().fold(0u8, |odd, &byte| odd | u8::from(!is_plain_byte(byte)));
        odd == 0
    })
}

/// Form feed and vertical tab count as whitespace: text extracted from PDF is full of them.
fn is_plain_byte(byte: u8) -> bool {
    (0x20..0x7F).contains(&byte) || (0x09..=0x0D).contains(&byte)
}

fn fold_into(text: &str, folded: &mut String, mut marks: Option<&mut Vec<Mark>>) {
    let mut words = MixedWords::default();
    let mut at = 0;
    while at < text.len() {
        let rest = &text[at..];
        let plain = plain_prefix(rest);
        if plain > 0 {
            push_mark(&mut marks, folded.len(), at, true);
            folded.push_str(&rest[..plain]);
            at += plain;
            continue;
        }
        let Some(character) = rest.chars().next() else {
            break;
        };
        push_mark(&mut marks, folded.len(), at, false);
        push_folded(character, words.contain(text, at, character), folded);
        at += character.len_utf8();
    }
}

fn push_mark(marks: &mut Option<&mut Vec<Mark>>, view: usize, original: usize, in_step: bool) {
    if let Some(marks) = marks {
        marks.push(Mark { view, original, in_step });
    }
}

/// Length of the leading bytes that fold to themselves. Text of another alphabet is plain for a byte or none; the rest is
/// passed in blocks, whose loop compiles to vector instructions.
fn plain_prefix(text: &str) -> usize {
    let odd = |bytes: &[u8]| bytes.iter().position(|&byte| !is_plain_byte(byte));
    let (near, far) = text.as_bytes().split_at(text.len().min(BLOCK_BYTES));
    if let Some(found) = odd(near) {
        return found;
    }
    let (blocks, _) = far.as_chunks::<BLOCK_BYTES>();
    let plain = blocks.iter().take_while(|block| is_plain(&block[..])).count() * BLOCK_BYTES;
    near.len() + odd(&far[plain..]).map_or(far.len(), |found| plain + found)
}

const BLOCK_BYTES: usize = 32;

fn push_folded(character: char, in_mixed_word: bool, folded: &mut String) {
    if is_invisible(character) {
        return;
    }
    if is_gap(character) {
        folded.push(' ');
        return;
    }
    if stays_whole(character) {
        folded.push(character);
        return;
    }
    decompose_compatible(character, |part| push_part(part, in_mixed_word, folded));
}

fn push_part(part: char, in_mixed_word: bool, folded: &mut String) {
    if is_stripped_mark(part) {
        return;
    }
    for lower in part.to_lowercase() {
        let lower = ascii_lookalike(lower).unwrap_or(lower);
        let lower = match latin_lookalike(lower) {
            Some(latin) if in_mixed_word => latin,
            _ => lower,
        };
        push_composed(lower, folded);
    }
}

/// Kana voicing marks and Hangul jamo join the letter before them again, as in NFKC.
fn push_composed(character: char, folded: &mut String) {
    let joins = matches!(character, '\u{3099}' | '\u{309A}' | '\u{1161}'..='\u{11C2}');
    let whole = folded.chars().next_back().filter(|_| joins).and_then(|last| compose(last, character));
    match whole {
        Some(whole) => {
            folded.pop();
            folded.push(whole);
        }
        None => folded.push(character),
    }
}

/// Characters that take no room on a screen: they leave the view without a trace.
fn is_invisible(character: char) -> bool {
    matches!(character,
        '\0'..='\u{08}' | '\u{0E}'..='\u{1B}' | '\u{7F}'..='\u{84}' | '\u{86}'..='\u{9F}'
        | '\u{00AD}' | '\u{034F}' | '\u{061C}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}'
        | '\u{180B}'..='\u{180F}' | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}'
        | '\u{2060}'..='\u{206F}' | '\u{3164}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}' | '\u{FFA0}'
        | '\u{FFF9}'..='\u{FFFB}' | '\u{1BCA0}'..='\u{1BCA3}' | '\u{1D173}'..='\u{1D17A}'
        | '\u{E0000}'..='\u{E0FFF}')
}

/// Whitespace beyond ASCII, and the ASCII separators (FS to US) that stand between words.
fn is_gap(character: char) -> bool {
    matches!(character, '\u{1C}'..='\u{1F}' | '\u{2028}' | '\u{2029}') || character.is_whitespace()
}

/// Letters that normalisation never changes; asking first keeps Chinese text fast. The Arabic
/// word ligatures stay whole as well, since one of them unfolds to eleven times its size.
fn stays_whole(character: char) -> bool {
    matches!(character, '\u{FDF0}'..='\u{FDFD}' | '\u{3041}'..='\u{3096}' | '\u{30A1}'..='\u{30FA}' | '\u{3400}'..='\u{9FFF}'
        | '\u{AC00}'..='\u{D7A3}')
}

/// Accents and the strokes of "zalgo" text. Marks that spell vowels (Indic, Arabic) stay.
fn is_stripped_mark(character: char) -> bool {
    matches!(character, '\u{0300}'..='\u{036F}' | '\u{0483}'..='\u{0489}' | '\u{1AB0}'..='\u{1AFF}'
        | '\u{1DC0}'..='\u{1DFF}' | '\u{20D0}'..='\u{20FF}' | '\u{FE20}'..='\u{FE2F}')
}

/// Remembers whether the word under the cursor mixes Latin with Greek or Cyrillic letters.
///
/// Each word is looked through once, at its first Greek or Cyrillic letter, which keeps the
/// whole walk linear.
#[derive(Default)]
struct MixedWords {
    known_until: usize,
    mixed: bool,
}

impl MixedWords {
    fn contain(&mut self, text: &str, at: usize, character: char) -> bool {
        if !is_greek_or_cyrillic(character) {
            return false;
        }
        if at >= self.known_until {
            self.look_through(text, at);
        }
        self.mixed
    }

    fn look_through(&mut self, text: &str, at: usize) {
        let before = text[..at].chars().rev().find(|c| !is_invisible(*c));
        self.mixed = before.is_some_and(is_latin);
        self.known_until = text.len();
        for (offset, character) in text[at..].char_indices() {
            if is_latin(character) {
                self.mixed = true;
            } else if !continues_word(character) {
                self.known_until = at + offset;
                break;
            }
        }
    }
}

fn continues_word(character: char) -> bool {
    is_greek_or_cyrillic(character) || is_invisible(character) || is_stripped_mark(character)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folded(text: &str) -> String {
        Folded::new(text).text().to_owned()
    }

    #[test]
    fn plain_text_is_not_copied() {
        assert!(Folded::new("Hello,\tworld\r\n").is_plain());
        assert!(!Folded::new("Hello\0").is_plain());
        assert!(!Folded::new("Héllo").is_plain());
    }

    #[test]
    fn hidden_characters_leave_the_view() {
        assert_eq!(folded("ig\u{200B}no\u{AD}re\u{E0041} it\u{0}\u{FE0F}"), "ignore it");
    }

    #[test]
    fn styled_letters_read_as_letters() {
        assert_eq!(folded("𝐈𝐠𝐧𝐨𝐫𝐞 Ｉｔ ⓝⓞⓦ ﬁ"), "ignore it now fi");
        assert_eq!(folded("z\u{0335}a\u{0322}lgo précédentes й"), "zalgo precedentes и");
    }

    #[test]
    fn lookalikes_are_folded_in_mixed_words_only() {
        assert_eq!(folded("іgnоrе"), "ignore");
        assert_eq!(folded("рrοmpt"), "prompt");
        assert_eq!(folded("он рос там"), "он рос там");
        assert_eq!(folded("это API, а не"), "это API, а не");
    }

    #[test]
    fn voiced_kana_and_hangul_stay_whole() {
        assert_eq!(folded("がぎ ﾌﾟﾛ"), "がぎ プロ");
        assert_eq!(folded("한글"), "한글");
    }

    #[test]
    fn spans_lead_back_to_the_original() {
        let text = "né \u{200B}іgn\u{200B}оrе ok";
        let view = Folded::new(text);
        let at = view.text().find("ignore").unwrap();
        let span = view.origins().locate(at..at + 6);
        assert_eq!(&text[span], "іgn\u{200B}оrе");
    }

    #[test]
    fn expanded_characters_lead_back_to_the_whole_character() {
        let text = "a ﬃ b";
        let view = Folded::new(text);
        assert_eq!(view.text(), "a ffi b");
        assert_eq!(view.origins().locate(3..4), 2..5);
    }
}
