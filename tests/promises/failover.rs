//! A primary that fails is replaced before the client sees anything of it.

use std::time::{Duration, Instant};

use crate::support::*;

#[tokio::test]
async fn r01_killed_primary_is_not_noticed() {
    let (primary, secondary) = (provider("primary").await, provider("secondary").await);
    let gate = gate().upstream(&primary).upstream(&secondary).tenant("acme").start().await;
    // A stream past its first byte ends in one error event, and everything else is served.
    primary.set_faults(faults(r#"{"stall_after":2}"#));
    let mut caught = gate.chat_stream("caught").open().await.unwrap();
    caught.chunk().await.unwrap().unwrap();
    primary.set_faults(faults("{}"));
    let mut asking = Vec::new();
    for round in 0..40 {
        if round == 10 {
            primary.kill().await;
        }
        let ask = if round % 2 == 0 { gate.chat("Hi") } else { gate.chat_stream("Hi") };
        asking.push(tokio::spawn(ask.try_send()));
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let mut by_secondary = 0;
    for ask in asking {
        let reply = ask.await.unwrap().expect("no client sees a broken connection");
        assert_eq!(reply.status, 200);
        let errors = reply.events().iter().filter(|event| event.contains("upstream_interrupted")).count();
        assert!(errors <= 1);
        by_secondary += usize::from(reply.header("x-wardgate-upstream") == "secondary");
    }
    assert!(by_secondary >= 29, "{by_secondary}");
    let rest = caught.rest().await;
    assert_eq!(rest.matches("upstream_interrupted").count(), 1, "{rest}");
}

#[tokio::test]
async fn refused_connection_is_an_attempt_and_the_secondary_answers() {
    let secondary = provider("secondary").await;
    let gate = gate().upstream_at(nobody(), "any", "").upstream(&secondary).tenant("acme").start().await;
    let reply = gate.chat("Hi").send().await;
    assert_eq!(reply.status, 200);
    assert_eq!((reply.header("x-wardgate-upstream"), reply.header("x-wardgate-attempts")), ("secondary", "2"));
}

#[tokio::test]
async fn r03_primary_that_never_answers_is_left_at_the_first_byte_timeout() {
    let (primary, secondary) = (provider("primary").await, provider("secondary").await);
    let gate = gate()
        .upstream(&primary)
        .upstream(&secondary)
        .tenant("acme")
        .config("failover: { first_byte_timeout: 1s }")
        .start()
        .await;
    // Silent from the beginning, and behind a first event that is no content.
    for fault in [r#"{"hang":true}"#, r#"{"stall_after":1}"#] {
        primary.set_faults(faults(fault));
        let began = Instant::now();
        let reply = gate.chat_stream("Hi").send().await;
        let took = began.elapsed();
        assert_eq!(reply.header("x-wardgate-upstream"), "secondary");
        assert!(took >= Duration::from_millis(990) && took <= Duration::from_millis(1_100), "{fault}: {took:?}");
        assert_eq!(reply.text().matches(r#""role":"assistant""#).count(), 1, "nothing of the first is left");
    }
    let seen = primary.requests().pop().unwrap();
    tokio::time::timeout(Duration::from_secs(2), seen.ended()).await.expect("the hanging call is closed");
}

#[tokio::test]
async fn r04_reset_before_the_head_costs_one_more_attempt_and_no_error() {
    let (primary, secondary) = (provider("primary").await, provider("secondary").await);
    let patient = "failover: { breaker: { failures: 1000, failure_ratio: 1, requests_min: 1000 } }";
    let gate = gate().upstream(&primary).upstream(&secondary).tenant("acme").config(patient).start().await;
    // The second round finds connections that were kept open and are reset while they serve.
    for _ in 0..2 {
        assert_eq!(gate.chat("Hi").send().await.header("x-wardgate-upstream"), "primary");
        primary.set_faults(faults(r#"{"reset":true}"#));
        for _ in 0..10 {
            let before = primary.requests().len() + secondary.requests().len();
            let reply = gate.chat("Hi").send().await;
            assert_eq!(reply.status, 200);
            assert_eq!(reply.header("x-wardgate-upstream"), "secondary");
            let calls = primary.requests().len() + secondary.requests().len() - before;
            assert!(calls <= 2, "at most one extra attempt, and there were {calls} calls");
        }
        primary.set_faults(faults("{}"));
    }
    // Both reset, on connections that served before: still two calls, and both are told of.
    secondary.set_faults(faults(r#"{"reset":true}"#));
    primary.set_faults(faults(r#"{"reset":true}"#));
    let before = primary.requests().len() + secondary.requests().len();
    assert_eq!(gate.chat("Hi").send().await.status, 502);
    assert_eq!(primary.requests().len() + secondary.requests().len() - before, 2);
}

/// Nobody else is left to ask, and an upstream may close a kept connection just as a request is sent on it.
#[tokio::test]
async fn lone_upstream_that_breaks_a_kept_connection_is_asked_once_more() {
    let primary = provider("primary").await;
    for more in ["", "protocol: http2,"] {
        let gate = gate().upstream_at(primary.addr(), "any", more).tenant("acme").start().await;
        // Both workers come to keep a connection.
        for _ in 0..8 {
            assert_eq!(gate.chat("Hi").send().await.status, 200);
        }
        primary.set_faults(faults(r#"{"reset":true}"#));
        let before = primary.requests().len();
        assert_eq!(gate.chat("Hi").send().await.status, 502);
        assert_eq!(primary.requests().len() - before, 2, "once on the kept connection, once on a fresh one: {more}");
        primary.set_faults(faults("{}"));
        assert_eq!(gate.chat("Hi").send().await.status, 200, "and it recovers");
    }
}

#[tokio::test]
async fn answer_that_breaks_before_its_first_byte_is_replaced() {
    let (primary, secondary) = (provider("primary").await, provider("secondary").await);
    let gate = gate().upstream(&primary).upstream(&secondary).tenant("acme").start().await;
    primary.set_faults(faults(r#"{"cut_after":0}"#));
    let reply = gate.chat_stream("Hi").send().await;
    assert_eq!(reply.header("x-wardgate-upstream"), "secondary");
    assert!(reply.text().ends_with("data: [DONE]\n\n"));
}

/// What comes before the first content is held, whatever the format, so that an error behind it is not seen.
#[tokio::test]
async fn r10_error_as_a_streams_first_event_is_not_seen_by_the_caller() {
    let (primary, secondary) = (provider("primary").await, provider("secondary").await);
    let patient = "failover: { breaker: { failures: 1000, failure_ratio: 1, requests_min: 1000 } }";
    let gate = gate().upstream(&primary).upstream(&secondary).tenant("acme").config(patient).start().await;
    let responses = || gate.post("/v1/responses", r#"{"model":"m","input":"Hi","stream":true}"#);
    let completions = || gate.post("/v1/completions", r#"{"model":"m","prompt":"Hi","stream":true}"#);
    let asks = [
        ("chat", gate.chat_stream("Hi"), 1),
        ("messages", gate.message("Hi", true), 3),
        ("responses", responses(), 4),
        ("completions", completions(), 0),
    ];
    for (format, ask, lifecycle) in asks {
        for before in 0..=lifecycle {
            primary.set_faults(faults(&format!(r#"{{"error_after":{before}}}"#)));
            let reply = ask.clone().send().await;
            let text = reply.text();
            assert_eq!(reply.header("x-wardgate-upstream"), "secondary", "{format} after {before}: {text}");
            assert!(text.contains("secondary") && !text.contains("primary"), "{format} after {before}: {text}");
        }
        primary.set_faults(faults(&format!(r#"{{"error_after":{}}}"#, lifecycle + 1)));
        let reply = ask.send().await;
        assert_eq!(reply.header("x-wardgate-upstream"), "primary", "{format}: behind content nothing is tried again");
    }
}

#[tokio::test]
async fn r07_statuses_of_a_failing_upstream_bring_in_the_secondary() {
    let (primary, secondary) = (provider("primary").await, provider("secondary").await);
    let patient = "failover: { breaker: { failures: 1000, failure_ratio: 1, requests_min: 1000 } }";
    let gate = gate().upstream(&primary).upstream(&secondary).tenant("acme").config(patient).start().await;
    for status in [529, 503, 500, 502, 504, 429, 408] {
        primary.set_faults(faults(&format!(r#"{{"status":{status}}}"#)));
        for reply in [gate.chat("Hi").send().await, gate.message("Hi", true).send().await] {
            assert_eq!(reply.status, 200, "{status}");
            assert_eq!(reply.header("x-wardgate-upstream"), "secondary");
        }
    }
    assert_eq!((primary.requests().len(), secondary.requests().len()), (14, 14));
}

#[tokio::test]
async fn r09_what_the_caller_did_wrong_is_relayed_unchanged_and_not_tried_again() {
    let (primary, secondary) = (provider("primary").await, provider("secondary").await);
    let gate = gate().upstream(&primary).upstream(&secondary).tenant("acme").start().await;
    for status in [400, 401, 403, 404, 413, 422] {
        primary.set_faults(faults(&format!(r#"{{"status":{status}}}"#)));
        let direct = support_direct(&primary, status).await;
        let before = primary.requests().len();
        let reply = gate.chat("Hi").send().await;
        assert_eq!(reply.status.as_u16(), status);
        assert_eq!(reply.json(), direct, "unchanged");
        assert_eq!(primary.requests().len() - before, 1);
    }
    assert!(secondary.requests().is_empty());
}

/// What the mock itself says with this status.
async fn support_direct(primary: &wardgate::cli::mock::Provider, status: u16) -> serde_json::Value {
    let body = r#"{"model":"gpt-4o","messages":[{"role":"user","content":"Hi"}]}"#;
    let ask = direct(primary.addr(), "POST", "/v1/chat/completions").bearer(PROVIDER_KEY).body(body);
    let reply = ask.send().await;
    assert_eq!(reply.status.as_u16(), status);
    reply.json()
}

#[tokio::test]
async fn last_word_of_a_failing_upstream_is_worth_more_than_ours() {
    let (primary, secondary) = (provider("primary").await, provider("secondary").await);
    let both = gate().upstream(&primary).upstream(&secondary).tenant("acme").start().await;
    primary.set_faults(faults(r#"{"status":429,"retry_after":7}"#));
    secondary.set_faults(faults(r#"{"status":529}"#));
    assert_eq!(both.chat("Hi").send().await.status.as_u16(), 529);
    let one_down = gate().upstream(&primary).upstream_at(nobody(), "any", "").tenant("acme").start().await;
    let reply = one_down.chat("Hi").send().await;
    assert_eq!((reply.status.as_u16(), reply.header("retry-after")), (429, "7"));
}

#[tokio::test]
async fn nobody_reachable_is_a_bad_gateway_and_nobody_in_time_a_gateway_timeout() {
    let gate_down =
        gate().upstream_at(nobody(), "any", "").upstream_at(nobody(), "any", "").tenant("acme").start().await;
    let reply = gate_down.chat("Hi").send().await;
    assert_eq!((reply.status.as_u16(), reply.code().as_str()), (502, "upstream_unreachable"));
    let primary = provider("primary").await;
    primary.set_faults(faults(r#"{"hang":true}"#));
    let gate_slow =
        gate().upstream(&primary).tenant("acme").config("failover: { first_byte_timeout: 200ms }").start().await;
    let reply = gate_slow.chat("Hi").send().await;
    assert_eq!((reply.status.as_u16(), reply.code().as_str()), (504, "upstream_timeout"));
}

#[tokio::test]
async fn model_names_are_mapped_for_each_target() {
    let (primary, secondary) = (provider("primary").await, provider("secondary").await);
    let gate = gate()
        .upstream(&primary)
        .upstream(&secondary)
        .tenant("acme")
        .config("models: [{ name: gpt-4o, targets: [{ upstream: secondary, model: first-choice }, { upstream: primary, model: 'second \"choice\"' }] }]")
        .start()
        .await;
    let model = |provider: &wardgate::cli::mock::Provider| {
        let body = provider.requests().pop().unwrap().body;
        serde_json::from_slice::<serde_json::Value>(&body).unwrap()["model"].as_str().unwrap().to_owned()
    };
    assert_eq!(gate.chat("Hi").send().await.header("x-wardgate-upstream"), "secondary");
    assert_eq!(model(&secondary), "first-choice");
    secondary.set_faults(faults(r#"{"status":503}"#));
    assert_eq!(gate.chat("Hi").send().await.header("x-wardgate-upstream"), "primary");
    assert_eq!(model(&primary), "second \"choice\"");
}

#[tokio::test]
async fn call_that_has_no_translation_goes_to_upstreams_of_its_dialect_alone() {
    let anthropic = provider("anthropic").await;
    let gate = gate().speaking("anthropic", &anthropic).tenant("acme").start().await;
    for path in ["/v1/embeddings", "/v1/completions"] {
        let reply = gate.post(path, r#"{"model":"m","input":"Hi","prompt":"Hi"}"#).send().await;
        assert_eq!((reply.status.as_u16(), reply.code().as_str()), (404, "no_upstream"));
    }
    assert!(anthropic.requests().is_empty());
}

#[tokio::test]
async fn s29_rotated_upstream_credential_is_used_on_the_next_request() {
    let primary = provider("primary").await;
    let gate = gate().upstream(&primary).tenant("acme").start().await;
    assert_eq!(gate.chat("Hi").send().await.status, 200);
    for round in 0..5 {
        let rotated = format!("sk-rotated-{round}");
        std::fs::write(gate.file("provider-key"), &rotated).unwrap();
        // The mock still wants the old one, and says so; what counts is what it was sent.
        assert_eq!(gate.chat("Hi").send().await.status, 401);
        let seen = primary.requests().pop().unwrap();
        assert_eq!(seen.header("authorization"), Some(format!("Bearer {rotated}").as_str()));
    }
    std::fs::remove_file(gate.file("provider-key")).unwrap();
    gate.chat("Hi").send().await;
    let seen = primary.requests().pop().unwrap();
    assert_eq!(seen.header("authorization"), Some("Bearer sk-rotated-4"), "a file that is gone leaves the old one");
}

#[tokio::test]
async fn connections_to_an_upstream_are_kept_and_http2_is_spoken_where_it_is_asked_for() {
    let primary = provider("primary").await;
    for more in ["", "protocol: http2,"] {
        let gate = gate().upstream_at(primary.addr(), "any", more).tenant("acme").start().await;
        for _ in 0..4 {
            assert_eq!(gate.chat("Hi").send().await.status, 200);
            assert!(gate.chat_stream("Hi").send().await.text().ends_with("[DONE]\n\n"));
        }
    }
}
