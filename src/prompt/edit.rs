//! Edits spliced into a body: every byte that no edit names stays as it came.

use std::ops::Range;

use bytes::Bytes;

use super::json;

/// Bytes of the body, and what stands there afterwards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    pub span: Range<usize>,
    pub replacement: Vec<u8>,
}

impl Edit {
    pub fn overlaps(&self, other: &Edit) -> bool {
        self.span.start < other.span.end && other.span.start < self.span.end
    }

    /// Puts a string in place of the literal that stands in `literal`, quotes included.
    pub fn replace_with_string(literal: Range<usize>, text: &str) -> Edit {
        let mut replacement = Vec::with_capacity(text.len() + 2);
        replacement.push(b'"');
        json::escape_into(text, &mut replacement);
        replacement.push(b'"');
        Edit { span: literal, replacement }
    }
}

/// Makes the edits, which must not overlap, in one pass and one allocation.
pub fn splice(body: &Bytes, edits: &mut [&Edit]) -> Bytes {
    if edits.is_empty() {
        return body.clone();
    }
    edits.sort_by_key(|edit| edit.span.start);
    let added: usize = edits.iter().map(|edit| edit.replacement.len()).sum();
    let mut out = Vec::with_capacity(body.len() + added);
    let mut at = 0;
    for edit in edits {
        debug_assert!(at <= edit.span.start, "edits must not overlap");
        out.extend_from_slice(&body[at..edit.span.start]);
        out.extend_from_slice(&edit.replacement);
        at = edit.span.end;
    }
    out.extend_from_slice(&body[at..]);
    Bytes::from(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_that_no_edit_names_stay_as_they_came() {
        let body = Bytes::from_static(br#"{ "model" : "a\u0062" ,"x":1.50}"#);
        let model = Edit::replace_with_string(12..21, "gpt \"4\"\n");
        let front = Edit { span: 1..1, replacement: b"\"user\":1,".to_vec() };
        let spliced = splice(&body, &mut [&model, &front]);
        assert_eq!(spliced, br#"{"user":1, "model" : "gpt \"4\"\n" ,"x":1.50}"#[..]);
    }

    #[test]
    fn body_without_edits_is_the_same_memory() {
        let body = Bytes::from_static(b"{}");
        assert_eq!(splice(&body, &mut []).as_ptr(), body.as_ptr());
    }
}
