//! Whole answers.

use serde_json::{Value, json};

use super::{CASES, fixture, folder, pair, pairs, recorded, said};
use crate::upstream::translate::Format::{self, Chat, Messages, Responses};
use crate::upstream::translate::Unreadable;

#[test]
fn each_recorded_answer_is_said_in_the_two_other_formats() {
    for pair in pairs() {
        for case in CASES {
            let file = format!("said/{}/{case}.from_{}.json", folder(pair.caller), folder(pair.upstream));
            let said = said(pair, &recorded(pair.upstream, &format!("{case}.json"))).unwrap();
            let expected: Value = serde_json::from_str(&fixture(&file)).unwrap();
            assert_eq!(said, expected, "{file}: {said:#}");
        }
    }
}

/// A recorded answer with something changed in it.
fn changed(format: Format, case: &str, change: impl FnOnce(&mut Value)) -> String {
    let mut body: Value = serde_json::from_str(&recorded(format, &format!("{case}.json"))).unwrap();
    change(&mut body);
    body.to_string()
}

#[test]
fn fields_that_are_not_known_change_nothing() {
    for pair in pairs() {
        let plain = changed(pair.upstream, "tools", |_| {});
        let more = changed(pair.upstream, "tools", |body| body["novelty"] = json!({ "a": [1, null] }));
        assert_eq!(said(pair, &more), said(pair, &plain));
    }
}

#[test]
fn answer_without_what_must_be_there_is_unreadable() {
    let missing = [
        (Chat, "/choices"),
        (Chat, "/choices/0"),
        (Chat, "/choices/0/finish_reason"),
        (Chat, "/choices/0/message/tool_calls/0/function"),
        (Messages, "/id"),
        (Messages, "/content"),
        (Messages, "/stop_reason"),
        (Messages, "/content/1/input"),
        (Messages, "/content/1/name"),
        (Responses, "/id"),
        (Responses, "/status"),
        (Responses, "/output"),
        (Responses, "/output/1/call_id"),
        (Responses, "/output/1/arguments"),
    ];
    for (format, place) in missing {
        let body = changed(format, "tools", |body| {
            let (parent, name) = place.rsplit_once('/').unwrap();
            match body.pointer_mut(parent).unwrap() {
                Value::Array(values) => drop(values.remove(name.parse().unwrap())),
                parent => drop(parent.as_object_mut().unwrap().remove(name).unwrap()),
            }
        });
        for pair in pairs().filter(|pair| pair.upstream == format) {
            assert_eq!(said(pair, &body), Err(Unreadable), "{place} to {:?}", pair.caller);
        }
    }
    for pair in pairs() {
        assert_eq!(said(pair, ""), Err(Unreadable));
        assert_eq!(said(pair, "<html>"), Err(Unreadable));
    }
}

#[test]
fn reason_to_stop_that_is_not_known_is_no_end() {
    let chat = changed(Chat, "text", |body| body["choices"][0]["finish_reason"] = json!("abort"));
    assert_eq!(said(pair(Chat, Messages), &chat), Err(Unreadable));
    let messages = changed(Messages, "text", |body| body["stop_reason"] = json!("bored"));
    assert_eq!(said(pair(Messages, Chat), &messages), Err(Unreadable));
    for status in ["failed", "in_progress", "cancelled", "queued", "incomplete"] {
        let responses = changed(Responses, "text", |body| body["status"] = json!(status));
        assert_eq!(said(pair(Responses, Chat), &responses), Err(Unreadable), "{status}");
    }
}

#[test]
fn reasons_to_stop_have_a_word_in_each_format() {
    let chat = |reason| changed(Chat, "text", |body| body["choices"][0]["finish_reason"] = json!(reason));
    for (reason, expected) in
        [("stop", "end_turn"), ("length", "max_tokens"), ("model_length", "max_tokens"), ("content_filter", "refusal")]
    {
        assert_eq!(said(pair(Chat, Messages), &chat(reason)).unwrap()["stop_reason"], expected, "{reason}");
    }
    for (reason, status, detail) in [
        ("stop", "completed", Value::Null),
        ("length", "incomplete", json!({ "reason": "max_output_tokens" })),
        ("content_filter", "incomplete", json!({ "reason": "content_filter" })),
    ] {
        let said = said(pair(Chat, Responses), &chat(reason)).unwrap();
        assert_eq!((&said["status"], &said["incomplete_details"]), (&json!(status), &detail), "{reason}");
        assert_eq!(said["output"][0]["status"], status, "{reason}");
    }
    let messages = |reason| changed(Messages, "text", |body| body["stop_reason"] = json!(reason));
    for (reason, expected) in [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("pause_turn", "stop"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("refusal", "content_filter"),
    ] {
        let said = said(pair(Messages, Chat), &messages(reason)).unwrap();
        assert_eq!(said["choices"][0]["finish_reason"], expected, "{reason}");
    }
}

/// OpenAI says `stop` where the caller had named the one tool to be called, and some compatible servers always do.
#[test]
fn answer_that_calls_tools_stops_for_them_whatever_the_upstream_says() {
    let body = changed(Chat, "tools", |body| body["choices"][0]["finish_reason"] = json!("stop"));
    assert_eq!(said(pair(Chat, Messages), &body).unwrap()["stop_reason"], "tool_use");
    for reason in ["tool_calls", "function_call"] {
        let body = changed(Chat, "tools", |body| body["choices"][0]["finish_reason"] = json!(reason));
        assert_eq!(said(pair(Chat, Messages), &body).unwrap()["stop_reason"], "tool_use");
        let none = changed(Chat, "text", |body| body["choices"][0]["finish_reason"] = json!(reason));
        assert_eq!(said(pair(Chat, Messages), &none), Err(Unreadable));
    }
}

fn with_arguments(arguments: &str, finish_reason: &str) -> String {
    changed(Chat, "tools", |body| {
        body["choices"][0]["message"]["tool_calls"][0]["function"]["arguments"] = json!(arguments);
        body["choices"][0]["finish_reason"] = json!(finish_reason);
    })
}

#[test]
fn arguments_that_are_no_object_are_unreadable_to_a_caller_of_messages_and_stay_as_they_are_within_openai() {
    for arguments in ["{", "[1]", "null", "\"{}\"", "{} {}", "{\"a\":}"] {
        let body = with_arguments(arguments, "tool_calls");
        assert_eq!(said(pair(Chat, Messages), &body), Err(Unreadable), "{arguments}");
        let said = said(pair(Chat, Responses), &body).unwrap();
        assert_eq!(said["output"][1]["arguments"], arguments);
    }
}

#[test]
fn arguments_and_inputs_keep_their_bytes() {
    let arguments = r#"{"b": 1.0,  "a":1e400, "b":"é\u00e9"}"#;
    let body = with_arguments(arguments, "tool_calls");
    let said_raw =
        super::super::answer_at(pair(Chat, Messages), &super::expects(), body.as_bytes(), super::NOW).unwrap();
    assert!(String::from_utf8_lossy(&said_raw).contains(&format!("\"input\":{arguments}")));
    let back = super::super::answer_at(pair(Messages, Chat), &super::expects(), &said_raw, super::NOW).unwrap();
    let back: Value = serde_json::from_slice(&back).unwrap();
    assert_eq!(back["choices"][0]["message"]["tool_calls"][0]["function"]["arguments"], arguments);
}

#[test]
fn call_without_arguments_has_an_empty_object() {
    let body = with_arguments("", "tool_calls");
    assert_eq!(said(pair(Chat, Messages), &body).unwrap()["content"][1]["input"], json!({}));
    assert_eq!(said(pair(Chat, Responses), &body).unwrap()["output"][1]["arguments"], "{}");
}

#[test]
fn call_that_was_cut_off_has_an_empty_input_and_says_why() {
    let said_to_messages = said(pair(Chat, Messages), &with_arguments("{\"loc", "length")).unwrap();
    assert_eq!(said_to_messages["content"][1]["input"], json!({}));
    assert_eq!(said_to_messages["stop_reason"], "max_tokens");
    let said_to_responses = said(pair(Chat, Responses), &with_arguments("{\"loc", "length")).unwrap();
    assert_eq!(said_to_responses["output"][1]["arguments"], "{\"loc");
    assert_eq!(said_to_responses["output"][1]["status"], "incomplete");
    assert_eq!(said_to_responses["output"][0]["status"], "completed");
}

/// Some servers have dots and colons in theirs, which Anthropic's API refuses when the caller's next request brings them.
#[test]
fn id_of_a_call_is_one_that_the_callers_provider_takes_back() {
    let body = changed(Chat, "tools", |body| {
        body["choices"][0]["message"]["tool_calls"][0]["id"] = json!("functions.get_weather:0");
    });
    assert_eq!(said(pair(Chat, Messages), &body).unwrap()["content"][1]["id"], "functions_get_weather_0");
    assert_eq!(said(pair(Chat, Responses), &body).unwrap()["output"][1]["call_id"], "functions.get_weather:0");
}

#[test]
fn provider_that_does_not_name_the_model_has_it_named_as_the_caller_did() {
    for pair in pairs() {
        let body = changed(pair.upstream, "text", |body| drop(body.as_object_mut().unwrap().remove("model")));
        assert_eq!(said(pair, &body).unwrap()["model"], "reasoning");
    }
}

/// As some servers of open models and some gateways leave it out.
#[test]
fn completion_without_an_id_is_given_one_of_its_own() {
    for id in [None, Some(Value::Null), Some(json!(""))] {
        let body = changed(Chat, "text", |body| match &id {
            Some(id) => body["id"] = id.clone(),
            None => drop(body.as_object_mut().unwrap().remove("id")),
        });
        let told = || said(pair(Chat, Messages), &body).unwrap()["id"].as_str().unwrap().to_owned();
        let (once, twice) = (told(), told());
        assert!(once.starts_with("msg_") && once.len() > 20 && once != twice, "{once} {twice}");
    }
}

/// As Mistral's reasoning models have it.
#[test]
fn content_in_parts_is_read_as_the_thinking_and_the_text_that_it_is() {
    let body = changed(Chat, "text", |body| {
        body["choices"][0]["message"]["content"] = json!([
            { "type": "thinking", "thinking": [{ "type": "text", "text": "H" }, { "type": "text", "text": "m." }] },
            { "type": "thinking", "thinking": " So." },
            { "type": "text", "text": "It " },
            { "type": "reference", "reference_ids": [1] },
            { "type": "text", "text": "is." },
        ]);
    });
    let told = said(pair(Chat, Messages), &body).unwrap();
    let thinking = json!({ "type": "thinking", "thinking": "Hm. So.", "signature": "" });
    assert_eq!(told["content"], json!([thinking, { "type": "text", "text": "It is." }]));
    let odd = changed(Chat, "text", |body| body["choices"][0]["message"]["content"] = json!([{ "text": "a" }]));
    assert_eq!(said(pair(Chat, Messages), &odd), Err(Unreadable));
}

/// Clients take a message that has neither text, refusal nor calls for a broken one.
#[test]
fn completion_that_says_nothing_has_an_empty_text_and_one_with_calls_or_a_refusal_has_none() {
    let content =
        |upstream, body: &str| said(pair(upstream, Chat), body).unwrap()["choices"][0]["message"]["content"].clone();
    for reason in ["refusal", "end_turn", "max_tokens"] {
        let silent = changed(Messages, "text", |body| {
            body["content"] = json!([]);
            body["stop_reason"] = json!(reason);
        });
        assert_eq!(content(Messages, &silent), "", "{reason}");
    }
    let calls = changed(Messages, "tools", |body| drop(body["content"].as_array_mut().unwrap().remove(0)));
    assert_eq!(content(Messages, &calls), Value::Null);
    assert_eq!(content(Responses, &recorded(Responses, "refusal.json")), Value::Null);
}

#[test]
fn usage_that_is_not_told_is_not_made_up() {
    let body = changed(Chat, "text", |body| body["usage"] = Value::Null);
    assert_eq!(said(pair(Chat, Responses), &body).unwrap()["usage"], Value::Null);
    // Anthropic's format has no answer without.
    assert_eq!(said(pair(Chat, Messages), &body).unwrap()["usage"]["input_tokens"], 0);
}

#[test]
fn reasoning_is_read_by_either_of_its_names() {
    for name in ["reasoning_content", "reasoning"] {
        let body = changed(Chat, "text", |body| body["choices"][0]["message"][name] = json!("Hm."));
        let said = said(pair(Chat, Messages), &body).unwrap();
        assert_eq!(said["content"][0], json!({ "type": "thinking", "thinking": "Hm.", "signature": "" }), "{name}");
    }
    let odd = changed(Chat, "text", |body| body["choices"][0]["message"]["reasoning"] = json!({ "effort": 1 }));
    assert_eq!(said(pair(Chat, Messages), &odd).unwrap()["content"].as_array().unwrap().len(), 1);
}

#[test]
fn reasoning_of_open_models_is_read_where_there_is_no_summary() {
    let body = changed(Responses, "thinking", |body| {
        body["output"][0]["summary"] = json!([]);
        body["output"][0]["content"] = json!([{ "type": "reasoning_text", "text": "Hm." }]);
    });
    assert_eq!(said(pair(Responses, Chat), &body).unwrap()["choices"][0]["message"]["reasoning_content"], "Hm.");
}

#[test]
fn what_the_provider_did_by_itself_is_left_out_and_a_call_that_waits_for_the_caller_is_not() {
    let searched = changed(Responses, "text", |body| {
        let search = json!({ "type": "web_search_call", "id": "ws_1", "status": "completed", "action": {} });
        body["output"].as_array_mut().unwrap().insert(0, search);
    });
    let plain = recorded(Responses, "text.json");
    assert_eq!(said(pair(Responses, Messages), &searched), said(pair(Responses, Messages), &plain));
    let waiting = changed(Responses, "text", |body| {
        let call = json!({ "type": "custom_tool_call", "id": "ct_1", "call_id": "c", "name": "sh", "input": "ls" });
        body["output"].as_array_mut().unwrap().push(call);
    });
    assert_eq!(said(pair(Responses, Messages), &waiting), Err(Unreadable));
}

#[test]
fn counts_that_do_not_add_up_do_not_wrap() {
    let body = changed(Chat, "cached", |body| {
        body["usage"]["prompt_tokens"] = json!(5);
        body["usage"]["completion_tokens"] = json!(u64::MAX);
    });
    let usage = &said(pair(Chat, Messages), &body).unwrap()["usage"];
    assert_eq!((&usage["input_tokens"], &usage["output_tokens"]), (&json!(0), &json!(u64::MAX)));
    assert_eq!(said(pair(Chat, Responses), &body).unwrap()["usage"]["total_tokens"], json!(u64::MAX));
}
