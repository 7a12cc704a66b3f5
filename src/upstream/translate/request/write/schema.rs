//! Schemas, as OpenAI's formats take them.

use std::borrow::Cow;
use std::collections::HashSet;
use std::iter;

use serde::{Serialize, Serializer, ser};
use serde_json::value::RawValue;

use crate::prompt::json::{Kind, Value};
use crate::upstream::translate::request::neutral::{Literal, Schema};

pub(super) fn is_of_object(schema: Literal<'_>) -> bool {
    schema.0.get("type").and_then(Value::text).as_deref() == Some("object")
}

/// A function's parameters as OpenAI's formats take them: an object's schema names its properties, if only to say that
/// there are none.
pub(super) struct Parameters<'a>(pub(super) Literal<'a>);

impl Serialize for Parameters<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Parameters(schema) = *self;
        let named = schema.0.members().find(|(name, _)| name.text().as_deref() == Some("properties"));
        let (raw, start) = (schema.raw(), schema.at());
        let completed = match named {
            _ if !is_of_object(schema) => return schema.serialize(serializer),
            Some((_, value)) if value.kind() != Kind::Null => return schema.serialize(serializer),
            Some((_, null)) => {
                format!("{}{{}}{}", &raw[..null.span().start - start], &raw[null.span().end - start..])
            }
            // An object's schema has a type at least, so that a member follows.
            None => format!("{{\"properties\":{{}},{}", &raw[1..]),
        };
        RawValue::from_string(completed).map_err(ser::Error::custom)?.serialize(serializer)
    }
}

/// Whether a schema is asked of OpenAI as strict. A schema without a name is one that Anthropic guarantees, of which
/// OpenAI can guarantee only what has no optional properties.
pub(super) fn strict(schema: &Schema<'_>) -> Option<bool> {
    match (schema.name, schema.schema) {
        (None, Some(schema)) => Some(is_strict(schema.0)),
        _ => schema.strict,
    }
}

/// Whether every object, wherever the schema has one, has all of its properties and no others.
fn is_strict(schema: Value<'_>) -> bool {
    let properties = schema.get("properties").filter(|properties| properties.kind() == Kind::Object);
    let is_object = properties.is_some() || is_of_object(Literal(schema));
    let is_closed = schema.get("additionalProperties").is_some_and(|value| value.raw() == "false");
    let listed = schema.get("required").into_iter().flat_map(Value::elements);
    let required: HashSet<Cow<'_, str>> = listed.filter_map(Value::text).collect();
    let is_required = |name: Value<'_>| name.text().is_some_and(|name| required.contains(&name));
    let all_required = properties.is_none_or(|properties| properties.members().all(|(name, _)| is_required(name)));
    let mut beneath = schema.members().flat_map(|(_, value)| iter::once(value).chain(value.elements()));
    (!is_object || (is_closed && all_required)) && beneath.all(|value| value.kind() != Kind::Object || is_strict(value))
}
