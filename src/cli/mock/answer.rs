//! What the dialects have in common: the text of an answer, and the forms in which it is given.

use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http::StatusCode;
use serde::Serialize;

use super::{anthropic, ask::Malformed, openai};

/// What a dialect has to say to one request, before a fault touches it.
#[derive(Debug)]
pub(super) enum Answer {
    Whole(Bytes),
    /// Server-sent events, each complete with its blank line.
    Events(Vec<Bytes>),
}

/// What the provider brings to an answer, whatever the dialect.
#[derive(Clone, Copy, Debug)]
pub(super) struct Voice<'a> {
    pub(super) name: &'a str,
    /// Tokens of every text; as many as the text has when `None`.
    pub(super) tokens: Option<usize>,
    /// Counts requests, and so makes ids unique within a provider.
    pub(super) number: u64,
    /// Seconds since the epoch.
    pub(super) created: u64,
    /// Tokens of the prompt, beside its own, that came from a cache.
    pub(super) cached_tokens: u64,
}

impl<'a> Voice<'a> {
    pub(super) fn new(name: &'a str, tokens: Option<usize>, number: u64) -> Self {
        // A clock before 1970 is no reason for a mock to stop.
        let created = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |age| age.as_secs());
        Self { name, tokens, number, created, cached_tokens: 0 }
    }

    pub(super) fn id(&self, prefix: &str) -> String {
        format!("{prefix}{:016x}", self.number)
    }

    /// The id of one of several things of a kind within an answer.
    pub(super) fn nth_id(&self, prefix: &str, index: usize) -> String {
        format!("{prefix}{:016x}{index:02x}", self.number)
    }
}

/// Words with the space that follows them: what the mock sends per event. Joined, they are the text again.
pub(super) fn tokens(text: &str) -> impl Iterator<Item = &str> + Clone {
    text.split_inclusive(' ')
}

pub(super) fn count_tokens(text: &str) -> u64 {
    tokens(text).count() as u64
}

/// The arguments of a call in the pieces in which they are streamed, which no client can read one by one.
pub(super) fn pieces(arguments: &str) -> impl Iterator<Item = &str> {
    let starts = arguments.char_indices().step_by(PIECE_CHARS).map(|(at, _)| at);
    let ends = starts.clone().skip(1).chain([arguments.len()]);
    starts.zip(ends).map(|(start, end)| &arguments[start..end])
}

/// The two families of wire formats.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Dialect {
    OpenAi,
    Anthropic,
}

impl Dialect {
    /// The response header that carries the id of a request.
    pub(super) fn request_id_header(self) -> &'static str {
        match self {
            Dialect::OpenAi => "x-request-id",
            Dialect::Anthropic => "request-id",
        }
    }

    /// `code` is in place of the one that goes with the status.
    pub(super) fn error(self, status: StatusCode, message: &str, code: Option<&str>, request_id: &str) -> Bytes {
        match self {
            Dialect::OpenAi => openai::error(status, message, None, code),
            Dialect::Anthropic => anthropic::error(status, message, code, request_id),
        }
    }

    /// The body of the 400 for a request that could not be read.
    pub(super) fn malformed(self, malformed: &Malformed, request_id: &str) -> Bytes {
        match self {
            Dialect::OpenAi => openai::malformed(malformed),
            Dialect::Anthropic => anthropic::malformed(malformed, request_id),
        }
    }
}

/// Renders a value of this module's own types.
pub(super) fn json(value: &impl Serialize) -> Bytes {
    Bytes::from(serde_json::to_vec(value).expect(WRITABLE))
}

/// An event without a name, as OpenAI's older endpoints send it.
pub(super) fn event(data: &impl Serialize) -> Bytes {
    render_event(Vec::with_capacity(EVENT_BYTES), data)
}

/// An event whose name repeats the type in its data.
pub(super) fn named_event(name: &str, data: &impl Serialize) -> Bytes {
    let mut bytes = Vec::with_capacity(EVENT_BYTES);
    bytes.extend_from_slice(b"event: ");
    bytes.extend_from_slice(name.as_bytes());
    bytes.push(b'\n');
    render_event(bytes, data)
}

fn render_event(mut bytes: Vec<u8>, data: &impl Serialize) -> Bytes {
    bytes.extend_from_slice(b"data: ");
    serde_json::to_writer(&mut bytes, data).expect(WRITABLE);
    bytes.extend_from_slice(b"\n\n");
    Bytes::from(bytes)
}

/// What seals a thought, so that it can be seen to come back unchanged.
pub(super) const SIGNATURE: &str = "bW9jayBzaWduYXR1cmU=";

/// Short enough that the arguments of any test come in several.
const PIECE_CHARS: usize = 6;

/// Fits an event with a word or two, so that rendering one allocates once.
const EVENT_BYTES: usize = 320;

const WRITABLE: &str = "structs of text and numbers always serialise, and a Vec always takes them";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn joined_tokens_and_pieces_are_the_text_again() {
        let text = r#"{"city": "Zürich", "n": 1}"#;
        assert_eq!(tokens(text).collect::<String>(), text);
        assert_eq!(pieces(text).collect::<String>(), text);
    }
}
