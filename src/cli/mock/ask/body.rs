//! The body of a request, read once: what an answer depends on, and the first field that its endpoint does not have.

use std::{borrow::Cow, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, IgnoredAny, MapAccess, Visitor},
};
use serde_json::Value;

use super::{
    Malformed,
    message::{Message, Said},
    refuse_unreadable,
    tools::{Choice, Tool},
};

/// Everything that is read of any endpoint's body.
#[derive(Default)]
pub(super) struct Body<'a> {
    pub(super) model: Option<String>,
    pub(super) stream: Option<bool>,
    pub(super) stream_options: Option<StreamOptions>,
    pub(super) messages: Option<Vec<Message<'a>>>,
    pub(super) system: Option<Said<'a>>,
    pub(super) prompt: Option<Said<'a>>,
    pub(super) input: Option<Input<'a>>,
    pub(super) instructions: Option<Said<'a>>,
    pub(super) max_tokens: Option<u64>,
    pub(super) max_completion_tokens: Option<u64>,
    pub(super) max_output_tokens: Option<u64>,
    pub(super) temperature: Option<f64>,
    pub(super) stop: Option<Said<'a>>,
    pub(super) stop_sequences: Option<Vec<String>>,
    pub(super) tools: Option<Vec<Tool>>,
    pub(super) tool_choice: Option<Choice>,
    pub(super) parallel_tool_calls: Option<bool>,
    pub(super) thinking: Option<ThinkingConfig>,
    pub(super) reasoning_effort: Option<String>,
    pub(super) reasoning: Option<ReasoningConfig>,
    pub(super) response_format: Option<TextFormat>,
    pub(super) text: Option<Formatted>,
    pub(super) output_config: Option<Formatted>,
    /// Whether earlier turns are kept at the provider, so that not all of a conversation is in the body.
    pub(super) continues: bool,
}

impl<'a> Body<'a> {
    /// Reads a body whose endpoint has these `fields`; where there are none, it may have any.
    pub(super) fn read(bytes: &'a [u8], fields: &'static [&'static str]) -> Result<Self, Malformed> {
        let mut json = serde_json::Deserializer::from_slice(bytes);
        let (body, unknown) = Fields(fields).deserialize(&mut json).map_err(refuse_unreadable)?;
        json.end().map_err(refuse_unreadable)?;
        match unknown {
            None => Ok(body),
            Some(field) => Err(Malformed::Unknown(field)),
        }
    }
}

#[derive(Deserialize)]
pub(super) struct StreamOptions {
    #[serde(default)]
    pub(super) include_usage: bool,
}

#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum Input<'a> {
    Text(#[serde(borrow)] Cow<'a, str>),
    Items(#[serde(borrow)] Vec<Message<'a>>),
}

/// Anthropic's `thinking`.
#[derive(Deserialize)]
pub(super) struct ThinkingConfig {
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) budget_tokens: Option<u64>,
    pub(super) display: Option<String>,
}

/// `reasoning` of responses.
#[derive(Deserialize)]
pub(super) struct ReasoningConfig {
    pub(super) summary: Option<String>,
}

/// What holds a format: `text` of responses, `output_config` of messages.
#[derive(Deserialize)]
pub(super) struct Formatted {
    pub(super) format: Option<TextFormat>,
}

/// `text`, `json_object`, or `json_schema` with the schema at its dialect's place.
#[derive(Deserialize)]
pub(super) struct TextFormat {
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) schema: Option<Value>,
    pub(super) json_schema: Option<NestedSchema>,
}

#[derive(Deserialize)]
pub(super) struct NestedSchema {
    pub(super) schema: Option<Value>,
}

/// The names that an endpoint takes.
struct Fields(&'static [&'static str]);

#[derive(Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'de> DeserializeSeed<'de> for Fields {
    type Value = (Body<'de>, Option<String>);

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Fields {
    type Value = (Body<'de>, Option<String>);

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON object")
    }

    /// By hand because a derived reader knows one list of names, and each endpoint has its own.
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let (mut body, mut unknown) = (Body::default(), None);
        while let Some(Name(name)) = map.next_key()? {
            if !self.0.is_empty() && !self.0.contains(&&*name) {
                unknown.get_or_insert(name.into_owned());
                map.next_value::<IgnoredAny>()?;
                continue;
            }
            match &*name {
                "model" => body.model = map.next_value()?,
                "stream" => body.stream = map.next_value()?,
                "stream_options" => body.stream_options = map.next_value()?,
                "messages" => body.messages = map.next_value()?,
                "system" => body.system = map.next_value()?,
                "prompt" => body.prompt = map.next_value()?,
                "input" => body.input = map.next_value()?,
                "instructions" => body.instructions = map.next_value()?,
                "max_tokens" => body.max_tokens = map.next_value()?,
                "max_completion_tokens" => body.max_completion_tokens = map.next_value()?,
                "max_output_tokens" => body.max_output_tokens = map.next_value()?,
                "temperature" => body.temperature = map.next_value()?,
                "stop" => body.stop = map.next_value()?,
                "stop_sequences" => body.stop_sequences = map.next_value()?,
                "tools" => body.tools = map.next_value()?,
                "tool_choice" => body.tool_choice = map.next_value()?,
                "parallel_tool_calls" => body.parallel_tool_calls = map.next_value()?,
                "thinking" => body.thinking = map.next_value()?,
                "reasoning_effort" => body.reasoning_effort = map.next_value()?,
                "reasoning" => body.reasoning = map.next_value()?,
                "response_format" => body.response_format = map.next_value()?,
                "text" => body.text = map.next_value()?,
                "output_config" => body.output_config = map.next_value()?,
                "previous_response_id" | "conversation" => {
                    body.continues |= map.next_value::<Option<IgnoredAny>>()?.is_some();
                }
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok((body, unknown))
    }
}

/// Of `/v1/chat/completions`.
pub(super) const CHAT: &[&str] = &[
    "audio",
    "frequency_penalty",
    "function_call",
    "functions",
    "logit_bias",
    "logprobs",
    "max_completion_tokens",
    "max_tokens",
    "messages",
    "metadata",
    "modalities",
    "model",
    "moderation",
    "n",
    "parallel_tool_calls",
    "prediction",
    "presence_penalty",
    "prompt_cache_key",
    "prompt_cache_options",
    "prompt_cache_retention",
    "reasoning_effort",
    "response_format",
    "safety_identifier",
    "seed",
    "service_tier",
    "stop",
    "store",
    "stream",
    "stream_options",
    "temperature",
    "tool_choice",
    "tools",
    "top_logprobs",
    "top_p",
    "user",
    "verbosity",
    "web_search_options",
];

/// Of `/v1/responses`.
pub(super) const RESPONSES: &[&str] = &[
    "background",
    "context_management",
    "conversation",
    "include",
    "input",
    "instructions",
    "max_output_tokens",
    "max_tool_calls",
    "metadata",
    "model",
    "moderation",
    "parallel_tool_calls",
    "previous_response_id",
    "prompt",
    "prompt_cache_key",
    "prompt_cache_options",
    "prompt_cache_retention",
    "reasoning",
    "safety_identifier",
    "service_tier",
    "store",
    "stream",
    "stream_options",
    "temperature",
    "text",
    "tool_choice",
    "tools",
    "top_logprobs",
    "top_p",
    "truncation",
    "user",
];

/// Of `/v1/messages` and of the count of its tokens, with those of its betas.
pub(super) const MESSAGES: &[&str] = &[
    "cache_control",
    "container",
    "context_management",
    "diagnostics",
    "inference_geo",
    "max_tokens",
    "mcp_servers",
    "messages",
    "metadata",
    "model",
    "output_config",
    "service_tier",
    "speed",
    "stop_sequences",
    "stream",
    "system",
    "temperature",
    "thinking",
    "tool_choice",
    "tools",
    "top_k",
    "top_p",
];
