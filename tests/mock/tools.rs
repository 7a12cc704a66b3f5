//! What the mock makes of tools, images, thinking, formats and limits, in each of the three formats.

use http::StatusCode;
use serde_json::{Value, json};
use wardgate::cli::mock::{Faults, Provider};

use crate::support::{faulty, post};

const CHAT: &str = "/v1/chat/completions";
const MESSAGES: &str = "/v1/messages";
const RESPONSES: &str = "/v1/responses";

const TWO_TOOLS: &str = r#"say One moment. use get_weather {"city":"Paris"} and get_time"#;
const PIXEL: &str = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

async fn healthy() -> Provider {
    faulty(Faults::default()).await
}

/// The answer to a body, which must be one of success.
async fn answer(mock: &Provider, path: &str, body: &Value) -> Value {
    let answer = post(mock.addr(), path, body).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.json());
    answer.json()
}

async fn events(mock: &Provider, path: &str, body: &Value) -> Vec<Value> {
    let mut body = body.clone();
    body["stream"] = json!(true);
    let answer = post(mock.addr(), path, &body).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", String::from_utf8_lossy(&answer.body));
    answer.events()
}

fn chat(messages: Value, more: Value) -> Value {
    merged(
        json!({"model": "m", "messages": messages, "tools": [chat_tool("get_weather"), chat_tool("get_time")]}),
        more,
    )
}

fn message(messages: Value, more: Value) -> Value {
    let tool = |name| json!({"name": name, "input_schema": {"type": "object"}});
    merged(
        json!({"model": "m", "max_tokens": 2048, "messages": messages, "tools": [tool("get_weather"), tool("get_time")]}),
        more,
    )
}

fn response(input: Value, more: Value) -> Value {
    let tool = |name| json!({"type": "function", "name": name, "parameters": {}, "strict": false});
    merged(json!({"model": "m", "input": input, "tools": [tool("get_weather"), tool("get_time")]}), more)
}

fn chat_tool(name: &str) -> Value {
    json!({"type": "function", "function": {"name": name, "parameters": {"type": "object"}}})
}

fn merged(mut body: Value, more: Value) -> Value {
    for (name, value) in more.as_object().into_iter().flatten() {
        body[name] = value.clone();
    }
    body
}

fn user(content: impl Into<Value>) -> Value {
    json!([{"role": "user", "content": content.into()}])
}

fn joined(events: &[Value], pointer: &str) -> String {
    events.iter().filter_map(|event| event.pointer(pointer)?.as_str()).collect()
}

#[tokio::test]
async fn chat_calls_the_tools_that_the_text_orders() {
    let mock = healthy().await;
    let whole = answer(&mock, CHAT, &chat(user(TWO_TOOLS), json!({}))).await;
    let choice = &whole["choices"][0];
    assert_eq!(choice["finish_reason"], "tool_calls");
    assert_eq!(choice["message"]["content"], "One moment.");
    let calls = choice["message"]["tool_calls"].as_array().unwrap();
    assert_eq!(calls[0]["function"], json!({"name": "get_weather", "arguments": r#"{"city":"Paris"}"#}));
    assert_eq!(calls[1]["function"], json!({"name": "get_time", "arguments": "{}"}));
    assert_eq!((&calls[0]["type"], calls[0].get("index")), (&json!("function"), None));
    assert_ne!(calls[0]["id"], calls[1]["id"]);
    let alone = answer(&mock, CHAT, &chat(user("use get_time"), json!({}))).await;
    assert_eq!(alone["choices"][0]["message"]["content"], Value::Null);
}

#[tokio::test]
async fn a_chat_stream_names_each_call_once_and_then_brings_its_arguments_in_pieces() {
    let mock = healthy().await;
    let events = events(&mock, CHAT, &chat(user(TWO_TOOLS), json!({}))).await;
    assert_eq!(joined(&events, "/choices/0/delta/content"), "One moment.");
    let calls: Vec<&Value> = events.iter().filter_map(|event| event.pointer("/choices/0/delta/tool_calls/0")).collect();
    let names: Vec<&str> = calls.iter().filter_map(|call| call["function"]["name"].as_str()).collect();
    assert_eq!(names, ["get_weather", "get_time"]);
    assert_eq!(calls.iter().filter(|call| call.get("id").is_some()).count(), 2);
    let arguments = |index: u64| -> Vec<&str> {
        let of_call = calls.iter().filter(|call| call["index"] == index);
        of_call.filter_map(|call| call["function"]["arguments"].as_str()).collect()
    };
    assert_eq!(arguments(0), ["", "{\"city", "\":\"Par", "is\"}"]);
    assert_eq!(arguments(1).concat(), "{}");
    assert_eq!(events[events.len() - 2]["choices"][0]["finish_reason"], "tool_calls");
}

#[tokio::test]
async fn messages_call_the_tools_that_the_text_orders() {
    let mock = healthy().await;
    let whole = answer(&mock, MESSAGES, &message(user(TWO_TOOLS), json!({}))).await;
    assert_eq!(whole["stop_reason"], "tool_use");
    assert_eq!(whole["content"][0], json!({"type": "text", "text": "One moment."}));
    assert_eq!(whole["content"][1]["input"], json!({"city": "Paris"}));
    assert_eq!((&whole["content"][2]["name"], &whole["content"][2]["input"]), (&json!("get_time"), &json!({})));
    let events = events(&mock, MESSAGES, &message(user(TWO_TOOLS), json!({}))).await;
    let starts: Vec<&Value> = events.iter().filter_map(|event| event.get("content_block")).collect();
    assert_eq!(starts.iter().map(|start| &start["type"]).collect::<Vec<_>>(), ["text", "tool_use", "tool_use"]);
    assert_eq!(starts[1]["input"], json!({}));
    let of_first: Vec<Value> = events.iter().filter(|event| event["index"] == 1).cloned().collect();
    assert_eq!(joined(&of_first, "/delta/partial_json"), r#"{"city":"Paris"}"#);
    assert_eq!(events[events.len() - 2]["delta"]["stop_reason"], "tool_use");
}

#[tokio::test]
async fn responses_call_the_tools_that_the_text_orders() {
    let mock = healthy().await;
    let whole = answer(&mock, RESPONSES, &response(json!(TWO_TOOLS), json!({}))).await;
    let kinds: Vec<&Value> = whole["output"].as_array().unwrap().iter().map(|item| &item["type"]).collect();
    assert_eq!(kinds, ["message", "function_call", "function_call"]);
    assert_eq!(whole["output"][1]["arguments"], r#"{"city":"Paris"}"#);
    assert_ne!(whole["output"][1]["call_id"], whole["output"][1]["id"]);
    let events = events(&mock, RESPONSES, &response(json!(TWO_TOOLS), json!({}))).await;
    let of_first: Vec<Value> = events.iter().filter(|event| event["output_index"] == 1).cloned().collect();
    let kinds: Vec<&str> = of_first.iter().filter_map(|event| event["type"].as_str()).collect();
    assert_eq!(kinds[0], "response.output_item.added");
    assert_eq!(kinds[kinds.len() - 2..], ["response.function_call_arguments.done", "response.output_item.done"]);
    assert_eq!(of_first[0]["item"]["arguments"], "");
    assert_eq!(joined(&of_first, "/delta"), r#"{"city":"Paris"}"#);
    assert_eq!(events.last().unwrap()["response"]["output"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn what_tools_gave_back_is_told() {
    let mock = healthy().await;
    let call = |id| json!({"id": id, "type": "function", "function": {"name": "get_time", "arguments": "{}"}});
    let turns = json!([{"role": "user", "content": "use get_time"}, {"role": "assistant", "tool_calls": [call("a"), call("b")]},
        {"role": "tool", "tool_call_id": "b", "content": "noon"}, {"role": "tool", "tool_call_id": "a", "content": "dusk"}]);
    let whole = answer(&mock, CHAT, &chat(turns, json!({}))).await;
    assert_eq!(whole["choices"][0]["message"]["content"], "Hello from primary. The tools said: noon; dusk.");
    let used = |id| json!({"type": "tool_use", "id": id, "name": "get_time", "input": {}});
    let result = |id, content: Value| json!({"type": "tool_result", "tool_use_id": id, "content": content});
    let image = json!({"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PIXEL}});
    let turns = json!([{"role": "user", "content": "use get_time"}, {"role": "assistant", "content": [used("a"), used("b")]},
        {"role": "user", "content": [result("a", json!("noon")), result("b", json!([{"type": "text", "text": "dusk"}, image])),
            {"type": "text", "text": "and now?"}]}]);
    let whole = answer(&mock, MESSAGES, &message(turns, json!({}))).await;
    let text =
        "Hello from primary. The tools said: noon; dusk. You said: and now? I see 1 image: base64 image/png 70 bytes.";
    assert_eq!(whole["content"][0]["text"], text);
    let called = json!({"type": "function_call", "call_id": "a", "name": "get_time", "arguments": "{}"});
    let output = json!({"type": "function_call_output", "call_id": "a", "output": "noon"});
    let turns = json!([{"role": "user", "content": "use get_time"}, called, output]);
    let whole = answer(&mock, RESPONSES, &response(turns, json!({}))).await;
    assert_eq!(whole["output"][0]["content"][0]["text"], "Hello from primary. The tools said: noon.");
}

#[tokio::test]
async fn the_callers_choice_stands_above_the_text() {
    let mock = healthy().await;
    let called = async |text: &str, more: Value| -> Vec<String> {
        let whole = answer(&mock, CHAT, &chat(user(text), more)).await;
        let calls = whole["choices"][0]["message"]["tool_calls"].as_array().cloned().unwrap_or_default();
        calls.iter().map(|call| call["function"]["name"].as_str().unwrap().to_owned()).collect()
    };
    let bound = json!({"tool_choice": {"type": "function", "function": {"name": "get_time"}}});
    assert_eq!(called("use get_time", json!({"tool_choice": "none"})).await, [""; 0]);
    assert_eq!(called("good day", json!({"tool_choice": "auto"})).await, [""; 0]);
    assert_eq!(called("good day", json!({"tool_choice": "required"})).await, ["get_weather"]);
    assert_eq!(called("use get_weather", bound).await, ["get_time"]);
    assert_eq!(called(TWO_TOOLS, json!({"parallel_tool_calls": false})).await, ["get_weather"]);
    let used = async |choice: Value| {
        let whole = answer(&mock, MESSAGES, &message(user(TWO_TOOLS), json!({"tool_choice": choice}))).await;
        whole["content"].as_array().unwrap().iter().filter(|block| block["type"] == "tool_use").count()
    };
    assert_eq!(used(json!({"type": "auto"})).await, 2);
    assert_eq!(used(json!({"type": "none"})).await, 0);
    assert_eq!(used(json!({"type": "any", "disable_parallel_tool_use": true})).await, 1);
    assert_eq!(used(json!({"type": "tool", "name": "get_time"})).await, 1);
}

#[tokio::test]
async fn what_the_user_shows_is_told_with_its_place_or_size() {
    let mock = healthy().await;
    let seen = "Hello from primary. You said: what? I see 2 images: url https://a/b.png, base64 image/png 70 bytes. \
                I see 1 document: base64 application/pdf 3 bytes.";
    let data = format!("data:image/png;base64,{PIXEL}");
    let image = |url: &str| json!({"type": "image_url", "image_url": {"url": url}});
    let file = json!({"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,YWJj"}});
    let parts = json!([{"type": "text", "text": "what?"}, image("https://a/b.png"), image(&data), file]);
    let whole = answer(&mock, CHAT, &chat(user(parts), json!({}))).await;
    assert_eq!(whole["choices"][0]["message"]["content"], seen);
    let source = |kind, source: Value| json!({"type": kind, "source": source});
    let parts = json!([{"type": "text", "text": "what?"}, source("image", json!({"type": "url", "url": "https://a/b.png"})),
        source("image", json!({"type": "base64", "media_type": "image/png", "data": PIXEL})),
        source("document", json!({"type": "base64", "media_type": "application/pdf", "data": "YWJj"}))]);
    assert_eq!(answer(&mock, MESSAGES, &message(user(parts), json!({}))).await["content"][0]["text"], seen);
    let image = |url: &str| json!({"type": "input_image", "image_url": url});
    let file = json!({"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,YWJj"});
    let parts = json!([{"type": "input_text", "text": "what?"}, image("https://a/b.png"), image(&data), file]);
    let whole = answer(&mock, RESPONSES, &response(user(parts), json!({}))).await;
    assert_eq!(whole["output"][0]["content"][0]["text"], seen);
}

#[tokio::test]
async fn what_is_thought_comes_first_where_it_is_asked_for() {
    let mock = healthy().await;
    let ask = message(user("good day"), json!({"thinking": {"type": "enabled", "budget_tokens": 1024}}));
    let whole = answer(&mock, MESSAGES, &ask).await;
    assert_eq!(whole["content"][0]["thinking"], "The user said: good day");
    assert_eq!(whole["content"][1]["text"], "Hello from primary. You said: good day");
    assert_eq!(whole["usage"]["output_tokens_details"]["thinking_tokens"], 5);
    let streamed = events(&mock, MESSAGES, &ask).await;
    assert_eq!(joined(&streamed, "/delta/thinking"), "The user said: good day");
    let signature = streamed.iter().position(|event| event["delta"]["type"] == "signature_delta").unwrap();
    assert_eq!(streamed[signature]["delta"]["signature"], whole["content"][0]["signature"]);
    assert_eq!(streamed[signature + 1]["type"], "content_block_stop");
    assert_eq!(streamed[streamed.len() - 2]["usage"]["output_tokens_details"]["thinking_tokens"], 5);
    let hidden = message(user("good day"), json!({"thinking": {"type": "adaptive", "display": "omitted"}}));
    assert_eq!(answer(&mock, MESSAGES, &hidden).await["content"][0]["thinking"], "");

    let ask = chat(user("good day"), json!({"reasoning_effort": "low"}));
    let whole = answer(&mock, CHAT, &ask).await;
    assert_eq!(whole["choices"][0]["message"]["reasoning_content"], "The user said: good day");
    assert_eq!(whole["usage"]["completion_tokens_details"]["reasoning_tokens"], 5);
    let streamed = events(&mock, CHAT, &ask).await;
    assert_eq!(joined(&streamed, "/choices/0/delta/reasoning_content"), "The user said: good day");

    let ask = response(json!("good day"), json!({"reasoning": {"effort": "low", "summary": "auto"}}));
    let whole = answer(&mock, RESPONSES, &ask).await;
    assert_eq!(whole["output"][0]["summary"][0]["text"], "The user said: good day");
    assert_eq!(whole["output"][1]["type"], "message");
    let streamed = events(&mock, RESPONSES, &ask).await;
    assert!(streamed.iter().any(|event| event["type"] == "response.reasoning_summary_part.done"));

    let plain = answer(&mock, CHAT, &chat(user("good day"), json!({"reasoning_effort": "none"}))).await;
    assert_eq!(plain["choices"][0]["message"].get("reasoning_content"), None);
}

#[tokio::test]
async fn a_json_format_gives_an_object_of_its_schema() {
    let mock = healthy().await;
    let schema = json!({"type": "object", "properties": {"city": {"type": "string"}, "warm": {"type": "boolean"}}});
    let expected = r#"{"city":"Paris","warm":true}"#;
    let format = json!({"type": "json_schema", "json_schema": {"name": "n", "schema": schema}});
    let whole = answer(&mock, CHAT, &chat(user("Paris"), json!({"response_format": format}))).await;
    assert_eq!(whole["choices"][0]["message"]["content"], expected);
    let object = json!({"response_format": {"type": "json_object"}});
    let whole = answer(&mock, CHAT, &chat(user("Paris"), object)).await;
    assert_eq!(whole["choices"][0]["message"]["content"], r#"{"said":"Paris"}"#);
    let format = json!({"format": {"type": "json_schema", "name": "n", "schema": schema}});
    let whole = answer(&mock, RESPONSES, &response(json!("Paris"), json!({"text": format}))).await;
    assert_eq!(whole["output"][0]["content"][0]["text"], expected);
    let format = json!({"format": {"type": "json_schema", "schema": schema}});
    let whole = answer(&mock, MESSAGES, &message(user("Paris"), json!({"output_config": format}))).await;
    assert_eq!(whole["content"][0]["text"], expected);
}

#[tokio::test]
async fn limits_and_stop_sequences_end_an_answer_and_say_so() {
    let mock = healthy().await;
    for limit in ["max_tokens", "max_completion_tokens"] {
        let whole = answer(&mock, CHAT, &chat(user("good day"), json!({limit: 2}))).await;
        let choice = &whole["choices"][0];
        assert_eq!(
            (&choice["finish_reason"], &choice["message"]["content"]),
            (&json!("length"), &json!("Hello from "))
        );
        assert_eq!(whole["usage"]["completion_tokens"], 2);
    }
    let whole = answer(&mock, CHAT, &chat(user("good day"), json!({"stop": ["You"]}))).await;
    let choice = &whole["choices"][0];
    assert_eq!(
        (&choice["finish_reason"], &choice["message"]["content"]),
        (&json!("stop"), &json!("Hello from primary. "))
    );

    let whole = answer(&mock, MESSAGES, &message(user("good day"), json!({"max_tokens": 2}))).await;
    assert_eq!((&whole["stop_reason"], &whole["content"][0]["text"]), (&json!("max_tokens"), &json!("Hello from ")));
    let stops = message(user("good day"), json!({"stop_sequences": ["absent", "You"]}));
    let whole = answer(&mock, MESSAGES, &stops).await;
    assert_eq!((&whole["stop_reason"], &whole["stop_sequence"]), (&json!("stop_sequence"), &json!("You")));
    let streamed = events(&mock, MESSAGES, &stops).await;
    assert_eq!(streamed[streamed.len() - 2]["delta"], json!({"stop_reason": "stop_sequence", "stop_sequence": "You"}));

    let ask = response(json!("good day"), json!({"max_output_tokens": 2}));
    let whole = answer(&mock, RESPONSES, &ask).await;
    assert_eq!(
        (&whole["status"], &whole["incomplete_details"]["reason"]),
        (&json!("incomplete"), &json!("max_output_tokens"))
    );
    assert_eq!(events(&mock, RESPONSES, &ask).await.last().unwrap()["type"], "response.incomplete");
}

#[tokio::test]
async fn cached_tokens_are_counted_as_each_provider_counts_them() {
    let mock = faulty(Faults { cached_tokens: 100, ..Faults::default() }).await;
    let chat = answer(&mock, CHAT, &chat(user("good day"), json!({}))).await;
    assert_eq!((&chat["usage"]["prompt_tokens"], &chat["usage"]["total_tokens"]), (&json!(102), &json!(109)));
    assert_eq!(chat["usage"]["prompt_tokens_details"]["cached_tokens"], 100);
    let message = answer(&mock, MESSAGES, &message(user("good day"), json!({}))).await;
    assert_eq!(
        (&message["usage"]["input_tokens"], &message["usage"]["cache_read_input_tokens"]),
        (&json!(2), &json!(100))
    );
    let response = answer(&mock, RESPONSES, &response(json!("good day"), json!({}))).await;
    assert_eq!(response["usage"]["input_tokens"], 102);
    assert_eq!(response["usage"]["input_tokens_details"]["cached_tokens"], 100);
}
