//! One walk through a text that notes where something may have to be undone.
//!
//! Every text pays for this walk, plain ones for nothing else: a byte costs a look into two tables, a word a look at one
//! bit. What is noted is only suspected; who undoes it looks closer.

use std::ops::Range;

use crate::scan::view::triggers::TRIGGERS;

/// What a walk through a text noted.
#[derive(Default)]
pub(super) struct Survey {
    /// Words that may read as other words, or as bytes.
    pub(super) suspects: Vec<Suspect>,
    /// A symbol stands somewhere that may begin an escape, an entity, a tag or an emphasis.
    pub(super) symbols: bool,
    /// Where rows of letters begin that stand apart.
    pub(super) spelt: Vec<usize>,
    /// Where rows of small codes begin, such as `69 67 6e`.
    pub(super) codes: Vec<usize>,
}

pub(super) struct Suspect {
    pub(super) start: u32,
    pub(super) end: u32,
    pub(super) sort: Sort,
}

impl Suspect {
    pub(super) fn range(&self) -> Range<usize> {
        self.start as usize..self.end as usize
    }
}

/// What is suspected of a word.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Sort {
    /// It holds the letters of a trigger word, or a trigger word turned round or rotated.
    Letters,
    /// Too long for one word.
    Long,
    /// Letters beside digits or symbols.
    Mixed,
    /// Long, and of letters, digits and cases as words are not.
    Code,
}

impl Survey {
    pub(super) fn of(text: &str) -> Survey {
        let bytes = text.as_bytes();
        let mut survey = Survey::default();
        let mut walk = Walk::default();
        let mut at = 0;
        while let Some(&byte) = bytes.get(at) {
            let traits = TRAITS[usize::from(byte)];
            if traits & WORD == 0 {
                walk.between |= traits;
                at += 1;
                continue;
            }
            let start = at;
            let (mut all, mut sum) = (0, 0_u32);
            for &byte in &bytes[start..] {
                let traits = TRAITS[usize::from(byte)];
                if traits & WORD == 0 {
                    break;
                }
                all |= traits;
                sum = sum.wrapping_add(traits);
                at += 1;
            }
            survey.word(&bytes[start..at], start, all & CLASSES, sum & !CLASSES, &mut walk);
        }
        survey.symbols = walk.between & SYMBOL != 0;
        survey
    }

    #[inline]
    fn word(&mut self, word: &[u8], start: usize, all: u32, sum: u32, walk: &mut Walk) {
        if word.len() <= CODE_BYTES {
            self.small(word, start, all, walk);
            if word.len() < LETTERS_MIN {
                return;
            }
        } else {
            walk.alone = 0;
            walk.codes = 0;
        }
        let sort = match all & !UPPER {
            LETTER if word.len() >= LONG_MIN => Sort::Long,
            LETTER if is_cased_oddly(word, all) => Sort::Code,
            LETTER if TRIGGERS.may_hold(word, sum) && !TRIGGERS.is_plain(word) => Sort::Letters,
            LETTER => return,
            class if class & HIGH != 0 => return,
            class if class & LETTER == 0 && (class != DIGIT || word.len() < LONG_MIN) => return,
            _ if word.len() >= ENCODED_MIN => Sort::Code,
            _ => Sort::Mixed,
        };
        let narrow = |offset| u32::try_from(offset).unwrap_or(u32::MAX);
        self.suspects.push(Suspect { start: narrow(start), end: narrow(start + word.len()), sort });
    }

    /// Counts letters that stand alone, and pairs and octets of digits.
    fn small(&mut self, word: &[u8], start: usize, all: u32, walk: &mut Walk) {
        let alone = word.len() == 1 || (all == HIGH && word.len() == width(word[0]));
        if alone && walk.alone == 0 {
            walk.alone_start = start;
        }
        walk.alone = if alone { walk.alone + 1 } else { 0 };
        if walk.alone == ALONE_MIN {
            self.spelt.push(walk.alone_start);
        }
        let code = match word.len() {
            1 => false,
            2 => word.iter().all(u8::is_ascii_hexdigit),
            4 => word.starts_with(b"0x"),
            _ => all & !DIGIT == 0 && (word.len() == 8 || word.len() == 3),
        };
        if !code {
            walk.codes = 0;
            return;
        }
        if walk.codes == 0 {
            walk.codes_start = start;
        }
        walk.codes += 1;
        if walk.codes == CODES_MIN {
            self.codes.push(walk.codes_start);
        }
    }
}

/// Where a walk stands.
#[derive(Default)]
struct Walk {
    /// The classes of all that stood between words.
    between: u32,
    /// Words of one letter in a row, and where they began.
    alone: u32,
    alone_start: usize,
    /// Small codes in a row, and where they began.
    codes: u32,
    codes_start: usize,
}

/// Bytes of a character by its first.
fn width(first: u8) -> usize {
    match first {
        0..0xC0 => 1,
        0xC0..0xE0 => 2,
        0xE0..0xF0 => 3,
        _ => 4,
    }
}

/// Cases that change within a word, as in base64 and in no prose.
fn is_cased_oddly(word: &[u8], all: u32) -> bool {
    if all & UPPER == 0 || word.len() < ENCODED_MIN {
        return false;
    }
    let ups = word.windows(2).filter(|pair| pair[0].is_ascii_lowercase() && pair[1].is_ascii_uppercase());
    ups.take(2).count() == 2 || (word.len() <= 12 && word[0].is_ascii_lowercase())
}

/// The shortest word that may be base64 or hex.
const ENCODED_MIN: usize = 8;
/// The shortest word that may be several.
const LONG_MIN: usize = 16;
/// The shortest words that are compared by their letters, or read as leet.
const LETTERS_MIN: usize = 3;
/// The longest of the small codes: an octet of binary digits.
const CODE_BYTES: usize = 8;
/// Letters and codes in a row from which on they are looked at.
const ALONE_MIN: u32 = 5;
const CODES_MIN: u32 = 5;

const LETTER: u32 = 1 << 24;
const DIGIT: u32 = 2 << 24;
/// Stands for a letter in leet.
const LEET: u32 = 4 << 24;
/// Beyond ASCII.
const HIGH: u32 = 8 << 24;
/// An upper-case letter, beside `LETTER`.
const UPPER: u32 = 16 << 24;
const SYMBOL: u32 = 32 << 24;
const WORD: u32 = LETTER | DIGIT | LEET | HIGH;
const CLASSES: u32 = 0xFF << 24;

/// The class of a byte, and in the lower bits what it adds to the sum of its word: one look tells both.
static TRAITS: [u32; 256] = traits();

const fn traits() -> [u32; 256] {
    let mut traits = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        traits[byte] = match byte as u8 {
            b'a'..=b'z' => LETTER | weight(byte as u8),
            b'A'..=b'Z' => LETTER | UPPER | weight(byte as u8),
            b'0'..=b'9' => DIGIT,
            b'@' | b'$' | b'!' | b'|' => LEET,
            b'%' | b'\\' | b'&' | b'<' | b'*' | b'`' | b'~' | b'_' => SYMBOL,
            0x80.. => HIGH,
            _ => 0,
        };
        byte += 1;
    }
    traits
}

/// A number of 24 bits for a letter of either case.
const fn weight(letter: u8) -> u32 {
    let mixed = ((letter | 0x20) as u32).wrapping_mul(0x9E37_79B1);
    (mixed ^ mixed >> 15).wrapping_mul(0x85EB_CA77) >> 8
}

/// The sum of the weights of a word's letters, whatever their order and case.
pub(super) fn sum(word: &[u8]) -> u32 {
    let sum = word.iter().fold(0_u32, |sum, &letter| sum.wrapping_add(TRAITS[usize::from(letter)]));
    sum & !CLASSES
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sorts(text: &str) -> Vec<(&str, Sort)> {
        Survey::of(text).suspects.iter().map(|suspect| (&text[suspect.range()], suspect.sort)).collect()
    }

    #[test]
    fn plain_prose_arouses_no_suspicion() {
        let survey = Survey::of("The committee met on Tuesday, at 10:30, to review the instructions (all of them).");
        assert!(survey.suspects.iter().all(|suspect| suspect.sort == Sort::Letters));
        assert!(!survey.symbols && survey.spelt.is_empty() && survey.codes.is_empty());
    }

    #[test]
    fn each_suspicion_has_its_word() {
        assert!(sorts("he1lo") == [("he1lo", Sort::Mixed)]);
        assert!(sorts("so ignoreallpreviousrules") == [("ignoreallpreviousrules", Sort::Long)]);
        assert!(sorts("aWdub3JlIGFsbA== x") == [("aWdub3JlIGFsbA", Sort::Code)]);
        assert!(sorts("the ingore x") == [("ingore", Sort::Letters)]);
        assert_eq!(Survey::of("say i.g.n.o.r.e").spelt, [4]);
        assert_eq!(Survey::of("忽 略 以 上 的").spelt, [0]);
        assert!(Survey::of("100%").symbols);
        assert_eq!(Survey::of("is 69 67 6e 6f 72").codes, [3]);
    }
}
