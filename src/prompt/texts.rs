//! Where each dialect keeps the texts that a model reads and that its operator did not write.
//!
//! The sources are the providers' API references: OpenAI's chat completions, completions and responses, Anthropic's
//! messages. What is not known to be the system's or the assistant's is taken for the user's.

use std::ops::Range;

use super::dialect::{Shape, member, named, wrong};
use super::json::{Kind, Value};
use super::{Source, Text};
use crate::route::{Endpoint, Pointer, Route, Step};

/// Every such text, in the body's order.
pub(super) fn find(route: &Route, root: Value<'_>) -> Shape<Vec<Text>> {
    let mut found = Found::default();
    if root.kind() != Kind::Object {
        // An app's JSON may be a list at its top; every provider's is an object.
        return if route.endpoint == Endpoint::App && root.kind() == Kind::Array {
            found.follow_all(&route.user_text, root).map(|()| found.texts)
        } else {
            Err(wrong("body", "must be a JSON object"))
        };
    }
    match route.endpoint {
        Endpoint::ChatCompletions | Endpoint::Messages | Endpoint::CountTokens => {
            let messages = member(root, "", "messages")?.ok_or_else(|| wrong("messages", "is missing"))?;
            found.conversation(messages, "messages", Roleless::Refused)?;
        }
        Endpoint::Responses => found.responses(root)?,
        Endpoint::Completions => {
            for key in ["prompt", "suffix"] {
                if let Some(text) = member(root, "", key)? {
                    found.all(text, Source::User);
                }
            }
        }
        Endpoint::App => found.follow_all(&route.user_text, root)?,
        // Embedded texts are documents, which no model follows; the other routes have no body.
        Endpoint::Embeddings | Endpoint::Models | Endpoint::Health | Endpoint::Ready | Endpoint::Account(_) => {}
    }
    Ok(found.texts)
}

/// What a member of a conversation without a role is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Roleless {
    /// No message of this dialect is without one.
    Refused,
    /// OpenAI's responses: tool calls and their results are told by their type.
    Items,
}

/// What was found so far, and the turn that is being read.
#[derive(Default)]
struct Found {
    texts: Vec<Text>,
    turn: usize,
}

impl Found {
    fn push(&mut self, literal: Range<usize>, source: Source) {
        self.texts.push(Text { literal, source, turn: self.turn });
    }

    /// `input`, and what is put in the place of a stored prompt's variables.
    fn responses(&mut self, root: Value<'_>) -> Shape<()> {
        if let Some(prompt) = member(root, "", "prompt")?
            && let Some(variables) = member(prompt, "prompt", "variables")?
        {
            for (_, variable) in variables.members() {
                match variable.kind() {
                    Kind::String => self.push(variable.span(), Source::User),
                    Kind::Object => self.part(variable, &|| "prompt.variables".to_owned(), Some(Source::User))?,
                    Kind::Null | Kind::Bool | Kind::Number | Kind::Array => {}
                }
            }
        }
        match member(root, "", "input")? {
            Some(input) if input.kind() == Kind::String => self.push(input.span(), Source::User),
            Some(items) if items.kind() == Kind::Array => self.conversation(items, "input", Roleless::Items)?,
            Some(other) if other.kind() != Kind::Null => return Err(wrong("input", "must be text or a list of items")),
            _ => {}
        }
        Ok(())
    }

    /// Messages or items: those of the user and of tools are looked into, those of the system and the assistant are not.
    fn conversation(&mut self, list: Value<'_>, place: &str, roleless: Roleless) -> Shape<()> {
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
                    self.result_item(message, &place)?;
                    continue;
                }
                return Err(wrong(&format!("{}.role", place()), "is missing"));
            };
            let content = named(message, &place, "content")?;
            let role = role.text().ok_or_else(|| wrong(&format!("{}.role", place()), "must be text"))?;
            let source = match &*role {
                "system" | "developer" => None,
                "assistant" => {
                    self.turn += 1;
                    None
                }
                "tool" | "function" => Some(Source::Tool),
                _ => Some(Source::User),
            };
            if let Some(content) = content {
                self.contents(content, &|| format!("{}.content", place()), source)?;
            }
        }
        Ok(())
    }

    /// An item of OpenAI's responses that is no message. A tool's result is its `output`, `outputs` or `results`; a call
    /// that the assistant makes has none of these, but for those whose result comes with them.
    fn result_item(&mut self, item: Value<'_>, place: &dyn Fn() -> String) -> Shape<()> {
        for key in ["output", "outputs", "results"] {
            if let Some(output) = named(item, place, key)? {
                self.output(output, &|| format!("{}.{key}", place()))?;
            }
        }
        Ok(())
    }

    /// What a tool gave back: text, or parts that have some in one of these members. Images and files are passed over.
    fn output(&mut self, output: Value<'_>, place: &dyn Fn() -> String) -> Shape<()> {
        match output.kind() {
            Kind::String => self.push(output.span(), Source::Tool),
            Kind::Array => output.elements().try_for_each(|each| self.output(each, place))?,
            Kind::Object => {
                for key in ["text", "stdout", "stderr", "logs"] {
                    if let Some(text) = named(output, place, key)?
                        && text.kind() == Kind::String
                    {
                        self.push(text.span(), Source::Tool);
                    }
                }
            }
            Kind::Null | Kind::Bool | Kind::Number => {}
        }
        Ok(())
    }

    /// A message's content: text, or a list of parts of which some have text. `None` is whoever is not looked into.
    fn contents(&mut self, content: Value<'_>, place: &dyn Fn() -> String, source: Option<Source>) -> Shape<()> {
        match content.kind() {
            Kind::String => self.push_for(source, content),
            Kind::Null => {}
            Kind::Array => {
                for (index, part) in content.elements().enumerate() {
                    self.part(part, &|| format!("{}[{index}]", place()), source)?;
                }
            }
            _ => return Err(wrong(&place(), "must be text or a list of parts")),
        }
        Ok(())
    }

    fn push_for(&mut self, source: Option<Source>, text: Value<'_>) {
        if let Some(source) = source {
            self.push(text.span(), source);
        }
    }

    fn part(&mut self, part: Value<'_>, place: &dyn Fn() -> String, source: Option<Source>) -> Shape<()> {
        // A bare string among the parts is read as text by lenient servers.
        if part.kind() == Kind::String {
            self.push_for(source, part);
            return Ok(());
        }
        if part.kind() != Kind::Object {
            return Err(wrong(&place(), "must be an object"));
        }
        let kind = named(part, place, "type")?;
        if kind.is_some_and(|kind| kind.kind() != Kind::String) {
            return Err(wrong(&format!("{}.type", place()), "must be text"));
        }
        match named(part, place, "text")? {
            Some(text) if text.kind() == Kind::String => self.push_for(source, text),
            Some(text) if text.kind() != Kind::Null => {
                return Err(wrong(&format!("{}.text", place()), "must be text"));
            }
            _ => {}
        }
        match kind.and_then(Value::text).as_deref() {
            Some("document") if source.is_some() => self.document(part, place, source),
            Some("search_result") if source.is_some() => {
                self.titles(part, place, &["title"], source)?;
                self.inner(part, place, within(source, Source::Document))
            }
            // Anthropic has what a tool gave back in the user's message, and what its own tools did in the assistant's.
            Some("tool_result" | "mcp_tool_result") => self.inner(part, place, Some(Source::Tool)),
            _ => Ok(()),
        }
    }

    /// The texts of a document that is attached (Anthropic): its title, its context, and its source where that is text.
    fn document(&mut self, part: Value<'_>, place: &dyn Fn() -> String, source: Option<Source>) -> Shape<()> {
        self.titles(part, place, &["title", "context"], source)?;
        let Some(data) = named(part, place, "source")? else { return Ok(()) };
        let place = || format!("{}.source", place());
        let source = within(source, Source::Document);
        if named(data, &place, "type")?.and_then(Value::text).as_deref() == Some("text")
            && let (Some(text), Some(source)) = (named(data, &place, "data")?, source)
        {
            self.all(text, source);
        }
        self.inner(data, &place, source)
    }

    fn titles(
        &mut self,
        part: Value<'_>,
        place: &dyn Fn() -> String,
        keys: &[&str],
        source: Option<Source>,
    ) -> Shape<()> {
        for key in keys {
            if let (Some(text), Some(source)) = (named(part, place, key)?, within(source, Source::Document)) {
                self.all(text, source);
            }
        }
        Ok(())
    }

    /// The contents of a part that has parts of its own.
    fn inner(&mut self, part: Value<'_>, place: &dyn Fn() -> String, source: Option<Source>) -> Shape<()> {
        match named(part, place, "content")? {
            Some(content) => self.contents(content, &|| format!("{}.content", place()), source),
            None => Ok(()),
        }
    }

    /// Every string of a value that is text or a list of texts.
    fn all(&mut self, value: Value<'_>, source: Source) {
        match value.kind() {
            Kind::String => self.push(value.span(), source),
            Kind::Array => value.elements().for_each(|each| self.all(each, source)),
            Kind::Object => value.members().for_each(|(_, each)| self.all(each, source)),
            Kind::Null | Kind::Bool | Kind::Number => {}
        }
    }

    fn follow_all(&mut self, pointers: &[Pointer], root: Value<'_>) -> Shape<()> {
        for pointer in pointers {
            self.follow(&pointer.0, root, "")?;
        }
        // Two pointers may meet in the same text, which is scanned and edited once.
        self.texts.sort_by_key(|text| text.literal.start);
        self.texts.dedup();
        Ok(())
    }

    fn follow(&mut self, steps: &[Step], value: Value<'_>, place: &str) -> Shape<()> {
        match steps.split_first() {
            None => self.all(value, Source::User),
            Some((Step::Key(key), rest)) => {
                if let Some(next) = member(value, place, key)? {
                    self.follow(rest, next, &format!("{place}.{key}"))?;
                }
            }
            Some((Step::Each, rest)) => {
                for (index, next) in value.elements().enumerate() {
                    self.follow(rest, next, &format!("{place}[{index}]"))?;
                }
            }
        }
        Ok(())
    }
}

/// A document within what a tool gave back is the tool's.
fn within(around: Option<Source>, source: Source) -> Option<Source> {
    around.map(|around| if around == Source::Tool { around } else { source })
}
