//! Events of Anthropic's messages (documentation, «Streaming messages»).

use bytes::{BufMut, BytesMut};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{Head, Opening, Prose, Reader, Teller, Writer, name, parse, write_event};
use crate::route::Dialect;
use crate::sse::Event;
use crate::upstream::translate::Unreadable;
use crate::upstream::translate::answer::failure::{ErrorObject, Failure};
use crate::upstream::translate::answer::messages::{
    self, Block, TokenUsage, WrittenBlock, WrittenMessage, WrittenUsage, call_id, no_input,
};
use crate::upstream::translate::answer::words::{NO_ARGUMENTS, Stop, Text, Usage};

#[derive(Deserialize)]
struct MessageStart<'a> {
    #[serde(borrow)]
    message: Started<'a>,
}

#[derive(Deserialize)]
struct Started<'a> {
    #[serde(borrow)]
    id: Text<'a>,
    #[serde(borrow)]
    model: Option<Text<'a>>,
    #[serde(default)]
    usage: TokenUsage,
}

#[derive(Deserialize)]
struct BlockStart<'a> {
    index: u64,
    #[serde(borrow)]
    content_block: Block<'a>,
}

#[derive(Deserialize)]
struct BlockDelta<'a> {
    index: u64,
    #[serde(borrow)]
    delta: Delta<'a>,
}

#[derive(Deserialize)]
struct Delta<'a> {
    #[serde(borrow)]
    r#type: Text<'a>,
    #[serde(borrow)]
    text: Option<Text<'a>>,
    #[serde(borrow)]
    thinking: Option<Text<'a>>,
    #[serde(borrow)]
    partial_json: Option<Text<'a>>,
}

#[derive(Deserialize)]
struct BlockStop {
    index: u64,
}

#[derive(Deserialize)]
struct MessageDelta<'a> {
    #[serde(borrow)]
    delta: MessageChange<'a>,
    #[serde(default)]
    usage: TokenUsage,
}

#[derive(Deserialize)]
struct MessageChange<'a> {
    #[serde(borrow)]
    stop_reason: Option<Text<'a>>,
}

#[derive(Deserialize)]
struct ErrorEvent<'a> {
    #[serde(borrow)]
    error: ErrorObject<'a>,
}

#[derive(Default)]
pub(super) struct MessagesReader {
    block: Option<OpenBlock>,
    usage: Usage,
}

#[derive(Clone, Copy)]
struct OpenBlock {
    index: u64,
    /// None where the block is the provider's own affair.
    kind: Option<BlockKind>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum BlockKind {
    Prose(Prose),
    Call,
}

impl Reader for MessagesReader {
    fn read(&mut self, event: &Event<'_>, teller: &mut Teller) -> Result<(), Unreadable> {
        match &*name(event)? {
            "message_start" => {
                let MessageStart { message: Started { id, model, usage } } = parse(event)?;
                self.usage = usage.over(self.usage);
                teller.begin(&id, model.as_deref(), None, self.usage)
            }
            "content_block_start" => self.start_block(parse(event)?, teller),
            "content_block_delta" => self.grow_block(parse(event)?, teller),
            "content_block_stop" => {
                let BlockStop { index } = parse(event)?;
                let block = self.block.take().filter(|block| block.index == index).ok_or(Unreadable)?;
                if block.kind.is_some() {
                    teller.close();
                }
                Ok(())
            }
            "message_delta" => {
                let MessageDelta { delta, usage } = parse(event)?;
                self.usage = usage.over(self.usage);
                teller.used(self.usage);
                delta.stop_reason.map_or(Ok(()), |reason| teller.stop(messages::stop(&reason)?))
            }
            "message_stop" => teller.end(),
            "error" => {
                let ErrorEvent { error } = parse(event)?;
                teller.fail(&Failure::of_event(Dialect::Anthropic, &error));
                Ok(())
            }
            // Anthropic's versioning policy has clients pass over events that they do not know; `ping` says nothing either.
            _ => Ok(()),
        }
    }
}

impl MessagesReader {
    fn start_block(&mut self, start: BlockStart<'_>, teller: &mut Teller) -> Result<(), Unreadable> {
        let BlockStart { index, content_block: block } = start;
        if self.block.is_some() {
            return Err(Unreadable);
        }
        let kind = match &*block.r#type {
            "text" => Some(BlockKind::Prose(Prose::Text)),
            "thinking" => Some(BlockKind::Prose(Prose::Thinking)),
            "tool_use" => Some(BlockKind::Call),
            _ => None,
        };
        self.block = Some(OpenBlock { index, kind });
        match kind {
            Some(BlockKind::Prose(prose)) => {
                let text = if prose == Prose::Text { block.text } else { block.thinking };
                teller.say(prose, &text.unwrap_or_default())
            }
            Some(BlockKind::Call) => {
                teller.call(&block.id.ok_or(Unreadable)?, &block.name.ok_or(Unreadable)?)?;
                // Empty where the input follows in pieces, as it does at Anthropic's.
                let input = block.input.map(RawValue::get).filter(|input| *input != NO_ARGUMENTS);
                teller.argue(input.unwrap_or_default())
            }
            None => Ok(()),
        }
    }

    fn grow_block(&self, event: BlockDelta<'_>, teller: &mut Teller) -> Result<(), Unreadable> {
        let BlockDelta { index, delta } = event;
        let block = self.block.filter(|block| block.index == index).ok_or(Unreadable)?;
        match (block.kind, &*delta.r#type) {
            (Some(BlockKind::Prose(Prose::Text)), "text_delta") => {
                teller.say(Prose::Text, &delta.text.ok_or(Unreadable)?)
            }
            (Some(BlockKind::Prose(Prose::Thinking)), "thinking_delta") => {
                teller.say(Prose::Thinking, &delta.thinking.ok_or(Unreadable)?)
            }
            (Some(BlockKind::Call), "input_json_delta") => teller.argue(&delta.partial_json.ok_or(Unreadable)?),
            (_, "text_delta" | "thinking_delta" | "input_json_delta") if block.kind.is_some() => Err(Unreadable),
            // Signatures and citations, and whatever a block of the provider's own has.
            _ => Ok(()),
        }
    }
}

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
pub(super) struct MessagesWriter {
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
