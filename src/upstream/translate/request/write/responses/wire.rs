//! The shape of a request, as its JSON is written.

use serde::Serialize;

use crate::upstream::translate::request::neutral::{Level, Literal};
use crate::upstream::translate::request::write::openai::{FileData, JsonSchema, ToolChoice};
use crate::upstream::translate::request::write::schema::Parameters;
use crate::upstream::translate::request::write::{Content, Count, Words};

#[derive(Serialize)]
pub(super) struct Body<'a> {
    pub(super) model: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) instructions: Option<Literal<'a>>,
    pub(super) input: Vec<Item<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) tools: Vec<FunctionTool<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) tool_choice: Option<ToolChoice<NamedFunction<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) parallel_tool_calls: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) max_output_tokens: Option<Count<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) temperature: Option<Literal<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) top_p: Option<Literal<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) text: Option<TextConfig<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reasoning: Option<Reasoning>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(super) stream: bool,
    /// Its default is to store, which no caller of another format asked for.
    pub(super) store: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) prompt_cache_key: Option<Literal<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) service_tier: Option<Literal<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) safety_identifier: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Item<'a> {
    Message { role: &'static str, content: Content<'a, ItemPart<'a>> },
    FunctionCall { call_id: Literal<'a>, name: Literal<'a>, arguments: Words<'a> },
    FunctionCallOutput { call_id: Literal<'a>, output: Content<'a, ItemPart<'a>> },
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum ItemPart<'a> {
    InputText { text: Words<'a> },
    OutputText { text: Literal<'a> },
    InputImage { image_url: Words<'a>, detail: Words<'a> },
    InputFile(InputFile<'a>),
}

#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum InputFile<'a> {
    Data(FileData<'a>),
    Url {
        #[serde(skip_serializing_if = "Option::is_none")]
        filename: Option<Literal<'a>>,
        file_url: Literal<'a>,
    },
}

/// Of a function here all is said: strictness has another default than elsewhere.
#[derive(Serialize)]
#[serde(tag = "type", rename = "function")]
pub(super) struct FunctionTool<'a> {
    pub(super) name: Words<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) description: Option<Literal<'a>>,
    pub(super) parameters: Option<Parameters<'a>>,
    pub(super) strict: bool,
}

#[derive(Serialize)]
#[serde(tag = "type", rename = "function")]
pub(super) struct NamedFunction<'a> {
    pub(super) name: Literal<'a>,
}

#[derive(Serialize)]
pub(super) struct TextConfig<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) format: Option<Format<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) verbosity: Option<Literal<'a>>,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Format<'a> {
    JsonObject,
    JsonSchema(JsonSchema<'a>),
}

#[derive(Serialize)]
pub(super) struct Reasoning {
    pub(super) effort: Level,
}
