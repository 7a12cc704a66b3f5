//! What a real provider refuses is refused by the mock, so that no test takes a wrong request for a right one.

use http::StatusCode;
use serde_json::{Value, json};
use wardgate::cli::mock::{Faults, Provider};

use crate::support::{VERSION, faulty, message, post, post_with};

const CHAT: &str = "/v1/chat/completions";
const MESSAGES: &str = "/v1/messages";
const RESPONSES: &str = "/v1/responses";

/// The error of a 400; for a body with `field` in place of what the good one has there.
async fn refusal(mock: &Provider, path: &str, field: &str, value: Value) -> Value {
    let mut body = match path {
        RESPONSES => json!({"model": "m", "input": "good day"}),
        MESSAGES => message(false),
        _ => json!({"model": "m", "messages": [{"role": "user", "content": "good day"}]}),
    };
    assert_eq!(post(mock.addr(), path, &body).await.status, StatusCode::OK, "{path} takes the good one");
    body[field] = value;
    let answer = post(mock.addr(), path, &body).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{body}");
    let error = answer.json()["error"].clone();
    assert_eq!(error["type"], "invalid_request_error", "{body}");
    error
}

async fn says(mock: &Provider, path: &str, field: &str, value: Value, words: &str) {
    let error = refusal(mock, path, field, value).await;
    assert!(error["message"].as_str().unwrap().contains(words), "{error}");
}

#[tokio::test]
async fn fields_of_other_formats_are_unknown() {
    let mock = faulty(Faults::default()).await;
    for (path, fields) in [
        (CHAT, ["system", "stop_sequences", "max_output_tokens", "input", "thinking"]),
        (RESPONSES, ["messages", "max_tokens", "stop", "response_format", "reasoning_effort"]),
    ] {
        for field in fields {
            let error = refusal(&mock, path, field, json!(null)).await;
            let told = json!({"message": format!("Unknown parameter: '{field}'."), "type": "invalid_request_error",
                "param": field, "code": "unknown_parameter"});
            assert_eq!(error, told);
        }
    }
    for field in ["stop", "max_completion_tokens", "response_format", "stream_options", "user", "input"] {
        says(&mock, MESSAGES, field, json!(null), &format!("{field}: Extra inputs are not permitted")).await;
    }
}

#[tokio::test]
async fn a_message_needs_a_limit_and_a_version_and_its_count_needs_no_limit() {
    let mock = faulty(Faults::default()).await;
    says(&mock, MESSAGES, "max_tokens", json!(null), "max_tokens: Field required").await;
    let unversioned = post_with(mock.addr(), MESSAGES, &[], &message(false)).await;
    assert_eq!(unversioned.status, StatusCode::BAD_REQUEST);
    assert_eq!(unversioned.json()["error"]["message"], "anthropic-version: header is required");
    let mut unlimited = message(false);
    unlimited.as_object_mut().unwrap().remove("max_tokens");
    let count = post_with(mock.addr(), "/v1/messages/count_tokens", &[VERSION], &unlimited).await;
    assert_eq!(count.status, StatusCode::OK);
}

#[tokio::test]
async fn roles_and_parts_of_other_formats_are_refused() {
    let mock = faulty(Faults::default()).await;
    let one = |role: &str, content: Value| json!([{"role": role, "content": content}]);
    let part = |kind: &str| json!([{"type": kind, "text": "a"}]);
    says(&mock, CHAT, "messages", one("model", json!("a")), "Invalid value: 'model'").await;
    says(&mock, CHAT, "messages", one("user", part("input_text")), "Invalid value: 'input_text'").await;
    says(&mock, CHAT, "messages", one("user", part("tool_result")), "Invalid value: 'tool_result'").await;
    says(&mock, RESPONSES, "input", one("tool", json!("a")), "Invalid value: 'tool'").await;
    says(&mock, RESPONSES, "input", one("user", part("text")), "Invalid value: 'text'").await;
    says(&mock, RESPONSES, "input", one("assistant", part("input_text")), "Invalid value: 'input_text'").await;
    says(&mock, MESSAGES, "messages", one("developer", json!("a")), "messages.0.role: Input should be").await;
    says(&mock, MESSAGES, "messages", one("user", part("image_url")), "Invalid value: 'image_url'").await;
    says(&mock, MESSAGES, "messages", one("user", json!([{"type": "text", "text": ""}])), "must be non-empty").await;
    let image = json!([{"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "?"}}]);
    says(&mock, MESSAGES, "messages", one("user", image), "not valid base64").await;
    let image = json!([{"type": "image_url", "image_url": {"url": "b.png"}}]);
    says(&mock, CHAT, "messages", one("user", image), "must be http(s)").await;
}

#[tokio::test]
async fn a_result_without_its_call_and_a_call_without_its_result_are_refused() {
    let mock = faulty(Faults::default()).await;
    let call = json!({"role": "assistant", "tool_calls": [{"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}]});
    let result = |id| json!({"role": "tool", "tool_call_id": id, "content": "noon"});
    let user = json!({"role": "user", "content": "good day"});
    says(&mock, CHAT, "messages", json!([user, result("a")]), "must be a response to").await;
    says(&mock, CHAT, "messages", json!([user, call, result("b")]), "must be a response to").await;
    says(&mock, CHAT, "messages", json!([user, call, user, result("a")]), "did not have response messages: a").await;
    says(&mock, CHAT, "messages", json!([user, call]), "did not have response messages: a").await;

    let call = json!({"role": "assistant", "content": [{"type": "tool_use", "id": "a", "name": "f", "input": {}}]});
    let result =
        |id| json!({"role": "user", "content": [{"type": "tool_result", "tool_use_id": id, "content": "noon"}]});
    says(&mock, MESSAGES, "messages", json!([user, result("a")]), "unexpected `tool_use_id`").await;
    says(&mock, MESSAGES, "messages", json!([user, call, result("b")]), "unexpected `tool_use_id`").await;
    says(&mock, MESSAGES, "messages", json!([user, call, user]), "without `tool_result` blocks immediately after: a")
        .await;
    says(&mock, MESSAGES, "messages", json!([user, call]), "without `tool_result` blocks immediately after: a").await;

    let call = json!({"type": "function_call", "call_id": "a", "name": "f", "arguments": "{}"});
    let result = |id| json!({"type": "function_call_output", "call_id": id, "output": "noon"});
    says(&mock, RESPONSES, "input", json!([user, result("a")]), "No tool call found for function call output").await;
    says(&mock, RESPONSES, "input", json!([user, call]), "No tool output found for function call a").await;
    let kept = json!({"model": "m", "previous_response_id": "resp_1", "input": [result("a")]});
    assert_eq!(post(mock.addr(), RESPONSES, &kept).await.status, StatusCode::OK, "the provider has the call");
}

#[tokio::test]
async fn tools_and_choices_of_other_formats_are_refused() {
    let mock = faulty(Faults::default()).await;
    let flat = json!([{"type": "function", "name": "f", "parameters": {}}]);
    let nested = json!([{"type": "function", "function": {"name": "f"}}]);
    says(&mock, CHAT, "tools", flat.clone(), "Missing required parameter: 'tools[0].function'").await;
    says(&mock, RESPONSES, "tools", nested, "Missing required parameter: 'tools[0].name'").await;
    says(&mock, MESSAGES, "tools", json!([{"name": "f"}]), "tools.0.input_schema: Field required").await;
    for path in [CHAT, MESSAGES, RESPONSES] {
        refusal(&mock, path, "tool_choice", json!("sometimes")).await;
    }
    refusal(&mock, CHAT, "tool_choice", json!("required")).await;
}

#[tokio::test]
async fn a_thought_comes_back_as_it_was_or_not_at_all() {
    let mock = faulty(Faults::default()).await;
    let mut ask = message(false);
    ask["max_tokens"] = json!(2000);
    ask["thinking"] = json!({"type": "enabled", "budget_tokens": 1024});
    let answer = post(mock.addr(), MESSAGES, &ask).await.json();
    let turns = |content: &Value| json!([{"role": "user", "content": "a"}, {"role": "assistant", "content": content}, {"role": "user", "content": "b"}]);
    ask["messages"] = turns(&answer["content"]);
    assert_eq!(post(mock.addr(), MESSAGES, &ask).await.status, StatusCode::OK);
    let mut forged = answer["content"].clone();
    forged[0]["signature"] = json!("else");
    says(&mock, MESSAGES, "messages", turns(&forged), "Invalid `signature` in `thinking` block").await;
    says(&mock, MESSAGES, "thinking", json!({"type": "enabled", "budget_tokens": 9}), "greater than or equal to 1024")
        .await;
    says(&mock, MESSAGES, "thinking", json!({"type": "enabled", "budget_tokens": 1024}), "must be greater than").await;
    says(&mock, MESSAGES, "temperature", json!(1.5), "temperature").await;
    says(&mock, CHAT, "temperature", json!(2.5), "between 0 and 2").await;
}
