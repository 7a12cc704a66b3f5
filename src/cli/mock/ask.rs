//! What a client asks, read from the bodies of either dialect.
//!
//! The mock answers with the client's own words, so it reads little: the model, whether to stream, and the text of the
//! user. Everything else in a body is ignored, as long as it is JSON.

use std::borrow::Cow;

use serde::{Deserialize, de::IgnoredAny};
use serde_json::error::Category;

/// Characters of the user's text that are repeated in the answer.
const ECHOED_CHARS_MAX: usize = 200;

/// A request for a text, understood.
#[derive(Debug)]
pub(super) struct Ask {
    pub(super) model: String,
    pub(super) streams: bool,
    /// OpenAI's `stream_options.include_usage`.
    pub(super) includes_usage: bool,
    /// The last text of the user, cut to 200 characters.
    pub(super) said: String,
    /// A mock's idea of tokens: the words of all messages.
    pub(super) input_tokens: u64,
}

/// Why a body cannot be answered; the cause of a 400.
#[derive(Debug)]
pub(super) enum Malformed {
    NotJson,
    /// JSON, and a field has a type that no client sends. The text names it.
    WrongType(String),
    Missing(&'static str),
}

impl Ask {
    /// From the body of `/v1/chat/completions`, `/v1/messages` and `/v1/messages/count_tokens`.
    pub(super) fn from_messages(body: &[u8]) -> Result<Self, Malformed> {
        let body: RawAsk<'_> = parse(body)?;
        let messages = body.messages.as_deref().unwrap_or_default();
        if messages.is_empty() {
            return Err(Malformed::Missing("messages"));
        }
        let said = last_user_text(messages);
        let words = messages_words(messages) + body.system.as_ref().map_or(0, Said::words);
        body.ask(said, words)
    }

    /// From the body of `/v1/completions`.
    pub(super) fn from_prompt(body: &[u8]) -> Result<Self, Malformed> {
        let body: RawAsk<'_> = parse(body)?;
        let Some(prompt) = &body.prompt else {
            return Err(Malformed::Missing("prompt"));
        };
        let (said, words) = (prompt.text(), prompt.words());
        body.ask(said, words)
    }

    /// From the body of `/v1/responses`.
    pub(super) fn from_input(body: &[u8]) -> Result<Self, Malformed> {
        let body: RawAsk<'_> = parse(body)?;
        let (said, words) = match &body.input {
            None => return Err(Malformed::Missing("input")),
            Some(Input::Text(text)) => (text.to_string(), words(text)),
            Some(Input::Items(items)) => (last_user_text(items), messages_words(items)),
        };
        let words = words + body.instructions.as_ref().map_or(0, Said::words);
        body.ask(said, words)
    }
}

/// Reads JSON of any type, borrowing what can be borrowed.
pub(super) fn parse<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, Malformed> {
    serde_json::from_slice(body).map_err(|error| match error.classify() {
        Category::Data => Malformed::WrongType(error.to_string()),
        Category::Syntax | Category::Eof | Category::Io => Malformed::NotJson,
    })
}

/// The words of a text: what this mock counts as tokens.
pub(super) fn words(text: &str) -> u64 {
    text.split_whitespace().count() as u64
}

#[derive(Deserialize)]
struct RawAsk<'a> {
    model: Option<String>,
    stream: Option<bool>,
    stream_options: Option<StreamOptions>,
    #[serde(borrow)]
    messages: Option<Vec<Message<'a>>>,
    #[serde(borrow)]
    system: Option<Said<'a>>,
    #[serde(borrow)]
    prompt: Option<Said<'a>>,
    #[serde(borrow)]
    input: Option<Input<'a>>,
    #[serde(borrow)]
    instructions: Option<Said<'a>>,
}

impl RawAsk<'_> {
    fn ask(&self, said: String, input_tokens: u64) -> Result<Ask, Malformed> {
        let Some(model) = self.model.clone() else {
            return Err(Malformed::Missing("model"));
        };
        Ok(Ask {
            model,
            streams: self.stream.unwrap_or(false),
            includes_usage: self.stream_options.as_ref().is_some_and(|options| options.include_usage),
            said: said.chars().take(ECHOED_CHARS_MAX).collect(),
            input_tokens,
        })
    }
}

#[derive(Deserialize)]
struct StreamOptions {
    #[serde(default)]
    include_usage: bool,
}

/// A message of either dialect, or an item of `/v1/responses`.
#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow, default)]
    role: Cow<'a, str>,
    #[serde(borrow)]
    content: Option<Said<'a>>,
}

/// A text in any of the forms the dialects allow: a string, a list of strings, a list of blocks.
#[derive(Deserialize)]
#[serde(untagged)]
enum Said<'a> {
    Text(#[serde(borrow)] Cow<'a, str>),
    Parts(#[serde(borrow)] Vec<Part<'a>>),
    Other(IgnoredAny),
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Part<'a> {
    Text(#[serde(borrow)] Cow<'a, str>),
    Block {
        #[serde(borrow)]
        text: Cow<'a, str>,
    },
    Other(IgnoredAny),
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Input<'a> {
    Text(#[serde(borrow)] Cow<'a, str>),
    Items(#[serde(borrow)] Vec<Message<'a>>),
}

impl Said<'_> {
    fn text(&self) -> String {
        match self {
            Said::Text(text) => text.to_string(),
            Said::Parts(parts) => {
                let texts: Vec<&str> = parts.iter().filter_map(Part::text).collect();
                texts.join(" ")
            }
            Said::Other(IgnoredAny) => String::new(),
        }
    }

    fn words(&self) -> u64 {
        match self {
            Said::Text(text) => words(text),
            Said::Parts(parts) => parts.iter().filter_map(Part::text).map(words).sum(),
            Said::Other(IgnoredAny) => 0,
        }
    }
}

impl Part<'_> {
    fn text(&self) -> Option<&str> {
        match self {
            Part::Text(text) | Part::Block { text } => Some(text),
            Part::Other(IgnoredAny) => None,
        }
    }
}

fn last_user_text(messages: &[Message<'_>]) -> String {
    let last = messages.iter().rev().find(|message| message.role == "user");
    let content = last.and_then(|message| message.content.as_ref());
    content.map_or_else(String::new, Said::text)
}

fn messages_words(messages: &[Message<'_>]) -> u64 {
    let contents = messages.iter().filter_map(|message| message.content.as_ref());
    contents.map(Said::words).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(json: &str) -> String {
        Ask::from_messages(json.as_bytes()).unwrap().said
    }

    #[test]
    fn the_last_text_of_the_user_is_echoed_not_the_last_message() {
        let json = r#"{"model":"m","messages":[{"role":"user","content":"a"},{"role":"user","content":"b\n"},
            {"role":"assistant","content":null}]}"#;
        assert_eq!(said(json), "b\n");
    }

    #[test]
    fn blocks_without_text_are_skipped() {
        let json = r#"{"model":"m","messages":[{"role":"user","content":[{"type":"text","text":"what is"},
            {"type":"image_url","image_url":{"url":"data:"}},{"type":"text","text":"this?"}]}]}"#;
        assert_eq!(said(json), "what is this?");
    }

    #[test]
    fn a_long_text_is_cut_by_characters_not_bytes() {
        let json = format!(r#"{{"model":"m","messages":[{{"role":"user","content":"{}"}}]}}"#, "ü".repeat(300));
        assert_eq!(said(&json), "ü".repeat(200));
    }

    #[test]
    fn bad_bodies_are_told_apart() {
        let refuse = |json: &str| Ask::from_messages(json.as_bytes()).unwrap_err();
        assert!(matches!(refuse("{"), Malformed::NotJson));
        assert!(matches!(refuse("[]"), Malformed::WrongType(_)));
        assert!(matches!(refuse(r#"{"model":"m"}"#), Malformed::Missing("messages")));
        assert!(matches!(refuse(r#"{"model":"m","messages":[]}"#), Malformed::Missing("messages")));
        assert!(matches!(refuse(r#"{"messages":[{"role":"user","content":"a"}]}"#), Malformed::Missing("model")));
    }
}
