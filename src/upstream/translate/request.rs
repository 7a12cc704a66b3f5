//! Requests: the caller's body is read into a conversation in nobody's words, which is written in the upstream's.
//!
//! A reader knows one format and a writer knows one, so three of each make the six pairs. Nothing is dropped in silence:
//! a reader refuses every member that it does not know, and a writer refuses what its format has no word for.

mod families;
mod neutral;
mod read;
mod refusal;
mod write;

use super::{Asked, Expects, Format, Pair, Said, Untranslatable};
use crate::prompt::json::{Document, Value};

use self::neutral::Conversation;
use self::refusal::Refusal;
use self::write::Told;

/// Says a request in the upstream's words, or tells the first thing that it has no word for.
pub(in crate::upstream) fn request(pair: Pair, asked: &Asked<'_>) -> Result<Said, Untranslatable> {
    // The gate held its own limit of depth when the body came.
    let document = Document::parse(asked.body.clone(), usize::MAX).map_err(|error| Untranslatable {
        place: "body".into(),
        problem: format!("is not acceptable JSON: {error}"),
    })?;
    translated(pair, asked, document.root()).map_err(|refusal| refusal.told(document.root(), pair.upstream))
}

fn translated(pair: Pair, asked: &Asked<'_>, root: Value<'_>) -> Result<Said, Refusal> {
    let mut conversation = read(pair.caller, root)?;
    let mut left_out = std::mem::take(&mut conversation.left_out);
    let expects =
        Expects { model: conversation.model.text().into_owned(), includes_usage: conversation.includes_usage };
    let told = Told { model: asked.model.unwrap_or(&expects.model), identifier: asked.identifier };
    let body = match pair.upstream {
        Format::Chat => write::chat(&conversation, &told, &mut left_out)?,
        Format::Messages => write::messages(&conversation, &told, &mut left_out)?,
        Format::Responses => write::responses(&conversation, &told, &mut left_out)?,
    };
    Ok(Said { body, left_out: left_out.names(), expects })
}

fn read(format: Format, root: Value<'_>) -> Result<Conversation<'_>, Refusal> {
    match format {
        Format::Chat => read::chat(root),
        Format::Messages => read::messages(root),
        Format::Responses => read::responses(root),
    }
}

#[cfg(test)]
mod tests;
