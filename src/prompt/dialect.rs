//! Where each dialect keeps the user's text, the model, and the field for a principal.
//!
//! The sources are the providers' API references: OpenAI's chat completions, completions, responses and embeddings,
//! Anthropic's messages. What is not known to be the system's or the assistant's is taken for the user's.

use std::borrow::Cow;
use std::ops::Range;

use super::edit::Edit;
use super::json::{self, Kind, Value};
use super::{NamedTenant, ShapeError, Told};
use crate::route::{Dialect, Endpoint, Pointer, Route, Step};

type Shape<T> = Result<T, ShapeError>;

/// The string literals that hold the user's text.
pub(super) fn user_text(route: &Route, root: Value<'_>) -> Shape<Vec<Range<usize>>> {
    let mut found = Vec::new();
    if root.kind() != Kind::Object {
        // An app's JSON may be a list at its top; every provider's is an object.
        return if route.endpoint == Endpoint::App && root.kind() == Kind::Array {
            follow_all(&route.user_text, root, &mut found).map(|()| found)
        } else {
            Err(wrong("body", "must be a JSON object"))
        };
    }
    match route.endpoint {
        Endpoint::ChatCompletions | Endpoint::Messages | Endpoint::CountTokens => {
            let messages = member(root, "", "messages")?.ok_or_else(|| wrong("messages", "is missing"))?;
            conversation(messages, "messages", Roleless::Refused, &mut found)?;
        }
        Endpoint::Responses => match member(root, "", "input")? {
            Some(input) if input.kind() == Kind::String => found.push(input.span()),
            Some(items) if items.kind() == Kind::Array => conversation(items, "input", Roleless::Items, &mut found)?,
            Some(other) if other.kind() != Kind::Null => return Err(wrong("input", "must be text or a list of items")),
            _ => {}
        },
        Endpoint::Completions => {
            if let Some(prompt) = member(root, "", "prompt")? {
                texts(prompt, &mut found);
            }
        }
        Endpoint::App => follow_all(&route.user_text, root, &mut found)?,
        // Embedded texts are documents, which no model follows; the other routes have no body.
        Endpoint::Embeddings | Endpoint::Models | Endpoint::Health | Endpoint::Ready | Endpoint::Account(_) => {}
    }
    Ok(found)
}

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

/// What a member of a conversation without a role is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Roleless {
    /// No message of this dialect is without one.
    Refused,
    /// OpenAI's responses: tool calls and their results are told by their type.
    Items,
}

/// Messages or items: those of the user are looked into, those of the system and the assistant are not.
fn conversation(list: Value<'_>, place: &str, roleless: Roleless, found: &mut Vec<Range<usize>>) -> Shape<()> {
    if list.kind() != Kind::Array {
        return Err(wrong(place, "must be a list"));
    }
    for (index, message) in list.elements().enumerate() {
        let place = || format!("{place}[{index}]");
        if message.kind() != Kind::Object {
            return Err(wrong(&place(), "must be an object"));
        }
        let role = named(message, &place, "role")?;
        let Some(role) = role else {
            let kind = named(message, &place, "type")?.and_then(Value::text);
            if roleless == Roleless::Items && kind.is_some_and(|kind| kind != "message") {
                continue;
            }
            return Err(wrong(&format!("{}.role", place()), "is missing"));
        };
        let content = named(message, &place, "content")?;
        let role = role.text().ok_or_else(|| wrong(&format!("{}.role", place()), "must be text"))?;
        let of_user = !matches!(&*role, "system" | "developer" | "assistant" | "tool" | "function");
        if let Some(content) = content {
            contents(content, &|| format!("{}.content", place()), of_user, found)?;
        }
    }
    Ok(())
}

/// A message's content: text, or a list of parts of which some have text.
fn contents(content: Value<'_>, place: &dyn Fn() -> String, of_user: bool, found: &mut Vec<Range<usize>>) -> Shape<()> {
    match content.kind() {
        Kind::String if of_user => found.push(content.span()),
        Kind::String | Kind::Null => {}
        Kind::Array => {
            for (index, part) in content.elements().enumerate() {
                contents_part(part, &|| format!("{}[{index}]", place()), of_user, found)?;
            }
        }
        _ => return Err(wrong(&place(), "must be text or a list of parts")),
    }
    Ok(())
}

fn contents_part(
    part: Value<'_>,
    place: &dyn Fn() -> String,
    of_user: bool,
    found: &mut Vec<Range<usize>>,
) -> Shape<()> {
    // A bare string among the parts is read as text by lenient servers.
    if part.kind() == Kind::String {
        if of_user {
            found.push(part.span());
        }
        return Ok(());
    }
    if part.kind() != Kind::Object {
        return Err(wrong(&place(), "must be an object"));
    }
    if named(part, place, "type")?.is_some_and(|kind| kind.kind() != Kind::String) {
        return Err(wrong(&format!("{}.type", place()), "must be text"));
    }
    match named(part, place, "text")? {
        Some(text) if text.kind() == Kind::String && of_user => found.push(text.span()),
        Some(text) if !matches!(text.kind(), Kind::String | Kind::Null) => {
            return Err(wrong(&format!("{}.text", place()), "must be text"));
        }
        _ => {}
    }
    if of_user { document(part, place, found) } else { Ok(()) }
}

/// The texts of a document that the user attached (Anthropic): its title, its context, and its source where that is text.
fn document(part: Value<'_>, place: &dyn Fn() -> String, found: &mut Vec<Range<usize>>) -> Shape<()> {
    if part.get("type").and_then(Value::text).as_deref() != Some("document") {
        return Ok(());
    }
    for key in ["title", "context"] {
        if let Some(text) = named(part, place, key)? {
            texts(text, found);
        }
    }
    let Some(source) = named(part, place, "source")? else { return Ok(()) };
    let place = || format!("{}.source", place());
    if named(source, &place, "type")?.and_then(Value::text).as_deref() == Some("text")
        && let Some(data) = named(source, &place, "data")?
    {
        texts(data, found);
    }
    match named(source, &place, "content")? {
        Some(content) => contents(content, &|| format!("{}.content", place()), true, found),
        None => Ok(()),
    }
}

/// Every string of a value that is text or a list of texts.
fn texts(value: Value<'_>, found: &mut Vec<Range<usize>>) {
    match value.kind() {
        Kind::String => found.push(value.span()),
        Kind::Array => value.elements().for_each(|each| texts(each, found)),
        Kind::Object => value.members().for_each(|(_, each)| texts(each, found)),
        Kind::Null | Kind::Bool | Kind::Number => {}
    }
}

fn follow_all(pointers: &[Pointer], root: Value<'_>, found: &mut Vec<Range<usize>>) -> Shape<()> {
    for pointer in pointers {
        follow(&pointer.0, root, "", found)?;
    }
    // Two pointers may meet in the same text, which is scanned and edited once.
    found.sort_by_key(|span| span.start);
    found.dedup();
    Ok(())
}

fn follow(steps: &[Step], value: Value<'_>, place: &str, found: &mut Vec<Range<usize>>) -> Shape<()> {
    match steps.split_first() {
        None => texts(value, found),
        Some((Step::Key(key), rest)) => {
            if let Some(next) = member(value, place, key)? {
                follow(rest, next, &format!("{place}.{key}"), found)?;
            }
        }
        Some((Step::Each, rest)) => {
            for (index, next) in value.elements().enumerate() {
                follow(rest, next, &format!("{place}[{index}]"), found)?;
            }
        }
    }
    Ok(())
}

/// A member by its exact name. One that other parsers would take for it is refused: Go's folds case.
fn member<'a>(object: Value<'a>, place: &str, key: &str) -> Shape<Option<Value<'a>>> {
    named(object, &|| place.to_owned(), key)
}

fn named<'a>(object: Value<'a>, place: &dyn Fn() -> String, key: &str) -> Shape<Option<Value<'a>>> {
    if object.look_alike(key).is_some() {
        let place = format!("{}.{key}", place());
        return Err(wrong(place.trim_start_matches('.'), "is spelled in a second way, which parsers read differently"));
    }
    Ok(object.get(key))
}

fn wrong(place: &str, problem: &'static str) -> ShapeError {
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
