//! Recorded answers of each format in the words of the two others, whole and streamed.
//!
//! The samples under `tests/fixtures/answers/{chat,messages,responses}` are what the providers' documentation shows; what
//! stands under `said` was checked by hand.

mod accumulate;
mod failures;
mod round_trips;
mod streams;
mod whole;

use std::fs;
use std::path::{Path, PathBuf};

use bytes::BytesMut;
use serde_json::Value;

use super::{Stream, answer_at};
use crate::sse::Sort;
use crate::upstream::translate::{Expects, Format, Pair, Unreadable};

const FORMATS: [Format; 3] = [Format::Chat, Format::Messages, Format::Responses];
const CASES: [&str; 7] = ["text", "tools", "parallel_tools", "thinking", "refusal", "max_tokens", "cached"];
const NOW: u64 = 1_760_000_000;

fn folder(format: Format) -> &'static str {
    match format {
        Format::Chat => "chat",
        Format::Messages => "messages",
        Format::Responses => "responses",
    }
}

fn path(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/answers").join(file)
}

fn fixture(file: &str) -> String {
    fs::read_to_string(path(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

fn recorded(format: Format, file: &str) -> String {
    fixture(&format!("{}/{file}", folder(format)))
}

fn pairs() -> impl Iterator<Item = Pair> {
    FORMATS
        .into_iter()
        .flat_map(|upstream| FORMATS.into_iter().map(move |caller| Pair { caller, upstream }))
        .filter(|pair| pair.caller != pair.upstream)
}

fn pair(upstream: Format, caller: Format) -> Pair {
    Pair { caller, upstream }
}

fn expects() -> Expects {
    Expects { model: "reasoning".into(), includes_usage: true }
}

fn said(pair: Pair, body: &str) -> Result<Value, Unreadable> {
    let said = answer_at(pair, &expects(), body.as_bytes(), NOW)?;
    Ok(serde_json::from_slice(&said).unwrap())
}

fn stream(pair: Pair) -> Stream {
    Stream::begun_at(pair, expects(), NOW)
}

/// All that is said of a stream in these chunks, and the sort of each.
fn streamed<'a>(pair: Pair, chunks: impl IntoIterator<Item = &'a [u8]>) -> (String, Vec<Sort>) {
    let mut stream = stream(pair);
    let mut out = BytesMut::new();
    let sorts = chunks.into_iter().map(|chunk| stream.push(chunk, &mut out)).collect();
    (String::from_utf8(out.to_vec()).unwrap(), sorts)
}

fn streamed_whole(pair: Pair, stream: &str) -> (String, Sort) {
    let (said, sorts) = streamed(pair, [stream.as_bytes()]);
    (said, sorts[0])
}

/// The events of a stream, each with the empty line that ends it.
fn events(stream: &str) -> Vec<&str> {
    stream.split_inclusive("\n\n").collect()
}

/// What only the last event of a whole stream has.
fn is_ended(caller: Format, said: &str) -> bool {
    let ends: &[&str] = match caller {
        Format::Chat => &["data: [DONE]\n\n"],
        Format::Messages => &["event: message_stop\n"],
        Format::Responses => &["event: response.completed\n", "event: response.incomplete\n"],
    };
    ends.iter().any(|end| said.contains(end))
}
