//! The shape of a request, as its JSON is written.

use serde::Serialize;
use serde_json::value::RawValue;

use crate::upstream::translate::request::neutral::{Level, Literal};
use crate::upstream::translate::request::write::{Content, Count, Words};

#[derive(Serialize)]
pub(super) struct Body<'a> {
    pub(super) model: &'a str,
    pub(super) max_tokens: Count<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) system: Option<Content<'a, Block<'a>>>,
    pub(super) messages: Vec<Message<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) tools: Vec<NamedTool<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) tool_choice: Option<ToolChoice<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) temperature: Option<Literal<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) top_p: Option<Literal<'a>>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub(super) stop_sequences: &'a [Literal<'a>],
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) thinking: Option<Thinking>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) output_config: Option<OutputConfig<'a>>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(super) stream: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) metadata: Option<Metadata<'a>>,
}

#[derive(Serialize)]
pub(super) struct Message<'a> {
    pub(super) role: &'static str,
    pub(super) content: Content<'a, Block<'a>>,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Block<'a> {
    Text {
        text: Literal<'a>,
    },
    Image {
        source: BlockSource<'a>,
    },
    Document {
        source: BlockSource<'a>,
        #[serde(skip_serializing_if = "Option::is_none")]
        title: Option<Literal<'a>>,
    },
    ToolUse {
        id: Literal<'a>,
        name: Literal<'a>,
        input: Input<'a>,
    },
    ToolResult {
        tool_use_id: Literal<'a>,
        #[serde(skip_serializing_if = "Option::is_none")]
        content: Option<Content<'a, Block<'a>>>,
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        is_error: bool,
    },
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum BlockSource<'a> {
    Url { url: Literal<'a> },
    Base64 { media_type: &'a str, data: &'a str },
}

#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum Input<'a> {
    Said(Literal<'a>),
    Read(Box<RawValue>),
    Empty(Nothing),
}

#[derive(Serialize)]
pub(super) struct Nothing {}

#[derive(Serialize)]
pub(super) struct NamedTool<'a> {
    pub(super) name: Words<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) description: Option<Literal<'a>>,
    pub(super) input_schema: InputSchema<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) strict: Option<bool>,
}

#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum InputSchema<'a> {
    Said(Literal<'a>),
    TakesNothing { r#type: &'static str, properties: Nothing },
}

#[derive(Serialize)]
pub(super) struct ToolChoice<'a> {
    #[serde(rename = "type")]
    pub(super) sort: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) name: Option<Literal<'a>>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(super) disable_parallel_tool_use: bool,
}

impl ToolChoice<'_> {
    pub(super) const NEVER: Self = ToolChoice { sort: "none", name: None, disable_parallel_tool_use: false };
}

#[derive(Serialize)]
pub(super) struct Thinking {
    #[serde(rename = "type")]
    pub(super) sort: &'static str,
}

#[derive(Serialize)]
pub(super) struct OutputConfig<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) effort: Option<Level>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) format: Option<JsonSchema<'a>>,
}

#[derive(Serialize)]
#[serde(tag = "type", rename = "json_schema")]
pub(super) struct JsonSchema<'a> {
    pub(super) schema: Literal<'a>,
}

#[derive(Serialize)]
pub(super) struct Metadata<'a> {
    pub(super) user_id: &'a str,
}
