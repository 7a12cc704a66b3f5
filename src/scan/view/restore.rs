//! A text with everything undone that hides words from plain eyes.

use std::ops::Range;

use crate::scan::normalise::fold_with_layer;
use crate::scan::view::Reading;
use crate::scan::view::edits::Edits;
use crate::scan::view::encoded::{self, Encoded};
use crate::scan::view::layer::Layer;
use crate::scan::view::leet::Leet;
use crate::scan::view::scrambled::Scrambled;
use crate::scan::view::stretch::{self, Witnesses};
use crate::scan::view::survey::{Sort, Survey};
use crate::scan::view::triggers::TRIGGERS;
use crate::scan::view::{escapes, long, spelt};

/// A text restored, and the way back by its layers, the last of which was made last.
pub(super) struct Restored {
    pub(super) text: String,
    pub(super) layers: Vec<Layer>,
    /// What was hidden as a whole, where it stands in the text.
    pub(super) hidden: Vec<Range<usize>>,
}

/// Undoes one thing after another, to a bounded depth: leet in base64 takes two rounds. `overridden` are the stretches
/// that a reader sees backwards. Nothing for a text in which nothing was hidden.
pub(super) fn restore(folded: &str, overridden: Vec<Range<usize>>) -> Option<Restored> {
    let mut restored = Restored { text: String::new(), layers: Vec::new(), hidden: Vec::new() };
    let edits = undo(folded, overridden)?;
    restored.put(edits.are_strange(), edits.apply(folded));
    let mut spent = folded.len();
    for _ in 1..ROUNDS {
        spent += restored.text.len();
        if spent > 2 * folded.len() + SPENT_FREELY_BYTES {
            break;
        }
        let Some(edits) = undo(&restored.text, Vec::new()) else {
            break;
        };
        restored.put(edits.are_strange(), edits.apply_to_all(&restored.text));
    }
    Some(restored)
}

/// Base64 in base64 with leet inside. What is hidden deeper hides from most models too.
const ROUNDS: usize = 3;
/// Texts up to this size are restored to the full depth; in larger ones all rounds together read twice the text.
const SPENT_FREELY_BYTES: usize = 1 << 16;

impl Restored {
    /// What was decoded may hold characters that every text is folded for.
    fn put(&mut self, is_strange: bool, (text, layer): (String, Layer)) {
        self.lay(text, layer);
        if is_strange {
            let (text, layer) = fold_with_layer(&self.text);
            self.lay(text, layer);
        }
    }

    fn lay(&mut self, text: String, layer: Layer) {
        self.hidden.iter_mut().for_each(|stretch| *stretch = layer.carry(stretch));
        self.hidden.extend(layer.made_by(hides_whole_texts));
        self.text = text;
        self.layers.push(layer);
    }
}

/// Whether what was undone hid a text, and not a word or the form of one.
fn hides_whole_texts(reading: Reading) -> bool {
    matches!(reading, Reading::Base64 | Reading::Hex | Reading::Reversed | Reading::Rot13)
}

/// One round's edits. What grows out of it is bounded by the text, since little is put that is longer than what it is put for.
fn undo(text: &str, overridden: Vec<Range<usize>>) -> Option<Edits> {
    let survey = Survey::of(text);
    let mut edits = Edits::default();
    for stretch in overridden {
        stretch::turn(text, stretch, &mut edits);
    }
    if survey.symbols {
        escapes::undo(text, &mut edits);
    }
    let mut done = 0;
    for row in &survey.spelt {
        // A row goes on over what the survey takes for its end, and is read once.
        if *row >= done {
            done = spelt::undo(text, *row, &mut edits);
        }
    }
    let mut done = 0;
    for row in &survey.codes {
        if *row >= done {
            done = encoded::undo_codes(text, *row, &mut edits);
        }
    }
    undo_words(text, &survey, &mut edits);
    (!edits.is_empty()).then_some(edits)
}

fn undo_words(text: &str, survey: &Survey, edits: &mut Edits) {
    let mut encoded = Encoded::default();
    let mut leet = Leet::default();
    let (mut backward, mut rotated) = (Witnesses::default(), Witnesses::default());
    let mut scrambled = Scrambled::default();
    let mut done = 0;
    for suspect in survey.suspects.iter() {
        let word = suspect.range();
        if word.start < done {
            continue;
        }
        let bytes = &text.as_bytes()[word.clone()];
        if matches!(suspect.sort, Sort::Code | Sort::Long)
            && bytes.iter().any(|byte| !byte.is_ascii_lowercase())
            && let Some(end) = encoded.undo(text, word.clone(), edits)
        {
            done = end;
            continue;
        }
        match suspect.sort {
            Sort::Long => long::undo(text, word, edits),
            Sort::Letters => {
                if TRIGGERS.unscramble(bytes).is_some() {
                    scrambled.note(&word);
                }
                if TRIGGERS.is_backward(bytes) {
                    backward.note(word);
                } else if TRIGGERS.is_rotated(bytes) {
                    rotated.note(word);
                }
            }
            Sort::Mixed | Sort::Code => leet.note(text, word),
        }
    }
    leet.undo(text, edits);
    for stretch in backward.stretches(text, stretch::backward) {
        stretch::turn(text, stretch, edits);
    }
    for stretch in rotated.stretches(text, stretch::rotated) {
        stretch::rotate_back(text, stretch, edits);
    }
    scrambled.undo(text, edits);
}
