//! Streams of events: read as they come, and said in the caller's words at once.
//!
//! A reader for each format tells a `Teller` what its events say, and the teller has a writer for the caller's format say
//! it. What holds for every stream stands in between: one part after the other, an end that only the upstream's own rules
//! bring, and after an error nothing.

mod chat;
mod messages;
mod responses;
mod teller;

use std::borrow::Cow;

use bytes::{BufMut, BytesMut};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use self::teller::Teller;
use super::failure::Failure;
use super::now;
use super::words::{Head, Stop, Usage};
use crate::sse::{Event, EventReader, Sort};
use crate::upstream::translate::{Expects, Format, Pair, Unreadable};

/// A stream of events, said in the caller's words as it passes, however its bytes are split.
pub(in crate::upstream) struct Stream {
    events: EventReader,
    reader: Box<dyn Reader + Send>,
    teller: Teller,
}

/// Understands one upstream's events.
trait Reader {
    fn read(&mut self, event: &Event<'_>, teller: &mut Teller) -> Result<(), Unreadable>;
}

/// Writes events of one caller's format. The teller calls in an order that makes a stream: each part opens, grows and
/// closes before the next.
trait Writer {
    fn begin(&mut self, head: Head, usage: Usage, out: &mut BytesMut);
    fn open(&mut self, part: Opening<'_>, out: &mut BytesMut);
    fn grow(&mut self, text: &str, out: &mut BytesMut);
    /// `whole` is all that the part has grown to, where the teller has it: see `Teller::is_needed_whole`. `cut` where the
    /// answer ends inside it.
    fn close(&mut self, whole: &str, cut: bool, out: &mut BytesMut);
    fn end(&mut self, stop: Stop, usage: Option<Usage>, out: &mut BytesMut);
    fn fail(&mut self, failure: &Failure, out: &mut BytesMut);
    /// Bytes of the answer that are kept for its end.
    fn held(&self) -> usize {
        0
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Opening<'a> {
    Prose(Prose),
    Call { id: &'a str, name: &'a str },
}

/// A part that is nothing but its text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Prose {
    Thinking,
    Text,
    Refusal,
}

impl Stream {
    pub(in crate::upstream) fn new(pair: Pair, expects: Expects) -> Stream {
        Stream::begun_at(pair, expects, now())
    }

    /// `now` in seconds since 1970.
    pub(super) fn begun_at(pair: Pair, expects: Expects, now: u64) -> Stream {
        let reader: Box<dyn Reader + Send> = match pair.upstream {
            Format::Chat => Box::new(chat::ChatReader::default()),
            Format::Messages => Box::new(messages::MessagesReader::default()),
            Format::Responses => Box::new(responses::ResponsesReader::default()),
        };
        Stream { events: EventReader::default(), reader, teller: Teller::new(pair, expects, now) }
    }

    /// Takes a chunk as it came and appends whole events of the caller's format to `out`. Returns what the chunk brought:
    /// the sort of its first event that is no lifecycle frame, else `Lifecycle`. The event that ends the caller's
    /// stream is written only where the upstream's has ended by its own rules: whoever reads `out` tells a truncated stream
    /// by that. An error of the upstream's becomes one error event of the caller's format; after it nothing is written.
    pub(in crate::upstream) fn push(&mut self, chunk: &[u8], out: &mut BytesMut) -> Sort {
        let Stream { events, reader, teller } = self;
        teller.swap_out(out);
        let read = events.read(chunk, |event| {
            if !teller.is_over() && reader.read(&event, teller).is_err() {
                teller.fail(&Failure::unreadable());
            }
            teller.end_event();
        });
        if read.is_err() {
            teller.fail(&Failure::unreadable());
            teller.end_event();
        }
        teller.swap_out(out);
        teller.take_sort()
    }
}

/// By its name, which its data repeats as `type`.
fn name<'a>(event: &'a Event<'_>) -> Result<Cow<'a, str>, Unreadable> {
    #[derive(Deserialize)]
    struct Named<'a> {
        #[serde(borrow)]
        r#type: Cow<'a, str>,
    }

    match event.name {
        Some(name) => Ok(Cow::Borrowed(name)),
        None => parse::<Named<'_>>(event).map(|named| named.r#type),
    }
}

fn parse<'a, T: Deserialize<'a>>(event: &'a Event<'_>) -> Result<T, Unreadable> {
    serde_json::from_str(&event.data).map_err(|_| Unreadable)
}

/// One event, with its name where the format has names.
fn write_event(name: Option<&str>, data: &impl Serialize, out: &mut BytesMut) {
    if let Some(name) = name {
        out.put_slice(b"event: ");
        out.put_slice(name.as_bytes());
        out.put_slice(b"\n");
    }
    out.put_slice(b"data: ");
    serde_json::to_writer(out.writer(), data).expect("texts and numbers always serialise, and a buffer takes them");
    out.put_slice(b"\n\n");
}

/// JSON that was written before, to be written again.
fn raw(data: &impl Serialize) -> Box<RawValue> {
    serde_json::value::to_raw_value(data).expect("texts and numbers always serialise")
}
