//! Events reach the client as they come, and a stream that breaks says so.

use std::time::Duration;

use wardgate::cli::mock::Outcome;

use crate::support::*;

/// The mock holds its second event until the client has read the first: there is nothing to wait for but the gate.
#[tokio::test]
async fn first_event_reaches_the_client_before_the_second_is_sent() {
    let primary = provider("primary").await;
    let gate = gate().upstream(&primary).tenant("acme").start().await;
    let hold = wardgate::cli::mock::Faults { hold: true, ..faults("{}") };
    primary.set_faults(hold);
    let mut stream = gate.chat_stream("Hi").open().await.unwrap();
    assert_eq!(stream.status, 200);
    let first = stream.chunk().await.unwrap().unwrap();
    assert_eq!(first.iter().filter(|b| **b == b'\n').count(), 2, "one event and no more: {first:?}");
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

#[tokio::test]
async fn r06_stalled_stream_ends_in_an_error_event_and_the_upstream_is_closed() {
    let primary = provider("primary").await;
    let gate = gate().upstream(&primary).tenant("acme").config("failover: { idle_timeout: 300ms }").start().await;
    primary.set_faults(faults(r#"{"stall_after":2}"#));
    let began = std::time::Instant::now();
    let events = gate.chat_stream("Hi there").send().await.events();
    assert!(began.elapsed() >= Duration::from_millis(300));
    assert_eq!(events.len(), 3, "{events:?}");
    assert!(events[2].contains("upstream_stalled"));
    let seen = primary.requests().pop().unwrap();
    let ended = tokio::time::timeout(Duration::from_secs(2), seen.ended()).await.unwrap();
    assert_eq!(ended, Outcome::PeerLeft);
}

#[tokio::test]
async fn whole_answer_that_breaks_off_is_no_whole_answer() {
    let primary = provider("primary").await;
    let gate = gate().upstream(&primary).tenant("acme").start().await;
    primary.set_faults(faults(r#"{"cut_bytes":0}"#));
    assert!(gate.chat("Hi").try_send().await.is_err(), "the connection is cut, as the upstream's was");
}

#[tokio::test]
async fn r15_client_that_leaves_closes_the_upstream_within_250_ms() {
    let primary = provider("primary").await;
    let gate = gate().upstream(&primary).tenant("acme").start().await;
    for (fault, streamed) in [(r#"{"stall_after":1}"#, true), (r#"{"hang":true}"#, false)] {
        primary.set_faults(faults(fault));
        primary.clear_requests();
        let asking = if streamed {
            let mut stream = gate.chat_stream("Hi").open().await.unwrap();
            stream.chunk().await.unwrap().unwrap();
            tokio::spawn(async move { stream.rest().await.len() })
        } else {
            let ask = gate.chat("Hi");
            tokio::spawn(async move { ask.send().await.body.len() })
        };
        let seen = primary.wait_for_requests(1).await.pop().unwrap();
        asking.abort();
        let left = std::time::Instant::now();
        let ended = tokio::time::timeout(Duration::from_secs(5), seen.ended()).await.unwrap();
        assert_eq!(ended, Outcome::PeerLeft);
        assert!(left.elapsed() < Duration::from_millis(250), "streamed {streamed}: {:?}", left.elapsed());
    }
    eventually("the lines", async || {
        gate.log.requests().iter().filter(|line| line["outcome"] == "client_closed").count() == 2
    })
    .await;
}
