//! What OpenAI's two formats say alike.

use serde::Serialize;

use super::schema::strict;
use super::{Content, PDF, Words, Write};
use crate::upstream::translate::request::neutral::{
    Arguments, Choice, Conversation, File, Level, Literal, Part, Schema, Source, Tool,
};
use crate::upstream::translate::request::refusal::Refusal;

pub(super) fn content<'a, P>(parts: &'a [Part<'a>], part: impl Fn(&'a Part<'a>) -> Write<P>) -> Write<Content<'a, P>> {
    match parts {
        [] => Ok(Content::Text(Words::Ours(""))),
        [Part::Text(text)] => Ok(Content::Text(Words::Said(*text))),
        parts => Ok(Content::Parts(parts.iter().map(part).collect::<Write<_>>()?)),
    }
}

/// Content that is texts alone.
pub(super) fn text<'a, P>(texts: &[Literal<'a>], part: impl Fn(Words<'a>) -> P) -> Content<'a, P> {
    match texts {
        [] => Content::Text(Words::Ours("")),
        [one] => Content::Text(Words::Said(*one)),
        texts => Content::Parts(texts.iter().map(|text| part(Words::Said(*text))).collect()),
    }
}

/// An image's URL holds its data or points to it.
pub(super) fn url<'a>(source: &'a Source<'a>) -> Words<'a> {
    match source {
        Source::Url(url) => Words::Said(*url),
        Source::Data { media_type, base64 } => Words::DataUrl { media_type, base64 },
    }
}

/// A file's data has to have a name too.
#[derive(Serialize)]
pub(super) struct FileData<'a> {
    filename: Words<'a>,
    file_data: Words<'a>,
}

pub(super) fn file_data<'a>(file: &'a File<'a>, media_type: &'a str, base64: &'a str) -> Write<FileData<'a>> {
    if media_type != PDF {
        return Err(Refusal::wordless(file.at));
    }
    let filename = file.name.map_or(Words::Ours(UNNAMED_PDF), Words::Said);
    Ok(FileData { filename, file_data: Words::DataUrl { media_type, base64 } })
}

const UNNAMED_PDF: &str = "document.pdf";

/// A call's arguments are JSON in a string, whatever the model made of it.
pub(super) fn arguments<'a>(arguments: &Arguments<'a>) -> Words<'a> {
    match arguments {
        Arguments::Text(text) => Words::Said(*text),
        Arguments::Object(object) => Words::Ours(object.raw()),
    }
}

/// Tool results have no mark of failure: OpenAI's guides have a failure told in the result's text.
pub(super) const FAILED: &str = "The tool failed:";

/// Refuses more tools than the references allow.
pub(super) fn check_count(tools: &[Tool<'_>]) -> Write<()> {
    match tools.get(TOOLS_MAX) {
        Some(tool) => Err(Refusal::new(tool.name.at(), "is a tool more than the 128 that OpenAI's formats take")),
        None => Ok(()),
    }
}

const TOOLS_MAX: usize = 128;

/// A word, or the one function that must be called.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum ToolChoice<F> {
    Word(&'static str),
    Function(F),
}

pub(super) fn tool_choice<'a, F>(choice: &Choice<'a>, function: impl FnOnce(Literal<'a>) -> F) -> ToolChoice<F> {
    match choice {
        Choice::Never => ToolChoice::Word("none"),
        Choice::Any => ToolChoice::Word("required"),
        Choice::Tool(name) => ToolChoice::Function(function(*name)),
    }
}

/// Whether calls may be parallel is said only where it is other than the default; without tools it may not be said.
pub(super) fn parallel_calls(conversation: &Conversation<'_>) -> Option<bool> {
    conversation.parallel_calls.filter(|parallel| !parallel && !conversation.tools.is_empty())
}

/// The shape of an answer has to have a name.
#[derive(Serialize)]
pub(super) struct JsonSchema<'a> {
    name: Words<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<Literal<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    schema: Option<Literal<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    strict: Option<bool>,
}

pub(super) fn json_schema<'a>(schema: &Schema<'a>) -> JsonSchema<'a> {
    let name = schema.name.map_or(Words::Ours(UNNAMED_SCHEMA), Words::Said);
    JsonSchema { name, description: schema.description, schema: schema.schema, strict: strict(schema) }
}

const UNNAMED_SCHEMA: &str = "answer";

/// The efforts that there are words for.
pub(super) const EFFORTS: &[Level] =
    &[Level::None, Level::Minimal, Level::Low, Level::Medium, Level::High, Level::XHigh, Level::Max];
