//! OpenAI's chat completions (API reference, «The chat completion object»), with `reasoning_content` as compatible servers
//! have it.

mod content;

use std::borrow::Cow;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

pub(super) use self::content::Content;

use self::content::append_part;
use super::usage::{self, InputDetails, OutputDetails, WrittenInputDetails, WrittenOutputDetails};
use super::words::{Answer, Call, Head, Part, Stop, Text, Usage, arguments, spoken};
use crate::upstream::translate::Unreadable;

#[derive(Deserialize)]
struct Completion<'a> {
    #[serde(borrow)]
    id: Option<Text<'a>>,
    #[serde(borrow)]
    model: Option<Text<'a>>,
    created: Option<f64>,
    #[serde(borrow)]
    choices: Vec<Choice<'a>>,
    usage: Option<TokenUsage>,
}

#[derive(Deserialize)]
struct Choice<'a> {
    #[serde(borrow)]
    message: Message<'a>,
    #[serde(borrow)]
    finish_reason: Text<'a>,
}

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow)]
    content: Option<Content<'a>>,
    #[serde(borrow)]
    refusal: Option<Text<'a>>,
    #[serde(borrow)]
    reasoning_content: Option<&'a RawValue>,
    #[serde(borrow)]
    reasoning: Option<&'a RawValue>,
    #[serde(borrow)]
    tool_calls: Option<Vec<ToolCall<'a>>>,
}

#[derive(Deserialize)]
struct ToolCall<'a> {
    #[serde(borrow)]
    id: Text<'a>,
    #[serde(borrow)]
    function: Function<'a>,
}

#[derive(Deserialize)]
struct Function<'a> {
    #[serde(borrow)]
    name: Text<'a>,
    #[serde(borrow)]
    arguments: Text<'a>,
}

#[derive(Deserialize)]
pub(super) struct TokenUsage {
    prompt_tokens: Option<u64>,
    completion_tokens: Option<u64>,
    prompt_tokens_details: Option<InputDetails>,
    completion_tokens_details: Option<OutputDetails>,
}

/// One answer is asked for, so that the first choice is the answer.
pub(super) fn read(body: &[u8]) -> Result<Answer<'_>, Unreadable> {
    let completion: Completion<'_> = serde_json::from_slice(body).map_err(|_| Unreadable)?;
    let Choice { message, finish_reason } = completion.choices.into_iter().next().ok_or(Unreadable)?;
    let mut parts = Vec::new();
    parts.extend(thought(message.reasoning_content, message.reasoning).map(Part::Thinking));
    message.content.into_iter().for_each(|content| content.tell(&mut |part| append_part(&mut parts, part)));
    let refusal = spoken(message.refusal);
    let refuses = refusal.is_some();
    parts.extend(refusal.map(Part::Refusal));
    let calls = message.tool_calls.unwrap_or_default();
    let stop = stop(&finish_reason)?.settled(!calls.is_empty(), refuses)?;
    parts.extend(calls.into_iter().map(|call| {
        Part::Call(Call { id: call.id.0, name: call.function.name.0, arguments: arguments(call.function.arguments.0) })
    }));
    let usage = completion.usage.map(Usage::from);
    let id = completion.id.unwrap_or_default();
    Ok(Answer { id, model: completion.model, created: completion.created, parts, stop, usage })
}

/// Servers have one of two names for it, some both. Neither is OpenAI's, so that anything may stand there.
pub(super) fn thought<'a>(content: Option<&'a RawValue>, other: Option<&'a RawValue>) -> Option<Cow<'a, str>> {
    let text = |value: &'a RawValue| spoken(serde_json::from_str(value.get()).ok());
    content.and_then(text).or_else(|| other.and_then(text))
}

/// A reason that is not known may be one that cuts an answer short, so that it is no end.
pub(super) fn stop(finish_reason: &str) -> Result<Stop, Unreadable> {
    match finish_reason {
        "stop" => Ok(Stop::End),
        // The second is what OpenAI called them first.
        "tool_calls" | "function_call" => Ok(Stop::Tools),
        // The second is Mistral's.
        "length" | "model_length" => Ok(Stop::Length),
        "content_filter" => Ok(Stop::Filtered),
        _ => Err(Unreadable),
    }
}

pub(super) fn finish_reason(stop: Stop) -> &'static str {
    match stop {
        Stop::End | Stop::Refused => "stop",
        Stop::Tools => "tool_calls",
        Stop::Length => "length",
        Stop::Filtered => "content_filter",
    }
}

impl From<TokenUsage> for Usage {
    fn from(usage: TokenUsage) -> Usage {
        usage::read(
            (usage.prompt_tokens, usage.prompt_tokens_details),
            (usage.completion_tokens, usage.completion_tokens_details),
        )
    }
}

#[derive(Serialize)]
struct WrittenCompletion<'a> {
    id: String,
    object: &'static str,
    created: u64,
    model: &'a str,
    choices: [WrittenChoice<'a>; 1],
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<WrittenUsage>,
}

#[derive(Serialize)]
struct WrittenChoice<'a> {
    index: u8,
    message: WrittenMessage<'a>,
    logprobs: (),
    finish_reason: &'static str,
}

#[derive(Serialize)]
struct WrittenMessage<'a> {
    role: &'static str,
    content: Option<Cow<'a, str>>,
    refusal: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning_content: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tool_calls: Vec<WrittenToolCall<'a>>,
}

#[derive(Serialize)]
struct WrittenToolCall<'a> {
    id: &'a str,
    r#type: &'static str,
    function: WrittenFunction<'a>,
}

#[derive(Serialize)]
struct WrittenFunction<'a> {
    name: &'a str,
    arguments: &'a str,
}

#[derive(Serialize)]
pub(super) struct WrittenUsage {
    prompt_tokens: u64,
    completion_tokens: u64,
    total_tokens: u64,
    prompt_tokens_details: WrittenInputDetails,
    completion_tokens_details: WrittenOutputDetails,
}

/// The texts of an answer follow each other without anything between, as the deltas of a stream do.
pub(super) fn write(head: &Head, answer: &Answer<'_>) -> Bytes {
    let mut message = WrittenMessage {
        role: "assistant",
        content: None,
        refusal: None,
        reasoning_content: None,
        tool_calls: Vec::new(),
    };
    for part in &answer.parts {
        match part {
            Part::Thinking(text) => append(&mut message.reasoning_content, text),
            Part::Text(text) => append(&mut message.content, text),
            Part::Refusal(text) => append(&mut message.refusal, text),
            Part::Call(Call { id, name, arguments }) => message.tool_calls.push(WrittenToolCall {
                id,
                r#type: "function",
                function: WrittenFunction { name, arguments },
            }),
        }
    }
    // Null stands only where something else is said.
    if message.refusal.is_none() && message.tool_calls.is_empty() {
        message.content.get_or_insert_default();
    }
    let completion = WrittenCompletion {
        id: id(head),
        object: "chat.completion",
        created: head.created,
        model: &head.model,
        choices: [WrittenChoice { index: 0, message, logprobs: (), finish_reason: finish_reason(answer.stop) }],
        usage: answer.usage.map(WrittenUsage::from),
    };
    Bytes::from(serde_json::to_vec(&completion).expect("texts and numbers always serialise"))
}

fn append<'a>(whole: &mut Option<Cow<'a, str>>, text: &'a str) {
    match whole {
        Some(whole) => whole.to_mut().push_str(text),
        None => *whole = Some(Cow::Borrowed(text)),
    }
}

pub(super) fn id(head: &Head) -> String {
    format!("chatcmpl-{}", head.id)
}

impl From<Usage> for WrittenUsage {
    fn from(usage: Usage) -> WrittenUsage {
        WrittenUsage {
            prompt_tokens: usage.input(),
            completion_tokens: usage.output,
            total_tokens: usage.total(),
            prompt_tokens_details: (&usage).into(),
            completion_tokens_details: (&usage).into(),
        }
    }
}
