//! A stream whose first content is late: its client hears comments, while one target after the other may still be tried.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::sleep;
use wardgate::tenant::TenantStatus;

use crate::support::*;

const SOON: Duration = Duration::from_millis(60);

#[tokio::test]
async fn late_stream_begins_with_comments_and_fails_over_unseen() {
    let (primary, secondary) = (provider("primary").await, provider("secondary").await);
    let gate = gate()
        .upstream(&primary)
        .upstream(&secondary)
        .tenant("acme")
        .config("failover: { first_byte_timeout: 400ms }")
        .keep_alive(SOON)
        .start()
        .await;
    primary.set_faults(faults(r#"{"hang":true}"#));
    for ask in [gate.chat_stream("Hi"), gate.message("Hi", true)] {
        let began = Instant::now();
        let mut stream = ask.open().await.unwrap();
        assert!(began.elapsed() < Duration::from_millis(350), "the head does not wait for the content");
        assert_eq!(
            (stream.status.as_u16(), stream.headers["content-type"].to_str().unwrap()),
            (200, "text/event-stream")
        );
        assert!(stream.headers.contains_key("x-request-id"));
        assert_eq!(stream.chunk().await.unwrap().unwrap(), ": keep-alive\n\n");
        let text = stream.rest().await;
        assert!(text.contains(": keep-alive\n\n") && text.contains("secondary"), "{text}");
        let events = text.replace(": keep-alive\n\n", "");
        assert!(events.contains("[DONE]") || events.contains("message_stop"), "{events}");
        assert!(!events.contains("error") && !events.contains(':') || events.contains("data: "), "{events}");
        primary.set_faults(faults(r#"{"hang":true}"#));
    }
    eventually("the lines", async || {
        let lines = gate.log.requests();
        lines.len() == 2 && lines.iter().all(|line| line["outcome"] == "complete" && line["upstream"] == "secondary")
    })
    .await;
}

#[tokio::test]
async fn late_stream_that_nobody_answers_ends_in_one_error_event() {
    let (primary, secondary) = (provider("primary").await, provider("secondary").await);
    let gate = gate()
        .upstream(&primary)
        .upstream(&secondary)
        .tenant("acme")
        .config("failover: { first_byte_timeout: 200ms }")
        .keep_alive(SOON)
        .start()
        .await;
    primary.set_faults(faults(r#"{"hang":true}"#));
    secondary.set_faults(faults(r#"{"hang":true}"#));
    let text = gate.chat_stream("Hi").send().await.text();
    let events: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("data: ")).collect();
    assert_eq!(events.len(), 1, "{text}");
    let event: serde_json::Value = serde_json::from_str(events[0]).unwrap();
    assert_eq!(event["error"]["code"], "upstream_timeout");
    // What an upstream says when the status has gone out is told in an event.
    primary.set_faults(faults(r#"{"status":400,"latency_ms":150}"#));
    secondary.set_faults(faults(r#"{"status":400,"latency_ms":150}"#));
    let text = gate.message("Hi", true).send().await.text();
    assert_eq!(text.matches("event: error\n").count(), 1, "{text}");
    assert!(text.contains("was told to fail"), "the upstream's own words: {text}");
    let refused = gate.log.requests();
    assert!(refused.iter().all(|line| line["outcome"] == "upstream_failed"), "{refused:?}");
}

#[tokio::test]
async fn r23_late_stream_of_a_suspended_tenant_ends_with_an_error_event() {
    let primary = provider("primary").await;
    let gate = gate().upstream(&primary).tenant("acme").keep_alive(SOON).start().await;
    primary.set_faults(faults(r#"{"hang":true}"#));
    let mut stream = gate.chat_stream("Hi").open().await.unwrap();
    stream.chunk().await.unwrap().unwrap();
    gate.set_status("acme", TenantStatus::Suspended).await;
    let rest = stream.rest().await;
    assert!(rest.contains("credential_revoked"), "{rest}");
    let seen = primary.requests().pop().unwrap();
    tokio::time::timeout(Duration::from_secs(2), seen.ended()).await.expect("the call is closed");
}

#[tokio::test]
async fn call_that_does_not_stream_waits_for_its_status() {
    let primary = provider("primary").await;
    let gate = gate().upstream(&primary).tenant("acme").keep_alive(SOON).start().await;
    primary.set_faults(faults(r#"{"status":400,"latency_ms":300}"#));
    let reply = gate.chat("Hi").send().await;
    assert_eq!(reply.status, 400);
    assert!(!reply.text().contains("keep-alive"));
}

/// An app whose answer comes in two lines.
async fn app(head_after: Duration, rest_after: Duration) -> SocketAddr {
    let answer = move |mut stream: TcpStream| async move {
        sleep(head_after).await;
        stream.write_all(LINES_HEAD).await?;
        stream.write_all(b"8\r\n{\"a\":1}\n\r\n").await?;
        sleep(rest_after).await;
        stream.write_all(b"8\r\n{\"a\":2}\n\r\n0\r\n\r\n").await?;
        sleep(Duration::from_secs(5)).await;
        Ok(())
    };
    upstream_by_hand(answer).await
}

const LINES_HEAD: &[u8] =
    b"HTTP/1.1 200 OK\r\ncontent-type: application/x-ndjson\r\ntransfer-encoding: chunked\r\n\r\n";

#[tokio::test]
async fn app_that_streams_lines_of_its_own_is_not_held_back() {
    let app = app(Duration::ZERO, Duration::from_secs(3)).await;
    let gate = gate()
        .upstream_at(app, "any", "")
        .tenant("acme")
        .config("routes: [{ path: /api/chat, methods: [POST] }]")
        .start()
        .await;
    let began = Instant::now();
    let mut stream = gate.post("/api/chat", r#"{"model":"m","stream":true,"messages":[]}"#).open().await.unwrap();
    let first = stream.chunk().await.unwrap().unwrap();
    assert!(began.elapsed() < Duration::from_secs(1), "{:?} {first:?}", began.elapsed());
}

#[tokio::test]
async fn app_that_takes_its_time_gets_no_comments_of_ours() {
    let app = app(Duration::from_millis(500), Duration::ZERO).await;
    let gate = gate()
        .upstream_at(app, "any", "")
        .tenant("acme")
        .keep_alive(Duration::from_millis(100))
        .config("routes: [{ path: /api/chat, methods: [POST] }]")
        .start()
        .await;
    let reply = gate.post("/api/chat", r#"{"model":"m","stream":true,"messages":[]}"#).send().await;
    assert_eq!(reply.header("content-type"), "application/x-ndjson", "{}", reply.text());
}

#[tokio::test]
async fn r18_stream_that_waits_past_the_drain_is_told_by_a_status() {
    let primary = provider("primary").await;
    let gate = gate()
        .upstream(&primary)
        .tenant("acme")
        .config("server: { listen: '127.0.0.1:0', drain_delay: 0s, drain_timeout: 300ms, workers: 2 }")
        .start()
        .await;
    primary.set_faults(faults(r#"{"hang":true}"#));
    let ask = gate.chat_stream("Hi");
    let asking = tokio::spawn(async move { ask.try_send().await.map(|reply| reply.text()) });
    primary.wait_for_requests(1).await;
    gate.stop().await;
    let got = asking.await.unwrap();
    assert!(got.is_ok(), "{:?}", got.err().map(|e| e.to_string()));
}

#[tokio::test]
async fn whole_answer_that_drips_is_passed_on_at_the_deadline() {
    let primary = upstream_by_hand(async |mut stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n").await?;
        for _ in 0..1000 {
            stream.write_all(b" ").await?;
            sleep(Duration::from_millis(50)).await;
        }
        Ok(())
    });
    let (primary, secondary) = (primary.await, provider("secondary").await);
    let gate = gate()
        .upstream_at(primary, "any", "")
        .upstream(&secondary)
        .tenant("acme")
        .config("failover: { first_byte_timeout: 300ms, deadline: 600ms, idle_timeout: 1s }")
        .start()
        .await;
    let began = Instant::now();
    let answer = gate.chat("Hi").open().await.unwrap();
    assert_eq!((answer.status.as_u16(), &answer.headers["x-wardgate-upstream"]), (200, &"primary".parse().unwrap()));
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
}
