//! OpenAI's dialect: chat completions, completions, embeddings and models. `/v1/responses` has a module of its own.
//!
//! Shapes after <https://platform.openai.com/docs/api-reference> and the types of the openai-python package.

use bytes::Bytes;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json, value::RawValue};

use super::{
    answer::{self, Answer, Voice, count_tokens, event, tokens},
    ask::{Ask, Malformed, parse, words},
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
            Endpoint::ChatCompletions => Ok(chat_completion(voice, &Ask::from_messages(body)?)),
            Endpoint::Completions => Ok(completion(voice, &Ask::from_prompt(body)?)),
            Endpoint::Embeddings => embeddings(body),
            Endpoint::Responses => Ok(responses::answer(voice, &Ask::from_input(body)?)),
            Endpoint::Models => Ok(models()),
            Endpoint::Model(id) => Ok(Answer::Whole(answer::json(&model(id)))),
        }
    }

    /// The event that reports a failure within a stream.
    pub(super) fn error_event(&self) -> Bytes {
        match self {
            Endpoint::Responses => responses::error_event(SERVER_ERROR),
            _ => event(&error_value(StatusCode::INTERNAL_SERVER_ERROR, SERVER_ERROR, None)),
        }
    }
}

pub(super) fn error(status: StatusCode, message: &str, param: Option<&str>) -> Bytes {
    answer::json(&error_value(status, message, param))
}

pub(super) fn malformed(malformed: &Malformed) -> Bytes {
    let (message, param) = match malformed {
        Malformed::NotJson => (NOT_JSON.to_owned(), None),
        Malformed::WrongType(cause) => (format!("Invalid type in request body: {cause}"), None),
        Malformed::Missing(field) => {
            let message = format!("Missing required parameter: '{field}'.");
            (message, Some(*field))
        }
    };
    error(StatusCode::BAD_REQUEST, &message, param)
}

fn error_value(status: StatusCode, message: &str, param: Option<&str>) -> Value {
    let (kind, code) = match status.as_u16() {
        401 => ("invalid_request_error", Some("invalid_api_key")),
        429 => ("requests", Some("rate_limit_exceeded")),
        500.. => ("server_error", None),
        _ if param.is_some() => ("invalid_request_error", Some("missing_required_parameter")),
        _ => ("invalid_request_error", None),
    };
    json!({"error": {"message": message, "type": kind, "param": param, "code": code}})
}

/// Typed rather than built with `json!`, as are the chunks: these are what the load benchmark asks for.
#[derive(Serialize)]
struct Completion<'a, C> {
    id: &'a str,
    object: &'static str,
    created: u64,
    model: &'a str,
    choices: &'a [C],
    #[serde(skip_serializing_if = "UsageField::is_absent")]
    usage: UsageField,
    system_fingerprint: Option<&'static str>,
}

/// `usage` is absent from chunks unless it was asked for, and then null in all chunks but the last.
#[derive(Serialize)]
#[serde(untagged)]
enum UsageField {
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
struct Usage {
    prompt_tokens: u64,
    completion_tokens: u64,
    total_tokens: u64,
}

impl Usage {
    fn of(ask: &Ask, text: &str) -> Self {
        let completion_tokens = count_tokens(text);
        Self { prompt_tokens: ask.input_tokens, completion_tokens, total_tokens: ask.input_tokens + completion_tokens }
    }
}

#[derive(Serialize)]
struct ChatChoice<'a> {
    index: u32,
    message: ChatMessage<'a>,
    logprobs: (),
    finish_reason: &'static str,
}

#[derive(Serialize)]
struct ChatMessage<'a> {
    role: &'static str,
    content: &'a str,
    refusal: (),
    annotations: [(); 0],
}

#[derive(Serialize)]
struct DeltaChoice<'a> {
    index: u32,
    delta: Delta<'a>,
    logprobs: (),
    finish_reason: Option<&'static str>,
}

#[derive(Default, Serialize)]
struct Delta<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<&'a str>,
}

#[derive(Serialize)]
struct TextChoice<'a> {
    text: &'a str,
    index: u32,
    logprobs: (),
    finish_reason: Option<&'static str>,
}

fn chat_completion(voice: &Voice<'_>, ask: &Ask) -> Answer {
    let id = voice.id("chatcmpl-");
    let text = voice.reply(ask);
    if ask.streams {
        return chat_stream(voice, ask, &id, &text);
    }
    let choice = ChatChoice {
        index: 0,
        message: ChatMessage { role: "assistant", content: &text, refusal: (), annotations: [] },
        logprobs: (),
        finish_reason: "stop",
    };
    Answer::Whole(answer::json(&Completion {
        id: &id,
        object: "chat.completion",
        created: voice.created,
        model: &ask.model,
        choices: &[choice],
        usage: UsageField::Counted(Usage::of(ask, &text)),
        system_fingerprint: None,
    }))
}

fn chat_stream(voice: &Voice<'_>, ask: &Ask, id: &str, text: &str) -> Answer {
    let stream = Stream { object: "chat.completion.chunk", id, voice, ask };
    let delta = |delta, finish_reason| DeltaChoice { index: 0, delta, logprobs: (), finish_reason };
    let role = Delta { role: Some("assistant"), content: Some("") };
    let word = |word| Delta { role: None, content: Some(word) };
    let mut events = vec![stream.chunk(delta(role, None))];
    events.extend(tokens(text).map(|token| stream.chunk(delta(word(token), None))));
    events.push(stream.chunk(delta(Delta::default(), Some("stop"))));
    stream.end::<DeltaChoice<'_>>(events, text)
}

fn completion(voice: &Voice<'_>, ask: &Ask) -> Answer {
    let id = voice.id("cmpl-");
    let text = voice.reply(ask);
    let choice = |text, finish_reason| TextChoice { text, index: 0, logprobs: (), finish_reason };
    if ask.streams {
        let stream = Stream { object: "text_completion", id: &id, voice, ask };
        let words = tokens(&text).map(|token| stream.chunk(choice(token, None)));
        let mut events: Vec<Bytes> = words.collect();
        events.push(stream.chunk(choice("", Some("stop"))));
        return stream.end::<TextChoice<'_>>(events, &text);
    }
    Answer::Whole(answer::json(&Completion {
        id: &id,
        object: "text_completion",
        created: voice.created,
        model: &ask.model,
        choices: &[choice(&text, Some("stop"))],
        usage: UsageField::Counted(Usage::of(ask, &text)),
        system_fingerprint: None,
    }))
}

/// The envelope that all chunks of a stream share.
struct Stream<'a> {
    object: &'static str,
    id: &'a str,
    voice: &'a Voice<'a>,
    ask: &'a Ask,
}

impl Stream<'_> {
    fn chunk<C: Serialize>(&self, choice: C) -> Bytes {
        let usage = match self.ask.includes_usage {
            true => UsageField::Null,
            false => UsageField::Absent,
        };
        self.render(&[choice], usage)
    }

    /// Adds what closes a stream: the chunk without choices that carries the usage, when asked for, and the end mark.
    fn end<C: Serialize>(&self, mut events: Vec<Bytes>, text: &str) -> Answer {
        if self.ask.includes_usage {
            let usage = Usage::of(self.ask, text);
            events.push(self.render::<C>(&[], UsageField::Counted(usage)));
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
