//! Chunks of OpenAI's chat completions (API reference, «The chat completion chunk object»).

use bytes::{BufMut, BytesMut};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{Head, Opening, Prose, Reader, Teller, Writer, parse, write_event};
use crate::route::Dialect;
use crate::sse::Event;
use crate::upstream::translate::Unreadable;
use crate::upstream::translate::answer::chat::{self, Content, TokenUsage, WrittenUsage};
use crate::upstream::translate::answer::failure::{ErrorObject, Failure};
use crate::upstream::translate::answer::words::{Part, Stop, Text, Usage};

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

#[derive(Serialize)]
struct WrittenChunk<'a> {
    id: &'a str,
    object: &'static str,
    created: u64,
    model: &'a str,
    choices: &'a [WrittenChoice<'a>],
    /// Where usage is to be told, every chunk but the last says that it has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<Option<WrittenUsage>>,
}

#[derive(Serialize)]
struct WrittenChoice<'a> {
    index: u8,
    delta: WrittenDelta<'a>,
    logprobs: (),
    finish_reason: Option<&'static str>,
}

#[derive(Default, Serialize)]
struct WrittenDelta<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refusal: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning_content: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_calls: Option<[WrittenCallDelta<'a>; 1]>,
}

#[derive(Serialize)]
struct WrittenCallDelta<'a> {
    index: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    r#type: Option<&'static str>,
    function: WrittenFunctionDelta<'a>,
}

#[derive(Serialize)]
struct WrittenFunctionDelta<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    arguments: &'a str,
}

pub(super) struct ChatWriter {
    includes_usage: bool,
    /// With the prefix of this format.
    id: String,
    head: Option<Head>,
    /// None while a call is open.
    prose: Option<Prose>,
    calls: usize,
    /// Something was said but thinking.
    spoke: bool,
}

impl ChatWriter {
    pub(super) fn new(includes_usage: bool) -> ChatWriter {
        ChatWriter { includes_usage, id: String::new(), head: None, prose: None, calls: 0, spoke: false }
    }

    fn delta(&self, delta: WrittenDelta<'_>, finish_reason: Option<&'static str>, out: &mut BytesMut) {
        let choice = WrittenChoice { index: 0, delta, logprobs: (), finish_reason };
        self.chunk(&[choice], None, out);
    }

    fn chunk(&self, choices: &[WrittenChoice<'_>], usage: Option<WrittenUsage>, out: &mut BytesMut) {
        let Some(head) = &self.head else { return };
        let chunk = WrittenChunk {
            id: &self.id,
            object: "chat.completion.chunk",
            created: head.created,
            model: &head.model,
            choices,
            usage: self.includes_usage.then_some(usage),
        };
        write_event(None, &chunk, out);
    }

    fn call_delta<'a>(&self, id: Option<&'a str>, name: Option<&'a str>, arguments: &'a str) -> WrittenDelta<'a> {
        let call = WrittenCallDelta {
            index: self.calls.saturating_sub(1),
            id,
            r#type: id.map(|_| "function"),
            function: WrittenFunctionDelta { name, arguments },
        };
        WrittenDelta { tool_calls: Some([call]), ..WrittenDelta::default() }
    }
}

impl Writer for ChatWriter {
    fn begin(&mut self, head: Head, _usage: Usage, out: &mut BytesMut) {
        self.id = chat::id(&head);
        self.head = Some(head);
        self.delta(WrittenDelta { role: Some("assistant"), ..WrittenDelta::default() }, None, out);
    }

    fn open(&mut self, part: Opening<'_>, out: &mut BytesMut) {
        self.spoke |= part != Opening::Prose(Prose::Thinking);
        match part {
            Opening::Prose(prose) => self.prose = Some(prose),
            Opening::Call { id, name } => {
                self.prose = None;
                self.calls += 1;
                self.delta(self.call_delta(Some(id), Some(name), ""), None, out);
            }
        }
    }

    fn grow(&mut self, text: &str, out: &mut BytesMut) {
        let delta = match self.prose {
            Some(Prose::Thinking) => WrittenDelta { reasoning_content: Some(text), ..WrittenDelta::default() },
            Some(Prose::Text) => WrittenDelta { content: Some(text), ..WrittenDelta::default() },
            Some(Prose::Refusal) => WrittenDelta { refusal: Some(text), ..WrittenDelta::default() },
            None => self.call_delta(None, None, text),
        };
        self.delta(delta, None, out);
    }

    /// This format has no word for the end of a part.
    fn close(&mut self, _whole: &str, _cut: bool, _out: &mut BytesMut) {}

    fn end(&mut self, stop: Stop, usage: Option<Usage>, out: &mut BytesMut) {
        // As it stands in a whole answer that says nothing.
        let content = (!self.spoke).then_some("");
        self.delta(WrittenDelta { content, ..WrittenDelta::default() }, Some(chat::finish_reason(stop)), out);
        if self.includes_usage {
            self.chunk(&[], Some(usage.unwrap_or_default().into()), out);
        }
        out.put_slice(b"data: [DONE]\n\n");
    }

    fn fail(&mut self, failure: &Failure, out: &mut BytesMut) {
        out.put_slice(b"data: ");
        out.put_slice(&failure.event(Dialect::OpenAi));
        out.put_slice(b"\n\n");
    }
}

const DONE: &str = "[DONE]";
