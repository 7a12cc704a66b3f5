//! What was learned as the file that the scanner reads.

use std::collections::HashMap;

use wardgate::scan::{CATEGORY_SLOTS, CATEGORY_WORDS, Category, Table, Weights};

use crate::learn::{Bag, Learned, RuleNames, SHARE};

pub(crate) fn file(learned: &Learned, names: &RuleNames, thresholds: [f32; 3], categories: &[f32]) -> Vec<u8> {
    let (categories, words) = (Rounded::of(categories, 1.0), Rounded::of(&learned.words, 1.0));
    let characters = Rounded::of(&learned.characters, SHARE);
    let weights = Weights {
        bias: learned.bias,
        thresholds,
        rules: HashMap::from_iter(names.names.iter().copied().zip(learned.rules.iter().copied())),
        categories: categories.table(),
        words: words.table(),
        characters: characters.table(),
    };
    weights.to_bytes()
}

/// Weights as multiples of the largest, in 127 steps to either side.
struct Rounded {
    scale: f32,
    slots: Vec<u8>,
}

impl Rounded {
    fn of(weights: &[f32], share: f32) -> Rounded {
        let largest = weights.iter().fold(0.0f32, |largest, weight| largest.max(weight.abs()));
        let step = (largest / 127.0).max(f32::MIN_POSITIVE);
        let slots = weights.iter().map(|weight| ((weight / step).round() as i8).cast_unsigned()).collect();
        Rounded { scale: step * share, slots }
    }

    fn table<const SLOTS: usize>(&self) -> Table<'_, SLOTS> {
        Table { scale: self.scale, slots: self.slots.first_chunk().expect("a table is learned at its full size") }
    }
}

/// Words by category, learned from attacks that a rule knows: one against the rest, by the perceptron's rule.
pub(crate) fn categories(bags: &[Bag]) -> Vec<f32> {
    let mut weights = vec![0.0f32; CATEGORY_SLOTS];
    for _ in 0..CATEGORY_EPOCHS {
        for bag in bags.iter().filter(|bag| bag.attack) {
            let Some(right) = bag.category.and_then(|right| Category::ALL.iter().position(|&other| other == right))
            else {
                continue;
            };
            let slots = || bag.pieces.iter().flat_map(|piece| &piece.words).map(|&slot| slot as usize % CATEGORY_WORDS);
            let votes = |category: usize| slots().map(|slot| weights[category * CATEGORY_WORDS + slot]).sum::<f32>();
            let most = (0..Category::ALL.len()).max_by(|&one, &other| votes(one).total_cmp(&votes(other)));
            let guess = most.expect("there are categories");
            if guess != right {
                let step = 1.0 / (slots().count().max(1) as f32).sqrt();
                for slot in slots() {
                    weights[right * CATEGORY_WORDS + slot] += step;
                    weights[guess * CATEGORY_WORDS + slot] -= step;
                }
            }
        }
    }
    weights
}

const CATEGORY_EPOCHS: usize = 4;
