//! Where each dialect keeps the model, and the field for a principal.
//!
//! The sources are the providers' API references: OpenAI's chat completions, completions, responses and embeddings,
//! Anthropic's messages. Where they keep texts is `texts`'s.

use std::borrow::Cow;
use std::ops::Range;

use super::edit::Edit;
use super::json::{self, Kind, Value};
use super::{NamedTenant, ShapeError, Told};
use crate::route::{Dialect, Endpoint, Route};

pub(super) type Shape<T> = Result<T, ShapeError>;

/// The model that the caller asks for.
pub(super) fn model<'a>(route: &Route, root: Value<'a>) -> Shape<Option<Value<'a>>> {
    if route.endpoint == Endpoint::App {
        return Ok(None);
    }
    match member(root, "", "model")? {
        Some(model) if model.kind() != Kind::String => Err(wrong("model", "must be text")),
        found => Ok(found),
    }
}

/// A member by its exact name. One that other parsers would take for it is refused: Go's folds case.
pub(super) fn member<'a>(object: Value<'a>, place: &str, key: &str) -> Shape<Option<Value<'a>>> {
    named(object, &|| place.to_owned(), key)
}

pub(super) fn named<'a>(object: Value<'a>, place: &dyn Fn() -> String, key: &str) -> Shape<Option<Value<'a>>> {
    if object.look_alike(key).is_some() {
        let place = format!("{}.{key}", place());
        return Err(wrong(place.trim_start_matches('.'), "is spelled in a second way, which parsers read differently"));
    }
    Ok(object.get(key))
}

pub(super) fn wrong(place: &str, problem: &'static str) -> ShapeError {
    ShapeError { place: place.to_owned(), problem }
}

/// The edits that tell a provider of the principal, in the field that its endpoint has for that.
pub(super) fn tell(endpoint: Endpoint, dialect: Dialect, root: Value<'_>, told: &Told<'_>) -> Vec<Edit> {
    match (dialect, endpoint) {
        (_, Endpoint::Models | Endpoint::Health | Endpoint::Ready | Endpoint::Account(_)) => Vec::new(),
        (Dialect::OpenAi, Endpoint::ChatCompletions | Endpoint::Responses) => {
            set_members(root, &[(SAFETY_IDENTIFIER, quoted(told.opaque))])
        }
        (Dialect::Anthropic, Endpoint::Messages) => set_in_metadata(root, &[("user_id", quoted(told.opaque))]),
        (Dialect::Any, _) if root.kind() == Kind::Object => {
            let members = [
                ("tenant_id", quoted(told.tenant_id)),
                ("tenant_slug", quoted(told.tenant_slug)),
                ("principal_id", quoted(told.principal_id)),
            ];
            set_in_metadata(root, &members)
        }
        // The older endpoints of OpenAI have no such field, and counting tokens takes no metadata: nobody says it there.
        _ => hush(dialect, root),
    }
}

/// The edits that empty what a client says in the fields by which an upstream of this dialect knows a principal, where
/// we tell it nothing there.
pub(super) fn hush(dialect: Dialect, root: Value<'_>) -> Vec<Edit> {
    let in_metadata: &[&str] = match dialect {
        Dialect::OpenAi => &[],
        Dialect::Anthropic => &["user_id"],
        Dialect::Any => &["user_id", "tenant_id", "tenant_slug", "principal_id"],
    };
    let metadata = root.get(METADATA);
    let members = in_metadata.iter().filter_map(|key| metadata?.get(key));
    let identifier = root.get(SAFETY_IDENTIFIER).filter(|_| dialect != Dialect::Anthropic);
    members.chain(identifier).map(|value| Edit { span: value.span(), replacement: b"null".to_vec() }).collect()
}

/// The edits that blank what a client says of tenant and principal in the `metadata` of a provider's dialect, where it is
/// the caller's own to fill: an empty text, since these take texts alone. What is true may stay.
pub(super) fn blank(dialect: Dialect, root: Value<'_>, told: Option<&Told<'_>>) -> Vec<Edit> {
    let Some(metadata) = root.get(METADATA).filter(|_| dialect != Dialect::Any) else { return Vec::new() };
    let tenant = told.map(|told| [told.tenant_id, told.tenant_slug]).unwrap_or_default();
    let principal = told.map(|told| [told.principal_id; 2]).unwrap_or_default();
    let fields = [("tenant_id", tenant), ("tenant_slug", tenant), ("principal_id", principal)];
    let said = fields.into_iter().filter_map(|(key, own)| Some((metadata.get(key)?, own)));
    let untrue = said.filter(|(value, own)| value.text().is_none_or(|text| !own.contains(&&*text)));
    untrue.map(|(value, _)| Edit { span: value.span(), replacement: b"\"\"".to_vec() }).collect()
}

/// The edits that take out thinking which another provider's model did and nobody signed: Anthropic refuses a conversation
/// that holds any. A turn that is nothing else stays, for it is the caller's to mend.
pub(super) fn unsigned_thinking(root: Value<'_>) -> Vec<Edit> {
    let turns = root.get("messages").into_iter().flat_map(Value::elements);
    let contents = turns.filter_map(|turn| turn.get("content")).filter(|content| content.kind() == Kind::Array);
    contents.flat_map(without_unsigned).collect()
}

/// An element goes with the comma behind it; the last one with the comma before it.
fn without_unsigned(content: Value<'_>) -> Vec<Edit> {
    let is_unsigned = |part: Value<'_>| {
        part.get("type").and_then(Value::text).as_deref() == Some("thinking")
            && part.get("signature").and_then(Value::text).as_deref() == Some("")
    };
    let parts: Vec<(Range<usize>, bool)> = content.elements().map(|part| (part.span(), is_unsigned(part))).collect();
    let Some(last_kept) = parts.iter().rposition(|(_, unsigned)| !unsigned) else { return Vec::new() };
    let cut = |(index, (span, _)): (usize, &(Range<usize>, bool))| {
        let span =
            if index < last_kept { span.start..parts[index + 1].0.start } else { parts[index - 1].0.end..span.end };
        Edit { span, replacement: Vec::new() }
    };
    parts.iter().enumerate().filter(|(_, (_, unsigned))| *unsigned).map(cut).collect()
}

/// The fields in which a provider is told of the principal, in no spelling but their own.
pub(super) fn check_owned_fields(root: Value<'_>) -> Shape<()> {
    for key in TENANT_FIELDS.iter().chain(&[SAFETY_IDENTIFIER]) {
        named(root, &String::new, key)?;
    }
    if let Some(metadata) = named(root, &String::new, METADATA)? {
        for key in ["user_id", "tenant_id", "tenant_slug", "principal_id"] {
            named(metadata, &|| METADATA.to_owned(), key)?;
        }
    }
    Ok(())
}

/// The tenants that a body names, in fields by which apps know them.
pub(super) fn tenants_named(root: Value<'_>) -> Vec<NamedTenant<'_>> {
    let objects = [(Some(root), false), (root.get(METADATA), true)];
    let fields = objects.into_iter().flat_map(|(object, written_over)| {
        TENANT_FIELDS.iter().filter_map(move |key| Some((object?.get(key)?, written_over)))
    });
    let named = fields.filter(|(value, _)| value.kind() != Kind::Null).map(|(value, written_over)| {
        let name = value.text().unwrap_or_else(|| Cow::Owned(value.raw().to_owned()));
        NamedTenant { name, written_over }
    });
    named.collect()
}

const TENANT_FIELDS: [&str; 2] = ["tenant_id", "tenant_slug"];
const SAFETY_IDENTIFIER: &str = "safety_identifier";
const METADATA: &str = "metadata";

fn set_in_metadata(root: Value<'_>, members: &[(&str, Vec<u8>)]) -> Vec<Edit> {
    match root.get(METADATA) {
        Some(metadata) if metadata.kind() == Kind::Object => set_members(metadata, members),
        _ => set_members(root, &[(METADATA, [&b"{"[..], &spelled(members), b"}"].concat())]),
    }
}

/// Replaces the values of the members that are there, and puts the others first; every other byte stays.
fn set_members(object: Value<'_>, members: &[(&str, Vec<u8>)]) -> Vec<Edit> {
    let (present, absent): (Vec<_>, Vec<_>) = members.iter().cloned().partition(|(key, _)| object.get(key).is_some());
    let replaced = present.into_iter().filter_map(|(key, replacement)| {
        let span = object.get(key)?.span();
        Some(Edit { span, replacement })
    });
    let mut edits: Vec<Edit> = replaced.collect();
    if !absent.is_empty() {
        let inside = object.span().start + 1;
        let mut replacement = spelled(&absent);
        if !object.is_empty() {
            replacement.push(b',');
        }
        edits.push(Edit { span: inside..inside, replacement });
    }
    edits
}

fn spelled(members: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let each = members.iter().map(|(key, value)| [&quoted(key), &b":"[..], value].concat());
    each.collect::<Vec<_>>().join(&b","[..])
}

fn quoted(text: &str) -> Vec<u8> {
    let mut out = vec![b'"'];
    json::escape_into(text, &mut out);
    out.push(b'"');
    out
}
