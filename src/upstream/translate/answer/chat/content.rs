//! What a message's `content` says.

use serde::Deserialize;

use crate::upstream::translate::answer::words::{Part, Text, spoken};

/// A text, or parts of it and of thinking, as Mistral's reasoning models have them.
#[derive(Deserialize)]
#[serde(untagged)]
pub(in crate::upstream::translate::answer) enum Content<'a> {
    Text(#[serde(borrow)] Text<'a>),
    Parts(#[serde(borrow)] Vec<ContentPart<'a>>),
}

#[derive(Deserialize)]
pub(in crate::upstream::translate::answer) struct ContentPart<'a> {
    #[serde(borrow)]
    r#type: Text<'a>,
    #[serde(borrow)]
    text: Option<Text<'a>>,
    #[serde(borrow)]
    thinking: Option<Box<Content<'a>>>,
}

impl<'a> Content<'a> {
    /// What says something, in its order. A part of any other kind, such as a reference, is the provider's own affair.
    pub(in crate::upstream::translate::answer) fn tell(self, told: &mut dyn FnMut(Part<'a>)) {
        match self {
            Content::Text(text) => spoken(Some(text)).into_iter().for_each(|text| told(Part::Text(text))),
            Content::Parts(parts) => parts.into_iter().for_each(|part| part.tell(told)),
        }
    }
}

impl<'a> ContentPart<'a> {
    fn tell(self, told: &mut dyn FnMut(Part<'a>)) {
        match (&*self.r#type, self.thinking) {
            ("text", _) => spoken(self.text).into_iter().for_each(|text| told(Part::Text(text))),
            ("thinking", Some(thinking)) => thinking.tell(&mut |part| {
                if let Part::Text(text) = part {
                    told(Part::Thinking(text));
                }
            }),
            _ => {}
        }
    }
}

/// Texts that follow each other are one, as they are in a stream.
pub(super) fn append_part<'a>(parts: &mut Vec<Part<'a>>, part: Part<'a>) {
    match (parts.last_mut(), &part) {
        (Some(Part::Text(whole)), Part::Text(more)) | (Some(Part::Thinking(whole)), Part::Thinking(more)) => {
            whole.to_mut().push_str(more);
        }
        _ => parts.push(part),
    }
}
