//! The way back from a text to the one that it was made from.

use std::ops::Range;

use crate::scan::view::Reading;

/// Which bytes of a text were made from which bytes of its source.
#[derive(Clone, Debug, Default)]
pub(crate) struct Layer {
    /// Ascending in both fields; each holds up to the next, and the last is the end of both texts.
    marks: Vec<Mark>,
}

/// From `made` on, the text was made from its source at `source`.
#[derive(Clone, Copy, Debug)]
struct Mark {
    made: u32,
    source: u32,
    way: Way,
    reading: Reading,
}

/// How a piece of a text follows its source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// Byte for byte.
    InStep,
    /// Byte for byte from its end.
    Backward,
    /// Only as a whole.
    Whole,
}

impl Layer {
    /// Notes that what follows in the text comes from `source` on. The end of both texts is noted last.
    pub(crate) fn note(&mut self, made: usize, source: usize, way: Way, reading: Reading) {
        // No text near this size is ever scanned; past it spans would be wrong and nothing worse.
        let narrow = |offset| u32::try_from(offset).unwrap_or(u32::MAX);
        self.marks.push(Mark { made: narrow(made), source: narrow(source), way, reading });
    }

    /// The bytes of the source that a span was made from.
    pub(crate) fn locate(&self, span: Range<usize>) -> Range<usize> {
        let last = span.end.saturating_sub(1).max(span.start);
        let (Some(head), Some(tail)) = (self.piece(span.start), self.piece(last)) else {
            return span;
        };
        if head.made == tail.made && head.way == Way::Backward {
            let from_end = |offset: usize| head.source.end - (offset - head.made.start).min(head.source.len());
            return from_end(last + 1)..from_end(span.start);
        }
        let start = match head.way {
            Way::InStep => head.source.start + (span.start - head.made.start),
            Way::Backward | Way::Whole => head.source.start,
        };
        let end = match tail.way {
            Way::InStep => tail.source.start + (last - tail.made.start) + 1,
            Way::Backward | Way::Whole => tail.source.end,
        };
        start.min(end)..end
    }

    /// What was undone in a span; nothing where it was only copied.
    pub(crate) fn undone(&self, span: Range<usize>) -> Option<Reading> {
        let first = self.marks.partition_point(|mark| mark.made as usize <= span.start).saturating_sub(1);
        let touching = self.marks[first..].iter().take_while(|mark| (mark.made as usize) < span.end);
        touching.map(|mark| mark.reading).find(|reading| *reading != Reading::Folded)
    }

    /// Where the text made from an offset of the source begins.
    pub(crate) fn forward(&self, source: usize) -> usize {
        let after = self.marks.partition_point(|mark| mark.source as usize <= source);
        let Some(mark) = after.checked_sub(1).and_then(|at| self.marks.get(at)) else {
            return source;
        };
        match mark.way {
            Way::InStep => mark.made as usize + (source - mark.source as usize),
            Way::Backward | Way::Whole => mark.made as usize,
        }
    }

    /// What was made of a stretch of the source.
    pub(super) fn carry(&self, stretch: &Range<usize>) -> Range<usize> {
        self.forward(stretch.start)..self.forward(stretch.end)
    }

    /// The stretches that were made by what `undone` says yes to.
    pub(super) fn made_by(&self, undone: impl Fn(Reading) -> bool) -> impl Iterator<Item = Range<usize>> {
        let pieces = self.marks.windows(2).filter(move |marks| undone(marks[0].reading));
        pieces.map(|marks| marks[0].made as usize..marks[1].made as usize)
    }

    fn piece(&self, made: usize) -> Option<Piece> {
        let after = self.marks.partition_point(|mark| mark.made as usize <= made);
        let mark = self.marks.get(after.checked_sub(1)?)?;
        let next = self.marks.get(after).unwrap_or(mark);
        Some(Piece {
            made: mark.made as usize..next.made as usize,
            source: mark.source as usize..next.source as usize,
            way: mark.way,
        })
    }
}

/// The text between two marks.
struct Piece {
    made: Range<usize>,
    source: Range<usize>,
    way: Way,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// "ab" copied, "XY" put for "cdef", "gh" turned round.
    fn layer() -> Layer {
        let mut layer = Layer::default();
        layer.note(0, 0, Way::InStep, Reading::Folded);
        layer.note(2, 2, Way::Whole, Reading::Base64);
        layer.note(4, 6, Way::Backward, Reading::Reversed);
        layer.note(6, 8, Way::InStep, Reading::Folded);
        layer
    }

    #[test]
    fn spans_lead_back_by_the_way_of_their_piece() {
        assert_eq!(layer().locate(1..2), 1..2);
        assert_eq!(layer().locate(3..4), 2..6);
        assert_eq!(layer().locate(4..5), 7..8);
        assert_eq!(layer().locate(1..5), 1..8);
    }

    #[test]
    fn what_was_undone_is_told_where_it_was() {
        assert_eq!(layer().undone(0..2), None);
        assert_eq!(layer().undone(0..3), Some(Reading::Base64));
        assert_eq!(layer().undone(5..6), Some(Reading::Reversed));
    }

    #[test]
    fn offsets_of_the_source_lead_forward() {
        assert_eq!(layer().forward(1), 1);
        assert_eq!(layer().forward(4), 2);
        assert_eq!(layer().forward(6), 4);
    }
}
