//! Decodes although there are mistakes, so that an operator sees all of them at once.
//!
//! Serde stops at the first failure. So the node at fault is taken away from a copy of the tree, the mistake noted,
//! and the decoding begun again, until it succeeds. Two things need care:
//!
//! * What is taken away is missed further up: a list element that lost its mandatory `url` now fails for want of it.
//!   Such an echo is no mistake of the operator's. Its node is taken away silently, and so on upwards.
//! * A missing key hides the missing keys after it, since serde stops there. So a stand-in takes its place, which
//!   decodes as whatever is asked for. What was decoded with a stand-in is never handed out: its map is taken away at
//!   the end.
//!
//! Each turn takes a node away or adds a stand-in (with its mistake), and mistakes are counted, so the loop ends.

use serde::de::DeserializeOwned;

use super::{
    Entry, Kind, Mistake, Node, Place, State,
    decoder::Decoder,
    failure::{Failure, Found, Reason, closest, printable},
};

pub(super) fn decode<T: DeserializeOwned>(root: &Node) -> (Option<T>, Vec<Mistake>, Node) {
    let mut root = root.clone();
    let mut mistakes = Vec::new();
    let mut value = None;
    while root.is_present() && mistakes.len() < MISTAKES_MAX {
        match T::deserialize(Decoder(&root)) {
            // Only a value that owes nothing to a stand-in leaves.
            Ok(decoded) if !lose_maps_with_stand_ins(&mut root) => {
                value = Some(decoded);
                break;
            }
            Ok(_) => {}
            Err(failure) => mistakes.extend(settle(&mut root, failure)),
        }
    }
    mistakes.sort_by(|one, other| one.place.cmp(&other.place));
    if mistakes.len() == MISTAKES_MAX {
        let message = format!("only the first {MISTAKES_MAX} mistakes are shown; there may be more");
        mistakes.push(Mistake { place: Place::Whole, path: String::new(), message });
    }
    (value, mistakes, root)
}

/// Takes away the node at fault. Returns the mistake, unless the failure is an echo of an earlier one.
fn settle(root: &mut Node, failure: Failure) -> Option<Mistake> {
    let Failure { reason, steps, key } = failure;
    let mut spot = Spot { node: root, path: String::new(), is_secret: false };
    for step in steps.into_iter().rev() {
        if spot.ends_at_stand_in(step) {
            // The stand-in would not do: no mistake, and no further ones to be had from this map.
            spot.node.state = State::Lost;
            return None;
        }
        spot = spot.child(step)?;
    }
    spot.settle(&reason, key)
}

/// A node, with what is known from the way to it.
struct Spot<'n> {
    node: &'n mut Node,
    path: String,
    is_secret: bool,
}

impl Spot<'_> {
    /// Whether there is nothing of the file's to go into at `step`.
    fn ends_at_stand_in(&self, step: usize) -> bool {
        match &self.node.kind {
            Kind::Map(entries) => entries.get(step).is_none_or(|entry| matches!(entry.value.kind, Kind::StandIn)),
            Kind::List(items) => step >= items.len(),
            _ => true,
        }
    }

    fn child(self, step: usize) -> Option<Self> {
        let Self { node, mut path, is_secret } = self;
        match &mut node.kind {
            Kind::Map(entries) => {
                let Entry { name, value, .. } = &mut entries[step];
                path.push_str(if path.is_empty() { "" } else { "." });
                path.push_str(name);
                Some(Self { node: value, path, is_secret: is_secret || looks_secret(name) })
            }
            Kind::List(items) => Some(Self { node: &mut items[step], path: format!("{path}[{step}]"), is_secret }),
            _ => None,
        }
    }

    fn settle(self, reason: &Reason, key: Option<usize>) -> Option<Mistake> {
        match reason {
            Reason::MissingKey(name) => self.settle_missing_key(reason, name),
            // Without a position when serde has buffered the map, as for an internally tagged enum.
            Reason::UnknownKey { name, known } => match key.or_else(|| position(self.node, name)) {
                Some(entry) => Some(self.settle_unknown_key(reason, entry, closest(name, known))),
                None => self.settle_node(reason),
            },
            _ => match key {
                Some(entry) => Some(self.lose_entry(reason, entry, State::Lost)),
                None => self.settle_node(reason),
            },
        }
    }

    /// A key that was probably meant takes its right name, lest it be reported as missing, too.
    fn settle_unknown_key(self, reason: &Reason, entry: usize, meant: Option<&str>) -> Mistake {
        let Some(meant) = meant.filter(|meant| position(self.node, meant).is_none()) else {
            return self.lose_entry(reason, entry, State::Superfluous);
        };
        let mistake = self.mistake(reason, self.entry_place(entry));
        if let Kind::Map(entries) = &mut self.node.kind {
            meant.clone_into(&mut entries[entry].name);
            entries[entry].value.state = State::Lost;
        }
        mistake
    }

    fn settle_missing_key(self, reason: &Reason, name: &str) -> Option<Mistake> {
        let is_echo = position(self.node, name).is_some();
        let mistake = self.mistake(reason, self.node.place.clone());
        let Kind::Map(entries) = &mut self.node.kind else {
            return self.settle_node(reason);
        };
        if is_echo {
            self.node.state = State::Lost;
            return None;
        }
        let value = Node::new(Kind::StandIn, Place::Whole);
        entries.push(Entry { name: name.to_owned(), place: Place::Whole, value });
        Some(mistake)
    }

    /// For a map or list that is incomplete already, whatever is wrong with it as a whole may come from that.
    fn settle_node(self, reason: &Reason) -> Option<Mistake> {
        let mistake = self.mistake(reason, self.node.place.clone());
        let is_echo = is_incomplete(self.node);
        self.node.state = State::Lost;
        (!is_echo).then_some(mistake)
    }

    fn lose_entry(self, reason: &Reason, entry: usize, state: State) -> Mistake {
        let mistake = self.mistake(reason, self.entry_place(entry));
        match &mut self.node.kind {
            Kind::Map(entries) => entries[entry].value.state = state,
            _ => self.node.state = state,
        }
        mistake
    }

    fn entry_place(&self, entry: usize) -> Place {
        match &self.node.kind {
            Kind::Map(entries) => entries[entry].place.clone(),
            _ => self.node.place.clone(),
        }
    }

    fn mistake(&self, reason: &Reason, place: Place) -> Mistake {
        Mistake { place, path: printable(&self.path), message: printable(&self.words(reason)) }
    }

    /// The reason in words that give away no secret: neither that of this node nor, where a custom `Deserialize`
    /// quotes what it has read, one below it.
    fn words(&self, reason: &Reason) -> String {
        let shown = !self.is_secret;
        let words = match reason {
            Reason::UnknownKey { .. } | Reason::MissingKey(_) => {
                return shortened(reason.words(shown));
            }
            Reason::NoForm => format!("{} {}", Found::from(&*self.node).words(shown), reason.words(shown)),
            Reason::Type { .. } | Reason::UnknownValue { .. } | Reason::Other(_) => reason.words(shown),
        };
        let words = shortened(words);
        match reason {
            _ if !gives_away(&words, self.node, self.is_secret) => words,
            Reason::Other(_) => "this is not accepted; the reason quotes a secret and is withheld".to_owned(),
            _ => reason.words(false),
        }
    }
}

fn position(node: &Node, name: &str) -> Option<usize> {
    match &node.kind {
        Kind::Map(entries) => entries.iter().position(|entry| entry.name == name),
        _ => None,
    }
}

fn is_incomplete(node: &Node) -> bool {
    let lacks = |node: &Node| node.state == State::Lost || matches!(node.kind, Kind::StandIn) || is_incomplete(node);
    match &node.kind {
        Kind::Map(entries) => entries.iter().any(|entry| lacks(&entry.value)),
        Kind::List(items) => items.iter().any(lacks),
        _ => false,
    }
}

/// Whether there were any.
fn lose_maps_with_stand_ins(node: &mut Node) -> bool {
    if !node.is_present() {
        return false;
    }
    match &mut node.kind {
        Kind::Map(entries) if entries.iter().any(|entry| matches!(entry.value.kind, Kind::StandIn)) => {
            node.state = State::Lost;
            true
        }
        // `|`, not `||`: all of them are visited.
        Kind::Map(entries) => {
            entries.iter_mut().fold(false, |any, entry| any | lose_maps_with_stand_ins(&mut entry.value))
        }
        Kind::List(items) => items.iter_mut().fold(false, |any, item| any | lose_maps_with_stand_ins(item)),
        _ => false,
    }
}

fn looks_secret(name: &str) -> bool {
    let name = name.to_lowercase().replace(['_', '-'], "");
    SECRET_WORDS.iter().any(|word| name.contains(word))
}

/// Whether `message` shares a run of characters with a secret at or below `node`: with a value under a key that looks
/// secret, or with a URL that carries a password.
fn gives_away(message: &str, node: &Node, is_secret: bool) -> bool {
    if let Some(text) = &node.loose {
        return is_secret_text(text, is_secret) && share_run(message, text);
    }
    match &node.kind {
        Kind::Map(entries) => {
            entries.iter().any(|Entry { name, value, .. }| gives_away(message, value, is_secret || looks_secret(name)))
        }
        Kind::List(items) => items.iter().any(|item| gives_away(message, item, is_secret)),
        Kind::Null | Kind::Bool(_) | Kind::StandIn => false,
        Kind::Text(text) => is_secret_text(text, is_secret) && share_run(message, text),
        Kind::Unsigned(number) => is_secret && share_run(message, &number.to_string()),
        Kind::Signed(number) => is_secret && share_run(message, &number.to_string()),
        Kind::Float(number) => is_secret && share_run(message, &number.to_string()),
    }
}

fn is_secret_text(text: &str, is_secret: bool) -> bool {
    is_secret || (text.contains("://") && text.contains('@'))
}

fn share_run(message: &str, secret: &str) -> bool {
    let (message, secret) = (message.to_lowercase(), secret.to_lowercase());
    if secret.chars().count() < RUN_CHARS {
        return !secret.is_empty() && message.contains(&secret);
    }
    let message: Vec<char> = message.chars().collect();
    let mut runs = message.windows(RUN_CHARS);
    runs.any(|run| secret.contains(&run.iter().collect::<String>()))
}

fn shortened(words: String) -> String {
    match words.char_indices().nth(MESSAGE_CHARS_MAX) {
        Some((end, _)) => format!("{}…", &words[..end]),
        None => words,
    }
}

/// Looked for in keys, without dashes and in lower case. `max_tokens` is caught too: its number is not shown, no harm
/// done.
const SECRET_WORDS: [&str; 10] = [
    "token",
    "secret",
    "password",
    "passwd",
    "passphrase",
    "apikey",
    "pepper",
    "credential",
    "privatekey",
    "authorization",
];

/// A shared run this long counts as quoting: short enough to catch a quoted fragment, long enough that the words of a
/// message seldom meet a random secret.
const RUN_CHARS: usize = 4;

/// Each mistake costs one more decoding; and nobody mends more at a sitting.
const MISTAKES_MAX: usize = 100;

const MESSAGE_CHARS_MAX: usize = 400;
