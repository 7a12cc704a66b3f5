//! Errors: bodies, events, and streams that are not what their format promises.

use http::StatusCode;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::super::error;
use super::*;
use crate::upstream::translate::Format::{Chat, Messages, Responses};

fn refused(pair: Pair, status: u16, body: &str) -> (u16, Value) {
    let status = StatusCode::from_u16(status).unwrap();
    let (status, body) = error(pair, status, body.as_bytes(), "req-1");
    (status.as_u16(), serde_json::from_slice(&body).unwrap())
}

fn openai(message: &str, r#type: &str, code: Value) -> Value {
    json!({ "error": { "message": message, "type": r#type, "param": null, "code": code }, "detail": message })
}

fn anthropic(message: &str, r#type: &str) -> Value {
    json!({
        "type": "error",
        "error": { "type": r#type, "message": message },
        "request_id": "req-1",
        "detail": message,
    })
}

#[test]
fn r18_error_of_anthropic_is_said_as_openai_would() {
    for caller in [Chat, Responses] {
        let pair = pair(Messages, caller);
        let said = |status, file: &str| refused(pair, status, &recorded(Messages, file));
        let overloaded = openai("Overloaded", "service_unavailable_error", json!("server_is_overloaded"));
        assert_eq!(said(529, "error_529.json"), (503, overloaded));
        let message = "prompt is too long: 208310 tokens > 200000 maximum";
        let too_long = openai(message, "invalid_request_error", json!("context_length_exceeded"));
        assert_eq!(said(400, "error_400.json"), (400, too_long));
        let missing = openai("model: claude-9", "invalid_request_error", json!("model_not_found"));
        assert_eq!(said(404, "error_404.json"), (404, missing));
    }
}

#[test]
fn r18_error_of_openai_is_said_as_anthropic_would() {
    let pair = pair(Chat, Messages);
    let (status, said) = refused(pair, 429, &recorded(Chat, "error_429.json"));
    assert_eq!((status, &said["error"]["type"]), (429, &json!("rate_limit_error")));
    assert!(said["detail"].as_str().unwrap().starts_with("Rate limit reached"));
    let (status, said) = refused(pair, 400, &recorded(Chat, "error_400.json"));
    let message = "prompt is too long: This model's maximum context length is 128000 tokens. However, your messages \
                   resulted in 130021 tokens. Please reduce the length of the messages.";
    assert_eq!((status, said), (400, anthropic(message, "invalid_request_error")));
    let (_, said) = refused(pair, 404, &recorded(Chat, "error_404.json"));
    assert_eq!(said["error"]["type"], "not_found_error");
}

#[test]
fn error_between_openais_formats_keeps_its_words() {
    for (upstream, caller) in [(Chat, Responses), (Responses, Chat)] {
        for (status, file) in [(400, "error_400.json"), (429, "error_429.json"), (404, "error_404.json")] {
            let body = recorded(Chat, file);
            let (said_status, said) = refused(pair(upstream, caller), status, &body);
            assert_eq!(
                (said_status, &said["error"]),
                (status, &serde_json::from_str::<Value>(&body).unwrap()["error"])
            );
        }
    }
}

/// The provider speaks of our key, and OpenAI repeats a part of it.
#[test]
fn refusal_of_our_own_credential_says_nothing_of_it() {
    for pair in pairs() {
        let file = if pair.upstream == Messages { "messages/error_401.json" } else { "chat/error_401.json" };
        let (status, said) = refused(pair, 401, &fixture(file));
        assert_eq!((status, &said["error"]["type"]), (401, &json!("authentication_error")));
        assert!(!said.to_string().contains("sk-proj") && !said.to_string().contains("x-api-key"), "{said}");
    }
}

#[test]
fn each_status_has_a_type_in_both_dialects_and_stays_but_for_529() {
    let types = [
        (400, "invalid_request_error", "invalid_request_error"),
        (401, "authentication_error", "authentication_error"),
        (402, "billing_error", "insufficient_quota"),
        (403, "permission_error", "permission_error"),
        (404, "not_found_error", "invalid_request_error"),
        (408, "timeout_error", "server_error"),
        (413, "request_too_large", "invalid_request_error"),
        (422, "invalid_request_error", "invalid_request_error"),
        (429, "rate_limit_error", "rate_limit_error"),
        (500, "api_error", "server_error"),
        (503, "overloaded_error", "service_unavailable_error"),
        (504, "timeout_error", "server_error"),
        (529, "overloaded_error", "service_unavailable_error"),
    ];
    for (status, anthropic, openai) in types {
        let (same, said) = refused(pair(Chat, Messages), status, r#"{"error":{"message":"m"}}"#);
        assert_eq!((same, &said["error"]["type"]), (status, &json!(anthropic)));
        let (other, said) = refused(pair(Messages, Chat), status, r#"{"error":{"message":"m"}}"#);
        let expected = if status == 529 { 503 } else { status };
        assert_eq!((other, &said["error"]["type"]), (expected, &json!(openai)));
    }
}

/// As vLLM words it, in its present form and its older one, and gateways that pass Anthropic's words on.
#[test]
fn r18_conversation_that_is_too_long_is_told_as_the_clients_know_it_whoever_words_it() {
    let words = "This model's maximum context length is 8192 tokens. However, you requested 9000.";
    let vllm = json!({ "message": words, "type": "BadRequestError", "param": null, "code": 400 });
    let passed_on = json!({ "message": "prompt is too long: 9 tokens > 8 maximum", "code": "invalid" });
    for (error, expected) in [(&vllm, format!("prompt is too long: {words}")), (&passed_on, words_of(&passed_on))] {
        for body in [json!({ "error": error }), error.clone()] {
            for status in [400, 413] {
                let (_, said) = refused(pair(Chat, Messages), status, &body.to_string());
                assert_eq!(said["error"], json!({ "type": "invalid_request_error", "message": expected }));
                let (_, said) = refused(pair(Chat, Responses), status, &body.to_string());
                assert_eq!(said["error"]["code"], "context_length_exceeded");
                assert_eq!(said["error"]["message"], error["message"]);
            }
            let (_, said) = refused(pair(Chat, Responses), 429, &body.to_string());
            assert_ne!(said["error"]["code"], "context_length_exceeded");
        }
    }
}

fn words_of(error: &Value) -> String {
    error["message"].as_str().unwrap().to_owned()
}

#[test]
fn error_that_cannot_be_read_says_its_status_alone() {
    for body in
        ["", "<html>Bad gateway</html>", "{}", r#"{"error":"secret"}"#, r#"{"error":{"message":7}}"#, "\u{fffd}"]
    {
        for pair in pairs() {
            let (status, said) = refused(pair, 502, body);
            assert_eq!((status, &said["detail"]), (502, &json!("The provider answered with status 502.")));
            assert!(!said.to_string().contains("secret"));
        }
    }
}

#[test]
fn codes_that_are_numbers_are_read() {
    let body = r#"{"error":{"message":"m","type":null,"code":429,"param":null}}"#;
    let (_, said) = refused(pair(Chat, Responses), 429, body);
    assert_eq!(said["error"], json!({ "message": "m", "type": "rate_limit_error", "param": null, "code": "429" }));
}

/// The one error event of what is said.
fn error_event(caller: Format, said: &str) -> Value {
    let mut errors = events(said).into_iter().filter(|event| match caller {
        Chat => event.starts_with("data: {\"error\":"),
        Messages | Responses => event.starts_with("event: error\n"),
    });
    let error = errors.next().unwrap_or_else(|| panic!("{said}"));
    assert_eq!(errors.next(), None);
    assert!(said.ends_with(error), "nothing follows the error");
    serde_json::from_str(error.split_once("data: ").unwrap().1).unwrap()
}

#[test]
fn r18_error_event_becomes_one_of_the_callers_format_and_nothing_follows() {
    let kinds = [
        (Chat, "error.sse", "api_error", "server_error"),
        (Messages, "error.sse", "overloaded_error", "service_unavailable_error"),
        (Responses, "error.sse", "api_error", "server_error"),
        (Responses, "failed.sse", "rate_limit_error", "rate_limit_error"),
    ];
    for (upstream, file, anthropic, openai) in kinds {
        for pair in pairs().filter(|pair| pair.upstream == upstream) {
            let stream = recorded(upstream, file) + &recorded(upstream, "text.sse");
            let (said, sorts) = streamed(pair, events(&stream).into_iter().map(str::as_bytes));
            let first = sorts.iter().position(|sort| *sort == Sort::Error).unwrap();
            assert!(sorts[first + 1..].iter().all(|sort| *sort == Sort::Lifecycle));
            assert!(!is_ended(pair.caller, &said));
            let error = error_event(pair.caller, &said);
            let expected = if pair.caller == Messages { anthropic } else { openai };
            assert_eq!(error["error"]["type"], expected, "{pair:?}");
            if pair.caller == Responses {
                let sequence_number = events(&said).len() - 1;
                assert_eq!((&error["type"], &error["sequence_number"]), (&json!("error"), &json!(sequence_number)));
                assert_eq!(error["message"], error["error"]["message"]);
            }
        }
    }
}

#[test]
fn r18_stream_that_begins_with_an_error_is_an_error_at_once() {
    for pair in pairs() {
        let stream = match pair.upstream {
            Chat => "data: {\"error\":{\"message\":\"m\",\"code\":\"context_length_exceeded\"}}\n\n",
            Messages => {
                "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"rate_limit_error\",\"message\":\"m\"}}\n\n"
            }
            Responses => {
                "event: error\ndata: {\"type\":\"error\",\"sequence_number\":0,\"error\":{\"code\":\"invalid_api_key\",\"message\":\"sk-1\"}}\n\n"
            }
        };
        let (said, sort) = streamed_whole(pair, stream);
        assert_eq!(sort, Sort::Error);
        let error = error_event(pair.caller, &said);
        let message = error["error"]["message"].as_str().unwrap();
        match (pair.upstream, pair.caller) {
            (Chat, Messages) => assert_eq!(message, "prompt is too long: m"),
            (Responses, _) => assert!(!message.contains("sk-1")),
            _ => assert_eq!(message, "m"),
        }
    }
}

#[test]
fn stream_that_breaks_its_own_rules_is_one_error() {
    let broken: [(Format, &[&str]); 3] = [
        (
            Chat,
            &[
                "data: {\n\n",
                "data: [DONE]\n\n",
                "data: {\"id\":\"c\",\"choices\":[{\"delta\":{\"content\":7}}]}\n\n",
                "data: {\"id\":\"c\",\"choices\":[{\"delta\":{\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"{\"}}]}}]}\n\n",
                "data: {\"id\":\"c\",\"choices\":[{\"delta\":{},\"finish_reason\":\"abort\"}]}\n\n",
                "data: {\"id\":\"c\",\"choices\":[{\"delta\":{},\"finish_reason\":\"tool_calls\"}]}\n\n",
                "data: {\"id\":\"c\",\"choices\":[{\"delta\":{\"content\":\"a\"},\"finish_reason\":\"stop\"}]}\n\ndata: {\"id\":\"c\",\"choices\":[{\"delta\":{\"content\":\"b\"}}]}\n\n",
            ],
        ),
        (
            Messages,
            &[
                "event: message_start\ndata: x\n\n",
                "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
                "data: {\"no\":\"type\"}\n\n",
                "data: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"a\"}}\n\n",
                "data: {\"type\":\"message_start\",\"message\":{\"id\":\"m\"}}\n\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"a\"}}\n\n",
                "data: {\"type\":\"message_start\",\"message\":{\"id\":\"m\"}}\n\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"m\"}}\n\n",
                "data: {\"type\":\"message_start\",\"message\":{\"id\":\"m\"}}\n\ndata: {\"type\":\"message_stop\"}\n\n",
            ],
        ),
        (
            Responses,
            &[
                "data: {\"type\":\"response.created\"}\n\n",
                "data: {\"type\":\"response.completed\",\"response\":{\"id\":\"r\",\"status\":\"completed\"}}\n\n",
                "data: {\"type\":\"response.output_text.delta\",\"output_index\":0,\"delta\":\"a\"}\n\n",
                "data: {\"type\":\"response.created\",\"response\":{\"id\":\"r\"}}\n\ndata: {\"type\":\"response.output_item.added\",\"output_index\":0,\"item\":{\"type\":\"message\"}}\n\ndata: {\"type\":\"response.output_text.delta\",\"output_index\":1,\"delta\":\"a\"}\n\n",
                "data: {\"type\":\"response.created\",\"response\":{\"id\":\"r\"}}\n\ndata: {\"type\":\"response.output_item.added\",\"output_index\":0,\"item\":{\"type\":\"custom_tool_call\"}}\n\n",
                "data: {\"type\":\"response.created\",\"response\":{\"id\":\"r\"}}\n\ndata: {\"type\":\"response.completed\",\"response\":{\"id\":\"r\",\"status\":\"in_progress\"}}\n\n",
            ],
        ),
    ];
    for (upstream, streams) in broken {
        for stream in streams {
            for pair in pairs().filter(|pair| pair.upstream == upstream) {
                let (said, sorts) = streamed(pair, events(stream).into_iter().map(str::as_bytes));
                assert_eq!(sorts.last(), Some(&Sort::Error), "{stream} {pair:?} {said}");
                let error = error_event(pair.caller, &said);
                let message = error["error"]["message"].as_str().unwrap();
                assert!(message.starts_with("The provider's answer cannot be read."), "{message}");
            }
        }
    }
}

#[test]
fn event_too_large_is_an_error() {
    for pair in pairs() {
        let mut stream = super::stream(pair);
        let mut out = BytesMut::new();
        let large = vec![b'x'; 1 << 20];
        let sorts: Vec<Sort> = (0..10).map(|_| stream.push(&large, &mut out)).collect();
        assert_eq!(sorts.iter().filter(|sort| **sort == Sort::Error).count(), 1);
        error_event(pair.caller, str::from_utf8(&out).unwrap());
    }
}

/// What a stream says of these parts, each of four megabytes; nothing that is said is kept here.
fn said_of_large(pair: Pair, parts: impl IntoIterator<Item = String>) -> Vec<Sort> {
    let mut stream = super::stream(pair);
    let push = |delta: String| {
        let chunk = format!("data: {{\"id\":\"c\",\"choices\":[{{\"delta\":{delta}}}]}}\n\n");
        stream.push(chunk.as_bytes(), &mut BytesMut::new())
    };
    parts.into_iter().map(push).collect()
}

#[test]
fn stream_that_would_be_held_beyond_32_mib_is_an_error_and_what_need_not_be_held_passes() {
    let large = "x".repeat(4 << 20);
    let texts = || (0..9).map(|_| format!(r#"{{"content":"{large}"}}"#));
    let parts = || (0..9).map(|at| format!(r#"{{"{}":"{large}"}}"#, ["content", "refusal"][at % 2]));
    let calls = || {
        (0..9).map(|_| {
            let call = format!(r#"{{"index":0,"id":"a","function":{{"name":"f","arguments":"{large}"}}}}"#);
            format!(r#"{{"tool_calls":[{call}]}}"#)
        })
    };
    let (to_messages, to_responses) = (pair(Chat, Messages), pair(Chat, Responses));
    assert!(said_of_large(to_messages, texts()).iter().all(|sort| *sort == Sort::Content));
    for sorts in [
        said_of_large(to_messages, calls()),
        said_of_large(to_responses, texts()),
        said_of_large(to_responses, parts()),
        said_of_large(to_responses, calls()),
    ] {
        let errors = sorts.iter().filter(|sort| **sort == Sort::Error).count();
        let content = sorts.iter().filter(|sort| **sort == Sort::Content).count();
        assert!(errors == 1 && content >= 7, "{sorts:?}");
    }
}

/// Events of every recorded stream of a format, to be put in any order.
fn all_events(format: Format) -> Vec<String> {
    let files = CASES.iter().map(|case| format!("{case}.sse")).chain(["error.sse".to_owned()]);
    files.flat_map(|file| events(&recorded(format, &file)).into_iter().map(str::to_owned).collect::<Vec<_>>()).collect()
}

/// What is said stays in order whatever is heard: at most one end or error, with nothing behind it.
fn is_orderly(caller: Format, said: &str) -> bool {
    let last = |event: &&str| {
        is_ended(caller, event) || event.starts_with("event: error\n") || event.starts_with("data: {\"error\":")
    };
    let events = events(said);
    let lasting = events.iter().filter(|event| last(event)).count();
    lasting == 0 || lasting == 1 && events.last().is_some_and(last)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_are_too_strange_to_be_heard(
        chunks in prop::collection::vec(prop_oneof![
            prop::collection::vec(any::<u8>(), 0..40),
            "(data: |event: |\\{|\\}|\"|:|choices|type|error|\n|\r){0,20}".prop_map(String::into_bytes),
        ], 0..12),
    ) {
        for pair in pairs() {
            let (said, _) = streamed(pair, chunks.iter().map(Vec::as_slice));
            prop_assert!(is_orderly(pair.caller, &said), "{}", said);
            let body = chunks.concat();
            let _ = answer_at(pair, &expects(), &body, NOW);
            error(pair, StatusCode::from_u16(500).unwrap(), &body, "r");
        }
    }

    #[test]
    fn no_order_of_events_is_too_strange_to_be_heard(picks in prop::collection::vec(any::<prop::sample::Index>(), 1..60)) {
        for upstream in FORMATS {
            let events = all_events(upstream);
            let chosen: Vec<&[u8]> = picks.iter().map(|pick| pick.get(&events).as_bytes()).collect();
            // The first event of a stream, so that more is heard than its absence.
            let chosen = [vec![events[0].as_bytes()], chosen].concat();
            for pair in pairs().filter(|pair| pair.upstream == upstream) {
                let (said, _) = streamed(pair, chosen.iter().copied());
                prop_assert!(is_orderly(pair.caller, &said), "{}", said);
            }
        }
    }
}
