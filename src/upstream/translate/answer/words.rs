//! What an answer says, in words of nobody's.

use std::borrow::Cow;
use std::ops::Deref;

use serde::Deserialize;
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::upstream::translate::{Expects, Format, Unreadable};

/// A whole answer as it was read.
#[derive(Debug, PartialEq)]
pub(super) struct Answer<'a> {
    /// Empty where the upstream gives none.
    pub(super) id: Text<'a>,
    pub(super) model: Option<Text<'a>>,
    /// In seconds since 1970; Anthropic's messages do not say it.
    pub(super) created: Option<f64>,
    pub(super) parts: Vec<Part<'a>>,
    pub(super) stop: Stop,
    pub(super) usage: Option<Usage>,
}

#[derive(Debug, PartialEq)]
pub(super) enum Part<'a> {
    Thinking(Cow<'a, str>),
    Text(Cow<'a, str>),
    /// The model's own words that it will not.
    Refusal(Cow<'a, str>),
    Call(Call<'a>),
}

/// A tool that the caller is asked to call.
#[derive(Debug, PartialEq)]
pub(super) struct Call<'a> {
    pub(super) id: Cow<'a, str>,
    pub(super) name: Cow<'a, str>,
    /// The text of a JSON object, kept as the model wrote it. Between OpenAI's formats it is what the model wrote, JSON or
    /// not.
    pub(super) arguments: Cow<'a, str>,
}

/// Why an answer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// The model had said all, or wrote a stop sequence.
    End,
    /// Tools are to be called.
    Tools,
    Length,
    /// The model refused in words of its own.
    Refused,
    /// The provider withheld the rest.
    Filtered,
}

/// Tokens. What is in the one count is in no other, but for `reasoning`, which is a share of `output`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Usage {
    /// Input that no cache had part in.
    pub(super) fresh: u64,
    pub(super) cache_read: u64,
    pub(super) cache_written: u64,
    pub(super) output: u64,
    pub(super) reasoning: u64,
}

/// What every answer and every event of a stream names, as the caller is told it.
#[derive(Clone, Debug)]
pub(super) struct Head {
    /// The upstream's, without the prefix of its format; each format puts its own before it. Made up where the upstream
    /// gives none, for clients tell answers apart by it.
    pub(super) id: String,
    pub(super) model: String,
    pub(super) created: u64,
}

/// Text that is borrowed where it has no escapes, also where it may be absent.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub(super) struct Text<'a>(#[serde(borrow)] pub(super) Cow<'a, str>);

impl Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl Head {
    /// `now` stands in where the upstream's format does not say when it answered.
    pub(super) fn new(
        upstream: Format,
        id: &str,
        model: Option<&str>,
        created: Option<f64>,
        expects: &Expects,
        now: u64,
    ) -> Head {
        let prefix = match upstream {
            Format::Chat => "chatcmpl-",
            Format::Messages => "msg_",
            Format::Responses => "resp_",
        };
        let model = model.filter(|model| !model.is_empty()).unwrap_or(&expects.model);
        let id = match id.strip_prefix(prefix).unwrap_or(id) {
            "" => Uuid::now_v7().simple().to_string(),
            id => id.to_owned(),
        };
        Head {
            id,
            model: model.to_owned(),
            // A float that is no time becomes 0 or the largest integer, by Rust's rule for casts.
            created: created.map_or(now, |created| created as u64),
        }
    }
}

impl Stop {
    /// Some providers say that a turn just ended although it asks for tools, and OpenAI does where the caller named the
    /// one tool to be called. A turn that asks for tools and has none was not read whole.
    pub(super) fn settled(self, calls: bool, refuses: bool) -> Result<Stop, Unreadable> {
        match self {
            Stop::End if calls => Ok(Stop::Tools),
            Stop::End if refuses => Ok(Stop::Refused),
            Stop::Tools if !calls => Err(Unreadable),
            stop => Ok(stop),
        }
    }

    /// The last part of the answer may be unfinished.
    pub(super) fn cuts(self) -> bool {
        matches!(self, Stop::Length | Stop::Filtered)
    }
}

impl Usage {
    pub(super) fn input(&self) -> u64 {
        self.fresh.saturating_add(self.cache_read).saturating_add(self.cache_written)
    }

    pub(super) fn total(&self) -> u64 {
        self.input().saturating_add(self.output)
    }
}

/// The parts that say something: an empty text is no part.
pub(super) fn spoken(text: Option<Text<'_>>) -> Option<Cow<'_, str>> {
    text.map(|text| text.0).filter(|text| !text.is_empty())
}

/// A tool without parameters is called with nothing by some, and with an empty object by all others.
pub(super) fn arguments(text: Cow<'_, str>) -> Cow<'_, str> {
    if text.is_empty() { Cow::Borrowed(NO_ARGUMENTS) } else { text }
}

pub(super) const NO_ARGUMENTS: &str = "{}";

/// The JSON object that a text is, where it is one.
pub(super) fn object(text: &str) -> Option<&RawValue> {
    serde_json::from_str::<&RawValue>(text).ok().filter(|value| value.get().starts_with('{'))
}
