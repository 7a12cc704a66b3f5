//! Reading: one file a format, over one way to read an object.

mod chat;
mod messages;
mod openai;
mod responses;

use std::borrow::Cow;

use crate::prompt::json::{Kind, Value};

pub(super) use self::chat::read as chat;
pub(super) use self::messages::read as messages;
pub(super) use self::responses::read as responses;

use super::neutral::{Effort, LeftOut, Level, Literal, ToolResult, Turn};
use super::refusal::Refusal;

type Read<T> = Result<T, Refusal>;

/// An object's members, each of which is taken once.
struct Members<'a> {
    object: Value<'a>,
    left: Vec<(Value<'a>, Value<'a>)>,
}

/// Reads an object, and refuses the first of its members that `read` did not take, unless it is null: providers' own
/// libraries send members that say nothing as null.
fn object<'a, T>(value: Value<'a>, read: impl FnOnce(&mut Members<'a>) -> Read<T>) -> Read<T> {
    if value.kind() != Kind::Object {
        return Err(Refusal::new(value.span().start, "must be an object"));
    }
    let mut members = Members { object: value, left: value.members().collect() };
    let read = read(&mut members)?;
    match members.left.iter().find(|(_, value)| value.kind() != Kind::Null) {
        Some((key, _)) => Err(Refusal::wordless(key.span().start)),
        None => Ok(read),
    }
}

impl<'a> Members<'a> {
    fn at(&self) -> usize {
        self.object.span().start
    }

    /// The member of this name; none where it is absent or null.
    fn take(&mut self, name: &str) -> Option<Value<'a>> {
        let index = self.left.iter().position(|(key, _)| key.text().as_deref() == Some(name))?;
        let (_, value) = self.left.swap_remove(index);
        (value.kind() != Kind::Null).then_some(value)
    }

    fn need(&mut self, name: &'static str) -> Read<Value<'a>> {
        self.take(name).ok_or_else(|| Refusal::missing(self.object, name))
    }

    fn text(&mut self, name: &str) -> Read<Option<Literal<'a>>> {
        self.take(name).map(text).transpose()
    }

    fn need_text(&mut self, name: &'static str) -> Read<Literal<'a>> {
        text(self.need(name)?)
    }

    fn number(&mut self, name: &str) -> Read<Option<Literal<'a>>> {
        self.take(name).map(|value| of_kind(value, Kind::Number, "must be a number")).transpose()
    }

    fn flag(&mut self, name: &str) -> Read<Option<bool>> {
        let flag = self.take(name).map(|value| of_kind(value, Kind::Bool, "must be true or false")).transpose()?;
        Ok(flag.map(|flag| flag.raw() == "true"))
    }

    /// A schema, or a call's input: an object that is passed on as it is.
    fn json(&mut self, name: &str) -> Read<Option<Literal<'a>>> {
        self.take(name).map(|value| of_kind(value, Kind::Object, "must be an object")).transpose()
    }

    /// Takes a member that has no word elsewhere, which may only say what goes without saying.
    fn only(&mut self, name: &str, goes_without_saying: fn(Value<'a>) -> bool) -> Read<()> {
        match self.take(name) {
            Some(value) if !goes_without_saying(value) => Err(Refusal::wordless(value.span().start)),
            _ => Ok(()),
        }
    }

    /// Takes hints that change what an answer costs and never what it says.
    fn hints(&mut self, names: &[&'static str], left_out: &mut LeftOut) {
        for name in names {
            if self.take(name).is_some() {
                left_out.add(name);
            }
        }
    }

    /// Takes what the caller says of its user, or of storing: the provider is told of the principal by us alone.
    fn ignore(&mut self, names: &[&str]) {
        for name in names {
            self.take(name);
        }
    }

    /// The word of `type`, with its place.
    fn sort(&mut self) -> Read<(Cow<'a, str>, usize)> {
        let sort = self.need_text("type")?;
        Ok((sort.text(), sort.at()))
    }
}

fn text(value: Value<'_>) -> Read<Literal<'_>> {
    of_kind(value, Kind::String, "must be text")
}

fn of_kind<'a>(value: Value<'a>, kind: Kind, problem: &'static str) -> Read<Literal<'a>> {
    if value.kind() == kind { Ok(Literal(value)) } else { Err(Refusal::new(value.span().start, problem)) }
}

fn list<'a, T>(value: Value<'a>, read: impl FnMut(Value<'a>) -> Read<T>) -> Read<Vec<T>> {
    of_kind(value, Kind::Array, "must be a list")?;
    value.elements().map(read).collect()
}

/// Content as every format has it: a text, or a list of parts.
fn content<'a, T>(
    value: Value<'a>,
    bare: impl FnOnce(Literal<'a>) -> T,
    part: impl FnMut(Value<'a>) -> Read<T>,
) -> Read<Vec<T>> {
    match value.kind() {
        Kind::String => Ok(vec![bare(Literal(value))]),
        Kind::Array => list(value, part),
        _ => Err(Refusal::new(value.span().start, "must be text or a list of parts")),
    }
}

fn effort(value: Literal<'_>, word: &'static str) -> Read<Effort> {
    let level = Level::parse(&value.text()).ok_or(Refusal::wordless(value.at()))?;
    Ok(Effort { level, word })
}

/// Puts a result to those before it, where they answer the same turn.
fn push_result<'a>(turns: &mut Vec<Turn<'a>>, result: ToolResult<'a>) {
    match turns.last_mut() {
        Some(Turn::Results(results)) => results.push(result),
        _ => turns.push(Turn::Results(vec![result])),
    }
}

fn is_false(value: Value<'_>) -> bool {
    value.raw() == "false"
}

fn is_zero(value: Value<'_>) -> bool {
    Literal(value).number() == Some(0.0)
}

fn is_one(value: Value<'_>) -> bool {
    Literal(value).number() == Some(1.0)
}

fn is_nothing(value: Value<'_>) -> bool {
    value.is_empty()
}

/// Tools may be called by the model itself, and in newer formats by its programs too.
fn is_direct(value: Value<'_>) -> bool {
    match value.kind() {
        Kind::Object => {
            value.members().count() == 1 && value.get("type").and_then(Value::text).as_deref() == Some("direct")
        }
        _ => value.elements().all(|caller| caller.text().as_deref() == Some("direct")),
    }
}
