//! Answers: whole, as streams of events, and errors.
//!
//! The upstream's is read into words of nobody's and written in the caller's. Fields that are not known are passed over,
//! because providers add some; what must be there and is not makes an answer unreadable. What has no place in the caller's
//! format is listed in docs/translation.md.

mod chat;
mod failure;
mod messages;
mod responses;
mod stream;
#[cfg(test)]
mod tests;
mod usage;
mod words;

use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http::StatusCode;

pub(in crate::upstream) use self::stream::Stream;

use self::failure::Failure;
use self::words::{Answer, Head};
use super::{Expects, Format, Pair, Unreadable};

/// Says a whole answer of a status of success in the caller's words.
pub(in crate::upstream) fn answer(pair: Pair, expects: &Expects, body: &[u8]) -> Result<Bytes, Unreadable> {
    answer_at(pair, expects, body, now())
}

/// `now` in seconds since 1970.
fn answer_at(pair: Pair, expects: &Expects, body: &[u8], now: u64) -> Result<Bytes, Unreadable> {
    let answer = read(pair.upstream, body)?;
    let model = answer.model.as_deref();
    let head = Head::new(pair.upstream, &answer.id, model, answer.created, expects, now);
    match pair.caller {
        Format::Chat => Ok(chat::write(&head, &answer)),
        Format::Messages => messages::write(&head, &answer),
        Format::Responses => Ok(responses::write(&head, &answer)),
    }
}

/// Says an upstream's error in the caller's words, with the status that the caller's provider has for it. A body that
/// cannot be read gives an error that says nothing but the status.
pub(in crate::upstream) fn error(pair: Pair, status: StatusCode, body: &[u8], request_id: &str) -> (StatusCode, Bytes) {
    let failure = Failure::of_body(pair.upstream.dialect(), status, body);
    (failure::status(pair.caller.dialect(), status), failure.body(pair.caller.dialect(), request_id))
}

fn read(upstream: Format, body: &[u8]) -> Result<Answer<'_>, Unreadable> {
    match upstream {
        Format::Chat => chat::read(body),
        Format::Messages => messages::read(body),
        Format::Responses => responses::read(body),
    }
}

/// In seconds since 1970.
fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |span| span.as_secs())
}
