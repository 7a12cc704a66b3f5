//! OpenAI's responses, by the reference of `POST /v1/responses`.

use std::mem;

use crate::prompt::json::{Kind, Value};

use super::openai::{self, PART_HINTS, detail, file_data, function, function_sort, source, text_part};
use super::{
    Members, Read, content, effort, is_direct, is_false, is_nothing, is_zero, list, object, push_result, text,
};
use crate::upstream::translate::request::neutral::{
    Arguments, Call, Choice, Conversation, Effort, File, Image, LeftOut, Literal, Output, Part, Piece, Source, Speaker,
    Tool, ToolResult, Turn,
};
use crate::upstream::translate::request::refusal::Refusal;

pub(in super::super) fn read(root: Value<'_>) -> Read<Conversation<'_>> {
    let mut left_out = LeftOut::default();
    object(root, |of| {
        of.ignore(&["user", "safety_identifier"]);
        of.hints(&["metadata", "client_metadata", "prompt_cache_retention", "prompt_cache_options"], &mut left_out);
        // What is not said of storing asks for nothing; what was stored could not be found again by its id.
        of.only("store", is_false)?;
        of.only("background", is_false)?;
        of.only("truncation", is_disabled)?;
        of.only("top_logprobs", is_zero)?;
        if let Some(include) = of.take("include") {
            included(include, &mut left_out)?;
        }
        if let Some(options) = of.take("stream_options") {
            // Obfuscation only pads what is streamed, and is the provider's own matter.
            object(options, |of| {
                of.ignore(&["include_obfuscation"]);
                Ok(())
            })?;
        }
        let mut turns = Vec::new();
        if let Some(instructions) = of.text("instructions")? {
            let (at, speaker) = (instructions.at(), Speaker::System);
            turns.push(Turn::System { at, speaker, texts: vec![instructions] });
        }
        let said = of.need("input")?;
        input(said, &mut turns, &mut left_out)?;
        let (output, verbosity) = of.take("text").map(text_config).transpose()?.unwrap_or_default();
        let asked = of.take("reasoning").map(|value| reasoning(value, &mut left_out)).transpose()?;
        Ok(Conversation {
            model: of.need_text("model")?,
            turns_at: said.span().start,
            turns,
            tools: of.take("tools").map(|tools| list(tools, tool)).transpose()?.unwrap_or_default(),
            choice: of.take("tool_choice").map(choice).transpose()?.flatten(),
            parallel_calls: of.flag("parallel_tool_calls")?,
            max_tokens: of.number("max_output_tokens")?,
            temperature: of.number("temperature")?,
            top_p: of.number("top_p")?,
            stop: Vec::new(),
            output,
            effort: asked.flatten(),
            verbosity,
            streams: of.flag("stream")?.unwrap_or(false),
            includes_usage: false,
            cache_key: of.text("prompt_cache_key")?,
            service_tier: of.text("service_tier")?,
            left_out: mem::take(&mut left_out),
        })
    })
}

fn input<'a>(value: Value<'a>, turns: &mut Vec<Turn<'a>>, left_out: &mut LeftOut) -> Read<()> {
    if value.kind() == Kind::String {
        turns.push(Turn::User(vec![Part::Text(Literal(value))]));
        return Ok(());
    }
    list(value, |item| object(item, |of| input_item(of, turns, left_out)))?;
    Ok(())
}

fn input_item<'a>(of: &mut Members<'a>, turns: &mut Vec<Turn<'a>>, left_out: &mut LeftOut) -> Read<()> {
    // By these the provider knows an item again that it stored, and how it came about.
    of.ignore(&["id", "status"]);
    let sort = of.text("type")?;
    match sort.map(Literal::text).as_deref() {
        None | Some("message") => message(of, turns, left_out),
        Some("function_call") => {
            of.only("caller", is_direct)?;
            of.ignore(&["parsed_arguments"]);
            let arguments = Arguments::Text(of.need_text("arguments")?);
            let (id, name) = (of.need_text("call_id")?, of.need_text("name")?);
            say(turns, of.at(), [Piece::Call(Call { at: of.at(), id, name, arguments })]);
            Ok(())
        }
        Some("function_call_output") => {
            of.only("caller", is_direct)?;
            let call_id = of.need_text("call_id")?;
            let said = content(of.need("output")?, Part::Text, |part| user_part(part, left_out))?;
            push_result(turns, ToolResult { call_id, content: said, failed: false });
            Ok(())
        }
        // Thoughts are encrypted by the provider whose they are, and mean nothing to another.
        Some("reasoning") => {
            of.ignore(&["summary", "content", "encrypted_content"]);
            left_out.add("reasoning");
            Ok(())
        }
        Some(_) => Err(Refusal::wordless(sort.map_or(of.at(), Literal::at))),
    }
}

fn message<'a>(of: &mut Members<'a>, turns: &mut Vec<Turn<'a>>, left_out: &mut LeftOut) -> Read<()> {
    of.hints(&["phase"], left_out);
    let role = of.need_text("role")?;
    let said = of.need("content")?;
    match &*role.text() {
        "system" => turns.push(system(said, of.at(), Speaker::System, left_out)?),
        "developer" => turns.push(system(said, of.at(), Speaker::Developer, left_out)?),
        "user" => turns.push(Turn::User(content(said, Part::Text, |part| user_part(part, left_out))?)),
        "assistant" => say(turns, of.at(), content(said, Piece::Text, assistant_part)?),
        _ => return Err(Refusal::wordless(role.at())),
    }
    Ok(())
}

/// What the assistant says and calls in one go is one turn, although it is told in several items.
fn say<'a>(turns: &mut Vec<Turn<'a>>, at: usize, said: impl IntoIterator<Item = Piece<'a>>) {
    match turns.last_mut() {
        Some(Turn::Assistant { pieces, .. }) => pieces.extend(said),
        _ => turns.push(Turn::Assistant { at, pieces: said.into_iter().collect() }),
    }
}

fn system<'a>(said: Value<'a>, at: usize, speaker: Speaker, left_out: &mut LeftOut) -> Read<Turn<'a>> {
    let part = |part| object(part, |of| text_part(of, "input_text", left_out));
    Ok(Turn::System { at, speaker, texts: content(said, |text| text, part)? })
}

fn user_part<'a>(value: Value<'a>, left_out: &mut LeftOut) -> Read<Part<'a>> {
    object(value, |of| {
        of.hints(PART_HINTS, left_out);
        let (sort, at) = of.sort()?;
        match &*sort {
            "input_text" => Ok(Part::Text(of.need_text("text")?)),
            "input_image" => {
                let source = source(of.need_text("image_url")?)?;
                Ok(Part::Image(Image { at: of.at(), source, detail: detail(of)? }))
            }
            "input_file" => {
                if of.text("detail")?.is_some_and(|detail| detail.text() != "auto") {
                    left_out.add("detail");
                }
                let source = match of.text("file_url")? {
                    Some(url) => Ok(Source::Url(url)),
                    None => file_data(of),
                };
                Ok(Part::File(File { at: of.at(), name: of.text("filename")?, source: source? }))
            }
            _ => Err(Refusal::wordless(at)),
        }
    })
}

/// What the assistant declined is what it said: only OpenAI's formats tell the two apart.
fn assistant_part(value: Value<'_>) -> Read<Piece<'_>> {
    object(value, |of| {
        // What OpenAI's own library made of the text; its programs send it back with the rest.
        of.ignore(&["parsed"]);
        of.only("annotations", is_nothing)?;
        of.only("logprobs", is_nothing)?;
        match of.sort()? {
            (sort, _) if sort == "output_text" => Ok(Piece::Text(of.need_text("text")?)),
            (sort, _) if sort == "refusal" => Ok(Piece::Text(of.need_text("refusal")?)),
            (_, at) => Err(Refusal::wordless(at)),
        }
    })
}

/// A tool whose strictness is not told asks for it only as far as its schema allows.
fn tool(value: Value<'_>) -> Read<Tool<'_>> {
    object(value, |of| {
        function_sort(of)?;
        of.only("async", is_false)?;
        of.only("defer_loading", is_false)?;
        of.only("allowed_callers", is_direct)?;
        function(of)
    })
}

fn choice(value: Value<'_>) -> Read<Option<Choice<'_>>> {
    openai::choice(value, |of| of.need_text("name"))
}

fn text_config(value: Value<'_>) -> Read<(Option<Output<'_>>, Option<Literal<'_>>)> {
    object(value, |of| {
        let format = of.take("format").map(|format| openai::output(format, openai::schema)).transpose()?;
        Ok((format.flatten(), of.text("verbosity")?))
    })
}

/// How reasoning is summed up and shown to later turns concerns reasoning alone, which is not carried over.
fn reasoning(value: Value<'_>, left_out: &mut LeftOut) -> Read<Option<Effort>> {
    object(value, |of| {
        of.only("mode", is_standard)?;
        for (name, told) in [
            ("summary", "reasoning.summary"),
            ("generate_summary", "reasoning.summary"),
            ("context", "reasoning.context"),
        ] {
            if of.take(name).is_some() {
                left_out.add(told);
            }
        }
        of.text("effort")?.map(|word| effort(word, "reasoning.effort")).transpose()
    })
}

/// Reasoning that is encrypted is asked for in order to be sent back, which does nothing at another provider.
fn included(value: Value<'_>, left_out: &mut LeftOut) -> Read<()> {
    list(value, |each| match text(each)? {
        word if word.text() == "reasoning.encrypted_content" => {
            left_out.add("include");
            Ok(())
        }
        word => Err(Refusal::wordless(word.at())),
    })?;
    Ok(())
}

fn is_disabled(value: Value<'_>) -> bool {
    value.text().as_deref() == Some("disabled")
}

fn is_standard(value: Value<'_>) -> bool {
    value.text().as_deref() == Some("standard")
}
