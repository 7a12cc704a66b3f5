//! Each fault happens, and happens as described.

use std::{io::ErrorKind, time::Duration};

use bytes::Bytes;
use http::{Method, StatusCode};
use hyper::client::conn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::json;
use tokio::time::Instant;
use wardgate::cli::mock::{ErrorEvent, Faults, Options, Outcome};

use crate::support::{
    chat, drain, faults, faulty, frame, message, post, post_with, provider, raw, read, request, send, send_h2, try_post,
};

const CHAT: &str = "/v1/chat/completions";

/// The chunks of a response, of which each frame of the body makes one.
fn chunks(response: &str) -> Vec<&str> {
    let (_, mut rest) = response.split_once("\r\n\r\n").unwrap();
    let mut chunks = Vec::new();
    while let Some((size, after)) = rest.split_once("\r\n") {
        let size = usize::from_str_radix(size, 16).unwrap();
        chunks.push(&after[..size]);
        rest = after.get(size + 2..).unwrap_or_default();
    }
    chunks
}

fn hold() -> Faults {
    Faults { hold: true, ..Faults::default() }
}

#[tokio::test]
async fn every_event_is_a_frame_of_its_own() {
    let mock = faulty(Faults::default()).await;
    let stream = raw(mock.addr(), CHAT, &chat(true)).await;
    mock.wait_for_requests(1).await[0].ended().await;
    mock.kill().await;
    let (text, _) = drain(stream).await;
    let chunks = chunks(&text);
    assert_eq!(chunks.len(), 11, "role, seven words, finish, [DONE], end");
    assert!(chunks[..10].iter().all(|chunk| chunk.matches("\n\n").count() == 1 && chunk.ends_with("\n\n")));
}

#[tokio::test]
async fn a_held_stream_sends_an_event_only_when_released() {
    let mock = faulty(hold()).await;
    let body = Bytes::from(chat(true).to_string());
    let mut response = send(mock.addr(), request(Method::POST, CHAT, &[], body)).await.unwrap();
    assert!(frame(&mut response).await.unwrap().contains("assistant"));
    let early = tokio::time::timeout(Duration::from_millis(30), frame(&mut response)).await;
    assert!(early.is_err(), "a second event came unreleased: {early:?}");
    mock.release(1);
    assert!(frame(&mut response).await.unwrap().contains("Hello "));
    mock.release(100);
    while frame(&mut response).await.is_some() {}
    assert_eq!(mock.requests()[0].ended().await, Outcome::Answered);
}

#[tokio::test]
async fn latency_precedes_the_head_and_chunk_delay_each_further_event() {
    let mock = faulty(Faults { latency_ms: 40, chunk_delay_ms: 10, ..Faults::default() }).await;
    let start = Instant::now();
    let body = Bytes::from(chat(true).to_string());
    let mut response = send(mock.addr(), request(Method::POST, CHAT, &[], body)).await.unwrap();
    assert!(start.elapsed() >= Duration::from_millis(40));
    while frame(&mut response).await.is_some() {}
    assert!(start.elapsed() >= Duration::from_millis(40 + 9 * 10));
}

#[tokio::test]
async fn a_status_is_answered_with_an_error_in_the_dialect() {
    let mock = faulty(Faults { status: Some(529), retry_after: Some(7), ..Faults::default() }).await;
    let anthropic = post(mock.addr(), "/v1/messages", &message(true)).await;
    assert_eq!(anthropic.status.as_u16(), 529);
    assert_eq!(anthropic.header("retry-after"), "7");
    assert_eq!(anthropic.json()["error"]["type"], "overloaded_error");
    mock.set_faults(Faults { status: Some(429), ..Faults::default() });
    let openai = post(mock.addr(), CHAT, &chat(false)).await;
    assert_eq!(openai.json()["error"]["code"], "rate_limit_exceeded");
    assert!(!openai.headers.contains_key("retry-after"));
}

#[tokio::test]
async fn an_error_rate_fails_some_requests_and_not_others() {
    let mock = faulty(Faults { error_rate: Some(0.5), ..Faults::default() }).await;
    let mut failed = 0;
    for _ in 0..40 {
        failed += usize::from(post(mock.addr(), CHAT, &chat(false)).await.status == 500);
    }
    assert!((8..=32).contains(&failed), "{failed} of 40");
}

#[tokio::test]
async fn a_cut_stream_delivers_its_events_and_then_rst() {
    let mock = faulty(Faults { cut_after: Some(3), ..Faults::default() }).await;
    let (text, end) = drain(raw(mock.addr(), CHAT, &chat(true)).await).await;
    assert_eq!(chunks(&text).len(), 3);
    assert_eq!(end, Some(ErrorKind::ConnectionReset));
    assert_eq!(mock.requests()[0].ended().await, Outcome::Reset);
}

#[tokio::test]
async fn a_cut_http2_stream_delivers_its_events_and_then_breaks() {
    let mock = faulty(Faults { cut_after: Some(2), ..Faults::default() }).await;
    let body = Bytes::from(chat(true).to_string());
    let mut response = send_h2(mock.addr(), request(Method::POST, CHAT, &[], body)).await.unwrap();
    assert!(frame(&mut response).await.unwrap().contains("assistant"));
    assert!(frame(&mut response).await.unwrap().contains("Hello "));
    let end = http_body_util::BodyExt::frame(&mut response).await.unwrap();
    assert!(end.is_err(), "the stream went on: {end:?}");
}

#[tokio::test]
async fn a_stream_cut_inside_an_event_ends_in_half_of_it() {
    let mock = faulty(Faults { cut_bytes: Some(1), ..Faults::default() }).await;
    let (text, end) = drain(raw(mock.addr(), CHAT, &chat(true)).await).await;
    let chunks = chunks(&text);
    assert!(chunks[0].ends_with("\n\n"));
    assert!(chunks[1].starts_with("data: {") && !chunks[1].ends_with("\n\n"));
    assert_eq!(chunks.len(), 2);
    assert_eq!(end, Some(ErrorKind::ConnectionReset));
}

#[tokio::test]
async fn a_whole_answer_can_be_cut_in_half() {
    let mock = faulty(Faults { cut_bytes: Some(0), ..Faults::default() }).await;
    let (text, end) = drain(raw(mock.addr(), CHAT, &chat(false)).await).await;
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let length = head.split_once("content-length: ").unwrap().1.lines().next().unwrap();
    assert_eq!(body.len(), length.parse::<usize>().unwrap() / 2);
    assert_eq!(end, Some(ErrorKind::ConnectionReset));
}

#[tokio::test]
async fn a_whole_answer_is_untouched_by_faults_of_later_events() {
    let mock = faulty(Faults { cut_after: Some(1), ..Faults::default() }).await;
    assert_eq!(post(mock.addr(), CHAT, &chat(false)).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_stalled_stream_stays_open_and_its_client_can_be_seen_leaving() {
    let mock = faulty(Faults { stall_after: Some(2), ..Faults::default() }).await;
    let body = Bytes::from(chat(true).to_string());
    let mut response = send(mock.addr(), request(Method::POST, CHAT, &[], body)).await.unwrap();
    frame(&mut response).await.unwrap();
    frame(&mut response).await.unwrap();
    let third = tokio::time::timeout(Duration::from_millis(30), frame(&mut response)).await;
    assert!(third.is_err(), "a stalled stream went on: {third:?}");
    let recorded = &mock.requests()[0];
    assert_eq!(recorded.outcome(), Outcome::Underway);
    drop(response);
    assert_eq!(recorded.ended().await, Outcome::PeerLeft);
    assert!(recorded.is_left());
}

#[tokio::test]
async fn a_truncated_stream_ends_politely_without_its_last_events() {
    let mock = faulty(Faults { truncate_after: Some(3), ..Faults::default() }).await;
    let answer = post(mock.addr(), "/v1/messages", &message(true)).await;
    assert_eq!(answer.events().last().unwrap()["type"], "ping");
    assert_eq!(mock.requests()[0].ended().await, Outcome::Answered);
}

#[tokio::test]
async fn a_stream_truncated_to_nothing_is_an_empty_answer_and_a_whole_one_is_left_alone() {
    let mock = faulty(Faults { truncate_after: Some(0), ..Faults::default() }).await;
    let stream = post(mock.addr(), CHAT, &chat(true)).await;
    assert_eq!((stream.status, stream.body.len()), (StatusCode::OK, 0));
    assert_eq!(mock.requests()[0].ended().await, Outcome::Answered);
    assert_eq!(post(mock.addr(), CHAT, &chat(false)).await.json()["object"], "chat.completion");
}

#[tokio::test]
async fn a_reset_comes_before_any_byte() {
    let mock = faulty(Faults { reset: true, ..Faults::default() }).await;
    let (text, end) = drain(raw(mock.addr(), CHAT, &chat(false)).await).await;
    assert_eq!((text.as_str(), end), ("", Some(ErrorKind::ConnectionReset)));
    assert_eq!(mock.requests()[0].ended().await, Outcome::Reset);
    let body = Bytes::from(chat(false).to_string());
    assert!(send_h2(mock.addr(), request(Method::POST, CHAT, &[], body)).await.is_err());
}

#[tokio::test]
async fn a_hanging_request_is_recorded_and_ends_when_its_client_leaves() {
    let mock = faulty(Faults { hang: true, ..Faults::default() }).await;
    for send_over_h2 in [false, true] {
        mock.clear_requests();
        let body = Bytes::from(chat(false).to_string());
        let request = request(Method::POST, CHAT, &[], body);
        let addr = mock.addr();
        let client = tokio::spawn(async move {
            match send_over_h2 {
                true => send_h2(addr, request).await,
                false => send(addr, request).await,
            }
        });
        let recorded = mock.wait_for_requests(1).await.remove(0);
        assert_eq!(recorded.outcome(), Outcome::Underway);
        client.abort();
        assert_eq!(recorded.ended().await, Outcome::PeerLeft);
    }
}

#[tokio::test]
async fn a_stream_can_begin_with_an_error_although_its_status_is_200() {
    let mock = faulty(Faults { first_event_error: true, ..Faults::default() }).await;
    let openai = post(mock.addr(), CHAT, &chat(true)).await;
    assert_eq!(openai.status, StatusCode::OK);
    assert_eq!(openai.events()[0]["error"]["type"], "server_error");
    let anthropic = post(mock.addr(), "/v1/messages", &message(true)).await;
    assert!(anthropic.body.starts_with(b"event: error\n"));
    let responses = post(mock.addr(), "/v1/responses", &json!({"model": "m", "input": "a", "stream": true})).await;
    assert_eq!(responses.events()[0]["type"], "error");
    assert_eq!(post(mock.addr(), CHAT, &chat(false)).await.json()["object"], "chat.completion");
}

#[tokio::test]
async fn a_stream_can_break_off_with_an_error_of_its_format() {
    let told = ErrorEvent { kind: Some("api_error".into()), message: Some("Gone".into()) };
    let mock = faulty(Faults { error_after: Some(4), error_event: told, ..Faults::default() }).await;
    let openai = post(mock.addr(), CHAT, &chat(true)).await.events();
    assert_eq!(
        (openai.len(), &openai[4]["error"]["type"], &openai[4]["error"]["message"]),
        (5, &json!("api_error"), &json!("Gone"))
    );
    let anthropic = post(mock.addr(), "/v1/messages", &message(true)).await;
    assert_eq!(anthropic.events()[4], json!({"type": "error", "error": {"type": "api_error", "message": "Gone"}}));
    assert_eq!(anthropic.events().len(), 5);
    let responses =
        post(mock.addr(), "/v1/responses", &json!({"model": "m", "input": "a", "stream": true})).await.events();
    assert_eq!((&responses[4]["code"], &responses[4]["sequence_number"]), (&json!("api_error"), &json!(4)));
    assert_eq!(mock.requests()[0].ended().await, Outcome::Answered, "it ends politely");
    assert_eq!(post(mock.addr(), CHAT, &chat(false)).await.status, StatusCode::OK);
}

#[tokio::test]
async fn an_error_has_the_name_that_was_told() {
    let mock =
        faulty(Faults { status: Some(429), error_code: Some("insufficient_quota".into()), ..Faults::default() }).await;
    assert_eq!(post(mock.addr(), CHAT, &chat(false)).await.json()["error"]["code"], "insufficient_quota");
    let anthropic = post(mock.addr(), "/v1/messages", &message(false)).await;
    assert_eq!(anthropic.json()["error"]["type"], "insufficient_quota");
}

#[tokio::test]
async fn a_prompt_that_is_too_long_is_refused_as_each_provider_does() {
    let mock = faulty(Faults { context_window: true, ..Faults::default() }).await;
    let chat = post(mock.addr(), CHAT, &chat(true)).await;
    assert_eq!(chat.status, StatusCode::BAD_REQUEST);
    let error = &chat.json()["error"];
    assert_eq!((&error["code"], &error["param"]), (&json!("context_length_exceeded"), &json!("messages")));
    let responses = post(mock.addr(), "/v1/responses", &json!({"model": "m", "input": "a"})).await.json();
    assert_eq!(
        (&responses["error"]["code"], &responses["error"]["param"]),
        (&json!("context_length_exceeded"), &json!("input"))
    );
    let anthropic = post(mock.addr(), "/v1/messages", &message(false)).await;
    assert_eq!(anthropic.status, StatusCode::BAD_REQUEST);
    assert!(anthropic.json()["error"]["message"].as_str().unwrap().starts_with("prompt is too long"));
}

#[tokio::test]
async fn a_dripping_body_comes_in_pieces_with_time_between_them() {
    let mock = faulty(Faults { drip_ms: 1, ..Faults::default() }).await;
    let healthy = faulty(Faults::default()).await;
    for ask in [chat(false), chat(true)] {
        let start = Instant::now();
        let body = Bytes::from(ask.to_string());
        let mut response = send(mock.addr(), request(Method::POST, CHAT, &[], body)).await.unwrap();
        let mut frames = Vec::new();
        while let Some(frame) = frame(&mut response).await {
            frames.push(frame);
        }
        assert!(frames.iter().all(|frame| frame.len() <= 16) && frames.len() > 10, "{} frames", frames.len());
        assert!(start.elapsed() >= Duration::from_millis(frames.len() as u64 - 1));
        let whole = post(healthy.addr(), CHAT, &ask).await;
        assert_eq!(frames.concat().len(), whole.body.len());
    }
}

#[tokio::test]
async fn a_delayed_body_comes_long_after_its_head() {
    let mock = faulty(Faults { body_delay_ms: 60, ..Faults::default() }).await;
    for ask in [chat(false), chat(true)] {
        let start = Instant::now();
        let body = Bytes::from(ask.to_string());
        let mut response = send(mock.addr(), request(Method::POST, CHAT, &[], body)).await.unwrap();
        let early = tokio::time::timeout(Duration::from_millis(10), frame(&mut response)).await;
        assert!(early.is_err(), "a body came at once: {early:?}");
        assert!(frame(&mut response).await.is_some());
        assert!(start.elapsed() >= Duration::from_millis(60));
    }
}

#[tokio::test]
async fn a_script_meets_the_requests_that_come_after_it_was_set() {
    let script =
        faults(r#"{"script":[{"requests":1,"faults":{"status":529}},{"requests":1,"faults":{"reset":true}}]}"#);
    let mock = faulty(Faults::default()).await;
    for _ in 0..2 {
        mock.set_faults(script.clone());
        assert_eq!(post(mock.addr(), CHAT, &chat(false)).await.status.as_u16(), 529);
        assert!(try_post(mock.addr(), CHAT, &chat(false)).await.is_err());
        assert_eq!(post(mock.addr(), CHAT, &chat(false)).await.status, StatusCode::OK);
    }
}

#[tokio::test]
async fn a_mixture_meets_some_requests_with_each_of_its_faults() {
    let mix =
        faults(r#"{"mix":[{"weight":1},{"weight":1,"faults":{"status":529}},{"weight":1,"faults":{"reset":true}}]}"#);
    let mock = faulty(mix).await;
    let (mut well, mut refused, mut reset) = (0, 0, 0);
    for _ in 0..60 {
        match try_post(mock.addr(), CHAT, &chat(false)).await {
            Ok(answer) if answer.status == StatusCode::OK => well += 1,
            Ok(_) => refused += 1,
            Err(_) => reset += 1,
        }
    }
    assert!([well, refused, reset].iter().all(|count| *count > 5), "{well} {refused} {reset}");
}

#[tokio::test]
async fn a_connection_is_closed_after_so_many_answers() {
    let mock = faulty(Faults { close_after: Some(2), ..Faults::default() }).await;
    let stream = tokio::net::TcpStream::connect(mock.addr()).await.unwrap();
    let (mut sender, connection) = conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let ask = || request(Method::GET, "/v1/models", &[], Bytes::new());
    let first = read(sender.send_request(ask()).await.unwrap()).await.unwrap();
    assert!(!first.headers.contains_key("connection"));
    sender.ready().await.unwrap();
    let second = read(sender.send_request(ask()).await.unwrap()).await.unwrap();
    assert_eq!(second.header("connection"), "close");
    assert!(sender.ready().await.is_err(), "the connection takes no third");

    let stream = tokio::net::TcpStream::connect(mock.addr()).await.unwrap();
    let (mut sender, connection) = conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    let connection = tokio::spawn(connection);
    for _ in 0..2 {
        let mut ask = ask();
        *ask.uri_mut() = "http://mock/v1/models".parse().unwrap();
        ask.headers_mut().remove("host");
        assert_eq!(read(sender.send_request(ask).await.unwrap()).await.unwrap().status, StatusCode::OK);
    }
    connection.await.unwrap().unwrap();
}

#[tokio::test]
async fn request_headers_are_echoed_on_demand_even_with_an_error() {
    let mock = faulty(Faults {
        echo_headers: vec!["authorization".into(), "x-api-key".into()],
        status: Some(500),
        ..Faults::default()
    })
    .await;
    let answer = post_with(mock.addr(), CHAT, &[("authorization", "Bearer t"), ("other", "o")], &chat(false)).await;
    assert_eq!(answer.header("x-echo-authorization"), "Bearer t");
    assert!(!answer.headers.contains_key("x-echo-x-api-key"));
    assert!(!answer.headers.contains_key("x-echo-other"));
}

#[tokio::test]
async fn a_redirect_points_where_it_was_told() {
    let mock = faulty(Faults { redirect: Some("http://elsewhere/".into()), ..Faults::default() }).await;
    let answer = post(mock.addr(), CHAT, &chat(false)).await;
    assert_eq!(answer.status, StatusCode::FOUND);
    assert_eq!(answer.header("location"), "http://elsewhere/");
}

#[tokio::test]
async fn a_header_brings_faults_for_its_request_alone() {
    let mock = faulty(Faults::default()).await;
    let faults = [("x-mock-faults", r#"{"status":529}"#)];
    assert_eq!(post_with(mock.addr(), CHAT, &faults, &chat(false)).await.status.as_u16(), 529);
    assert_eq!(post(mock.addr(), CHAT, &chat(false)).await.status, StatusCode::OK);
    let nonsense = [("x-mock-faults", "nonsense")];
    assert_eq!(post_with(mock.addr(), CHAT, &nonsense, &chat(false)).await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_header_brings_no_faults_where_that_is_off() {
    let mock = provider(Options { header_faults: false, ..Options::default() }).await;
    let faults = [("x-mock-faults", r#"{"status":529}"#)];
    assert_eq!(post_with(mock.addr(), CHAT, &faults, &chat(false)).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_killed_provider_resets_its_connections_and_refuses_new_ones() {
    let mock = faulty(hold()).await;
    let stream = raw(mock.addr(), CHAT, &chat(true)).await;
    let recorded = mock.wait_for_requests(1).await.remove(0);
    mock.kill().await;
    let (_, end) = drain(stream).await;
    assert_eq!(end, Some(ErrorKind::ConnectionReset));
    assert_eq!(recorded.ended().await, Outcome::Reset);
    let refused = tokio::net::TcpStream::connect(mock.addr()).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
}

#[tokio::test]
async fn a_killed_provider_can_be_started_again_at_its_address() {
    let first = faulty(hold()).await;
    let _open = raw(first.addr(), CHAT, &chat(true)).await;
    first.wait_for_requests(1).await;
    first.kill().await;
    let second = wardgate::cli::mock::Provider::start(first.addr(), Options::default()).await.unwrap();
    assert!(try_post(second.addr(), CHAT, &chat(false)).await.is_ok());
}
