//! How single things are said, beside the whole requests.

use bytes::Bytes;
use serde_json::{Value, json};

use super::refusals::request as body;
use super::{FORMATS, said, translated};
use crate::upstream::translate::Format::{self, Chat, Messages, Responses};
use crate::upstream::translate::request::request;
use crate::upstream::translate::{Asked, Pair};

fn told(caller: Format, upstream: Format, changes: Value) -> Value {
    translated(caller, upstream, &body(caller, changes)).unwrap()
}

fn left_out(caller: Format, upstream: Format, changes: Value) -> Vec<&'static str> {
    said(Pair { caller, upstream }, &body(caller, changes).to_string()).unwrap().left_out
}

/// Another spelling of a number, or another order of a schema's members, is another request to a cache, or another
/// number to a parser.
#[test]
fn numbers_texts_and_schemas_keep_their_spelling() {
    let text = r#"{"model":"m","temperature":0.70,"max_tokens":1e3,"messages":[{"role":"user","content":"\u00e9\/"}],
        "tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object", "properties":{}, "z":1.0, "a":12345678901234567890}}}]}"#;
    for upstream in [Messages, Responses] {
        let said = said(Pair { caller: Chat, upstream }, text).unwrap();
        let said = std::str::from_utf8(&said.body).unwrap();
        for spelled in
            ["0.70", "1e3", r#""\u00e9\/""#, r#"{"type":"object", "properties":{}, "z":1.0, "a":12345678901234567890}"#]
        {
            assert!(said.contains(spelled), "{spelled} in {said}");
        }
    }
}

#[test]
fn call_keeps_its_input_to_the_byte() {
    let input = r#"{"b": [1.50, "\u00e9"],  "a":{}}"#;
    let text = format!(
        r#"{{"model":"m","max_tokens":9,"messages":[
            {{"role":"assistant","content":[{{"type":"tool_use","id":"i","name":"f","input":{input}}}]}},
            {{"role":"user","content":[{{"type":"tool_result","tool_use_id":"i"}}]}}]}}"#
    );
    let there = said(Pair { caller: Messages, upstream: Chat }, &text).unwrap();
    let chat: Value = serde_json::from_slice(&there.body).unwrap();
    assert_eq!(chat["messages"][0]["tool_calls"][0]["function"]["arguments"], input);
    let back =
        request(Pair { caller: Chat, upstream: Messages }, &Asked { body: &there.body, model: None, identifier: None });
    assert!(String::from_utf8_lossy(&back.unwrap().body).contains(input));
}

#[test]
fn model_and_identifier_are_ours_to_tell() {
    for caller in FORMATS {
        for upstream in FORMATS.into_iter().filter(|upstream| *upstream != caller) {
            let own = match caller {
                Messages => json!({"metadata": {"user_id": "theirs"}}),
                _ => json!({"safety_identifier": "theirs", "user": "theirs"}),
            };
            let text = Bytes::from(body(caller, own).to_string());
            let pair = Pair { caller, upstream };
            let ours = request(pair, &Asked { body: &text, model: Some("other"), identifier: Some("ours") }).unwrap();
            let said: Value = serde_json::from_slice(&ours.body).unwrap();
            assert_eq!(said["model"], "other");
            let identifier = match upstream {
                Messages => &said["metadata"]["user_id"],
                _ => &said["safety_identifier"],
            };
            assert_eq!(identifier, "ours");
            assert_eq!(ours.expects.model, "m", "as the caller named it");
            let nobody = request(pair, &Asked { body: &text, model: None, identifier: None }).unwrap();
            for said in [&ours.body, &nobody.body] {
                assert!(!String::from_utf8_lossy(said).contains("theirs"), "{pair:?}");
            }
            assert!(nobody.left_out.is_empty() && String::from_utf8_lossy(&nobody.body).contains(r#""model":"m""#));
        }
    }
}

#[test]
fn messages_get_a_bound_where_the_caller_has_none() {
    assert_eq!(told(Chat, Messages, json!({}))["max_tokens"], 32_000);
    assert_eq!(told(Chat, Messages, json!({"max_tokens": 5}))["max_tokens"], 5);
    assert!(told(Chat, Responses, json!({})).get("max_output_tokens").is_none());
}

#[test]
fn nothing_is_stored_by_responses() {
    assert_eq!(told(Chat, Responses, json!({}))["store"], false);
    assert_eq!(told(Messages, Responses, json!({}))["store"], false);
}

#[test]
fn stream_of_chat_is_asked_for_its_usage() {
    for caller in [Messages, Responses] {
        let said = told(caller, Chat, json!({"stream": true}));
        assert_eq!(said["stream_options"], json!({"include_usage": true}));
        assert!(told(caller, Chat, json!({"stream": false})).get("stream_options").is_none());
    }
    let expects = |options: Value| {
        let changes = json!({"stream": true, "stream_options": options});
        said(Pair { caller: Chat, upstream: Messages }, &body(Chat, changes).to_string()).unwrap().expects
    };
    assert!(expects(json!({"include_usage": true})).includes_usage);
    assert!(!expects(json!({"include_usage": false, "include_obfuscation": true})).includes_usage);
    assert!(!expects(Value::Null).includes_usage);
}

#[test]
fn stop_sequences_pass_between_chat_and_messages() {
    assert_eq!(told(Chat, Messages, json!({"stop": "END"}))["stop_sequences"], json!(["END"]));
    assert_eq!(told(Messages, Chat, json!({"stop_sequences": ["A", "B"]}))["stop"], json!(["A", "B"]));
}

#[test]
fn effort_has_the_same_words_but_for_the_ends() {
    let effort = |level: &str| told(Chat, Messages, json!({"model": "claude-opus-5", "reasoning_effort": level}));
    assert_eq!(effort("max")["output_config"], json!({"effort": "max"}));
    assert_eq!(effort("minimal")["output_config"], json!({"effort": "low"}));
    let none = effort("none");
    assert_eq!(none["thinking"], json!({"type": "disabled"}));
    assert!(none.get("output_config").is_none());
    assert_eq!(told(Chat, Responses, json!({"reasoning_effort": "none"}))["reasoning"], json!({"effort": "none"}));
}

#[test]
fn budget_of_thinking_is_an_effort() {
    for (budget, level) in [(1024, "low"), (4096, "low"), (4097, "medium"), (16384, "medium"), (31999, "high")] {
        let thinking = json!({"thinking": {"type": "enabled", "budget_tokens": budget}});
        assert_eq!(told(Messages, Chat, thinking)["reasoning_effort"], level, "{budget}");
    }
    let both = json!({"thinking": {"type": "enabled", "budget_tokens": 1024}, "output_config": {"effort": "max"}});
    assert_eq!(told(Messages, Responses, both)["reasoning"]["effort"], "max");
    assert!(told(Messages, Chat, json!({"thinking": {"type": "adaptive"}})).get("reasoning_effort").is_none());
    assert_eq!(left_out(Messages, Chat, json!({"thinking": {"type": "disabled"}})), ["thinking"]);
}

#[test]
fn hints_are_left_out_by_name() {
    let of_chat = json!({
        "metadata": {"a": "b"}, "prompt_cache_key": "k", "service_tier": "flex", "prompt_cache_retention": "24h",
        "messages": [{"role": "user", "content": [
            {"type": "image_url", "image_url": {"url": "https://a.example/b.png", "detail": "low"}},
            {"type": "text", "text": "x", "prompt_cache_breakpoint": {"mode": "explicit"}}
        ]}]
    });
    let to_both = ["metadata", "prompt_cache_retention", "prompt_cache_breakpoint"];
    assert_eq!(left_out(Chat, Responses, of_chat.clone()), to_both);
    let responses = told(Chat, Responses, of_chat.clone());
    assert_eq!((&responses["prompt_cache_key"], &responses["service_tier"]), (&json!("k"), &json!("flex")));
    assert_eq!(responses["input"][0]["content"][0]["detail"], "low");
    let to_messages = [&to_both[..], &["prompt_cache_key", "service_tier", "detail"]].concat();
    assert_eq!(left_out(Chat, Messages, of_chat), to_messages);
}

#[test]
fn prompts_of_the_system_keep_their_order() {
    let messages = json!({"messages": [
        {"role": "system", "content": "A"}, {"role": "developer", "content": [{"type": "text", "text": "B"}]},
        {"role": "user", "content": "x"}
    ]});
    let anthropic = told(Chat, Messages, messages.clone());
    assert_eq!(anthropic["system"], json!([{"type": "text", "text": "A"}, {"type": "text", "text": "B"}]));
    assert_eq!(anthropic["messages"].as_array().unwrap().len(), 1);
    let responses = told(Chat, Responses, messages);
    assert_eq!(responses["instructions"], "A");
    assert_eq!(responses["input"][0], json!({"type": "message", "role": "developer", "content": "B"}));
}

#[test]
fn later_prompt_of_the_system_stands_where_messages_take_one() {
    let turns = |between: &str| {
        json!({"messages": [
            {"role": "user", "content": "x"}, {"role": between, "content": "y"}, {"role": "system", "content": "z"}
        ]})
    };
    let said = told(Chat, Messages, turns("user"));
    assert_eq!(said["messages"][2], json!({"role": "system", "content": "z"}));
    let refusal = translated(Chat, Messages, &body(Chat, turns("assistant"))).unwrap_err();
    assert_eq!(refusal.place, "messages[2]");
    assert_eq!(told(Messages, Chat, turns("user"))["messages"][2], json!({"role": "system", "content": "z"}));
}

#[test]
fn results_of_one_turn_are_one_turn_of_the_users() {
    let call = |id: &str| json!({"id": id, "type": "function", "function": {"name": "f", "arguments": "{}"}});
    let result = |id: &str| json!({"role": "tool", "tool_call_id": id, "content": id});
    let turns = json!({"messages": [
        {"role": "assistant", "content": "", "tool_calls": [call("a"), call("b")], "refusal": null, "audio": null},
        result("b"), result("a"), {"role": "user", "content": "x"}
    ]});
    let said = told(Chat, Messages, turns);
    let result = |id: &str| json!({"type": "tool_result", "tool_use_id": id, "content": id});
    let text = json!({"type": "text", "text": "x"});
    assert_eq!(said["messages"][1], json!({"role": "user", "content": [result("b"), result("a"), text]}));
    assert_eq!(said["messages"][0]["content"].as_array().unwrap().len(), 2, "a text without letters says nothing");
}

#[test]
fn result_that_says_nothing_passes_both_ways() {
    let turns = json!({"messages": [
        {"role": "assistant", "content": [{"type": "tool_use", "id": "a", "name": "f", "input": {}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "a"}]}
    ]});
    assert_eq!(told(Messages, Chat, turns.clone())["messages"][1]["content"], "");
    assert_eq!(told(Messages, Responses, turns)["input"][1]["output"], "");
}

#[test]
fn function_without_parameters_takes_nothing() {
    let tools = json!({"tools": [{"type": "function", "function": {"name": "f"}}]});
    let anthropic = told(Chat, Messages, tools.clone());
    assert_eq!(anthropic["tools"][0]["input_schema"], json!({"type": "object", "properties": {}}));
    let responses = told(Chat, Responses, tools);
    assert_eq!(responses["tools"][0], json!({"type": "function", "name": "f", "parameters": null, "strict": false}));
}

#[test]
fn tools_may_be_called_one_at_a_time() {
    let with_tools = |choice: Value| {
        let tool = json!({"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}});
        json!({"tools": [tool], "parallel_tool_calls": false, "tool_choice": choice})
    };
    let choice = |choice: Value| told(Chat, Messages, with_tools(choice))["tool_choice"].clone();
    assert_eq!(choice(Value::Null), json!({"type": "auto", "disable_parallel_tool_use": true}));
    assert_eq!(choice(json!("required")), json!({"type": "any", "disable_parallel_tool_use": true}));
    assert_eq!(choice(json!("none")), json!({"type": "none"}));
    // Codex says it whether it has tools or not, and nobody else takes it without.
    let without = json!({"tools": [], "parallel_tool_calls": false, "tool_choice": "auto"});
    for upstream in [Chat, Messages] {
        let said = told(Responses, upstream, without.clone());
        assert!(said.get("tool_choice").is_none() && said.get("parallel_tool_calls").is_none(), "{said}");
    }
}

#[test]
fn what_the_assistant_declined_is_what_it_said() {
    let turns = json!({"messages": [
        {"role": "user", "content": "x"}, {"role": "assistant", "content": null, "refusal": "I can't."},
        {"role": "assistant", "content": [{"type": "refusal", "refusal": "Still not."}]}, {"role": "user", "content": "y"}
    ]});
    let said = told(Chat, Messages, turns);
    assert_eq!(said["messages"][1], json!({"role": "assistant", "content": "I can't."}));
    assert_eq!(said["messages"][2], json!({"role": "assistant", "content": "Still not."}));
}

#[test]
fn base64_is_read_through_escapes() {
    let text = r#"{"model":"m","messages":[{"role":"user","content":[
        {"type":"image_url","image_url":{"url":"data:image\/png;base64,AA\/+"}}]}]}"#;
    let said = said(Pair { caller: Chat, upstream: Messages }, text).unwrap();
    let said: Value = serde_json::from_slice(&said.body).unwrap();
    let source = json!({"type": "base64", "media_type": "image/png", "data": "AA/+"});
    assert_eq!(said["messages"][0]["content"], json!([{"type": "image", "source": source}]));
}

/// A caller that sums its conversation up sends the calls without the tools.
#[test]
fn tools_that_were_called_are_named_to_messages_where_none_are_offered() {
    let call =
        |id: &str, name: &str| json!({"id": id, "type": "function", "function": {"name": name, "arguments": "{}"}});
    let result = |id: &str| json!({"role": "tool", "tool_call_id": id, "content": id});
    let turns = json!({"messages": [
        {"role": "assistant", "tool_calls": [call("a", "f"), call("b", "g"), call("c", "f")]},
        result("a"), result("b"), result("c"), {"role": "user", "content": "Sum it up."}
    ]});
    let said = told(Chat, Messages, turns.clone());
    let tool = |name: &str| json!({"name": name, "input_schema": {"type": "object", "properties": {}}});
    assert_eq!(said["tools"], json!([tool("f"), tool("g")]));
    assert_eq!(said["tool_choice"], json!({"type": "none"}));
    assert!(told(Chat, Responses, turns).get("tools").is_none());
    let without = told(Chat, Messages, json!({}));
    assert!(without.get("tools").is_none() && without.get("tool_choice").is_none());
}

#[test]
fn blank_texts_are_left_away_for_messages_alone() {
    let turns = json!({"messages": [
        {"role": "system", "content": "\u{3000}"},
        {"role": "user", "content": [{"type": "text", "text": " \n"}, {"type": "text", "text": "x"}]},
    ]});
    let said = told(Chat, Messages, turns.clone());
    assert_eq!(said["messages"], json!([{"role": "user", "content": "x"}]));
    assert!(said.get("system").is_none());
    assert_eq!(told(Chat, Responses, turns)["input"][0]["content"][0]["text"], " \n");
}

#[test]
fn later_prompts_of_the_system_in_a_row_are_one_for_messages() {
    let turns = json!({"messages": [
        {"role": "user", "content": "x"}, {"role": "system", "content": "y"}, {"role": "developer", "content": "z"}
    ]});
    let said = told(Chat, Messages, turns);
    let text = |text: &str| json!({"type": "text", "text": text});
    assert_eq!(said["messages"][1], json!({"role": "system", "content": [text("y"), text("z")]}));
    assert_eq!(said["messages"].as_array().unwrap().len(), 2);
}

#[test]
fn schema_of_an_object_names_its_properties_to_openai() {
    let text = |schema: &str| {
        let of_messages = format!(
            r#"{{"model":"m","max_tokens":99,"messages":[{{"role":"user","content":"x"}}],"tools":[{{"name":"f","input_schema":{schema}}}]}}"#
        );
        [Chat, Responses].map(|upstream| {
            let said = said(Pair { caller: Messages, upstream }, &of_messages).unwrap();
            String::from_utf8(said.body.to_vec()).unwrap()
        })
    };
    for (schema, written) in [
        (r#"{"type": "object"}"#, r#""parameters":{"properties":{},"type": "object"}"#),
        (r#"{ "a":1.0,"type": "object"}"#, r#""parameters":{"properties":{}, "a":1.0,"type": "object"}"#),
        (r#"{"properties": null,"type":"object"}"#, r#""parameters":{"properties": {},"type":"object"}"#),
        (r#"{"type":"object","properties":{"a": {}}}"#, r#""parameters":{"type":"object","properties":{"a": {}}}"#),
        (r#"{"type":"string"}"#, r#""parameters":{"type":"string"}"#),
        ("{}", r#""parameters":{}"#),
    ] {
        for said in text(schema) {
            assert!(said.contains(written), "{written} in {said}");
        }
    }
}

#[test]
fn content_without_parts_is_an_empty_text() {
    let user = json!({"messages": [{"role": "user", "content": []}], "system": []});
    assert_eq!(told(Messages, Chat, user.clone())["messages"], json!([{"role": "user", "content": ""}]));
    let responses = told(Messages, Responses, user);
    assert_eq!(responses["input"][0]["content"], "");
    assert!(responses.get("instructions").is_none());
    let empty = json!({"input": [{"role": "developer", "content": []}, {"role": "user", "content": []}]});
    for message in told(Responses, Chat, empty)["messages"].as_array().unwrap() {
        assert_eq!(message["content"], "");
    }
}

#[test]
fn fewest_tokens_of_responses_are_sixteen() {
    assert_eq!(told(Messages, Responses, json!({"max_tokens": 1}))["max_output_tokens"], 16);
    assert_eq!(told(Messages, Responses, json!({"max_tokens": 17}))["max_output_tokens"], 17);
    assert_eq!(told(Messages, Chat, json!({"max_tokens": 1}))["max_completion_tokens"], 1);
}

#[test]
fn sampling_by_default_goes_without_saying() {
    for caller in FORMATS {
        for upstream in FORMATS.into_iter().filter(|upstream| *upstream != caller) {
            let said = told(caller, upstream, json!({"temperature": 1, "top_p": 1.0}));
            assert!(said.get("temperature").is_none() && said.get("top_p").is_none(), "{said}");
        }
    }
}

#[test]
fn verbosity_is_left_out_for_messages() {
    assert_eq!(left_out(Responses, Messages, json!({"text": {"verbosity": "low"}})), ["verbosity"]);
    assert_eq!(left_out(Responses, Messages, json!({"text": {"verbosity": "medium"}})), Vec::<&str>::new());
    assert_eq!(told(Responses, Chat, json!({"text": {"verbosity": "low"}}))["verbosity"], "low");
}

/// OpenAI refuses to guarantee a schema with properties that may be absent.
#[test]
fn schema_is_strict_for_openai_where_nothing_in_it_is_optional() {
    let a = || json!({"type": "string"});
    let object = |properties: Value, required: Value| json!({"type": "object", "properties": properties, "required": required, "additionalProperties": false});
    let strict = |schema: Value| {
        let config = json!({"output_config": {"format": {"type": "json_schema", "schema": schema}}});
        let chat = told(Messages, Chat, config.clone());
        let responses = told(Messages, Responses, config);
        assert_eq!(chat["response_format"]["json_schema"]["strict"], responses["text"]["format"]["strict"]);
        responses["text"]["format"]["strict"].clone()
    };
    assert_eq!(strict(object(json!({"a": a()}), json!(["a"]))), true);
    assert_eq!(strict(object(json!({"a": a(), "b": a()}), json!(["a"]))), false);
    assert_eq!(strict(json!({"type": "object", "properties": {"a": a()}, "required": ["a"]})), false);
    let open = json!({"type": "object"});
    assert_eq!(strict(object(json!({"a": {"type": "array", "items": open}}), json!(["a"]))), false);
    assert_eq!(strict(object(json!({"a": {"anyOf": [{"type": "null"}, open]}}), json!(["a"]))), false);
    let closed = object(json!({}), json!([]));
    assert_eq!(strict(object(json!({"a": {"anyOf": [{"type": "null"}, closed]}}), json!(["a"]))), true);
}
