//! Events of messages as they are written.

use bytes::{BufMut, BytesMut};
use serde::Serialize;

use crate::route::Dialect;
use crate::upstream::translate::answer::failure::Failure;
use crate::upstream::translate::answer::messages::{
    self, WrittenBlock, WrittenMessage, WrittenUsage, call_id, no_input,
};
use crate::upstream::translate::answer::stream::{Opening, Prose, Writer, write_event};
use crate::upstream::translate::answer::words::{Head, Stop, Usage};

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Written<'a> {
    MessageStart { message: WrittenMessage<'a> },
    ContentBlockStart { index: usize, content_block: WrittenBlock<'a> },
    ContentBlockDelta { index: usize, delta: WrittenDelta<'a> },
    ContentBlockStop { index: usize },
    MessageDelta { delta: WrittenMessageDelta, usage: WrittenUsage },
    MessageStop,
}

#[derive(Serialize)]
#[serde(tag = "type")]
enum WrittenDelta<'a> {
    #[serde(rename = "text_delta")]
    Text { text: &'a str },
    #[serde(rename = "thinking_delta")]
    Thinking { thinking: &'a str },
    #[serde(rename = "input_json_delta")]
    InputJson { partial_json: &'a str },
}

#[derive(Serialize)]
struct WrittenMessageDelta {
    stop_reason: &'static str,
    stop_sequence: (),
}

#[derive(Default)]
pub(in crate::upstream::translate::answer::stream) struct MessagesWriter {
    /// Blocks begun so far.
    blocks: usize,
    /// None while a call is open.
    prose: Option<Prose>,
    usage: Usage,
}

impl MessagesWriter {
    fn index(&self) -> usize {
        self.blocks.saturating_sub(1)
    }
}

impl Writer for MessagesWriter {
    fn begin(&mut self, head: Head, usage: Usage, out: &mut BytesMut) {
        self.usage = usage;
        write(&Written::MessageStart { message: WrittenMessage::empty(&head, usage) }, out);
    }

    fn open(&mut self, part: Opening<'_>, out: &mut BytesMut) {
        self.blocks += 1;
        self.prose = match part {
            Opening::Prose(prose) => Some(prose),
            Opening::Call { .. } => None,
        };
        let content_block = match part {
            Opening::Prose(Prose::Thinking) => WrittenBlock::Thinking { thinking: "", signature: "" },
            Opening::Prose(Prose::Text | Prose::Refusal) => WrittenBlock::Text { text: "" },
            Opening::Call { id, name } => WrittenBlock::ToolUse { id: call_id(id), name, input: no_input() },
        };
        write(&Written::ContentBlockStart { index: self.index(), content_block }, out);
    }

    fn grow(&mut self, text: &str, out: &mut BytesMut) {
        let delta = match self.prose {
            Some(Prose::Thinking) => WrittenDelta::Thinking { thinking: text },
            Some(Prose::Text | Prose::Refusal) => WrittenDelta::Text { text },
            None => WrittenDelta::InputJson { partial_json: text },
        };
        write(&Written::ContentBlockDelta { index: self.index(), delta }, out);
    }

    fn close(&mut self, _whole: &str, _cut: bool, out: &mut BytesMut) {
        write(&Written::ContentBlockStop { index: self.index() }, out);
    }

    /// OpenAI's formats tell the input's tokens only here; Anthropic's has them here as totals too.
    fn end(&mut self, stop: Stop, usage: Option<Usage>, out: &mut BytesMut) {
        let delta = WrittenMessageDelta { stop_reason: messages::stop_reason(stop), stop_sequence: () };
        write(&Written::MessageDelta { delta, usage: usage.unwrap_or(self.usage).into() }, out);
        write(&Written::MessageStop, out);
    }

    fn fail(&mut self, failure: &Failure, out: &mut BytesMut) {
        out.put_slice(b"event: error\ndata: ");
        out.put_slice(&failure.event(Dialect::Anthropic));
        out.put_slice(b"\n\n");
    }
}

fn write(event: &Written<'_>, out: &mut BytesMut) {
    let name = match event {
        Written::MessageStart { .. } => "message_start",
        Written::ContentBlockStart { .. } => "content_block_start",
        Written::ContentBlockDelta { .. } => "content_block_delta",
        Written::ContentBlockStop { .. } => "content_block_stop",
        Written::MessageDelta { .. } => "message_delta",
        Written::MessageStop => "message_stop",
    };
    write_event(Some(name), event, out);
}
