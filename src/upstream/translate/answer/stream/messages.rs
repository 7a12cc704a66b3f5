//! Events of Anthropic's messages (documentation, «Streaming messages»).

mod writer;

use serde::Deserialize;
use serde_json::value::RawValue;

pub(super) use self::writer::MessagesWriter;

use super::{Prose, Reader, Teller, name, parse};
use crate::route::Dialect;
use crate::sse::Event;
use crate::upstream::translate::Unreadable;
use crate::upstream::translate::answer::failure::{ErrorObject, Failure};
use crate::upstream::translate::answer::messages::{self, Block, TokenUsage};
use crate::upstream::translate::answer::words::{NO_ARGUMENTS, Text, Usage};

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
