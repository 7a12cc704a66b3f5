//! Anthropic's dialect: messages, token counts and models.
//!
//! Shapes after <https://docs.anthropic.com/en/api/messages>, `/en/api/messages-streaming` and `/en/api/errors`, and the
//! types of the anthropic-sdk-python package.

use bytes::Bytes;
use http::StatusCode;
use serde::Serialize;
use serde_json::{Value, json};

use super::{
    answer::{self, Answer, Voice, count_tokens, named_event, tokens},
    ask::{Ask, Malformed},
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
            Endpoint::CountTokens => Ok(token_count(&Ask::from_messages(body)?)),
            Endpoint::Models => Ok(models()),
            Endpoint::Model(id) => Ok(Answer::Whole(answer::json(&model(id)))),
        }
    }
}

pub(super) fn error(status: StatusCode, message: &str, request_id: &str) -> Bytes {
    answer::json(&json!({
        "type": "error",
        "error": {"type": error_kind(status), "message": message},
        "request_id": request_id,
    }))
}

pub(super) fn malformed(malformed: &Malformed, request_id: &str) -> Bytes {
    let message = match malformed {
        Malformed::NotJson => "The request body is not valid JSON".to_owned(),
        Malformed::WrongType(cause) => cause.clone(),
        Malformed::Missing(field) => format!("{field}: Field required"),
    };
    error(StatusCode::BAD_REQUEST, &message, request_id)
}

/// The event that reports a failure within a stream: the one that Anthropic's documentation shows.
pub(super) fn error_event() -> Bytes {
    let data = json!({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}});
    named_event("error", &data)
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
    content: &'a [TextBlock<'a>],
    stop_reason: Option<&'static str>,
    stop_sequence: (),
    usage: Usage,
}

#[derive(Serialize)]
struct TextBlock<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    text: &'a str,
}

#[derive(Serialize)]
struct Usage {
    input_tokens: u64,
    cache_creation_input_tokens: u64,
    cache_read_input_tokens: u64,
    output_tokens: u64,
    service_tier: &'static str,
}

impl Usage {
    fn new(input_tokens: u64, output_tokens: u64) -> Self {
        Self {
            input_tokens,
            cache_creation_input_tokens: 0,
            cache_read_input_tokens: 0,
            output_tokens,
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
    index: u32,
    delta: TextBlock<'a>,
}

fn message(voice: &Voice<'_>, ask: &Ask) -> Answer {
    let id = voice.id("msg_");
    let text = voice.reply(ask);
    if ask.streams {
        return Answer::Events(events(ask, &id, &text));
    }
    let block = TextBlock { kind: "text", text: &text };
    let usage = Usage::new(ask.input_tokens, count_tokens(&text));
    Answer::Whole(answer::json(&envelope(&id, ask, &[block], Some("end_turn"), usage)))
}

fn events(ask: &Ask, id: &str, text: &str) -> Vec<Bytes> {
    // One token is reported before any is sent, as the real service does.
    let message = envelope(id, ask, &[], None, Usage::new(ask.input_tokens, 1));
    let start = MessageStart { kind: "message_start", message };
    let block = json!({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}});
    let end = json!({
        "type": "message_delta",
        "delta": {"stop_reason": "end_turn", "stop_sequence": null},
        "usage": {"output_tokens": count_tokens(text)},
    });
    let mut events = vec![
        named_event("message_start", &start),
        named_event("content_block_start", &block),
        Bytes::from_static(b"event: ping\ndata: {\"type\":\"ping\"}\n\n"),
    ];
    events.extend(tokens(text).map(text_delta));
    events.extend([
        Bytes::from_static(b"event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n"),
        named_event("message_delta", &end),
        Bytes::from_static(b"event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"),
    ]);
    events
}

fn envelope<'a>(
    id: &'a str,
    ask: &'a Ask,
    content: &'a [TextBlock<'a>],
    stop_reason: Option<&'static str>,
    usage: Usage,
) -> Message<'a> {
    Message {
        id,
        kind: "message",
        role: "assistant",
        model: &ask.model,
        content,
        stop_reason,
        stop_sequence: (),
        usage,
    }
}

fn text_delta(token: &str) -> Bytes {
    let delta = TextBlock { kind: "text_delta", text: token };
    named_event("content_block_delta", &BlockDelta { kind: "content_block_delta", index: 0, delta })
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
