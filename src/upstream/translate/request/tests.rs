//! Requests said in another provider's words. Fixtures are written by hand from the providers' references.

mod families;
mod fixtures;
mod pairs;
mod refusals;
mod words;

use bytes::Bytes;
use serde_json::Value;

use super::request;
use crate::upstream::translate::{Asked, Format, Pair, Said, Untranslatable};

const FORMATS: [Format; 3] = [Format::Chat, Format::Messages, Format::Responses];

/// Every pair, with the caller's format first.
fn pairs() -> impl Iterator<Item = Pair> {
    let all = FORMATS.into_iter().flat_map(|caller| FORMATS.map(|upstream| Pair { caller, upstream }));
    all.filter(|pair| pair.caller != pair.upstream)
}

fn said(pair: Pair, body: &str) -> Result<Said, Untranslatable> {
    request(pair, &Asked { body: &Bytes::copy_from_slice(body.as_bytes()), model: None, identifier: None })
}

fn translated(caller: Format, upstream: Format, body: &Value) -> Result<Value, Untranslatable> {
    said(Pair { caller, upstream }, &body.to_string()).map(|said| json(&said))
}

fn json(said: &Said) -> Value {
    serde_json::from_slice(&said.body).expect("what is written is JSON")
}
