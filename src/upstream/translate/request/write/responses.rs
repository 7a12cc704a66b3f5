//! OpenAI's responses, by the reference of `POST /v1/responses`.

mod wire;

use bytes::Bytes;

use self::wire::{Body, Format, FunctionTool, InputFile, Item, ItemPart, NamedFunction, Reasoning, TextConfig};
use super::openai::{self, FAILED, arguments, check_count, content, file_data, json_schema, parallel_calls, url};
use super::schema::Parameters;
use super::{Content, Count, Told, Words, Write, body, choice, effort, function_name, max_tokens, sampling};
use crate::upstream::translate::request::families::efforts;
use crate::upstream::translate::request::neutral::{
    Conversation, LeftOut, Literal, Output, Part, Piece, Schema, Source, Speaker, Tool, ToolResult, Turn,
};
use crate::upstream::translate::request::refusal::Refusal;

pub(in super::super) fn write(said: &Conversation<'_>, told: &Told<'_>, left_out: &mut LeftOut) -> Write<Bytes> {
    if let Some(stop) = said.stop.first() {
        return Err(Refusal::wordless(stop.at()));
    }
    check_count(&said.tools)?;
    let sampling = sampling(said, told.model)?;
    let effort = effort(said, efforts(told.model).unwrap_or(openai::EFFORTS), left_out);
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
        tool_choice: choice(said).map(|choice| openai::tool_choice(choice, |name| NamedFunction { name })),
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
            items.push(Item::Message { role, content: openai::text(texts, |text| ItemPart::InputText { text }) });
        }
        Turn::User(parts) => items.push(Item::Message { role: "user", content: content(parts, part)? }),
        Turn::Assistant { pieces, .. } => assistant(pieces, items),
        Turn::Results(results) => {
            for result in results {
                items.push(output(result)?);
            }
        }
    }
    Ok(())
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
                Ok(ItemPart::InputFile(InputFile::Data(file_data(file, media_type, base64)?)))
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
        return Ok(Item::FunctionCallOutput { call_id, output: content(&result.content, part)? });
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

fn text_config<'a>(said: &Conversation<'a>) -> Write<Option<TextConfig<'a>>> {
    let format = said.output.as_ref().map(format).transpose()?;
    let verbosity = said.verbosity;
    Ok((format.is_some() || verbosity.is_some()).then_some(TextConfig { format, verbosity }))
}

fn format<'a>(output: &Output<'a>) -> Write<Format<'a>> {
    match output {
        Output::AnyObject { .. } => Ok(Format::JsonObject),
        Output::Schema(Schema { at, schema: None, .. }) => Err(Refusal::wordless(*at)),
        Output::Schema(schema) => Ok(Format::JsonSchema(json_schema(schema))),
    }
}

/// By the reference of function tools.
const NAME_BYTES_MAX: usize = 128;

/// By the reference of `max_output_tokens`.
const TOKENS_MIN: u32 = 16;
