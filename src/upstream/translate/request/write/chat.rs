//! OpenAI's chat completions, by the reference of `POST /v1/chat/completions`.

use bytes::Bytes;
use serde::Serialize;

use super::schema::{Parameters, strict};
use super::{
    Content, Count, FAILED, OF_OPENAI, Told, UNNAMED_SCHEMA, Words, Write, arguments, body, check_count, check_results,
    choice, effort, function_name, max_tokens, named_data, parallel_calls, sampling, url,
};
use crate::upstream::translate::request::families::{efforts, reasons_with_tools_in_chat};
use crate::upstream::translate::request::neutral::{
    Call, Choice, Conversation, LeftOut, Level, Literal, Output, Part, Piece, Source, Speaker, Tool, ToolResult, Turn,
};
use crate::upstream::translate::request::refusal::Refusal;

pub(in super::super) fn write(said: &Conversation<'_>, told: &Told<'_>, left_out: &mut LeftOut) -> Write<Bytes> {
    check_results(&said.turns)?;
    check_count(&said.tools)?;
    if let Some(stop) = said.stop.get(STOPS_MAX) {
        return Err(Refusal::new(stop.at(), "is one more than the four that OpenAI's chat completions stop at"));
    }
    let effort = effort(said, efforts(told.model).unwrap_or(OF_OPENAI), left_out);
    let reasons = effort.is_some_and(|effort| effort != Level::None);
    if let Some(tool) = said.tools.first().filter(|_| reasons && !reasons_with_tools_in_chat(told.model)) {
        let problem = "is a tool, with which the upstream's model does not reason in chat completions";
        return Err(Refusal::new(tool.name.at(), problem));
    }
    let sampling = sampling(said, told.model)?;
    let mut messages = Vec::new();
    for turn in &said.turns {
        push_messages(turn, &mut messages)?;
    }
    Ok(body(&Body {
        model: told.model,
        messages,
        tools: said.tools.iter().map(tool).collect::<Write<_>>()?,
        tool_choice: choice(said).map(tool_choice),
        parallel_tool_calls: parallel_calls(said),
        max_completion_tokens: max_tokens(said, told.model, left_out),
        temperature: sampling.temperature,
        top_p: sampling.top_p,
        stop: &said.stop,
        response_format: said.output.as_ref().map(response_format),
        reasoning_effort: effort,
        verbosity: said.verbosity,
        // Usage is a part of every other format's stream.
        stream_options: said.streams.then_some(StreamOptions { include_usage: true }),
        stream: said.streams,
        prompt_cache_key: said.cache_key,
        service_tier: said.service_tier,
        safety_identifier: told.identifier,
    }))
}

#[derive(Serialize)]
struct Body<'a> {
    model: &'a str,
    messages: Vec<Message<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tools: Vec<FunctionTool<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_choice: Option<ToolChoice<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parallel_tool_calls: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_completion_tokens: Option<Count<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<Literal<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_p: Option<Literal<'a>>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    stop: &'a [Literal<'a>],
    #[serde(skip_serializing_if = "Option::is_none")]
    response_format: Option<ResponseFormat<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning_effort: Option<Level>,
    #[serde(skip_serializing_if = "Option::is_none")]
    verbosity: Option<Literal<'a>>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    stream: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    stream_options: Option<StreamOptions>,
    #[serde(skip_serializing_if = "Option::is_none")]
    prompt_cache_key: Option<Literal<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    service_tier: Option<Literal<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    safety_identifier: Option<&'a str>,
}

#[derive(Serialize)]
struct StreamOptions {
    include_usage: bool,
}

#[derive(Serialize)]
#[serde(tag = "role", rename_all = "lowercase")]
enum Message<'a> {
    System {
        content: Content<'a, ContentPart<'a>>,
    },
    Developer {
        content: Content<'a, ContentPart<'a>>,
    },
    User {
        content: Content<'a, ContentPart<'a>>,
    },
    Assistant {
        #[serde(skip_serializing_if = "Option::is_none")]
        content: Option<Content<'a, ContentPart<'a>>>,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        tool_calls: Vec<ToolCall<'a>>,
    },
    Tool {
        tool_call_id: Literal<'a>,
        content: Content<'a, ContentPart<'a>>,
    },
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum ContentPart<'a> {
    Text { text: Words<'a> },
    ImageUrl { image_url: ImageUrl<'a> },
    File { file: FileData<'a> },
}

#[derive(Serialize)]
struct ImageUrl<'a> {
    url: Words<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<Literal<'a>>,
}

#[derive(Serialize)]
struct FileData<'a> {
    filename: Words<'a>,
    file_data: Words<'a>,
}

#[derive(Serialize)]
#[serde(tag = "type", rename = "function")]
struct ToolCall<'a> {
    id: Literal<'a>,
    function: CalledFunction<'a>,
}

#[derive(Serialize)]
struct CalledFunction<'a> {
    name: Literal<'a>,
    arguments: Words<'a>,
}

#[derive(Serialize)]
#[serde(tag = "type", rename = "function")]
struct FunctionTool<'a> {
    function: Function<'a>,
}

#[derive(Serialize)]
struct Function<'a> {
    name: Words<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<Literal<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parameters: Option<Parameters<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    strict: Option<bool>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum ToolChoice<'a> {
    Word(&'static str),
    Function(NamedFunction<'a>),
}

#[derive(Serialize)]
#[serde(tag = "type", rename = "function")]
struct NamedFunction<'a> {
    function: Name<'a>,
}

#[derive(Serialize)]
struct Name<'a> {
    name: Literal<'a>,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum ResponseFormat<'a> {
    JsonObject,
    JsonSchema { json_schema: JsonSchema<'a> },
}

#[derive(Serialize)]
struct JsonSchema<'a> {
    name: Words<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<Literal<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    schema: Option<Literal<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    strict: Option<bool>,
}

fn push_messages<'a>(turn: &'a Turn<'a>, messages: &mut Vec<Message<'a>>) -> Write<()> {
    match turn {
        Turn::System { speaker: Speaker::System, texts, .. } => messages.push(Message::System { content: text(texts) }),
        Turn::System { speaker: Speaker::Developer, texts, .. } => {
            messages.push(Message::Developer { content: text(texts) });
        }
        Turn::User(parts) => messages.push(Message::User { content: content(parts)? }),
        Turn::Assistant { pieces, .. } if pieces.is_empty() => {}
        Turn::Assistant { pieces, .. } => messages.push(assistant(pieces)?),
        Turn::Results(results) => {
            for result in results {
                messages.push(tool_message(result)?);
            }
        }
    }
    Ok(())
}

fn text<'a>(texts: &[Literal<'a>]) -> Content<'a, ContentPart<'a>> {
    match texts {
        [] => Content::Text(Words::Ours("")),
        [one] => Content::Text(Words::Said(*one)),
        texts => Content::Parts(texts.iter().map(|text| ContentPart::Text { text: Words::Said(*text) }).collect()),
    }
}

fn content<'a>(parts: &'a [Part<'a>]) -> Write<Content<'a, ContentPart<'a>>> {
    match parts {
        [] => Ok(Content::Text(Words::Ours(""))),
        [Part::Text(text)] => Ok(Content::Text(Words::Said(*text))),
        parts => Ok(Content::Parts(parts.iter().map(part).collect::<Write<_>>()?)),
    }
}

fn part<'a>(part: &'a Part<'a>) -> Write<ContentPart<'a>> {
    match part {
        Part::Text(text) => Ok(ContentPart::Text { text: Words::Said(*text) }),
        Part::Image(image) => {
            Ok(ContentPart::ImageUrl { image_url: ImageUrl { url: url(&image.source), detail: image.detail } })
        }
        Part::File(file) => match &file.source {
            Source::Url(_) => Err(Refusal::wordless(file.at)),
            Source::Data { media_type, base64 } => {
                let named = named_data(file, media_type, base64)?;
                Ok(ContentPart::File { file: FileData { filename: named.name, file_data: named.data } })
            }
        },
    }
}

/// Between the text and the calls of one turn this format knows no order.
fn assistant<'a>(pieces: &'a [Piece<'a>]) -> Write<Message<'a>> {
    let mut texts = Vec::new();
    let mut tool_calls = Vec::new();
    for piece in pieces {
        match piece {
            Piece::Text(text) => texts.push(*text),
            Piece::Call(call) => tool_calls.push(tool_call(call)?),
        }
    }
    Ok(Message::Assistant { content: (!texts.is_empty()).then(|| text(&texts)), tool_calls })
}

fn tool_call<'a>(call: &'a Call<'a>) -> Write<ToolCall<'a>> {
    if call.id.text().len() > ID_BYTES_MAX {
        return Err(Refusal::new(call.id.at(), "is longer than the ids of OpenAI's chat completions"));
    }
    let function = CalledFunction { name: call.name, arguments: arguments(&call.arguments) };
    Ok(ToolCall { id: call.id, function })
}

/// This format's results are texts.
fn tool_message<'a>(result: &'a ToolResult<'a>) -> Write<Message<'a>> {
    let (tool_call_id, mut parts) = (result.call_id, Vec::new());
    for part in &result.content {
        match part {
            Part::Text(text) => parts.push(ContentPart::Text { text: Words::Said(*text) }),
            Part::Image(image) => return Err(Refusal::wordless(image.at)),
            Part::File(file) => return Err(Refusal::wordless(file.at)),
        }
    }
    if result.failed {
        parts.insert(0, ContentPart::Text { text: Words::Ours(FAILED) });
    }
    let content = match parts.as_slice() {
        [ContentPart::Text { text: Words::Said(text) }] => Content::Text(Words::Said(*text)),
        [] => Content::Text(Words::Ours("")),
        _ => Content::Parts(parts),
    };
    Ok(Message::Tool { tool_call_id, content })
}

fn tool<'a>(tool: &'a Tool<'a>) -> Write<FunctionTool<'a>> {
    let name = function_name(tool.name, NAME_BYTES_MAX)?;
    let (description, parameters, strict) = (tool.description, tool.schema.map(Parameters), tool.strict);
    Ok(FunctionTool { function: Function { name, description, parameters, strict } })
}

fn tool_choice<'a>(choice: &Choice<'a>) -> ToolChoice<'a> {
    match choice {
        Choice::Never => ToolChoice::Word("none"),
        Choice::Any => ToolChoice::Word("required"),
        Choice::Tool(name) => ToolChoice::Function(NamedFunction { function: Name { name: *name } }),
    }
}

fn response_format<'a>(output: &Output<'a>) -> ResponseFormat<'a> {
    match output {
        Output::AnyObject { .. } => ResponseFormat::JsonObject,
        Output::Schema(schema) => ResponseFormat::JsonSchema {
            json_schema: JsonSchema {
                name: schema.name.map_or(Words::Ours(UNNAMED_SCHEMA), Words::Said),
                description: schema.description,
                schema: schema.schema,
                strict: strict(schema),
            },
        },
    }
}

/// By the reference of function tools.
const NAME_BYTES_MAX: usize = 64;

/// Longer ones are refused, although the reference does not say so.
const ID_BYTES_MAX: usize = 64;

/// By the reference of `stop`.
const STOPS_MAX: usize = 4;
