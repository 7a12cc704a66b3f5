//! Anthropic's messages, by the reference of `POST /v1/messages`.

mod blocks;
mod wire;

use std::collections::HashSet;
use std::mem;

use bytes::Bytes;

use self::blocks::{assistant, content, parts, spoken, tool_result};
use self::wire::{
    Block, Body, InputSchema, JsonSchema, Message, Metadata, NamedTool, Nothing, OutputConfig, Thinking, ToolChoice,
};
use super::schema::is_of_object;
use super::{Count, Told, Write, body, check_results, choice, effort, function_name, max_tokens, sampling};
use crate::upstream::translate::request::families::{OF_MESSAGES, efforts, samples_twice_over, takes_later_system};
use crate::upstream::translate::request::neutral::{
    Choice, Conversation, LeftOut, Level, Literal, Output, Piece, Tool, Turn,
};
use crate::upstream::translate::request::refusal::Refusal;

pub(in super::super) fn write(said: &Conversation<'_>, told: &Told<'_>, left_out: &mut LeftOut) -> Write<Bytes> {
    check_results(&said.turns)?;
    if let Some(stop) = said.stop.iter().find(|stop| stop.is_blank()) {
        return Err(Refusal::new(stop.at(), "is blank, which Anthropic's messages refuse to stop at"));
    }
    if said.verbosity.is_some_and(|verbosity| verbosity.text() != "medium") {
        left_out.add("verbosity");
    }
    if said.cache_key.is_some() {
        left_out.add("prompt_cache_key");
    }
    if said.service_tier.is_some() {
        left_out.add("service_tier");
    }
    let first_spoken = said.turns.iter().position(|turn| !matches!(turn, Turn::System { .. }));
    let (system, spoken) = said.turns.split_at(first_spoken.unwrap_or(said.turns.len()));
    let sampling = sampling(said, told.model)?;
    if let (Some(_), Some(top_p), false) = (sampling.temperature, sampling.top_p, samples_twice_over(told.model)) {
        return Err(Refusal::new(top_p.at(), "stands beside a temperature, which the upstream's model refuses"));
    }
    let effort = effort(said, efforts(told.model).unwrap_or(OF_MESSAGES), left_out);
    let mut tools = said.tools.iter().map(tool).collect::<Write<Vec<_>>>()?;
    let mut tool_choice = tool_choice(said);
    if tools.is_empty() && matches!(said.choice, None | Some(Choice::Never)) {
        tools = called_tools(&said.turns)?;
        tool_choice = (!tools.is_empty()).then_some(ToolChoice::NEVER);
    }
    Ok(body(&Body {
        model: told.model,
        max_tokens: max_tokens(said, told.model, left_out).unwrap_or(Count::Ours(DEFAULT_MAX_TOKENS)),
        system: content(system.iter().flat_map(texts).map(|text| Block::Text { text: *text }).collect()),
        messages: messages(spoken, said.turns_at, told.model, left_out)?,
        tools,
        tool_choice,
        temperature: sampling.temperature.map(temperature).transpose()?,
        top_p: sampling.top_p,
        stop_sequences: &said.stop,
        thinking: effort.filter(|effort| *effort == Level::None).map(|_| Thinking { sort: "disabled" }),
        output_config: output_config(effort, said.output.as_ref())?,
        stream: said.streams,
        metadata: told.identifier.map(|user_id| Metadata { user_id }),
    }))
}

fn texts<'t, 'a>(turn: &'t Turn<'a>) -> &'t [Literal<'a>] {
    match turn {
        Turn::System { texts, .. } => texts,
        Turn::User(_) | Turn::Assistant { .. } | Turn::Results(_) => &[],
    }
}

fn messages<'a>(
    turns: &'a [Turn<'a>],
    turns_at: usize,
    model: &str,
    left_out: &mut LeftOut,
) -> Write<Vec<Message<'a>>> {
    let mut written = Written { model, messages: Vec::new() };
    // What the user adds to results stands behind them in the same message.
    let mut results = Vec::new();
    for (index, turn) in turns.iter().enumerate() {
        match turn {
            Turn::System { at, texts, .. } => {
                written.system(*at, texts.iter().map(|text| Block::Text { text: *text }).collect())?;
            }
            Turn::User(said) => {
                let mut blocks = mem::take(&mut results);
                parts(said, left_out, &mut blocks)?;
                written.push("user", 0, blocks)?;
            }
            Turn::Assistant { at, pieces } => written.push("assistant", *at, assistant(pieces)?)?,
            Turn::Results(said) => {
                results = said.iter().map(|result| tool_result(result, left_out)).collect::<Write<_>>()?;
                if !matches!(turns.get(index + 1), Some(Turn::User(_))) {
                    written.push("user", 0, mem::take(&mut results))?;
                }
            }
        }
    }
    written.finish(turns_at)
}

/// The messages so far without those that say nothing, each with its role and the place of its turn.
struct Written<'a, 'm> {
    model: &'m str,
    messages: Vec<(&'static str, usize, Vec<Block<'a>>)>,
}

impl<'a> Written<'a, '_> {
    fn push(&mut self, role: &'static str, at: usize, blocks: Vec<Block<'a>>) -> Write<()> {
        let blocks = spoken(blocks);
        if blocks.is_empty() {
            return Ok(());
        }
        match self.messages.last() {
            Some(("system", system_at, _)) if role == "user" => return Err(Refusal::new(*system_at, NO_PLACE)),
            _ => self.messages.push((role, at, blocks)),
        }
        Ok(())
    }

    /// Behind the first turn, what the system says stands between a turn of the user's and one of the assistant's, in one
    /// message.
    fn system(&mut self, at: usize, blocks: Vec<Block<'a>>) -> Write<()> {
        let blocks = spoken(blocks);
        match self.messages.last_mut() {
            _ if blocks.is_empty() => {}
            Some(("system", _, before)) => before.extend(blocks),
            Some(("user", _, _)) if takes_later_system(self.model) => self.messages.push(("system", at, blocks)),
            _ => return Err(Refusal::new(at, NO_PLACE)),
        }
        Ok(())
    }

    fn finish(self, turns_at: usize) -> Write<Vec<Message<'a>>> {
        match self.messages.last() {
            None => return Err(Refusal::new(turns_at, "says nothing, which Anthropic's messages refuse")),
            Some(("assistant", at, _)) => {
                let problem = "is the assistant's and the last: Anthropic's messages would go on with it";
                return Err(Refusal::new(*at, problem));
            }
            Some(_) => {}
        }
        let said = |(role, _, blocks)| content(blocks).map(|content| Message { role, content });
        Ok(self.messages.into_iter().filter_map(said).collect())
    }
}

const NO_PLACE: &str = "stands where Anthropic's messages take no system's";

fn tool<'a>(tool: &'a Tool<'a>) -> Write<NamedTool<'a>> {
    let input_schema = match tool.schema {
        Some(schema) if is_of_object(schema) => InputSchema::Said(schema),
        Some(schema) if !schema.0.is_empty() => {
            return Err(Refusal::new(schema.at(), "is not an object's schema, which Anthropic's messages take alone"));
        }
        _ => TAKES_NOTHING,
    };
    let name = function_name(tool.name, NAME_BYTES_MAX)?;
    Ok(NamedTool { name, description: tool.description, input_schema, strict: tool.strict })
}

/// The tools that were called, where the caller offers none any more: this format refuses calls of tools that it is not
/// told of.
fn called_tools<'a>(turns: &[Turn<'a>]) -> Write<Vec<NamedTool<'a>>> {
    let mut names = HashSet::new();
    let pieces = turns.iter().flat_map(|turn| match turn {
        Turn::Assistant { pieces, .. } => pieces.as_slice(),
        Turn::System { .. } | Turn::User(_) | Turn::Results(_) => &[],
    });
    let called = pieces.filter_map(|piece| match piece {
        Piece::Call(call) if names.insert(call.name.text()) => Some(call.name),
        Piece::Call(_) | Piece::Text(_) => None,
    });
    let named = |name| {
        let (name, input_schema) = (function_name(name, NAME_BYTES_MAX)?, TAKES_NOTHING);
        Ok(NamedTool { name, description: None, input_schema, strict: None })
    };
    called.map(named).collect()
}

const TAKES_NOTHING: InputSchema<'static> = InputSchema::TakesNothing { r#type: "object", properties: Nothing {} };

/// Whether calls may be parallel is told beside which tool is to be called.
fn tool_choice<'a>(said: &Conversation<'a>) -> Option<ToolChoice<'a>> {
    let one_at_a_time = said.parallel_calls == Some(false) && !said.tools.is_empty();
    let (sort, name) = match choice(said) {
        None if one_at_a_time => ("auto", None),
        None => return None,
        Some(Choice::Never) => ("none", None),
        Some(Choice::Any) => ("any", None),
        Some(Choice::Tool(name)) => ("tool", Some(*name)),
    };
    Some(ToolChoice { sort, name, disable_parallel_tool_use: one_at_a_time && sort != "none" })
}

fn temperature(temperature: Literal<'_>) -> Write<Literal<'_>> {
    match temperature.number() {
        Some(number) if number > 1.0 => Err(Refusal::new(temperature.at(), "is above 1, Anthropic's highest")),
        _ => Ok(temperature),
    }
}

fn output_config<'a>(effort: Option<Level>, output: Option<&Output<'a>>) -> Write<Option<OutputConfig<'a>>> {
    let effort = effort.filter(|effort| *effort != Level::None);
    let format = output.map(json_schema).transpose()?;
    Ok((effort.is_some() || format.is_some()).then_some(OutputConfig { effort, format }))
}

/// A schema's name is for the caller's own use.
fn json_schema<'a>(output: &Output<'a>) -> Write<JsonSchema<'a>> {
    match output {
        Output::AnyObject { at } => Err(Refusal::wordless(*at)),
        Output::Schema(schema) => match (schema.description, schema.schema) {
            (Some(description), _) => Err(Refusal::wordless(description.at())),
            (None, None) => Err(Refusal::wordless(schema.at)),
            (None, Some(schema)) => Ok(JsonSchema { schema }),
        },
    }
}

/// This format demands a bound, and the others do not: the most that every model in service can write.
const DEFAULT_MAX_TOKENS: u32 = 32_000;

/// By the reference of tools.
const NAME_BYTES_MAX: usize = 128;
