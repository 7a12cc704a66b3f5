//! Chunks of chat completions as they are written.

use bytes::{BufMut, BytesMut};
use serde::Serialize;

use crate::route::Dialect;
use crate::upstream::translate::answer::chat::{self, WrittenUsage};
use crate::upstream::translate::answer::failure::Failure;
use crate::upstream::translate::answer::stream::{Opening, Prose, Writer, write_event};
use crate::upstream::translate::answer::words::{Head, Stop, Usage};

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

pub(in crate::upstream::translate::answer::stream) struct ChatWriter {
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
    pub(in crate::upstream::translate::answer::stream) fn new(includes_usage: bool) -> ChatWriter {
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
