//! Server-sent events as bytes: where one ends, however the bytes were split (WHATWG HTML, section 9.2.5).

mod ending;
mod protocol;
mod reader;

use std::collections::VecDeque;

use bytes::Bytes;

use self::ending::{HEAD_BYTES, Head, from_first_field};

pub use self::ending::Ending;
pub use self::protocol::{Protocol, Sort};
pub use self::reader::{Event, EventReader, EventTooLarge};

/// Passes whole events on as they complete and holds back the unfinished rest, without copying either.
///
/// Held back bytes are never lost: they follow once their event ends, and `finish` gives them up. What the holding
/// buys is that a stream which breaks inside an event can still be ended with one that a client can read.
pub struct EventGate {
    /// None where there are no rules by which a stream is whole.
    protocol: Option<Protocol>,
    held: VecDeque<Bytes>,
    held_bytes: usize,
    /// The last two bytes seen, since a line end may be split from the next.
    before: [u8; 2],
    /// Part of an event went through, because it was larger than may be held.
    torn: bool,
    /// Bytes that end with the last whole event and whatever is none behind it. They begin where an event does, or with
    /// its first field.
    last: Bytes,
    /// Of the one that is unfinished.
    begun: Head,
}

/// An event larger than this goes through in pieces.
const HELD_BYTES_MAX: usize = 8 << 10;

impl EventGate {
    pub fn new(protocol: Option<Protocol>) -> EventGate {
        EventGate {
            protocol,
            held: VecDeque::new(),
            held_bytes: 0,
            before: [0; 2],
            torn: false,
            last: Bytes::new(),
            begun: Head::default(),
        }
    }

    /// Takes a chunk and appends to `out` what may pass.
    pub fn push(&mut self, mut chunk: Bytes, out: &mut VecDeque<Bytes>) {
        if chunk.is_empty() {
            return;
        }
        let boundary = last_boundary(self.before, &chunk);
        if self.protocol.is_some() {
            self.note(&chunk, boundary);
        }
        self.remember(&chunk);
        if let Some(end) = boundary {
            self.release(out);
            out.push_back(chunk.split_to(end));
            self.torn = false;
        }
        if !chunk.is_empty() {
            self.held_bytes += chunk.len();
            self.held.push_back(chunk);
        }
        if self.held_bytes > HELD_BYTES_MAX {
            self.release(out);
            self.torn = true;
        }
    }

    /// How much of the unfinished event is held back.
    pub fn held_bytes(&self) -> usize {
        self.held_bytes
    }

    /// How the stream stands by what came of it so far.
    pub fn ending(&self) -> Ending {
        match self.protocol {
            None => Ending::Unknown,
            Some(_) if self.begun.is_done() => Ending::Whole,
            Some(protocol) => self.last_head().ending(protocol),
        }
    }

    /// The number of the last whole event, where it has one in its first bytes.
    pub fn sequence_number(&self) -> Option<u64> {
        self.last_head().sequence_number()
    }

    /// Whether what passed so far ends where an event does.
    pub fn is_between_events(&self) -> bool {
        !self.torn
    }

    /// The upstream ended: what is left goes through as it is.
    pub fn finish(&mut self, out: &mut VecDeque<Bytes>) {
        self.release(out);
    }

    /// The upstream broke: the unfinished event is dropped, and `event` follows where a client can read it.
    pub fn fail(&mut self, event: Bytes, out: &mut VecDeque<Bytes>) {
        self.held.clear();
        self.held_bytes = 0;
        if self.torn {
            out.push_back(Bytes::from_static(b"\n\n"));
        }
        out.push_back(event);
    }

    fn release(&mut self, out: &mut VecDeque<Bytes>) {
        out.append(&mut self.held);
        self.held_bytes = 0;
    }

    fn remember(&mut self, chunk: &[u8]) {
        self.before = match chunk {
            [] => self.before,
            [one] => [self.before[1], *one],
            [.., one, two] => [*one, *two],
        };
    }

    /// Keeps the last event that ends in `chunk`, and the first bytes of the one that begins behind it.
    fn note(&mut self, chunk: &Bytes, boundary: Option<usize>) {
        let Some(end) = boundary else { return self.begun.read(chunk) };
        let ended = &chunk[..end];
        if self.begun.is_at_start() && matches!(ended[0], b'd' | b'e') && end <= HELD_BYTES_MAX {
            // The usual: whole events in one piece. Which of them is the last is looked for at the stream's end.
            self.last = chunk.slice(..end);
        } else {
            self.note_last(ended);
        }
        self.begun.begin(&chunk[end..]);
    }

    /// The same where bytes begin within an event, or with what is none: then the one before them counts.
    fn note_last(&mut self, ended: &[u8]) {
        match last_event(self.before, ended) {
            Ok(event) => self.last = Bytes::copy_from_slice(&event[..event.len().min(HEAD_BYTES)]),
            Err(first) => {
                self.begun.read(first);
                if !self.begun.is_empty() {
                    self.last = Bytes::copy_from_slice(self.begun.bytes());
                }
            }
        }
    }

    fn last_head(&self) -> Head {
        let mut head = Head::default();
        head.begin(last_event([0; 2], &self.last).unwrap_or_else(|first| first));
        head
    }
}

/// The last event in bytes that end where one does, from its name or data on. A comment or an empty line is none: where
/// nothing behind the first end of an event is one, this gives the bytes up to there.
fn last_event(before: [u8; 2], mut ended: &[u8]) -> Result<&[u8], &[u8]> {
    while let [but_last @ .., _] = ended
        && let Some(from) = last_boundary(before, but_last)
    {
        let event = from_first_field(&ended[from..], &mut false);
        if !event.is_empty() {
            return Ok(event);
        }
        ended = &ended[..from];
    }
    Err(ended)
}

/// Where the last whole event in `chunk` ends, given the two bytes before it.
fn last_boundary(before: [u8; 2], chunk: &[u8]) -> Option<usize> {
    let byte = |at: usize, back: usize| if at >= back { chunk[at - back] } else { before[2 + at - back] };
    memchr::memrchr2_iter(b'\n', b'\r', chunk).map(|at| at + 1).find(|&end| {
        let at = end - 1;
        let pair = [byte(at, 1), byte(at, 0)];
        match &pair {
            // A line end right behind a line end is the empty line that ends an event.
            b"\n\n" | b"\r\r" | b"\n\r" => true,
            // One line end of two bytes: look one further back. Further than the two remembered bytes is never asked.
            b"\r\n" => matches!(byte(at, 2), b'\n' | b'\r'),
            _ => false,
        }
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pass(gate: &mut EventGate, chunk: &[u8]) -> Vec<u8> {
        let mut out = VecDeque::new();
        gate.push(Bytes::copy_from_slice(chunk), &mut out);
        out.into_iter().flatten().collect()
    }

    #[test]
    fn whole_event_passes_at_once_and_an_unfinished_one_waits_for_its_end() {
        let mut gate = EventGate::new(None);
        assert_eq!(pass(&mut gate, b"data: 1\n\n"), b"data: 1\n\n");
        assert_eq!(pass(&mut gate, b"data: 2"), b"");
        assert_eq!(pass(&mut gate, b"\n"), b"");
        assert_eq!(pass(&mut gate, b"\ndata: 3"), b"data: 2\n\n");
        let mut out = VecDeque::new();
        gate.finish(&mut out);
        assert_eq!(out, [&b"data: 3"[..]]);
    }

    #[test]
    fn every_kind_of_line_end_ends_an_event_wherever_it_is_split() {
        for end in ["\n\n", "\r\n\r\n", "\r\r", "\n\r\n"] {
            let stream = format!("data: 1{end}data: 2");
            for split in 1..stream.len() {
                let mut gate = EventGate::new(None);
                let mut seen = pass(&mut gate, &stream.as_bytes()[..split]);
                seen.extend(pass(&mut gate, &stream.as_bytes()[split..]));
                let seen = String::from_utf8(seen).unwrap();
                assert!(seen.starts_with("data: 1") && !seen.contains("data: 2"), "{end:?} at {split}: {seen:?}");
            }
        }
    }

    #[test]
    fn broken_stream_drops_the_unfinished_event_and_ends_with_the_error() {
        let mut gate = EventGate::new(None);
        assert_eq!(pass(&mut gate, b"data: 1\n\ndata: {\"a\":"), b"data: 1\n\n");
        let mut out = VecDeque::new();
        gate.fail(Bytes::from_static(b"event: error\n\n"), &mut out);
        assert_eq!(out, [&b"event: error\n\n"[..]]);
    }

    #[test]
    fn event_too_large_to_hold_goes_through_and_is_closed_before_an_error() {
        let mut gate = EventGate::new(None);
        let large = vec![b'x'; HELD_BYTES_MAX + 1];
        assert_eq!(pass(&mut gate, &large).len(), large.len());
        let mut out = VecDeque::new();
        gate.fail(Bytes::from_static(b"event: error\n\n"), &mut out);
        assert_eq!(out, [&b"\n\n"[..], &b"event: error\n\n"[..]]);
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn nothing_is_lost_added_or_reordered(chunks in prop::collection::vec("[a\r\n]{0,8}", 0..20)) {
            let mut gate = EventGate::new(None);
            let mut out = VecDeque::new();
            for chunk in &chunks {
                gate.push(Bytes::copy_from_slice(chunk.as_bytes()), &mut out);
            }
            gate.finish(&mut out);
            let seen: Vec<u8> = out.into_iter().flatten().collect();
            prop_assert_eq!(seen, chunks.concat().into_bytes());
        }
    }
}
