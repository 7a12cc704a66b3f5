//! What has no word on the other side is refused, at its place and in the caller's words.

use serde_json::{Value, json};

use super::{FORMATS, said, translated};
use crate::upstream::translate::Format::{self, Chat, Messages, Responses};
use crate::upstream::translate::Pair;

/// A request that every format can say, with `changes` made to its members.
pub(super) fn request(format: Format, changes: Value) -> Value {
    let turns = json!([{"role": "user", "content": "Hello"}]);
    let mut body = match format {
        Chat => json!({"model": "m", "messages": turns}),
        Messages => json!({"model": "m", "max_tokens": 9, "messages": turns}),
        Responses => json!({"model": "m", "input": turns}),
    };
    for (name, value) in changes.as_object().unwrap() {
        body[name] = value.clone();
    }
    body
}

fn upstreams(caller: Format) -> impl Iterator<Item = Format> {
    FORMATS.into_iter().filter(move |format| *format != caller)
}

fn name(upstream: Format) -> &'static str {
    match upstream {
        Chat => "cannot be said in OpenAI's chat completions",
        Messages => "cannot be said in Anthropic's messages",
        Responses => "cannot be said in OpenAI's responses",
    }
}

fn assert_wordless(caller: Format, upstream: Format, changes: Value, place: &str) {
    let refusal = translated(caller, upstream, &request(caller, changes.clone())).expect_err(&changes.to_string());
    assert_eq!((refusal.place.as_str(), refusal.problem.as_str()), (place, name(upstream)), "{changes}");
}

fn assert_said(caller: Format, upstream: Format, changes: Value) {
    let said = translated(caller, upstream, &request(caller, changes.clone()));
    assert!(said.is_ok(), "{caller:?} to {upstream:?}: {changes}: {said:?}");
}

#[test]
fn what_no_other_format_has_is_refused() {
    let of_chat = [
        (json!({"n": 2}), "n"),
        (json!({"seed": 7}), "seed"),
        (json!({"logprobs": true}), "logprobs"),
        (json!({"top_logprobs": 3}), "top_logprobs"),
        (json!({"logit_bias": {"50256": -100}}), "logit_bias"),
        (json!({"frequency_penalty": 0.5}), "frequency_penalty"),
        (json!({"presence_penalty": -0.5}), "presence_penalty"),
        (json!({"modalities": ["text", "audio"]}), "modalities"),
        (json!({"audio": {"voice": "alloy", "format": "wav"}}), "audio"),
        (json!({"prediction": {"type": "content", "content": "x"}}), "prediction"),
        (json!({"web_search_options": {}}), "web_search_options"),
        (json!({"store": true}), "store"),
        (json!({"functions": [{"name": "f"}]}), "functions"),
        (json!({"function_call": "auto"}), "function_call"),
        (json!({"moderation": {"model": "m"}}), "moderation"),
        (json!({"reasoning_effort": "endless"}), "reasoning_effort"),
        (json!({"response_format": {"type": "grammar"}}), "response_format.type"),
        (json!({"tools": [{"type": "custom", "custom": {"name": "t"}}]}), "tools[0].type"),
        (json!({"tool_choice": {"type": "allowed_tools", "allowed_tools": {}}}), "tool_choice.type"),
        (json!({"messages": [{"role": "function", "name": "f", "content": "x"}]}), "messages[0].role"),
        (json!({"messages": [{"role": "user", "name": "Ada", "content": "x"}]}), "messages[0].name"),
        (
            json!({"messages": [{"role": "user", "content": [{"type": "input_audio", "input_audio": {}}]}]}),
            "messages[0].content[0].type",
        ),
        (
            json!({"messages": [{"role": "user", "content": [
                {"type": "text", "text": "x"}, {"type": "file", "file": {"file_id": "file-1", "file_data": "data:a/b;base64,"}}
            ]}]}),
            "messages[0].content[1].file.file_id",
        ),
        (json!({"messages": [{"role": "assistant", "audio": {"id": "a"}}]}), "messages[0].audio"),
    ];
    let of_messages = [
        (json!({"top_k": 40}), "top_k"),
        (json!({"container": "c"}), "container"),
        (json!({"mcp_servers": [{"type": "url"}]}), "mcp_servers"),
        (json!({"inference_geo": "us"}), "inference_geo"),
        (json!({"metadata": {"user_id": "u", "team": "t"}}), "metadata.team"),
        (
            json!({"context_management": {"edits": [{"type": "clear_tool_uses_20250919"}]}}),
            "context_management.edits[0].type",
        ),
        (json!({"output_config": {"task_budget": {"type": "tokens"}}}), "output_config.task_budget"),
        (json!({"tools": [{"type": "web_search_20250305", "name": "web_search"}]}), "tools[0].type"),
        (json!({"tools": [{"name": "t", "input_schema": {}, "input_examples": [{}]}]}), "tools[0].input_examples"),
        (json!({"tools": [{"name": "t", "input_schema": {}, "defer_loading": true}]}), "tools[0].defer_loading"),
        (
            json!({"messages": [{"role": "user", "content": [{"type": "search_result"}]}]}),
            "messages[0].content[0].type",
        ),
        (
            json!({"messages": [{"role": "user", "content": [{"type": "image", "source": {"type": "file", "file_id": "f"}}]}]}),
            "messages[0].content[0].source.type",
        ),
        (
            json!({"messages": [{"role": "user", "content": [
                {"type": "document", "source": {"type": "url", "url": "u"}, "citations": {"enabled": true}}
            ]}]}),
            "messages[0].content[0].citations.enabled",
        ),
        (
            json!({"messages": [{"role": "user", "content": [
                {"type": "document", "source": {"type": "url", "url": "u"}, "context": "c"}
            ]}]}),
            "messages[0].content[0].context",
        ),
    ];
    let of_responses = [
        (json!({"previous_response_id": "resp_1"}), "previous_response_id"),
        (json!({"conversation": "conv_1"}), "conversation"),
        (json!({"prompt": {"id": "p"}}), "prompt"),
        (json!({"store": true}), "store"),
        (json!({"background": true}), "background"),
        (json!({"truncation": "auto"}), "truncation"),
        (json!({"max_tool_calls": 3}), "max_tool_calls"),
        (json!({"top_logprobs": 3}), "top_logprobs"),
        (json!({"include": ["message.output_text.logprobs"]}), "include[0]"),
        (json!({"reasoning": {"mode": "pro"}}), "reasoning.mode"),
        (json!({"tools": [{"type": "web_search"}]}), "tools[0].type"),
        (json!({"tools": [{"type": "custom", "name": "apply_patch"}]}), "tools[0].type"),
        (json!({"tools": [{"type": "function", "name": "f", "output_schema": {}}]}), "tools[0].output_schema"),
        (json!({"input": [{"type": "item_reference", "id": "msg_1"}]}), "input[0].type"),
        (json!({"input": [{"type": "web_search_call", "id": "ws_1"}]}), "input[0].type"),
        (
            json!({"input": [{"role": "user", "content": [{"type": "input_image", "image_url": "u", "file_id": "f"}]}]}),
            "input[0].content[0].file_id",
        ),
    ];
    for (caller, cases) in [(Chat, &of_chat[..]), (Messages, &of_messages), (Responses, &of_responses)] {
        for (changes, place) in cases {
            for upstream in upstreams(caller) {
                assert_wordless(caller, upstream, changes.clone(), place);
            }
        }
    }
}

#[test]
fn what_goes_without_saying_is_no_reason_to_refuse() {
    let of_chat = json!({
        "n": 1, "seed": null, "logprobs": false, "top_logprobs": null, "logit_bias": {}, "frequency_penalty": 0,
        "presence_penalty": 0.0, "modalities": ["text"], "audio": null, "prediction": null, "store": false, "stop": null,
        "response_format": {"type": "text"}, "tool_choice": "none", "verbosity": "medium", "stream": false
    });
    let of_messages = json!({
        "container": null, "tool_choice": {"type": "auto"}, "service_tier": "auto", "top_k": null, "mcp_servers": [],
        "tools": [{"name": "t", "input_schema": {"type": "object"}, "input_examples": []}]
    });
    let of_responses = json!({
        "previous_response_id": null, "background": false, "truncation": "disabled", "top_logprobs": 0, "include": [],
        "text": {"format": {"type": "text"}, "verbosity": "medium"}, "reasoning": {"effort": null}, "store": null
    });
    for (caller, changes) in [(Chat, of_chat), (Messages, of_messages), (Responses, of_responses)] {
        for upstream in upstreams(caller) {
            assert_said(caller, upstream, changes.clone());
        }
    }
}

/// What two of the three formats have is refused for the third alone.
#[test]
fn what_one_format_lacks_is_refused_for_it_alone() {
    let cases = [
        (Chat, Messages, json!({"response_format": {"type": "json_object"}}), "response_format.type"),
        (Chat, Responses, json!({"stop": ["END"]}), "stop[0]"),
        (Chat, Responses, json!({"stop": "END"}), "stop"),
        (Messages, Responses, json!({"stop_sequences": ["END"]}), "stop_sequences[0]"),
        (Responses, Messages, json!({"text": {"format": {"type": "json_object"}}}), "text.format.type"),
    ];
    for (caller, lacks, changes, place) in cases {
        assert_wordless(caller, lacks, changes.clone(), place);
        let has = FORMATS.into_iter().find(|format| *format != caller && *format != lacks).unwrap();
        assert_said(caller, has, changes);
    }
}

#[test]
fn schema_with_a_description_is_refused_for_messages() {
    let format = json!({"name": "n", "description": "d", "schema": {"type": "object"}});
    let changes = json!({"response_format": {"type": "json_schema", "json_schema": format}});
    assert_wordless(Chat, Messages, changes.clone(), "response_format.json_schema.description");
    assert_said(Chat, Responses, changes);
}

#[test]
fn temperature_above_one_is_refused_for_messages() {
    let refusal = translated(Chat, Messages, &request(Chat, json!({"temperature": 1.01}))).unwrap_err();
    assert_eq!(refusal.to_string(), "`temperature` is above 1, Anthropic's highest");
    assert_said(Chat, Responses, json!({"temperature": 1.01}));
    let said = translated(Chat, Messages, &request(Chat, json!({"temperature": 1, "top_p": 1.0}))).unwrap();
    assert!(said.get("temperature").is_none() && said.get("top_p").is_none(), "the defaults of both: {said}");
}

#[test]
fn files_pass_where_the_other_side_has_a_way() {
    let file = |file: Value| json!({"messages": [{"role": "user", "content": [{"type": "document", "source": file}]}]});
    let by_url = file(json!({"type": "url", "url": "https://example.com/a.pdf"}));
    assert_said(Messages, Responses, by_url.clone());
    assert_wordless(Messages, Chat, by_url, "messages[0].content[0]");
    let text = file(json!({"type": "text", "media_type": "text/plain", "data": "x"}));
    assert_wordless(Messages, Chat, text, "messages[0].content[0].source.type");
    let part =
        |url: &str| json!({"messages": [{"role": "user", "content": [{"type": "file", "file": {"file_data": url}}]}]});
    assert_said(Chat, Messages, part("data:application/pdf;base64,JVBERi0="));
    assert_wordless(Chat, Messages, part("data:text/csv;base64,YQ=="), "messages[0].content[0]");
    let refusal = translated(Chat, Messages, &request(Chat, part("JVBERi0="))).unwrap_err();
    assert_eq!(refusal.place, "messages[0].content[0].file.file_data");
}

#[test]
fn image_of_a_type_that_messages_do_not_take_is_refused_for_it() {
    let image = |url: &str| {
        let part = json!({"type": "image_url", "image_url": {"url": url}});
        json!({"messages": [{"role": "user", "content": [part]}]})
    };
    assert_wordless(Chat, Messages, image("data:image/tiff;base64,AAAA"), "messages[0].content[0]");
    assert_said(Chat, Responses, image("data:image/tiff;base64,AAAA"));
    let refusal = translated(Chat, Messages, &request(Chat, image("data:image/png,AAAA"))).unwrap_err();
    assert_eq!(refusal.place, "messages[0].content[0].image_url.url");
}

/// A conversation with one call and its result, in the words of chat completions.
fn called(call: Value, result: Value) -> Value {
    json!({"messages": [{"role": "assistant", "tool_calls": [call]}, result]})
}

fn call(id: &str, arguments: &str) -> Value {
    json!({"id": id, "type": "function", "function": {"name": "f", "arguments": arguments}})
}

fn result(id: &str) -> Value {
    json!({"role": "tool", "tool_call_id": id, "content": "x"})
}

#[test]
fn arguments_that_are_no_object_are_refused_for_messages() {
    for arguments in ["[1]", "1", "{\"a\":", "{\"a\":1,\"a\":2}", "so sorry"] {
        let changes = called(call("c", arguments), result("c"));
        let refusal = translated(Chat, Messages, &request(Chat, changes.clone())).unwrap_err();
        assert_eq!(refusal.place, "messages[0].tool_calls[0].function.arguments", "{arguments}");
        assert_said(Chat, Responses, changes);
    }
    let nothing = translated(Chat, Messages, &request(Chat, called(call("c", ""), result("c")))).unwrap();
    assert_eq!(nothing["messages"][0]["content"][0]["input"], json!({}));
}

#[test]
fn id_that_messages_refuse_is_refused_before_the_call() {
    let changes = called(call("functions.f:0", "{}"), result("functions.f:0"));
    let refusal = translated(Chat, Messages, &request(Chat, changes.clone())).unwrap_err();
    assert_eq!(refusal.place, "messages[0].tool_calls[0].id");
    assert_said(Chat, Responses, changes);
}

#[test]
fn name_too_long_for_the_upstream_is_refused_before_the_call() {
    let tools = |letters: usize| json!({"tools": [{"name": "m".repeat(letters), "input_schema": {"type": "object"}}]});
    assert_said(Messages, Chat, tools(64));
    let refusal = translated(Messages, Chat, &request(Messages, tools(65))).unwrap_err();
    assert_eq!(refusal.place, "tools[0].name");
    assert_said(Messages, Responses, tools(128));
    assert!(translated(Messages, Responses, &request(Messages, tools(129))).is_err());
}

#[test]
fn schema_of_no_object_is_refused_for_messages() {
    let tools =
        |schema: Value| json!({"tools": [{"type": "function", "function": {"name": "f", "parameters": schema}}]});
    let refusal = translated(Chat, Messages, &request(Chat, tools(json!({"properties": {}})))).unwrap_err();
    assert_eq!(refusal.place, "tools[0].function.parameters");
    assert_said(Chat, Messages, tools(json!({})));
    assert_said(Chat, Responses, tools(json!({"properties": {}})));
}

/// Where a call must be answered right behind it, the upstream would refuse the whole request.
#[test]
fn call_without_its_result_is_refused_before_the_call() {
    let alone = json!({"input": [
        {"type": "function_call", "call_id": "a", "name": "f", "arguments": "{}"},
        {"role": "user", "content": "Never mind"}
    ]});
    let stray = json!({"input": [{"type": "function_call_output", "call_id": "a", "output": "x"}]});
    let late = json!({"input": [
        {"type": "function_call", "call_id": "a", "name": "f", "arguments": "{}"},
        {"role": "developer", "content": "Be quick"},
        {"type": "function_call_output", "call_id": "a", "output": "x"}
    ]});
    for upstream in [Chat, Messages] {
        for (changes, place) in [(&alone, "input[0]"), (&stray, "input[0].call_id"), (&late, "input[0]")] {
            let refusal = translated(Responses, upstream, &request(Responses, changes.clone())).unwrap_err();
            assert_eq!(refusal.place, place, "{changes}");
        }
    }
}

#[test]
fn image_in_a_result_is_refused_for_chat_alone() {
    let changes = json!({"messages": [
        {"role": "assistant", "content": [{"type": "tool_use", "id": "a", "name": "f", "input": {}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "a", "content": [
            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}}
        ]}]}
    ]});
    assert_wordless(Messages, Chat, changes.clone(), "messages[1].content[0].content[0]");
    let said = translated(Messages, Responses, &request(Messages, changes)).unwrap();
    assert_eq!(said["input"][1]["output"][0]["image_url"], "data:image/png;base64,AAAA");
}

#[test]
fn answer_that_the_caller_begins_is_refused() {
    let messages = json!({"messages": [{"role": "user", "content": "x"}, {"role": "assistant", "content": "It is ("}]});
    for upstream in [Chat, Responses] {
        assert_eq!(
            translated(Messages, upstream, &request(Messages, messages.clone())).unwrap_err().place,
            "messages[1]"
        );
    }
    assert_eq!(translated(Chat, Messages, &request(Chat, messages.clone())).unwrap_err().place, "messages[1]");
    assert_said(Chat, Responses, messages);
}

#[test]
fn body_of_the_wrong_shape_is_refused_at_its_place() {
    let cases = [
        (json!({"model": null}), "`model` is missing"),
        (json!({"messages": null}), "`messages` is missing"),
        (json!({"messages": [{"role": "user"}]}), "`messages[0].content` is missing"),
        (
            json!({"messages": [{"role": "user", "content": 7}]}),
            "`messages[0].content` must be text or a list of parts",
        ),
        (json!({"messages": [{"role": "user", "content": ["x"]}]}), "`messages[0].content[0]` must be an object"),
        (json!({"max_tokens": "9"}), "`max_tokens` must be a number"),
        (json!({"stream": "yes"}), "`stream` must be true or false"),
        (
            json!({"tools": [{"type": "function", "function": {"name": "f", "parameters": []}}]}),
            "`tools[0].function.parameters` must be an object",
        ),
        (
            json!({"max_tokens": 1, "max_completion_tokens": 2}),
            "`max_tokens` and `max_completion_tokens` say the same thing twice",
        ),
    ];
    for (changes, told) in cases {
        for upstream in [Messages, Responses] {
            assert_eq!(translated(Chat, upstream, &request(Chat, changes.clone())).unwrap_err().to_string(), told);
        }
    }
    assert_eq!(translated(Chat, Messages, &json!([])).unwrap_err().to_string(), "`body` must be an object");
}

/// A member's name is the caller's text, and a place goes into answers and logs.
#[test]
fn name_that_does_not_look_like_one_is_not_shown() {
    for name in ["a\r\nSet-Cookie: b", "", &"x".repeat(65), "naïve"] {
        let refusal = translated(Chat, Messages, &request(Chat, json!({name: 1}))).unwrap_err();
        assert_eq!(refusal.place, "?");
    }
}

/// Programs send back what their library made of an answer, and providers with OpenAI's format add their thoughts to it.
#[test]
fn answer_is_taken_back_with_what_libraries_and_providers_add_to_it() {
    let function = json!({"name": "f", "arguments": "{}", "parsed_arguments": {"a": 1}});
    for thought in ["reasoning_content", "reasoning", "reasoning_details"] {
        let answer = json!({
            "role": "assistant", "content": "x", "parsed": {"a": 1}, thought: "Hm.",
            "tool_calls": [{"index": 0, "id": "c", "type": "function", "function": function}]
        });
        let result = json!({"role": "tool", "tool_call_id": "c", "name": "f", "content": "y"});
        let body = request(Chat, json!({"messages": [answer, result]})).to_string();
        for upstream in [Messages, Responses] {
            let said = said(Pair { caller: Chat, upstream }, &body).unwrap();
            assert_eq!(said.left_out, ["reasoning"]);
            assert!(!String::from_utf8_lossy(&said.body).contains("Hm."));
        }
    }
    let parsed = json!({"input": [
        {"role": "user", "content": "x"},
        {"role": "assistant", "content": [{"type": "output_text", "text": "{}", "parsed": {}}]},
        {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}", "parsed_arguments": {}},
        {"type": "function_call_output", "call_id": "c", "output": "y"}
    ]});
    assert_said(Responses, Chat, parsed.clone());
    assert_said(Responses, Messages, parsed);
}

#[test]
fn conversation_that_says_nothing_is_refused_for_messages() {
    let blank = json!({"messages": [{"role": "system", "content": "x"}, {"role": "user", "content": " "}]});
    assert_eq!(translated(Chat, Messages, &request(Chat, blank.clone())).unwrap_err().place, "messages");
    assert_said(Chat, Responses, blank);
    let behind_the_assistant = json!({"messages": [
        {"role": "user", "content": "x"}, {"role": "assistant", "content": "y"}, {"role": "user", "content": "\n"}
    ]});
    let refusal = translated(Chat, Messages, &request(Chat, behind_the_assistant)).unwrap_err();
    assert_eq!(refusal.place, "messages[1]");
}

#[test]
fn what_is_too_much_for_the_upstream_is_refused_before_the_call() {
    let refused =
        |caller, upstream, changes: Value| translated(caller, upstream, &request(caller, changes)).unwrap_err();
    let stops = |number: usize| json!({"stop_sequences": vec!["x"; number]});
    assert_said(Messages, Chat, stops(4));
    assert_eq!(refused(Messages, Chat, stops(5)).place, "stop_sequences[4]");
    assert_eq!(refused(Chat, Messages, json!({"stop": ["x", "\n"]})).place, "stop[1]");
    let tools = |number: usize| json!({"tools": (0..number).map(|at| json!({"name": format!("t{at}"), "input_schema": {}})).collect::<Vec<_>>()});
    for upstream in [Chat, Responses] {
        assert_said(Messages, upstream, tools(128));
        assert_eq!(refused(Messages, upstream, tools(129)).place, "tools[128].name");
    }
    let called = |letters: usize| {
        let id = "i".repeat(letters);
        json!({"input": [
            {"type": "function_call", "call_id": id, "name": "f", "arguments": "{}"},
            {"type": "function_call_output", "call_id": id, "output": "x"}
        ]})
    };
    assert_said(Responses, Chat, called(64));
    assert_eq!(refused(Responses, Chat, called(65)).place, "input[0].call_id");
    assert_said(Responses, Messages, called(65));
}
