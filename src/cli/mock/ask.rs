//! What a client asks, read from the bodies of every format into words of nobody's.
//!
//! The mock answers with the client's own words: who spoke last and what it said, what tools gave back, what was shown,
//! and which limits the answer has. What a real provider refuses is refused here.

mod body;
mod check;
mod message;
mod tools;

use serde::Deserialize;
use serde_json::{Value, error::Category};

use self::{
    body::{Body, Input, TextFormat},
    message::{Message, Said},
    tools::{Freedom, Orders, call_of, orders},
};
pub(super) use self::{message::Media, tools::Call};

/// Characters of a text that are repeated in the answer.
const ECHOED_CHARS_MAX: usize = 200;

/// A request for a text, understood.
#[derive(Debug, Default)]
pub(super) struct Ask {
    pub(super) model: String,
    pub(super) streams: bool,
    /// OpenAI's `stream_options.include_usage`.
    pub(super) includes_usage: bool,
    /// The last text of the user, cut to 200 characters.
    pub(super) said: String,
    /// A mock's idea of tokens: the words of all messages.
    pub(super) input_tokens: u64,
    /// What tools gave back since the model's last turn, each cut to 200 characters. Where there are some and the user
    /// said nothing since, `said` is old.
    pub(super) results: Vec<String>,
    pub(super) said_since: bool,
    /// What the user's last message shows, and what tools gave back beside texts.
    pub(super) media: Vec<Media>,
    /// What to say before `calls`; empty without.
    pub(super) preface: String,
    pub(super) calls: Vec<Call>,
    pub(super) thought: Thought,
    /// The answer is to be a JSON object, of this schema where there is one.
    pub(super) json: Option<Value>,
    pub(super) stops: Vec<String>,
    pub(super) tokens_max: Option<u64>,
}

/// Whether the model thinks before it speaks.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) enum Thought {
    #[default]
    None,
    Shown,
    /// It thinks, and nobody may read it.
    Hidden,
}

/// Why a body cannot be answered; the cause of a 400.
#[derive(Debug)]
pub(super) enum Malformed {
    NotJson,
    /// JSON, and a field has a type that no client sends. The text names it.
    WrongType(String),
    Missing(&'static str),
    /// A field at the top that the endpoint does not have.
    Unknown(String),
    /// Well formed, and the provider does not take it.
    Refused {
        place: String,
        problem: String,
    },
}

impl Ask {
    /// From the body of `/v1/chat/completions`.
    pub(super) fn from_chat(body: &[u8]) -> Result<Self, Malformed> {
        let body = Body::read(body, body::CHAT)?;
        let messages = body.some_messages()?;
        check::chat(&body, messages)?;
        let mut ask = body.ask(messages, 0)?;
        ask.stops = body.stop.as_ref().map(Said::list).unwrap_or_default();
        ask.tokens_max = body.max_completion_tokens.or(body.max_tokens);
        ask.json = body.response_format.as_ref().and_then(TextFormat::json);
        // Servers of open models show what was thought; a client of OpenAI's own ignores it.
        if body.reasoning_effort.as_deref().is_some_and(|effort| effort != "none") {
            ask.thought = Thought::Shown;
        }
        Ok(ask)
    }

    /// From the body of `/v1/messages`.
    pub(super) fn from_messages(body: &[u8]) -> Result<Self, Malformed> {
        let body = Body::read(body, body::MESSAGES)?;
        if body.max_tokens.is_none() {
            return Err(Malformed::Missing("max_tokens"));
        }
        body.ask_of_messages()
    }

    /// From the body of `/v1/messages/count_tokens`.
    pub(super) fn from_counted_messages(body: &[u8]) -> Result<Self, Malformed> {
        Body::read(body, body::MESSAGES)?.ask_of_messages()
    }

    /// From the body of `/v1/completions`.
    pub(super) fn from_prompt(body: &[u8]) -> Result<Self, Malformed> {
        let body = Body::read(body, &[])?;
        let Some(prompt) = &body.prompt else {
            return Err(Malformed::Missing("prompt"));
        };
        let ask = body.ask(&[], prompt.words())?;
        Ok(Self { said: echoed(&prompt.text()), tokens_max: body.max_tokens, ..ask })
    }

    /// From the body of `/v1/responses`.
    pub(super) fn from_input(body: &[u8]) -> Result<Self, Malformed> {
        let body = Body::read(body, body::RESPONSES)?;
        let instructions = body.instructions.as_ref().map_or(0, Said::words);
        let mut ask = match &body.input {
            None => return Err(Malformed::Missing("input")),
            Some(Input::Items(items)) => {
                check::responses(&body, items)?;
                body.ask(items, instructions)?
            }
            Some(Input::Text(text)) => {
                check::responses(&body, &[])?;
                let message = Message::of_user(text);
                body.ask(&[message], instructions)?
            }
        };
        ask.tokens_max = body.max_output_tokens;
        ask.json = body.text.as_ref().and_then(|text| text.format.as_ref()).and_then(TextFormat::json);
        if body.reasoning.as_ref().is_some_and(|reasoning| reasoning.summary.is_some()) {
            ask.thought = Thought::Shown;
        }
        Ok(ask)
    }
}

impl<'a> Body<'a> {
    fn some_messages(&self) -> Result<&[Message<'a>], Malformed> {
        match self.messages.as_deref() {
            None | Some([]) => Err(Malformed::Missing("messages")),
            Some(messages) => Ok(messages),
        }
    }

    fn ask_of_messages(&self) -> Result<Ask, Malformed> {
        let messages = self.some_messages()?;
        check::messages(self, messages)?;
        let mut ask = self.ask(messages, self.system.as_ref().map_or(0, Said::words))?;
        ask.stops = self.stop_sequences.clone().unwrap_or_default();
        ask.tokens_max = self.max_tokens;
        ask.json = self.output_config.as_ref().and_then(|output| output.format.as_ref()).and_then(TextFormat::json);
        if let Some(thinking) = self.thinking.as_ref().filter(|thinking| thinking.kind != "disabled") {
            let is_hidden = thinking.display.as_deref() == Some("omitted");
            ask.thought = if is_hidden { Thought::Hidden } else { Thought::Shown };
        }
        Ok(ask)
    }

    /// What the formats have in common. `more_words` are those beside the messages.
    fn ask(&self, messages: &[Message<'_>], more_words: u64) -> Result<Ask, Malformed> {
        let Some(model) = self.model.clone() else {
            return Err(Malformed::Missing("model"));
        };
        let new = &messages[messages.iter().rposition(Message::is_models).map_or(0, |last| last + 1)..];
        let results: Vec<&Said<'_>> = new.iter().flat_map(Message::results).collect();
        let since = last_user_text(new);
        let said = since.clone().or_else(|| last_user_text(messages)).unwrap_or_default();
        let Orders { preface, calls } = self.orders(since.as_deref().unwrap_or_default())?;
        Ok(Ask {
            model,
            streams: self.stream.unwrap_or(false),
            includes_usage: self.stream_options.as_ref().is_some_and(|options| options.include_usage),
            said: echoed(&said),
            input_tokens: messages.iter().map(Message::words).sum::<u64>() + more_words,
            media: media(messages, &results),
            results: results.iter().map(|result| echoed(&result.text())).collect(),
            said_since: since.is_some(),
            preface,
            calls,
            ..Ask::default()
        })
    }

    /// What the user's text orders, and what the caller's choice makes of it.
    fn orders(&self, text: &str) -> Result<Orders, Malformed> {
        let names: Vec<&str> = self.tools.iter().flatten().filter_map(tools::Tool::callable).collect();
        let freedom = match &self.tool_choice {
            None => Freedom::Free,
            Some(choice) => choice.freedom().ok_or_else(|| no_such_choice("is no choice that there is"))?,
        };
        let is_called = |name: &String| names.contains(&name.as_str());
        let mut ordered = orders(text, &names);
        match freedom {
            Freedom::Forbidden => return Ok(Orders::default()),
            Freedom::Free => {}
            Freedom::Forced if ordered.calls.is_empty() => match names.first() {
                Some(first) => ordered.calls = vec![call_of(first, Vec::new())],
                None => return Err(no_such_choice("needs tools")),
            },
            Freedom::Forced => {}
            Freedom::Bound(name) if is_called(&name) => ordered.calls = vec![call_of(&name, ordered.calls)],
            Freedom::Bound(_) => return Err(no_such_choice("names no tool of the request")),
        }
        let one_call = self.tool_choice.as_ref().is_some_and(tools::Choice::allows_one_call);
        if one_call || self.parallel_tool_calls == Some(false) {
            ordered.calls.truncate(1);
        }
        Ok(ordered)
    }
}

impl TextFormat {
    /// The schema of a JSON answer: an empty one where any object will do.
    fn json(&self) -> Option<Value> {
        let schema = match self.kind.as_str() {
            "json_object" => None,
            "json_schema" => {
                self.json_schema.as_ref().and_then(|nested| nested.schema.as_ref()).or(self.schema.as_ref())
            }
            _ => return None,
        };
        Some(schema.cloned().unwrap_or_default())
    }
}

/// Reads JSON of any type, borrowing what can be borrowed.
pub(super) fn parse<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, Malformed> {
    serde_json::from_slice(body).map_err(refuse_unreadable)
}

fn refuse_unreadable(error: serde_json::Error) -> Malformed {
    match error.classify() {
        Category::Data => Malformed::WrongType(error.to_string()),
        Category::Syntax | Category::Eof | Category::Io => Malformed::NotJson,
    }
}

fn no_such_choice(problem: &str) -> Malformed {
    Malformed::Refused { place: "tool_choice".to_owned(), problem: problem.to_owned() }
}

/// The words of a text: what this mock counts as tokens.
pub(super) fn words(text: &str) -> u64 {
    text.split_whitespace().count() as u64
}

fn echoed(text: &str) -> String {
    text.chars().take(ECHOED_CHARS_MAX).collect()
}

fn last_user_text(messages: &[Message<'_>]) -> Option<String> {
    let texts = messages.iter().rev().filter(|message| message.role == "user").map(Message::text);
    texts.into_iter().find(|text| !text.is_empty())
}

/// What the last message of the user shows, and what the tools' results do. All of it was found readable before.
fn media(messages: &[Message<'_>], results: &[&Said<'_>]) -> Vec<Media> {
    let last = messages.iter().rev().find(|message| message.role == "user");
    let blocks = last.into_iter().flat_map(Message::blocks).chain(results.iter().flat_map(|result| result.blocks()));
    blocks.filter_map(|block| block.media().ok().flatten()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(json: &str) -> String {
        Ask::from_chat(json.as_bytes()).unwrap().said
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
            {"type":"image_url","image_url":{"url":"https://a/b.png"}},{"type":"text","text":"this?"}]}]}"#;
        assert_eq!(said(json), "what is this?");
    }

    #[test]
    fn a_long_text_is_cut_by_characters_not_bytes() {
        let json = format!(r#"{{"model":"m","messages":[{{"role":"user","content":"{}"}}]}}"#, "ü".repeat(300));
        assert_eq!(said(&json), "ü".repeat(200));
    }

    #[test]
    fn bad_bodies_are_told_apart() {
        let refuse = |json: &str| Ask::from_chat(json.as_bytes()).unwrap_err();
        assert!(matches!(refuse("{"), Malformed::NotJson));
        assert!(matches!(refuse("[]"), Malformed::WrongType(_)));
        assert!(matches!(refuse(r#"{"model":"m"}"#), Malformed::Missing("messages")));
        assert!(matches!(refuse(r#"{"model":"m","messages":[]}"#), Malformed::Missing("messages")));
        assert!(matches!(refuse(r#"{"messages":[{"role":"user","content":"a"}]}"#), Malformed::Missing("model")));
        assert!(matches!(refuse(r#"{"model":"m","system":"a"}"#), Malformed::Unknown(field) if field == "system"));
        assert!(matches!(refuse(r#"{"model":"m"} 1"#), Malformed::NotJson));
    }
}
