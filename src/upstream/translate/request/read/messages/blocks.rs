//! The blocks that a message's content is made of.

use crate::prompt::json::Value;
use crate::upstream::translate::request::neutral::{
    Arguments, Call, File, Image, LeftOut, Literal, Part, Piece, Source, ToolResult,
};
use crate::upstream::translate::request::read::{Members, Read, content, is_direct, is_false, is_nothing, object};
use crate::upstream::translate::request::refusal::Refusal;

pub(super) enum User<'a> {
    Part(Part<'a>),
    Result(ToolResult<'a>),
}

pub(super) fn system_block<'a>(of: &mut Members<'a>, left_out: &mut LeftOut) -> Read<Literal<'a>> {
    match of.sort()? {
        (sort, _) if sort == "text" => text_block(of, left_out),
        (_, at) => Err(Refusal::wordless(at)),
    }
}

pub(super) fn user_block<'a>(block: Value<'a>, left_out: &mut LeftOut) -> Read<User<'a>> {
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

/// What the assistant said; none where it thought: thoughts are signed by the provider whose they are, and mean nothing
/// to another.
pub(super) fn assistant_block<'a>(block: Value<'a>, left_out: &mut LeftOut) -> Read<Option<Piece<'a>>> {
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

const BLOCK_HINTS: &[&str] = &["cache_control"];
