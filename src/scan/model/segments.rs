//! The stretches of a text that are weighed each for itself, so that nothing around an attack thins it out.

use std::ops::Range;

/// Hands over the runs of pieces that make a segment, where the piece at an index has a size in words.
///
/// A segment begins at every piece and goes on for as many words as a segment has at least. For each of the sizes no
/// piece is added or left more than once, so the walk is linear.
pub(crate) fn segments(pieces: usize, size: impl Fn(usize) -> usize, mut segment: impl FnMut(Range<usize>)) {
    for enough in SEGMENT_WORDS {
        let (mut end, mut words) = (0, 0);
        for start in 0..pieces {
            while end < pieces && words < enough {
                words += size(end);
                end += 1;
            }
            segment(start..end);
            if end == pieces {
                break;
            }
            words -= size(start);
        }
        if words < enough {
            return;
        }
    }
}

/// A sentence or two, which a page around them does not hide; and a paragraph, for what is only told by a story.
const SEGMENT_WORDS: [usize; 2] = [16, 64];

#[cfg(test)]
mod tests {
    use super::*;

    /// First and end of each segment.
    fn of(sizes: &[usize]) -> Vec<(usize, usize)> {
        let mut found = Vec::new();
        segments(sizes.len(), |at| sizes[at], |segment| found.push((segment.start, segment.end)));
        found
    }

    #[test]
    fn short_text_is_one_segment() {
        assert_eq!(of(&[3]), [(0, 1)]);
        assert_eq!(of(&[7, 4, 4]), [(0, 3)]);
    }

    #[test]
    fn long_text_has_a_segment_from_every_piece_on_until_its_end_is_reached() {
        assert_eq!(of(&[10, 10, 10, 10]), [(0, 2), (1, 3), (2, 4), (0, 4)]);
        assert_eq!(of(&[50, 1, 50]), [(0, 1), (1, 3), (0, 3)]);
    }

    #[test]
    fn text_without_words_is_one_segment() {
        assert_eq!(of(&[0]), [(0, 1)]);
        assert_eq!(of(&[0, 0]), [(0, 2)]);
    }
}
