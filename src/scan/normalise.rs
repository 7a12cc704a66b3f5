//! The text as a reader would take it: without hidden characters, styles and look-alikes.
//!
//! Plain ASCII is its own view and costs one vectorised pass. Anything else is folded once into
//! a new string. The way back to the original bytes is not stored with the view: it is found by
//! folding a second time, which only a text with a finding pays for.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::LazyLock;

use memchr::memmem;
use unicode_normalization::char::{compose, decompose_compatible};

use crate::scan::confusables::{ascii_lookalike, is_greek_or_cyrillic, is_latin, latin_lookalike};
use crate::scan::view::{Layer, Reading, Way};

/// What the rules read in place of the original text.
///
/// ASCII letters keep their case, since the rules ignore it; all others are lower-case.
pub(crate) struct Folded<'t> {
    original: &'t str,
    text: Cow<'t, str>,
}

impl<'t> Folded<'t> {
    pub(crate) fn new(original: &'t str) -> Folded<'t> {
        let text =
            if is_plain(original.as_bytes()) { Cow::Borrowed(original) } else { Cow::Owned(fold_text(original)) };
        Folded { original, text }
    }

    pub(crate) fn into_text(self) -> Cow<'t, str> {
        self.text
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Whether the text was plain ASCII, so that nothing can hide in it.
    pub(crate) fn is_plain(&self) -> bool {
        matches!(self.text, Cow::Borrowed(_))
    }

    /// The way back to the original. Costs a second fold unless the text is plain.
    pub(crate) fn layer(&self) -> Layer {
        if !self.is_plain() {
            return fold_with_layer(self.original).1;
        }
        let mut layer = Layer::default();
        layer.note(0, 0, Way::InStep, Reading::Folded);
        layer.note(self.text.len(), self.text.len(), Way::InStep, Reading::Folded);
        layer
    }
}

/// Folds a piece of a pattern the way a text is folded, so that rules can be spelt naturally.
pub(crate) fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    fold_into(text, MixedWords::default(), &mut folded, None);
    folded
}

fn fold_text(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    fold_into(text, MixedWords::of_text(), &mut folded, None);
    folded
}

/// Both the folded text and the way back.
pub(crate) fn fold_with_layer(text: &str) -> (String, Layer) {
    let mut folded = String::with_capacity(text.len());
    let mut layer = Layer::default();
    fold_into(text, MixedWords::of_text(), &mut folded, Some(&mut layer));
    layer.note(folded.len(), text.len(), Way::InStep, Reading::Folded);
    (folded, layer)
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

fn fold_into(text: &str, mut words: MixedWords, folded: &mut String, mut layer: Option<&mut Layer>) {
    let mut at = 0;
    while at < text.len() {
        let rest = &text[at..];
        let plain = plain_prefix(rest);
        if plain > 0 {
            note(&mut layer, folded.len(), at, Way::InStep);
            folded.push_str(&rest[..plain]);
            at += plain;
            continue;
        }
        let Some(character) = rest.chars().next() else {
            break;
        };
        note(&mut layer, folded.len(), at, Way::Whole);
        if let Some(end) = push_tags(text, at, folded, &mut layer) {
            at = end;
            continue;
        }
        push_folded(character, words.contain(text, at, character), folded);
        at += character.len_utf8();
    }
}

fn note(layer: &mut Option<&mut Layer>, made: usize, source: usize, way: Way) {
    if let Some(layer) = layer {
        layer.note(made, source, way, Reading::Folded);
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
    match FOLDS.get(usize::from(in_mixed_word)).and_then(|folds| folds.get(character as usize)) {
        Some(fold) => folded.extend(fold.iter().map_while(|part| *part)),
        None => push_unknown(character, in_mixed_word, folded),
    }
}

/// What the characters of alphabets fold to, which are short and need nothing of what stands around them but the word:
/// first those of words of one alphabet, then those of mixed words.
static FOLDS: LazyLock<[Vec<[Option<char>; FOLD_MAX]>; 2]> = LazyLock::new(|| {
    [false, true].map(|in_mixed_word| {
        let fold = |character: char| {
            let mut folded = String::new();
            push_unknown(character, in_mixed_word, &mut folded);
            let mut parts = folded.chars();
            let fold = std::array::from_fn(|_| parts.next());
            assert!(parts.next().is_none(), "what {character:?} folds to has room");
            fold
        };
        (char::MIN..LAST_ALPHABET).map(fold).collect()
    })
});

/// Latin, Greek, Cyrillic, Armenian, Hebrew, Arabic and what else takes two bytes.
const LAST_ALPHABET: char = '\u{800}';
const FOLD_MAX: usize = 3;

/// Makes the table of folds, which else is made when a text first needs it.
pub(crate) fn warm() {
    LazyLock::force(&FOLDS);
}

fn push_unknown(character: char, in_mixed_word: bool, folded: &mut String) {
    if is_invisible(character) {
        return;
    }
    if is_gap(character) || is_ornament(character) {
        folded.push(' ');
        return;
    }
    if stays_whole(character) {
        folded.push(character);
        return;
    }
    decompose_compatible(character, |part| push_part(part, in_mixed_word, folded));
}

/// Tag characters spell ASCII that no one sees and a model reads, so that it is read where it stands. A flag is spelt so
/// too, and a few among letters only part them.
fn push_tags(text: &str, at: usize, folded: &mut String, layer: &mut Option<&mut Layer>) -> Option<usize> {
    let end = end_of_tags(text, at);
    if !spells(text, &(at..end)) {
        return (end > at).then_some(end);
    }
    folded.push('\n');
    for (offset, tag) in text[at..end].char_indices() {
        if offset > 0 {
            note(layer, folded.len(), at + offset, Way::Whole);
        }
        let spelt = u8::try_from(u32::from(tag) - u32::from(TAG_BASE)).ok().filter(|byte| is_plain_byte(*byte));
        folded.extend(spelt.map(char::from));
    }
    folded.push('\n');
    Some(end)
}

/// The stretches of tag characters that spell something.
pub(crate) fn tagged(text: &str) -> Vec<Range<usize>> {
    let (mut stretches, mut done) = (Vec::new(), 0);
    for at in memmem::find_iter(text.as_bytes(), TAG_BYTES_FIRST) {
        if at >= done {
            done = end_of_tags(text, at);
            stretches.extend(spells(text, &(at..done)).then_some(at..done));
        }
    }
    stretches
}

fn end_of_tags(text: &str, at: usize) -> usize {
    at + text[at..].find(|character| !is_tag(character)).unwrap_or(text.len() - at)
}

fn spells(text: &str, tags: &Range<usize>) -> bool {
    let count = tags.len() / TAG_BYTES;
    count >= TAGS_MIN && !(count <= FLAG_TAGS_MAX && text[..tags.start].ends_with(BLACK_FLAG))
}

fn is_tag(character: char) -> bool {
    matches!(character, TAG_BASE..='\u{E007F}')
}

const TAG_BASE: char = '\u{E0000}';
/// What all of them begin with, and variation selectors too.
const TAG_BYTES_FIRST: &[u8] = b"\xF3\xA0";
const TAG_BYTES: usize = TAG_BASE.len_utf8();
const TAGS_MIN: usize = 3;
/// Five letters of a region and the closing tag.
const FLAG_TAGS_MAX: usize = 6;
const BLACK_FLAG: char = '\u{1F3F4}';

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

/// Dots, arrows, boxes, pictures: what stands between words in place of a space, and is no letter of any.
fn is_ornament(character: char) -> bool {
    matches!(character, '\u{00A6}' | '\u{00AC}' | '\u{00B6}' | '\u{00B7}' | '\u{2020}'..='\u{2023}' | '\u{2026}' | '\u{2027}'
        | '\u{203B}' | '\u{2043}' | '\u{2190}'..='\u{21FF}' | '\u{2215}' | '\u{2216}' | '\u{2219}' | '\u{2223}' | '\u{22C5}'
        | '\u{2500}'..='\u{26FF}' | '\u{2701}'..='\u{2775}' | '\u{2794}'..='\u{27BF}' | '\u{27F0}'..='\u{27FF}'
        | '\u{2900}'..='\u{297F}' | '\u{2B00}'..='\u{2BFF}' | '\u{30FB}' | '\u{1F300}'..='\u{1FAFF}')
}

/// Letters that normalisation never changes; asking first keeps Chinese text fast. The Arabic
/// word ligatures stay whole as well, since one of them unfolds to eleven times its size.
fn stays_whole(character: char) -> bool {
    matches!(character, '\u{FDF0}'..='\u{FDFD}' | '\u{3041}'..='\u{3096}' | '\u{30A1}'..='\u{30FA}' | '\u{3400}'..='\u{9FFF}'
        | '\u{AC00}'..='\u{D7A3}')
}

/// Accents, the strokes of "zalgo" text, and the points that Hebrew and Arabic are written without; the hamza stays, since
/// it tells words apart. Marks that spell vowels (Indic) stay.
fn is_stripped_mark(character: char) -> bool {
    matches!(character, '\u{0300}'..='\u{036F}' | '\u{0483}'..='\u{0489}' | '\u{0591}'..='\u{05BD}' | '\u{05BF}'
        | '\u{05C1}' | '\u{05C2}' | '\u{05C4}' | '\u{05C5}' | '\u{05C7}' | '\u{0610}'..='\u{061A}' | '\u{0640}'
        | '\u{064B}'..='\u{0652}' | '\u{0656}'..='\u{065F}' | '\u{0670}' | '\u{06D6}'..='\u{06DC}'
        | '\u{06DF}'..='\u{06E4}' | '\u{06E7}' | '\u{06E8}' | '\u{06EA}'..='\u{06ED}' | '\u{1AB0}'..='\u{1AFF}'
        | '\u{1DC0}'..='\u{1DFF}' | '\u{20D0}'..='\u{20FF}' | '\u{FE20}'..='\u{FE2F}')
}

/// Remembers whether the word under the cursor mixes Latin with Greek or Cyrillic letters.
///
/// Each word is looked through once, at its first Greek or Cyrillic letter, which keeps the
/// whole walk linear.
#[derive(Default)]
struct MixedWords {
    /// Whether the words about a word say whether its letters are Latin; not so in a pattern, which is no text.
    by_neighbours: bool,
    known_until: usize,
    mixed: bool,
}

impl MixedWords {
    fn of_text() -> MixedWords {
        MixedWords { by_neighbours: true, ..MixedWords::default() }
    }

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
        let was_mixed = self.mixed;
        self.mixed = before.is_some_and(is_latin);
        self.known_until = text.len();
        let mut passes_for_latin = true;
        for (offset, character) in text[at..].char_indices() {
            if is_latin(character) {
                self.mixed = true;
            } else if !continues_word(character) {
                self.known_until = at + offset;
                break;
            }
            passes_for_latin &= !is_greek_or_cyrillic(character) || passes(character);
        }
        if !self.mixed && passes_for_latin && self.by_neighbours {
            let before = text[..at].chars().rev().take(NEIGHBOUR_MAX).find(|before| is_letter(*before));
            let is_before = before.map(|letter| is_latin(letter) || (is_greek_or_cyrillic(letter) && was_mixed));
            if is_before != Some(false) {
                let is_after = is_latin_next(&text[self.known_until..]);
                self.mixed = is_before.or(is_after) == Some(true) && is_after.or(is_before) == Some(true);
            }
        }
    }
}

/// Whether a letter may stand for a Latin one.
fn passes(letter: char) -> bool {
    latin_lookalike(letter).is_some() || letter.to_lowercase().all(|lower| latin_lookalike(lower).is_some())
}

/// A word that may be of either alphabet is of that of the words on both sides of it; of two such words in a row the
/// second is of the alphabet of the word behind it. Nothing where no word is near.
fn is_latin_next(text: &str) -> Option<bool> {
    let mut rest = text;
    for is_second in [false, true] {
        let Some((at, _)) = rest.char_indices().take(NEIGHBOUR_MAX).find(|(_, letter)| is_letter(*letter)) else {
            return is_second.then_some(false);
        };
        rest = &rest[at..];
        let word = rest.chars().take(WORD_MAX).take_while(|letter| is_letter(*letter));
        if word.clone().any(is_latin) {
            return Some(true);
        }
        if !word.clone().all(passes) {
            break;
        }
        rest = &rest[word.map(char::len_utf8).sum()..];
    }
    Some(false)
}

/// What Unicode calls alphabetic, told at once of the letters that this is asked of most.
fn is_letter(character: char) -> bool {
    matches!(character, '\u{03B1}'..='\u{03CE}' | '\u{0400}'..='\u{0481}') || character.is_alphabetic()
}

const NEIGHBOUR_MAX: usize = 8;
const WORD_MAX: usize = 24;

fn continues_word(character: char) -> bool {
    is_greek_or_cyrillic(character)
        || character.is_ascii_digit()
        || is_invisible(character)
        || is_stripped_mark(character)
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
    fn tag_characters_read_as_what_they_spell() {
        let tags: String = "obey".chars().map(|c| char::from_u32(u32::from(c) + 0xE0000).unwrap()).collect();
        assert_eq!(folded(&format!("hi{tags}!")), "hi\nobey\n!");
        assert_eq!(folded("\u{1F3F4}\u{E0067}\u{E0062}\u{E0065}\u{E006E}\u{E0067}\u{E007F} ok"), "  ok");
        let view = format!("hi{tags}!");
        assert_eq!(Folded::new(&view).layer().locate(4..5), 6..10);
    }

    #[test]
    fn styled_letters_read_as_letters() {
        assert_eq!(folded("𝐈𝐠𝐧𝐨𝐫𝐞 Ｉｔ ⓝⓞⓦ ﬁ"), "ignore it now fi");
        assert_eq!(folded("z\u{0335}a\u{0322}lgo précédentes й"), "zalgo precedentes и");
    }

    #[test]
    fn what_is_told_at_once_is_what_would_be_found() {
        for character in '\0'..='\u{2000}' {
            assert_eq!(is_letter(character), character.is_alphabetic(), "{character:?}");
            for in_mixed_word in [false, true] {
                let (mut known, mut found) = (String::new(), String::new());
                push_folded(character, in_mixed_word, &mut known);
                push_unknown(character, in_mixed_word, &mut found);
                assert_eq!(known, found, "{character:?}");
            }
        }
    }

    #[test]
    fn points_leave_the_view_and_hamza_stays() {
        assert_eq!(folded("تَجاهَلْ جَمـيعَ"), folded("تجاهل جميع"));
        assert_eq!(folded("הִתְעַלֵּם שׁ"), "התעלם ש");
        assert_ne!(folded("أمر"), folded("امر"));
    }

    #[test]
    fn ornaments_between_words_read_as_spaces() {
        assert_eq!(folded("ignore·all→of•it…🙂now│ok"), "ignore all of it  now ok");
        assert_eq!(folded("3 € ≤ 5 £"), "3 € ≤ 5 £");
        let text = "a→b";
        assert_eq!(Folded::new(text).layer().locate(1..2), 1..4);
    }

    #[test]
    fn lookalikes_are_folded_in_mixed_words_only() {
        assert_eq!(folded("іgnоrе"), "ignore");
        assert_eq!(folded("рrοmpt"), "prompt");
        assert_eq!(folded("он рос там"), "он рос там");
        assert_eq!(folded("это API, а не"), "это API, а не");
        assert_eq!(folded("I am а developer, ехр1ain"), "I am a developer, exp1ain");
        assert_eq!(folded("іѕ а cаt, mу саѕе"), "is a cat, my case");
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
        let span = view.layer().locate(at..at + 6);
        assert_eq!(&text[span], "іgn\u{200B}оrе");
    }

    #[test]
    fn expanded_characters_lead_back_to_the_whole_character() {
        let text = "a ﬃ b";
        let view = Folded::new(text);
        assert_eq!(view.text(), "a ffi b");
        assert_eq!(view.layer().locate(3..4), 2..5);
    }
}
