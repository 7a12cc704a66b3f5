//! The YAML of configs: what is read, and what is said of what is not. Arbitrary text never panics.

mod decoding;
mod from_outside;
mod mistakes_found;
mod places;
mod secrets;
mod syntax;

use std::{collections::BTreeMap, time::Duration};

use proptest::prelude::*;
use serde::{Deserialize, Deserializer, de};

use super::{Kind, Mistake, Node, Place, Tree};

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Settings {
    listen: Option<String>,
    workers: u16,
    ratio: f64,
    verbose: bool,
    pepper: Option<String>,
    pepper_bits: u16,
    store: Store,
    upstreams: Vec<Upstream>,
    tenants: BTreeMap<Name, Tenant>,
    guard: Guard,
    timeout: Option<Pause>,
    range: Option<(u32, u32)>,
    window: Window,
    pair: Option<Pair>,
}

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Store {
    url: Option<Location>,
    api_key: Option<Pause>,
    pool: Pool,
}

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Pool {
    size: u32,
    patience: Option<Pause>,
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Upstream {
    name: String,
    url: String,
    #[serde(default)]
    weight: u32,
    #[serde(default)]
    limit: Option<Limit>,
}

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Tenant {
    models: Vec<String>,
    token: Option<u64>,
    rate: Option<Rate>,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
struct Name(String);

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Guard {
    #[default]
    Block,
    Log,
    Sample(f64),
    Redirect {
        to: String,
    },
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(untagged)]
enum Rate {
    PerMinute(u64),
    Full { count: u64, every: Pause },
    Named(String),
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
enum Limit {
    Requests { count: u32 },
    Bytes { bytes: u64 },
}

/// Its own `Deserialize`, which quotes what it refuses.
#[derive(Debug, PartialEq)]
struct Pause(Duration);

impl<'de> Deserialize<'de> for Pause {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let seconds = text.strip_suffix('s').and_then(|digits| digits.parse().ok());
        seconds
            .map(|seconds| Self(Duration::from_secs(seconds)))
            .ok_or_else(|| de::Error::custom(format_args!("`{text}` is not a duration such as `5s`")))
    }
}

#[derive(Debug, PartialEq)]
struct Location(String);

impl<'de> Deserialize<'de> for Location {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text.starts_with("redis://") {
            Ok(Self(text))
        } else {
            Err(de::Error::custom(format_args!("no store at {text}")))
        }
    }
}

/// Checks one field against the other.
#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(try_from = "RawWindow")]
struct Window {
    low: u32,
    high: u32,
}

#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
struct RawWindow {
    low: u32,
    high: u32,
}

impl Default for RawWindow {
    fn default() -> Self {
        Self { low: 0, high: 10 }
    }
}

impl TryFrom<RawWindow> for Window {
    type Error = String;

    fn try_from(RawWindow { low, high }: RawWindow) -> Result<Self, String> {
        if low <= high { Ok(Self { low, high }) } else { Err(format!("low ({low}) is above high ({high})")) }
    }
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Pair {
    left: Upstream,
    right: Name,
    guard: Guard,
}

fn parse(text: &str) -> Tree {
    Tree::parse(text).unwrap()
}

fn decode(text: &str) -> (Option<Settings>, Vec<String>) {
    shown(parse(text).decode())
}

fn shown<T>((value, mistakes): (Option<T>, Vec<Mistake>)) -> (Option<T>, Vec<String>) {
    (value, mistakes.iter().map(ToString::to_string).collect())
}

/// The settings, of which nothing may be mistaken.
fn settings(text: &str) -> Settings {
    let (settings, mistakes) = decode(text);
    assert_eq!(mistakes, [""; 0]);
    settings.unwrap()
}

fn mistakes(text: &str) -> Vec<String> {
    decode(text).1
}

fn refusal(text: &str) -> String {
    Tree::parse(text).unwrap_err().to_string()
}

fn variable(name: &str) -> Place {
    Place::Environment(name.to_owned())
}

/// Pieces from which every rule of the grammar is met far sooner than by chance.
fn yamlish() -> impl Strategy<Value = String> {
    let pieces = [
        "a",
        "listen",
        "upstreams",
        "name",
        "url",
        "limit",
        "kind",
        "requests",
        "count",
        "guard",
        "sample",
        "redirect",
        "to",
        "tenants",
        "rate",
        "pair",
        "left",
        "window",
        "low",
        "store",
        "pepper",
        ": ",
        ":",
        "- ",
        "\n",
        "\n  ",
        "\n    ",
        "[",
        "]",
        "{",
        "}",
        ", ",
        "'",
        "\"",
        "|\n",
        ">",
        "#",
        " ",
        "&x",
        "*x",
        "!t",
        "---\n",
        "...",
        "<<",
        "?",
        "1",
        "-1",
        "1.5",
        "true",
        "~",
        "é",
        "\t",
        "\\",
        "%",
        "5s",
    ];
    prop::collection::vec(prop::sample::select(pieces.to_vec()), 0..60).prop_map(|pieces| pieces.concat())
}

/// Whatever is read is decoded without a panic, and with no value there is a mistake.
fn exercise(text: &str) {
    let Ok(mut tree) = Tree::parse(text) else {
        return;
    };
    for _ in 0..2 {
        let (settings, mistakes) = tree.decode::<Settings>();
        assert!(settings.is_some() || !mistakes.is_empty());
        let (upstream, mistakes) = tree.decode::<Upstream>();
        assert!(upstream.is_some() || !mistakes.is_empty());
        let _ = tree.decode::<BTreeMap<String, Rate>>();
        let _ = tree.decode::<Vec<Guard>>();
        let _ = (tree.locate(text).0, tree.contains(text));
        let _ = tree.set(&["upstreams", "0", "limit", "count"], text, Place::Whole);
    }
}

fn nodes(node: &Node) -> usize {
    1 + match &node.kind {
        Kind::Map(entries) => entries.iter().map(|entry| nodes(&entry.value)).sum(),
        Kind::List(items) => items.iter().map(nodes).sum(),
        _ => 0,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_text_never_panics(text in any::<String>()) {
        exercise(&text);
    }

    #[test]
    fn arbitrary_yaml_never_panics(text in yamlish()) {
        exercise(&text);
    }

    #[test]
    fn arbitrary_values_from_outside_never_panic(part in "[a-z0]{0,3}", text in yamlish()) {
        let mut tree = parse("a: [1]\nstore: { url: x }\n");
        let _ = tree.set(&["store", &part], &text, Place::Whole);
        let _ = tree.set(&["a", &part, &part], &text, Place::Whole);
        prop_assert!(nodes(&tree.root) >= 4);
        let _ = tree.decode::<Settings>();
    }
}
