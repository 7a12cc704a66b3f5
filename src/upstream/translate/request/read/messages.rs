//! Anthropic's messages, by the reference of `POST /v1/messages`.

use crate::prompt::json::Value;

use super::{Members, Read, content, effort, is_direct, is_false, is_nothing, list, object, push_result, text};
use crate::upstream::translate::request::neutral::{
    Arguments, Call, Choice, Conversation, Effort, File, Image, LeftOut, Level, Literal, Output, Part, Piece, Schema,
    Source, Speaker, Tool, ToolResult, Turn,
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

fn system_block<'a>(of: &mut Members<'a>, left_out: &mut LeftOut) -> Read<Literal<'a>> {
    match of.sort()? {
        (sort, _) if sort == "text" => text_block(of, left_out),
        (_, at) => Err(Refusal::wordless(at)),
    }
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

enum User<'a> {
    Part(Part<'a>),
    Result(ToolResult<'a>),
}

fn user_block<'a>(block: Value<'a>, left_out: &mut LeftOut) -> Read<User<'a>> {
    object(block, |of| {
        let (sort, at) = of.sort()?;
        if sort != "tool_result" {
            return Ok(User::Part(part(of, &sort, at, left_out)?));
        }
        of.hints(BLOCK_HINTS, left_out);
        let said = of.take("content").map(|said| {
            content(said, Part::Text, |block| {
                object(block, |of| {
                    let (sort, at) = of.sort()?;
                    part(of, &sort, at, left_out)
                })
            })
        });
        Ok(User::Result(ToolResult {
            call_id: of.need_text("tool_use_id")?,
            content: said.transpose()?.unwrap_or_default(),
            failed: of.flag("is_error")?.unwrap_or(false),
        }))
    })
}

fn part<'a>(of: &mut Members<'a>, sort: &str, at: usize, left_out: &mut LeftOut) -> Read<Part<'a>> {
    match sort {
        "text" => Ok(Part::Text(text_block(of, left_out)?)),
        "image" => {
            of.hints(BLOCK_HINTS, left_out);
            Ok(Part::Image(Image { at: of.at(), source: source(of.need("source")?)?, detail: None }))
        }
        "document" => {
            of.hints(BLOCK_HINTS, left_out);
            if let Some(citations) = of.take("citations") {
                object(citations, |of| of.only("enabled", is_false))?;
            }
            Ok(Part::File(File { at: of.at(), name: of.text("title")?, source: source(of.need("source")?)? }))
        }
        _ => Err(Refusal::wordless(at)),
    }
}

fn text_block<'a>(of: &mut Members<'a>, left_out: &mut LeftOut) -> Read<Literal<'a>> {
    of.hints(BLOCK_HINTS, left_out);
    of.only("citations", is_nothing)?;
    of.need_text("text")
}

fn source(value: Value<'_>) -> Read<Source<'_>> {
    object(value, |of| {
        let (sort, at) = of.sort()?;
        match &*sort {
            "url" => Ok(Source::Url(of.need_text("url")?)),
            "base64" => Ok(Source::Data {
                media_type: of.need_text("media_type")?.text(),
                base64: of.need_text("data")?.text(),
            }),
            _ => Err(Refusal::wordless(at)),
        }
    })
}

/// What the assistant said; none where it thought: thoughts are signed by the provider whose they are, and mean nothing
/// to another.
fn assistant_block<'a>(block: Value<'a>, left_out: &mut LeftOut) -> Read<Option<Piece<'a>>> {
    object(block, |of| {
        let (sort, at) = of.sort()?;
        match &*sort {
            "text" => Ok(Some(Piece::Text(text_block(of, left_out)?))),
            "tool_use" => {
                of.hints(BLOCK_HINTS, left_out);
                of.only("caller", is_direct)?;
                let input = of.json("input")?.ok_or_else(|| Refusal::missing(block, "input"))?;
                let (id, name) = (of.need_text("id")?, of.need_text("name")?);
                Ok(Some(Piece::Call(Call { at: of.at(), id, name, arguments: Arguments::Object(input) })))
            }
            "thinking" | "redacted_thinking" => {
                of.ignore(&["thinking", "signature", "data"]);
                left_out.add("thinking");
                Ok(None)
            }
            _ => Err(Refusal::wordless(at)),
        }
    })
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

const BLOCK_HINTS: &[&str] = &["cache_control"];
