//! Events of responses as they are written.

use bytes::BytesMut;
use serde::Serialize;
use serde_json::value::RawValue;

use super::item_of;
use crate::upstream::translate::answer::failure::{Failure, WrittenOpenAiDetail};
use crate::upstream::translate::answer::responses::{self, ItemKind, WrittenContent, WrittenItem, WrittenResponse};
use crate::upstream::translate::answer::stream::{Opening, Prose, Writer, raw, write_event};
use crate::upstream::translate::answer::words::{Head, Stop, Usage};

/// Each event has some of these.
#[derive(Default, Serialize)]
struct Written<'a> {
    r#type: &'static str,
    sequence_number: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_index: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    item_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content_index: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    summary_index: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    delta: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refusal: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    arguments: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    logprobs: Option<[(); 0]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    part: Option<WrittenContent<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    item: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response: Option<WrittenResponse<'a, Box<RawValue>>>,
}

/// As the API reference has it, and with `error` beside it: by that the SDKs know an error in every stream.
#[derive(Serialize)]
struct WrittenError<'a> {
    r#type: &'static str,
    sequence_number: u64,
    code: Option<&'a str>,
    message: &'a str,
    param: Option<&'a str>,
    error: WrittenOpenAiDetail<'a>,
}

#[derive(Default)]
pub(in crate::upstream::translate::answer::stream) struct ResponsesWriter {
    head: Option<Head>,
    /// Events written so far.
    events: u64,
    item: Option<WritingItem>,
    /// Items that are finished: the last event repeats them all.
    output: Vec<Box<RawValue>>,
    /// The bytes of these.
    output_bytes: usize,
}

/// The item that is open; each part of an answer is one.
struct WritingItem {
    part: WritingPart,
    index: usize,
    id: String,
}

enum WritingPart {
    Prose(Prose),
    Call { id: String, name: String },
}

impl Writer for ResponsesWriter {
    fn begin(&mut self, head: Head, _usage: Usage, out: &mut BytesMut) {
        for r#type in ["response.created", "response.in_progress"] {
            let response = Some(WrittenResponse::in_progress(&head));
            write(&mut self.events, Written { r#type, response, ..Written::default() }, out);
        }
        self.head = Some(head);
    }

    fn open(&mut self, opening: Opening<'_>, out: &mut BytesMut) {
        let Some(head) = &self.head else { return };
        let item = self.item.insert(WritingItem::new(opening, head, self.output.len()));
        let value = raw(&item.written("in_progress", "", &[]));
        let added = Written {
            r#type: "response.output_item.added",
            output_index: Some(item.index),
            item: Some(&value),
            ..Written::default()
        };
        write(&mut self.events, added, out);
        if let Some(r#type) = item.names().part_added {
            write(&mut self.events, Written { part: item.content(""), ..item.event(r#type) }, out);
        }
    }

    fn grow(&mut self, text: &str, out: &mut BytesMut) {
        let Some(item) = &self.item else { return };
        let delta = Written { delta: Some(text), logprobs: item.logprobs(), ..item.event(item.names().delta) };
        write(&mut self.events, delta, out);
    }

    fn close(&mut self, whole: &str, cut: bool, out: &mut BytesMut) {
        let Some(item) = self.item.take() else { return };
        let done = item.event(item.names().done);
        let done = match &item.part {
            WritingPart::Prose(Prose::Refusal) => Written { refusal: Some(whole), ..done },
            WritingPart::Prose(_) => Written { text: Some(whole), logprobs: item.logprobs(), ..done },
            WritingPart::Call { .. } => Written { arguments: Some(whole), ..done },
        };
        write(&mut self.events, done, out);
        let content = item.content(whole);
        if let Some(r#type) = item.names().part_done {
            write(&mut self.events, Written { part: content, ..item.event(r#type) }, out);
        }
        let value = raw(&item.written(responses::item_status(cut), whole, content.as_slice()));
        let done = Written {
            r#type: "response.output_item.done",
            output_index: Some(item.index),
            item: Some(&value),
            ..Written::default()
        };
        write(&mut self.events, done, out);
        self.output_bytes += value.get().len();
        self.output.push(value);
    }

    fn end(&mut self, stop: Stop, usage: Option<Usage>, out: &mut BytesMut) {
        let Some(head) = &self.head else { return };
        let r#type = match responses::status(stop) {
            (_, None) => "response.completed",
            (_, Some(_)) => "response.incomplete",
        };
        let response = Some(WrittenResponse::ended(head, stop, usage, &self.output));
        write(&mut self.events, Written { r#type, response, ..Written::default() }, out);
    }

    fn fail(&mut self, failure: &Failure, out: &mut BytesMut) {
        let error = failure.openai();
        let WrittenOpenAiDetail { message, param, code, .. } = error;
        let sequence_number = self.events;
        let event = WrittenError { r#type: "error", sequence_number, code, message, param, error };
        write_event(Some(event.r#type), &event, out);
    }

    fn held(&self) -> usize {
        self.output_bytes
    }
}

fn write(events: &mut u64, event: Written<'_>, out: &mut BytesMut) {
    let event = Written { sequence_number: *events, ..event };
    write_event(Some(event.r#type), &event, out);
    *events += 1;
}

/// The events of a part, from its beginning to its end; a call has no parts.
struct Names {
    part_added: Option<&'static str>,
    delta: &'static str,
    done: &'static str,
    part_done: Option<&'static str>,
}

impl WritingItem {
    fn new(opening: Opening<'_>, head: &Head, index: usize) -> WritingItem {
        let (part, kind) = match opening {
            Opening::Prose(prose) => (WritingPart::Prose(prose), item_of(prose)),
            Opening::Call { id, name } => {
                (WritingPart::Call { id: id.to_owned(), name: name.to_owned() }, ItemKind::Call)
            }
        };
        WritingItem { part, index, id: responses::item_id(kind, head, index) }
    }

    fn names(&self) -> Names {
        match self.part {
            WritingPart::Prose(Prose::Thinking) => Names {
                part_added: Some("response.reasoning_summary_part.added"),
                delta: "response.reasoning_summary_text.delta",
                done: "response.reasoning_summary_text.done",
                part_done: Some("response.reasoning_summary_part.done"),
            },
            WritingPart::Prose(Prose::Text) => Names {
                part_added: Some("response.content_part.added"),
                delta: "response.output_text.delta",
                done: "response.output_text.done",
                part_done: Some("response.content_part.done"),
            },
            WritingPart::Prose(Prose::Refusal) => Names {
                part_added: Some("response.content_part.added"),
                delta: "response.refusal.delta",
                done: "response.refusal.done",
                part_done: Some("response.content_part.done"),
            },
            WritingPart::Call { .. } => Names {
                part_added: None,
                delta: "response.function_call_arguments.delta",
                done: "response.function_call_arguments.done",
                part_done: None,
            },
        }
    }

    /// With the place that every event of a part tells.
    fn event(&self, r#type: &'static str) -> Written<'_> {
        let (content_index, summary_index) = match self.part {
            WritingPart::Prose(Prose::Thinking) => (None, Some(0)),
            WritingPart::Prose(Prose::Text | Prose::Refusal) => (Some(0), None),
            WritingPart::Call { .. } => (None, None),
        };
        Written {
            r#type,
            output_index: Some(self.index),
            item_id: Some(&self.id),
            content_index,
            summary_index,
            ..Written::default()
        }
    }

    fn content<'a>(&self, text: &'a str) -> Option<WrittenContent<'a>> {
        match self.part {
            WritingPart::Prose(Prose::Thinking) => Some(WrittenContent::SummaryText { text }),
            WritingPart::Prose(Prose::Text) => Some(WrittenContent::text(text)),
            WritingPart::Prose(Prose::Refusal) => Some(WrittenContent::Refusal { refusal: text }),
            WritingPart::Call { .. } => None,
        }
    }

    fn written<'a>(
        &'a self,
        status: &'static str,
        arguments: &'a str,
        content: &'a [WrittenContent<'a>],
    ) -> WrittenItem<'a> {
        let id = &self.id;
        match &self.part {
            WritingPart::Prose(Prose::Thinking) => WrittenItem::Reasoning { id, summary: content },
            WritingPart::Prose(Prose::Text | Prose::Refusal) => {
                WrittenItem::Message { id, status, role: "assistant", content }
            }
            WritingPart::Call { id: call_id, name } => {
                WrittenItem::FunctionCall { id, status, call_id, name, arguments }
            }
        }
    }

    fn logprobs(&self) -> Option<[(); 0]> {
        matches!(self.part, WritingPart::Prose(Prose::Text)).then_some([])
    }
}
