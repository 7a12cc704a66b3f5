//! Anthropic's dialect: messages, token counts and models.
//!
//! Shapes after <https://docs.anthropic.com/en/api/messages>, `/en/api/messages-streaming` and `/en/api/errors`, and the
//! types of the anthropic-sdk-python package.

use bytes::Bytes;
use http::StatusCode;
use serde::Serialize;
use serde_json::{Value, json, value::RawValue};

use super::{
    answer::{self, Answer, SIGNATURE, Voice, named_event, pieces, tokens},
    ask::{Ask, Malformed},
    faults::ErrorEvent,
    reply::{Reply, Stop},
};

#[derive(Debug, Eq, PartialEq)]
pub(super) enum Endpoint {
    Messages,
    CountTokens,
    Models,
    Model(String),
}

impl Endpoint {
    pub(super) fn answer(&self, voice: &Voice<'_>, body: &[u8]) -> Result<Answer, Malformed> {
        match self {
            Endpoint::Messages => Ok(message(voice, &Ask::from_messages(body)?)),
            Endpoint::CountTokens => Ok(token_count(&Ask::from_counted_messages(body)?)),
            Endpoint::Models => Ok(models()),
            Endpoint::Model(id) => Ok(Answer::Whole(answer::json(&model(id)))),
        }
    }
}

/// `kind` in place of the one that goes with the status.
pub(super) fn error(status: StatusCode, message: &str, kind: Option<&str>, request_id: &str) -> Bytes {
    answer::json(&json!({
        "type": "error",
        "error": {"type": kind.unwrap_or(error_kind(status)), "message": message},
        "request_id": request_id,
    }))
}

pub(super) fn malformed(malformed: &Malformed, request_id: &str) -> Bytes {
    let message = match malformed {
        Malformed::NotJson => "The request body is not valid JSON".to_owned(),
        Malformed::WrongType(cause) => cause.clone(),
        Malformed::Missing(field) => format!("{field}: Field required"),
        Malformed::Unknown(field) => format!("{field}: Extra inputs are not permitted"),
        Malformed::Refused { place, problem } => format!("{place}: {problem}"),
    };
    error(StatusCode::BAD_REQUEST, &message, None, request_id)
}

/// The event that reports a failure within a stream: the one that Anthropic's documentation shows, if nothing else is told.
pub(super) fn error_event(told: &ErrorEvent) -> Bytes {
    let kind = told.kind.as_deref().unwrap_or("overloaded_error");
    let message = told.message.as_deref().unwrap_or("Overloaded");
    named_event("error", &json!({"type": "error", "error": {"type": kind, "message": message}}))
}

fn error_kind(status: StatusCode) -> &'static str {
    match status.as_u16() {
        401 => "authentication_error",
        402 => "billing_error",
        403 => "permission_error",
        404 => "not_found_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        504 => "timeout_error",
        529 => "overloaded_error",
        500.. => "api_error",
        _ => "invalid_request_error",
    }
}

/// Typed rather than built with `json!`, as are the deltas: these are what the load benchmark asks for.
#[derive(Serialize)]
struct Message<'a> {
    id: &'a str,
    #[serde(rename = "type")]
    kind: &'static str,
    role: &'static str,
    model: &'a str,
    content: &'a [Block<'a>],
    stop_reason: Option<&'static str>,
    stop_sequence: Option<&'a str>,
    usage: Usage,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Block<'a> {
    Text { text: &'a str },
    Thinking { thinking: &'a str, signature: &'a str },
    ToolUse { id: String, name: &'a str, input: &'a RawValue },
}

#[derive(Serialize)]
#[serde(tag = "type")]
enum Delta<'a> {
    #[serde(rename = "text_delta")]
    Text { text: &'a str },
    #[serde(rename = "thinking_delta")]
    Thinking { thinking: &'a str },
    #[serde(rename = "signature_delta")]
    Signature { signature: &'a str },
    #[serde(rename = "input_json_delta")]
    InputJson { partial_json: &'a str },
}

#[derive(Serialize)]
struct Usage {
    input_tokens: u64,
    cache_creation_input_tokens: u64,
    cache_read_input_tokens: u64,
    output_tokens: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_tokens_details: Option<OutputDetails>,
    service_tier: &'static str,
}

#[derive(Serialize)]
struct OutputDetails {
    thinking_tokens: u64,
}

impl OutputDetails {
    fn of(reply: &Reply) -> Option<Self> {
        let thinking_tokens = reply.thinking_tokens();
        (thinking_tokens > 0).then_some(Self { thinking_tokens })
    }
}

impl Usage {
    /// Anthropic counts cached tokens beside those of the prompt.
    fn of(reply: &Reply) -> Self {
        Self {
            input_tokens: reply.input_tokens,
            cache_creation_input_tokens: 0,
            cache_read_input_tokens: reply.cached_tokens,
            output_tokens: reply.output_tokens(),
            output_tokens_details: OutputDetails::of(reply),
            service_tier: "standard",
        }
    }
}

#[derive(Serialize)]
struct MessageStart<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    message: Message<'a>,
}

#[derive(Serialize)]
struct BlockDelta<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    index: usize,
    delta: Delta<'a>,
}

fn message(voice: &Voice<'_>, ask: &Ask) -> Answer {
    let id = voice.id("msg_");
    let reply = Reply::new(voice, ask);
    if ask.streams {
        return Answer::Events(events(voice, ask, &id, &reply));
    }
    let (stop_reason, stop_sequence) = stop(&reply.stop);
    Answer::Whole(answer::json(&Message {
        id: &id,
        kind: "message",
        role: "assistant",
        model: &ask.model,
        content: &blocks(voice, &reply),
        stop_reason: Some(stop_reason),
        stop_sequence,
        usage: Usage::of(&reply),
    }))
}

/// What is thought, said and called, in that order.
fn blocks<'a>(voice: &Voice<'_>, reply: &'a Reply) -> Vec<Block<'a>> {
    let thinking = reply.thinking.as_deref().map(|thinking| Block::Thinking { thinking, signature: SIGNATURE });
    let text = Some(Block::Text { text: &reply.text }).filter(|_| !reply.text.is_empty() || reply.calls.is_empty());
    let calls = reply.calls.iter().enumerate().map(|(index, call)| Block::ToolUse {
        id: voice.nth_id("toolu_", index),
        name: &call.name,
        input: &call.arguments,
    });
    thinking.into_iter().chain(text).chain(calls).collect()
}

fn stop(stop: &Stop) -> (&'static str, Option<&str>) {
    match stop {
        Stop::End => ("end_turn", None),
        Stop::Length => ("max_tokens", None),
        Stop::Sequence(sequence) => ("stop_sequence", Some(sequence)),
        Stop::Calls => ("tool_use", None),
    }
}

fn events(voice: &Voice<'_>, ask: &Ask, id: &str, reply: &Reply) -> Vec<Bytes> {
    let message = Message {
        id,
        kind: "message",
        role: "assistant",
        model: &ask.model,
        content: &[],
        stop_reason: None,
        stop_sequence: None,
        // One token is reported before any is sent, as the real service does.
        usage: Usage { output_tokens: 1, output_tokens_details: None, ..Usage::of(reply) },
    };
    let start = MessageStart { kind: "message_start", message };
    let mut events = vec![named_event("message_start", &start)];
    for (index, block) in blocks(voice, reply).iter().enumerate() {
        events.extend(block_events(index, block));
    }
    // Wherever a ping comes, it comes between events; here it follows the first block's start.
    events.insert(2, Bytes::from_static(b"event: ping\ndata: {\"type\":\"ping\"}\n\n"));
    let (stop_reason, stop_sequence) = stop(&reply.stop);
    let end = json!({
        "type": "message_delta",
        "delta": {"stop_reason": stop_reason, "stop_sequence": stop_sequence},
        "usage": {"output_tokens": reply.output_tokens(), "output_tokens_details": OutputDetails::of(reply)},
    });
    events.extend([
        named_event("message_delta", &end),
        Bytes::from_static(b"event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"),
    ]);
    events
}

fn block_events(index: usize, block: &Block<'_>) -> Vec<Bytes> {
    let delta = |delta| named_event("content_block_delta", &BlockDelta { kind: "content_block_delta", index, delta });
    let (empty, deltas): (Value, Vec<Bytes>) = match block {
        Block::Text { text } => {
            (json!({"type": "text", "text": ""}), tokens(text).map(|text| delta(Delta::Text { text })).collect())
        }
        Block::Thinking { thinking, signature } => {
            let thoughts = tokens(thinking).map(|thinking| delta(Delta::Thinking { thinking }));
            let sealed = thoughts.chain([delta(Delta::Signature { signature })]);
            (json!({"type": "thinking", "thinking": "", "signature": ""}), sealed.collect())
        }
        Block::ToolUse { id, name, input } => {
            let first = delta(Delta::InputJson { partial_json: "" });
            let rest = pieces(input.get()).map(|partial_json| delta(Delta::InputJson { partial_json }));
            let block = json!({"type": "tool_use", "id": id, "name": name, "input": {}});
            (block, std::iter::once(first).chain(rest).collect())
        }
    };
    let start = json!({"type": "content_block_start", "index": index, "content_block": empty});
    let stop = json!({"type": "content_block_stop", "index": index});
    let mut events = vec![named_event("content_block_start", &start)];
    events.extend(deltas);
    events.push(named_event("content_block_stop", &stop));
    events
}

fn token_count(ask: &Ask) -> Answer {
    Answer::Whole(answer::json(&json!({"input_tokens": ask.input_tokens})))
}

fn models() -> Answer {
    let data: Vec<Value> = MODELS.iter().map(|id| model(id)).collect();
    Answer::Whole(answer::json(&json!({
        "data": data,
        "has_more": false,
        "first_id": MODELS.first(),
        "last_id": MODELS.last(),
    })))
}

fn model(id: &str) -> Value {
    json!({
        "type": "model",
        "id": id,
        "display_name": id,
        "created_at": "2025-09-29T00:00:00Z",
        "lifecycle": "active",
    })
}

const MODELS: [&str; 2] = ["claude-sonnet-4-5", "claude-haiku-4-5"];

pub(super) const PROMPT_TOO_LONG: &str = "prompt is too long: 205000 tokens > 200000 maximum";
