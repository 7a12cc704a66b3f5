//! Anthropic's messages (API reference, «Create a Message»).

use std::borrow::Cow;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::words::{Answer, Call, Head, NO_ARGUMENTS, Part, Stop, Text, Usage, object, spoken};
use crate::upstream::translate::Unreadable;

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow)]
    id: Text<'a>,
    #[serde(borrow)]
    model: Option<Text<'a>>,
    #[serde(borrow)]
    content: Vec<Block<'a>>,
    #[serde(borrow)]
    stop_reason: Text<'a>,
    usage: Option<TokenUsage>,
}

#[derive(Deserialize)]
pub(super) struct Block<'a> {
    #[serde(borrow)]
    pub(super) r#type: Text<'a>,
    #[serde(borrow)]
    pub(super) text: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) thinking: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) id: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) name: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) input: Option<&'a RawValue>,
}

/// In a stream later counts are totals, and what is absent keeps its count.
#[derive(Default, Deserialize)]
pub(super) struct TokenUsage {
    input_tokens: Option<u64>,
    cache_read_input_tokens: Option<u64>,
    cache_creation_input_tokens: Option<u64>,
    output_tokens: Option<u64>,
    output_tokens_details: Option<OutputDetails>,
}

#[derive(Deserialize)]
struct OutputDetails {
    thinking_tokens: Option<u64>,
}

pub(super) fn read(body: &[u8]) -> Result<Answer<'_>, Unreadable> {
    let message: Message<'_> = serde_json::from_slice(body).map_err(|_| Unreadable)?;
    let mut parts = Vec::with_capacity(message.content.len());
    for block in message.content {
        parts.extend(part(block)?);
    }
    let calls = parts.iter().any(|part| matches!(part, Part::Call(_)));
    let stop = stop(&message.stop_reason)?.settled(calls, false)?;
    let usage = message.usage.map(|usage| usage.over(Usage::default()));
    Ok(Answer { id: message.id, model: message.model, created: None, parts, stop, usage })
}

/// A block of any other kind is the provider's own affair: redacted thinking, or a tool that it ran itself.
fn part(block: Block<'_>) -> Result<Option<Part<'_>>, Unreadable> {
    match &*block.r#type {
        "text" => Ok(spoken(Some(block.text.ok_or(Unreadable)?)).map(Part::Text)),
        "thinking" => Ok(spoken(Some(block.thinking.ok_or(Unreadable)?)).map(Part::Thinking)),
        "tool_use" => {
            let input = block.input.map(RawValue::get).filter(|input| input.starts_with('{')).ok_or(Unreadable)?;
            let (id, name) = (block.id.ok_or(Unreadable)?, block.name.ok_or(Unreadable)?);
            Ok(Some(Part::Call(Call { id: id.0, name: name.0, arguments: Cow::Borrowed(input) })))
        }
        _ => Ok(None),
    }
}

/// A reason that is not known may be one that cuts an answer short, so that it is no end.
pub(super) fn stop(stop_reason: &str) -> Result<Stop, Unreadable> {
    match stop_reason {
        "end_turn" | "stop_sequence" | "pause_turn" => Ok(Stop::End),
        "tool_use" => Ok(Stop::Tools),
        "max_tokens" | "model_context_window_exceeded" => Ok(Stop::Length),
        "refusal" => Ok(Stop::Filtered),
        _ => Err(Unreadable),
    }
}

pub(super) fn stop_reason(stop: Stop) -> &'static str {
    match stop {
        Stop::End => "end_turn",
        Stop::Tools => "tool_use",
        Stop::Length => "max_tokens",
        Stop::Refused | Stop::Filtered => "refusal",
    }
}

impl TokenUsage {
    pub(super) fn over(self, before: Usage) -> Usage {
        let reasoning = self.output_tokens_details.and_then(|details| details.thinking_tokens);
        Usage {
            fresh: self.input_tokens.unwrap_or(before.fresh),
            cache_read: self.cache_read_input_tokens.unwrap_or(before.cache_read),
            cache_written: self.cache_creation_input_tokens.unwrap_or(before.cache_written),
            output: self.output_tokens.unwrap_or(before.output),
            reasoning: reasoning.unwrap_or(before.reasoning),
        }
    }
}

#[derive(Serialize)]
pub(super) struct WrittenMessage<'a> {
    pub(super) id: String,
    pub(super) r#type: &'static str,
    pub(super) role: &'static str,
    pub(super) model: &'a str,
    pub(super) content: Vec<WrittenBlock<'a>>,
    pub(super) stop_reason: Option<&'static str>,
    /// Which stop sequence it was is what OpenAI's formats do not say.
    pub(super) stop_sequence: (),
    pub(super) usage: WrittenUsage,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum WrittenBlock<'a> {
    Text {
        text: &'a str,
    },
    Thinking {
        thinking: &'a str,
        /// None of ours would be one.
        signature: &'static str,
    },
    ToolUse {
        id: Cow<'a, str>,
        name: &'a str,
        input: &'a RawValue,
    },
}

#[derive(Serialize)]
pub(super) struct WrittenUsage {
    input_tokens: u64,
    cache_creation_input_tokens: u64,
    cache_read_input_tokens: u64,
    output_tokens: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_tokens_details: Option<WrittenOutputDetails>,
}

#[derive(Serialize)]
struct WrittenOutputDetails {
    thinking_tokens: u64,
}

pub(super) fn write(head: &Head, answer: &Answer<'_>) -> Result<Bytes, Unreadable> {
    let last = answer.parts.len().saturating_sub(1);
    let block = |(at, part)| written(part, answer.stop.cuts() && at == last);
    let message = WrittenMessage {
        content: answer.parts.iter().enumerate().map(block).collect::<Result<_, _>>()?,
        stop_reason: Some(stop_reason(answer.stop)),
        ..WrittenMessage::empty(head, answer.usage.unwrap_or_default())
    };
    Ok(Bytes::from(serde_json::to_vec(&message).expect("texts, numbers and raw JSON always serialise")))
}

impl<'a> WrittenMessage<'a> {
    pub(super) fn empty(head: &'a Head, usage: Usage) -> WrittenMessage<'a> {
        WrittenMessage {
            id: format!("msg_{}", head.id),
            r#type: "message",
            role: "assistant",
            model: &head.model,
            content: Vec::new(),
            stop_reason: None,
            stop_sequence: (),
            usage: WrittenUsage::from(usage),
        }
    }
}

/// Where the answer was cut off inside a call, its input is empty, as Anthropic's own is: its documentation has callers
/// see by `max_tokens` that the call is not to be made.
fn written<'a>(part: &'a Part<'_>, cut: bool) -> Result<WrittenBlock<'a>, Unreadable> {
    match part {
        Part::Thinking(text) => Ok(WrittenBlock::Thinking { thinking: text, signature: "" }),
        Part::Text(text) | Part::Refusal(text) => Ok(WrittenBlock::Text { text }),
        Part::Call(call) => {
            let input = object(&call.arguments).or_else(|| cut.then(no_input));
            Ok(WrittenBlock::ToolUse { id: call_id(&call.id), name: &call.name, input: input.ok_or(Unreadable)? })
        }
    }
}

pub(super) fn no_input() -> &'static RawValue {
    object(NO_ARGUMENTS).expect("it is an object")
}

/// Anthropic takes back an id of these characters alone; other providers have dots and colons in theirs.
pub(super) fn call_id(id: &str) -> Cow<'_, str> {
    let known = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if id.chars().all(known) {
        return Cow::Borrowed(id);
    }
    Cow::Owned(id.chars().map(|c| if known(c) { c } else { '_' }).collect())
}

impl From<Usage> for WrittenUsage {
    fn from(usage: Usage) -> WrittenUsage {
        let thinking = Some(usage.reasoning).filter(|tokens| *tokens > 0);
        WrittenUsage {
            input_tokens: usage.fresh,
            cache_creation_input_tokens: usage.cache_written,
            cache_read_input_tokens: usage.cache_read,
            output_tokens: usage.output,
            output_tokens_details: thinking.map(|thinking_tokens| WrittenOutputDetails { thinking_tokens }),
        }
    }
}
