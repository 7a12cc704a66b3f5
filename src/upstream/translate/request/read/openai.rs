//! What OpenAI's two formats say in the same words, each in its own place.

use std::borrow::Cow;

use crate::prompt::json::Value;

use super::{Members, Read, object};
use crate::upstream::translate::request::neutral::{Choice, LeftOut, Literal, Output, Schema, Source, Tool};
use crate::upstream::translate::request::refusal::Refusal;

/// A part that may only be text, which each format calls by its own word.
pub(super) fn text_part<'a>(of: &mut Members<'a>, word: &str, left_out: &mut LeftOut) -> Read<Literal<'a>> {
    of.hints(PART_HINTS, left_out);
    match of.sort()? {
        (sort, _) if sort == word => of.need_text("text"),
        (_, at) => Err(Refusal::wordless(at)),
    }
}

pub(super) const PART_HINTS: &[&str] = &["prompt_cache_breakpoint"];

/// What stands behind the text of a URL: the data that it holds, or the URL itself.
pub(super) fn source(url: Literal<'_>) -> Read<Source<'_>> {
    match url.text() {
        Cow::Borrowed(text) if is_data(text) => {
            let (media_type, base64) = data(text).ok_or(Refusal::new(url.at(), NO_DATA_URL))?;
            Ok(Source::Data { media_type: Cow::Borrowed(media_type), base64: Cow::Borrowed(base64) })
        }
        Cow::Owned(text) if is_data(&text) => {
            let (media_type, base64) = data(&text).ok_or(Refusal::new(url.at(), NO_DATA_URL))?;
            Ok(Source::Data { media_type: media_type.to_owned().into(), base64: base64.to_owned().into() })
        }
        _ => Ok(Source::Url(url)),
    }
}

fn is_data(url: &str) -> bool {
    url.get(..5).is_some_and(|scheme| scheme.eq_ignore_ascii_case("data:"))
}

/// The media type and the data of a data URL (RFC 2397) in base64, without further parameters.
fn data(url: &str) -> Option<(&str, &str)> {
    let (media_type, base64) = url.get(5..)?.split_once(',')?;
    let media_type = media_type.strip_suffix(";base64")?;
    (!media_type.is_empty() && !media_type.contains(';')).then_some((media_type, base64))
}

const NO_DATA_URL: &str = "must be a data URL with a media type and base64";

/// A file's data, which no other URL stands for.
pub(super) fn file_data<'a>(of: &mut Members<'a>) -> Read<Source<'a>> {
    let data = of.need_text("file_data")?;
    match source(data)? {
        Source::Url(_) => Err(Refusal::new(data.at(), NO_DATA_URL)),
        data => Ok(data),
    }
}

/// How closely an image is to be looked at; as closely as the model likes goes without saying.
pub(super) fn detail<'a>(of: &mut Members<'a>) -> Read<Option<Literal<'a>>> {
    Ok(of.text("detail")?.filter(|detail| detail.text() != "auto"))
}

/// Custom tools take free text, which no other format's tools do.
pub(super) fn function_sort(of: &mut Members<'_>) -> Read<()> {
    match of.sort()? {
        (sort, _) if sort == "function" => Ok(()),
        (_, at) => Err(Refusal::wordless(at)),
    }
}

pub(super) fn function<'a>(of: &mut Members<'a>) -> Read<Tool<'a>> {
    Ok(Tool {
        name: of.need_text("name")?,
        description: of.text("description")?,
        schema: of.json("parameters")?,
        strict: of.flag("strict")?,
    })
}

/// A word, or a function, whose name `name` finds.
pub(super) fn choice<'a>(
    value: Value<'a>,
    name: impl FnOnce(&mut Members<'a>) -> Read<Literal<'a>>,
) -> Read<Option<Choice<'a>>> {
    match value.text().as_deref() {
        Some("auto") => Ok(None),
        Some("none") => Ok(Some(Choice::Never)),
        Some("required") => Ok(Some(Choice::Any)),
        Some(_) => Err(Refusal::wordless(value.span().start)),
        None => object(value, |of| {
            function_sort(of)?;
            Ok(Some(Choice::Tool(name(of)?)))
        }),
    }
}

/// What the answer's text must be; `schema` finds where a schema is told.
pub(super) fn output<'a>(
    value: Value<'a>,
    schema: impl FnOnce(&mut Members<'a>) -> Read<Schema<'a>>,
) -> Read<Option<Output<'a>>> {
    object(value, |of| {
        let (sort, at) = of.sort()?;
        match &*sort {
            "text" => Ok(None),
            "json_object" => Ok(Some(Output::AnyObject { at })),
            "json_schema" => Ok(Some(Output::Schema(schema(of)?))),
            _ => Err(Refusal::wordless(at)),
        }
    })
}

pub(super) fn schema<'a>(of: &mut Members<'a>) -> Read<Schema<'a>> {
    Ok(Schema {
        at: of.at(),
        name: Some(of.need_text("name")?),
        description: of.text("description")?,
        schema: of.json("schema")?,
        strict: of.flag("strict")?,
    })
}
