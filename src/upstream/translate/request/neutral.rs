//! A conversation in nobody's words: what readers read and writers write.
//!
//! Texts, numbers and schemas are the caller's own literals, so they pass as they are spelled and are not copied.

use std::borrow::Cow;

use serde::{Serialize, Serializer, ser};
use serde_json::value::RawValue;

use crate::prompt::json::{Kind, Value};

/// The turns so far, and how the next one is asked for.
pub(super) struct Conversation<'a> {
    pub(super) model: Literal<'a>,
    /// Where the caller has its turns.
    pub(super) turns_at: usize,
    pub(super) turns: Vec<Turn<'a>>,
    pub(super) tools: Vec<Tool<'a>>,
    pub(super) choice: Option<Choice<'a>>,
    /// Whether one turn may call several tools; every provider's default is that it may.
    pub(super) parallel_calls: Option<bool>,
    pub(super) max_tokens: Option<Literal<'a>>,
    pub(super) temperature: Option<Literal<'a>>,
    pub(super) top_p: Option<Literal<'a>>,
    pub(super) stop: Vec<Literal<'a>>,
    pub(super) output: Option<Output<'a>>,
    pub(super) effort: Option<Effort>,
    pub(super) verbosity: Option<Literal<'a>>,
    pub(super) streams: bool,
    /// OpenAI's `stream_options.include_usage`.
    pub(super) includes_usage: bool,
    pub(super) cache_key: Option<Literal<'a>>,
    pub(super) service_tier: Option<Literal<'a>>,
    pub(super) left_out: LeftOut,
}

pub(super) enum Turn<'a> {
    System {
        at: usize,
        speaker: Speaker,
        texts: Vec<Literal<'a>>,
    },
    User(Vec<Part<'a>>),
    Assistant {
        at: usize,
        pieces: Vec<Piece<'a>>,
    },
    /// What the tools said to the calls of the turn before, all together.
    Results(Vec<ToolResult<'a>>),
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Speaker {
    System,
    Developer,
}

pub(super) enum Part<'a> {
    Text(Literal<'a>),
    Image(Image<'a>),
    File(File<'a>),
}

pub(super) enum Piece<'a> {
    Text(Literal<'a>),
    Call(Call<'a>),
}

pub(super) struct Image<'a> {
    pub(super) at: usize,
    pub(super) source: Source<'a>,
    pub(super) detail: Option<Literal<'a>>,
}

pub(super) struct File<'a> {
    pub(super) at: usize,
    pub(super) name: Option<Literal<'a>>,
    pub(super) source: Source<'a>,
}

pub(super) enum Source<'a> {
    Url(Literal<'a>),
    Data { media_type: Cow<'a, str>, base64: Cow<'a, str> },
}

pub(super) struct Call<'a> {
    pub(super) at: usize,
    pub(super) id: Literal<'a>,
    pub(super) name: Literal<'a>,
    pub(super) arguments: Arguments<'a>,
}

pub(super) enum Arguments<'a> {
    /// A string that should hold an object's JSON; models err.
    Text(Literal<'a>),
    Object(Literal<'a>),
}

pub(super) struct ToolResult<'a> {
    pub(super) call_id: Literal<'a>,
    pub(super) content: Vec<Part<'a>>,
    pub(super) failed: bool,
}

pub(super) struct Tool<'a> {
    pub(super) name: Literal<'a>,
    pub(super) description: Option<Literal<'a>>,
    /// None where the function takes nothing.
    pub(super) schema: Option<Literal<'a>>,
    pub(super) strict: Option<bool>,
}

/// Which tool must be called, where it is not left to the model.
pub(super) enum Choice<'a> {
    Never,
    /// One tool at least, whichever.
    Any,
    Tool(Literal<'a>),
}

/// What the answer's text must be.
pub(super) enum Output<'a> {
    AnyObject { at: usize },
    Schema(Schema<'a>),
}

pub(super) struct Schema<'a> {
    pub(super) at: usize,
    pub(super) name: Option<Literal<'a>>,
    pub(super) description: Option<Literal<'a>>,
    pub(super) schema: Option<Literal<'a>>,
    pub(super) strict: Option<bool>,
}

/// How much is to be thought about the answer.
#[derive(Clone, Copy)]
pub(super) struct Effort {
    pub(super) level: Level,
    /// The caller's word for it, told where it is left out.
    pub(super) word: &'static str,
}

/// Each is more than the one before it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Level {
    None,
    Minimal,
    Low,
    Medium,
    High,
    XHigh,
    Max,
}

impl Level {
    pub(super) fn parse(word: &str) -> Option<Level> {
        match word {
            "none" => Some(Level::None),
            "minimal" => Some(Level::Minimal),
            "low" => Some(Level::Low),
            "medium" => Some(Level::Medium),
            "high" => Some(Level::High),
            "xhigh" => Some(Level::XHigh),
            "max" => Some(Level::Max),
            _ => None,
        }
    }
}

/// The names of hints that are left out, each once, in the order in which they were met.
#[derive(Default)]
pub(super) struct LeftOut(Vec<&'static str>);

impl LeftOut {
    pub(super) fn add(&mut self, name: &'static str) {
        if !self.0.contains(&name) {
            self.0.push(name);
        }
    }

    pub(super) fn names(self) -> Vec<&'static str> {
        self.0
    }
}

/// A value of the caller's, written as it is spelled.
#[derive(Clone, Copy)]
pub(super) struct Literal<'a>(pub(super) Value<'a>);

impl<'a> Literal<'a> {
    pub(super) fn at(self) -> usize {
        self.0.span().start
    }

    pub(super) fn raw(self) -> &'a str {
        self.0.raw()
    }

    /// A string's text. Where text is asked for, readers let nothing else pass.
    pub(super) fn text(self) -> Cow<'a, str> {
        self.0.text().unwrap_or_default()
    }

    pub(super) fn number(self) -> Option<f64> {
        self.raw().parse().ok().filter(|_| self.0.kind() == Kind::Number)
    }

    /// Whether it is a text that shows nothing.
    pub(super) fn is_blank(self) -> bool {
        self.text().trim().is_empty()
    }
}

impl Serialize for Literal<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let raw: &RawValue = serde_json::from_str(self.raw()).map_err(ser::Error::custom)?;
        raw.serialize(serializer)
    }
}
