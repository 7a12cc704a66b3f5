//! Streams.

use super::accumulate::accumulate;
use super::*;
use crate::upstream::translate::Format::{Chat, Messages, Responses};

#[test]
fn each_recorded_stream_is_said_in_the_two_other_formats() {
    for pair in pairs() {
        for case in CASES {
            let file = format!("said/{}/{case}.from_{}.sse", folder(pair.caller), folder(pair.upstream));
            let (said, _) = streamed_whole(pair, &recorded(pair.upstream, &format!("{case}.sse")));
            assert_eq!(said, fixture(&file), "{file}");
        }
    }
}

#[test]
fn stream_put_together_is_the_whole_answer() {
    for pair in pairs() {
        for case in CASES {
            let (streamed, _) = streamed_whole(pair, &recorded(pair.upstream, &format!("{case}.sse")));
            let whole = said(pair, &recorded(pair.upstream, &format!("{case}.json"))).unwrap();
            assert_eq!(accumulate(pair.caller, &streamed), whole, "{case}, {pair:?}");
        }
    }
}

/// The two callers take turns at the splits, since what is split is not seen where it is said.
#[test]
fn stream_is_said_alike_wherever_it_is_split() {
    for upstream in FORMATS {
        let pairs: Vec<Pair> = pairs().filter(|pair| pair.upstream == upstream).collect();
        for case in CASES {
            let stream = recorded(upstream, &format!("{case}.sse"));
            let bytes = stream.as_bytes();
            let whole: Vec<String> = pairs.iter().map(|pair| streamed_whole(*pair, &stream).0).collect();
            for (pair, expected) in pairs.iter().zip(&whole) {
                assert_eq!(&streamed(*pair, bytes.chunks(1)).0, expected, "{case}, {pair:?}, byte by byte");
            }
            for at in 0..bytes.len() {
                let (pair, expected) = (pairs[at % 2], &whole[at % 2]);
                let (said, _) = streamed(pair, [&bytes[..at], &bytes[at..]]);
                assert_eq!(&said, expected, "{case}, {pair:?}, split at {at}");
            }
        }
    }
}

#[test]
fn sorts_tell_lifecycle_from_content_and_content_from_the_end() {
    for pair in pairs() {
        for case in CASES {
            let stream = recorded(pair.upstream, &format!("{case}.sse"));
            let (_, sorts) = streamed(pair, events(&stream).into_iter().map(str::as_bytes));
            let content = sorts.iter().position(|sort| *sort == Sort::Content).unwrap();
            assert!(sorts[..content].iter().all(|sort| *sort == Sort::Lifecycle), "{case}, {pair:?}: {sorts:?}");
            assert!(!sorts.contains(&Sort::Error));
            let (last, before) = sorts.split_last().unwrap();
            assert_eq!((*last, before.contains(&Sort::End)), (Sort::End, false), "{case}, {pair:?}");
        }
    }
}

#[test]
fn one_chunk_is_of_the_sort_of_its_first_event_that_is_no_lifecycle_frame() {
    let stream = recorded(Messages, "text.sse");
    let events = events(&stream);
    let mut translated = super::stream(pair(Messages, Chat));
    let mut out = BytesMut::new();
    assert_eq!(translated.push(events[..2].concat().as_bytes(), &mut out), Sort::Lifecycle);
    assert_eq!(translated.push(events[2..].concat().as_bytes(), &mut out), Sort::Content);
}

/// Whoever reads what is said tells a truncated stream by its missing end.
#[test]
fn r05_stream_that_just_stops_has_no_end_and_no_error_wherever_it_stops() {
    for pair in pairs() {
        for case in CASES {
            let stream = recorded(pair.upstream, &format!("{case}.sse"));
            let mut translated = super::stream(pair);
            let mut out = BytesMut::new();
            let last = stream.len() - 1;
            for byte in stream.as_bytes()[..last].chunks(1) {
                assert_ne!(translated.push(byte, &mut out), Sort::Error);
            }
            let cut = String::from_utf8(out.to_vec()).unwrap();
            assert!(!is_ended(pair.caller, &cut), "{case}, {pair:?}");
            translated.push(&stream.as_bytes()[last..], &mut out);
            assert!(is_ended(pair.caller, str::from_utf8(&out).unwrap()), "{case}, {pair:?}");
        }
    }
}

#[test]
fn nothing_is_said_after_the_end() {
    for pair in pairs() {
        let stream = recorded(pair.upstream, "tools.sse");
        let (once, _) = streamed_whole(pair, &stream);
        let (twice, sorts) = streamed(pair, [stream.as_bytes(), stream.as_bytes(), b"data: {\n\n"]);
        assert_eq!(once, twice);
        assert_eq!(sorts[1..], [Sort::Lifecycle; 2]);
    }
}

#[test]
fn usage_is_told_to_a_caller_of_chat_completions_who_asked_for_it_alone() {
    let expects = Expects { includes_usage: false, ..expects() };
    let mut stream = Stream::begun_at(pair(Messages, Chat), expects, NOW);
    let mut out = BytesMut::new();
    stream.push(recorded(Messages, "text.sse").as_bytes(), &mut out);
    let said = String::from_utf8(out.to_vec()).unwrap();
    assert!(is_ended(Chat, &said) && !said.contains("usage") && !said.contains("\"choices\":[]"));
    assert!(
        streamed_whole(pair(Messages, Chat), &recorded(Messages, "text.sse")).0.contains("\"choices\":[],\"usage\":{")
    );
}

fn chunk(delta: &str, finish_reason: &str) -> String {
    format!(
        "data: {{\"id\":\"c\",\"choices\":[{{\"index\":0,\"delta\":{delta},\"finish_reason\":{finish_reason}}}]}}\n\n"
    )
}

fn call_chunk(call: &str) -> String {
    chunk(&format!("{{\"tool_calls\":[{call}]}}"), "null")
}

#[test]
fn chunk_about_the_prompt_alone_begins_nothing() {
    let azure = "data: {\"choices\":[],\"created\":0,\"id\":\"\",\"model\":\"\",\"prompt_filter_results\":[]}\n\n";
    let stream = recorded(Chat, "text.sse");
    let (said, _) = streamed_whole(pair(Chat, Messages), &format!("{azure}{stream}"));
    assert_eq!(said, streamed_whole(pair(Chat, Messages), &stream).0);
}

/// As OpenRouter and SGLang do.
#[test]
fn reason_to_stop_that_is_said_again_with_the_usage_is_no_error_and_another_is_one() {
    let last = |reason: &str| {
        let choice = format!(r#"{{"index":0,"delta":{{"content":""}},"finish_reason":"{reason}"}}"#);
        format!(
            "data: {{\"id\":\"c\",\"choices\":[{choice}],\"usage\":{{\"prompt_tokens\":7,\"completion_tokens\":2}}}}\n\n"
        )
    };
    let first = chunk(r#"{"content":"a"}"#, "\"stop\"");
    for pair in pairs().filter(|pair| pair.upstream == Chat) {
        let (said, _) = streamed_whole(pair, &[first.as_str(), &last("stop"), DONE].concat());
        assert_eq!(accumulate(pair.caller, &said)["usage"]["output_tokens"], 2, "{said}");
        let (said, _) = streamed_whole(pair, &[first.as_str(), &last("length"), DONE].concat());
        assert!(said.contains("event: error\n") && !is_ended(pair.caller, &said), "{said}");
    }
}

#[test]
fn chunk_without_choices_says_what_else_it_has() {
    let stream = recorded(Chat, "text.sse");
    let without = stream.replace("\"choices\":[],", "");
    assert_ne!(without, stream);
    let without = format!("data: {{}}\n\n{without}");
    for pair in pairs().filter(|pair| pair.upstream == Chat) {
        assert_eq!(streamed_whole(pair, &without).0, streamed_whole(pair, &stream).0);
    }
}

#[test]
fn stream_without_an_id_or_a_model_is_given_an_id_of_its_own_and_the_model_that_was_asked() {
    for named in ["", "\"id\":null,\"model\":null,", "\"id\":\"\",\"model\":\"\","] {
        let begin = format!("data: {{{named}\"choices\":[{{\"delta\":{{\"content\":\"a\"}}}}]}}\n\n");
        let stream = [&begin, &chunk("{}", "\"stop\""), DONE].concat();
        let told = || accumulate(Messages, &streamed_whole(pair(Chat, Messages), &stream).0);
        let (once, twice) = (told(), told());
        assert_eq!(once["model"], "reasoning");
        assert!(once["id"].as_str().unwrap().len() > 20 && once["id"] != twice["id"], "{once}");
    }
}

#[test]
fn call_begins_once_it_has_a_name_and_a_delta_that_says_nothing_is_passed_over() {
    let stream = [
        call_chunk(r#"{"index":0,"type":"function"}"#),
        call_chunk(r#"{"index":0,"id":"a","type":"function"}"#),
        call_chunk(r#"{"index":0,"function":{"name":"f"}}"#),
        call_chunk(r#"{"index":0,"function":{"arguments":"{\"x\":"}}"#),
        call_chunk(r#"{"index":1,"type":"function"}"#),
        call_chunk(r#"{"index":0,"function":{"name":"f","arguments":"1}"}}"#),
        chunk("{}", "\"tool_calls\""),
        DONE.into(),
    ];
    let said = accumulate(Messages, &streamed_whole(pair(Chat, Messages), &stream.concat()).0);
    assert_eq!(
        said["content"],
        serde_json::json!([{ "type": "tool_use", "id": "a", "name": "f", "input": { "x": 1 } }])
    );
    let nameless = [stream[1].as_str(), &stream[3]].concat();
    let (said, _) = streamed_whole(pair(Chat, Messages), &nameless);
    assert!(said.contains("event: error\n"), "arguments of a call without a name: {said}");
}

#[test]
fn blank_text_amid_a_calls_arguments_does_not_end_the_call_and_other_text_does() {
    let more = |arguments: &str, content: &str| {
        let call = format!(r#"{{"index":0,"id":"a","function":{{"name":"f","arguments":"{arguments}"}}}}"#);
        chunk(&format!(r#"{{"content":{content},"tool_calls":[{call}]}}"#), "null")
    };
    let end = chunk("{}", "\"tool_calls\"") + DONE;
    let stream = |content: &str| [more("{", "\"\""), more("}", content), end.clone()].concat();
    let said = accumulate(Responses, &streamed_whole(pair(Chat, Responses), &stream(r#"" \n""#)).0);
    assert_eq!((&said["output"][0]["arguments"], said["output"].as_array().unwrap().len()), (&"{}".into(), 1));
    let (said, _) = streamed_whole(pair(Chat, Responses), &stream("\"b\""));
    assert!(said.contains("event: error\n"), "{said}");
}

#[test]
fn content_in_parts_is_streamed_as_the_thinking_and_the_text_that_it_is() {
    let stream = [
        chunk(r#"{"content":[{"type":"thinking","thinking":[{"type":"text","text":"Hm"}]}]}"#, "null"),
        chunk(r#"{"content":[{"type":"thinking","thinking":[{"type":"text","text":"."}]}]}"#, "null"),
        chunk(r#"{"content":"Yes"}"#, "null"),
        chunk(r#"{"content":[{"type":"text","text":"."}]}"#, "\"stop\""),
        DONE.into(),
    ];
    let said = accumulate(Messages, &streamed_whole(pair(Chat, Messages), &stream.concat()).0);
    assert_eq!((&said["content"][0]["thinking"], &said["content"][1]["text"]), (&"Hm.".into(), &"Yes.".into()));
}

#[test]
fn stream_of_completions_that_says_nothing_has_an_empty_text() {
    let events = [
        r#"{"type":"message_start","message":{"id":"m"}}"#,
        r#"{"type":"message_delta","delta":{"stop_reason":"refusal"}}"#,
        r#"{"type":"message_stop"}"#,
    ];
    let stream: String = events.iter().map(|data| format!("data: {data}\n\n")).collect();
    let said = accumulate(Chat, &streamed_whole(pair(Messages, Chat), &stream).0);
    assert_eq!(said["choices"][0]["message"]["content"], "");
    let calls = accumulate(Chat, &streamed_whole(pair(Messages, Chat), &recorded(Messages, "parallel_tools.sse")).0);
    assert!(calls["choices"][0]["message"]["tool_calls"].is_array());
}

/// As Gemini's compatible API numbers them.
#[test]
fn calls_that_are_all_numbered_alike_are_told_apart_by_their_ids() {
    let call = |id| format!(r#"{{"index":0,"id":"{id}","function":{{"name":"f","arguments":"{{}}"}}}}"#);
    let stream = [call_chunk(&call("a")), call_chunk(&call("b")), chunk("{}", "\"tool_calls\""), DONE.into()].concat();
    let said = accumulate(Messages, &streamed_whole(pair(Chat, Messages), &stream).0);
    assert_eq!((&said["content"][0]["id"], &said["content"][1]["id"]), (&"a".into(), &"b".into()));
}

#[test]
fn more_of_a_call_that_others_have_followed_is_an_error_and_is_never_told_of_another() {
    let begin =
        |at, id| call_chunk(&format!(r#"{{"index":{at},"id":"{id}","function":{{"name":"f","arguments":"{{"}}}}"#));
    let late = call_chunk(r#"{"index":0,"function":{"arguments":"}"}}"#);
    let (said, sort) = streamed_whole(pair(Chat, Responses), &[begin(0, "a"), begin(1, "b"), late].concat());
    assert_eq!(sort, Sort::Content);
    assert!(said.contains("event: error\n") && !is_ended(Responses, &said));
}

#[test]
fn call_without_arguments_has_an_empty_object_in_a_stream_too() {
    let call = r#"{"index":0,"id":"a","function":{"name":"f","arguments":""}}"#;
    let stream = [call_chunk(call), chunk("{}", "\"tool_calls\""), DONE.into()].concat();
    assert_eq!(
        accumulate(Messages, &streamed_whole(pair(Chat, Messages), &stream).0)["content"][0]["input"],
        serde_json::json!({})
    );
    assert_eq!(
        accumulate(Responses, &streamed_whole(pair(Chat, Responses), &stream).0)["output"][0]["arguments"],
        "{}"
    );
}

#[test]
fn arguments_that_are_no_object_end_a_stream_of_messages_with_an_error_but_where_they_were_cut_off() {
    let call = r#"{"index":0,"id":"a","function":{"name":"f","arguments":"{\"a"}}"#;
    let stream = |reason| [call_chunk(call), chunk("{}", reason), DONE.into()].concat();
    let (said, _) = streamed_whole(pair(Chat, Messages), &stream("\"tool_calls\""));
    assert!(said.contains("event: error\n") && !is_ended(Messages, &said), "{said}");
    let (said, _) = streamed_whole(pair(Chat, Messages), &stream("\"length\""));
    assert!(!said.contains("event: error\n") && is_ended(Messages, &said), "{said}");
    let said = accumulate(Responses, &streamed_whole(pair(Chat, Responses), &stream("\"length\"")).0);
    assert_eq!((&said["output"][0]["status"], &said["output"][0]["arguments"]), (&"incomplete".into(), &"{\"a".into()));
}

/// Compatible servers send some parts at once.
#[test]
fn response_that_says_its_parts_without_deltas_is_said_whole() {
    let stream: String = events(&recorded(Responses, "tools.sse"))
        .into_iter()
        .filter(|event| !event.contains(".delta\n") && !event.contains("arguments.done"))
        .collect();
    for caller in [Chat, Messages] {
        let whole = said(pair(Responses, caller), &recorded(Responses, "tools.json")).unwrap();
        assert_eq!(accumulate(caller, &streamed_whole(pair(Responses, caller), &stream).0), whole);
    }
}

#[test]
fn events_that_are_not_known_say_nothing() {
    for upstream in [Messages, Responses] {
        let strange = "event: novelty\ndata: {\"type\":\"novelty\",\"delta\":[1]}\n\n: comment\n\n";
        let stream = recorded(upstream, "text.sse");
        let stranger: String = events(&stream).into_iter().flat_map(|event| [event, strange]).collect();
        let pair = pair(upstream, Chat);
        assert_eq!(streamed_whole(pair, &stranger), streamed_whole(pair, &stream));
    }
}

#[test]
fn stream_without_names_of_events_is_read_by_their_types() {
    for upstream in [Messages, Responses] {
        let stream = recorded(upstream, "tools.sse");
        let nameless: String = stream.split_inclusive('\n').filter(|line| !line.starts_with("event: ")).collect();
        let pair = pair(upstream, Chat);
        assert_eq!(streamed_whole(pair, &nameless), streamed_whole(pair, &stream));
    }
}

const DONE: &str = "data: [DONE]\n\n";
