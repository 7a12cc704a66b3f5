//! What a test in another process can ask of the mock, and how the program behaves.

use std::{
    io::{BufRead, BufReader, Read},
    process::{Command, Stdio},
};

use bytes::Bytes;
use http::{Method, StatusCode};
use serde_json::json;
use wardgate::cli::mock::{Faults, Options};

use crate::support::{chat, faulty, get, post, provider, read, request, send};

const CHAT: &str = "/v1/chat/completions";

#[tokio::test]
async fn faults_are_set_and_removed_over_http() {
    let mock = faulty(Faults::default()).await;
    let set = post(mock.addr(), "/_mock/faults", &json!({"status": 503})).await;
    assert_eq!(set.status, StatusCode::NO_CONTENT);
    assert_eq!(post(mock.addr(), CHAT, &chat(false)).await.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(post(mock.addr(), "/_mock/faults", &json!({"statsu": 1})).await.status, StatusCode::BAD_REQUEST);
    assert_eq!(get(mock.addr(), "/_mock/faults", &[]).await.json()["status"], 503);
    delete(mock.addr(), "/_mock/faults").await;
    assert_eq!(post(mock.addr(), CHAT, &chat(false)).await.status, StatusCode::OK);
}

#[tokio::test]
async fn requests_are_shown_and_forgotten_over_http() {
    let mock = faulty(Faults::default()).await;
    post(mock.addr(), &format!("{CHAT}?a=b"), &chat(false)).await;
    let shown = get(mock.addr(), "/_mock/requests", &[]).await.json();
    assert_eq!(shown["total"], 1, "control requests are not recorded");
    let shown = &shown["requests"];
    assert_eq!(shown.as_array().unwrap().len(), 1);
    assert_eq!(shown[0]["method"], "POST");
    assert_eq!(shown[0]["path"], format!("{CHAT}?a=b"));
    assert_eq!(shown[0]["body"], chat(false).to_string());
    assert_eq!(shown[0]["outcome"], "answered");
    assert!(shown[0]["headers"].as_array().unwrap().contains(&json!(["host", "mock"])));
    delete(mock.addr(), "/_mock/requests").await;
    let nothing = json!({"total": 0, "ids": {}, "requests": []});
    assert_eq!(get(mock.addr(), "/_mock/requests", &[]).await.json(), nothing);
}

#[tokio::test]
async fn health_is_answered_whatever_the_faults() {
    let mock = faulty(Faults { reset: true, ..Faults::default() }).await;
    let health = get(mock.addr(), "/_mock/health", &[]).await;
    assert_eq!(health.json(), json!({"status": "ok", "name": "primary"}));
}

#[tokio::test]
async fn nothing_is_kept_where_recording_is_off() {
    let mock = provider(Options { record: false, ..Options::default() }).await;
    post(mock.addr(), CHAT, &chat(false)).await;
    assert!(mock.requests().is_empty());
}

#[tokio::test]
async fn only_the_last_thousand_requests_are_kept() {
    let mock = faulty(Faults::default()).await;
    let stream = tokio::net::TcpStream::connect(mock.addr()).await.unwrap();
    let io = hyper_util::rt::TokioIo::new(stream);
    let (mut sender, connection) = hyper::client::conn::http1::handshake(io).await.unwrap();
    tokio::spawn(connection);
    for number in 0..1_005 {
        sender.ready().await.unwrap();
        let request = request(Method::GET, &format!("/v1/models/{number}"), &[], Bytes::new());
        read(sender.send_request(request).await.unwrap()).await.unwrap();
    }
    let requests = mock.wait_for_requests(1_005).await;
    assert_eq!(requests.len(), 1_000);
    assert_eq!(requests[0].path_and_query, "/v1/models/5");
    assert_eq!(mock.total(), 1_005, "what is not kept is counted all the same");
}

#[tokio::test]
async fn requests_are_counted_by_the_ids_that_they_bring() {
    let mock = faulty(Faults { status: Some(529), ..Faults::default() }).await;
    let ask = |text: &str| json!({"model": "m", "messages": [{"role": "user", "content": text}]});
    for text in ["good #id-7 day", "#id-7 #id-7", "#id-77", "no id"] {
        post(mock.addr(), CHAT, &ask(text)).await;
    }
    assert_eq!([mock.seen("7"), mock.seen("77"), mock.seen("8")], [2, 1, 0], "a refused request was seen, too");
    let shown = get(mock.addr(), "/_mock/requests", &[]).await.json();
    assert_eq!((&shown["ids"], &shown["total"]), (&json!({"7": 2, "77": 1}), &json!(4)));
    mock.clear_requests();
    assert_eq!((mock.seen("7"), mock.total()), (0, 0));
}

#[test]
fn the_program_prints_its_address_and_exits_with_its_standard_input() {
    let mut mock = Command::new(env!("CARGO_BIN_EXE_wardgate"))
        .args(["mock", "--listen", "127.0.0.1:0", "--name", "second", "--print-address", "--exit-with-stdin"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut addr = String::new();
    BufReader::new(mock.stdout.take().unwrap()).read_line(&mut addr).unwrap();
    std::net::TcpStream::connect(addr.trim()).unwrap();
    drop(mock.stdin.take());
    assert!(mock.wait().unwrap().success());
    let mut stderr = String::new();
    mock.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
    assert_eq!(stderr, format!("mock second listens on http://{addr}"));
}

async fn delete(addr: std::net::SocketAddr, path: &str) {
    let response = send(addr, request(Method::DELETE, path, &[], Bytes::new())).await.unwrap();
    assert_eq!(response.status(), StatusCode::NO_CONTENT);
}
