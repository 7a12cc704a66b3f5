//! A call in one provider's words, said in another's, and the answer said back.
//!
//! Three formats are read into words of nobody's, and written from them: OpenAI's chat completions, Anthropic's messages
//! and OpenAI's responses. What the other side has no word for is refused before the call, so that another target is
//! tried; nothing is dropped in silence. The table of the mapping is docs/translation.md.

mod answer;
mod request;

use std::fmt;

use bytes::Bytes;

pub(super) use self::answer::{Stream, answer, error};
pub(super) use self::request::request;

use crate::route::{Dialect, Endpoint};

/// A wire format that is translated from and to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// OpenAI's chat completions.
    Chat,
    /// Anthropic's messages.
    Messages,
    /// OpenAI's responses.
    Responses,
}

/// From whose words into whose; never the same on both sides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pair {
    pub(super) caller: Format,
    pub(super) upstream: Format,
}

/// What is to be said in the upstream's words.
pub(super) struct Asked<'a> {
    /// As the caller's format has it: strict JSON (parsed once already), the scanner's edits made.
    pub(super) body: &'a Bytes,
    /// The upstream's name for the model; the caller's where there is none.
    pub(super) model: Option<&'a str>,
    /// What the provider is told of the principal, in the field that its format has for that. What the caller says there
    /// itself never passes.
    pub(super) identifier: Option<&'a str>,
}

/// A request in the upstream's words.
#[derive(Debug)]
pub(super) struct Said {
    pub(super) body: Bytes,
    /// Hints of the caller's that change what an answer costs and never what it says, which the upstream has no word
    /// for: told to the caller in a header.
    pub(super) left_out: Vec<&'static str>,
    pub(super) expects: Expects,
}

/// What of a request its answer's translation needs.
#[derive(Clone, Debug, Default)]
pub(super) struct Expects {
    /// As the caller named it.
    pub(super) model: String,
    /// OpenAI's `stream_options.include_usage`.
    pub(super) includes_usage: bool,
}

/// The upstream's format has no word for what the caller says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Untranslatable {
    /// In the caller's words, such as `messages[2].content[0]`.
    pub(super) place: String,
    pub(super) problem: String,
}

impl fmt::Display for Untranslatable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` {}", self.place, self.problem)
    }
}

/// An upstream's answer is not what its format promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the upstream's answer cannot be read")]
pub(super) struct Unreadable;

impl Format {
    pub(super) fn of(endpoint: Endpoint) -> Option<Format> {
        match endpoint {
            Endpoint::ChatCompletions => Some(Format::Chat),
            Endpoint::Messages => Some(Format::Messages),
            Endpoint::Responses => Some(Format::Responses),
            _ => None,
        }
    }

    pub(super) fn path(self) -> &'static str {
        match self {
            Format::Chat => "/v1/chat/completions",
            Format::Messages => "/v1/messages",
            Format::Responses => "/v1/responses",
        }
    }

    pub(super) fn dialect(self) -> Dialect {
        match self {
            Format::Chat | Format::Responses => Dialect::OpenAi,
            Format::Messages => Dialect::Anthropic,
        }
    }
}
