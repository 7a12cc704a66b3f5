//! What both of two formats can say comes back as it was.

use std::borrow::Cow;

use proptest::prelude::*;

use super::super::words::{Answer, Call, Head, Part, Stop, Text, Usage};
use super::super::{chat, messages, read, responses};
use super::accumulate::accumulate;
use super::*;

fn part() -> impl Strategy<Value = Part<'static>> {
    prop_oneof![
        text().prop_map(|text| Part::Thinking(Cow::Owned(text))),
        text().prop_map(|text| Part::Text(Cow::Owned(text))),
        call()
    ]
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z \n\"\\\\]{1,8}", "\\PC{1,8}"]
}

fn call() -> impl Strategy<Value = Part<'static>> {
    ("[a-zA-Z0-9_-]{1,12}", "[a-z_]{1,8}", prop::collection::btree_map("[a-z]{1,3}", text(), 0..3)).prop_map(
        |(id, name, input)| {
            let arguments = serde_json::to_string(&input).unwrap();
            Part::Call(Call { id: Cow::Owned(id), name: Cow::Owned(name), arguments: Cow::Owned(arguments) })
        },
    )
}

fn usage() -> impl Strategy<Value = Usage> {
    let tokens = || 0u64..1_000_000;
    (tokens(), tokens(), tokens(), tokens(), tokens()).prop_map(
        |(fresh, cache_read, cache_written, output, reasoning)| Usage {
            fresh,
            cache_read,
            cache_written,
            output,
            reasoning,
        },
    )
}

/// Chat completions have one thought, one text and the calls, in this order; the others have any.
fn answer() -> impl Strategy<Value = Answer<'static>> {
    let cut = prop_oneof![Just(None), Just(Some(Stop::Length)), Just(Some(Stop::Filtered))];
    (prop::collection::vec(part(), 0..6), cut, usage()).prop_map(|(mut parts, cut, usage)| {
        parts.sort_by_key(|part| matches!(part, Part::Text(_)) as u8 + 2 * matches!(part, Part::Call(_)) as u8);
        parts.dedup_by_key(|part| {
            match part {
                Part::Thinking(_) => Some("thinking"),
                Part::Text(_) => Some("text"),
                Part::Refusal(_) | Part::Call(_) => None,
            }
            .map_or_else(|| format!("{part:?}"), str::to_owned)
        });
        let calls = parts.iter().any(|part| matches!(part, Part::Call(_)));
        let stop = cut.unwrap_or(if calls { Stop::Tools } else { Stop::End });
        Answer {
            id: Text(Cow::Borrowed("1")),
            model: Some(Text(Cow::Borrowed("m"))),
            created: None,
            parts,
            stop,
            usage: Some(usage),
        }
    })
}

fn write(format: Format, answer: &Answer<'_>) -> Vec<u8> {
    let head = Head { id: "1".into(), model: "m".into(), created: NOW };
    match format {
        Format::Chat => chat::write(&head, answer).to_vec(),
        Format::Messages => messages::write(&head, answer).unwrap().to_vec(),
        Format::Responses => responses::write(&head, answer).to_vec(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whole_answer_comes_back_as_it_was(answer in answer()) {
        for Pair { caller: there, upstream: here } in pairs() {
            let original = write(here, &answer);
            let translated = answer_at(pair(here, there), &expects(), &original, NOW).unwrap();
            let back = answer_at(pair(there, here), &expects(), &translated, NOW).unwrap();
            prop_assert_eq!(String::from_utf8_lossy(&back), String::from_utf8_lossy(&original));
            let read_here = read(here, &original).unwrap();
            prop_assert_eq!(&read_here.parts, &answer.parts);
            prop_assert_eq!(read_here.stop, answer.stop);
            prop_assert_eq!(read_here.usage, answer.usage);
        }
    }

    /// A stream goes there and back through both translations, in pieces of any size, and is put together at the end.
    #[test]
    fn stream_comes_back_as_it_was(case in prop::sample::select(&CASES[..]), size in 1usize..200) {
        for Pair { caller: there, upstream: here } in pairs() {
            let original = recorded(here, &format!("{case}.sse"));
            let (translated, _) = streamed(pair(here, there), original.as_bytes().chunks(size));
            let (back, _) = streamed(pair(there, here), translated.as_bytes().chunks(size));
            let whole = recorded(here, &format!("{case}.json"));
            let whole = answer_at(pair(here, there), &expects(), whole.as_bytes(), NOW).unwrap();
            let whole = said(pair(there, here), str::from_utf8(&whole).unwrap()).unwrap();
            prop_assert_eq!(accumulate(here, &back), whole, "{} to {:?} and back to {:?}", case, there, here);
        }
    }
}
