//! How a failure is told: as a body and as an event of a stream, in the dialect that the caller reads.

use std::sync::Arc;

use bytes::Bytes;
use http::StatusCode;
use serde::Serialize;

use crate::meter::Broken;
use crate::route::Dialect;
use crate::sse::Protocol;

/// In whose words a stream is told that it failed.
pub struct Speech {
    pub protocol: Option<Protocol>,
    /// Of the caller, where the stream has no rules that are known.
    pub dialect: Dialect,
    pub request_id: Arc<str>,
}

/// The event that ends a broken stream, numbered as the streams of OpenAI's responses are.
pub fn error_event(broken: Broken, speech: &Speech, number: u64) -> Bytes {
    let (status, code) = match broken {
        Broken::Reset => (StatusCode::BAD_GATEWAY, "upstream_interrupted"),
        Broken::Truncated => (StatusCode::BAD_GATEWAY, "upstream_truncated"),
        Broken::Stalled => (StatusCode::GATEWAY_TIMEOUT, "upstream_stalled"),
        Broken::Revoked => (StatusCode::UNAUTHORIZED, "credential_revoked"),
        Broken::ShuttingDown => (StatusCode::SERVICE_UNAVAILABLE, "shutting_down"),
    };
    let message = match broken {
        Broken::Reset => "The provider broke off the answer. What was sent before is all there is.",
        Broken::Truncated => "The provider ended the answer before it was whole. What was sent before is all there is.",
        Broken::Stalled => "The provider went silent. What was sent before is all there is.",
        Broken::Revoked => "The credential was revoked. What was sent before is all there is.",
        Broken::ShuttingDown => "The gate is shutting down. What was sent before is all there is. Ask again.",
    };
    speech.event(status, code, message, number)
}

/// The event by which a stream that had begun without an answer is told that the upstream refused.
pub fn upstream_refused(status: StatusCode, message: Option<&str>, speech: &Speech) -> Bytes {
    let message = message.unwrap_or("The provider refused the request.");
    speech.event(status, "upstream_refused", message, 0)
}

impl Speech {
    pub(super) fn event(&self, status: StatusCode, code: &str, message: &str, number: u64) -> Bytes {
        let dialect = match self.protocol {
            Some(Protocol::Responses) => return responses_error_event(status, code, message, number),
            Some(Protocol::Messages) => Dialect::Anthropic,
            Some(Protocol::ChatCompletions | Protocol::Completions) => Dialect::OpenAi,
            None => self.dialect,
        };
        let json = error_json(dialect, status, code, message, &self.request_id);
        // Anthropic's clients tell an error by the event's name, OpenAI's by the `error` in its data.
        let head: &[u8] = if dialect == Dialect::Anthropic { b"event: error\ndata: " } else { b"data: " };
        Bytes::from([head, &json, b"\n\n"].concat())
    }
}

/// OpenAI describes an error in a response's stream with its parts beside `type`, and sends it with them inside `error`,
/// which is what its packages for Python and Node raise. Here it has both.
fn responses_error_event(status: StatusCode, code: &str, message: &str, number: u64) -> Bytes {
    let error = OpenAiDetail { message, r#type: openai_type(status), param: None, code };
    let event =
        ResponsesError { r#type: "error", code, message, param: None, sequence_number: number, error, detail: message };
    let json = serde_json::to_vec(&event).expect("plain text fields always serialise");
    Bytes::from([&b"event: error\ndata: "[..], &json, b"\n\n"].concat())
}

#[derive(Serialize)]
struct ResponsesError<'a> {
    r#type: &'a str,
    code: &'a str,
    message: &'a str,
    param: Option<&'a str>,
    sequence_number: u64,
    error: OpenAiDetail<'a>,
    detail: &'a str,
}

#[derive(Serialize)]
struct OpenAiError<'a> {
    error: OpenAiDetail<'a>,
    detail: &'a str,
}

#[derive(Serialize)]
struct OpenAiDetail<'a> {
    message: &'a str,
    r#type: &'a str,
    param: Option<&'a str>,
    code: &'a str,
}

#[derive(Serialize)]
struct AnthropicError<'a> {
    r#type: &'a str,
    error: AnthropicDetail<'a>,
    request_id: &'a str,
    detail: &'a str,
}

#[derive(Serialize)]
struct AnthropicDetail<'a> {
    r#type: &'a str,
    message: &'a str,
    /// Beyond Anthropic's own form: clients pass over it, and programs can tell refusals apart.
    code: &'a str,
}

pub(super) fn error_json(dialect: Dialect, status: StatusCode, code: &str, message: &str, request_id: &str) -> Bytes {
    let json = match dialect {
        Dialect::Anthropic => serde_json::to_vec(&AnthropicError {
            r#type: "error",
            error: AnthropicDetail { r#type: anthropic_type(status), message, code },
            request_id,
            detail: message,
        }),
        Dialect::OpenAi | Dialect::Any => serde_json::to_vec(&OpenAiError {
            error: OpenAiDetail { message, r#type: openai_type(status), param: None, code },
            detail: message,
        }),
    };
    Bytes::from(json.expect("plain text fields always serialise"))
}

/// Anthropic's API reference, «Errors».
fn anthropic_type(status: StatusCode) -> &'static str {
    match status.as_u16() {
        401 => "authentication_error",
        403 => "permission_error",
        404 => "not_found_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        408 | 504 => "timeout_error",
        503 | 529 => "overloaded_error",
        400..=499 => "invalid_request_error",
        _ => "api_error",
    }
}

/// OpenAI's API reference, «Error codes».
fn openai_type(status: StatusCode) -> &'static str {
    match status.as_u16() {
        401 => "authentication_error",
        403 => "permission_error",
        429 => "rate_limit_error",
        400..=499 => "invalid_request_error",
        503 => "service_unavailable_error",
        _ => "server_error",
    }
}
