//! How the providers' streams begin, go on and end.
//!
//! Shapes after <https://platform.openai.com/docs/api-reference/chat-streaming>,
//! <https://platform.openai.com/docs/api-reference/responses-streaming> and
//! <https://docs.anthropic.com/en/docs/build-with-claude/streaming>. What is not described there counts as content: only
//! what is known to say nothing yet may be withheld.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::Event;
use crate::route::Endpoint;

/// Which provider's events these are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    ChatCompletions,
    Completions,
    Messages,
    Responses,
}

/// What an event is to whoever waits for an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sort {
    /// It only says that something begins or goes on: `message_start`, `ping`, a chunk with a role alone.
    Lifecycle,
    /// The first of these is the answer's first byte to the caller: text, a tool call, thinking, a reason to stop.
    Content,
    /// The provider's own word that it failed.
    Error,
    /// The last event of a whole stream: `[DONE]`, `message_stop`, `response.completed` and its like.
    End,
}

/// What ends a stream of OpenAI's older endpoints. Some servers send it behind the last event of the newer ones, too.
pub(super) const DONE: &str = "[DONE]";

impl Protocol {
    /// None where events follow no rules that we know.
    pub fn of(endpoint: Endpoint) -> Option<Protocol> {
        match endpoint {
            Endpoint::ChatCompletions => Some(Protocol::ChatCompletions),
            Endpoint::Completions => Some(Protocol::Completions),
            Endpoint::Messages => Some(Protocol::Messages),
            Endpoint::Responses => Some(Protocol::Responses),
            _ => None,
        }
    }

    pub fn sort(self, event: &Event<'_>) -> Sort {
        if event.data.trim_start().starts_with(DONE) {
            return Sort::End;
        }
        match self {
            Protocol::ChatCompletions | Protocol::Completions => sort_chunk(event),
            Protocol::Messages => sort_message_event(event),
            Protocol::Responses => sort_response_event(event),
        }
    }

    /// Of the protocols whose events have types, those that end a stream.
    pub(super) fn sort_type(self, kind: &str) -> Option<Sort> {
        match (self, kind) {
            (_, "error") | (Protocol::Responses, "response.failed") => Some(Sort::Error),
            (Protocol::Messages, "message_stop")
            | (Protocol::Responses, "response.completed" | "response.incomplete" | "response.cancelled") => {
                Some(Sort::End)
            }
            _ => None,
        }
    }
}

/// A value as it stands in the JSON.
type Raw<'a> = Option<&'a RawValue>;

/// A chunk of a chat completion, or of a completion.
#[derive(Deserialize)]
struct Chunk<'a> {
    #[serde(borrow)]
    choices: Option<Vec<Choice<'a>>>,
    #[serde(borrow)]
    usage: Raw<'a>,
    #[serde(borrow)]
    error: Raw<'a>,
}

#[derive(Deserialize)]
struct Choice<'a> {
    #[serde(borrow)]
    delta: Option<BTreeMap<Cow<'a, str>, &'a RawValue>>,
    #[serde(borrow)]
    text: Raw<'a>,
    #[serde(borrow)]
    finish_reason: Raw<'a>,
}

fn sort_chunk(event: &Event<'_>) -> Sort {
    if event.name == Some("error") {
        return Sort::Error;
    }
    if plainly_says_something(event.data.as_bytes()) {
        return Sort::Content;
    }
    let Ok(chunk) = serde_json::from_str::<Chunk<'_>>(&event.data) else { return Sort::Content };
    if chunk.error.is_some_and(says_something) {
        return Sort::Error;
    }
    let Some(choices) = chunk.choices else { return Sort::Content };
    // Without choices it is the count at the end, or, before all, what Azure's filter made of the prompt.
    let counts = choices.is_empty() && chunk.usage.is_some_and(says_something);
    if counts || choices.iter().any(Choice::says_something) { Sort::Content } else { Sort::Lifecycle }
}

/// Whether a chunk is as most are, which need not be parsed: text in the first place of a delta, and no error. Quotes
/// within a text stand behind backslashes, so that nobody's words look so.
fn plainly_says_something(chunk: &[u8]) -> bool {
    let text = memchr::memmem::find(chunk, TEXT).and_then(|at| chunk.get(at + TEXT.len()));
    text.is_some_and(|first| *first != b'"') && memchr::memmem::find(chunk, br#""error""#).is_none()
}

const TEXT: &[u8] = br#""delta":{"content":""#;

impl Choice<'_> {
    fn says_something(&self) -> bool {
        let said = [self.text, self.finish_reason];
        let mut parts = self.delta.iter().flatten().filter(|(name, _)| *name != "role");
        said.into_iter().flatten().any(says_something) || parts.any(|(_, value)| says_something(value))
    }
}

/// An event of Anthropic's.
#[derive(Deserialize)]
struct MessageEvent<'a> {
    #[serde(borrow)]
    r#type: Option<Cow<'a, str>>,
    #[serde(borrow)]
    content_block: Option<BTreeMap<Cow<'a, str>, &'a RawValue>>,
}

fn sort_message_event(event: &Event<'_>) -> Sort {
    let read = serde_json::from_str::<MessageEvent<'_>>(&event.data).ok();
    let kind = read.as_ref().and_then(|event| event.r#type.as_deref()).or(event.name);
    let Some(kind) = kind else { return Sort::Content };
    if let Some(sort) = Protocol::Messages.sort_type(kind) {
        return sort;
    }
    match kind {
        "message_start" | "ping" | "content_block_stop" => Sort::Lifecycle,
        "content_block_start" => match read.as_ref().and_then(|event| event.content_block.as_ref()) {
            Some(block) if is_empty_block(block) => Sort::Lifecycle,
            _ => Sort::Content,
        },
        _ => Sort::Content,
    }
}

/// A block of text or thinking that has none yet. A tool's block has its name from the first.
fn is_empty_block(block: &BTreeMap<Cow<'_, str>, &RawValue>) -> bool {
    let fills = block.get("type").is_some_and(|kind| matches!(kind.get(), r#""text""# | r#""thinking""#));
    fills && block.iter().all(|(name, value)| name == "type" || !says_something(value))
}

/// An event of `/v1/responses`.
#[derive(Deserialize)]
struct ResponseEvent<'a> {
    #[serde(borrow)]
    r#type: Option<Cow<'a, str>>,
}

fn sort_response_event(event: &Event<'_>) -> Sort {
    let read = serde_json::from_str::<ResponseEvent<'_>>(&event.data).ok();
    let kind = read.as_ref().and_then(|event| event.r#type.as_deref()).or(event.name);
    let Some(kind) = kind else { return Sort::Content };
    match kind {
        "response.created"
        | "response.in_progress"
        | "response.queued"
        | "response.output_item.added"
        | "response.content_part.added" => Sort::Lifecycle,
        kind => Protocol::Responses.sort_type(kind).unwrap_or(Sort::Content),
    }
}

/// A text, a list or an object with something in it. Numbers and flags only accompany what is said.
fn says_something(value: &RawValue) -> bool {
    match value.get().as_bytes() {
        [b'"', b'"'] => false,
        [b'"', ..] => true,
        [b'[' | b'{', inside @ .., _] => !inside.trim_ascii().is_empty(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sort(protocol: Protocol, name: Option<&str>, data: &str) -> Sort {
        protocol.sort(&Event { name, data: data.into() })
    }

    /// Each row is sorted as its heading says, under every spacing that JSON allows.
    fn all(protocol: Protocol, expected: Sort, rows: &[&str]) {
        for row in rows {
            let value: serde_json::Value = serde_json::from_str(row).unwrap();
            for text in [(*row).to_owned(), serde_json::to_string_pretty(&value).unwrap()] {
                assert_eq!(sort(protocol, None, &text), expected, "{text}");
            }
        }
    }

    #[test]
    fn chunk_of_a_chat_is_content_once_it_says_something() {
        all(
            Protocol::ChatCompletions,
            Sort::Lifecycle,
            &[
                r#"{"id":"c","object":"chat.completion.chunk","choices":[{"index":0,"delta":{"role":"assistant","content":""},"logprobs":null,"finish_reason":null}],"usage":null}"#,
                r#"{"choices":[{"delta":{"content":null,"refusal":null,"role":"assistant","tool_calls":[]},"index":0}]}"#,
                r#"{"choices":[],"created":0,"id":"","model":"","object":"","prompt_filter_results":[{"prompt_index":0,"content_filter_results":{"hate":{"filtered":false}}}]}"#,
                r#"{"choices":[{"index":0,"finish_reason":null,"content_filter_offsets":{"check_offset":44},"content_filter_results":{"hate":{"filtered":false}}}]}"#,
                r#"{"choices":[{"index":0,"delta":{"role":"assistant","content":"","token_id":7},"finish_reason":""}],"usage":{"total_tokens":9}}"#,
            ],
        );
        all(
            Protocol::ChatCompletions,
            Sort::Content,
            &[
                r#"{"choices":[{"index":0,"delta":{"content":"H"},"finish_reason":null}]}"#,
                r#"{"choices":[{"index":0,"delta":{"refusal":"No"}}]}"#,
                r#"{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"call_1","type":"function","function":{"name":"f","arguments":""}}]}}]}"#,
                r#"{"choices":[{"index":0,"delta":{"function_call":{"name":"f","arguments":""}}}]}"#,
                r#"{"choices":[{"index":0,"delta":{"role":"assistant","content":"","reasoning_content":"Hm"}}]}"#,
                r#"{"choices":[{"index":0,"delta":{"content":"","reasoning":"Hm"}}]}"#,
                r#"{"choices":[{"index":0,"delta":{"content":"","never_heard_of":["x"]}}]}"#,
                r#"{"choices":[{"index":0,"delta":{"role":"assistant"}},{"index":1,"delta":{"content":"H"}}]}"#,
                r#"{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#,
                r#"{"choices":[],"usage":{"total_tokens":9}}"#,
                r#"{"moderation":{"input":{}}}"#,
                r#"["something","else"]"#,
            ],
        );
        assert_eq!(sort(Protocol::ChatCompletions, None, "no JSON"), Sort::Content);
    }

    #[test]
    fn chunk_of_a_completion_is_content_once_it_has_text_or_a_reason_to_stop() {
        all(Protocol::Completions, Sort::Lifecycle, &[r#"{"choices":[{"text":"","index":0,"finish_reason":null}]}"#]);
        all(
            Protocol::Completions,
            Sort::Content,
            &[
                r#"{"choices":[{"text":" ","index":0,"finish_reason":null}]}"#,
                r#"{"choices":[{"text":"","index":0,"finish_reason":"length"}]}"#,
            ],
        );
    }

    #[test]
    fn event_of_a_message_is_content_once_a_block_is_filled_or_names_a_tool() {
        all(
            Protocol::Messages,
            Sort::Lifecycle,
            &[
                r#"{"type":"message_start","message":{"id":"m","content":[],"usage":{"input_tokens":1}}}"#,
                r#"{"type":"ping"}"#,
                r#"{"content_block":{"text":"","type":"text"},"index":0,"type":"content_block_start"}"#,
                r#"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":"","citations":null}}"#,
                r#"{"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"","signature":""}}"#,
                r#"{"type":"content_block_stop","index":0}"#,
            ],
        );
        all(
            Protocol::Messages,
            Sort::Content,
            &[
                r#"{"type":"content_block_start","index":0,"content_block":{"type":"tool_use","id":"t","name":"f","input":{}}}"#,
                r#"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":"H"}}"#,
                r#"{"type":"content_block_start","index":0,"content_block":{"type":"redacted_thinking","data":"x"}}"#,
                r#"{"type":"content_block_start","index":0}"#,
                r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"H"}}"#,
                r#"{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":1}}"#,
                r#"{"type":"never_heard_of"}"#,
            ],
        );
        // Where the data is nothing we can read, the event's name still tells.
        assert_eq!(sort(Protocol::Messages, Some("ping"), "{}"), Sort::Lifecycle);
        assert_eq!(sort(Protocol::Messages, None, "{}"), Sort::Content);
    }

    #[test]
    fn event_of_a_response_is_content_unless_it_only_begins_something() {
        all(
            Protocol::Responses,
            Sort::Lifecycle,
            &[
                r#"{"type":"response.created","sequence_number":0,"response":{"id":"r","error":null}}"#,
                r#"{"response":{"id":"r"},"sequence_number":1,"type":"response.in_progress"}"#,
                r#"{"type":"response.queued","response":{}}"#,
                r#"{"type":"response.output_item.added","item":{"type":"message"}}"#,
                r#"{"type":"response.content_part.added","part":{"type":"output_text","text":""}}"#,
            ],
        );
        all(
            Protocol::Responses,
            Sort::Content,
            &[
                r#"{"type":"response.output_text.delta","delta":"H"}"#,
                r#"{"type":"response.function_call_arguments.delta","delta":"{"}"#,
                r#"{"type":"response.never_heard_of"}"#,
                "{}",
            ],
        );
    }

    #[test]
    fn each_protocol_has_its_own_errors_and_ends() {
        let chat = r#"{"error":{"message":"m","type":"server_error","param":null,"code":null}}"#;
        all(Protocol::ChatCompletions, Sort::Error, &[chat, r#"{"error":"overloaded","choices":[]}"#]);
        all(Protocol::Completions, Sort::Error, &[chat]);
        all(Protocol::ChatCompletions, Sort::Lifecycle, &[r#"{"error":null,"choices":[]}"#]);
        assert_eq!(sort(Protocol::ChatCompletions, Some("error"), r#"{"message":"m"}"#), Sort::Error);
        all(
            Protocol::Messages,
            Sort::Error,
            &[r#"{"type":"error","error":{"type":"overloaded_error","message":"m"}}"#],
        );
        assert_eq!(sort(Protocol::Messages, Some("error"), "Overloaded"), Sort::Error);
        all(
            Protocol::Responses,
            Sort::Error,
            &[
                r#"{"type":"error","code":"server_error","message":"m","param":null,"sequence_number":3}"#,
                r#"{"type":"response.failed","response":{"error":{"code":"server_error","message":"m"}}}"#,
            ],
        );
        all(Protocol::Messages, Sort::End, &[r#"{"type":"message_stop"}"#]);
        for kind in ["completed", "incomplete", "cancelled"] {
            let data = format!(r#"{{"response":{{"output":[{{"type":"message"}}]}},"type":"response.{kind}"}}"#);
            all(Protocol::Responses, Sort::End, &[&data]);
        }
        for protocol in [Protocol::ChatCompletions, Protocol::Completions, Protocol::Messages, Protocol::Responses] {
            assert_eq!(sort(protocol, None, "[DONE]"), Sort::End);
        }
        // A model that writes of ends does not end.
        all(Protocol::ChatCompletions, Sort::Content, &[r#"{"choices":[{"delta":{"content":"[DONE]"}}]}"#]);
    }
}
