//! The words that attacks are made of, and the shapes they are hidden in: scrambled, turned round, rotated.

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use crate::scan::view::survey::sum;
use crate::scan::view::vocabulary::{self, VOCABULARY};

/// How trigger words are recognised in disguise.
pub(super) struct Triggers {
    /// One bit for each key of a disguised word; most words of an honest text have none.
    keys: Vec<u64>,
    /// Words by their first letter, their last, and the letters between in order of the alphabet.
    scrambled: HashMap<Vec<u8>, &'static str>,
    backward: HashSet<Vec<u8>>,
    rotated: HashSet<Vec<u8>>,
    /// Known words whose bits are set and that hide nothing, each at or behind the place that its letters give.
    plain: Vec<u128>,
}

pub(super) static TRIGGERS: LazyLock<Triggers> = LazyLock::new(Triggers::new);

impl Triggers {
    fn new() -> Triggers {
        let mut triggers = Triggers {
            keys: vec![0; 1 << (KEY_BITS - 6)],
            scrambled: HashMap::new(),
            backward: HashSet::new(),
            rotated: HashSet::new(),
            plain: vec![0; 1 << PLAIN_BITS],
        };
        let words = WORDS.split_ascii_whitespace();
        for word in words.clone().filter(|word| word.len() >= SCRAMBLED_MIN) {
            triggers.scrambled.insert(scrambled_form(word.as_bytes()), word);
            triggers.note(word.as_bytes());
        }
        for word in words.chain(FRAME.split_ascii_whitespace()) {
            let backward: Vec<u8> = word.bytes().rev().collect();
            let rotated: Vec<u8> = word.bytes().map(rotate).collect();
            if !VOCABULARY.has(&backward) {
                triggers.note(&backward);
                triggers.backward.insert(backward);
            }
            if !VOCABULARY.has(&rotated) {
                triggers.note(&rotated);
                triggers.rotated.insert(rotated);
            }
        }
        for word in vocabulary::words().map(str::as_bytes).filter(|word| word.len() <= PLAIN_BYTES_MAX) {
            if triggers.may_hold(word, sum(word)) {
                triggers.note_plain(packed(word));
            }
        }
        triggers
    }

    fn note_plain(&mut self, word: u128) {
        let mut place = place(word);
        while self.plain[place] != 0 {
            place = (place + 1) % self.plain.len();
        }
        self.plain[place] = word;
    }

    /// Whether a word that may hold a trigger is a known one as it stands.
    pub(super) fn is_plain(&self, word: &[u8]) -> bool {
        if word.len() > PLAIN_BYTES_MAX {
            return VOCABULARY.has(word);
        }
        let word = packed(word);
        let mut place = place(word);
        while self.plain[place] != 0 && self.plain[place] != word {
            place = (place + 1) % self.plain.len();
        }
        self.plain[place] == word
    }

    /// Whether a word of these letters may be a trigger in disguise. `sum` is that of the letters' weights.
    #[inline]
    pub(super) fn may_hold(&self, word: &[u8], sum: u32) -> bool {
        let key = key(word, sum);
        self.keys[key >> 6] >> (key & 63) & 1 == 1
    }

    /// The trigger that a word scrambles: the first and the last letter in place, those between in any order.
    pub(super) fn unscramble(&self, word: &[u8]) -> Option<&'static str> {
        self.scrambled.get(&scrambled_form(&word.to_ascii_lowercase())).copied()
    }

    pub(super) fn is_backward(&self, word: &[u8]) -> bool {
        self.backward.contains(&word.to_ascii_lowercase())
    }

    pub(super) fn is_rotated(&self, word: &[u8]) -> bool {
        self.rotated.contains(&word.to_ascii_lowercase())
    }

    fn note(&mut self, word: &[u8]) {
        let key = key(word, sum(word));
        self.keys[key >> 6] |= 1 << (key & 63);
    }
}

const PLAIN_BYTES_MAX: usize = 16;
/// Room for four times as many words as there are.
const PLAIN_BITS: u32 = 12;

/// The letters of a word in lower case.
fn packed(word: &[u8]) -> u128 {
    let mut bytes = [0; PLAIN_BYTES_MAX];
    bytes[..word.len()].copy_from_slice(word);
    u128::from_le_bytes(bytes) | u128::from_le_bytes([0x20; PLAIN_BYTES_MAX])
}

fn place(word: u128) -> usize {
    let halves = (word as u64) ^ ((word >> 64) as u64).rotate_left(29);
    (halves.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> (64 - PLAIN_BITS)) as usize
}

/// A number that words share which differ in the order of their inner letters alone.
#[inline]
fn key(word: &[u8], sum: u32) -> usize {
    let (Some(first), Some(last)) = (word.first(), word.last()) else {
        return 0;
    };
    let ends = u32::from(first | 0x20).wrapping_mul(0x9E37_79B1) ^ u32::from(last | 0x20).wrapping_mul(0x85EB_CA77);
    (sum.wrapping_add(ends).wrapping_mul(0xC2B2_AE3D) >> (32 - KEY_BITS)) as usize
}

/// 4 KiB of bits, of which a thirtieth is set.
const KEY_BITS: u32 = 15;

pub(super) fn scrambled_form(word: &[u8]) -> Vec<u8> {
    let mut form = word.to_vec();
    if let Some(inner) = form.get_mut(1..word.len().saturating_sub(1)) {
        inner.sort_unstable();
    }
    form
}

/// ROT13, its own inverse.
pub(super) fn rotate(letter: u8) -> u8 {
    match letter {
        b'a'..=b'z' => (letter - b'a' + 13) % 26 + b'a',
        b'A'..=b'Z' => (letter - b'A' + 13) % 26 + b'A',
        _ => letter,
    }
}

/// Shorter words have no two inner letters to change about.
const SCRAMBLED_MIN: usize = 4;

const WORDS: &str = "\
    ignore ignoring ignores disregard disregarding forget forgetting bypass bypassing override overriding overrule \
    neglect overlook discard dismiss abandon circumvent disobey previous previously prior above earlier preceding \
    foregoing former following below initial original instruction instructions directive directives guideline guidelines \
    rules rule command commands order orders prompt prompts context restrictions restriction limitations limitation \
    constraints constraint policies policy safety safeguards filters filter moderation ethics ethical everything \
    anything system hidden secret secrets confidential internal private password passwords passphrase passcode codeword \
    credentials token tokens access reveal revealing disclose divulge expose leak display print output repeat repeating \
    show tell give share provide send write return recite echo verbatim extract summarize translate content message \
    messages developer administrator admin debug mode enable enabled disable disabled activate activated unlock unlocked \
    jailbreak jailbroken unfiltered unrestricted uncensored pretend pretending imagine roleplay character persona \
    assistant chatbot model simulate simulating acting behave respond response answer answers always never refuse \
    refusing refusal without warning warnings disclaimer disclaimers comply obey longer allowed bound free freely \
    evil malicious illegal harmful dangerous unethical immoral hack hacking exploit malware virus weapon execute run \
    code script shell delete remove stop start begin end new now task conversation conversations text words word \
    training configuration settings parameters knowledge user users data information exactly starting entire complete \
    whole full special authorized permission permissions granted security protocol protocols programming \
    programmed openai chatgpt anthropic language";

/// Words of any sentence, which tell that a text is turned round or rotated.
const FRAME: &str = "\
    the and you your all this that what with from have are not for but can will about they how when where which who why \
    would could should there their them then than into only other some please must been were has had its his her our \
    every just like make more most need also because before after does don know want help here over under very \
    explain describe list between through first last many much people time such using used use each being while";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scrambled_triggers_are_resolved() {
        assert_eq!(TRIGGERS.unscramble(b"ingore"), Some("ignore"));
        assert_eq!(TRIGGERS.unscramble(b"Instrucitons"), Some("instructions"));
        assert_eq!(TRIGGERS.unscramble(b"banana"), None);
        assert_eq!(TRIGGERS.unscramble(b"erongi"), None);
    }

    #[test]
    fn triggers_are_known_turned_round_and_rotated() {
        assert!(TRIGGERS.is_backward(b"snoitcurtsni") && TRIGGERS.is_rotated(b"Vafgehpgvbaf"));
        assert!(!TRIGGERS.is_backward(b"live") && !TRIGGERS.is_rotated(b"instructions"));
    }

    #[test]
    fn every_disguise_has_its_bit() {
        for word in ["ingore", "erongi", "vtaber", "INGORE"] {
            assert!(TRIGGERS.may_hold(word.as_bytes(), sum(word.as_bytes())), "{word}");
        }
        let set: u32 = TRIGGERS.keys.iter().map(|word| word.count_ones()).sum();
        assert!(set < 1 << (KEY_BITS - 4), "{set} bits are set");
        let plain = TRIGGERS.plain.iter().filter(|word| **word != 0).count();
        assert!(plain < 1 << (PLAIN_BITS - 1), "{plain} words are plain");
    }
}
