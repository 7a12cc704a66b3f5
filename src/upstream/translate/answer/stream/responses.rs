//! Events of OpenAI's responses (API reference, «Streaming events»).

mod writer;

use serde::Deserialize;
use serde_json::value::RawValue;

pub(super) use self::writer::ResponsesWriter;

use super::{Prose, Reader, Teller, name, parse};
use crate::route::Dialect;
use crate::sse::Event;
use crate::upstream::translate::Unreadable;
use crate::upstream::translate::answer::failure::{ErrorObject, Failure};
use crate::upstream::translate::answer::responses::{self, IncompleteDetails, Item, ItemKind, PARAGRAPH, TokenUsage};
use crate::upstream::translate::answer::words::{Text, Usage};

/// The whole answer that the last of them repeats is passed over.
#[derive(Deserialize)]
struct Lifecycle<'a> {
    #[serde(borrow)]
    response: State<'a>,
}

#[derive(Deserialize)]
struct State<'a> {
    #[serde(borrow)]
    id: Text<'a>,
    #[serde(borrow)]
    model: Option<Text<'a>>,
    created_at: Option<f64>,
    #[serde(borrow)]
    status: Option<Text<'a>>,
    #[serde(borrow)]
    incomplete_details: Option<IncompleteDetails<'a>>,
    usage: Option<TokenUsage>,
    #[serde(borrow)]
    error: Option<ErrorObject<'a>>,
}

#[derive(Deserialize)]
struct ItemEvent<'a> {
    output_index: u64,
    #[serde(borrow)]
    item: Item<'a>,
}

/// A delta has `delta`; the event that ends a part has the whole of it.
#[derive(Deserialize)]
struct PartEvent<'a> {
    output_index: u64,
    #[serde(borrow)]
    delta: Option<Text<'a>>,
    #[serde(borrow)]
    text: Option<Text<'a>>,
    #[serde(borrow)]
    refusal: Option<Text<'a>>,
    #[serde(borrow)]
    arguments: Option<Text<'a>>,
}

/// Its fields stand in the event, or under `error`.
#[derive(Deserialize)]
struct ErrorEvent<'a> {
    #[serde(borrow)]
    error: Option<ErrorObject<'a>>,
    #[serde(borrow)]
    message: Option<Text<'a>>,
    #[serde(borrow)]
    code: Option<&'a RawValue>,
    #[serde(borrow)]
    param: Option<&'a RawValue>,
}

#[derive(Default)]
pub(super) struct ResponsesReader {
    item: Option<OpenItem>,
}

#[derive(Clone, Copy)]
struct OpenItem {
    index: u64,
    /// None where the item is the provider's own affair.
    kind: Option<ItemKind>,
    /// A part of its summary has ended.
    continues: bool,
}

impl Reader for ResponsesReader {
    fn read(&mut self, event: &Event<'_>, teller: &mut Teller) -> Result<(), Unreadable> {
        match &*name(event)? {
            "response.created" => {
                let Lifecycle { response } = parse(event)?;
                teller.begin(&response.id, response.model.as_deref(), response.created_at, Usage::default())
            }
            "response.output_item.added" => self.open(parse(event)?, teller),
            "response.output_text.delta" => self.say(Prose::Text, parse(event)?, teller),
            "response.refusal.delta" => self.say(Prose::Refusal, parse(event)?, teller),
            "response.reasoning_summary_text.delta" | "response.reasoning_text.delta" => {
                self.say(Prose::Thinking, parse(event)?, teller)
            }
            "response.function_call_arguments.delta" => {
                let delta: PartEvent<'_> = parse(event)?;
                self.expect(delta.output_index, ItemKind::Call)?;
                teller.argue(&delta.delta.ok_or(Unreadable)?)
            }
            "response.output_text.done" => self.finish(Prose::Text, parse(event)?, teller),
            "response.refusal.done" => self.finish(Prose::Refusal, parse(event)?, teller),
            "response.reasoning_summary_text.done" | "response.reasoning_text.done" => {
                self.finish(Prose::Thinking, parse(event)?, teller)
            }
            "response.function_call_arguments.done" => {
                let done: PartEvent<'_> = parse(event)?;
                self.expect(done.output_index, ItemKind::Call)?;
                let whole = done.arguments.filter(|_| teller.nothing_grew());
                teller.argue(&whole.unwrap_or_default())
            }
            "response.output_item.done" => self.close(parse(event)?, teller),
            "response.completed" | "response.incomplete" => {
                let Lifecycle { response } = parse(event)?;
                let status = response.status.ok_or(Unreadable)?;
                teller.stop(responses::stop(&status, response.incomplete_details.as_ref())?)?;
                response.usage.into_iter().for_each(|usage| teller.used(usage.into()));
                teller.end()
            }
            "response.failed" => {
                let Lifecycle { response } = parse(event)?;
                let error = response.error.ok_or(Unreadable)?;
                teller.fail(&Failure::of_event(Dialect::OpenAi, &error));
                Ok(())
            }
            "error" => {
                let ErrorEvent { error, message, code, param } = parse(event)?;
                let error = error.unwrap_or(ErrorObject { message, r#type: None, code, param });
                teller.fail(&Failure::of_event(Dialect::OpenAi, &error));
                Ok(())
            }
            // What a part begins with its first delta says, and the rest is the provider's own affair.
            _ => Ok(()),
        }
    }
}

impl ResponsesReader {
    fn open(&mut self, event: ItemEvent<'_>, teller: &mut Teller) -> Result<(), Unreadable> {
        let ItemEvent { output_index: index, item } = event;
        if self.item.is_some() {
            return Err(Unreadable);
        }
        let kind = responses::kind(&item.r#type)?;
        self.item = Some(OpenItem { index, kind, continues: false });
        if kind == Some(ItemKind::Call) {
            teller.call(&item.call_id.ok_or(Unreadable)?, &item.name.ok_or(Unreadable)?)?;
            teller.argue(&item.arguments.unwrap_or_default())?;
        }
        Ok(())
    }

    fn say(&mut self, prose: Prose, event: PartEvent<'_>, teller: &mut Teller) -> Result<(), Unreadable> {
        let item = self.expect(event.output_index, item_of(prose))?;
        let delta = event.delta.ok_or(Unreadable)?;
        if std::mem::take(&mut item.continues) && !delta.is_empty() {
            teller.say(prose, PARAGRAPH)?;
        }
        teller.say(prose, &delta)
    }

    /// The parts of a summary are one part of the answer; any other ends here.
    fn finish(&mut self, prose: Prose, event: PartEvent<'_>, teller: &mut Teller) -> Result<(), Unreadable> {
        let item = self.expect(event.output_index, item_of(prose))?;
        if prose == Prose::Thinking {
            item.continues = !teller.nothing_grew();
            return Ok(());
        }
        if teller.nothing_grew() {
            teller.say(prose, &event.text.or(event.refusal).unwrap_or_default())?;
        }
        teller.close();
        Ok(())
    }

    fn close(&mut self, event: ItemEvent<'_>, teller: &mut Teller) -> Result<(), Unreadable> {
        let item = self.item.take().filter(|item| item.index == event.output_index).ok_or(Unreadable)?;
        match item.kind {
            Some(ItemKind::Call) if teller.nothing_grew() => {
                teller.argue(&event.item.arguments.unwrap_or_default())?;
            }
            Some(_) => {}
            None => return Ok(()),
        }
        teller.close();
        Ok(())
    }

    fn expect(&mut self, index: u64, kind: ItemKind) -> Result<&mut OpenItem, Unreadable> {
        self.item.as_mut().filter(|item| item.index == index && item.kind == Some(kind)).ok_or(Unreadable)
    }
}

fn item_of(prose: Prose) -> ItemKind {
    match prose {
        Prose::Thinking => ItemKind::Reasoning,
        Prose::Text | Prose::Refusal => ItemKind::Message,
    }
}
