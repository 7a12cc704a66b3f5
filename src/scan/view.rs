//! The ways to read a text: as it stands, and as a model takes it that undoes what hides an attack from plain eyes.
//!
//! Every text is read folded. A walk over that view tells whether anything is to be undone; if so, all of it is undone in
//! one further view, so that hiding one thing in many ways makes no more views. Letters that no one sees, tag characters,
//! are read in place by the fold. What is of another language is read once more with its words in English.

mod edits;
mod encoded;
mod entities;
mod escapes;
mod glossary;
mod layer;
mod leet;
mod long;
mod markup;
mod restore;
mod scrambled;
mod segment;
mod spelt;
mod stretch;
mod survey;
mod triggers;
mod vocabulary;

use std::borrow::Cow;
use std::cell::OnceCell;
use std::ops::{Range, RangeInclusive};
use std::sync::LazyLock;

use memchr::memmem;

use crate::scan::normalise::{self, Folded};
use crate::scan::view::edits::CUT;
use crate::scan::view::restore::{Restored, restore};

pub(crate) use crate::scan::view::layer::{Layer, Way};

/// What was undone to read a text so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reading {
    /// The text as it came: where characters are looked for, and not words.
    Original,
    /// Without hidden characters, styles and look-alikes; what every text is read as.
    Folded,
    /// With all of the following undone that the text shows.
    Restored,
    /// Letters that stood apart joined to words, or words parted that stood as one.
    Joined,
    /// Characters that were written by their numbers or names.
    Escapes,
    /// Tags, comments and emphasis taken out.
    Markup,
    Base64,
    /// Bytes that were written by their numbers, hexadecimal or other.
    Hex,
    Leet,
    /// Words whose inner letters had changed places.
    Scrambled,
    Reversed,
    Rot13,
    /// Words of another language in English, or some of them.
    Glossed,
}

impl Reading {
    pub fn as_str(self) -> &'static str {
        match self {
            Reading::Original => "original",
            Reading::Folded => "folded",
            Reading::Restored => "restored",
            Reading::Joined => "joined",
            Reading::Escapes => "escapes",
            Reading::Markup => "markup",
            Reading::Base64 => "base64",
            Reading::Hex => "hex",
            Reading::Leet => "leet",
            Reading::Scrambled => "scrambled",
            Reading::Reversed => "reversed",
            Reading::Rot13 => "rot13",
            Reading::Glossed => "glossed",
        }
    }
}

/// One way to read a text.
pub(crate) struct View<'t> {
    reading: Reading,
    original: &'t str,
    text: Cow<'t, str>,
    /// How the text was made from the folded one, step by step.
    layers: Vec<Layer>,
    /// What was hidden in the text as a whole, so that it is weighed for itself as well, whatever stands around it.
    hidden: Vec<Range<usize>>,
    /// How the folded text was made; found when it is first asked for.
    fold: OnceCell<Layer>,
}

impl<'t> View<'t> {
    fn folded(original: &'t str, text: Cow<'t, str>, hidden: Vec<Range<usize>>) -> View<'t> {
        View { reading: Reading::Folded, original, text, layers: Vec::new(), hidden, fold: OnceCell::new() }
    }

    fn restored(original: &'t str, Restored { text, layers, hidden }: Restored) -> View<'t> {
        let text = Cow::Owned(text);
        View { reading: Reading::Restored, original, text, layers, hidden, fold: OnceCell::new() }
    }

    /// The view with what is of another language in English.
    fn glossed(&self) -> Option<View<'t>> {
        let (text, layer) = glossary::gloss(&self.text)?;
        let hidden = self.hidden.iter().map(|stretch| layer.carry(stretch)).collect();
        let layers = self.layers.iter().cloned().chain([layer]).collect();
        let text = Cow::Owned(text);
        Some(View { reading: Reading::Glossed, original: self.original, text, layers, hidden, fold: OnceCell::new() })
    }

    /// ASCII letters keep their case, since rules and model pass over it; all others are lower-case.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// What of the view is weighed as a text: all of it, and what was hidden in it.
    pub(crate) fn texts(&self) -> impl Iterator<Item = Range<usize>> {
        let hidden = self.hidden.iter().map(|stretch| self.trimmed(stretch));
        let mut hidden: Vec<_> = hidden.filter(|stretch| HIDDEN_BYTES.contains(&stretch.len())).collect();
        // A code in a code is the same stretch twice.
        hidden.sort_unstable_by_key(|stretch| (stretch.start, stretch.end));
        hidden.dedup();
        std::iter::once(0..self.text.len()).chain(hidden)
    }

    /// A stretch without the line ends around it.
    fn trimmed(&self, stretch: &Range<usize>) -> Range<usize> {
        let text = &self.text[stretch.clone()];
        let start = stretch.start + (text.len() - text.trim_start().len());
        start..start + text.trim().len()
    }

    pub(crate) fn reading(&self) -> Reading {
        self.reading
    }

    /// What was undone in a span, the outermost where several things were: what a person has to undo first.
    pub(crate) fn reading_of(&self, span: Range<usize>) -> Reading {
        let mut reading = Reading::Folded;
        let mut span = span;
        for layer in self.layers.iter().rev() {
            reading = layer.undone(span.clone()).unwrap_or(reading);
            span = layer.locate(span);
        }
        reading
    }

    /// The longest part of a span between two places where something was left out, which is not to be found with it.
    pub(crate) fn uncut(&self, span: Range<usize>) -> Range<usize> {
        let mut starts = span.start;
        let parts = self.text[span.clone()].split(CUT).map(|part| {
            let start = starts;
            starts += part.len() + CUT.len();
            start..start + part.len()
        });
        parts.max_by_key(Range::len).unwrap_or(span)
    }

    /// The original bytes that a span of the view was made from, on character boundaries. Folds the text again unless it
    /// is plain, which only a text with a finding pays for.
    pub(crate) fn locate(&self, span: Range<usize>) -> Range<usize> {
        let span = self.layers.iter().rev().fold(span, |span, layer| layer.locate(span));
        let span = self.fold.get_or_init(|| Folded::new(self.original).layer()).locate(span);
        let end = self.original.ceil_char_boundary(span.end);
        self.original.floor_char_boundary(span.start)..end
    }
}

/// Every view of a text, the folded one first; the others where the text shows what they undo.
pub(crate) fn views(original: &str) -> Vec<View<'_>> {
    let folded = Folded::new(original);
    let (tagged, overridden) =
        if folded.is_plain() { Default::default() } else { strange_stretches(&folded, original) };
    let restored = restore(folded.text(), overridden);
    let mut views = vec![View::folded(original, folded.into_text(), tagged)];
    views.extend(restored.map(|restored| View::restored(original, restored)));
    let glossed: Vec<_> = views.iter().filter_map(View::glossed).collect();
    views.extend(glossed);
    views
}

/// Makes the tables and lists of words that else are made when a text first needs them.
pub(crate) fn warm() {
    normalise::warm();
    LazyLock::force(&vocabulary::VOCABULARY);
    LazyLock::force(&triggers::TRIGGERS);
    LazyLock::force(&scrambled::FORMS);
    glossary::warm();
}

/// The parts of the folded text that were written in tag characters, and those that an override (RLO) shows backwards.
fn strange_stretches(folded: &Folded<'_>, original: &str) -> (Vec<Range<usize>>, Vec<Range<usize>>) {
    let (tagged, overridden) = (normalise::tagged(original), overridden(original));
    if tagged.is_empty() && overridden.is_empty() {
        return (tagged, overridden);
    }
    let fold = folded.layer();
    let carry = |stretches: Vec<Range<usize>>| stretches.iter().map(|stretch| fold.carry(stretch)).collect();
    (carry(tagged), carry(overridden))
}

/// The parts that an override shows backwards: up to its end, or to the end of the text.
fn overridden(original: &str) -> Vec<Range<usize>> {
    let mut stretches = Vec::new();
    let mut done = 0;
    for start in memmem::find_iter(original.as_bytes(), RLO.as_bytes()) {
        if start >= done && original.is_char_boundary(start) {
            done = original[start..].find(PDF).map_or(original.len(), |length| start + length);
            stretches.push(start..done);
        }
    }
    stretches
}

/// What is shorter says little without what stands around it, and of what is longer that has little weight.
const HIDDEN_BYTES: RangeInclusive<usize> = 16..=4096;

const RLO: &str = "\u{202E}";
const PDF: char = '\u{202C}';

#[cfg(test)]
mod tests;
