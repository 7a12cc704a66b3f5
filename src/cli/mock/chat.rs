//! OpenAI's chat completions.
//!
//! Typed rather than built with `json!`: these are what the load benchmark asks for. `reasoning_content` is no field of
//! OpenAI's own; the servers of open models, which speak its dialect, send what was thought in it.

use bytes::Bytes;
use serde::Serialize;

use super::{
    answer::{self, Answer, Voice, pieces, tokens},
    ask::{Ask, Call},
    openai::{Completion, Stream, Usage, UsageField},
    reply::{Reply, Stop},
};

#[derive(Serialize)]
struct Choice<'a> {
    index: u32,
    message: Message<'a>,
    logprobs: (),
    finish_reason: &'static str,
}

#[derive(Serialize)]
struct Message<'a> {
    role: &'static str,
    content: Option<&'a str>,
    refusal: (),
    annotations: [(); 0],
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning_content: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tool_calls: Vec<ToolCall<'a>>,
}

#[derive(Serialize)]
struct DeltaChoice<'a> {
    index: u32,
    delta: Delta<'a>,
    logprobs: (),
    finish_reason: Option<&'static str>,
}

#[derive(Default, Serialize)]
struct Delta<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning_content: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_calls: Option<[ToolCall<'a>; 1]>,
}

/// A whole call, or a piece of one: the first names it, the others only go on.
#[derive(Serialize)]
struct ToolCall<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    index: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    kind: Option<&'static str>,
    function: Function<'a>,
}

#[derive(Serialize)]
struct Function<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    arguments: &'a str,
}

impl<'a> ToolCall<'a> {
    fn new(voice: &Voice<'_>, index: usize, call: &'a Call) -> Self {
        let function = Function { name: Some(&call.name), arguments: call.arguments.get() };
        Self { index: None, id: Some(voice.nth_id("call_", index)), kind: Some("function"), function }
    }
}

pub(super) fn answer(voice: &Voice<'_>, ask: &Ask) -> Answer {
    let id = voice.id("chatcmpl-");
    let reply = Reply::new(voice, ask);
    if ask.streams {
        return stream(voice, ask, &id, &reply);
    }
    let calls = reply.calls.iter().enumerate();
    let message = Message {
        role: "assistant",
        content: Some(reply.text.as_str()).filter(|text| !text.is_empty() || reply.calls.is_empty()),
        refusal: (),
        annotations: [],
        reasoning_content: reply.thinking.as_deref(),
        tool_calls: calls.map(|(index, call)| ToolCall::new(voice, index, call)).collect(),
    };
    let choice = Choice { index: 0, message, logprobs: (), finish_reason: finish_reason(&reply.stop) };
    Answer::Whole(answer::json(&Completion {
        id: &id,
        object: "chat.completion",
        created: voice.created,
        model: &ask.model,
        choices: &[choice],
        usage: UsageField::Counted(Usage::of(&reply)),
        system_fingerprint: None,
    }))
}

fn stream(voice: &Voice<'_>, ask: &Ask, id: &str, reply: &Reply) -> Answer {
    let stream = Stream { object: "chat.completion.chunk", id, voice, ask };
    let mut events = vec![chunk(&stream, Delta { role: Some("assistant"), content: Some(""), ..Delta::default() })];
    let thoughts = tokens(reply.thinking.as_deref().unwrap_or_default());
    events.extend(thoughts.map(|token| chunk(&stream, Delta { reasoning_content: Some(token), ..Delta::default() })));
    let words = tokens(&reply.text);
    events.extend(words.map(|token| chunk(&stream, Delta { content: Some(token), ..Delta::default() })));
    for (index, call) in reply.calls.iter().enumerate() {
        events.extend(call_events(&stream, index, call));
    }
    let finish_reason = Some(finish_reason(&reply.stop));
    events.push(stream.chunk(DeltaChoice { index: 0, delta: Delta::default(), logprobs: (), finish_reason }));
    stream.end::<DeltaChoice<'_>>(events, reply)
}

fn call_events(stream: &Stream<'_>, index: usize, call: &Call) -> Vec<Bytes> {
    let event = |call| chunk(stream, Delta { tool_calls: Some([call]), ..Delta::default() });
    let mut first = ToolCall { index: Some(index), ..ToolCall::new(stream.voice, index, call) };
    first.function.arguments = "";
    let rest = pieces(call.arguments.get()).map(|arguments| {
        let function = Function { name: None, arguments };
        event(ToolCall { index: Some(index), id: None, kind: None, function })
    });
    std::iter::once(event(first)).chain(rest).collect()
}

fn chunk(stream: &Stream<'_>, delta: Delta<'_>) -> Bytes {
    stream.chunk(DeltaChoice { index: 0, delta, logprobs: (), finish_reason: None })
}

fn finish_reason(stop: &Stop) -> &'static str {
    match stop {
        Stop::End | Stop::Sequence(_) => "stop",
        Stop::Length => "length",
        Stop::Calls => "tool_calls",
    }
}
