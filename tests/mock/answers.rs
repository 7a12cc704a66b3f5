//! The mock's answers have the providers' shapes, whole and streaming.

use bytes::Bytes;
use http::{Method, StatusCode};
use serde_json::{Value, json};
use wardgate::cli::mock::{Faults, Options};

use crate::support::{VERSION, chat, faulty, frame, get, message, post, post_with, provider, read, request, send_h2};

const REPLY: &str = "Hello from primary. You said: good day";

fn texts<'a>(events: &'a [Value], pointer: &'a str) -> impl Iterator<Item = &'a str> {
    events.iter().filter_map(move |event| event.pointer(pointer)?.as_str())
}

#[tokio::test]
async fn a_chat_completion_names_its_author_and_counts() {
    let mock = faulty(Faults::default()).await;
    let answer = post(mock.addr(), "/v1/chat/completions", &chat(false)).await;
    let json = answer.json();
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.header("content-length"), answer.body.len().to_string());
    assert!(answer.header("x-request-id").starts_with("req_"));
    assert_eq!(json["object"], "chat.completion");
    assert_eq!(json["model"], "gpt-4.1");
    assert_eq!(json["choices"][0]["message"]["content"], REPLY);
    assert_eq!(json["choices"][0]["finish_reason"], "stop");
    assert_eq!(json["usage"], json!({"prompt_tokens": 2, "completion_tokens": 7, "total_tokens": 9}));
}

#[tokio::test]
async fn a_chat_stream_begins_with_the_role_and_ends_with_done() {
    let mock = faulty(Faults::default()).await;
    let answer = post(mock.addr(), "/v1/chat/completions", &chat(true)).await;
    let events = answer.events();
    assert_eq!(answer.header("content-type"), "text/event-stream; charset=utf-8");
    assert_eq!(events[0]["choices"][0]["delta"]["role"], "assistant");
    assert_eq!(texts(&events, "/choices/0/delta/content").collect::<String>(), REPLY);
    assert_eq!(events[events.len() - 2]["choices"][0]["finish_reason"], "stop");
    assert_eq!(events[events.len() - 1], "[DONE]");
    assert!(events.iter().all(|event| event.get("usage").is_none()));
}

#[tokio::test]
async fn a_chat_stream_reports_usage_only_when_asked() {
    let mock = faulty(Faults::default()).await;
    let mut ask = chat(true);
    ask["stream_options"] = json!({"include_usage": true});
    let events = post(mock.addr(), "/v1/chat/completions", &ask).await.events();
    let usage = &events[events.len() - 2];
    assert_eq!(usage["choices"], json!([]));
    assert_eq!(usage["usage"]["completion_tokens"], 7);
    assert_eq!(events[0]["usage"], Value::Null);
}

#[tokio::test]
async fn a_completion_answers_its_prompt_whole_and_streaming() {
    let mock = faulty(Faults::default()).await;
    let mut ask = json!({"model": "m", "prompt": ["good", "day"]});
    let whole = post(mock.addr(), "/v1/completions", &ask).await.json();
    assert_eq!(whole["object"], "text_completion");
    assert_eq!(whole["choices"][0]["text"], REPLY);
    ask["stream"] = json!(true);
    let events = post(mock.addr(), "/v1/completions", &ask).await.events();
    assert_eq!(texts(&events, "/choices/0/text").collect::<String>(), REPLY);
    assert_eq!(events.last().unwrap(), "[DONE]");
}

#[tokio::test]
async fn a_response_is_completed_whole_and_streaming() {
    let mock = faulty(Faults::default()).await;
    let mut ask = json!({"model": "gpt-5", "input": "good day"});
    let whole = post(mock.addr(), "/v1/responses", &ask).await.json();
    assert_eq!(whole["status"], "completed");
    assert_eq!(whole["output"][0]["content"][0]["text"], REPLY);
    ask["stream"] = json!(true);
    let events = post(mock.addr(), "/v1/responses", &ask).await.events();
    let kinds: Vec<&str> = texts(&events, "/type").collect();
    assert_eq!(kinds[..2], ["response.created", "response.in_progress"]);
    assert_eq!(kinds.last(), Some(&"response.completed"));
    assert_eq!(texts(&events, "/delta").collect::<String>(), REPLY);
    let numbers: Vec<Option<u64>> = events.iter().map(|event| event["sequence_number"].as_u64()).collect();
    assert_eq!(numbers, (0..events.len() as u64).map(Some).collect::<Vec<_>>());
}

#[tokio::test]
async fn embeddings_come_as_floats_and_as_the_same_floats_in_base64() {
    let mock = faulty(Faults::default()).await;
    let mut ask = json!({"model": "m", "input": ["a", "b"]});
    let floats = post(mock.addr(), "/v1/embeddings", &ask).await.json();
    assert_eq!(floats["data"][1]["embedding"], json!([0.5, -0.5, 0.5, 0.5]));
    ask["encoding_format"] = json!("base64");
    let packed = post(mock.addr(), "/v1/embeddings", &ask).await.json();
    // 0.5 is 3f000000 and -0.5 is bf000000, little-endian.
    assert_eq!(packed["data"][0]["embedding"], "AAAAPwAAAL8AAAA/AAAAPw==");
}

#[tokio::test]
async fn a_message_names_its_author_and_counts() {
    let mock = faulty(Faults::default()).await;
    let answer = post(mock.addr(), "/v1/messages", &message(false)).await;
    let json = answer.json();
    assert!(answer.header("request-id").starts_with("req_"));
    assert_eq!(json["type"], "message");
    assert_eq!(json["model"], "claude");
    assert_eq!(json["content"][0]["text"], REPLY);
    assert_eq!(json["stop_reason"], "end_turn");
    assert_eq!(json["usage"]["input_tokens"], 2);
    assert_eq!(json["usage"]["output_tokens"], 7);
}

#[tokio::test]
async fn a_message_stream_has_the_documented_order() {
    let mock = faulty(Faults::default()).await;
    let answer = post(mock.addr(), "/v1/messages", &message(true)).await;
    let events = answer.events();
    let mut kinds: Vec<&str> = texts(&events, "/type").collect();
    kinds.dedup();
    let order = [
        "message_start",
        "content_block_start",
        "ping",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
    ];
    assert_eq!(kinds, order);
    assert_eq!(texts(&events, "/delta/text").collect::<String>(), REPLY);
    let text = std::str::from_utf8(&answer.body).unwrap();
    let names: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("event: ")).collect();
    assert_eq!(names, texts(&events, "/type").collect::<Vec<_>>());
}

#[tokio::test]
async fn tokens_of_a_message_are_counted_without_answering_it() {
    let mock = faulty(Faults::default()).await;
    let count = post(mock.addr(), "/v1/messages/count_tokens", &message(false)).await;
    assert_eq!(count.json(), json!({"input_tokens": 2}));
}

#[tokio::test]
async fn models_are_listed_in_the_dialect_of_the_client() {
    let mock = faulty(Faults::default()).await;
    let version = [VERSION];
    let openai = get(mock.addr(), "/v1/models", &[]).await.json();
    let anthropic = get(mock.addr(), "/v1/models", &version).await.json();
    assert_eq!(openai["object"], "list");
    assert_eq!(anthropic["has_more"], false);
    assert_eq!(get(mock.addr(), "/v1/models/x", &[]).await.json()["object"], "model");
    assert_eq!(get(mock.addr(), "/v1/models/x", &version).await.json()["type"], "model");
}

#[tokio::test]
async fn bad_requests_are_refused_in_the_dialect() {
    let mock = faulty(Faults::default()).await;
    let openai = post(mock.addr(), "/v1/chat/completions", &json!({"model": "m"})).await;
    assert_eq!(openai.status, StatusCode::BAD_REQUEST);
    assert_eq!(openai.json()["error"]["param"], "messages");
    let anthropic = post(mock.addr(), "/v1/messages", &json!("no object")).await;
    assert_eq!(anthropic.status, StatusCode::BAD_REQUEST);
    assert_eq!(anthropic.json()["error"]["type"], "invalid_request_error");
    let unknown = post(mock.addr(), "/v2/anything", &json!({})).await;
    assert_eq!(unknown.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_required_key_is_taken_from_the_headers_of_its_dialect_and_no_other_key() {
    let mock = provider(Options { required_key: Some("sk-1".into()), ..Options::default() }).await;
    let message = message(false);
    let status = async |key| post_with(mock.addr(), "/v1/messages", &[VERSION, key], &message).await.status;
    assert_eq!(status(("authorization", "Bearer sk-1")).await, StatusCode::OK);
    assert_eq!(status(("x-api-key", "sk-1")).await, StatusCode::OK);
    assert_eq!(status(("x-api-key", "sk-2")).await, StatusCode::UNAUTHORIZED);
    assert_eq!(status(("authorization", "sk-1")).await, StatusCode::UNAUTHORIZED);
    assert_eq!(status(("other", "sk-1")).await, StatusCode::UNAUTHORIZED);
    let chat = chat(false);
    let status = async |key| post_with(mock.addr(), "/v1/chat/completions", &[key], &chat).await.status;
    assert_eq!(status(("authorization", "Bearer sk-1")).await, StatusCode::OK);
    assert_eq!(status(("x-api-key", "sk-1")).await, StatusCode::UNAUTHORIZED, "OpenAI has no such header");
}

#[tokio::test]
async fn a_stream_has_as_many_tokens_as_ordered() {
    let mock = provider(Options { tokens: Some(100), ..Options::default() }).await;
    let mut ask = message(true);
    ask["max_tokens"] = json!(100);
    let events = post(mock.addr(), "/v1/messages", &ask).await.events();
    assert_eq!(texts(&events, "/delta/text").count(), 100);
}

#[tokio::test]
async fn http2_with_prior_knowledge_is_answered_event_by_event() {
    let mock = faulty(Faults::default()).await;
    let body = Bytes::from(message(true).to_string());
    let request = request(Method::POST, "/v1/messages", &[VERSION], body);
    let mut response = send_h2(mock.addr(), request).await.unwrap();
    assert_eq!(response.version(), http::Version::HTTP_2);
    assert!(frame(&mut response).await.unwrap().starts_with("event: message_start\n"));
    assert!(frame(&mut response).await.unwrap().starts_with("event: content_block_start\n"));
    assert!(read(response).await.unwrap().body.ends_with(b"\"message_stop\"}\n\n"));
}
