//! Chunks of OpenAI's chat completions (API reference, «The chat completion chunk object»).

mod writer;

use serde::Deserialize;
use serde_json::value::RawValue;

pub(super) use self::writer::ChatWriter;

use super::{Prose, Reader, Teller, parse};
use crate::route::Dialect;
use crate::sse::Event;
use crate::upstream::translate::Unreadable;
use crate::upstream::translate::answer::chat::{self, Content, TokenUsage};
use crate::upstream::translate::answer::failure::{ErrorObject, Failure};
use crate::upstream::translate::answer::words::{Part, Text, Usage};

#[derive(Deserialize)]
struct Chunk<'a> {
    #[serde(borrow)]
    id: Option<Text<'a>>,
    #[serde(borrow)]
    model: Option<Text<'a>>,
    created: Option<f64>,
    #[serde(borrow)]
    choices: Option<Vec<Choice<'a>>>,
    usage: Option<TokenUsage>,
    #[serde(borrow)]
    error: Option<ErrorObject<'a>>,
}

#[derive(Deserialize)]
struct Choice<'a> {
    #[serde(default)]
    index: u64,
    #[serde(borrow)]
    delta: Option<Delta<'a>>,
    #[serde(borrow)]
    finish_reason: Option<Text<'a>>,
}

#[derive(Deserialize)]
struct Delta<'a> {
    #[serde(borrow)]
    content: Option<Content<'a>>,
    #[serde(borrow)]
    refusal: Option<Text<'a>>,
    #[serde(borrow)]
    reasoning_content: Option<&'a RawValue>,
    #[serde(borrow)]
    reasoning: Option<&'a RawValue>,
    #[serde(borrow)]
    tool_calls: Option<Vec<CallDelta<'a>>>,
}

#[derive(Deserialize)]
struct CallDelta<'a> {
    index: Option<u64>,
    #[serde(borrow)]
    id: Option<Text<'a>>,
    #[serde(borrow)]
    function: Option<FunctionDelta<'a>>,
}

#[derive(Default, Deserialize)]
struct FunctionDelta<'a> {
    #[serde(borrow)]
    name: Option<Text<'a>>,
    #[serde(borrow)]
    arguments: Option<Text<'a>>,
}

/// Calls come one after the other. Each is known by the delta that has an id of its own, since some servers number all
/// calls of an answer alike, and begins once it has a name.
#[derive(Default)]
pub(super) struct ChatReader {
    call_id: String,
    call_index: Option<u64>,
    /// The call has no name yet.
    nameless: bool,
}

impl Reader for ChatReader {
    fn read(&mut self, event: &Event<'_>, teller: &mut Teller) -> Result<(), Unreadable> {
        if event.data == DONE {
            return teller.end();
        }
        let chunk: Chunk<'_> = parse(event)?;
        if let Some(error) = chunk.error {
            teller.fail(&Failure::of_event(Dialect::OpenAi, &error));
            return Ok(());
        }
        // Some servers tell the usage in a chunk that has none.
        let choices = chunk.choices.unwrap_or_default();
        // Azure's first chunk has neither choices nor id, and speaks of the prompt alone.
        if !teller.begun() && !choices.is_empty() {
            let id = chunk.id.unwrap_or_default();
            teller.begin(&id, chunk.model.as_deref(), chunk.created, Usage::default())?;
        }
        for choice in choices.into_iter().filter(|choice| choice.index == 0) {
            self.take(choice, teller)?;
        }
        if let Some(usage) = chunk.usage {
            teller.used(usage.into());
        }
        Ok(())
    }
}

impl ChatReader {
    fn take(&mut self, choice: Choice<'_>, teller: &mut Teller) -> Result<(), Unreadable> {
        if let Some(delta) = choice.delta {
            let thought = chat::thought(delta.reasoning_content, delta.reasoning).unwrap_or_default();
            teller.say(Prose::Thinking, &thought)?;
            let mut parts = Vec::new();
            delta.content.into_iter().for_each(|content| content.tell(&mut |part| parts.push(part)));
            for part in parts {
                match part {
                    // Some servers have blanks amid a call's arguments, which are none of the answer's text.
                    Part::Text(text) if teller.calls_now() && text.trim().is_empty() => {}
                    Part::Thinking(text) => teller.say(Prose::Thinking, &text)?,
                    Part::Text(text) => teller.say(Prose::Text, &text)?,
                    Part::Refusal(_) | Part::Call(_) => {}
                }
            }
            teller.say(Prose::Refusal, &delta.refusal.unwrap_or_default())?;
            for call in delta.tool_calls.unwrap_or_default() {
                self.take_call(call, teller)?;
            }
        }
        match choice.finish_reason {
            Some(reason) if !reason.is_empty() => teller.stop(chat::stop(&reason)?),
            _ => Ok(()),
        }
    }

    fn take_call(&mut self, call: CallDelta<'_>, teller: &mut Teller) -> Result<(), Unreadable> {
        let FunctionDelta { name, arguments } = call.function.unwrap_or_default();
        let name = name.filter(|name| !name.is_empty());
        let arguments = arguments.unwrap_or_default();
        let begins = call.id.filter(|id| !id.is_empty() && **id != self.call_id);
        if let Some(id) = begins {
            self.call_id.clear();
            self.call_id.push_str(&id);
            self.call_index = call.index;
            self.nameless = true;
        } else if name.is_some() || !arguments.is_empty() {
            // More of a call that others have followed would be told of the wrong one.
            let other = call.index.is_some_and(|index| self.call_index.is_some_and(|open| open != index));
            if other {
                return Err(Unreadable);
            }
        }
        if let Some(name) = name.filter(|_| self.nameless) {
            teller.call(&self.call_id, &name)?;
            self.nameless = false;
        }
        if arguments.is_empty() {
            return Ok(());
        }
        if self.nameless { Err(Unreadable) } else { teller.argue(&arguments) }
    }
}

const DONE: &str = "[DONE]";
