//! Where in a view a pattern is worth trying: near its literals.
//!
//! One pass over the view finds the literals of all patterns at once. A literal opens a window around itself
//! for each of its patterns. Windows that touch are merged, so that each pattern reads each byte at most once. What is
//! kept of the walk has a fixed size on the stack.

use std::ops::Range;

use crate::scan::literals::Literals;
use crate::scan::normalise::fold;
use crate::scan::rules::{Find, Reach};

/// The literals of all patterns.
pub(crate) struct Windows {
    search: Literals,
    /// For each literal, what it opens.
    owners: Vec<Vec<Owner>>,
    patterns: usize,
}

/// A pattern, as an index, and how far it reaches from the literal.
#[derive(Clone, Copy)]
struct Owner {
    pattern: usize,
    reach: Reach,
}

impl Windows {
    /// Hands over each window with the index of its pattern: for each pattern ascending and apart from each other.
    pub(crate) fn each(&self, view: &str, mut found: impl FnMut(usize, Range<usize>)) {
        let mut open = [Window::NONE; PATTERNS_MAX];
        let mut some_open = false;
        self.search.each(view, |literal, span| {
            some_open = true;
            for owner in &self.owners[literal] {
                let next = reach_of(owner.reach, span.clone(), view.len());
                if let Some(done) = open[owner.pattern].push(next) {
                    found(owner.pattern, done);
                }
            }
        });
        if !some_open {
            return;
        }
        for (pattern, window) in open[..self.patterns].iter().enumerate().filter(|(_, window)| window.end > 0) {
            found(pattern, window.start..window.end);
        }
    }
}

/// The last window of a pattern, which the next one may still extend.
#[derive(Clone, Copy)]
struct Window {
    start: usize,
    end: usize,
}

impl Window {
    const NONE: Window = Window { start: 0, end: 0 };

    /// Lets the window grow when the next one touches it, or else gives it up for the next.
    fn push(&mut self, next: Range<usize>) -> Option<Range<usize>> {
        if self.end > 0 && next.start <= self.end {
            self.end = self.end.max(next.end);
            return None;
        }
        let done = self.start..self.end;
        (self.start, self.end) = (next.start, next.end);
        (!done.is_empty()).then_some(done)
    }
}

fn reach_of(reach: Reach, hit: Range<usize>, length: usize) -> Range<usize> {
    let (before, after) = match reach {
        Reach::Ahead => (NEAR_BYTES, FAR_BYTES),
        Reach::Back => (FAR_BYTES, NEAR_BYTES),
        Reach::Around => (FAR_BYTES, FAR_BYTES),
        Reach::Near => (HALF_BYTES, HALF_BYTES),
    };
    hit.start.saturating_sub(before)..length.min(hit.end + after)
}

/// Bytes searched on the side of a literal where the rest of the match stands. An author who
/// puts more between the two halves of a sentence loses the model as well.
const FAR_BYTES: usize = 144;

/// Bytes searched on the other side: the rest of the literal's word, and what must follow it.
const NEAR_BYTES: usize = 32;

/// Bytes searched on each side of the rare half of a pattern: a dozen words and more.
const HALF_BYTES: usize = 104;

/// What the walk has room for.
const PATTERNS_MAX: usize = 320;

/// Gathers the literals, pattern by pattern.
#[derive(Default)]
pub(crate) struct WindowsBuilder {
    literals: Vec<String>,
    owners: Vec<Vec<Owner>>,
    patterns: usize,
}

impl WindowsBuilder {
    /// Notes the literals of the next pattern. Nothing for a rule that looks for no words.
    pub(crate) fn add(&mut self, find: Find) {
        match find {
            Find::Words { literals, reach, .. } => self.add_literals(literals, reach),
            Find::Both { rare, .. } => self.add_literals(rare, Reach::Near),
            Find::Shape(_) | Find::Hidden(_) => return,
        }
        self.patterns += 1;
    }

    fn add_literals(&mut self, literals: &[&str], reach: Reach) {
        let owner = Owner { pattern: self.patterns, reach };
        for literal in literals.iter().map(|literal| fold(literal)) {
            match self.literals.iter().position(|known| *known == literal) {
                Some(at) => self.owners[at].push(owner),
                None => {
                    self.literals.push(literal);
                    self.owners.push(vec![owner]);
                }
            }
        }
    }

    pub(crate) fn build(self) -> Windows {
        assert!(self.patterns <= PATTERNS_MAX, "the walk has room for every pattern");
        Windows { search: Literals::new(&self.literals), owners: self.owners, patterns: self.patterns }
    }
}
