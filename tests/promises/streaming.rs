//! Events reach the client as they come, and a stream that breaks says so.

use std::time::Duration;

use wardgate::cli::mock::Outcome;

use crate::support::*;

/// The mock holds what follows the first content until the client has read that: there is nothing to wait for but the gate.
#[tokio::test]
async fn first_content_reaches_the_client_before_the_next_is_sent() {
    let primary = provider("primary").await;
    let gate = gate().upstream(&primary).tenant("acme").start().await;
    let hold = wardgate::cli::mock::Faults { hold: true, ..faults("{}") };
    primary.set_faults(hold);
    // Behind the event that has the role alone, which is no content.
    primary.release(1);
    let mut stream = gate.chat_stream("Hi").open().await.unwrap();
    assert_eq!(stream.status, 200);
    let mut first = Vec::new();
    while first.iter().filter(|b| **b == b'\n').count() < 4 {
        first.extend_from_slice(&stream.chunk().await.unwrap().unwrap());
    }
    assert_eq!(first.iter().filter(|b| **b == b'\n').count(), 4, "two events and no more: {first:?}");
    primary.release(1);
    let second = stream.chunk().await.unwrap().unwrap();
    assert!(second.starts_with(b"data: "), "{second:?}");
    primary.release(1_000);
    assert!(stream.rest().await.ends_with("data: [DONE]\n\n"));
}

#[tokio::test]
async fn stream_is_the_upstreams_byte_for_byte_in_both_dialects() {
    let primary = provider("primary").await;
    let gate = gate().upstream(&primary).tenant("acme").start().await;
    let text = gate.chat_stream("Hi there").send().await.text();
    assert!(text.starts_with("data: {") && text.ends_with("data: [DONE]\n\n"), "{text}");
    let text = gate.message("Hi there", true).send().await.text();
    assert!(text.starts_with("event: message_start\ndata: ") && text.contains("event: message_stop"), "{text}");
}

#[tokio::test]
async fn r05_reset_after_n_chunks_ends_in_one_error_event_of_the_callers_dialect() {
    let (primary, secondary) = (provider("primary").await, provider("secondary").await);
    let gate = gate().upstream(&primary).upstream(&secondary).tenant("acme").start().await;
    let whole = gate.chat_stream("Hi there").send().await.text();
    primary.set_faults(faults(r#"{"cut_after":3}"#));
    let events = gate.chat_stream("Hi there").send().await.events();
    assert_eq!(events.len(), 4, "{events:?}");
    // The mock numbers its answers, so the ids differ and nothing else.
    let shape = |event: &str| serde_json::from_str::<serde_json::Value>(event).unwrap()["choices"].clone();
    let before: Vec<_> = whole.lines().filter_map(|line| line.strip_prefix("data: ")).take(3).map(shape).collect();
    assert_eq!(events[..3].iter().map(|event| shape(event)).collect::<Vec<_>>(), before);
    let last: serde_json::Value = serde_json::from_str(&events[3]).unwrap();
    assert_eq!(last["error"]["code"], "upstream_interrupted");
    assert!(!events.iter().any(|event| event.contains("[DONE]")));
    // Anthropic's streams say more before the first content.
    primary.set_faults(faults(r#"{"cut_after":5}"#));
    let text = gate.message("Hi there", true).send().await.text();
    let (_, error) = text.rsplit_once("event: error\ndata: ").unwrap();
    let error: serde_json::Value = serde_json::from_str(error.trim()).unwrap();
    assert_eq!((error["type"].as_str(), error["error"]["type"].as_str()), (Some("error"), Some("api_error")));
    assert!(!text.contains("message_stop"));
    assert!(secondary.requests().is_empty(), "no other attempt once bytes went out");
    eventually("the log", async || {
        gate.log.requests().iter().filter(|line| line["outcome"] == "upstream_failed").count() == 2
    })
    .await;
}

#[tokio::test]
async fn r05_reset_within_an_event_still_ends_in_one_that_can_be_read() {
    let primary = provider("primary").await;
    let gate = gate().upstream(&primary).tenant("acme").start().await;
    primary.set_faults(faults(r#"{"cut_bytes":2}"#));
    let events = gate.chat_stream("Hi there").send().await.events();
    assert_eq!(events.len(), 3, "{events:?}");
    for event in &events {
        serde_json::from_str::<serde_json::Value>(event).unwrap();
    }
    assert!(events[2].contains("upstream_interrupted"));
}

/// What an error in a stream of `/v1/responses` looks like to OpenAI's packages, which read `error`, and to clients that
/// go by the reference, which read what stands beside `type`.
#[tokio::test]
async fn r05_broken_response_ends_in_the_error_event_of_its_own_protocol() {
    let primary = provider("primary").await;
    let gate = gate().upstream(&primary).tenant("acme").start().await;
    primary.set_faults(faults(r#"{"cut_after":5}"#));
    let ask = gate.post("/v1/responses", r#"{"model":"gpt-4o","input":"Hi there","stream":true}"#);
    let reply = ask.send().await;
    let events = reply.events();
    let (error, before) = events.split_last().unwrap();
    assert_eq!(before.len(), 5, "{events:?}");
    let last: serde_json::Value = serde_json::from_str(&before[4]).unwrap();
    let error: serde_json::Value = serde_json::from_str(error).unwrap();
    assert_eq!((error["type"].as_str(), error["code"].as_str()), (Some("error"), Some("upstream_interrupted")));
    assert_eq!(error["error"]["code"], error["code"]);
    assert_eq!(error["error"]["type"], "server_error");
    assert_eq!((&error["error"]["message"], &error["detail"]), (&error["message"], &error["message"]));
    assert!(error["param"].is_null() && error["message"].is_string());
    assert_eq!(error["sequence_number"].as_u64(), last["sequence_number"].as_u64().map(|number| number + 1));
    assert_eq!(reply.text().matches("event: error\ndata: ").count(), 1);
}

/// The upstream ends its body as HTTP asks for, and only the protocol of the events says that something is missing.
#[tokio::test]
async fn truncated_stream_is_an_error_although_tcp_closed_politely() {
    let (primary, secondary) = (provider("primary").await, provider("secondary").await);
    let gate = gate().upstream(&primary).upstream(&secondary).tenant("acme").start().await;
    let completion = || gate.post("/v1/completions", r#"{"model":"gpt-4o","prompt":"Hi there","stream":true}"#);
    let response = || gate.post("/v1/responses", r#"{"model":"gpt-4o","input":"Hi there","stream":true}"#);
    let asks = [gate.chat_stream("Hi there"), completion(), gate.message("Hi there", true), response()];
    for ask in asks.clone() {
        assert!(!ask.send().await.text().contains("upstream_truncated"), "a whole stream is no error");
    }
    primary.set_faults(faults(r#"{"truncate_after":5}"#));
    for ask in asks {
        let reply = ask.send().await;
        let events = reply.events();
        assert_eq!(events.len(), 6, "{events:?}");
        let error: serde_json::Value = serde_json::from_str(&events[5]).unwrap();
        assert_eq!(error["error"]["code"], "upstream_truncated", "{error}");
        assert!(!events[..5].iter().any(|event| event.contains("upstream_truncated")), "{events:?}");
    }
    assert!(secondary.requests().is_empty(), "no other attempt once bytes went out");
    eventually("the log", async || {
        let lines = gate.log.requests();
        let outcomes: Vec<_> = lines.iter().map(|line| line["outcome"].as_str().unwrap()).collect();
        outcomes == [["complete"; 4], ["upstream_failed"; 4]].concat()
    })
    .await;
}

/// The last event is all that a client needs: that the body is not ended behind it harms nobody.
#[tokio::test]
async fn stream_that_is_cut_behind_its_last_event_is_complete() {
    let primary = provider("primary").await;
    let gate = gate().upstream(&primary).tenant("acme").start().await;
    primary.set_faults(faults(r#"{"cut_after":1000}"#));
    for ask in [gate.chat_stream("Hi there"), gate.message("Hi there", true)] {
        let text = ask.send().await.text();
        assert!(text.ends_with("data: [DONE]\n\n") || text.ends_with("\"message_stop\"}\n\n"), "{text}");
    }
    eventually("the log", async || {
        let lines = gate.log.requests();
        lines.len() == 2 && lines.iter().all(|line| line["outcome"] == "complete")
    })
    .await;
}

#[tokio::test]
async fn silent_stream_is_kept_alive_by_comments_that_change_no_event() {
    let primary = provider("primary").await;
    let gate = gate().upstream(&primary).tenant("acme").keep_alive(Duration::from_millis(50)).start().await;
    primary.set_faults(wardgate::cli::mock::Faults { hold: true, ..faults("{}") });
    primary.release(1);
    let mut stream = gate.chat_stream("Hi").open().await.unwrap();
    let mut first = Vec::new();
    while first.iter().filter(|b| **b == b'\n').count() < 4 {
        first.extend_from_slice(&stream.chunk().await.unwrap().unwrap());
    }
    assert!(first.starts_with(b"data: {") && first.ends_with(b"}\n\n"), "{first:?}");
    for _ in 0..3 {
        assert_eq!(stream.chunk().await.unwrap().unwrap(), ": keep-alive\n\n");
    }
    primary.release(1_000);
    let text = stream.rest().await;
    assert!(text.ends_with("data: [DONE]\n\n") && !text.contains("error"), "{text}");
}

#[tokio::test]
async fn r06_stalled_stream_ends_in_an_error_event_within_a_tenth_of_the_timeout_and_the_upstream_is_closed() {
    let (primary, secondary) = (provider("primary").await, provider("secondary").await);
    let gate = gate().upstream(&primary).upstream(&secondary).tenant("acme").config("failover: { idle_timeout: 2s }");
    let gate = gate.start().await;
    primary.set_faults(faults(r#"{"stall_after":2}"#));
    let mut stream = gate.chat_stream("Hi there").open().await.unwrap();
    let head = stream.chunk().await.unwrap().unwrap();
    let silent = std::time::Instant::now();
    let text = String::from_utf8(head.to_vec()).unwrap() + &stream.rest().await;
    let took = silent.elapsed();
    assert!((1_800..=2_200).contains(&took.as_millis()), "{took:?}");
    let events: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("data: ")).collect();
    assert_eq!(events.len(), 3, "{events:?}");
    assert!(events[2].contains("upstream_stalled"));
    let seen = primary.requests().pop().unwrap();
    let ended = tokio::time::timeout(Duration::from_secs(2), seen.ended()).await.unwrap();
    assert_eq!(ended, Outcome::PeerLeft);
    assert_eq!(
        (primary.requests().len(), secondary.requests().len()),
        (1, 0),
        "once bytes went out nobody else is asked"
    );
}

/// Nothing of it went out yet, so it can be said in words, and another upstream can be asked.
#[tokio::test]
async fn whole_answer_that_breaks_off_is_replaced_or_said_to_be_broken() {
    let (primary, secondary) = (provider("primary").await, provider("secondary").await);
    primary.set_faults(faults(r#"{"cut_bytes":0}"#));
    let alone = gate().upstream(&primary).tenant("acme").start().await;
    let reply = alone.chat("Hi").send().await;
    assert_eq!((reply.status.as_u16(), reply.code().as_str()), (502, "upstream_unreachable"));
    let both = gate().upstream(&primary).upstream(&secondary).tenant("acme").start().await;
    let reply = both.chat("Hi").send().await;
    assert_eq!((reply.status.as_u16(), reply.header("x-wardgate-upstream")), (200, "secondary"));
}

#[tokio::test]
async fn r15_client_that_leaves_closes_the_upstream_within_250_ms() {
    let primary = provider("primary").await;
    for keep_alive in [Duration::ZERO, Duration::from_millis(10)] {
        let gate = gate().upstream(&primary).tenant("acme").keep_alive(keep_alive).start().await;
        leave(&gate, &primary, keep_alive).await;
    }
}

/// A stream under way, one that is still waited for, and a call that does not stream.
async fn leave(gate: &Gate, primary: &wardgate::cli::mock::Provider, keep_alive: Duration) {
    for (fault, streamed) in [(r#"{"stall_after":2}"#, true), (r#"{"hang":true}"#, true), (r#"{"hang":true}"#, false)] {
        primary.set_faults(faults(fault));
        primary.clear_requests();
        let asking = if streamed && (fault.contains("stall") || !keep_alive.is_zero()) {
            let mut stream = gate.chat_stream("Hi").open().await.unwrap();
            stream.chunk().await.unwrap().unwrap();
            tokio::spawn(async move { while stream.chunk().await.is_some() {} })
        } else {
            let ask = if streamed { gate.chat_stream("Hi") } else { gate.chat("Hi") };
            tokio::spawn(async move { drop(ask.send().await) })
        };
        let seen = primary.wait_for_requests(1).await.pop().unwrap();
        asking.abort();
        let left = std::time::Instant::now();
        let ended = tokio::time::timeout(Duration::from_secs(5), seen.ended()).await.unwrap();
        assert_eq!(ended, Outcome::PeerLeft);
        assert!(left.elapsed() < Duration::from_millis(250), "streamed {streamed}: {:?}", left.elapsed());
    }
    eventually("the lines", async || {
        gate.log.requests().iter().filter(|line| line["outcome"] == "client_closed").count() == 3
    })
    .await;
}
