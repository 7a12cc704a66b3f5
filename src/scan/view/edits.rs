//! What is put in place of parts of a text.

use std::ops::Range;

use crate::scan::view::Reading;
use crate::scan::view::layer::{Layer, Way};

/// Replacements, gathered in any order by those who each undo one thing.
#[derive(Default)]
pub(super) struct Edits {
    list: Vec<Edit>,
    /// What all of them put, one after another.
    put: String,
    /// Whether anything was put that texts are folded for.
    strange: bool,
}

struct Edit {
    /// What counts where two edits overlap: the surer comes first.
    rank: Rank,
    source: Range<u32>,
    put: Range<u32>,
    way: Way,
    reading: Reading,
}

/// How sure an edit is of its place, surest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rank {
    /// What decodes to text is no accident.
    Encoded,
    Spelt,
    /// Whole stretches turned round.
    Stretch,
    Symbols,
    /// Single words that read as others.
    Words,
}

impl Edits {
    pub(super) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Whether the text has to be folded again after them.
    pub(super) fn are_strange(&self) -> bool {
        self.strange
    }

    pub(super) fn put(&mut self, rank: Rank, reading: Reading, source: Range<usize>, text: &str) {
        self.put_by(rank, reading, Way::Whole, source, |put| put.push_str(text));
    }

    pub(super) fn put_by(
        &mut self,
        rank: Rank,
        reading: Reading,
        way: Way,
        source: Range<usize>,
        write: impl FnOnce(&mut String),
    ) {
        let narrow = |offset| u32::try_from(offset).unwrap_or(u32::MAX);
        let from = self.put.len();
        write(&mut self.put);
        let put = narrow(from)..narrow(self.put.len());
        self.strange |= rank < Rank::Words && rank != Rank::Stretch && !self.put.as_bytes()[from..].is_ascii();
        self.list.push(Edit { rank, source: narrow(source.start)..narrow(source.end), put, way, reading });
    }

    /// The text with all edits made that don't contradict a surer one, and the way back. Of a text that is a view already
    /// what no edit is near is cut, so that a single edit in a long text costs little.
    pub(super) fn apply(self, text: &str) -> (String, Layer) {
        self.make(text, NEAR_BYTES)
    }

    /// The same for a text that nobody has read, of which nothing is cut.
    pub(super) fn apply_to_all(self, text: &str) -> (String, Layer) {
        self.make(text, text.len())
    }

    fn make(mut self, text: &str, near: usize) -> (String, Layer) {
        self.list.sort_by_key(|edit| (edit.source.start, edit.rank));
        let mut kept: Vec<Edit> = Vec::with_capacity(self.list.len());
        for mut edit in self.list {
            match kept.last_mut() {
                Some(last) if edit.source.start < last.source.end => {
                    if last.makes_room(&edit) || edit.stands_behind(last) {
                        kept.push(edit);
                    } else if edit.rank < last.rank {
                        *last = edit;
                    }
                }
                _ => kept.push(edit),
            }
        }
        write(text, &self.put, &kept, near)
    }
}

impl Edit {
    /// Whether a stretch that was turned round leaves the place of a code inside of it to the code. It is read whole all the
    /// same, in front of the code, since either may be what hides the attack.
    fn makes_room(&mut self, code: &Edit) -> bool {
        let is_inside = code.rank == Rank::Encoded && code.source.start > self.source.start;
        let makes_room = self.rank == Rank::Stretch && is_inside;
        if makes_room {
            (self.source.end, self.way) = (code.source.start, Way::Whole);
        }
        makes_room
    }

    /// The same for a code at the start of the stretch, behind which the stretch is read.
    fn stands_behind(&mut self, code: &Edit) -> bool {
        let reaches_on = code.rank == Rank::Encoded && self.source.end > code.source.end;
        let stands_behind = self.rank == Rank::Stretch && reaches_on;
        if stands_behind {
            (self.source.start, self.way) = (code.source.end, Way::Whole);
        }
        stands_behind
    }
}

/// What lies further than `near` from any edit is cut.
fn write(text: &str, put: &str, edits: &[Edit], near: usize) -> (String, Layer) {
    let mut made = Made { text: String::new(), layer: Layer::default(), near };
    let mut at = 0;
    for edit in edits {
        made.copy(text, at..edit.source.start as usize);
        made.layer.note(made.text.len(), edit.source.start as usize, edit.way, edit.reading);
        made.text.push_str(&put[edit.put.start as usize..edit.put.end as usize]);
        at = edit.source.end as usize;
    }
    made.copy(text, at..text.len());
    made.layer.note(made.text.len(), text.len(), Way::InStep, Reading::Folded);
    (made.text, made.layer)
}

struct Made {
    text: String,
    layer: Layer,
    near: usize,
}

impl Made {
    /// Copies what stands between two edits, or only what is near to them.
    fn copy(&mut self, text: &str, between: Range<usize>) {
        let after = if between.start == 0 { 0 } else { text.floor_char_boundary(between.start + self.near) };
        let is_last = between.end == text.len();
        let before = if is_last { between.end } else { text.ceil_char_boundary(between.end.saturating_sub(self.near)) };
        if before <= after + self.near {
            self.copy_all(text, between);
            return;
        }
        self.copy_all(text, between.start..after);
        self.layer.note(self.text.len(), after, Way::Whole, Reading::Folded);
        self.text.push_str(CUT);
        self.copy_all(text, before..between.end);
    }

    fn copy_all(&mut self, text: &str, piece: Range<usize>) {
        if !piece.is_empty() {
            self.layer.note(self.text.len(), piece.start, Way::InStep, Reading::Folded);
            self.text.push_str(&text[piece]);
        }
    }
}

/// How much stays of a text on both sides of an edit: more than any rule looks over.
const NEAR_BYTES: usize = 256;

/// A full stop, over which no sentence goes on.
pub(super) const CUT: &str = "\n.\n";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edits_are_made_in_the_order_of_the_text() {
        let mut edits = Edits::default();
        edits.put(Rank::Words, Reading::Leet, 6..9, "two");
        edits.put(Rank::Encoded, Reading::Hex, 0..3, "one");
        let (made, layer) = edits.apply("111 + 222.");
        assert_eq!(made, "one + two.");
        assert_eq!(layer.locate(7..8), 6..9);
        assert_eq!(layer.locate(9..10), 9..10);
    }

    #[test]
    fn the_surer_of_two_that_overlap_is_made() {
        let mut edits = Edits::default();
        edits.put(Rank::Words, Reading::Leet, 0..4, "word");
        edits.put(Rank::Encoded, Reading::Hex, 2..6, "hex");
        assert_eq!(edits.apply("abcdefg").0, "abhexg");
    }

    /// An override used to be lost as soon as anything inside of it decoded.
    #[test]
    fn stretch_is_read_beside_the_code_inside_of_it() {
        let made = |code: Range<usize>| {
            let mut edits = Edits::default();
            edits.put_by(Rank::Stretch, Reading::Reversed, Way::Backward, 1..7, |put| put.push_str("fedcba"));
            edits.put(Rank::Encoded, Reading::Base64, code, "!");
            edits.apply("<abcdef>")
        };
        let (inside, layer) = made(3..5);
        assert_eq!(inside, "<fedcba!ef>");
        assert_eq!((layer.locate(1..7), layer.locate(7..8)), (1..3, 3..5));
        assert_eq!(made(1..3).0, "<!fedcba>");
        assert_eq!(made(0..8).0, "!");
    }

    #[test]
    fn what_is_far_from_any_edit_is_cut() {
        let text = format!("{}69{}70{}", "a".repeat(2000), "b".repeat(2000), "c".repeat(2000));
        let mut edits = Edits::default();
        edits.put(Rank::Words, Reading::Hex, 2000..2002, "i");
        edits.put(Rank::Words, Reading::Hex, 4002..4004, "p");
        let (made, layer) = edits.apply(&text);
        let near = |letter: &str| letter.repeat(NEAR_BYTES);
        let parts = ["\n.\n", &near("a"), "i", &near("b"), "\n.\n", &near("b"), "p"];
        assert_eq!(made, format!("{}{}\n.\n", parts.concat(), near("c")));
        let at = made.find('p').unwrap();
        assert_eq!(layer.locate(at..at + 1), 4002..4004);
        assert_eq!(layer.locate(at - 1..at + 2), 4001..4005);
    }
}
