//! What is known of models by their names alone, as the providers' pages had it in November 2026.
//!
//! Whatever a family refuses is kept from it, because a refusal would be the whole request's. A name that is not in these
//! tables is told everything that its format has words for.

use super::neutral::Level;

/// A family, and its version as far as the name tells it.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Model {
    family: Family,
    version: (u8, u8),
    sort: Sort,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Family {
    /// Claude from before its versions stood last: 3.7 and older.
    EarlyClaude,
    Opus,
    Sonnet,
    Haiku,
    /// Fable and Mythos.
    OtherClaude,
    Gpt4o,
    Gpt,
    /// OpenAI's o1, o3 and o4.
    O,
}

/// Within OpenAI's versions.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sort {
    Plain,
    Chat,
    Codex,
    CodexMax,
    Pro,
}

/// The efforts that a model takes, of which there may be none at all; `None` where that is not known.
pub(super) fn efforts(name: &str) -> Option<&'static [Level]> {
    use Level::{High, Low, Max, Medium, Minimal, None as Nothing, XHigh};
    let Model { family, version, sort } = parsed(name)?;
    match (family, version, sort) {
        (Family::Gpt4o, _, _) | (Family::Gpt, (..=4, _), _) | (Family::Gpt, (5, 0), Sort::Chat) => Some(&[]),
        (Family::O, _, _) => Some(&[Low, Medium, High]),
        (Family::Gpt, _, Sort::Chat) => Some(&[Medium]),
        (Family::Gpt, (5, 0), Sort::Pro) => Some(&[High]),
        (Family::Gpt, (5, ..=5), Sort::Pro) => Some(&[Medium, High, XHigh]),
        (Family::Gpt, (5, ..=1), Sort::Codex) => Some(&[Low, Medium, High]),
        (Family::Gpt, (5, ..=5), Sort::Codex | Sort::CodexMax) => Some(&[Low, Medium, High, XHigh]),
        (Family::Gpt, (5, 0), Sort::Plain) => Some(&[Minimal, Low, Medium, High]),
        (Family::Gpt, (5, 1), Sort::Plain) => Some(&[Nothing, Low, Medium, High]),
        (Family::Gpt, (5, ..=5), Sort::Plain) => Some(&[Nothing, Low, Medium, High, XHigh]),
        (Family::Gpt, _, _) => None,
        (Family::EarlyClaude, _, _)
        | (Family::Opus, (..=4, ..=4), _)
        | (Family::Sonnet | Family::Haiku, (..=4, ..=5), _) => Some(&[]),
        (Family::Opus, (4, 5), _) => Some(&[Nothing, Low, Medium, High]),
        (Family::Opus | Family::Sonnet, (4, 6), _) => Some(&[Nothing, Low, Medium, High, Max]),
        // Their thinking cannot be turned off.
        (Family::Opus | Family::Sonnet, (5, 5..), _) | (Family::OtherClaude, _, _) => {
            Some(&[Low, Medium, High, XHigh, Max])
        }
        (Family::Opus | Family::Sonnet | Family::Haiku, _, _) => Some(OF_MESSAGES),
    }
}

/// What Anthropic's messages have words for.
pub(super) const OF_MESSAGES: &[Level] =
    &[Level::None, Level::Low, Level::Medium, Level::High, Level::XHigh, Level::Max];

/// Whether a model takes a temperature and a `top_p` other than 1, where this effort is asked of it.
pub(super) fn samples(name: &str, effort: Option<Level>) -> bool {
    let Some(Model { family, version, sort }) = parsed(name) else { return true };
    match family {
        Family::O | Family::OtherClaude => false,
        Family::Gpt if version < (5, 0) => true,
        Family::Gpt => match (version, sort) {
            ((5, 0), Sort::Chat) => true,
            // Up to 5.4 they do not reason unless it is asked of them, and sample where they do not reason.
            ((5, 2..=4), Sort::Plain) => matches!(effort, None | Some(Level::None)),
            ((5, 5..), Sort::Plain) => effort == Some(Level::None),
            _ => false,
        },
        Family::Opus => version < (4, 7),
        Family::Sonnet | Family::Haiku => version < (5, 0),
        Family::EarlyClaude | Family::Gpt4o => true,
    }
}

/// Whether a model takes a temperature and a `top_p` in one request.
pub(super) fn samples_twice_over(name: &str) -> bool {
    parsed(name).is_none_or(|model| match model.family {
        Family::Opus => model.version < (4, 1),
        Family::Sonnet | Family::Haiku => model.version < (4, 5),
        Family::OtherClaude => false,
        Family::EarlyClaude | Family::Gpt4o | Family::Gpt | Family::O => true,
    })
}

/// Whether a model reasons and calls functions in one chat completion, and not by responses alone.
pub(super) fn reasons_with_tools_in_chat(name: &str) -> bool {
    parsed(name).is_none_or(|model| model.family != Family::Gpt || model.version < (5, 4))
}

/// Whether the system may speak behind the first turn of Anthropic's messages.
pub(super) fn takes_later_system(name: &str) -> bool {
    parsed(name).is_none_or(|model| match model.family {
        Family::EarlyClaude => false,
        Family::Opus => model.version >= (4, 8),
        Family::Sonnet | Family::Haiku => model.version >= (5, 0),
        Family::OtherClaude | Family::Gpt4o | Family::Gpt | Family::O => true,
    })
}

/// The most tokens that a model writes, where more is refused.
pub(super) fn tokens_max(name: &str) -> Option<u32> {
    let model = parsed(name)?;
    match (model.family, model.version) {
        (Family::Gpt4o, _) => Some(16_384),
        (Family::Gpt, (4, 1)) => Some(32_768),
        (Family::Opus, (4, ..=1)) => Some(32_000),
        _ => None,
    }
}

/// The model behind a name with a provider's prefix, a date, or another spelling of its version.
fn parsed(name: &str) -> Option<Model> {
    let name = name.to_ascii_lowercase();
    let words: Vec<&str> = name.split(['-', '.', '@', '/', ':', '_']).collect();
    let sort = sort(&words);
    (0..words.len()).find_map(|at| {
        let (family, version) = family(&words[at..])?;
        Some(Model { family, version, sort })
    })
}

fn family(words: &[&str]) -> Option<(Family, (u8, u8))> {
    match words {
        ["claude", "instant" | "v2" | "v1", ..] => Some((Family::EarlyClaude, (1, 0))),
        ["claude", "opus", rest @ ..] => Some((Family::Opus, version(rest)?)),
        ["claude", "sonnet", rest @ ..] => Some((Family::Sonnet, version(rest)?)),
        ["claude", "haiku", rest @ ..] => Some((Family::Haiku, version(rest)?)),
        ["claude", "fable" | "mythos", ..] => Some((Family::OtherClaude, (0, 0))),
        ["claude", rest @ ..] => Some((Family::EarlyClaude, version(rest)?)),
        ["gpt" | "chatgpt", "4o", ..] => Some((Family::Gpt4o, (4, 0))),
        ["gpt", "35", ..] => Some((Family::Gpt, (3, 5))),
        ["gpt", rest @ ..] => Some((Family::Gpt, version(rest)?)),
        ["o1" | "o3" | "o4", ..] => Some((Family::O, (0, 0))),
        _ => None,
    }
}

/// A version of one or two numbers; a date behind it is none of them.
fn version(words: &[&str]) -> Option<(u8, u8)> {
    let major = number(words.first()?)?;
    Some((major, words.get(1).and_then(|word| number(word)).unwrap_or(0)))
}

fn number(word: &str) -> Option<u8> {
    word.parse().ok().filter(|_| word.len() <= 2)
}

fn sort(words: &[&str]) -> Sort {
    let has = |word: &str| words.contains(&word);
    match (has("chat"), has("codex"), has("max"), has("pro")) {
        (true, _, _, _) => Sort::Chat,
        (_, true, true, _) => Sort::CodexMax,
        (_, true, false, _) => Sort::Codex,
        (_, _, _, true) => Sort::Pro,
        _ => Sort::Plain,
    }
}
