//! The ways to read a text: as it stands, and as a model takes it that undoes what hides an attack from plain eyes.

use std::borrow::Cow;
use std::ops::Range;

use crate::scan::joined::Joined;
use crate::scan::normalise::Folded;

/// What was undone to read a text so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reading {
    /// The text as it came: where characters are looked for, and not words.
    Original,
    /// Without hidden characters, styles and look-alikes; what every text is read as.
    Folded,
    /// Letters that stood apart joined to words.
    Joined,
}

impl Reading {
    pub fn as_str(self) -> &'static str {
        match self {
            Reading::Original => "original",
            Reading::Folded => "folded",
            Reading::Joined => "joined",
        }
    }
}

/// One way to read a text.
pub(crate) struct View<'t> {
    reading: Reading,
    original: &'t str,
    text: Cow<'t, str>,
    joined: Option<Joined>,
}

impl View<'_> {
    /// ASCII letters keep their case, since rules and model pass over it; all others are lower-case.
    pub(crate) fn text(&self) -> &str {
        self.joined.as_ref().map_or(&self.text, Joined::letters)
    }

    pub(crate) fn reading(&self) -> Reading {
        self.reading
    }

    /// The original bytes that a span of the view was made from, on character boundaries. Folds the text again unless it
    /// is plain, which only a text with a finding pays for.
    pub(crate) fn locate(&self, span: Range<usize>) -> Range<usize> {
        let span = self.joined.as_ref().map_or(span.clone(), |joined| joined.locate(span));
        Folded::new(self.original).origins().locate(span)
    }
}

/// Every view of a text, the folded one first; the others where the text shows what they undo.
pub(crate) fn views(original: &str) -> Vec<View<'_>> {
    let text = Folded::new(original).into_text();
    let joined = Joined::of(&text);
    let mut views = vec![View { reading: Reading::Folded, original, text, joined: None }];
    if joined.is_some() {
        views.push(View { reading: Reading::Joined, original, text: Cow::Borrowed(""), joined });
    }
    views
}
