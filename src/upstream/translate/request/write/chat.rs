//! OpenAI's chat completions, by the reference of `POST /v1/chat/completions`.

mod wire;

use bytes::Bytes;

use self::wire::{
    Body, CalledFunction, ContentPart, Function, FunctionTool, ImageUrl, Message, Name, NamedFunction, ResponseFormat,
    StreamOptions, ToolCall,
};
use super::openai::{self, FAILED, arguments, check_count, content, file_data, json_schema, parallel_calls, url};
use super::schema::Parameters;
use super::{Content, Told, Words, Write, body, check_results, choice, effort, function_name, max_tokens, sampling};
use crate::upstream::translate::request::families::{efforts, reasons_with_tools_in_chat};
use crate::upstream::translate::request::neutral::{
    Call, Conversation, LeftOut, Level, Literal, Output, Part, Piece, Source, Speaker, Tool, ToolResult, Turn,
};
use crate::upstream::translate::request::refusal::Refusal;

pub(in super::super) fn write(said: &Conversation<'_>, told: &Told<'_>, left_out: &mut LeftOut) -> Write<Bytes> {
    check_results(&said.turns)?;
    check_count(&said.tools)?;
    if let Some(stop) = said.stop.get(STOPS_MAX) {
        return Err(Refusal::new(stop.at(), "is one more than the four that OpenAI's chat completions stop at"));
    }
    let effort = effort(said, efforts(told.model).unwrap_or(openai::EFFORTS), left_out);
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
        tool_choice: choice(said).map(|choice| openai::tool_choice(choice, named_function)),
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

fn push_messages<'a>(turn: &'a Turn<'a>, messages: &mut Vec<Message<'a>>) -> Write<()> {
    match turn {
        Turn::System { speaker: Speaker::System, texts, .. } => messages.push(Message::System { content: text(texts) }),
        Turn::System { speaker: Speaker::Developer, texts, .. } => {
            messages.push(Message::Developer { content: text(texts) });
        }
        Turn::User(parts) => messages.push(Message::User { content: content(parts, part)? }),
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
    openai::text(texts, |text| ContentPart::Text { text })
}

fn part<'a>(part: &'a Part<'a>) -> Write<ContentPart<'a>> {
    match part {
        Part::Text(text) => Ok(ContentPart::Text { text: Words::Said(*text) }),
        Part::Image(image) => {
            Ok(ContentPart::ImageUrl { image_url: ImageUrl { url: url(&image.source), detail: image.detail } })
        }
        Part::File(file) => match &file.source {
            Source::Url(_) => Err(Refusal::wordless(file.at)),
            Source::Data { media_type, base64 } => Ok(ContentPart::File { file: file_data(file, media_type, base64)? }),
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

fn named_function(name: Literal<'_>) -> NamedFunction<'_> {
    NamedFunction { function: Name { name } }
}

fn response_format<'a>(output: &Output<'a>) -> ResponseFormat<'a> {
    match output {
        Output::AnyObject { .. } => ResponseFormat::JsonObject,
        Output::Schema(schema) => ResponseFormat::JsonSchema { json_schema: json_schema(schema) },
    }
}

/// By the reference of function tools.
const NAME_BYTES_MAX: usize = 64;

/// Longer ones are refused, although the reference does not say so.
const ID_BYTES_MAX: usize = 64;

/// By the reference of `stop`.
const STOPS_MAX: usize = 4;
