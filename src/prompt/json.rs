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
mod tests;
