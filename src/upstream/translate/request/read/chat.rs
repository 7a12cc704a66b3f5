//! OpenAI's chat completions, by the reference of `POST /v1/chat/completions`.

use crate::prompt::json::{Kind, Value};

use super::openai::{self, PART_HINTS, detail, file_data, function, function_sort, source, text_part};
use super::{Members, Read, content, effort, is_false, is_nothing, is_one, is_zero, list, object, push_result, text};
use crate::upstream::translate::request::neutral::{
    Arguments, Call, Choice, Conversation, File, Image, LeftOut, Literal, Output, Part, Piece, Speaker, Tool,
    ToolResult, Turn,
};
use crate::upstream::translate::request::refusal::Refusal;

pub(in super::super) fn read(root: Value<'_>) -> Read<Conversation<'_>> {
    let mut left_out = LeftOut::default();
    object(root, |of| {
        of.ignore(&["user", "safety_identifier"]);
        of.hints(&["metadata", "prompt_cache_retention", "prompt_cache_options"], &mut left_out);
        of.only("n", is_one)?;
        of.only("store", is_false)?;
        of.only("logprobs", is_false)?;
        of.only("top_logprobs", is_zero)?;
        of.only("frequency_penalty", is_zero)?;
        of.only("presence_penalty", is_zero)?;
        of.only("logit_bias", is_nothing)?;
        of.only("modalities", is_text_alone)?;
        of.only("functions", is_nothing)?;
        let streams = of.flag("stream")?.unwrap_or(false);
        let model = of.need_text("model")?;
        let messages = of.need("messages")?;
        Ok(Conversation {
            model,
            turns_at: messages.span().start,
            turns: turns(messages, &mut left_out)?,
            tools: of.take("tools").map(|tools| list(tools, tool)).transpose()?.unwrap_or_default(),
            choice: of.take("tool_choice").map(choice).transpose()?.flatten(),
            parallel_calls: of.flag("parallel_tool_calls")?,
            max_tokens: max_tokens(of)?,
            temperature: of.number("temperature")?,
            top_p: of.number("top_p")?,
            stop: of.take("stop").map(stop).transpose()?.unwrap_or_default(),
            output: of.take("response_format").map(response_format).transpose()?.flatten(),
            effort: of.text("reasoning_effort")?.map(|word| effort(word, "reasoning_effort")).transpose()?,
            verbosity: of.text("verbosity")?,
            streams,
            includes_usage: streams & of.take("stream_options").map(includes_usage).transpose()?.unwrap_or(false),
            cache_key: of.text("prompt_cache_key")?,
            service_tier: of.text("service_tier")?,
            left_out: std::mem::take(&mut left_out),
        })
    })
}

fn turns<'a>(messages: Value<'a>, left_out: &mut LeftOut) -> Read<Vec<Turn<'a>>> {
    let mut turns = Vec::new();
    list(messages, |message| {
        object(message, |of| {
            let role = of.need_text("role")?;
            match &*role.text() {
                "system" => turns.push(system(of, Speaker::System, left_out)?),
                "developer" => turns.push(system(of, Speaker::Developer, left_out)?),
                "user" => turns.push(Turn::User(parts(of.need("content")?, left_out)?)),
                "assistant" => turns.push(assistant(of, left_out)?),
                "tool" => push_result(&mut turns, result(of, left_out)?),
                _ => return Err(Refusal::wordless(role.at())),
            }
            Ok(())
        })
    })?;
    Ok(turns)
}

fn system<'a>(of: &mut Members<'a>, speaker: Speaker, left_out: &mut LeftOut) -> Read<Turn<'a>> {
    let texts = content(of.need("content")?, |text| text, |part| object(part, |of| text_part(of, "text", left_out)))?;
    Ok(Turn::System { at: of.at(), speaker, texts })
}

fn parts<'a>(value: Value<'a>, left_out: &mut LeftOut) -> Read<Vec<Part<'a>>> {
    content(value, Part::Text, |part| object(part, |of| user_part(of, left_out)))
}

fn user_part<'a>(of: &mut Members<'a>, left_out: &mut LeftOut) -> Read<Part<'a>> {
    of.hints(PART_HINTS, left_out);
    let (sort, at) = of.sort()?;
    match &*sort {
        "text" => Ok(Part::Text(of.need_text("text")?)),
        "image_url" => object(of.need("image_url")?, |image| {
            let source = source(image.need_text("url")?)?;
            Ok(Part::Image(Image { at: of.at(), source, detail: detail(image)? }))
        }),
        "file" => object(of.need("file")?, |file| {
            let source = file_data(file)?;
            Ok(Part::File(File { at: of.at(), name: file.text("filename")?, source }))
        }),
        _ => Err(Refusal::wordless(at)),
    }
}

fn assistant<'a>(of: &mut Members<'a>, left_out: &mut LeftOut) -> Read<Turn<'a>> {
    of.only("annotations", is_nothing)?;
    // What OpenAI's own library made of the content; its programs send it back with the rest.
    of.ignore(&["parsed"]);
    for name in REASONING {
        if of.take(name).is_some() {
            left_out.add("reasoning");
        }
    }
    let mut pieces = Vec::new();
    if let Some(said) = of.take("content") {
        pieces = content(said, Piece::Text, |part| object(part, |of| assistant_part(of, left_out)))?;
    }
    pieces.extend(of.text("refusal")?.map(Piece::Text));
    if let Some(calls) = of.take("tool_calls") {
        pieces.extend(list(calls, call)?);
    }
    Ok(Turn::Assistant { at: of.at(), pieces })
}

/// What the assistant declined is what it said: only OpenAI's formats tell the two apart.
fn assistant_part<'a>(of: &mut Members<'a>, left_out: &mut LeftOut) -> Read<Piece<'a>> {
    of.hints(PART_HINTS, left_out);
    match of.sort()? {
        (sort, _) if sort == "text" => Ok(Piece::Text(of.need_text("text")?)),
        (sort, _) if sort == "refusal" => Ok(Piece::Text(of.need_text("refusal")?)),
        (_, at) => Err(Refusal::wordless(at)),
    }
}

fn call(value: Value<'_>) -> Read<Piece<'_>> {
    object(value, |of| {
        function_sort(of)?;
        // Programs that put a stream together keep its index, and OpenAI's own library what it read of the arguments.
        of.ignore(&["index"]);
        let id = of.need_text("id")?;
        object(of.need("function")?, |function| {
            function.ignore(&["parsed_arguments"]);
            let arguments = Arguments::Text(function.need_text("arguments")?);
            Ok(Piece::Call(Call { at: of.at(), id, name: function.need_text("name")?, arguments }))
        })
    })
}

fn result<'a>(of: &mut Members<'a>, left_out: &mut LeftOut) -> Read<ToolResult<'a>> {
    // The function's name, from before calls had ids: the id alone says which call is answered.
    of.ignore(&["name"]);
    let call_id = of.need_text("tool_call_id")?;
    let part = |part| object(part, |of| Ok(Part::Text(text_part(of, "text", left_out)?)));
    Ok(ToolResult { call_id, content: content(of.need("content")?, Part::Text, part)?, failed: false })
}

fn tool(value: Value<'_>) -> Read<Tool<'_>> {
    object(value, |of| {
        function_sort(of)?;
        object(of.need("function")?, function)
    })
}

fn choice(value: Value<'_>) -> Read<Option<Choice<'_>>> {
    openai::choice(value, |of| object(of.need("function")?, |function| function.need_text("name")))
}

fn max_tokens<'a>(of: &mut Members<'a>) -> Read<Option<Literal<'a>>> {
    let older = of.number("max_tokens")?;
    let newer = of.number("max_completion_tokens")?;
    match (older, newer) {
        (Some(older), Some(_)) => Err(Refusal::new(older.at(), "and `max_completion_tokens` say the same thing twice")),
        (older, newer) => Ok(newer.or(older)),
    }
}

fn stop(value: Value<'_>) -> Read<Vec<Literal<'_>>> {
    match value.kind() {
        Kind::String => Ok(vec![Literal(value)]),
        _ => list(value, text),
    }
}

fn response_format(value: Value<'_>) -> Read<Option<Output<'_>>> {
    openai::output(value, |of| object(of.need("json_schema")?, openai::schema))
}

/// Obfuscation only pads what is streamed, and is the provider's own matter.
fn includes_usage(value: Value<'_>) -> Read<bool> {
    object(value, |of| {
        of.ignore(&["include_obfuscation"]);
        Ok(of.flag("include_usage")?.unwrap_or(false))
    })
}

fn is_text_alone(value: Value<'_>) -> bool {
    value.elements().all(|modality| modality.text().as_deref() == Some("text"))
}

/// Thoughts as other providers with this format spell them, which none needs back.
const REASONING: &[&str] = &["reasoning_content", "reasoning", "reasoning_details"];
