//! Anthropic's messages, by the reference of `POST /v1/messages`.

mod blocks;

use crate::prompt::json::Value;

use self::blocks::{User, assistant_block, system_block, user_block};
use super::{Read, content, effort, is_direct, is_false, is_nothing, list, object, push_result, text};
use crate::upstream::translate::request::neutral::{
    Choice, Conversation, Effort, LeftOut, Level, Literal, Output, Part, Piece, Schema, Speaker, Tool, Turn,
};
use crate::upstream::translate::request::refusal::Refusal;

pub(in super::super) fn read(root: Value<'_>) -> Read<Conversation<'_>> {
    let mut left_out = LeftOut::default();
    object(root, |of| {
        // Its tiers are not OpenAI's.
        of.hints(&["cache_control", "diagnostics", "service_tier", "speed"], &mut left_out);
        of.only("mcp_servers", is_nothing)?;
        if let Some(metadata) = of.take("metadata") {
            object(metadata, |of| {
                of.ignore(&["user_id"]);
                Ok(())
            })?;
        }
        if let Some(management) = of.take("context_management") {
            context_management(management, &mut left_out)?;
        }
        let mut turns = Vec::new();
        if let Some(prompt) = of.take("system") {
            turns.extend(Some(system(prompt, prompt.span().start, &mut left_out)?).filter(speaks));
        }
        let said = of.need("messages")?;
        messages(said, &mut turns, &mut left_out)?;
        let tools = of.take("tools").map(|tools| list(tools, |each| tool(each, &mut left_out))).transpose()?;
        let (choice, parallel_calls) = of.take("tool_choice").map(choice).transpose()?.unwrap_or_default();
        let (asked, output) = of.take("output_config").map(output_config).transpose()?.unwrap_or_default();
        let thought = of.take("thinking").map(|value| thinking(value, &mut left_out)).transpose()?.flatten();
        Ok(Conversation {
            model: of.need_text("model")?,
            turns_at: said.span().start,
            turns,
            tools: tools.unwrap_or_default(),
            choice,
            parallel_calls,
            max_tokens: of.number("max_tokens")?,
            temperature: of.number("temperature")?,
            top_p: of.number("top_p")?,
            stop: of.take("stop_sequences").map(|stop| list(stop, text)).transpose()?.unwrap_or_default(),
            output,
            effort: asked.or(thought),
            verbosity: None,
            streams: of.flag("stream")?.unwrap_or(false),
            includes_usage: false,
            cache_key: None,
            service_tier: None,
            left_out: std::mem::take(&mut left_out),
        })
    })
}

fn system<'a>(prompt: Value<'a>, at: usize, left_out: &mut LeftOut) -> Read<Turn<'a>> {
    let texts = content(prompt, |text| text, |block| object(block, |of| system_block(of, left_out)))?;
    Ok(Turn::System { at, speaker: Speaker::System, texts })
}

/// An empty list of blocks is no prompt.
fn speaks(turn: &Turn<'_>) -> bool {
    !matches!(turn, Turn::System { texts, .. } if texts.is_empty())
}

fn messages<'a>(list_of: Value<'a>, turns: &mut Vec<Turn<'a>>, left_out: &mut LeftOut) -> Read<()> {
    list(list_of, |message| {
        object(message, |of| {
            let role = of.need_text("role")?;
            let said = of.need("content")?;
            match &*role.text() {
                "system" => turns.extend(Some(system(said, of.at(), left_out)?).filter(speaks)),
                "user" => user(said, turns, left_out)?,
                "assistant" => {
                    let pieces = content(said, |text| Some(Piece::Text(text)), |it| assistant_block(it, left_out))?;
                    turns.push(Turn::Assistant { at: of.at(), pieces: pieces.into_iter().flatten().collect() });
                }
                _ => return Err(Refusal::wordless(role.at())),
            }
            Ok(())
        })
    })?;
    match turns.last() {
        Some(Turn::Assistant { at, .. }) => {
            Err(Refusal::new(*at, "begins the answer, which other formats cannot ask for"))
        }
        _ => Ok(()),
    }
}

/// Results stand before the user's own words, as this format demands it.
fn user<'a>(said: Value<'a>, turns: &mut Vec<Turn<'a>>, left_out: &mut LeftOut) -> Read<()> {
    let blocks = content(said, |text| User::Part(Part::Text(text)), |block| user_block(block, left_out))?;
    let mut parts = Vec::new();
    let says_nothing = blocks.is_empty();
    for block in blocks {
        match block {
            User::Result(result) => push_result(turns, result),
            User::Part(part) => parts.push(part),
        }
    }
    if says_nothing || !parts.is_empty() {
        turns.push(Turn::User(parts));
    }
    Ok(())
}

fn tool<'a>(value: Value<'a>, left_out: &mut LeftOut) -> Read<Tool<'a>> {
    object(value, |of| {
        match of.text("type")? {
            Some(sort) if sort.text() != "custom" => return Err(Refusal::wordless(sort.at())),
            _ => {}
        }
        of.hints(&["cache_control", "eager_input_streaming"], left_out);
        of.only("defer_loading", is_false)?;
        of.only("allowed_callers", is_direct)?;
        of.only("input_examples", is_nothing)?;
        Ok(Tool {
            name: of.need_text("name")?,
            description: of.text("description")?,
            schema: of.json("input_schema")?,
            strict: of.flag("strict")?,
        })
    })
}

/// Which tool, and whether several may be called in one turn.
fn choice(value: Value<'_>) -> Read<(Option<Choice<'_>>, Option<bool>)> {
    object(value, |of| {
        let (sort, at) = of.sort()?;
        let choice = match &*sort {
            "auto" => None,
            "any" => Some(Choice::Any),
            "none" => Some(Choice::Never),
            "tool" => Some(Choice::Tool(of.need_text("name")?)),
            _ => return Err(Refusal::wordless(at)),
        };
        Ok((choice, of.flag("disable_parallel_tool_use")?.map(|one_at_a_time| !one_at_a_time)))
    })
}

fn output_config(value: Value<'_>) -> Read<(Option<Effort>, Option<Output<'_>>)> {
    object(value, |of| {
        let asked = of.text("effort")?.map(|word| effort(word, "output_config.effort")).transpose()?;
        Ok((asked, of.take("format").map(format).transpose()?))
    })
}

/// This format guarantees what OpenAI's call strict.
fn format(value: Value<'_>) -> Read<Output<'_>> {
    object(value, |of| match of.sort()? {
        (sort, _) if sort == "json_schema" => {
            let schema = of.json("schema")?.ok_or_else(|| Refusal::missing(value, "schema"))?;
            let (at, strict) = (of.at(), Some(true));
            Ok(Output::Schema(Schema { at, name: None, description: None, schema: Some(schema), strict }))
        }
        (_, at) => Err(Refusal::wordless(at)),
    })
}

/// A budget is an effort, told in tokens. Other providers' models decide for themselves whether they think.
fn thinking(value: Value<'_>, left_out: &mut LeftOut) -> Read<Option<Effort>> {
    object(value, |of| {
        if of.take("display").is_some() {
            left_out.add("thinking.display");
        }
        let (sort, at) = of.sort()?;
        match &*sort {
            "adaptive" => Ok(None),
            "disabled" | "between_tools" => {
                left_out.add("thinking");
                Ok(None)
            }
            "enabled" => {
                let budget = of.number("budget_tokens")?.and_then(Literal::number).unwrap_or_default();
                Ok(Some(Effort { level: level(budget), word: "thinking" }))
            }
            _ => Err(Refusal::wordless(at)),
        }
    })
}

fn level(budget_tokens: f64) -> Level {
    match budget_tokens {
        budget if budget <= LOW_BUDGET_TOKENS_MAX => Level::Low,
        budget if budget <= MEDIUM_BUDGET_TOKENS_MAX => Level::Medium,
        _ => Level::High,
    }
}

/// Claude Code's budgets when its user asks it to think, to think hard, and harder, lie around these.
const LOW_BUDGET_TOKENS_MAX: f64 = 4096.0;
const MEDIUM_BUDGET_TOKENS_MAX: f64 = 16384.0;

/// Clearing earlier thoughts is done by leaving them out; clearing anything else would change what the model reads.
fn context_management(value: Value<'_>, left_out: &mut LeftOut) -> Read<()> {
    left_out.add("context_management");
    object(value, |of| {
        let edit = |edit| {
            object(edit, |of| {
                of.ignore(&["keep"]);
                match of.sort()? {
                    (sort, _) if sort == "clear_thinking_20251015" => Ok(()),
                    (_, at) => Err(Refusal::wordless(at)),
                }
            })
        };
        of.take("edits").map(|edits| list(edits, edit)).transpose()?;
        Ok(())
    })
}
