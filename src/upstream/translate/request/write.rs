//! Writing: one file a format, over what the formats share.

mod chat;
mod messages;
mod openai;
mod responses;
mod schema;

use std::borrow::Cow;

use bytes::Bytes;
use serde::{Serialize, Serializer};

pub(super) use self::chat::write as chat;
pub(super) use self::messages::write as messages;
pub(super) use self::responses::write as responses;

use super::families::{samples, tokens_max};
use super::neutral::{Choice, Conversation, Effort, LeftOut, Level, Literal, Piece, Turn};
use super::refusal::Refusal;

type Write<T> = Result<T, Refusal>;

/// What is said in our words and not in the caller's.
pub(super) struct Told<'a> {
    /// The upstream's name for the model.
    pub(super) model: &'a str,
    pub(super) identifier: Option<&'a str>,
}

/// A string as it is written.
enum Words<'a> {
    Said(Literal<'a>),
    Ours(&'a str),
    /// RFC 2397.
    DataUrl {
        media_type: &'a str,
        base64: &'a str,
    },
}

impl Serialize for Words<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Words::Said(literal) => literal.serialize(serializer),
            Words::Ours(text) => serializer.serialize_str(text),
            Words::DataUrl { media_type, base64 } => {
                serializer.collect_str(&format_args!("data:{media_type};base64,{base64}"))
            }
        }
    }
}

/// Content as every format has it: one text alone is a text, all else a list of parts.
enum Content<'a, P> {
    Text(Words<'a>),
    Parts(Vec<P>),
}

impl<P: Serialize> Serialize for Content<'_, P> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Content::Text(text) => text.serialize(serializer),
            Content::Parts(parts) => parts.serialize(serializer),
        }
    }
}

fn body(body: &impl Serialize) -> Bytes {
    let written = serde_json::to_vec(body);
    written.expect("structs, and literals of a body that was read as JSON, are JSON").into()
}

/// The one sort of file that all providers read.
const PDF: &str = "application/pdf";
/// Which tool must be called. Without tools, that none may be called goes without saying, and may not be said.
fn choice<'c, 'a>(conversation: &'c Conversation<'a>) -> Option<&'c Choice<'a>> {
    let never = |choice: &&Choice<'_>| matches!(choice, Choice::Never) && conversation.tools.is_empty();
    conversation.choice.as_ref().filter(|choice| !never(choice))
}

/// The effort, or the nearest that the model takes: it would refuse the whole request for another.
fn effort(conversation: &Conversation<'_>, takes: &[Level], left_out: &mut LeftOut) -> Option<Level> {
    let Effort { level, word } = conversation.effort?;
    // However little is to be thought, it is not nothing.
    let comparable = || takes.iter().copied().filter(|taken| level == Level::None || *taken != Level::None);
    let nearest = comparable().filter(|taken| *taken <= level).max().or(comparable().min());
    match nearest {
        None => left_out.add(word),
        Some(nearest) if nearest != level => left_out.add("effort"),
        Some(_) => {}
    }
    nearest
}

/// How an answer's words are drawn.
struct Sampling<'a> {
    temperature: Option<Literal<'a>>,
    top_p: Option<Literal<'a>>,
}

/// The default of both goes without saying, and newer models refuse to be told anything else.
fn sampling<'a>(conversation: &Conversation<'a>, model: &str) -> Write<Sampling<'a>> {
    let samples = samples(model, conversation.effort.map(|effort| effort.level));
    let other = |number: Option<Literal<'a>>| match number.filter(|number| number.number() != Some(1.0)) {
        Some(number) if !samples => {
            Err(Refusal::new(number.at(), "is other than 1, all that the upstream's model takes"))
        }
        other => Ok(other),
    };
    Ok(Sampling { temperature: other(conversation.temperature)?, top_p: other(conversation.top_p)? })
}

/// A number as it is written.
#[derive(Clone, Copy, Serialize)]
#[serde(untagged)]
enum Count<'a> {
    Said(Literal<'a>),
    Ours(u32),
}

/// The most tokens, but no more than the model can write: it would refuse to be asked for more.
fn max_tokens<'a>(conversation: &Conversation<'a>, model: &str, left_out: &mut LeftOut) -> Option<Count<'a>> {
    let said = conversation.max_tokens?;
    match tokens_max(model) {
        Some(most) if said.number().is_some_and(|said| said > f64::from(most)) => {
            left_out.add("max_tokens");
            Some(Count::Ours(most))
        }
        _ => Some(Count::Said(said)),
    }
}

/// Refuses a turn whose calls are not answered right behind it, and answers to other calls: chat completions and
/// messages demand that, and would refuse the whole request.
fn check_results(turns: &[Turn<'_>]) -> Write<()> {
    let mut called: Vec<(Cow<'_, str>, usize)> = Vec::new();
    for turn in turns {
        if let Turn::Results(results) = turn {
            for result in results {
                let id = result.call_id.text();
                let Some(index) = called.iter().position(|(called, _)| *called == id) else {
                    return Err(Refusal::new(result.call_id.at(), "answers no call of the turn before it"));
                };
                called.swap_remove(index);
            }
        }
        if let Some((_, at)) = called.first() {
            return Err(Refusal::new(*at, "is a call without a result right behind its turn"));
        }
        if let Turn::Assistant { pieces, .. } = turn {
            called = pieces.iter().filter_map(call_id).collect();
        }
    }
    match called.first() {
        Some((_, at)) => Err(Refusal::new(*at, "is a call without a result right behind its turn")),
        None => Ok(()),
    }
}

fn call_id<'a>(piece: &Piece<'a>) -> Option<(Cow<'a, str>, usize)> {
    match piece {
        Piece::Call(call) => Some((call.id.text(), call.at)),
        Piece::Text(_) => None,
    }
}

/// A function's name as the providers' references bound it.
fn function_name(name: Literal<'_>, bytes_max: usize) -> Write<Words<'_>> {
    if is_plain(&name.text(), bytes_max) {
        Ok(Words::Said(name))
    } else {
        Err(Refusal::new(name.at(), "is a name that the upstream's format refuses"))
    }
}

/// Letters, digits, underscores and dashes.
fn is_plain(text: &str, bytes_max: usize) -> bool {
    let plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
    plain && (1..=bytes_max).contains(&text.len())
}
