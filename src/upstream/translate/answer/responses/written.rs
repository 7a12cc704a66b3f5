//! A response as it is written, whole and in the events of a stream.

use bytes::Bytes;
use serde::Serialize;

use super::ItemKind;
use crate::upstream::translate::answer::usage::{WrittenInputDetails, WrittenOutputDetails};
use crate::upstream::translate::answer::words::{Answer, Call, Head, Part, Stop, Usage};

/// What of the request a response repeats is not known here: it stands as it does where nothing was asked for.
#[derive(Serialize)]
pub(in crate::upstream::translate::answer) struct WrittenResponse<'a, T> {
    id: String,
    object: &'static str,
    created_at: u64,
    status: &'static str,
    background: bool,
    error: (),
    incomplete_details: Option<WrittenIncompleteDetails>,
    instructions: (),
    max_output_tokens: (),
    metadata: Empty,
    model: &'a str,
    output: &'a [T],
    parallel_tool_calls: bool,
    previous_response_id: (),
    /// It cannot be asked for again.
    store: bool,
    temperature: (),
    text: WrittenTextConfig,
    tool_choice: &'static str,
    tools: [(); 0],
    top_p: (),
    truncation: &'static str,
    usage: Option<WrittenUsage>,
}

#[derive(Serialize)]
struct WrittenIncompleteDetails {
    reason: &'static str,
}

#[derive(Serialize)]
struct Empty {}

#[derive(Serialize)]
struct WrittenTextConfig {
    format: WrittenTextFormat,
}

#[derive(Serialize)]
struct WrittenTextFormat {
    r#type: &'static str,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(in crate::upstream::translate::answer) enum WrittenItem<'a> {
    Message { id: &'a str, status: &'static str, role: &'static str, content: &'a [WrittenContent<'a>] },
    Reasoning { id: &'a str, summary: &'a [WrittenContent<'a>] },
    FunctionCall { id: &'a str, status: &'static str, call_id: &'a str, name: &'a str, arguments: &'a str },
}

#[derive(Clone, Copy, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(in crate::upstream::translate::answer) enum WrittenContent<'a> {
    OutputText { annotations: [(); 0], logprobs: [(); 0], text: &'a str },
    Refusal { refusal: &'a str },
    SummaryText { text: &'a str },
}

#[derive(Serialize)]
pub(in crate::upstream::translate::answer) struct WrittenUsage {
    input_tokens: u64,
    input_tokens_details: WrittenInputDetails,
    output_tokens: u64,
    output_tokens_details: WrittenOutputDetails,
    total_tokens: u64,
}

/// Each part is an item of its own.
pub(in crate::upstream::translate::answer) fn write(head: &Head, answer: &Answer<'_>) -> Bytes {
    let last = answer.parts.len().saturating_sub(1);
    let named = |(at, part)| (item_id(ItemKind::from(part), head, at), content(part));
    let named: Vec<(String, Option<WrittenContent<'_>>)> = answer.parts.iter().enumerate().map(named).collect();
    let mut items = Vec::with_capacity(answer.parts.len());
    for (at, (part, (id, content))) in answer.parts.iter().zip(&named).enumerate() {
        let status = item_status(answer.stop.cuts() && at == last);
        items.push(written(id, status, part, content.as_slice()));
    }
    let response = WrittenResponse::ended(head, answer.stop, answer.usage, &items);
    Bytes::from(serde_json::to_vec(&response).expect("texts and numbers always serialise"))
}

fn written<'a>(
    id: &'a str,
    status: &'static str,
    part: &'a Part<'_>,
    content: &'a [WrittenContent<'a>],
) -> WrittenItem<'a> {
    match part {
        Part::Thinking(_) => WrittenItem::Reasoning { id, summary: content },
        Part::Text(_) | Part::Refusal(_) => WrittenItem::Message { id, status, role: "assistant", content },
        Part::Call(Call { id: call_id, name, arguments }) => {
            WrittenItem::FunctionCall { id, status, call_id, name, arguments }
        }
    }
}

fn content<'a>(part: &'a Part<'_>) -> Option<WrittenContent<'a>> {
    match part {
        Part::Thinking(text) => Some(WrittenContent::SummaryText { text }),
        Part::Text(text) => Some(WrittenContent::text(text)),
        Part::Refusal(refusal) => Some(WrittenContent::Refusal { refusal }),
        Part::Call(_) => None,
    }
}

impl From<&Part<'_>> for ItemKind {
    fn from(part: &Part<'_>) -> ItemKind {
        match part {
            Part::Thinking(_) => ItemKind::Reasoning,
            Part::Text(_) | Part::Refusal(_) => ItemKind::Message,
            Part::Call(_) => ItemKind::Call,
        }
    }
}

pub(in crate::upstream::translate::answer) fn item_id(kind: ItemKind, head: &Head, index: usize) -> String {
    let prefix = match kind {
        ItemKind::Message => "msg",
        ItemKind::Reasoning => "rs",
        ItemKind::Call => "fc",
    };
    format!("{prefix}_{}_{index}", head.id)
}

pub(in crate::upstream::translate::answer) fn item_status(cut: bool) -> &'static str {
    if cut { "incomplete" } else { "completed" }
}

impl<'a> WrittenContent<'a> {
    pub(in crate::upstream::translate::answer) fn text(text: &'a str) -> WrittenContent<'a> {
        WrittenContent::OutputText { annotations: [], logprobs: [], text }
    }
}

impl<'a, T> WrittenResponse<'a, T> {
    pub(in crate::upstream::translate::answer) fn in_progress(head: &'a Head) -> WrittenResponse<'a, T> {
        WrittenResponse {
            id: format!("resp_{}", head.id),
            object: "response",
            created_at: head.created,
            status: "in_progress",
            background: false,
            error: (),
            incomplete_details: None,
            instructions: (),
            max_output_tokens: (),
            metadata: Empty {},
            model: &head.model,
            output: &[],
            parallel_tool_calls: true,
            previous_response_id: (),
            store: false,
            temperature: (),
            text: WrittenTextConfig { format: WrittenTextFormat { r#type: "text" } },
            tool_choice: "auto",
            tools: [],
            top_p: (),
            truncation: "disabled",
            usage: None,
        }
    }

    pub(in crate::upstream::translate::answer) fn ended(
        head: &'a Head,
        stop: Stop,
        usage: Option<Usage>,
        output: &'a [T],
    ) -> WrittenResponse<'a, T> {
        let (status, reason) = status(stop);
        WrittenResponse {
            status,
            incomplete_details: reason.map(|reason| WrittenIncompleteDetails { reason }),
            output,
            usage: usage.map(WrittenUsage::from),
            ..WrittenResponse::in_progress(head)
        }
    }
}

/// With the reason why a response is incomplete.
pub(in crate::upstream::translate::answer) fn status(stop: Stop) -> (&'static str, Option<&'static str>) {
    match stop {
        Stop::End | Stop::Tools | Stop::Refused => ("completed", None),
        Stop::Length => ("incomplete", Some("max_output_tokens")),
        Stop::Filtered => ("incomplete", Some("content_filter")),
    }
}

impl From<Usage> for WrittenUsage {
    fn from(usage: Usage) -> WrittenUsage {
        WrittenUsage {
            input_tokens: usage.input(),
            input_tokens_details: (&usage).into(),
            output_tokens: usage.output,
            output_tokens_details: (&usage).into(),
            total_tokens: usage.total(),
        }
    }
}
