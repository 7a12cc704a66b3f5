//! Which models a principal may ask for, in the words of its dialect.
//!
//! Shapes after OpenAI's «List models» and «Retrieve model», and Anthropic's «List Models» and «Get a Model».

use std::collections::BTreeSet;

use bytes::Bytes;
use serde::Serialize;

use super::targets::Targets;
use crate::call::Call;
use crate::route::Dialect;

/// What is answered to a question for models.
#[derive(Debug, PartialEq, Eq)]
pub enum Catalogue {
    /// JSON in the caller's dialect.
    Listed(Bytes),
    /// There is no such model for this principal.
    Unknown,
    /// Neither config nor tenant names any: the upstreams know.
    Theirs,
}

/// Answers `GET /v1/models` and `GET /v1/models/NAME`.
pub(super) fn answer(targets: &Targets, call: &Call) -> Catalogue {
    let Some(names) = names(targets, call) else { return Catalogue::Theirs };
    match call.path_and_query.path().strip_prefix("/v1/models/") {
        None => Catalogue::Listed(list(call.dialect(), &names)),
        Some(wanted) if names.contains(wanted) => Catalogue::Listed(json(&one(call.dialect(), wanted))),
        Some(_) => Catalogue::Unknown,
    }
}

/// The names that this principal may ask for; nothing where it may ask for any that the upstreams have.
fn names(targets: &Targets, call: &Call) -> Option<BTreeSet<String>> {
    let principal = call.principal()?;
    let policy = &principal.tenant.policy;
    let configured = targets.groups().iter().flat_map(|group| std::iter::once(&group.name).chain(&group.aliases));
    let mut names: BTreeSet<&String> =
        configured.chain(policy.targets.keys()).filter(|name| !name.ends_with('*')).collect();
    // What stands for many is no name, but those of them that a list of models has are.
    names.extend(principal.models.names().iter().chain(policy.models.names()));
    let bounds = [&principal.models, &policy.models];
    if names.is_empty() && bounds.iter().all(|models| models.are_all()) {
        return None;
    }
    Some(names.into_iter().filter(|name| bounds.iter().all(|models| models.allows(name))).cloned().collect())
}

fn list(dialect: Dialect, names: &BTreeSet<String>) -> Bytes {
    let models: Vec<Model<'_>> = names.iter().map(|name| one(dialect, name)).collect();
    match dialect {
        Dialect::Anthropic => json(&Page {
            first_id: names.first().map(String::as_str),
            last_id: names.last().map(String::as_str),
            data: models,
            has_more: false,
        }),
        Dialect::OpenAi | Dialect::Any => json(&List { object: "list", data: models }),
    }
}

fn one(dialect: Dialect, name: &str) -> Model<'_> {
    match dialect {
        Dialect::Anthropic => {
            Model::Anthropic { r#type: "model", id: name, display_name: name, created_at: CREATED_AT }
        }
        Dialect::OpenAi | Dialect::Any => Model::OpenAi { id: name, object: "model", created: 0, owned_by: "wardgate" },
    }
}

/// Both dialects want to know when a model was made, and a name of the config was not: Anthropic's page says that the
/// beginning of the epoch stands for what is not known.
const CREATED_AT: &str = "1970-01-01T00:00:00Z";

#[derive(Serialize)]
struct List<'a> {
    object: &'static str,
    data: Vec<Model<'a>>,
}

#[derive(Serialize)]
struct Page<'a> {
    data: Vec<Model<'a>>,
    has_more: bool,
    first_id: Option<&'a str>,
    last_id: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Model<'a> {
    OpenAi { id: &'a str, object: &'static str, created: u64, owned_by: &'static str },
    Anthropic { r#type: &'static str, id: &'a str, display_name: &'a str, created_at: &'static str },
}

fn json(value: &impl Serialize) -> Bytes {
    Bytes::from(serde_json::to_vec(value).expect("text and numbers always serialise"))
}
