//! OpenAI's responses, by the reference of `POST /v1/responses`.

use bytes::Bytes;
use serde::Serialize;

use super::schema::{Parameters, strict};
use super::{
    Content, Count, FAILED, OF_OPENAI, Told, UNNAMED_SCHEMA, Words, Write, arguments, body, check_count, choice,
    effort, function_name, max_tokens, named_data, parallel_calls, sampling, url,
};
use crate::upstream::translate::request::families::efforts;
use crate::upstream::translate::request::neutral::{
    Choice, Conversation, LeftOut, Level, Literal, Output, Part, Piece, Source, Speaker, Tool, ToolResult, Turn,
};
use crate::upstream::translate::request::refusal::Refusal;

pub(in super::super) fn write(said: &Conversation<'_>, told: &Told<'_>, left_out: &mut LeftOut) -> Write<Bytes> {
    if let Some(stop) = said.stop.first() {
        return Err(Refusal::wordless(stop.at()));
    }
    check_count(&said.tools)?;
    let sampling = sampling(said, told.model)?;
    let effort = effort(said, efforts(told.model).unwrap_or(OF_OPENAI), left_out);
    let (instructions, turns) = instructions(&said.turns);
    let mut input = Vec::new();
    for turn in turns {
        push_items(turn, &mut input)?;
    }
    Ok(body(&Body {
        model: told.model,
        instructions,
        input,
        tools: said.tools.iter().map(tool).collect::<Write<_>>()?,
        tool_choice: choice(said).map(tool_choice),
        parallel_tool_calls: parallel_calls(said),
        max_output_tokens: max_tokens(said, told.model, left_out).map(at_least),
        temperature: sampling.temperature,
        top_p: sampling.top_p,
        text: text_config(said)?,
        reasoning: effort.map(|effort| Reasoning { effort }),
        stream: said.streams,
        store: false,
        prompt_cache_key: said.cache_key,
        service_tier: said.service_tier,
        safety_identifier: told.identifier,
    }))
}

#[derive(Serialize)]
struct Body<'a> {
    model: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    instructions: Option<Literal<'a>>,
    input: Vec<Item<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tools: Vec<FunctionTool<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_choice: Option<ToolChoice<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parallel_tool_calls: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_output_tokens: Option<Count<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<Literal<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_p: Option<Literal<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<TextConfig<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning: Option<Reasoning>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    stream: bool,
    /// Its default is to store, which no caller of another format asked for.
    store: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    prompt_cache_key: Option<Literal<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    service_tier: Option<Literal<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    safety_identifier: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Item<'a> {
    Message { role: &'static str, content: Content<'a, ItemPart<'a>> },
    FunctionCall { call_id: Literal<'a>, name: Literal<'a>, arguments: Words<'a> },
    FunctionCallOutput { call_id: Literal<'a>, output: Content<'a, ItemPart<'a>> },
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum ItemPart<'a> {
    InputText { text: Words<'a> },
    OutputText { text: Literal<'a> },
    InputImage { image_url: Words<'a>, detail: Words<'a> },
    InputFile(InputFile<'a>),
}

#[derive(Serialize)]
#[serde(untagged)]
enum InputFile<'a> {
    Data {
        filename: Words<'a>,
        file_data: Words<'a>,
    },
    Url {
        #[serde(skip_serializing_if = "Option::is_none")]
        filename: Option<Literal<'a>>,
        file_url: Literal<'a>,
    },
}

/// Of a function here all is said: strictness has another default than elsewhere.
#[derive(Serialize)]
#[serde(tag = "type", rename = "function")]
struct FunctionTool<'a> {
    name: Words<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<Literal<'a>>,
    parameters: Option<Parameters<'a>>,
    strict: bool,
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
    name: Literal<'a>,
}

#[derive(Serialize)]
struct TextConfig<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    format: Option<Format<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    verbosity: Option<Literal<'a>>,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Format<'a> {
    JsonObject,
    JsonSchema {
        name: Words<'a>,
        #[serde(skip_serializing_if = "Option::is_none")]
        description: Option<Literal<'a>>,
        schema: Literal<'a>,
        #[serde(skip_serializing_if = "Option::is_none")]
        strict: Option<bool>,
    },
}

#[derive(Serialize)]
struct Reasoning {
    effort: Level,
}

/// One text of the system's that begins the conversation has a place of its own.
fn instructions<'t, 'a>(turns: &'t [Turn<'a>]) -> (Option<Literal<'a>>, &'t [Turn<'a>]) {
    match turns {
        [Turn::System { speaker: Speaker::System, texts, .. }, rest @ ..] if texts.len() == 1 => {
            (texts.first().copied(), rest)
        }
        turns => (None, turns),
    }
}

/// A bound below this format's lowest is a probe, to which a few tokens more cost little.
fn at_least(count: Count<'_>) -> Count<'_> {
    match count {
        Count::Said(said) if said.number().is_some_and(|said| said < f64::from(TOKENS_MIN)) => Count::Ours(TOKENS_MIN),
        count => count,
    }
}

fn push_items<'a>(turn: &'a Turn<'a>, items: &mut Vec<Item<'a>>) -> Write<()> {
    match turn {
        Turn::System { speaker, texts, .. } => {
            let role = match speaker {
                Speaker::System => "system",
                Speaker::Developer => "developer",
            };
            items.push(Item::Message { role, content: input_text(texts) });
        }
        Turn::User(parts) => items.push(Item::Message { role: "user", content: content(parts)? }),
        Turn::Assistant { pieces, .. } => assistant(pieces, items),
        Turn::Results(results) => {
            for result in results {
                items.push(output(result)?);
            }
        }
    }
    Ok(())
}

fn input_text<'a>(texts: &[Literal<'a>]) -> Content<'a, ItemPart<'a>> {
    match texts {
        [] => Content::Text(Words::Ours("")),
        [one] => Content::Text(Words::Said(*one)),
        texts => Content::Parts(texts.iter().map(|text| ItemPart::InputText { text: Words::Said(*text) }).collect()),
    }
}

fn content<'a>(parts: &'a [Part<'a>]) -> Write<Content<'a, ItemPart<'a>>> {
    match parts {
        [] => Ok(Content::Text(Words::Ours(""))),
        [Part::Text(text)] => Ok(Content::Text(Words::Said(*text))),
        parts => Ok(Content::Parts(parts.iter().map(part).collect::<Write<_>>()?)),
    }
}

fn part<'a>(part: &'a Part<'a>) -> Write<ItemPart<'a>> {
    match part {
        Part::Text(text) => Ok(ItemPart::InputText { text: Words::Said(*text) }),
        Part::Image(image) => {
            let detail = image.detail.map_or(Words::Ours("auto"), Words::Said);
            Ok(ItemPart::InputImage { image_url: url(&image.source), detail })
        }
        Part::File(file) => match &file.source {
            Source::Url(url) => Ok(ItemPart::InputFile(InputFile::Url { filename: file.name, file_url: *url })),
            Source::Data { media_type, base64 } => {
                let named = named_data(file, media_type, base64)?;
                Ok(ItemPart::InputFile(InputFile::Data { filename: named.name, file_data: named.data }))
            }
        },
    }
}

/// Texts that follow each other are one item, every call is one.
fn assistant<'a>(pieces: &'a [Piece<'a>], items: &mut Vec<Item<'a>>) {
    for run in pieces.chunk_by(|a, b| matches!((a, b), (Piece::Text(_), Piece::Text(_)))) {
        match run {
            [Piece::Call(call)] => {
                let arguments = arguments(&call.arguments);
                items.push(Item::FunctionCall { call_id: call.id, name: call.name, arguments });
            }
            [Piece::Text(text)] => {
                items.push(Item::Message { role: "assistant", content: Content::Text(Words::Said(*text)) })
            }
            run => {
                let parts = run.iter().filter_map(output_text).collect();
                items.push(Item::Message { role: "assistant", content: Content::Parts(parts) });
            }
        }
    }
}

fn output_text<'a>(piece: &Piece<'a>) -> Option<ItemPart<'a>> {
    match piece {
        Piece::Text(text) => Some(ItemPart::OutputText { text: *text }),
        Piece::Call(_) => None,
    }
}

fn output<'a>(result: &'a ToolResult<'a>) -> Write<Item<'a>> {
    let call_id = result.call_id;
    if !result.failed {
        return Ok(Item::FunctionCallOutput { call_id, output: content(&result.content)? });
    }
    let mut parts = vec![ItemPart::InputText { text: Words::Ours(FAILED) }];
    for said in &result.content {
        parts.push(part(said)?);
    }
    Ok(Item::FunctionCallOutput { call_id, output: Content::Parts(parts) })
}

fn tool<'a>(tool: &'a Tool<'a>) -> Write<FunctionTool<'a>> {
    let name = function_name(tool.name, NAME_BYTES_MAX)?;
    let (description, parameters, strict) =
        (tool.description, tool.schema.map(Parameters), tool.strict.unwrap_or(false));
    Ok(FunctionTool { name, description, parameters, strict })
}

fn tool_choice<'a>(choice: &Choice<'a>) -> ToolChoice<'a> {
    match choice {
        Choice::Never => ToolChoice::Word("none"),
        Choice::Any => ToolChoice::Word("required"),
        Choice::Tool(name) => ToolChoice::Function(NamedFunction { name: *name }),
    }
}

fn text_config<'a>(said: &Conversation<'a>) -> Write<Option<TextConfig<'a>>> {
    let format = said.output.as_ref().map(format).transpose()?;
    let verbosity = said.verbosity;
    Ok((format.is_some() || verbosity.is_some()).then_some(TextConfig { format, verbosity }))
}

fn format<'a>(output: &Output<'a>) -> Write<Format<'a>> {
    match output {
        Output::AnyObject { .. } => Ok(Format::JsonObject),
        Output::Schema(schema) => Ok(Format::JsonSchema {
            name: schema.name.map_or(Words::Ours(UNNAMED_SCHEMA), Words::Said),
            description: schema.description,
            schema: schema.schema.ok_or(Refusal::wordless(schema.at))?,
            strict: strict(schema),
        }),
    }
}

/// By the reference of function tools.
const NAME_BYTES_MAX: usize = 128;

/// By the reference of `max_output_tokens`.
const TOKENS_MIN: u32 = 16;
