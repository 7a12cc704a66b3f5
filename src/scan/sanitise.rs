//! Taking out of a prompt what was found in it, and nothing else.

use std::borrow::Cow;
use std::ops::Range;

use super::passages::Passage;
use super::verdict::rounds;
use crate::prompt::edit::Edit;
use crate::prompt::json::{RawCursor, escape_into};

/// Stands for a text of which sanitising left nothing: providers refuse empty messages.
const REMOVED: &str = "[removed]";

/// What is left of one text.
#[derive(Debug)]
pub(super) enum Left {
    /// All but these spans.
    Without(Removed),
    /// Nothing but spaces, or what would not come to an end.
    Nothing,
}

/// What has to go from each of the texts until nothing more is found in what is left: rules tell their first match alone,
/// and what stood on both sides of a match may make another. `found` gives the texts' spans, each with its text's index.
///
/// Where it does not end within its rounds, the texts that had something in them go as wholes, and where that is not
/// enough, all of them.
pub(super) fn clean(texts: &[&str], mut found: impl FnMut(&[&str]) -> Vec<(usize, Range<usize>)>) -> Vec<Left> {
    let mut removed: Vec<Removed> = texts.iter().map(|_| Removed::default()).collect();
    let length = texts.iter().map(|text| text.len()).sum();
    let mut clean = false;
    for _ in 0..=rounds(length) {
        let left: Vec<Cow<'_, str>> = texts.iter().zip(&removed).map(|(text, removed)| removed.left_of(text)).collect();
        let left: Vec<&str> = left.iter().map(AsRef::as_ref).collect();
        let spans = found(&left);
        clean = spans.is_empty();
        if clean {
            break;
        }
        for (index, removed) in removed.iter_mut().enumerate() {
            removed.add(spans.iter().filter(|(of, _)| *of == index).map(|(_, span)| span));
        }
    }
    let touched: Vec<bool> = removed.iter().map(|removed| !removed.0.is_empty()).collect();
    let all = !clean && {
        let untouched: Vec<&str> =
            texts.iter().zip(&touched).map(|(text, gone)| if *gone { "" } else { text }).collect();
        !found(&untouched).is_empty()
    };
    let left = |(index, removed): (usize, Removed)| {
        let nothing = all || touched[index] && (!clean || removed.left_of(texts[index]).trim().is_empty());
        if nothing { Left::Nothing } else { Left::Without(removed) }
    };
    removed.into_iter().enumerate().map(left).collect()
}

/// Spans of a text that go, in order and apart from each other.
#[derive(Debug, Default)]
pub(super) struct Removed(Vec<Range<usize>>);

impl Removed {
    /// Adds spans of what is left so far.
    fn add<'a>(&mut self, spans: impl Iterator<Item = &'a Range<usize>>) {
        let spans = spans.filter(|span| !span.is_empty());
        let found: Vec<_> = spans.map(|span| self.original(span.start)..self.original(span.end - 1) + 1).collect();
        self.0.extend(found);
        self.0.sort_by_key(|span| span.start);
        self.0.dedup_by(|next, kept| {
            let meets = next.start <= kept.end;
            if meets {
                kept.end = kept.end.max(next.end);
            }
            meets
        });
    }

    /// Where a byte of what is left stands in the whole text.
    fn original(&self, left: usize) -> usize {
        self.0.iter().fold(left, |at, span| if span.start <= at { at + span.len() } else { at })
    }

    fn left_of<'t>(&self, text: &'t str) -> Cow<'t, str> {
        if self.0.is_empty() {
            return Cow::Borrowed(text);
        }
        let mut left = String::with_capacity(text.len());
        let mut at = 0;
        for span in &self.0 {
            left.push_str(&text[at..span.start]);
            at = span.end;
        }
        left.push_str(&text[at..]);
        Cow::Owned(left)
    }
}

/// The edits that leave of each passage what is left. Passages of one literal follow each other in order.
pub(super) fn edits(passages: &[Passage<'_>], left: &[Left]) -> Vec<Edit> {
    let mut edits = Vec::new();
    let mut cursor: Option<(usize, RawCursor<'_>)> = None;
    for (passage, left) in passages.iter().zip(left) {
        let (at, raw) = (passage.literal.start, passage.raw);
        let whole = std::iter::once(0..passage.text.len());
        let spans: Vec<Range<usize>> = match left {
            Left::Nothing if passage.whole => {
                let mut replacement = Vec::new();
                escape_into(REMOVED, &mut replacement);
                edits.push(Edit { span: at + 1..at + raw.len() - 1, replacement });
                continue;
            }
            Left::Nothing => whole.collect(),
            Left::Without(removed) => removed.0.clone(),
        };
        if cursor.as_ref().is_none_or(|(known, _)| *known != at) {
            cursor = Some((at, RawCursor::new(raw)));
        }
        let Some((_, cursor)) = &mut cursor else { continue };
        for span in spans {
            let found = cursor.raw_range(passage.start + span.start..passage.start + span.end);
            edits.push(Edit { span: at + found.start..at + found.end, replacement: Vec::new() });
        }
    }
    edits
}

#[cfg(test)]
mod tests {
    use super::*;

    fn without(raw: &str, spans: &[(usize, usize)]) -> String {
        let spans: Vec<_> = spans.iter().map(|(start, end)| *start..*end).collect();
        let mut removed = Removed::default();
        removed.add(spans.iter());
        let body = bytes::Bytes::copy_from_slice(raw.as_bytes());
        let edits = edits_of(raw, &Left::Without(removed));
        let spliced = crate::prompt::edit::splice(&body, &mut edits.iter().collect::<Vec<_>>());
        String::from_utf8(spliced.to_vec()).unwrap()
    }

    fn edits_of(raw: &str, left: &Left) -> Vec<Edit> {
        let literal = 0..raw.len();
        edits(&[Passage::of(&literal, raw)], std::slice::from_ref(left))
    }

    #[test]
    fn found_spans_are_taken_out_and_every_other_byte_stays() {
        assert_eq!(without(r#""a\u0062 XX \n\"c\"""#, &[(3, 5)]), r#""a\u0062  \n\"c\"""#);
        assert_eq!(without(r#""one TWO three FOUR""#, &[(14, 18), (4, 7), (5, 7)]), r#""one  three ""#);
    }

    #[test]
    fn escape_that_a_span_touches_goes_as_a_whole() {
        assert_eq!(without(r#""a\u0058b""#, &[(1, 2)]), r#""ab""#);
    }

    #[test]
    fn spans_of_what_is_left_are_found_in_the_whole() {
        let mut removed = Removed::default();
        removed.add([2..4, 6..7].iter());
        assert_eq!(removed.left_of("abXXcdYe"), "abcde");
        removed.add(std::iter::once(&(1..3)));
        assert_eq!(removed.left_of("abXXcdYe"), "ade");
    }

    #[test]
    fn text_that_comes_to_no_end_goes_and_takes_the_others_along_only_where_it_must() {
        let always = |index: usize| {
            move |texts: &[&str]| {
                texts.get(index).filter(|text| !text.is_empty()).map(|_| (index, 0..1)).into_iter().collect::<Vec<_>>()
            }
        };
        let long = "x".repeat(100);
        let left = clean(&["kept", &long], always(1));
        assert!(matches!(left[..], [Left::Without(_), Left::Nothing]), "{left:?}");
        let left = clean(&["one", "other"], |_| vec![(1, 0..0)]);
        assert!(matches!(left[..], [Left::Nothing, Left::Nothing]), "{left:?}");
    }
}
