//! The file of the weights: written by the trainer, read once at start.
//!
//! Numbers are little-endian. A header of marks and scales, the rules by id, the table that tells categories apart, then
//! the two large tables; in the tables a byte is a weight as a multiple of its scale.

use std::collections::HashMap;

use crate::scan::model::Level;
use crate::scan::model::features::{CHARACTERS, WORDS};

/// What was learned, as the scanner uses it.
pub struct Weights<'w> {
    pub bias: f32,
    /// The scores from which on a text counts as an attack, at `strict`, `balanced` and `sensitive`.
    pub thresholds: [f32; 3],
    pub rules: HashMap<&'w str, f32>,
    pub categories: Table<'w, CATEGORY_SLOTS>,
    pub words: Table<'w, WORDS>,
    pub characters: Table<'w, CHARACTERS>,
}

/// Weights of one byte each.
pub struct Table<'w, const SLOTS: usize> {
    pub scale: f32,
    pub slots: &'w [u8; SLOTS],
}

/// Each of the four categories has a weight for each word.
pub const CATEGORY_SLOTS: usize = 4 * CATEGORY_WORDS;

/// Words share slots here, since a wrong category is no wrong verdict.
pub const CATEGORY_WORDS: usize = 1 << 12;

impl<'w> Weights<'w> {
    /// Nothing if the bytes are not weights of this version.
    pub fn parse(bytes: &'w [u8]) -> Option<Weights<'w>> {
        let mut rest = bytes.strip_prefix(MAGIC)?;
        let bias = number(&mut rest)?;
        let thresholds = [number(&mut rest)?, number(&mut rest)?, number(&mut rest)?];
        let mut rules = HashMap::new();
        for _ in 0..u16::from_le_bytes(*take(&mut rest)?) {
            let [length] = *take(&mut rest)?;
            let (id, after) = rest.split_at_checked(usize::from(length))?;
            rest = after;
            rules.insert(std::str::from_utf8(id).ok()?, number(&mut rest)?);
        }
        let (categories, words, characters) = (table(&mut rest)?, table(&mut rest)?, table(&mut rest)?);
        rest.is_empty().then_some(Weights { bias, thresholds, rules, categories, words, characters })
    }

    /// The file's bytes; the same for the same weights.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend(self.bias.to_le_bytes());
        bytes.extend(self.thresholds.iter().flat_map(|threshold| threshold.to_le_bytes()));
        bytes.extend((self.rules.len() as u16).to_le_bytes());
        let mut rules: Vec<_> = self.rules.iter().collect();
        rules.sort_by_key(|(id, _)| **id);
        for (id, weight) in rules {
            bytes.push(id.len() as u8);
            bytes.extend(id.as_bytes());
            bytes.extend(weight.to_le_bytes());
        }
        self.categories.push_to(&mut bytes);
        self.words.push_to(&mut bytes);
        self.characters.push_to(&mut bytes);
        bytes
    }

    pub(crate) fn threshold(&self, level: Level) -> f32 {
        let [strict, balanced, sensitive] = self.thresholds;
        match level {
            Level::Strict => strict,
            Level::Balanced => balanced,
            Level::Sensitive => sensitive,
        }
    }
}

impl<const SLOTS: usize> Table<'_, SLOTS> {
    /// The weight in a slot, as a multiple of the scale.
    pub(crate) fn at(&self, slot: usize) -> i64 {
        i64::from(self.slots[slot % SLOTS].cast_signed())
    }

    fn push_to(&self, bytes: &mut Vec<u8>) {
        bytes.extend(self.scale.to_le_bytes());
        bytes.extend(self.slots);
    }
}

fn table<'w, const SLOTS: usize>(rest: &mut &'w [u8]) -> Option<Table<'w, SLOTS>> {
    Some(Table { scale: number(rest)?, slots: take(rest)? })
}

fn number(rest: &mut &[u8]) -> Option<f32> {
    Some(f32::from_le_bytes(*take(rest)?)).filter(|number| number.is_finite())
}

fn take<'w, const BYTES: usize>(rest: &mut &'w [u8]) -> Option<&'w [u8; BYTES]> {
    let (taken, after) = rest.split_first_chunk()?;
    *rest = after;
    Some(taken)
}

/// Changes with the meaning of the bytes, and of the slots: weights of other features are noise.
const MAGIC: &[u8] = b"wardgate weights 1\n";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_are_read_as_they_were_written() {
        let (categories, words, characters) = (vec![1; CATEGORY_SLOTS], vec![255; WORDS], vec![3; CHARACTERS]);
        let bytes = Weights {
            bias: -1.5,
            thresholds: [3.0, 2.0, 1.0],
            rules: HashMap::from([("override.a", 0.5), ("control.b", 2.0)]),
            categories: Table { scale: 1.0, slots: categories.first_chunk().unwrap() },
            words: Table { scale: 0.5, slots: words.first_chunk().unwrap() },
            characters: Table { scale: 0.25, slots: characters.first_chunk().unwrap() },
        }
        .to_bytes();
        let read = Weights::parse(&bytes).unwrap();
        assert_eq!((read.bias, read.rules["control.b"]), (-1.5, 2.0));
        assert_eq!(read.threshold(Level::Balanced), 2.0);
        assert_eq!((read.words.at(7), read.characters.at(7)), (-1, 3));
        assert_eq!(read.to_bytes(), bytes);
    }

    #[test]
    fn bytes_of_another_version_or_length_are_no_weights() {
        let bytes = super::super::BUILTIN;
        assert!(Weights::parse(bytes).is_some());
        assert!(Weights::parse(&bytes[1..]).is_none());
        assert!(Weights::parse(&bytes[..bytes.len() - 1]).is_none());
        assert!(Weights::parse(&[bytes, b"\0"].concat()).is_none());
    }
}
