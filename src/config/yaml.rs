//! A small YAML tree that remembers where each value came from.
//!
//! Enters: the text of a configuration file, and single values from the environment or from flags. Leaves: any
//! `DeserializeOwned` type, and every mistake found on the way, each with its line and column (or its variable or
//! flag) and its path, such as `upstreams[0].url`.
//!
//! Promised: no input panics, recursion and size are bounded, and no message shows a value that stands under a key
//! which looks secret. Refused on purpose: anchors, aliases, tags, merge keys, duplicate keys, second documents. Not
//! done here: checks of meaning. Those are made on the decoded value and ask [`Tree::place`] where to point.

mod decoder;
mod failure;
mod parse;
mod report;
#[cfg(test)]
mod tests;

use std::fmt;

use serde::de::DeserializeOwned;
use thiserror::Error;

/// A parsed document. An empty document is an empty map.
pub(super) struct Tree {
    root: Node,
    /// What the last decoding left of it.
    decoded: Option<Node>,
}

impl Tree {
    /// Reads one document of at most 1 MiB. A syntax mistake ends the reading, so that there is never more than one.
    pub(super) fn parse(text: &str) -> Result<Self, Mistake> {
        let root = parse::document(text)?;
        Ok(Self { root, decoded: None })
    }

    /// Sets one value from outside the file: `WARDGATE__STORE__URL=…` is the path `["store", "url"]`.
    ///
    /// Text that begins with `[`, `{` or a quote is read as YAML; any other text is one plain scalar as it stands,
    /// whatever characters it holds, and where the configuration asks for text it is text even if it looks like a
    /// number: whoever hands over a secret of digits by a variable cannot always quote it.
    ///
    /// A number in the path counts list elements from 0; the first number past the end appends, so the caller sets
    /// elements in numeric order. Whatever is missing on the way is created, as a list if its first part is `0`, else
    /// as a map. After an error the tree is as it was.
    pub(super) fn set(&mut self, path: &[&str], text: &str, place: Place) -> Result<(), Mistake> {
        let mistake = |message| Mistake { place: place.clone(), path: failure::printable(&path.join(".")), message };
        if path.is_empty() || path.len() > DEPTH_MAX || path.contains(&"") {
            return Err(mistake("this does not name a key".to_owned()));
        }
        let value = parse::outside_value(text, &place).map_err(mistake)?;
        let mut node = &mut self.root;
        for part in path {
            node = node.child_or_new(part, &place).map_err(mistake)?;
        }
        *node = value;
        Ok(())
    }

    /// Decodes into `T` and reports every mistake found, in the order of the file.
    ///
    /// With mistakes the value, if there is one, is what remained after leaving out the mistaken parts: good enough
    /// to look for further mistakes, never to run with.
    pub(super) fn decode<T: DeserializeOwned>(&mut self) -> (Option<T>, Vec<Mistake>) {
        let (value, mistakes, left) = report::decode(&self.root);
        self.decoded = Some(left);
        (value, mistakes)
    }

    /// Where the value at `path` of what was decoded stands, and its path in the document; for an absent value, its
    /// nearest present parent stands for it. The two paths differ where a list element was left out for a mistake.
    pub(super) fn locate(&self, path: &str) -> (Place, String) {
        let (mut node, mut rest) = (self.decoded.as_ref().unwrap_or(&self.root), path);
        let mut told = String::new();
        while let Some((child, tail)) = node.step(rest) {
            let step = &rest[..rest.len() - tail.len()];
            match node.position_of(child) {
                Some(index) => told.push_str(&format!("[{index}]")),
                None => told.push_str(step),
            }
            (node, rest) = (child, tail);
        }
        told.push_str(rest);
        (node.place.clone(), told)
    }

    pub(super) fn contains(&self, path: &str) -> bool {
        self.find(path).1.is_empty()
    }

    /// The deepest node on the way along `path`, and the part of `path` that leads on from there into nothing.
    fn find<'p>(&self, path: &'p str) -> (&Node, &'p str) {
        let (mut node, mut rest) = (&self.root, path);
        while let Some((child, tail)) = node.step(rest) {
            (node, rest) = (child, tail);
        }
        (node, rest)
    }
}

/// Shows nothing of the content, which holds secrets.
impl fmt::Debug for Tree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tree(..)")
    }
}

/// One thing that is wrong, for the operator to read: `line 12, column 3: upstreams[0].url: …`.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{place}: {path}{}{message}", if path.is_empty() { "" } else { ": " })]
pub struct Mistake {
    pub place: Place,
    /// Such as `upstreams[0].url`; empty for the document itself and for syntax.
    pub path: String,
    pub message: String,
}

/// Where a value was given.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// Both count from 1; columns are characters.
    File { line: usize, column: usize },
    /// The name of the variable.
    Environment(String),
    /// The flag as the operator writes it, with its dashes.
    Flag(String),
    /// The file as a whole: the place of the outermost map.
    Whole,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { line, column } => write!(f, "line {line}, column {column}"),
            Self::Environment(variable) => write!(f, "environment variable {variable}"),
            Self::Flag(flag) => write!(f, "flag {flag}"),
            Self::Whole => f.write_str("the file as a whole"),
        }
    }
}

/// A value with its place.
#[derive(Clone)]
struct Node {
    kind: Kind,
    place: Place,
    state: State,
    /// The text of an unquoted scalar from outside the file, which is text or number as the configuration asks.
    loose: Option<String>,
}

#[derive(Clone)]
enum Kind {
    Null,
    Bool(bool),
    Unsigned(u64),
    /// Below zero; or minus zero.
    Signed(i64),
    Float(f64),
    Text(String),
    List(Vec<Node>),
    Map(Vec<Entry>),
    /// Stands where a mandatory key is missing, and decodes as whatever is asked for. Only `report` puts it there.
    StandIn,
}

#[derive(Clone)]
struct Entry {
    name: String,
    /// Of the key; the value has its own.
    place: Place,
    value: Node,
}

/// Whether decoding sees a node. Only `report`, on its own copy of the tree, takes nodes away.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Present,
    /// Taken away, and nothing is missed: it stood under an unknown key.
    Superfluous,
    /// Taken away because of a mistake, so that its parent is incomplete.
    Lost,
}

impl Node {
    const fn new(kind: Kind, place: Place) -> Self {
        Self { kind, place, state: State::Present, loose: None }
    }

    fn is_present(&self) -> bool {
        self.state == State::Present
    }

    /// The child that `path` begins with, and the rest of `path`. A key may hold dots: the longest key that fits
    /// wins.
    fn step<'p>(&self, path: &'p str) -> Option<(&Self, &'p str)> {
        if path.is_empty() {
            return None;
        }
        match &self.kind {
            Kind::Map(entries) => {
                let path = path.strip_prefix('.').unwrap_or(path);
                let fitting = entries.iter().filter_map(|entry| Some((&entry.value, path.strip_prefix(&*entry.name)?)));
                fitting
                    .filter(|(_, tail)| tail.is_empty() || tail.starts_with(['.', '[']))
                    .min_by_key(|(_, tail)| tail.len())
            }
            Kind::List(items) => {
                let (index, tail) = path.strip_prefix('[')?.split_once(']')?;
                let mut present = items.iter().filter(|item| item.is_present());
                Some((present.nth(index.parse().ok()?)?, tail))
            }
            _ => None,
        }
    }

    /// Where a child stands in a list, those that were left out counted.
    fn position_of(&self, child: &Self) -> Option<usize> {
        let Kind::List(items) = &self.kind else { return None };
        items.iter().position(|item| std::ptr::eq(item, child))
    }

    fn child_or_new(&mut self, part: &str, place: &Place) -> Result<&mut Self, String> {
        let new = || Self::new(Kind::Null, place.clone());
        if matches!(self.kind, Kind::Null) {
            *self = Self::new(if part == "0" { Kind::List(Vec::new()) } else { Kind::Map(Vec::new()) }, place.clone());
        }
        match &mut self.kind {
            Kind::Map(entries) => {
                let index = entries.iter().position(|entry| entry.name == part).unwrap_or(entries.len());
                if index == entries.len() {
                    entries.push(Entry { name: part.to_owned(), place: place.clone(), value: new() });
                }
                Ok(&mut entries[index].value)
            }
            Kind::List(items) => {
                let count = items.len();
                let index = part.parse().ok().filter(|index| *index <= count);
                let index: usize =
                    index.ok_or_else(|| format!("`{part}` does not count an element of a list of {count}"))?;
                if index == count {
                    items.push(new());
                }
                Ok(&mut items[index])
            }
            _ => Err(format!("`{part}` would stand below a plain value, which is neither a map nor a list")),
        }
    }
}

/// Far more than a configuration needs, far less than the stack holds.
const DEPTH_MAX: usize = 32;
