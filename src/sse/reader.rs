//! Events out of bytes that come in pieces.

use std::borrow::Cow;
use std::mem;

use memchr::memchr2;

/// An event: its name, where it has one, and its data, the lines of it joined by line breaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event<'a> {
    pub name: Option<&'a str>,
    pub data: Cow<'a, str>,
}

/// Reads events from bytes split anywhere. Comments and unknown fields are passed over.
///
/// Line by line, as WHATWG HTML, section 9.2.6, has it: an empty line ends an event, one without data is none, and what
/// the end of the stream cuts off is dropped. Bytes that are no UTF-8 become U+FFFD.
#[derive(Default)]
pub struct EventReader {
    /// The line that has not ended yet.
    line: Vec<u8>,
    name: Vec<u8>,
    /// Each line of data with a line feed behind it.
    data: Vec<u8>,
    /// A line feed that follows at once belongs to the line end before it.
    after_return: bool,
    /// A byte order mark is only one at the very start.
    past_first_line: bool,
    overflowed: bool,
}

/// The largest event that is held: providers repeat a whole answer in the last one, and an answer is far smaller.
const EVENT_BYTES_MAX: usize = 8 << 20;

impl EventReader {
    /// Takes a chunk, and hands each event that it completes to `each`, in order. An event larger than may be held is
    /// an error: whoever reads events does not guess. After it nothing is read any more.
    pub fn read(&mut self, mut chunk: &[u8], mut each: impl FnMut(Event<'_>)) -> Result<(), EventTooLarge> {
        if self.after_return && !chunk.is_empty() {
            self.after_return = false;
            chunk = chunk.strip_prefix(b"\n").unwrap_or(chunk);
        }
        while let Some(end) = memchr2(b'\n', b'\r', chunk) {
            self.check(end)?;
            self.end_line(&chunk[..end], &mut each);
            let returned = chunk[end] == b'\r';
            chunk = &chunk[end + 1..];
            if returned {
                self.after_return = chunk.is_empty();
                chunk = chunk.strip_prefix(b"\n").unwrap_or(chunk);
            }
        }
        self.check(chunk.len())?;
        self.line.extend_from_slice(chunk);
        Ok(())
    }

    fn check(&mut self, more: usize) -> Result<(), EventTooLarge> {
        self.overflowed |= self.line.len() + self.data.len() + more > EVENT_BYTES_MAX;
        if self.overflowed { Err(EventTooLarge) } else { Ok(()) }
    }

    fn end_line(&mut self, rest: &[u8], each: &mut impl FnMut(Event<'_>)) {
        if self.line.is_empty() {
            return self.take_line(rest, each);
        }
        let mut line = mem::take(&mut self.line);
        line.extend_from_slice(rest);
        self.take_line(&line, each);
        line.clear();
        self.line = line;
    }

    fn take_line(&mut self, mut line: &[u8], each: &mut impl FnMut(Event<'_>)) {
        if !mem::replace(&mut self.past_first_line, true) {
            line = line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(line);
        }
        if line.is_empty() {
            return self.end_event(each);
        }
        let colon = memchr::memchr(b':', line).unwrap_or(line.len());
        let value = line.get(colon + 1..).unwrap_or_default();
        let value = value.strip_prefix(b" ").unwrap_or(value);
        match &line[..colon] {
            b"data" => {
                self.data.extend_from_slice(value);
                self.data.push(b'\n');
            }
            b"event" => {
                self.name.clear();
                self.name.extend_from_slice(value);
            }
            _ => {}
        }
    }

    fn end_event(&mut self, each: &mut impl FnMut(Event<'_>)) {
        if let Some(data) = self.data.strip_suffix(b"\n") {
            let name = str::from_utf8(&self.name).ok().filter(|name| !name.is_empty());
            // Which is quick where nothing is wrong, and the rule.
            let data = str::from_utf8(data).map_or_else(|_| String::from_utf8_lossy(data), Cow::Borrowed);
            each(Event { name, data });
        }
        self.name.clear();
        self.data.clear();
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an event of the stream is too large to be read")]
pub struct EventTooLarge;

const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    type Read = Vec<(Option<String>, String)>;

    fn read<'a>(chunks: impl IntoIterator<Item = &'a [u8]>) -> Read {
        let mut reader = EventReader::default();
        let mut events = Vec::new();
        for chunk in chunks {
            reader
                .read(chunk, |event| events.push((event.name.map(str::to_owned), event.data.into_owned())))
                .expect("small events are read");
        }
        events
    }

    fn event(name: &str, data: &str) -> (Option<String>, String) {
        ((!name.is_empty()).then(|| name.to_owned()), data.to_owned())
    }

    /// Whole, split in two at every byte, and byte by byte.
    fn reads_in_every_split(stream: &str, expected: &[(Option<String>, String)]) {
        let bytes = stream.as_bytes();
        for at in 0..=bytes.len() {
            assert_eq!(read([&bytes[..at], &bytes[at..]]), expected, "{stream:?} split at {at}");
        }
        assert_eq!(read(bytes.chunks(1)), expected, "{stream:?} byte by byte");
    }

    #[test]
    fn events_are_read_wherever_they_are_split_and_whatever_ends_their_lines() {
        let expected = [event("message_start", r#"{"a":"ä"}"#), event("", "one\ntwo"), event("", "[DONE]")];
        for end in ["\n", "\r\n", "\r"] {
            let stream =
                ["event: message_start", r#"data: {"a":"ä"}"#, "", "data: one", "data:two", "", "data: [DONE]"]
                    .map(|line| format!("{line}{end}"))
                    .concat();
            reads_in_every_split(&format!("{stream}{end}"), &expected);
        }
    }

    #[test]
    fn comments_and_unknown_fields_are_passed_over_and_a_first_byte_order_mark_too() {
        let stream = "\u{feff}data: 1\n: keep-alive\nid: 7\nretry: 3\nno field\n\n: alone\n\n\u{feff}data: 2\n\n";
        reads_in_every_split(stream, &[event("", "1")]);
    }

    #[test]
    fn one_space_after_the_colon_is_no_data_and_any_other_is() {
        reads_in_every_split(
            "data:  a \n\ndata\n\ndata:\ndata:\n\n",
            &[event("", " a "), event("", ""), event("", "\n")],
        );
    }

    #[test]
    fn event_without_data_is_none_and_leaves_its_name_to_no_other() {
        reads_in_every_split("event: ping\n\ndata: 1\n\n", &[event("", "1")]);
    }

    #[test]
    fn event_that_the_end_of_the_stream_cuts_off_is_dropped() {
        reads_in_every_split("data: 1\n\ndata: 2\n", &[event("", "1")]);
    }

    #[test]
    fn bytes_that_are_no_utf8_are_replaced_and_do_not_end_the_reading() {
        assert_eq!(read([&b"data: a\xff\n\ndata: b\n\n"[..]]), [event("", "a\u{fffd}"), event("", "b")]);
    }

    #[test]
    fn event_too_large_is_an_error_in_one_line_as_in_many_and_the_largest_is_read() {
        let largest = "x".repeat(EVENT_BYTES_MAX - 2 * "data: ".len());
        let mut reader = EventReader::default();
        let mut lengths = Vec::new();
        let stream = format!("data: {largest}\n\n");
        assert_eq!(reader.read(stream.as_bytes(), |event| lengths.push(event.data.len())), Ok(()));
        assert_eq!(lengths, [largest.len()]);

        for line in ["x".repeat(1 << 20), format!("data: {}\n", "x".repeat(1 << 20))] {
            let mut reader = EventReader::default();
            let results: Vec<_> = (0..9).map(|_| reader.read(line.as_bytes(), |_| panic!("no event ended"))).collect();
            assert_eq!(results.first(), Some(&Ok(())));
            assert_eq!(results.last(), Some(&Err(EventTooLarge)));
            assert_eq!(reader.read(b"\n\ndata: 1\n\n", |_| panic!("nothing is read any more")), Err(EventTooLarge));
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn splits_change_nothing(stream in "(data: ?[ab]{0,3}|event: e|:c|[\r\n]|\u{feff}|ä){0,24}", cuts in prop::collection::vec(0usize..200, 0..8)) {
            let bytes = stream.as_bytes();
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(bytes.len())).collect();
            cuts.extend([0, bytes.len()]);
            cuts.sort_unstable();
            let chunks = cuts.windows(2).map(|cut| &bytes[cut[0]..cut[1]]);
            prop_assert_eq!(read(chunks), read([bytes]));
        }

        #[test]
        fn no_bytes_are_too_strange_to_be_read(chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..10)) {
            read(chunks.iter().map(Vec::as_slice));
        }
    }
}
