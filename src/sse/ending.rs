//! How a stream stands, told by the first bytes of its last event, so that nothing is read while events pass.

use std::borrow::Cow;

use super::protocol::{DONE, Protocol, Sort};

/// What the last event says of the stream that it was the last of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// It was the last one of a whole stream.
    Whole,
    /// It was the provider's own word that it failed.
    Failed,
    /// There is more to come, by the rules of the protocol.
    Open,
    /// Its first bytes do not tell, or there are no rules.
    Unknown,
}

/// The first bytes of an event, from its name or data on. Comments, ids and empty lines before them are passed over, so
/// that what has nothing else is no event.
pub(super) struct Head {
    bytes: [u8; HEAD_BYTES],
    len: usize,
    /// The rest of a line that is passed over comes next.
    in_other: bool,
}

/// Enough for name and type of every provider's events, and for an error that stands behind a chunk's id, model and time.
pub(super) const HEAD_BYTES: usize = 256;

impl Default for Head {
    fn default() -> Head {
        Head { bytes: [0; HEAD_BYTES], len: 0, in_other: false }
    }
}

impl Head {
    /// Begins anew with the first bytes of another event. What is left of the earlier one counts for nothing.
    pub(super) fn begin(&mut self, bytes: &[u8]) {
        self.len = 0;
        self.in_other = false;
        self.read(bytes);
    }

    /// Takes the next bytes of an event, however they were split.
    pub(super) fn read(&mut self, mut bytes: &[u8]) {
        if self.is_empty() {
            bytes = from_first_field(bytes, &mut self.in_other);
        }
        let taken = bytes.len().min(HEAD_BYTES - self.len);
        self.bytes[self.len..self.len + taken].copy_from_slice(&bytes[..taken]);
        self.len += taken;
    }

    /// As much as is remembered.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    /// There was neither name nor data.
    pub(super) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Nothing of an event has come, also not a part of a line that is passed over.
    pub(super) fn is_at_start(&self) -> bool {
        self.is_empty() && !self.in_other
    }

    pub(super) fn ending(&self, protocol: Protocol) -> Ending {
        let fields = self.fields();
        if fields.data.starts_with(DONE.as_bytes()) {
            return Ending::Whole;
        }
        let sort = match protocol {
            Protocol::ChatCompletions | Protocol::Completions => {
                let error = member(&fields.data, "error").is_some_and(|value| matches!(value, [b'{' | b'"', ..]));
                // What is cut off here is a chunk with much in it, and no end.
                let sort = if error || fields.name == Some("error") { Sort::Error } else { Sort::Content };
                Some(sort)
            }
            Protocol::Messages | Protocol::Responses => {
                let kind = member(&fields.data, "type").and_then(text).or(fields.name);
                kind.map(|kind| protocol.sort_type(kind).unwrap_or(Sort::Content))
            }
        };
        match sort {
            Some(Sort::End) => Ending::Whole,
            Some(Sort::Error) => Ending::Failed,
            Some(Sort::Lifecycle | Sort::Content) => Ending::Open,
            None if self.len == HEAD_BYTES => Ending::Unknown,
            None => Ending::Open,
        }
    }

    /// Whether this is `[DONE]`, which some servers send without the empty line behind it. No other event can be told to
    /// be whole without that.
    pub(super) fn is_done(&self) -> bool {
        self.fields().data.starts_with(DONE.as_bytes())
    }

    /// The event's place among those of `/v1/responses`.
    pub(super) fn sequence_number(&self) -> Option<u64> {
        let data = self.fields().data;
        let number = member(&data, "sequence_number")?;
        let digits = number.iter().take_while(|byte| byte.is_ascii_digit()).count();
        // A number that goes on behind what is remembered is not this one.
        if digits == number.len() {
            return None;
        }
        std::str::from_utf8(&number[..digits]).ok()?.parse().ok()
    }

    fn fields(&self) -> Fields<'_> {
        let mut fields = Fields { name: None, data: Cow::Borrowed(b"") };
        for line in self.bytes().split(|byte| matches!(byte, b'\n' | b'\r')) {
            let Some(colon) = memchr::memchr(b':', line) else { continue };
            let value = line[colon + 1..].trim_ascii();
            match &line[..colon] {
                b"event" => fields.name = std::str::from_utf8(value).ok(),
                b"data" if fields.data.is_empty() => fields.data = Cow::Borrowed(value),
                b"data" => fields.data.to_mut().extend_from_slice(value),
                _ => {}
            }
        }
        fields
    }
}

/// What is left of an event's bytes from its name or data on; nothing, where neither has come. `in_other` tells whether they
/// begin within a line that is passed over, and afterwards whether they end so.
pub(super) fn from_first_field<'a>(mut bytes: &'a [u8], in_other: &mut bool) -> &'a [u8] {
    loop {
        if *in_other {
            let Some(end) = memchr::memchr2(b'\n', b'\r', bytes) else { return &[] };
            *in_other = false;
            bytes = &bytes[end..];
        }
        match bytes {
            // Between lines, or in the byte-order mark that a stream may begin with.
            [b'\n' | b'\r' | 0xEF | 0xBB | 0xBF, rest @ ..] => bytes = rest,
            [] | [b'd' | b'e', ..] => return bytes,
            _ => *in_other = true,
        }
    }
}

struct Fields<'a> {
    name: Option<&'a str>,
    data: Cow<'a, [u8]>,
}

/// A member's value, and all behind it, in the first bytes of an object.
fn member<'a>(json: &'a [u8], name: &str) -> Option<&'a [u8]> {
    let mut depth = 0_u32;
    let mut rest = json;
    while let [byte, behind @ ..] = rest {
        rest = behind;
        match byte {
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            b'"' => {
                let (found, behind) = split_text(rest)?;
                rest = behind;
                if depth == 1
                    && found == name.as_bytes()
                    && let [b':', value @ ..] = behind.trim_ascii_start()
                {
                    return Some(value.trim_ascii_start());
                }
            }
            _ => {}
        }
    }
    None
}

/// A text without its escapes undone, and what stands behind its end; `json` begins behind the opening quote.
fn split_text(json: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut at = 0;
    loop {
        at += memchr::memchr2(b'"', b'\\', &json[at..])?;
        if json[at] == b'"' {
            return Some((&json[..at], &json[at + 1..]));
        }
        at = (at + 2).min(json.len());
    }
}

fn text(value: &[u8]) -> Option<&str> {
    let (text, _) = split_text(value.strip_prefix(b"\"")?)?;
    std::str::from_utf8(text).ok()
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use bytes::Bytes;
    use proptest::prelude::*;

    use super::super::EventGate;
    use super::*;

    fn ending_of<'a>(protocol: Protocol, chunks: impl IntoIterator<Item = &'a [u8]>) -> Ending {
        let mut gate = EventGate::new(Some(protocol));
        for chunk in chunks {
            gate.push(Bytes::copy_from_slice(chunk), &mut VecDeque::new());
        }
        gate.ending()
    }

    const CHAT_OPEN: &str = "data: {\"id\":\"c\",\"choices\":[{\"delta\":{\"content\":\"[DONE]\"}}]}\n\n";
    const MESSAGES_OPEN: &str = "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\
                                 \"delta\":{\"type\":\"text_delta\",\"text\":\"message_stop\"}}\n\n";
    const RESPONSES_OPEN: &str = "event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\
                                  \"sequence_number\":41,\"delta\":\"response.completed\"}\n\n";

    /// Whole streams, broken ones, and how each stands at its end.
    fn streams() -> Vec<(Protocol, String, Ending)> {
        use {Ending::*, Protocol::*};
        let long = "x".repeat(5_000);
        let mut streams = vec![
            (ChatCompletions, String::new(), Open),
            (ChatCompletions, CHAT_OPEN.into(), Open),
            (ChatCompletions, format!("{CHAT_OPEN}data: [DONE]\n\n"), Whole),
            (ChatCompletions, format!("{CHAT_OPEN}data:[DONE]\n\n"), Whole),
            (ChatCompletions, format!("{CHAT_OPEN}data: [DONE]"), Whole),
            (ChatCompletions, format!("{CHAT_OPEN}data: [DON"), Open),
            (ChatCompletions, format!("{CHAT_OPEN}event: done\nid: 7\ndata: [DONE]\n\n"), Whole),
            (ChatCompletions, format!("{CHAT_OPEN}: OPENROUTER PROCESSING\n\ndata: [DONE]\n\n: bye\n\n"), Whole),
            (ChatCompletions, format!("{CHAT_OPEN}data: [DONE]\n\nretry: 5\n\n\n: {long}\n\n"), Whole),
            (ChatCompletions, format!("{CHAT_OPEN}: data: [DONE]\n\n"), Open),
            (ChatCompletions, format!("data: [DONE]\n\n{CHAT_OPEN}"), Open),
            (ChatCompletions, format!("data: {{\"choices\":[{{\"delta\":{{\"content\":\"{long}\"}}}}]}}\n\n"), Open),
            (ChatCompletions, format!("{CHAT_OPEN}data: {{\"error\":{{\"message\":\"{long}\"}}}}\n\n"), Failed),
            (ChatCompletions, "data: {\"choices\":[],\"error\" : \"no\"}\n\n".into(), Failed),
            (ChatCompletions, "data: {\"choices\":[],\"error\":null}\n\n".into(), Open),
            (ChatCompletions, "data: {\"choices\":[{\"error\":{}}]}\n\n".into(), Open),
            (ChatCompletions, "data: {\"a\":\"\\\\\\\"error\\\":{\",\"b\":\"error\"}\n\n".into(), Open),
            (ChatCompletions, "event: error\ndata: {\"message\":\"no\"}\n\n".into(), Failed),
            (Completions, "data: {\"choices\":[{\"text\":\"a\"}]}\n\n".into(), Open),
            (Completions, "\u{feff}data: [DONE]\n\n".into(), Whole),
            (Messages, MESSAGES_OPEN.into(), Open),
            (Messages, format!("{MESSAGES_OPEN}event: message_stop\ndata: {{\"type\":\"message_stop\"}}\n\n"), Whole),
            (Messages, format!("{MESSAGES_OPEN}event: message_stop\ndata: {{\"type\":\"message_stop\"}}\n"), Open),
            (Messages, format!("{MESSAGES_OPEN}event:message_stop\ndata:{{}}\n\n: keep-alive\n\n"), Whole),
            (
                Messages,
                format!("{MESSAGES_OPEN}data: {{\"m\":{{\"type\":1}}, \"type\" : \"message_stop\"}}\n\n"),
                Whole,
            ),
            (Messages, format!("data: {{\"a\":\"{long}\",\"type\":\"message_stop\"}}\n\n"), Unknown),
            (Messages, "data: {\"a\":1}\n\n".into(), Open),
            (Messages, "event: error\ndata: {\"type\":\"error\",\"error\":{}}\n\n".into(), Failed),
            (Messages, "data: {\"type\":\"error\",\"error\":{}}\n\n".into(), Failed),
            (Responses, RESPONSES_OPEN.into(), Open),
            (Responses, format!("{RESPONSES_OPEN}data: [DONE]\n\n"), Whole),
            (Responses, "data: {\"type\":\"response.failed\",\"response\":{}}\n\n".into(), Failed),
            (Responses, "event: error\ndata: {\"type\":\"error\",\"code\":null}\n\n".into(), Failed),
            (Responses, "id: 1\ndata: {\"type\":\ndata: \"response.completed\"}\n\n".into(), Whole),
        ];
        for kind in ["response.completed", "response.incomplete", "response.cancelled"] {
            let data = format!("{{\"type\":\"{kind}\",\"response\":{{\"text\":\"{long}\"}}}}");
            streams.push((Responses, format!("{RESPONSES_OPEN}event: {kind}\ndata: {data}\n\n"), Whole));
            streams.push((Responses, format!("{RESPONSES_OPEN}data: {data}\n\n"), Whole));
            let behind = format!("{{\"response\":{{\"text\":\"{long}\"}},\"type\":\"{kind}\"}}");
            streams.push((Responses, format!("{RESPONSES_OPEN}event: {kind}\ndata: {behind}\n\n"), Whole));
        }
        streams
    }

    #[test]
    fn stream_stands_the_same_wherever_it_is_split() {
        for (protocol, stream, expected) in streams() {
            for line_end in ["\n", "\r\n", "\r"] {
                let stream = stream.replace('\n', line_end);
                assert_eq!(ending_of(protocol, [stream.as_bytes()]), expected, "{protocol:?} whole: {stream:?}");
                for split in 1..stream.len() {
                    let (one, two) = stream.as_bytes().split_at(split);
                    let ending = ending_of(protocol, [one, two]);
                    assert_eq!(ending, expected, "{protocol:?} at {split}: {stream:?}");
                }
                let bytes = stream.as_bytes().chunks(1);
                assert_eq!(ending_of(protocol, bytes), expected, "{protocol:?} byte by byte: {stream:?}");
            }
        }
    }

    /// The whole stream is the only part of it that is whole.
    #[test]
    fn stream_that_is_cut_anywhere_is_open() {
        let end = "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n";
        let completed = "event: response.completed\ndata: {\"type\":\"response.completed\"}\n\n";
        for (protocol, stream, shortest) in [
            (Protocol::ChatCompletions, format!("{CHAT_OPEN}data: [DONE]\n\n"), "data: [DONE]".len()),
            (Protocol::Messages, format!("{MESSAGES_OPEN}{end}"), end.len()),
            (Protocol::Responses, format!("{RESPONSES_OPEN}{completed}"), completed.len()),
        ] {
            let whole_from = stream.rfind("event: ").or(stream.rfind("data: ")).unwrap() + shortest;
            for cut in 0..=stream.len() {
                let expected = if cut < whole_from { Ending::Open } else { Ending::Whole };
                assert_eq!(ending_of(protocol, [&stream.as_bytes()[..cut]]), expected, "{:?}", &stream[..cut]);
            }
        }
    }

    #[test]
    fn sequence_number_is_read_where_the_last_event_has_one_early_enough() {
        let number = |stream: &str| {
            let mut gate = EventGate::new(Some(Protocol::Responses));
            gate.push(Bytes::copy_from_slice(stream.as_bytes()), &mut VecDeque::new());
            gate.sequence_number()
        };
        assert_eq!(number(RESPONSES_OPEN), Some(41));
        assert_eq!(number("data: {\"type\":\"x\"}\n\n"), None);
        assert_eq!(number(&format!("data: {{\"a\":\"{}\",\"sequence_number\":4}}\n\n", "x".repeat(300))), None);
        assert_eq!(number("data: {\"sequence_number\":\"4\"}\n\n"), None);
        // The last digit that is remembered need not be the number's.
        let filler = "x".repeat(HEAD_BYTES - r#"data: {"a":"","sequence_number":1"#.len());
        assert_eq!(number(&format!("data: {{\"a\":\"{filler}\",\"sequence_number\":12}}\n\n")), None);
    }

    const PARTS: [&str; 12] = [
        "data: [DONE]",
        "event: error",
        "event: message_stop",
        ": comment",
        "id: 1",
        "data: {\"type\":\"response.completed\",\"sequence_number\":7}",
        "data: {\"error\":{}}",
        "\n",
        "\n\n",
        "\r\n",
        "\r",
        "\u{feff}",
    ];

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn stream_stands_the_same_however_it_is_split(
            parts in prop::collection::vec(
                prop_oneof![prop::sample::select(&PARTS[..]).prop_map(str::to_owned), "[a-e:{}\" ]{0,300}"],
                0..12,
            ),
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
        ) {
            let stream = parts.concat().into_bytes();
            let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(stream.len() + 1)).collect();
            cuts.sort_unstable();
            for protocol in [Protocol::ChatCompletions, Protocol::Messages, Protocol::Responses] {
                let bounds = [&[0], &cuts[..], &[stream.len()]].concat();
                let chunks: Vec<&[u8]> = bounds.windows(2).map(|pair| &stream[pair[0]..pair[1]]).collect();
                prop_assert_eq!(ending_of(protocol, chunks), ending_of(protocol, [&stream[..]]));
            }
        }
    }
}
