//! A text as the model reads it, for the program that trains the model.

use std::ops::Range;

use crate::scan::finding::{Category, Severity};
use crate::scan::model::features::{self, Sink};
use crate::scan::model::segments::segments;
use crate::scan::ruleset::Ruleset;
use crate::scan::view::views;

/// Reads texts with the views, the rules and the features that the scanner reads them with.
pub struct Reader {
    rules: &'static Ruleset,
}

/// All that is known of a text.
pub struct Lessons {
    /// Its views, and what was hidden in them.
    pub texts: Vec<Lesson>,
    /// A rule of high severity found something, so that the text passes `balanced` whatever it weighs.
    pub certain: bool,
}

/// One view of a text, or what was hidden in it.
pub struct Lesson {
    pub pieces: Vec<Piece>,
    /// Runs of pieces that are weighed each for itself.
    pub segments: Vec<Range<usize>>,
}

/// A sentence or so: slots of the tables, and the rules whose match begins here.
#[derive(Default)]
pub struct Piece {
    pub words: Vec<u32>,
    pub characters: Vec<u32>,
    pub rules: Vec<RuleHit>,
    size: usize,
    end: usize,
}

pub struct RuleHit {
    pub id: &'static str,
    pub category: Category,
    pub severity: Severity,
}

impl Reader {
    pub fn builtin() -> Reader {
        Reader { rules: Ruleset::builtin() }
    }

    pub fn read(&self, text: &str) -> Lessons {
        let mut lessons = Lessons { texts: Vec::new(), certain: false };
        for view in &views(text) {
            let hits = self.rules.hits(view);
            lessons.certain |= hits.iter().any(|hit| hit.severity == Severity::High);
            for text in view.texts() {
                let mut lesson = Lesson::new(&view.text()[text.clone()]);
                for (hit, begin) in hits.iter().filter_map(|hit| Some((hit, hit.begins_in(&text)?))) {
                    let known = RuleHit { id: hit.rule.id, category: hit.rule.category, severity: hit.severity };
                    lesson.piece_at(begin).rules.push(known);
                }
                lessons.texts.push(lesson);
            }
        }
        lessons.certain |= self.rules.marks(text).iter().any(|mark| mark.severity == Severity::High);
        lessons
    }
}

impl Lesson {
    fn new(text: &str) -> Lesson {
        let mut notes = Notes::default();
        features::read(text, &mut notes);
        let mut found = Vec::new();
        segments(notes.pieces.len(), |at| notes.pieces[at].size, |segment| found.push(segment));
        Lesson { pieces: notes.pieces, segments: found }
    }

    fn piece_at(&mut self, byte: usize) -> &mut Piece {
        let at = self.pieces.partition_point(|piece| piece.end <= byte);
        let last = self.pieces.len() - 1;
        &mut self.pieces[at.min(last)]
    }
}

#[derive(Default)]
struct Notes {
    pieces: Vec<Piece>,
    piece: Piece,
}

impl Sink for Notes {
    fn word(&mut self, slot: usize) {
        self.piece.words.push(slot as u32);
    }

    fn characters(&mut self, slot: usize) {
        self.piece.characters.push(slot as u32);
    }

    fn piece(&mut self, size: usize, end: usize) {
        let piece = std::mem::take(&mut self.piece);
        self.pieces.push(Piece { size, end, ..piece });
    }
}
