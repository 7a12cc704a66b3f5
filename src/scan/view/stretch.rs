//! Whole stretches of a text that run backwards or were rotated by thirteen letters.

use std::ops::Range;

use crate::scan::view::Reading;
use crate::scan::view::edits::{Edits, Rank};
use crate::scan::view::layer::Way;
use crate::scan::view::triggers::rotate;
use crate::scan::view::vocabulary::VOCABULARY;

/// Words that tell of such a stretch, in the order of the text.
#[derive(Default)]
pub(super) struct Witnesses {
    words: Vec<Range<usize>>,
}

impl Witnesses {
    pub(super) fn note(&mut self, word: Range<usize>) {
        self.words.push(word);
    }

    /// Gives each stretch that reads as English when it is turned, with the strange words about it. A word that tells of
    /// it may stand in any text; most of a stretch's words turning to known ones is no chance.
    pub(super) fn stretches(&self, text: &str, turn: Turn) -> Vec<Range<usize>> {
        let mut stretches: Vec<Range<usize>> = Vec::new();
        for group in self.words.chunk_by(|one, next| next.start - one.end < APART_BYTES_MAX) {
            let bound = stretches.last().map_or(0, |last| last.end);
            let stretch = grown(text, bound, &(group[0].start..group[group.len() - 1].end), turn);
            if stretch.start >= bound && reads(&text.as_bytes()[stretch.clone()], turn) {
                stretches.push(stretch);
            }
        }
        stretches
    }
}

/// How a word of a stretch is read.
pub(super) type Turn = fn(&mut [u8]);

pub(super) fn backward(word: &mut [u8]) {
    word.reverse();
}

pub(super) fn rotated(word: &mut [u8]) {
    word.iter_mut().for_each(|letter| *letter = rotate(*letter));
}

/// How far apart words may stand that tell of one stretch.
const APART_BYTES_MAX: usize = 160;

fn reads(stretch: &[u8], turn: Turn) -> bool {
    let (mut letters, mut known) = (0, 0);
    for word in stretch.split(|byte| !byte.is_ascii_alphabetic()).filter(|word| word.len() > 2) {
        letters += word.len();
        known += if turns_known(word, turn) { word.len() } else { 0 };
    }
    known >= KNOWN_MIN && known * 2 >= letters
}

const WORD_BYTES_MAX: usize = 24;
/// Letters in words that a turn makes known.
const KNOWN_MIN: usize = 7;

/// Takes in what stands about a stretch up to the next word that is known as it stands and not when it is turned.
fn grown(text: &str, bound: usize, found: &Range<usize>, turn: Turn) -> Range<usize> {
    let bytes = text.as_bytes();
    let is_letter = |byte: &&u8| byte.is_ascii_alphabetic();
    let floor = bound.max(found.start.saturating_sub(GROWTH_MAX)).min(found.start);
    let mut start = found.start;
    while start > floor {
        let gap = bytes[floor..start].iter().rev().take_while(|byte| !is_letter(byte)).count();
        let word = bytes[floor..start - gap].iter().rev().take_while(is_letter).count();
        if word == 0 || is_plain(&bytes[start - gap - word..start - gap], turn) {
            break;
        }
        start -= gap + word;
    }
    start -= bytes[floor..start].iter().rev().take_while(is_mark).count();
    let ceiling = bytes.len().min(found.end + GROWTH_MAX);
    let mut end = found.end;
    while end < ceiling {
        let gap = bytes[end..ceiling].iter().take_while(|byte| !is_letter(byte)).count();
        let word = bytes[end + gap..ceiling].iter().take_while(is_letter).count();
        if word == 0 || is_plain(&bytes[end + gap..end + gap + word], turn) {
            break;
        }
        end += gap + word;
    }
    end += bytes[end..ceiling].iter().take_while(is_mark).count();
    text.ceil_char_boundary(start)..text.ceil_char_boundary(end)
}

const GROWTH_MAX: usize = 96;

/// Punctuation that stands at a word.
fn is_mark(byte: &&u8) -> bool {
    byte.is_ascii_graphic() && !byte.is_ascii_alphabetic()
}

fn is_plain(word: &[u8], turn: Turn) -> bool {
    VOCABULARY.has(word) && !turns_known(word, turn)
}

fn turns_known(word: &[u8], turn: Turn) -> bool {
    let mut turned = [0; WORD_BYTES_MAX];
    turned.get_mut(..word.len()).is_some_and(|turned| {
        turned.copy_from_slice(word);
        turn(turned);
        VOCABULARY.has(turned)
    })
}

/// A stretch begins and ends a line, for rules that look there.
fn set_apart(text: &str, stretch: &Range<usize>, reading: Reading, edits: &mut Edits) {
    let sides = [stretch.start.checked_sub(1), Some(stretch.end)];
    for at in sides.into_iter().flatten().filter(|at| text.as_bytes().get(*at) == Some(&b' ')) {
        edits.put(Rank::Stretch, reading, at..at + 1, "\n");
    }
}

/// Puts a stretch from its end to its beginning.
pub(super) fn turn(text: &str, stretch: Range<usize>, edits: &mut Edits) {
    set_apart(text, &stretch, Reading::Reversed, edits);
    edits.put_by(Rank::Stretch, Reading::Reversed, Way::Backward, stretch.clone(), |put| {
        put.extend(text[stretch].chars().rev());
    });
}

/// Puts a stretch with each letter rotated.
pub(super) fn rotate_back(text: &str, stretch: Range<usize>, edits: &mut Edits) {
    set_apart(text, &stretch, Reading::Rot13, edits);
    edits.put_by(Rank::Stretch, Reading::Rot13, Way::InStep, stretch.clone(), |put| {
        put.extend(text[stretch].chars().map(|letter| match u8::try_from(letter) {
            Ok(byte @ 0..0x80) => char::from(rotate(byte)),
            _ => letter,
        }));
    });
}
