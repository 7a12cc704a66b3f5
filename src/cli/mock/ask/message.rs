//! Messages, and the items of `/v1/responses`: their texts, what they show, and the tools that they call and answer.

use std::borrow::Cow;

use base64::{Engine, engine::general_purpose::STANDARD};
use serde::{Deserialize, de::IgnoredAny};

use super::words;

/// A message of either dialect, or an item of `/v1/responses`.
#[derive(Deserialize)]
pub(super) struct Message<'a> {
    #[serde(borrow, default)]
    pub(super) role: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) content: Option<Said<'a>>,
    /// An item's; a message without one is a message.
    #[serde(rename = "type")]
    pub(super) kind: Option<String>,
    /// Chat: what the assistant called.
    pub(super) tool_calls: Option<Vec<Called>>,
    /// Chat: which call a message of a tool answers.
    pub(super) tool_call_id: Option<String>,
    /// Responses: which call an item makes or answers.
    pub(super) call_id: Option<String>,
    /// Responses: what a tool gave back.
    #[serde(borrow)]
    pub(super) output: Option<Said<'a>>,
}

/// A call within a message of the assistant's.
#[derive(Deserialize)]
pub(super) struct Called {
    pub(super) id: String,
}

/// A text in any of the forms the dialects allow: a string, a list of strings, a list of blocks.
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum Said<'a> {
    Text(#[serde(borrow)] Cow<'a, str>),
    Parts(#[serde(borrow)] Vec<Part<'a>>),
    Other(IgnoredAny),
}

#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum Part<'a> {
    Text(#[serde(borrow)] Cow<'a, str>),
    Block(#[serde(borrow)] Box<Block<'a>>),
    Other(IgnoredAny),
}

/// A part of a content, with what any kind of any dialect has.
#[derive(Deserialize)]
pub(super) struct Block<'a> {
    #[serde(rename = "type", borrow, default)]
    pub(super) kind: Cow<'a, str>,
    #[serde(borrow, default)]
    pub(super) text: Cow<'a, str>,
    /// Messages: an image or a document.
    source: Option<Source>,
    /// Chat: an object; responses: a text.
    image_url: Option<ImageUrl>,
    /// Chat.
    file: Option<File>,
    /// Responses: of a file, or of an image that was uploaded.
    file_id: Option<String>,
    file_data: Option<String>,
    file_url: Option<String>,
    input_audio: Option<Audio>,
    /// Messages: a call's.
    pub(super) id: Option<String>,
    /// Messages: which call a result answers, and the result.
    pub(super) tool_use_id: Option<String>,
    #[serde(borrow)]
    pub(super) content: Option<Said<'a>>,
    /// Messages: of a thought.
    pub(super) signature: Option<String>,
}

#[derive(Deserialize)]
struct Source {
    #[serde(rename = "type")]
    kind: String,
    url: Option<String>,
    data: Option<String>,
    media_type: Option<String>,
    file_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum ImageUrl {
    Bare(String),
    Nested { url: String },
}

#[derive(Deserialize)]
struct File {
    file_id: Option<String>,
    file_data: Option<String>,
}

#[derive(Deserialize)]
struct Audio {
    data: String,
    format: String,
}

/// Something that is no text, as the mock tells of it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(in super::super) struct Media {
    /// `image`, `document` or `sound`.
    pub(in super::super) noun: &'static str,
    /// Where it is, or its type and size.
    pub(in super::super) what: String,
}

impl Said<'_> {
    pub(super) fn text(&self) -> String {
        match self {
            Said::Text(text) => text.to_string(),
            Said::Parts(parts) => {
                let texts: Vec<&str> = parts.iter().filter_map(Part::text).collect();
                texts.join(" ")
            }
            Said::Other(IgnoredAny) => String::new(),
        }
    }

    pub(super) fn words(&self) -> u64 {
        match self {
            Said::Text(text) => words(text),
            Said::Parts(parts) => parts.iter().filter_map(Part::text).map(words).sum(),
            Said::Other(IgnoredAny) => 0,
        }
    }

    /// The texts of a list, or the only one: OpenAI's `stop`.
    pub(super) fn list(&self) -> Vec<String> {
        match self {
            Said::Text(text) => vec![text.to_string()],
            Said::Parts(parts) => parts.iter().filter_map(Part::text).map(str::to_owned).collect(),
            Said::Other(IgnoredAny) => Vec::new(),
        }
    }

    pub(super) fn blocks(&self) -> impl Iterator<Item = &Block<'_>> {
        let parts = match self {
            Said::Parts(parts) => parts.as_slice(),
            Said::Text(_) | Said::Other(IgnoredAny) => &[],
        };
        parts.iter().filter_map(|part| match part {
            Part::Block(block) => Some(&**block),
            Part::Text(_) | Part::Other(IgnoredAny) => None,
        })
    }
}

impl Part<'_> {
    fn text(&self) -> Option<&str> {
        match self {
            Part::Text(text) => Some(text),
            Part::Block(block) => Some(&block.text).filter(|text| !text.is_empty()).map(|text| &**text),
            Part::Other(IgnoredAny) => None,
        }
    }
}

impl<'a> Message<'a> {
    /// A bare text in place of messages.
    pub(super) fn of_user(text: &'a str) -> Self {
        Self {
            role: Cow::Borrowed("user"),
            content: Some(Said::Text(Cow::Borrowed(text))),
            kind: None,
            tool_calls: None,
            tool_call_id: None,
            call_id: None,
            output: None,
        }
    }

    pub(super) fn kind(&self) -> &str {
        self.kind.as_deref().unwrap_or("message")
    }

    /// Whether the model said it, so that what follows is new to it.
    pub(super) fn is_models(&self) -> bool {
        self.role == "assistant" || matches!(self.kind(), "function_call" | "reasoning")
    }

    pub(super) fn text(&self) -> String {
        self.content.as_ref().map_or_else(String::new, Said::text)
    }

    pub(super) fn words(&self) -> u64 {
        self.content.as_ref().map_or(0, Said::words)
    }

    pub(super) fn blocks(&self) -> impl Iterator<Item = &Block<'_>> {
        self.content.iter().flat_map(Said::blocks)
    }

    /// What tools gave back, in whatever form the format has for it.
    pub(super) fn results(&self) -> Vec<&Said<'_>> {
        if self.role == "tool" {
            return self.content.iter().collect();
        }
        if self.kind() == "function_call_output" {
            return self.output.iter().collect();
        }
        self.blocks().filter(|block| block.kind == "tool_result").filter_map(|block| block.content.as_ref()).collect()
    }
}

impl Block<'_> {
    /// What it shows, where it shows something. The error is a sentence for whoever sent it.
    pub(super) fn media(&self) -> Result<Option<Media>, String> {
        let (noun, what) = match &*self.kind {
            "image" => ("image", self.source.as_ref().map(Source::what)),
            "document" => ("document", self.source.as_ref().map(Source::what)),
            "image_url" => ("image", self.image_url.as_ref().map(|image| located(image.url()))),
            "input_image" => match &self.image_url {
                Some(image) => ("image", Some(located(image.url()))),
                None => ("image", self.uploaded()),
            },
            "file" => ("document", self.file.as_ref().and_then(|file| stored(&file.file_id, &file.file_data))),
            "input_file" => ("document", self.uploaded()),
            "input_audio" => ("sound", self.input_audio.as_ref().map(|audio| packed(&audio.format, &audio.data))),
            _ => return Ok(None),
        };
        match what {
            None => Err(format!("a part of type '{}' does not say where its content is", self.kind)),
            Some(what) => Ok(Some(Media { noun, what: what? })),
        }
    }

    fn uploaded(&self) -> Option<Result<String, String>> {
        stored(&self.file_id, &self.file_data).or_else(|| self.file_url.as_deref().map(located))
    }
}

impl Source {
    fn what(&self) -> Result<String, String> {
        let field = |field: &Option<String>| {
            field.clone().ok_or_else(|| format!("a source of type '{}' lacks a field", self.kind))
        };
        match self.kind.as_str() {
            "url" => located(&field(&self.url)?),
            "file" => Ok(format!("file {}", field(&self.file_id)?)),
            "base64" => packed(self.media_type.as_deref().unwrap_or("of no type"), &field(&self.data)?),
            "text" => Ok(format!("text of {} words", words(&field(&self.data)?))),
            "content" => Ok("content".to_owned()),
            other => Err(format!("'{other}' is no type of a source")),
        }
    }
}

impl ImageUrl {
    fn url(&self) -> &str {
        match self {
            ImageUrl::Bare(url) | ImageUrl::Nested { url } => url,
        }
    }
}

fn stored(id: &Option<String>, data: &Option<String>) -> Option<Result<String, String>> {
    let id = id.as_ref().map(|id| Ok(format!("file {id}")));
    id.or_else(|| data.as_deref().map(located))
}

/// By its address, or, where that is a data URL (RFC 2397), by type and size.
fn located(url: &str) -> Result<String, String> {
    match url.strip_prefix("data:").and_then(|rest| rest.split_once(";base64,")) {
        Some((media_type, data)) => packed(media_type, data),
        None if url.starts_with("https://") || url.starts_with("http://") => Ok(format!("url {url}")),
        None => Err("an image's url must be http(s) or a data URL in base64".to_owned()),
    }
}

fn packed(media_type: &str, data: &str) -> Result<String, String> {
    match STANDARD.decode(data) {
        Ok(bytes) => Ok(format!("base64 {media_type} {} bytes", bytes.len())),
        Err(_) => Err("the data is not valid base64".to_owned()),
    }
}
