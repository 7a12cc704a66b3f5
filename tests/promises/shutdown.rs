//! The end in order: not ready, still answering, then the last answers, then out.

use std::time::{Duration, Instant};

use crate::support::*;

#[tokio::test]
async fn gate_that_stops_answers_latecomers_and_finishes_its_streams() {
    let primary = provider("primary").await;
    let gate = gate()
        .upstream(&primary)
        .tenant("acme")
        .config("server: { listen: '127.0.0.1:0', drain_delay: 1s }")
        .start()
        .await;
    primary.set_faults(wardgate::cli::mock::Faults { hold: true, ..faults("{}") });
    let mut stream = gate.chat_stream("Hi").open().await.unwrap();
    stream.chunk().await.unwrap().unwrap();
    let (ready, chat) = (gate.ask("GET", "/health/ready"), gate.chat("Hi"));
    assert_eq!(ready.clone().send().await.status, 200);
    let address = gate.address();
    let stopping = tokio::spawn(gate.stop());
    eventually("the end of readiness", async || ready.clone().send().await.status == 503).await;
    let late = chat.send().await;
    assert_eq!((late.status.as_u16(), late.header("connection")), (200, "close"));
    let refused = || async { tokio::net::TcpStream::connect(address).await.is_err() };
    eventually("the end of accepting", refused).await;
    assert!(!stopping.is_finished(), "a stream is under way");
    primary.release(1_000);
    assert!(stream.rest().await.ends_with("data: [DONE]\n\n"));
    stopping.await.unwrap();
}

/// Promise R18. The drain lasts 300 ms, the streams would for ever.
#[tokio::test]
async fn r18_stream_past_the_deadline_ends_in_an_error_event_and_the_gate_in_time() {
    let primary = provider("primary").await;
    let gate = gate()
        .upstream(&primary)
        .tenant("acme")
        .config("server: { listen: '127.0.0.1:0', drain_delay: 0s, drain_timeout: 300ms, workers: 2 }\nfailover: { keep_alive: 200ms }")
        .start()
        .await;
    primary.set_faults(wardgate::cli::mock::Faults { hold: true, ..faults("{}") });
    let response = gate.post("/v1/responses", r#"{"model":"gpt-4o","input":"Hi","stream":true}"#);
    let mut streams = Vec::new();
    for ask in [gate.chat_stream("Hi"), gate.message("Hi", true), response] {
        let mut stream = ask.open().await.unwrap();
        stream.chunk().await.unwrap().unwrap();
        streams.push(stream);
    }
    // What is no stream of events is cut, as there is no way to say anything in it.
    primary.set_faults(faults(r#"{"stall_after":0}"#));
    let whole = gate.chat("Hi");
    let whole = tokio::spawn(async move { whole.try_send().await.is_err() });
    primary.wait_for_requests(4).await;
    let log = gate.log.clone();
    let began = Instant::now();
    gate.stop().await;
    assert!((300..4_000).contains(&began.elapsed().as_millis()), "{:?}", began.elapsed());
    for stream in streams {
        let rest = stream.rest().await;
        let error = rest.lines().find_map(|line| line.strip_prefix("data: ")).unwrap_or_else(|| panic!("{rest}"));
        let error: serde_json::Value = serde_json::from_str(error).unwrap();
        assert_eq!(error["error"]["code"], "shutting_down", "{rest}");
        assert!(error["detail"].as_str().unwrap().contains("Ask again"), "{rest}");
        assert_eq!(rest.matches("data: ").count(), 1, "one event, and nothing made up: {rest}");
    }
    assert!(whole.await.unwrap());
    let outcomes = log.requests().iter().filter(|line| line["outcome"] == "shut_down").count();
    assert_eq!(outcomes, 3, "{}", log.text());
    for request in primary.requests() {
        let ended = tokio::time::timeout(Duration::from_secs(2), request.ended()).await.unwrap();
        assert_eq!(ended, wardgate::cli::mock::Outcome::PeerLeft);
    }
}
