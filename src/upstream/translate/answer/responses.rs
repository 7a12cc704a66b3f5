//! OpenAI's responses (API reference, «The response object»).

mod written;

use std::borrow::Cow;

use serde::Deserialize;

pub(super) use self::written::{WrittenContent, WrittenItem, WrittenResponse, item_id, item_status, status, write};

use super::usage::{self, InputDetails, OutputDetails};
use super::words::{Answer, Call, Part, Stop, Text, Usage, arguments, spoken};
use crate::upstream::translate::Unreadable;

#[derive(Deserialize)]
struct Response<'a> {
    #[serde(borrow)]
    id: Text<'a>,
    #[serde(borrow)]
    model: Option<Text<'a>>,
    created_at: Option<f64>,
    #[serde(borrow)]
    status: Text<'a>,
    #[serde(borrow)]
    incomplete_details: Option<IncompleteDetails<'a>>,
    #[serde(borrow)]
    output: Vec<Item<'a>>,
    usage: Option<TokenUsage>,
}

#[derive(Deserialize)]
pub(super) struct IncompleteDetails<'a> {
    #[serde(borrow)]
    reason: Option<Text<'a>>,
}

#[derive(Deserialize)]
pub(super) struct Item<'a> {
    #[serde(borrow)]
    pub(super) r#type: Text<'a>,
    #[serde(borrow)]
    pub(super) content: Option<Vec<Content<'a>>>,
    #[serde(borrow)]
    pub(super) summary: Option<Vec<Content<'a>>>,
    #[serde(borrow)]
    pub(super) call_id: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) name: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) arguments: Option<Text<'a>>,
}

#[derive(Deserialize)]
pub(super) struct Content<'a> {
    #[serde(borrow)]
    pub(super) r#type: Text<'a>,
    #[serde(borrow)]
    pub(super) text: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) refusal: Option<Text<'a>>,
}

#[derive(Deserialize)]
pub(super) struct TokenUsage {
    input_tokens: Option<u64>,
    input_tokens_details: Option<InputDetails>,
    output_tokens: Option<u64>,
    output_tokens_details: Option<OutputDetails>,
}

pub(super) fn read(body: &[u8]) -> Result<Answer<'_>, Unreadable> {
    let response: Response<'_> = serde_json::from_slice(body).map_err(|_| Unreadable)?;
    let mut parts = Vec::with_capacity(response.output.len());
    for item in response.output {
        take(item, &mut parts)?;
    }
    let calls = parts.iter().any(|part| matches!(part, Part::Call(_)));
    let refuses = parts.iter().any(|part| matches!(part, Part::Refusal(_)));
    let stop = stop(&response.status, response.incomplete_details.as_ref())?.settled(calls, refuses)?;
    let usage = response.usage.map(Usage::from);
    Ok(Answer { id: response.id, model: response.model, created: response.created_at, parts, stop, usage })
}

fn take<'a>(item: Item<'a>, parts: &mut Vec<Part<'a>>) -> Result<(), Unreadable> {
    match kind(&item.r#type)? {
        Some(ItemKind::Message) => {
            for content in item.content.ok_or(Unreadable)? {
                match &*content.r#type {
                    "output_text" => parts.extend(spoken(Some(content.text.ok_or(Unreadable)?)).map(Part::Text)),
                    "refusal" => parts.extend(spoken(Some(content.refusal.ok_or(Unreadable)?)).map(Part::Refusal)),
                    _ => {}
                }
            }
        }
        Some(ItemKind::Reasoning) => {
            let summary = paragraphs(item.summary.unwrap_or_default());
            let thought = summary.or_else(|| paragraphs(item.content.unwrap_or_default()));
            parts.extend(thought.map(Part::Thinking));
        }
        Some(ItemKind::Call) => parts.push(Part::Call(Call {
            id: item.call_id.ok_or(Unreadable)?.0,
            name: item.name.ok_or(Unreadable)?.0,
            arguments: arguments(item.arguments.ok_or(Unreadable)?.0),
        })),
        None => {}
    }
    Ok(())
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ItemKind {
    Message,
    Reasoning,
    Call,
}

/// An item of any other kind is the provider's own affair, such as a search that it made, but for a call that waits for
/// the caller.
pub(super) fn kind(of_item: &str) -> Result<Option<ItemKind>, Unreadable> {
    match of_item {
        "message" => Ok(Some(ItemKind::Message)),
        "reasoning" => Ok(Some(ItemKind::Reasoning)),
        "function_call" => Ok(Some(ItemKind::Call)),
        "custom_tool_call" => Err(Unreadable),
        _ => Ok(None),
    }
}

/// The parts of one summary stand below each other.
fn paragraphs(parts: Vec<Content<'_>>) -> Option<Cow<'_, str>> {
    let mut texts = parts.into_iter().filter_map(|part| spoken(part.text));
    let first = texts.next()?;
    Some(texts.fold(first, |whole, text| Cow::Owned([&*whole, &*text].join(PARAGRAPH))))
}

pub(super) const PARAGRAPH: &str = "\n\n";

/// A status of any other kind is no answer: failed, cancelled, or still on its way.
pub(super) fn stop(status: &str, details: Option<&IncompleteDetails<'_>>) -> Result<Stop, Unreadable> {
    let reason = details.and_then(|details| details.reason.as_deref());
    match (status, reason) {
        ("completed", _) => Ok(Stop::End),
        ("incomplete", Some("max_output_tokens")) => Ok(Stop::Length),
        ("incomplete", Some("content_filter")) => Ok(Stop::Filtered),
        _ => Err(Unreadable),
    }
}

impl From<TokenUsage> for Usage {
    fn from(usage: TokenUsage) -> Usage {
        usage::read(
            (usage.input_tokens, usage.input_tokens_details),
            (usage.output_tokens, usage.output_tokens_details),
        )
    }
}
