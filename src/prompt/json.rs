//! Reads a request's body as JSON (RFC 8259), once and strictly, into a flat tape of byte spans.
//!
//! The proxy scans what it forwards, so a body that two parsers could read in two ways is refused here: duplicate names,
//! bytes that are not UTF-8, a byte-order mark, unpaired surrogates, numbers no `f64` can hold, anything after the root.
//! What is accepted is never written anew: callers find a value, take its [`Value::span`] and splice the body's own bytes.
//!
//! The tape holds one [`Node`] a value, in the body's order; a member is its key's node followed by its value's. Each node
//! knows where its subtree ends, so a subtree is passed over in one step. The scan does not recurse, whatever the depth
//! allowed. A tape costs 16 bytes a value: a body of nothing but `0,0,0` costs eight times its length, so values are counted.
//!
//! How string literals are spelled is [`literal`]'s. Not done here: reading numbers (use [`Value::raw`]), looking for user
//! text, and the splicing itself.

use std::{borrow::Cow, collections::HashSet, ops::Range, str};

use bytes::Bytes;

mod literal;

pub use literal::{RawCursor, escape_into, raw_range, unescape};

/// A body that is well-formed JSON with one reading, and where each of its values stands.
///
/// It has no `Debug`, because a body is its sender's text.
pub struct Document {
    body: Bytes,
    tape: Vec<Node>,
}

impl Document {
    /// Scans `body`, in which arrays and objects may be nested `depth_max` deep: `[[1]]` is two deep, `1` is none.
    pub fn parse(body: Bytes, depth_max: usize) -> Result<Document, JsonError> {
        if u32::try_from(body.len()).is_err() {
            return Err(JsonError::TooLong);
        }
        // Before the check of UTF-8, which it would pass.
        if body.starts_with(BYTE_ORDER_MARK) {
            return Err(JsonError::ByteOrderMark);
        }
        if let Err(error) = str::from_utf8(&body) {
            return Err(JsonError::InvalidUtf8 { at: error.valid_up_to() });
        }
        let tape = Scan::new(&body, depth_max).run()?;
        Ok(Document { body, tape })
    }

    /// The body as it came.
    pub fn bytes(&self) -> &Bytes {
        &self.body
    }

    pub fn root(&self) -> Value<'_> {
        Value { document: self, index: 0 }
    }
}

/// Why a body is refused. Offsets count bytes from the body's start, from 0; no message holds any of the body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JsonError {
    #[error("body of 4 GiB or more")]
    TooLong,
    #[error("byte-order mark")]
    ByteOrderMark,
    #[error("invalid UTF-8 at byte {at}")]
    InvalidUtf8 { at: usize },
    #[error("unexpected byte at {at}")]
    UnexpectedByte { at: usize },
    #[error("unexpected end of body at byte {at}")]
    UnexpectedEnd { at: usize },
    #[error("trailing data at byte {at}")]
    TrailingData { at: usize },
    #[error("unpaired surrogate escape at byte {at}")]
    UnpairedSurrogate { at: usize },
    /// Parsers read such a number as infinity, as their greatest number, or not at all.
    #[error("number out of range at byte {at}")]
    NumberOutOfRange { at: usize },
    /// The offset is that of the second spelling's opening quote.
    #[error("duplicate key at byte {at}")]
    DuplicateKey { at: usize },
    /// No conversation has this many; the tape of one that did would take many times its length.
    #[error("more than {VALUES_MAX} values")]
    TooManyValues,
    #[error("nested deeper than {depth_max}")]
    TooDeep { depth_max: usize },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    Null,
    Bool,
    Number,
    String,
    Array,
    Object,
}

/// One value of a [`Document`], or the key of a member, which is a string.
#[derive(Clone, Copy)]
pub struct Value<'a> {
    document: &'a Document,
    index: u32,
}

impl<'a> Value<'a> {
    pub fn kind(self) -> Kind {
        self.node().kind
    }

    /// Where the value stands in the body; a string's span includes its quotes.
    pub fn span(self) -> Range<usize> {
        self.node().span()
    }

    /// The value as it is spelled in the body.
    ///
    /// Without `unsafe` these bytes are checked as UTF-8 once more, so a caller keeps what it got.
    pub fn raw(self) -> &'a str {
        str::from_utf8(&self.document.body[self.span()])
            .expect("the body was checked, and spans begin and end at ASCII bytes")
    }

    /// The member of this name, however the name is spelled; none when the value is not an object.
    pub fn get(self, key: &str) -> Option<Value<'a>> {
        self.members().find(|(name, _)| name.is_text(key)).map(|(_, value)| value)
    }

    /// An object's keys and values in the body's order; nothing when the value is not an object.
    pub fn members(self) -> impl Iterator<Item = (Value<'a>, Value<'a>)> {
        let mut nodes = self.children(Kind::Object);
        std::iter::from_fn(move || Some((nodes.next()?, nodes.next()?)))
    }

    /// An array's values in the body's order; nothing when the value is not an array.
    pub fn elements(self) -> impl Iterator<Item = Value<'a>> {
        self.children(Kind::Array)
    }

    /// A string's text, borrowed from the body unless it holds an escape; none when the value is not a string.
    pub fn text(self) -> Option<Cow<'a, str>> {
        let node = self.node();
        if node.kind != Kind::String {
            return None;
        }
        let inside = literal::inside(self.raw());
        Some(if node.escaped { Cow::Owned(literal::unescaped(inside)) } else { Cow::Borrowed(inside) })
    }

    /// Whether the value is an array or an object without children.
    pub fn is_empty(self) -> bool {
        let node = self.node();
        matches!(node.kind, Kind::Array | Kind::Object) && node.next == self.index + 1
    }

    /// A key that Go's `encoding/json` takes for `key` although it is another name: the same but for case.
    ///
    /// Go folds by Unicode's simple rules, under which `ſ` (U+017F) is an `s` and `K` (U+212A) a `k`.
    pub fn look_alike(self, key: &str) -> Option<Value<'a>> {
        self.members().map(|(name, _)| name).find(|name| name.folds_to(key) && !name.is_text(key))
    }

    fn is_text(self, text: &str) -> bool {
        if self.node().escaped { self.text().as_deref() == Some(text) } else { self.inside_bytes() == text.as_bytes() }
    }

    fn folds_to(self, text: &str) -> bool {
        let spelled = self.inside_bytes();
        if !self.node().escaped && spelled.is_ascii() {
            return spelled.eq_ignore_ascii_case(text.as_bytes());
        }
        self.text().is_some_and(|name| literal::equal_folded(&name, text))
    }

    /// The nodes right below this one, a member's key and value each for itself; none when it is of another kind.
    fn children(self, kind: Kind) -> impl Iterator<Item = Value<'a>> {
        let node = self.node();
        let end = if node.kind == kind { node.next } else { 0 };
        let mut index = self.index + 1;
        std::iter::from_fn(move || {
            let child = (index < end).then_some(Value { document: self.document, index })?;
            index = child.node().next;
            Some(child)
        })
    }

    fn inside_bytes(self) -> &'a [u8] {
        self.node().inside_of(&self.document.body)
    }

    fn node(self) -> &'a Node {
        &self.document.tape[self.index as usize]
    }
}

/// One value on the tape.
#[derive(Clone, Copy)]
struct Node {
    start: u32,
    end: u32,
    /// The index after the value's subtree; while an array or object is being scanned, its parent's index.
    next: u32,
    kind: Kind,
    /// Whether a string holds a backslash; false for all else.
    escaped: bool,
}

const _: () = assert!(size_of::<Node>() == 16, "the tape's cost a value, told in the module's words");

impl Node {
    fn span(&self) -> Range<usize> {
        self.start as usize..self.end as usize
    }

    /// A string's bytes without its quotes.
    fn inside_of<'b>(&self, body: &'b [u8]) -> &'b [u8] {
        &body[self.start as usize + 1..self.end as usize - 1]
    }
}

/// The state of the one pass. Every offset fits a `u32`, because [`Document::parse`] refuses longer bodies first.
struct Scan<'b> {
    bytes: &'b [u8],
    at: usize,
    tape: Vec<Node>,
    /// The innermost array or object that is open.
    open: u32,
    depth: usize,
    depth_max: usize,
}

/// What the scan looks for after it has read something.
enum Next {
    Value,
    AfterValue,
}

impl<'b> Scan<'b> {
    fn new(bytes: &'b [u8], depth_max: usize) -> Scan<'b> {
        let nodes = (bytes.len() / BYTES_A_NODE).clamp(NODES_MIN, NODES_MAX);
        Scan { bytes, at: 0, tape: Vec::with_capacity(nodes), open: 0, depth: 0, depth_max }
    }

    fn run(mut self) -> Result<Vec<Node>, JsonError> {
        let mut next = Next::Value;
        loop {
            next = match next {
                Next::Value => self.value()?,
                Next::AfterValue if self.depth > 0 => self.after_value()?,
                Next::AfterValue => break,
            }
        }
        self.skip_whitespace();
        if self.at < self.bytes.len() {
            return Err(JsonError::TrailingData { at: self.at });
        }
        Ok(self.tape)
    }

    fn value(&mut self) -> Result<Next, JsonError> {
        match self.token()? {
            b'"' => self.string()?,
            b'{' => return self.open(Kind::Object),
            b'[' => return self.open(Kind::Array),
            b'-' | b'0'..=b'9' => self.number()?,
            b't' => self.word(b"true", Kind::Bool)?,
            b'f' => self.word(b"false", Kind::Bool)?,
            b'n' => self.word(b"null", Kind::Null)?,
            _ => return Err(self.unexpected()),
        }
        Ok(Next::AfterValue)
    }

    fn after_value(&mut self) -> Result<Next, JsonError> {
        // Each further value comes behind a comma or an opening, and openings are bounded by the depth.
        if self.tape.len() > VALUES_MAX {
            return Err(JsonError::TooManyValues);
        }
        let kind = self.tape[self.open as usize].kind;
        match (self.token()?, kind) {
            (b',', Kind::Object) => {
                self.at += 1;
                self.key()
            }
            (b',', _) => {
                self.at += 1;
                Ok(Next::Value)
            }
            (b'}', Kind::Object) | (b']', Kind::Array) => self.close(),
            _ => Err(self.unexpected()),
        }
    }

    fn open(&mut self, kind: Kind) -> Result<Next, JsonError> {
        if self.depth == self.depth_max {
            return Err(JsonError::TooDeep { depth_max: self.depth_max });
        }
        self.depth += 1;
        let parent = self.open;
        self.open = index(self.tape.len());
        self.tape.push(Node { start: index(self.at), end: 0, next: parent, kind, escaped: false });
        self.at += 1;
        match (self.token()?, kind) {
            (b'}', Kind::Object) | (b']', Kind::Array) => self.close(),
            (_, Kind::Object) => self.key(),
            _ => Ok(Next::Value),
        }
    }

    fn close(&mut self) -> Result<Next, JsonError> {
        self.at += 1;
        let (at, next) = (index(self.at), index(self.tape.len()));
        let opened = self.open;
        let node = &mut self.tape[opened as usize];
        self.open = node.next;
        self.depth -= 1;
        node.end = at;
        node.next = next;
        if node.kind == Kind::Object
            && let Some(at) = self.duplicate_key(opened)
        {
            return Err(JsonError::DuplicateKey { at });
        }
        Ok(Next::AfterValue)
    }

    fn key(&mut self) -> Result<Next, JsonError> {
        if self.token()? != b'"' {
            return Err(self.unexpected());
        }
        self.string()?;
        if self.token()? != b':' {
            return Err(self.unexpected());
        }
        self.at += 1;
        Ok(Next::Value)
    }

    /// The offset of the first key of this object that an earlier one equals.
    fn duplicate_key(&self, object: u32) -> Option<usize> {
        let mut seen: [&[u8]; FEW_KEYS] = [&[]; FEW_KEYS];
        for (count, key) in self.keys(object).enumerate() {
            if count == FEW_KEYS || key.escaped {
                return self.duplicate_key_of_many(object);
            }
            let name = key.inside_of(self.bytes);
            if seen[..count].contains(&name) {
                return Some(key.start as usize);
            }
            seen[count] = name;
        }
        None
    }

    /// The same for any number of keys in any spelling; `HashSet`'s random keys leave a sender no way to make it slow.
    fn duplicate_key_of_many(&self, object: u32) -> Option<usize> {
        let mut seen = HashSet::with_capacity(self.keys(object).count());
        let again = self.keys(object).find(|key| !seen.insert(name(key.inside_of(self.bytes), key.escaped)))?;
        Some(again.start as usize)
    }

    fn keys(&self, object: u32) -> impl Iterator<Item = &Node> {
        let mut at = object as usize + 1;
        std::iter::from_fn(move || {
            let key = self.tape.get(at)?;
            at = self.tape.get(at + 1)?.next as usize;
            Some(key)
        })
    }

    fn string(&mut self) -> Result<(), JsonError> {
        let start = self.at;
        self.at = literal::plain_end(self.bytes, start + 1);
        let first = self.at;
        while let Some(b'\\') = self.bytes.get(self.at) {
            let (_, end) = literal::escape(self.bytes, self.at)?;
            self.at = literal::plain_end(self.bytes, end);
        }
        let escaped = self.at > first;
        if !self.skip(b"\"") {
            return Err(self.unexpected());
        }
        self.push(start, Kind::String, escaped);
        Ok(())
    }

    fn number(&mut self) -> Result<(), JsonError> {
        let start = self.at;
        self.skip(b"-");
        if !self.skip(b"0") {
            self.digits()?;
        }
        if self.skip(b".") {
            self.digits()?;
        }
        let exponent = self.skip(b"eE");
        if exponent {
            self.skip(b"+-");
            self.digits()?;
        }
        if (exponent || self.at - start > PLAIN_NUMBER_BYTES_MAX) && !is_finite(&self.bytes[start..self.at]) {
            return Err(JsonError::NumberOutOfRange { at: start });
        }
        self.push(start, Kind::Number, false);
        Ok(())
    }

    /// Passes one digit or more.
    fn digits(&mut self) -> Result<(), JsonError> {
        let start = self.at;
        while self.bytes.get(self.at).is_some_and(u8::is_ascii_digit) {
            self.at += 1;
        }
        if self.at == start { Err(self.unexpected()) } else { Ok(()) }
    }

    fn word(&mut self, word: &[u8], kind: Kind) -> Result<(), JsonError> {
        let start = self.at;
        for byte in word {
            if self.bytes.get(self.at) != Some(byte) {
                return Err(self.unexpected());
            }
            self.at += 1;
        }
        self.push(start, kind, false);
        Ok(())
    }

    /// Passes the next byte if it is one of these.
    fn skip(&mut self, any: &[u8]) -> bool {
        let found = self.bytes.get(self.at).is_some_and(|byte| any.contains(byte));
        self.at += usize::from(found);
        found
    }

    /// The next byte that is not whitespace, without passing it.
    fn token(&mut self) -> Result<u8, JsonError> {
        self.skip_whitespace();
        self.bytes.get(self.at).copied().ok_or(JsonError::UnexpectedEnd { at: self.at })
    }

    fn skip_whitespace(&mut self) {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.bytes.get(self.at) {
            self.at += 1;
        }
    }

    fn push(&mut self, start: usize, kind: Kind, escaped: bool) {
        let next = index(self.tape.len() + 1);
        self.tape.push(Node { start: index(start), end: index(self.at), next, kind, escaped });
    }

    fn unexpected(&self) -> JsonError {
        literal::unexpected(self.bytes, self.at)
    }
}

/// An offset or a node's index as the tape holds it; there are never more nodes than bytes.
#[expect(clippy::cast_possible_truncation, reason = "a body longer than u32::MAX was refused before the scan")]
fn index(at: usize) -> u32 {
    at as u32
}

/// A key's name in the one spelling that all its spellings share.
fn name(inside: &[u8], escaped: bool) -> Cow<'_, [u8]> {
    match str::from_utf8(inside) {
        Ok(inside) if escaped => Cow::Owned(literal::unescaped(inside).into_bytes()),
        _ => Cow::Borrowed(inside),
    }
}

fn is_finite(number: &[u8]) -> bool {
    str::from_utf8(number).is_ok_and(|number| number.parse().is_ok_and(f64::is_finite))
}

const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// First guess at the tape's length: one node for this many bytes suits short chat bodies.
const BYTES_A_NODE: usize = 16;
const NODES_MIN: usize = 16;
/// 16 KiB of tape. Long bodies are mostly long text, and the few with more values than this pay for the growth.
const NODES_MAX: usize = 1024;

/// 8 MiB of tape. The largest lists that clients send are token ids, a few hundred thousand at most.
const VALUES_MAX: usize = 1 << 19;

/// Up to here comparing each key with each beats hashing, and the keys need no memory beside the stack.
const FEW_KEYS: usize = 16;

/// A number this short without an exponent is below `f64::MAX`, which has 309 digits.
const PLAIN_NUMBER_BYTES_MAX: usize = 300;

#[cfg(test)]
mod tests {
    use proptest::{prelude::*, sample::select};
    use serde_json::Value as Oracle;

    use super::{literal::tests::literal, *};

    const DEPTH_MAX: usize = 64;

    fn parse(body: impl AsRef<[u8]>) -> Result<Document, JsonError> {
        Document::parse(Bytes::copy_from_slice(body.as_ref()), DEPTH_MAX)
    }

    fn accepted(body: impl AsRef<[u8]>) -> Document {
        match parse(&body) {
            Ok(document) => document,
            Err(error) => panic!("{error}: {}", String::from_utf8_lossy(body.as_ref())),
        }
    }

    fn refusal(body: impl AsRef<[u8]>) -> String {
        match parse(&body) {
            Ok(_) => panic!("accepted: {}", String::from_utf8_lossy(body.as_ref())),
            Err(error) => error.to_string(),
        }
    }

    fn oracle(body: &[u8]) -> Option<Oracle> {
        serde_json::from_slice(body).ok()
    }

    #[test]
    fn body_of_nothing_but_values_ends_at_their_limit() {
        let zeros = |count: usize| Bytes::from(format!("[{}0]", "0,".repeat(count - 1)));
        assert!(Document::parse(zeros(VALUES_MAX - 1), 2).is_ok());
        assert_eq!(Document::parse(zeros(VALUES_MAX + 2), 2).err(), Some(JsonError::TooManyValues));
    }

    #[test]
    fn a_chat_body_is_read_by_name_and_order() {
        let body =
            r#"{"model":"m","messages":[{"role":"user","content":"hi"},{"content":"yo"}],"n":1.5,"stream":true}"#;
        let document = accepted(body);
        let root = document.root();
        assert_eq!(root.kind(), Kind::Object);
        assert_eq!(root.span(), 0..body.len());
        let contents: Vec<_> = root.get("messages").unwrap().elements().map(|message| message.get("content")).collect();
        let texts: Vec<_> = contents.iter().map(|content| content.unwrap().text().unwrap()).collect();
        assert_eq!(texts, ["hi", "yo"]);
        let names: Vec<_> = root.members().map(|(key, value)| (key.raw(), value.kind())).collect();
        let kinds = [Kind::String, Kind::Array, Kind::Number, Kind::Bool];
        assert_eq!(
            names,
            [r#""model""#, r#""messages""#, r#""n""#, r#""stream""#].into_iter().zip(kinds).collect::<Vec<_>>()
        );
        assert_eq!(root.get("n").unwrap().raw(), "1.5");
        assert!(root.get("content").is_none(), "a nested name is not the root's");
        assert_eq!(document.bytes(), body.as_bytes());
    }

    #[test]
    fn a_strings_span_includes_its_quotes() {
        let document = accepted(" [ \"a\\\"b\" ] ");
        let string = document.root().elements().next().unwrap();
        assert_eq!((string.span(), string.raw()), (3..9, r#""a\"b""#));
        assert_eq!(document.root().span(), 1..11);
    }

    #[test]
    fn text_is_borrowed_unless_it_holds_an_escape() {
        let document = accepted(r#"["plain é","tab\tbed",7]"#);
        let texts: Vec<_> = document.root().elements().map(Value::text).collect();
        assert!(matches!(texts[0], Some(Cow::Borrowed("plain é"))));
        assert!(matches!(&texts[1], Some(Cow::Owned(text)) if text == "tab\tbed"));
        assert_eq!(texts[2], None);
    }

    #[test]
    fn a_member_is_found_however_its_name_is_spelled() {
        let document = accepted(r#"{"\u006dodel":1,"mod\u0065":2}"#);
        assert_eq!(document.root().get("model").unwrap().raw(), "1");
        assert_eq!(document.root().get("mode").unwrap().raw(), "2");
        assert!(document.root().get(r"\u006dodel").is_none());
    }

    #[test]
    fn members_and_elements_are_of_their_kind_alone() {
        let document = accepted(r#"[{"a":[]},"s",{},[]]"#);
        let root = document.root();
        assert!(root.get("a").is_none());
        assert_eq!(root.members().count(), 0);
        let children: Vec<_> = root.elements().collect();
        assert_eq!(children[0].elements().count(), 0);
        assert_eq!(children[1].elements().count() + children[1].members().count(), 0);
        let empty: Vec<_> = children.iter().map(|child| child.is_empty()).collect();
        assert_eq!(empty, [false, false, true, true]);
        assert!(children[0].get("a").unwrap().is_empty());
    }

    #[test]
    fn a_key_that_differs_by_case_alone_is_a_look_alike() {
        let spelling = |body: &str, key: &str| accepted(body).root().look_alike(key).map(|key| key.raw().to_owned());
        for look_alike in
            [r#""Messages""#, r#""MESSAGES""#, r#""me\u0053sages""#, r#""meſſages""#, r#""me\u017fsages""#]
        {
            let body = format!(r#"{{"messages":1,{look_alike}:2}}"#);
            assert_eq!(spelling(&body, "messages").as_deref(), Some(look_alike));
        }
        assert_eq!(spelling("{\"to\u{212A}ens\":1}", "tokens").as_deref(), Some("\"to\u{212A}ens\""));
        for innocent in [r#"{"messages":1}"#, r#"{"\u006dessages":1}"#, r#"{"message":1,"m":2}"#, r#"["Messages"]"#] {
            assert_eq!(spelling(innocent, "messages"), None, "{innocent}");
        }
    }

    #[test]
    fn a_repeated_name_is_refused_in_any_spelling_and_at_any_depth() {
        assert_eq!(refusal(r#"{"a":1,"a":2}"#), "duplicate key at byte 7");
        assert_eq!(refusal(r#"{"a":1,"\u0061":2}"#), "duplicate key at byte 7");
        assert_eq!(refusal(r#"{"\/":1,"/":2}"#), "duplicate key at byte 8");
        assert_eq!(refusal(r#"[{"x":{"":1,"b":{},"":2}}]"#), "duplicate key at byte 19");
        accepted(r#"{"a":{"a":[{"a":1},{"a":1}]},"A":1,"\\u0061":2}"#);
    }

    #[test]
    fn a_repeated_name_is_found_among_few_and_many() {
        for keys in 1..3 * FEW_KEYS {
            let members: Vec<_> = (0..keys).map(|key| format!(r#""k{key}":{{"k0":0}}"#)).collect();
            accepted(format!("{{{}}}", members.join(",")));
            for repeated in [0, keys / 2, keys - 1] {
                let body = format!(r#"{{{},"k{repeated}":0}}"#, members.join(","));
                let expected = format!("duplicate key at byte {}", body.rfind("\"k").unwrap());
                assert_eq!(refusal(body), expected);
            }
        }
    }

    /// Comparing each of these keys with each would take minutes.
    #[test]
    fn a_hundred_thousand_keys_are_no_quadratic_work() {
        let members: Vec<_> = (0..100_000).map(|key| format!(r#""{key:05}":0"#)).collect();
        let document = accepted(format!("{{{}}}", members.join(",")));
        assert_eq!(document.root().members().count(), 100_000);
        assert!(refusal(format!(r#"{{{},"0\u003000{}":0}}"#, members.join(","), 7)).starts_with("duplicate key"));
    }

    #[test]
    fn nesting_is_bounded_and_the_bound_itself_allowed() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        accepted(nested(DEPTH_MAX));
        assert_eq!(refusal(nested(DEPTH_MAX + 1)), "nested deeper than 64");
        assert_eq!(refusal(format!("{}1", r#"{"a":"#.repeat(65))), "nested deeper than 64");
        assert!(Document::parse(Bytes::from_static(b"1"), 0).is_ok());
        assert_eq!(Document::parse(Bytes::from_static(b"[]"), 0).err(), Some(JsonError::TooDeep { depth_max: 0 }));
    }

    /// A recursive scan would overflow its stack here.
    #[test]
    fn half_a_million_levels_are_read_where_the_caller_allows_them() {
        let depth = VALUES_MAX;
        let body = "[".repeat(depth) + &"]".repeat(depth);
        let document = Document::parse(Bytes::from(body), usize::MAX).ok().unwrap();
        assert_eq!(document.root().span(), 0..2 * depth);
    }

    #[test]
    fn refusals_tell_what_and_where() {
        let cases: &[(&[u8], &str)] = &[
            (b"", "unexpected end of body at byte 0"),
            (b" \n", "unexpected end of body at byte 2"),
            (b"\xEF\xBB\xBF{}", "byte-order mark"),
            (b"[\"\xFF\"]", "invalid UTF-8 at byte 2"),
            (b"\"\xED\xA0\x80\"", "invalid UTF-8 at byte 1"),
            (b"\"\xC0\x80\"", "invalid UTF-8 at byte 1"),
            (b"\"\xE2\x82", "invalid UTF-8 at byte 1"),
            (b"{} {}", "trailing data at byte 3"),
            (b"{}\0", "trailing data at byte 2"),
            (b"01", "trailing data at byte 1"),
            (b"[01]", "unexpected byte at 2"),
            (b"+1", "unexpected byte at 0"),
            (b".5", "unexpected byte at 0"),
            (b"-", "unexpected end of body at byte 1"),
            (b"[-]", "unexpected byte at 2"),
            (b"[1.]", "unexpected byte at 3"),
            (b"[1e]", "unexpected byte at 3"),
            (b"[1e+]", "unexpected byte at 4"),
            (b"[0x1]", "unexpected byte at 2"),
            (b"[1_0]", "unexpected byte at 2"),
            (b"NaN", "unexpected byte at 0"),
            (b"Infinity", "unexpected byte at 0"),
            (b"[1e999]", "number out of range at byte 1"),
            (b"nul", "unexpected end of body at byte 3"),
            (b"[nulL]", "unexpected byte at 4"),
            (b"[1,]", "unexpected byte at 3"),
            (b"[,1]", "unexpected byte at 1"),
            (b"[1 2]", "unexpected byte at 3"),
            (b"[1}", "unexpected byte at 2"),
            (b"{\"a\":1]", "unexpected byte at 6"),
            (b"{\"a\":1,}", "unexpected byte at 7"),
            (b"{\"a\"}", "unexpected byte at 4"),
            (b"{\"a\":}", "unexpected byte at 5"),
            (b"{a:1}", "unexpected byte at 1"),
            (b"{'a':1}", "unexpected byte at 1"),
            (b"[1]//", "trailing data at byte 3"),
            (b"[/**/1]", "unexpected byte at 1"),
            (b"[\"a", "unexpected end of body at byte 3"),
            (b"[\"a\\", "unexpected end of body at byte 4"),
            (b"[\"\n\"]", "unexpected byte at 2"),
            (b"[\"\\n\n\"]", "unexpected byte at 4"),
            (b"[\"\\x41\"]", "unexpected byte at 3"),
            (b"[\"\\'\"]", "unexpected byte at 3"),
            (b"[\"\\U0041\"]", "unexpected byte at 3"),
            (b"[\"\\u00g0\"]", "unexpected byte at 6"),
            (b"[\"\\u+041\"]", "unexpected byte at 4"),
            (b"[\"\\u004", "unexpected end of body at byte 7"),
            (b"[\"\\ud800\"]", "unpaired surrogate escape at byte 2"),
            (b"[\"\\ude00\"]", "unpaired surrogate escape at byte 2"),
            (b"[\"\\ud800\\ud800\"]", "unpaired surrogate escape at byte 2"),
            (b"[\"\\ud800\\u0041\"]", "unpaired surrogate escape at byte 2"),
            (b"[\"\\ude00\\ud83d\"]", "unpaired surrogate escape at byte 2"),
            (b"[\xC2\xA01]", "unexpected byte at 1"),
            (b"[\x0C1]", "unexpected byte at 1"),
        ];
        for (body, expected) in cases {
            assert_eq!(refusal(body), *expected, "{}", String::from_utf8_lossy(body));
            assert_eq!(oracle(body), None, "serde_json agrees on {}", String::from_utf8_lossy(body));
        }
    }

    #[test]
    fn numbers_of_the_grammar_are_accepted_as_spelled() {
        for number in
            ["0", "-0", "10", "-1.50", "1e5", "1E+05", "2.5e-007", "0e999", "12345678901234567890123", "1e308"]
        {
            assert_eq!(accepted(number).root().raw(), number);
        }
        let longest = "9".repeat(308);
        assert_eq!(accepted(&longest).root().raw(), longest);
        assert_eq!(refusal("9".repeat(400)), "number out of range at byte 0");
        assert_eq!(refusal(format!("-{}.0", "9".repeat(400))), "number out of range at byte 0");
        accepted(format!("0.{}", "9".repeat(4000)));
    }

    /// The scan passes text in words and blocks; a stop must be seen on each side of each of their edges.
    #[test]
    fn a_control_byte_is_refused_and_an_escape_read_wherever_it_stands() {
        for length in 0..200 {
            for at in [0, length / 3, length / 2, length] {
                let text = |stop: &str| format!("\"{}{stop}{}\"", "é".repeat(at), "x".repeat(length - at));
                let stop_at = 1 + 2 * at;
                for control in [0x00, 0x0A, 0x1F] {
                    let body = text(&char::from(control).to_string());
                    assert_eq!(refusal(body), format!("unexpected byte at {stop_at}"));
                }
                assert_eq!(accepted(text("\u{7F}")).root().text(), Some(text("\u{7F}").trim_matches('"').into()));
                assert_eq!(accepted(text("\\n")).root().text(), Some(text("\n").trim_matches('"').into()));
                assert_eq!(refusal(text("\"")), format!("trailing data at byte {}", stop_at + 1), "{length} {at}");
            }
        }
    }

    /// Well-formed JSON; few names, so that some repeat.
    fn json() -> impl Strategy<Value = String> {
        const NAMES: &[&str] =
            &[r#""a""#, r#""\u0061""#, r#""A""#, r#""b""#, r#""\n""#, r#""\u000A""#, r#""""#, r#""content""#];
        const WORDS: &[&str] = &[
            "null",
            "true",
            "false",
            "0",
            "-0",
            "-12.5e+3",
            "1E-2",
            "\"\"",
            "[]",
            "{}",
            "\"a\\u0062\"",
            "18446744073709551616",
        ];
        let leaf = prop_oneof![select(WORDS).prop_map(str::to_owned), literal().prop_map(|(_, literal)| literal)];
        let key = prop_oneof![select(NAMES).prop_map(str::to_owned), literal().prop_map(|(_, literal)| literal)];
        leaf.prop_recursive(6, 60, 20, move |value| {
            let space = || select(&["", "", " ", "\n", "\t\r "][..]);
            let member = (key.clone(), space(), space(), value.clone());
            let members =
                prop::collection::vec(member.prop_map(|(key, a, b, value)| format!("{key}{a}:{b}{value}")), 0..20);
            let elements = prop::collection::vec(
                (space(), value, space()).prop_map(|(a, value, b)| a.to_owned() + &value + b),
                0..6,
            );
            prop_oneof![
                (members, space(), space())
                    .prop_map(|(members, a, b)| format!("{a}{{{b}{}{a}}}{b}", members.join(&format!("{b},{a}")))),
                (elements, space()).prop_map(|(elements, a)| format!("{a}[{a}{}]", elements.join(","))),
            ]
        })
    }

    /// Tokens in no order, which is often nearly JSON.
    fn soup() -> impl Strategy<Value = String> {
        const TOKENS: &[&str] = &[
            "{",
            "}",
            "[",
            "]",
            ":",
            ",",
            "\"",
            "\"a\"",
            "\"\\u0061\":",
            "\"a\":",
            "{\"b\":",
            "0",
            "1",
            "-",
            ".",
            "e",
            "E+",
            "1e400",
            "true",
            "nul",
            "null",
            "\\",
            "\\u",
            "\\ud83d",
            "\\ude00",
            "00e9",
            " ",
            "\n",
            "\u{0}",
            "\u{FEFF}",
            "é",
            "/",
            "\"\\n\"",
        ];
        prop::collection::vec(select(TOKENS), 0..12).prop_map(|tokens| tokens.concat())
    }

    /// How many keys and values there are.
    fn count(value: &Oracle) -> usize {
        match value {
            Oracle::Array(elements) => 1 + elements.iter().map(count).sum::<usize>(),
            Oracle::Object(members) => 1 + members.values().map(|value| 1 + count(value)).sum::<usize>(),
            _ => 1,
        }
    }

    fn depth(value: &Oracle) -> usize {
        match value {
            Oracle::Array(elements) => 1 + elements.iter().map(depth).max().unwrap_or(0),
            Oracle::Object(members) => 1 + members.values().map(depth).max().unwrap_or(0),
            _ => 0,
        }
    }

    fn assert_same(value: Value<'_>, oracle: &Oracle) {
        assert_eq!(serde_json::from_str::<Oracle>(value.raw()).unwrap(), *oracle, "the span is the value's own");
        match oracle {
            Oracle::Null => assert_eq!(value.kind(), Kind::Null),
            Oracle::Bool(_) => assert_eq!(value.kind(), Kind::Bool),
            Oracle::Number(_) => assert_eq!(value.kind(), Kind::Number),
            Oracle::String(text) => assert_eq!(value.text().as_deref(), Some(text.as_str())),
            Oracle::Array(elements) => {
                assert_eq!((value.kind(), value.is_empty()), (Kind::Array, elements.is_empty()));
                assert_eq!(value.elements().count(), elements.len());
                value.elements().zip(elements).for_each(|(value, oracle)| assert_same(value, oracle));
            }
            Oracle::Object(members) => {
                assert_eq!((value.kind(), value.is_empty()), (Kind::Object, members.is_empty()));
                assert_eq!(value.members().count(), members.len());
                for (key, oracle) in members {
                    assert_same(value.get(key).unwrap(), oracle);
                }
            }
        }
    }

    fn assert_agrees_with_serde(body: &[u8]) {
        match (parse(body), oracle(body)) {
            (Ok(document), Some(oracle)) => {
                // Of two equal names serde_json keeps one, so equal counts say that no name was there twice.
                assert_eq!(document.tape.len(), count(&oracle));
                assert_same(document.root(), &oracle);
            }
            (Err(JsonError::DuplicateKey { .. }), Some(_)) => assert_repetitions_are_real(body),
            (Err(_), None) => {}
            (Ok(_), None) => panic!("accepted against serde_json: {}", String::from_utf8_lossy(body)),
            (Err(error), Some(_)) => panic!("{error}, against serde_json: {}", String::from_utf8_lossy(body)),
        }
    }

    /// Marks the repetitions one by one until the body is accepted; then each, unmarked alone, must cover another member.
    fn assert_repetitions_are_real(body: &[u8]) {
        let mut marked = str::from_utf8(body).unwrap().to_owned();
        let mut marks = Vec::new();
        while let Some(JsonError::DuplicateKey { at }) = parse(&marked).err() {
            marks.push(format!("<mark {}>", marks.len()));
            marked.insert_str(at + 1, &marks[marks.len() - 1]);
        }
        assert_agrees_with_serde(marked.as_bytes());
        let all = count(&oracle(marked.as_bytes()).unwrap());
        for mark in marks {
            let kept = count(&oracle(marked.replace(&mark, "").as_bytes()).unwrap());
            assert!(kept < all, "no repetition at {mark} of {marked}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_panic(body in prop::collection::vec(any::<u8>(), 0..200), depth_max in 0_usize..4) {
            let _ = Document::parse(Bytes::from(body.clone()), depth_max);
            assert_agrees_with_serde(&body);
        }

        #[test]
        fn well_formed_bodies_read_as_serde_json_reads_them(body in json()) {
            assert_agrees_with_serde(body.as_bytes());
        }

        #[test]
        fn damaged_bodies_are_judged_as_serde_json_judges_them(
            body in json(), at in any::<prop::sample::Index>(), cut in 0_usize..3,
            insert in prop_oneof![Just(vec![]), prop::collection::vec(any::<u8>(), 1), select(&b"\"\\{}[],:0-.e u\n"[..]).prop_map(|byte| vec![byte])],
        ) {
            let mut body = body.into_bytes();
            let at = at.index(body.len());
            body.splice(at..(at + cut).min(body.len()), insert);
            assert_agrees_with_serde(&body);
        }

        #[test]
        fn token_soup_is_judged_as_serde_json_judges_it(body in soup()) {
            assert_agrees_with_serde(body.as_bytes());
        }

        #[test]
        fn depth_is_counted_as_serde_json_nests(body in json(), depth_max in 0_usize..6) {
            if parse(&body).is_ok() {
                let deep = Document::parse(Bytes::from(body.clone()), depth_max).err();
                let expected = (depth(&oracle(body.as_bytes()).unwrap()) > depth_max).then_some(JsonError::TooDeep { depth_max });
                prop_assert_eq!(deep, expected);
            }
        }

        #[test]
        fn a_literal_reads_as_its_text((text, raw) in literal()) {
            let document = accepted(&raw);
            prop_assert_eq!(document.root().text().unwrap(), text.as_str());
            let body = format!("{{{raw}:1}}");
            prop_assert_eq!(accepted(body).root().get(&text).map(Value::span), Some(raw.len() + 2..raw.len() + 3));
        }
    }
}
