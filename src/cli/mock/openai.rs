//! OpenAI's dialect: completions, embeddings, models and errors. Chat completions and responses have their own modules.
//!
//! Shapes after <https://platform.openai.com/docs/api-reference> and the types of the openai-python package.

use bytes::Bytes;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json, value::RawValue};

use super::{
    answer::{self, Answer, Voice, event, tokens},
    ask::{Ask, Malformed, parse, words},
    chat,
    faults::ErrorEvent,
    reply::{Reply, Stop},
    responses,
};

#[derive(Debug, Eq, PartialEq)]
pub(super) enum Endpoint {
    ChatCompletions,
    Completions,
    Embeddings,
    Responses,
    Models,
    Model(String),
}

impl Endpoint {
    pub(super) fn answer(&self, voice: &Voice<'_>, body: &[u8]) -> Result<Answer, Malformed> {
        match self {
            Endpoint::ChatCompletions => Ok(chat::answer(voice, &Ask::from_chat(body)?)),
            Endpoint::Completions => Ok(completion(voice, &Ask::from_prompt(body)?)),
            Endpoint::Embeddings => embeddings(body),
            Endpoint::Responses => Ok(responses::answer(voice, &Ask::from_input(body)?)),
            Endpoint::Models => Ok(models()),
            Endpoint::Model(id) => Ok(Answer::Whole(answer::json(&model(id)))),
        }
    }

    /// The event that reports a failure within a stream, after so many others.
    pub(super) fn error_event(&self, told: &ErrorEvent, events: usize) -> Bytes {
        let message = told.message.as_deref().unwrap_or(SERVER_ERROR);
        let kind = told.kind.as_deref().unwrap_or("server_error");
        match self {
            Endpoint::Responses => responses::error_event(kind, message, events),
            _ => event(&json!({"error": {"message": message, "type": kind, "param": null, "code": null}})),
        }
    }

    /// What is told of a prompt that is too long, and the parameter that holds it.
    pub(super) fn context_window(&self) -> (&'static str, &'static str) {
        match self {
            Endpoint::Responses => (INPUT_TOO_LONG, "input"),
            _ => (MESSAGES_TOO_LONG, "messages"),
        }
    }
}

pub(super) fn error(status: StatusCode, message: &str, param: Option<&str>, code: Option<&str>) -> Bytes {
    let kind = match status.as_u16() {
        429 => "requests",
        500.. => "server_error",
        _ => "invalid_request_error",
    };
    let code = code.or(match status.as_u16() {
        401 => Some("invalid_api_key"),
        429 => Some("rate_limit_exceeded"),
        _ => None,
    });
    answer::json(&json!({"error": {"message": message, "type": kind, "param": param, "code": code}}))
}

pub(super) fn malformed(malformed: &Malformed) -> Bytes {
    let (message, param, code) = match malformed {
        Malformed::NotJson => (NOT_JSON.to_owned(), None, None),
        Malformed::WrongType(cause) => (format!("Invalid type in request body: {cause}"), None, None),
        Malformed::Missing(field) => {
            let message = format!("Missing required parameter: '{field}'.");
            (message, Some(*field), Some("missing_required_parameter"))
        }
        Malformed::Unknown(field) => {
            (format!("Unknown parameter: '{field}'."), Some(field.as_str()), Some("unknown_parameter"))
        }
        Malformed::Refused { place, problem } => (problem.clone(), Some(place.as_str()), None),
    };
    error(StatusCode::BAD_REQUEST, &message, param, code)
}

/// A completion or a chunk of one, of either sort.
#[derive(Serialize)]
pub(super) struct Completion<'a, C> {
    pub(super) id: &'a str,
    pub(super) object: &'static str,
    pub(super) created: u64,
    pub(super) model: &'a str,
    pub(super) choices: &'a [C],
    #[serde(skip_serializing_if = "UsageField::is_absent")]
    pub(super) usage: UsageField,
    pub(super) system_fingerprint: Option<&'static str>,
}

/// `usage` is absent from chunks unless it was asked for, and then null in all chunks but the last.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum UsageField {
    Absent,
    Null,
    Counted(Usage),
}

impl UsageField {
    fn is_absent(&self) -> bool {
        matches!(self, UsageField::Absent)
    }
}

#[derive(Clone, Copy, Serialize)]
pub(super) struct Usage {
    prompt_tokens: u64,
    completion_tokens: u64,
    total_tokens: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    prompt_tokens_details: Option<PromptDetails>,
    #[serde(skip_serializing_if = "Option::is_none")]
    completion_tokens_details: Option<CompletionDetails>,
}

#[derive(Clone, Copy, Serialize)]
struct PromptDetails {
    cached_tokens: u64,
}

#[derive(Clone, Copy, Serialize)]
struct CompletionDetails {
    reasoning_tokens: u64,
}

impl Usage {
    /// OpenAI counts cached tokens among those of the prompt.
    pub(super) fn of(reply: &Reply) -> Self {
        let (prompt_tokens, completion_tokens) = (reply.input_tokens + reply.cached_tokens, reply.output_tokens());
        let (cached_tokens, reasoning_tokens) = (reply.cached_tokens, reply.thinking_tokens());
        Self {
            prompt_tokens,
            completion_tokens,
            total_tokens: prompt_tokens + completion_tokens,
            prompt_tokens_details: (cached_tokens > 0).then_some(PromptDetails { cached_tokens }),
            completion_tokens_details: (reasoning_tokens > 0).then_some(CompletionDetails { reasoning_tokens }),
        }
    }
}

#[derive(Serialize)]
struct TextChoice<'a> {
    text: &'a str,
    index: u32,
    logprobs: (),
    finish_reason: Option<&'static str>,
}

fn completion(voice: &Voice<'_>, ask: &Ask) -> Answer {
    let id = voice.id("cmpl-");
    let reply = Reply::new(voice, ask);
    let choice = |text, finish_reason| TextChoice { text, index: 0, logprobs: (), finish_reason };
    let end = Some(if reply.stop == Stop::Length { "length" } else { "stop" });
    if ask.streams {
        let stream = Stream { object: "text_completion", id: &id, voice, ask };
        let words = tokens(&reply.text).map(|token| stream.chunk(choice(token, None)));
        let mut events: Vec<Bytes> = words.collect();
        events.push(stream.chunk(choice("", end)));
        return stream.end::<TextChoice<'_>>(events, &reply);
    }
    Answer::Whole(answer::json(&Completion {
        id: &id,
        object: "text_completion",
        created: voice.created,
        model: &ask.model,
        choices: &[choice(&reply.text, end)],
        usage: UsageField::Counted(Usage::of(&reply)),
        system_fingerprint: None,
    }))
}

/// The envelope that all chunks of a stream share.
pub(super) struct Stream<'a> {
    pub(super) object: &'static str,
    pub(super) id: &'a str,
    pub(super) voice: &'a Voice<'a>,
    pub(super) ask: &'a Ask,
}

impl Stream<'_> {
    pub(super) fn chunk<C: Serialize>(&self, choice: C) -> Bytes {
        let usage = match self.ask.includes_usage {
            true => UsageField::Null,
            false => UsageField::Absent,
        };
        self.render(&[choice], usage)
    }

    /// Adds what closes a stream: the chunk without choices that carries the usage, when asked for, and the end mark.
    pub(super) fn end<C: Serialize>(&self, mut events: Vec<Bytes>, reply: &Reply) -> Answer {
        if self.ask.includes_usage {
            events.push(self.render::<C>(&[], UsageField::Counted(Usage::of(reply))));
        }
        events.push(Bytes::from_static(b"data: [DONE]\n\n"));
        Answer::Events(events)
    }

    fn render<C: Serialize>(&self, choices: &[C], usage: UsageField) -> Bytes {
        event(&Completion {
            id: self.id,
            object: self.object,
            created: self.voice.created,
            model: &self.ask.model,
            choices,
            usage,
            system_fingerprint: None,
        })
    }
}

#[derive(Deserialize)]
struct EmbeddingsAsk<'a> {
    model: Option<String>,
    #[serde(borrow)]
    input: Option<&'a RawValue>,
    encoding_format: Option<String>,
}

fn embeddings(body: &[u8]) -> Result<Answer, Malformed> {
    let ask: EmbeddingsAsk<'_> = parse(body)?;
    let Some(input) = ask.input else {
        return Err(Malformed::Missing("input"));
    };
    let Some(model) = ask.model else {
        return Err(Malformed::Missing("model"));
    };
    let vector = match ask.encoding_format.as_deref() {
        Some("base64") => json!(EMBEDDING_BASE64),
        _ => json!(EMBEDDING),
    };
    let data: Vec<Value> = (0..inputs(input.get()))
        .map(|index| json!({"object": "embedding", "index": index, "embedding": vector}))
        .collect();
    let tokens = words(input.get());
    Ok(Answer::Whole(answer::json(&json!({
        "object": "list",
        "data": data,
        "model": model,
        "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
    }))))
}

/// Texts in an `input`: a string and a list of token numbers are one text, any other list has one an element.
fn inputs(input: &str) -> usize {
    match serde_json::from_str(input) {
        Ok(Value::Array(elements)) if !elements.iter().all(Value::is_number) => elements.len(),
        _ => 1,
    }
}

fn models() -> Answer {
    let data: Vec<Value> = MODELS.iter().map(|id| model(id)).collect();
    Answer::Whole(answer::json(&json!({"object": "list", "data": data})))
}

fn model(id: &str) -> Value {
    json!({"id": id, "object": "model", "created": 1_715_367_049, "owned_by": "mock"})
}

const MODELS: [&str; 3] = ["gpt-4.1", "gpt-4o-mini", "text-embedding-3-small"];

/// A unit vector, short because nothing reads it, of values that base64 renders exactly.
const EMBEDDING: [f32; 4] = [0.5, -0.5, 0.5, 0.5];

/// [`EMBEDDING`] as little-endian floats in base64, the form that both official packages ask for by default.
const EMBEDDING_BASE64: &str = "AAAAPwAAAL8AAAA/AAAAPw==";

const NOT_JSON: &str = "We could not parse the JSON body of your request.";
const MESSAGES_TOO_LONG: &str = "This model's maximum context length is 128000 tokens. However, your messages resulted in 130000 tokens. Please reduce the length of the messages.";
const INPUT_TOO_LONG: &str =
    "Your input exceeds the context window of this model. Please adjust your input and try again.";
const SERVER_ERROR: &str = "The server had an error while processing your request. Sorry about that!";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_token_numbers_is_one_input() {
        assert_eq!(inputs(r#""text""#), 1);
        assert_eq!(inputs("[1, 2, 3]"), 1);
        assert_eq!(inputs(r#"["a", "b"]"#), 2);
        assert_eq!(inputs("[[1], [2, 3]]"), 2);
    }
}
