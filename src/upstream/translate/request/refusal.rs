//! Why a conversation cannot be said, and where that stands in the caller's words.

use crate::prompt::json::Value;
use crate::upstream::translate::{Format, Untranslatable};

/// Why a conversation cannot be said, and at which byte of the body.
#[derive(Debug)]
pub(super) struct Refusal {
    at: usize,
    /// The name of a member that should stand in the object at this byte.
    missing: Option<&'static str>,
    problem: Problem,
}

#[derive(Debug)]
enum Problem {
    /// The upstream's format has nothing for it.
    Wordless,
    Other(&'static str),
}

impl Refusal {
    pub(super) fn wordless(at: usize) -> Refusal {
        Refusal { at, missing: None, problem: Problem::Wordless }
    }

    pub(super) fn new(at: usize, problem: &'static str) -> Refusal {
        Refusal { at, missing: None, problem: Problem::Other(problem) }
    }

    pub(super) fn missing(object: Value<'_>, name: &'static str) -> Refusal {
        Refusal { at: object.span().start, missing: Some(name), problem: Problem::Other("is missing") }
    }

    pub(super) fn told(self, root: Value<'_>, upstream: Format) -> Untranslatable {
        let mut place = place(root, self.at);
        if let Some(name) = self.missing {
            place.push('.');
            place.push_str(name);
        }
        let place = match place.trim_start_matches('.') {
            "" => "body".to_owned(),
            place => place.to_owned(),
        };
        let problem = match self.problem {
            Problem::Wordless => format!("cannot be said in {}", name(upstream)),
            Problem::Other(problem) => problem.to_owned(),
        };
        Untranslatable { place, problem }
    }
}

fn name(format: Format) -> &'static str {
    match format {
        Format::Chat => "OpenAI's chat completions",
        Format::Messages => "Anthropic's messages",
        Format::Responses => "OpenAI's responses",
    }
}

/// The way from the root to the value, or to the key, that begins at `at`: no two begin at the same byte.
fn place(root: Value<'_>, at: usize) -> String {
    let mut place = String::new();
    let mut value = root;
    while value.span().start != at {
        let member = value.members().find(|(key, value)| (key.span().start..value.span().end).contains(&at));
        let element = value.elements().enumerate().find(|(_, element)| element.span().contains(&at));
        if let Some((key, inside)) = member {
            place.push('.');
            place.push_str(shown(&key.text().unwrap_or_default()));
            if key.span().start == at {
                break;
            }
            value = inside;
        } else if let Some((index, inside)) = element {
            place.push_str(&format!("[{index}]"));
            value = inside;
        } else {
            break;
        }
    }
    place
}

/// A member's name goes into answers and logs, so that only one that looks like a name is shown.
fn shown(name: &str) -> &str {
    let named = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'));
    if named && (1..=NAME_BYTES_MAX).contains(&name.len()) { name } else { "?" }
}

/// The longest name that a provider's reference has is half as long.
const NAME_BYTES_MAX: usize = 64;
