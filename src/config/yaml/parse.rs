//! From text to nodes: reads parser events, notes places, resolves plain scalars, and refuses what a configuration
//! does not need and what would let a small file grow large or say one thing twice.

use std::{borrow::Cow, collections::BTreeMap};

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, ScanError, StrInput};

use super::{DEPTH_MAX, Entry, Kind, Mistake, Node, Place};

/// Reads the text of a whole file.
pub(super) fn document(text: &str) -> Result<Node, Mistake> {
    let mut root = Builder::new(text, None)?.document()?;
    // An operator who has commented everything out has an empty map.
    if matches!(root.kind, Kind::Null) {
        root.kind = Kind::Map(Vec::new());
    }
    root.place = Place::Whole;
    Ok(root)
}

/// Reads a single value given outside the file; see [`super::Tree::set`].
pub(super) fn outside_value(text: &str, place: &Place) -> Result<Node, String> {
    let text = text.trim();
    if !text.starts_with(['[', '{', '"', '\'']) {
        return Ok(Node { loose: Some(text.to_owned()), ..Node::new(plain_scalar(text), place.clone()) });
    }
    let read = Builder::new(text, Some(place)).and_then(|mut builder| builder.document());
    let hint = "text that begins with `[`, `{` or a quote must stand in quotes itself";
    let node = read.map_err(|mistake| format!("{}; {hint}", mistake.message))?;
    let is_quoted = text.starts_with(['"', '\'']);
    if is_quoted != matches!(node.kind, Kind::Text(_)) {
        return Err(format!("more follows after the closing quote; {hint}"));
    }
    Ok(node)
}

/// Resolves an unquoted scalar by the core schema of YAML 1.2 (<https://yaml.org/spec/1.2.2/#103-core-schema>):
/// `yes`, `no`, `on` and `off` are text. A whole number that fits neither `u64` nor `i64` becomes a float.
fn plain_scalar(text: &str) -> Kind {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Kind::Null,
        "true" | "True" | "TRUE" => Kind::Bool(true),
        "false" | "False" | "FALSE" => Kind::Bool(false),
        ".nan" | ".NaN" | ".NAN" => Kind::Float(f64::NAN),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => Kind::Float(f64::INFINITY),
        "-.inf" | "-.Inf" | "-.INF" => Kind::Float(f64::NEG_INFINITY),
        _ => number(text).unwrap_or_else(|| Kind::Text(text.to_owned())),
    }
}

fn number(text: &str) -> Option<Kind> {
    for (prefix, radix) in [("0x", 16), ("0o", 8)] {
        // The standard library would also take a sign here, which YAML does not.
        if let Some(digits) = text.strip_prefix(prefix).filter(|digits| !digits.starts_with(['+', '-'])) {
            return u64::from_str_radix(digits, radix).ok().map(Kind::Unsigned);
        }
    }
    // Keeps out `inf` and `NaN`, which the standard library would take.
    if !text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'.' | b'e' | b'E' | b'+' | b'-')) {
        return None;
    }
    if let Ok(number) = text.parse() {
        return Some(Kind::Unsigned(number));
    }
    if let Ok(number) = text.parse() {
        return Some(Kind::Signed(number));
    }
    // `1e400` would be infinite, which nobody means who does not write `.inf`.
    text.parse().ok().filter(|number: &f64| number.is_finite()).map(Kind::Float)
}

struct Builder<'t> {
    parser: Parser<'t, StrInput<'t>>,
    /// The place of everything read, if the text is not the file's.
    outside: Option<&'t Place>,
}

impl<'t> Builder<'t> {
    fn new(text: &'t str, outside: Option<&'t Place>) -> Result<Self, Mistake> {
        if text.len() > BYTES_MAX {
            let message = format!("{} bytes are too many: at most {BYTES_MAX} are read", text.len());
            return Err(syntax(outside.cloned().unwrap_or(Place::Whole), message));
        }
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        Ok(Self { parser: Parser::new_from_str(text), outside })
    }

    fn document(&mut self) -> Result<Node, Mistake> {
        let mut root = None;
        loop {
            let (event, place) = self.event()?;
            match event {
                Event::StreamEnd => return Ok(root.unwrap_or_else(|| Node::new(Kind::Null, place))),
                Event::DocumentStart(_) if root.is_some() => {
                    return Err(syntax(place, "a second document begins here: only one is read"));
                }
                Event::DocumentStart(_) => {
                    let first = self.event()?;
                    root = Some(self.node(first, 0)?);
                }
                _ => {}
            }
        }
    }

    fn node(&mut self, (event, place): (Event<'t>, Place), depth: usize) -> Result<Node, Mistake> {
        if depth > DEPTH_MAX {
            return Err(syntax(place, format!("nested too deeply: at most {DEPTH_MAX} levels are read")));
        }
        let kind = match event {
            Event::Scalar(text, ScalarStyle::Plain, ..) => plain_scalar(&text),
            Event::Scalar(text, ..) => Kind::Text(text.into_owned()),
            Event::SequenceStart(..) => self.list(depth)?,
            Event::MappingStart(..) => self.map(depth)?,
            _ => return Err(syntax(place, "a value was expected here")),
        };
        Ok(Node::new(kind, place))
    }

    fn list(&mut self, depth: usize) -> Result<Kind, Mistake> {
        let mut items = Vec::new();
        loop {
            let next = self.event()?;
            if next.0 == Event::SequenceEnd {
                return Ok(Kind::List(items));
            }
            items.push(self.node(next, depth + 1)?);
        }
    }

    fn map(&mut self, depth: usize) -> Result<Kind, Mistake> {
        let mut entries = Vec::new();
        let mut places = BTreeMap::new();
        loop {
            let (event, place) = self.event()?;
            if event == Event::MappingEnd {
                return Ok(Kind::Map(entries));
            }
            let name = key(event, &place)?;
            if let Some(first) = places.insert(name.clone(), place.clone()) {
                let name = super::failure::printable(&name);
                return Err(syntax(place, format!("the key `{name}` is given twice; the first stands at {first}")));
            }
            let next = self.event()?;
            let mut value = self.node(next, depth + 1)?;
            if is_placed_by_key(&value, &place) {
                value.place = place.clone();
            }
            entries.push(Entry { name, place, value });
        }
    }

    fn event(&mut self) -> Result<(Event<'t>, Place), Mistake> {
        let Some(next) = self.parser.next_event() else {
            return Err(syntax(Place::Whole, "the text ends too early"));
        };
        let (event, span) = next.map_err(|error| syntax(self.place(error.marker()), explain(&error)))?;
        let place = self.place(&span.start);
        match &event {
            Event::Alias(_) => Err(syntax(place, ALIAS)),
            Event::Scalar(.., anchor, tag) | Event::SequenceStart(anchor, tag) | Event::MappingStart(anchor, tag) => {
                match (anchor, tag) {
                    (0, None) => Ok((event, place)),
                    (0, Some(_)) => Err(syntax(place, "tags (`!…`) are not read: quote a text that begins with `!`")),
                    (_, _) => Err(syntax(place, "anchors (`&…`) are not read: quote a text that begins with `&`")),
                }
            }
            _ => Ok((event, place)),
        }
    }

    fn place(&self, mark: &Marker) -> Place {
        let in_file = || Place::File { line: mark.line(), column: mark.col() + 1 };
        self.outside.cloned().unwrap_or_else(in_file)
    }
}

/// Keys are text, whatever they look like: a tenant may be called `007` or `true`.
fn key(event: Event<'_>, place: &Place) -> Result<String, Mistake> {
    match event {
        Event::Scalar(name, ScalarStyle::Plain, ..) if name == "<<" => {
            Err(syntax(place.clone(), "merge keys (`<<`) are not read: write the keys out"))
        }
        Event::Scalar(name, ScalarStyle::Plain, ..) if name.is_empty() => {
            Err(syntax(place.clone(), "a key is missing before the `:`"))
        }
        Event::Scalar(name, ..) => Ok(name.into_owned()),
        _ => Err(syntax(
            place.clone(),
            "a key must be text, not a list or a map; a text that begins with `[` or `{` needs quotes",
        )),
    }
}

/// The parser places an absent value at whatever follows, and a map or list on a later line at its first element. For
/// a reader both stand where their key stands.
fn is_placed_by_key(value: &Node, key: &Place) -> bool {
    match (&value.kind, &value.place, key) {
        (Kind::Null, ..) => true,
        (Kind::List(_) | Kind::Map(_), Place::File { line, .. }, Place::File { line: key_line, .. }) => {
            line != key_line
        }
        _ => false,
    }
}

fn syntax(place: Place, message: impl Into<String>) -> Mistake {
    Mistake { place, path: String::new(), message: message.into() }
}

/// The parser's words, or better ones where its words do not say what to do.
fn explain(error: &ScanError) -> Cow<'static, str> {
    let known = EXPLANATIONS.iter().find(|(theirs, _)| error.info().contains(theirs));
    known.map_or_else(|| Cow::Owned(error.info().to_owned()), |(_, ours)| Cow::Borrowed(*ours))
}

const EXPLANATIONS: [(&str, &str); 5] = [
    ("found unknown anchor", ALIAS),
    (
        "mapping values are not allowed",
        "a `:` is not expected here: quote a text that holds `: `, and check the indentation",
    ),
    ("recursion limit exceeded", "nested too deeply"),
    ("unexpected character", "this character cannot begin a text: quote the text"),
    ("tabs disallowed", "tabs cannot indent: use spaces"),
];

const ALIAS: &str = "aliases (`*…`) are not read: quote a text that begins with `*`";

/// A configuration of ten thousand tenants stays below this.
const BYTES_MAX: usize = 1 << 20;
