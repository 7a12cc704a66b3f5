//! Why decoding stopped: the error type of the decoder, and its words.
//!
//! A failure knows what is wrong and the way from the outermost node to it; whether the values on that way are secret
//! is known only to `report`, which therefore asks for the words with the values shown or withheld.

use std::{borrow::Cow, fmt};

use serde::de::{Expected, Unexpected};
use thiserror::Error;

use super::{Kind, Node};

#[derive(Debug, Error)]
#[error("{}", reason.words(true))]
pub(super) struct Failure {
    pub(super) reason: Reason,
    /// Positions of the children on the way to the node, the innermost first; each level adds its own on the way out.
    pub(super) steps: Vec<usize>,
    /// The position of the entry whose key, not value, is at fault.
    pub(super) key: Option<usize>,
}

#[derive(Debug)]
pub(super) enum Reason {
    Type {
        found: Found,
        expected: String,
    },
    UnknownKey {
        name: String,
        known: &'static [&'static str],
    },
    UnknownValue {
        name: String,
        known: &'static [&'static str],
    },
    MissingKey(&'static str),
    /// No variant of an untagged enum fits.
    NoForm,
    /// The words of a custom `Deserialize`, which may quote the value.
    Other(String),
}

impl Failure {
    pub(super) fn new(reason: Reason) -> Self {
        Self { reason, steps: Vec::new(), key: None }
    }

    /// On the way out of the child at `step`.
    pub(super) fn below(mut self, step: usize) -> Self {
        self.steps.push(step);
        self
    }

    pub(super) fn at_key(mut self, entry: usize) -> Self {
        self.key = Some(entry);
        self
    }
}

impl serde::de::Error for Failure {
    fn custom<T: fmt::Display>(message: T) -> Self {
        let message = message.to_string();
        Self::new(if message.starts_with(SERDE_UNTAGGED) { Reason::NoForm } else { Reason::Other(message) })
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        let expected = plain(&expected.to_string(), false).into_owned();
        Self::new(Reason::Type { found: found.into(), expected })
    }

    fn invalid_value(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        let expected = plain(&expected.to_string(), true).into_owned();
        Self::new(Reason::Type { found: found.into(), expected })
    }

    fn invalid_length(length: usize, expected: &dyn Expected) -> Self {
        let expected = expected.to_string();
        Self::new(Reason::Type { found: Found::Other(format!("{length} elements")), expected })
    }

    fn unknown_variant(name: &str, known: &'static [&'static str]) -> Self {
        Self::new(Reason::UnknownValue { name: name.to_owned(), known })
    }

    fn unknown_field(name: &str, known: &'static [&'static str]) -> Self {
        Self::new(Reason::UnknownKey { name: name.to_owned(), known })
    }

    fn missing_field(name: &'static str) -> Self {
        Self::new(Reason::MissingKey(name))
    }

    fn duplicate_field(name: &'static str) -> Self {
        Self::custom(format_args!("the key `{name}` is given twice, once under another name"))
    }
}

impl Reason {
    pub(super) fn words(&self, shown: bool) -> String {
        match self {
            Self::Type { found: found @ (Found::Number(_) | Found::Truth(_)), expected } if expected == TEXT => {
                format!("expected text, found {}: quote it", found.words(false))
            }
            Self::Type { found: Found::Nothing, expected } if expected == LIST => {
                format!("expected {LIST}, found nothing (an empty list is `[]`)")
            }
            Self::Type { found: Found::Nothing, expected } if expected == MAP => {
                format!("expected {MAP}, found nothing (an empty map is `{{}}`)")
            }
            Self::Type { found, expected } => {
                format!("expected {expected}, found {}", found.words(shown))
            }
            Self::UnknownKey { name, known } => unknown_key(name, known),
            Self::UnknownValue { name, known } => unknown_value(name, known, shown),
            Self::MissingKey(name) => format!("missing key `{name}`"),
            Self::NoForm => "has none of the forms that are allowed here".to_owned(),
            Self::Other(message) => message.clone(),
        }
    }
}

/// What stands in the file, in the words of this module.
#[derive(Debug)]
pub(super) enum Found {
    Nothing,
    Truth(bool),
    Number(String),
    Text(String),
    List,
    Map,
    Other(String),
}

impl Found {
    pub(super) fn words(&self, shown: bool) -> Cow<'static, str> {
        match self {
            Self::Nothing => "nothing".into(),
            Self::Truth(value) if shown => format!("`{value}`").into(),
            Self::Truth(_) => "true or false".into(),
            Self::Number(value) if shown => format!("the number {value}").into(),
            Self::Number(_) => "a number".into(),
            Self::Text(value) if shown => match value.char_indices().nth(TEXT_CHARS_MAX) {
                Some((end, _)) => format!("text {:?}…", &value[..end]).into(),
                None => format!("text {value:?}").into(),
            },
            Self::Text(_) => "text".into(),
            Self::List => LIST.into(),
            Self::Map => MAP.into(),
            Self::Other(words) => words.clone().into(),
        }
    }
}

impl From<Unexpected<'_>> for Found {
    fn from(found: Unexpected<'_>) -> Self {
        match found {
            Unexpected::Unit | Unexpected::Option => Self::Nothing,
            Unexpected::Bool(value) => Self::Truth(value),
            Unexpected::Unsigned(value) => Self::Number(value.to_string()),
            Unexpected::Signed(value) => Self::Number(value.to_string()),
            // Keeps the point of `2.0`, without which «expected a whole number» would puzzle.
            Unexpected::Float(value) => Self::Number(format!("{value:?}")),
            Unexpected::Char(value) => Self::Text(value.to_string()),
            Unexpected::Str(value) => Self::Text(value.to_owned()),
            Unexpected::Seq => Self::List,
            Unexpected::Map => Self::Map,
            other => Self::Other(other.to_string()),
        }
    }
}

impl From<&Node> for Found {
    fn from(node: &Node) -> Self {
        match &node.kind {
            Kind::Null | Kind::StandIn => Self::Nothing,
            Kind::Bool(value) => Unexpected::Bool(*value).into(),
            Kind::Unsigned(value) => Unexpected::Unsigned(*value).into(),
            Kind::Signed(value) => Unexpected::Signed(*value).into(),
            Kind::Float(value) => Unexpected::Float(*value).into(),
            Kind::Text(value) => Unexpected::Str(value).into(),
            Kind::List(_) => Self::List,
            Kind::Map(_) => Self::Map,
        }
    }
}

/// A list of alternatives as it stands in messages: «one of `a`, `b`».
pub(super) fn one_of(names: &[&str]) -> String {
    format!("{}{}", if names.len() == 1 { "" } else { "one of " }, quoted(names))
}

/// Escapes control characters: a message goes to a terminal and to logs, and must not steer them.
pub(super) fn printable(text: &str) -> String {
    let escape = |c: char| {
        if c.is_control() { c.escape_default().collect() } else { String::from(c) }
    };
    text.chars().map(escape).collect()
}

fn unknown_key(name: &str, known: &[&str]) -> String {
    let start = format!("unknown key `{name}`");
    match closest(name, known) {
        Some(meant) => format!("{start}; did you mean `{meant}`?"),
        None if known.is_empty() => format!("{start}; no keys are known here"),
        None if known.len() <= LISTED_KEYS_MAX => format!("{start}; known here: {}", quoted(known)),
        None => start,
    }
}

fn unknown_value(name: &str, known: &[&str], shown: bool) -> String {
    let allowed = one_of(known);
    if !shown {
        return format!("unknown value; expected {allowed}");
    }
    let meant = closest(name, known).map(|meant| format!("; did you mean `{meant}`?"));
    format!("unknown value `{name}`; expected {allowed}{}", meant.unwrap_or_default())
}

fn quoted(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

/// The name that was probably meant: spelt almost so, in any case, with either dash.
pub(super) fn closest<'k>(name: &str, known: &[&'k str]) -> Option<&'k str> {
    if name.len() > NAME_BYTES_MAX {
        return None;
    }
    let name = name.to_lowercase().replace('-', "_");
    let distance = |known: &str| strsim::damerau_levenshtein(&name, &known.to_lowercase().replace('-', "_"));
    let (distance, meant) =
        known.iter().map(|known| (distance(known), *known)).min_by_key(|(distance, _)| *distance)?;
    (distance <= name.chars().count().div_ceil(4)).then_some(meant)
}

/// Serde names Rust's types; an operator thinks in text, numbers, lists and maps. `out_of_range` says that the kind
/// is right and the value is not.
fn plain(expected: &str, out_of_range: bool) -> Cow<'_, str> {
    match (expected, out_of_range) {
        ("a string", _) => TEXT.into(),
        ("a boolean", _) => "true or false".into(),
        ("a sequence", _) => LIST.into(),
        ("a map", _) => MAP.into(),
        ("a character", _) => "a single character".into(),
        ("unit", _) => "nothing".into(),
        ("f32" | "f64", _) => "a number".into(),
        ("u8", true) => format!("a whole number from 0 to {}", u8::MAX).into(),
        ("u16", true) => format!("a whole number from 0 to {}", u16::MAX).into(),
        ("u32", true) => format!("a whole number from 0 to {}", u32::MAX).into(),
        ("u64" | "u128" | "usize", true) => "a whole number that is not below 0".into(),
        ("u8" | "u16" | "u32" | "u64" | "u128" | "usize" | "i8" | "i16" | "i32" | "i64" | "i128" | "isize", _) => {
            "a whole number".into()
        }
        (other, _) if other.starts_with("a nonzero ") => "a whole number above 0 that fits".into(),
        (other, _) if other.starts_with("struct ") => MAP.into(),
        (other, _) => other.into(),
    }
}

const TEXT: &str = "text";
const LIST: &str = "a list";
const MAP: &str = "a map";

/// How serde begins its words for an untagged enum; the rest names a Rust type. A changed wording in serde costs
/// plainness alone, and a test tells.
const SERDE_UNTAGGED: &str = "data did not match any variant of untagged enum";

/// Enough to recognise a text by.
const TEXT_CHARS_MAX: usize = 60;

/// More keys than this would bury the mistake.
const LISTED_KEYS_MAX: usize = 10;

/// No key is as long; the distance costs the product of both lengths.
const NAME_BYTES_MAX: usize = 64;
