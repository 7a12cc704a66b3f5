//! The blocks that a message's content is made of.

use bytes::Bytes;
use serde_json::value::RawValue;

use super::wire::{Block, BlockSource, Input, Nothing};
use crate::prompt::json::{Document, Kind};
use crate::upstream::translate::request::neutral::{
    Arguments, Call, File, Image, LeftOut, Part, Piece, Source, ToolResult,
};
use crate::upstream::translate::request::refusal::Refusal;
use crate::upstream::translate::request::write::{Content, PDF, Words, Write, is_plain};

/// None where nothing is said.
pub(super) fn content<'a>(blocks: Vec<Block<'a>>) -> Option<Content<'a, Block<'a>>> {
    let blocks = spoken(blocks);
    match blocks.as_slice() {
        [] => None,
        [Block::Text { text }] => Some(Content::Text(Words::Said(*text))),
        _ => Some(Content::Parts(blocks)),
    }
}

/// Without the texts that are blank, which this format refuses.
pub(super) fn spoken(mut blocks: Vec<Block<'_>>) -> Vec<Block<'_>> {
    blocks.retain(|block| !matches!(block, Block::Text { text } if text.is_blank()));
    blocks
}

pub(super) fn parts<'a>(parts: &'a [Part<'a>], left_out: &mut LeftOut, blocks: &mut Vec<Block<'a>>) -> Write<()> {
    for part in parts {
        match part {
            Part::Text(text) => blocks.push(Block::Text { text: *text }),
            Part::Image(part) => blocks.push(image(part, left_out)?),
            Part::File(part) => blocks.push(document(part)?),
        }
    }
    Ok(())
}

/// How closely an image is looked at is told by its size here.
fn image<'a>(image: &'a Image<'a>, left_out: &mut LeftOut) -> Write<Block<'a>> {
    if image.detail.is_some() {
        left_out.add("detail");
    }
    match &image.source {
        Source::Url(url) => Ok(Block::Image { source: BlockSource::Url { url: *url } }),
        Source::Data { media_type, base64 } if IMAGES.contains(&&**media_type) => {
            Ok(Block::Image { source: BlockSource::Base64 { media_type, data: base64 } })
        }
        Source::Data { .. } => Err(Refusal::wordless(image.at)),
    }
}

fn document<'a>(file: &'a File<'a>) -> Write<Block<'a>> {
    let source = match &file.source {
        Source::Url(url) => BlockSource::Url { url: *url },
        Source::Data { media_type, base64 } if media_type == PDF => BlockSource::Base64 { media_type, data: base64 },
        Source::Data { .. } => return Err(Refusal::wordless(file.at)),
    };
    Ok(Block::Document { source, title: file.name })
}

pub(super) fn assistant<'a>(pieces: &'a [Piece<'a>]) -> Write<Vec<Block<'a>>> {
    let blocks = pieces.iter().map(|piece| match piece {
        Piece::Text(text) => Ok(Block::Text { text: *text }),
        Piece::Call(call) => tool_use(call),
    });
    blocks.collect()
}

fn tool_use<'a>(call: &'a Call<'a>) -> Write<Block<'a>> {
    if !is_plain(&call.id.text(), usize::MAX) {
        return Err(Refusal::new(call.id.at(), "is an id that Anthropic's messages refuse"));
    }
    Ok(Block::ToolUse { id: call.id, name: call.name, input: input(&call.arguments)? })
}

/// A string that holds an object's JSON becomes that object, spelled as it is there.
fn input<'a>(arguments: &Arguments<'a>) -> Write<Input<'a>> {
    let literal = match arguments {
        Arguments::Object(object) => return Ok(Input::Said(*object)),
        Arguments::Text(text) if text.is_blank() => return Ok(Input::Empty(Nothing {})),
        Arguments::Text(text) => text,
    };
    let text = literal.text().into_owned();
    let parsed = Document::parse(Bytes::from(text.clone()), usize::MAX);
    if !parsed.is_ok_and(|document| document.root().kind() == Kind::Object) {
        return Err(Refusal::new(literal.at(), "is not the JSON of an object, which Anthropic's messages take alone"));
    }
    let raw = RawValue::from_string(text).map_err(|_| Refusal::wordless(literal.at()))?;
    Ok(Input::Read(raw))
}

pub(super) fn tool_result<'a>(result: &'a ToolResult<'a>, left_out: &mut LeftOut) -> Write<Block<'a>> {
    let mut blocks = Vec::new();
    parts(&result.content, left_out, &mut blocks)?;
    Ok(Block::ToolResult { tool_use_id: result.call_id, content: content(blocks), is_error: result.failed })
}

/// By the reference of image blocks.
const IMAGES: [&str; 4] = ["image/jpeg", "image/png", "image/gif", "image/webp"];
