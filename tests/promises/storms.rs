//! Failover never becomes a storm: who fails is left alone, calls beyond the first are counted, and what is late or too
//! long goes where it helps.

use std::time::{Duration, Instant};

use serde_json::json;
use tokio::io::AsyncWriteExt;
use wardgate::cli::mock::Provider;
use wardgate::tenant::TenantPolicy;

use crate::support::*;

#[tokio::test]
async fn r02_primary_that_drops_syns_costs_the_connect_timeout_and_then_nothing() {
    let (hole, secondary) = (BlackHole::dig().await, provider("secondary").await);
    let gate = gate()
        .upstream_at(hole.address(), "any", "timeouts: { connect: 400ms },")
        .upstream(&secondary)
        .tenant("acme")
        .start()
        .await;
    // More at once than a retry budget of a cold start has: nothing of them was sent, so they cost nothing of it.
    let began = Instant::now();
    let asking: Vec<_> = (0..60).map(|_| tokio::spawn(gate.chat("Hi").send())).collect();
    for ask in asking {
        let reply = ask.await.unwrap();
        assert_eq!((reply.status.as_u16(), reply.header("x-wardgate-upstream")), (200, "secondary"));
    }
    let took = began.elapsed();
    assert!(took >= Duration::from_millis(400) && took < Duration::from_millis(800), "{took:?}");
    // The breaker is open: nobody waits any more, but for a probe.
    let mut spans = Vec::new();
    for _ in 0..50 {
        let began = Instant::now();
        assert_eq!(gate.chat("Hi").send().await.header("x-wardgate-attempts"), "1");
        spans.push(began.elapsed());
    }
    spans.sort();
    assert!(spans[48] < Duration::from_millis(100), "{spans:?}");
}

#[tokio::test]
async fn r08_upstream_that_says_when_to_come_back_is_not_called_before() {
    let (primary, secondary) = (provider("primary").await, provider("secondary").await);
    let gate = gate().upstream(&primary).upstream(&secondary).tenant("acme").start().await;
    primary.set_faults(faults(r#"{"status":429,"retry_after":2}"#));
    let reply = gate.chat("Hi").send().await;
    let shut = Instant::now();
    assert_eq!((reply.header("x-wardgate-upstream"), reply.header("x-wardgate-attempts")), ("secondary", "2"));
    primary.set_faults(faults("{}"));
    primary.clear_requests();
    let mut called_within = 0;
    while primary.requests().is_empty() {
        assert_eq!(gate.chat("Hi").send().await.status, 200);
        called_within += 1;
        assert!(shut.elapsed() < Duration::from_secs(10), "and it is called again");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(shut.elapsed() >= Duration::from_millis(1_900), "{:?}", shut.elapsed());
    assert!(called_within > 20, "{called_within}");
}

#[tokio::test]
async fn r11_when_all_are_shut_the_caller_is_told_at_once_and_nobody_is_called() {
    for (fault, kind) in [(r#"{"status":503}"#, "status"), (r#"{"reset":true}"#, "reset")] {
        let (primary, secondary) = (provider_with("primary", faults(fault)).await, provider("secondary").await);
        secondary.set_faults(faults(fault));
        let gate = gate()
            .upstream(&primary)
            .upstream(&secondary)
            .tenant("acme")
            .config("failover: { breaker: { open_min: 20s } }")
            .start()
            .await;
        let (statuses, _) = calls(&gate, 100).await;
        let attempts = primary.requests().len() + secondary.requests().len();
        assert!(attempts <= 120, "{kind}: {attempts}");
        assert!(statuses.iter().all(|status| matches!(status, 502 | 503)), "{kind}: {statuses:?}");
        let before = attempts;
        for _ in 0..20 {
            let began = Instant::now();
            let reply = gate.chat("Hi").send().await;
            assert!(began.elapsed() < Duration::from_millis(50), "{kind}: {:?}", began.elapsed());
            assert_eq!((reply.status.as_u16(), reply.code().as_str()), (503, "upstreams_shut"));
            assert_eq!(reply.header("x-should-retry"), "true");
            let seconds: u64 = reply.header("retry-after").parse().unwrap();
            assert!((1..=20).contains(&seconds), "{seconds}");
        }
        assert_eq!(primary.requests().len() + secondary.requests().len(), before, "{kind}: nobody was called");
    }
}

#[tokio::test]
async fn r12_primary_that_fails_half_its_calls_costs_no_client_an_error_and_few_attempts() {
    let (primary, secondary) = (provider("primary").await, provider("secondary").await);
    let gate = gate().upstream(&primary).upstream(&secondary).tenant("acme").start().await;
    primary.set_faults(faults(r#"{"error_rate":0.5,"status":500}"#));
    let (statuses, attempts) = calls(&gate, 1_000).await;
    let failed = statuses.iter().filter(|status| **status != 200).count();
    assert!(failed <= 1, "{failed} of 1,000");
    assert!(attempts <= 1_200, "{attempts}");
    assert!(!secondary.requests().is_empty());
}

/// Many at once at a cold start, before anybody knows that the primary fails.
#[tokio::test]
async fn burst_at_a_failing_primary_is_served_by_the_secondary() {
    let (primary, secondary) = (provider("primary").await, provider("secondary").await);
    let gate = gate().upstream(&primary).upstream(&secondary).tenant("acme").start().await;
    primary.set_faults(faults(r#"{"status":529,"latency_ms":100}"#));
    let asking: Vec<_> = (0..30).map(|_| tokio::spawn(gate.chat("Hi").send())).collect();
    for ask in asking {
        assert_eq!(ask.await.unwrap().status, 200);
    }
}

#[tokio::test]
async fn r13_primary_that_recovers_is_found_by_one_probe_at_a_time() {
    let (primary, secondary) = (provider("primary").await, provider("secondary").await);
    let gate = gate()
        .upstream(&primary)
        .upstream(&secondary)
        .tenant("acme")
        .config("failover: { breaker: { open_min: 300ms, open_max: 600ms } }")
        .start()
        .await;
    primary.set_faults(faults(r#"{"status":500}"#));
    calls(&gate, 5).await;
    assert_eq!(primary.requests().len(), 3);
    // Half open, and the probe hangs: the others do not wait for it, and none follows it.
    primary.set_faults(faults(r#"{"latency_ms":1000}"#));
    tokio::time::sleep(Duration::from_millis(320)).await;
    primary.clear_requests();
    let probe = tokio::spawn(gate.chat("Hi").send());
    primary.wait_for_requests(1).await;
    for _ in 0..20 {
        assert_eq!(gate.chat("Hi").send().await.header("x-wardgate-upstream"), "secondary");
    }
    assert_eq!(primary.requests().len(), 1);
    assert_eq!(probe.await.unwrap().header("x-wardgate-upstream"), "primary");
    primary.set_faults(faults("{}"));
    for _ in 0..10 {
        assert_eq!(gate.chat("Hi").send().await.header("x-wardgate-upstream"), "primary", "it is back for all");
    }
}

#[tokio::test]
async fn deadline_ends_what_attempts_alone_would_not() {
    let (primary, secondary) = (provider("primary").await, provider("secondary").await);
    let gate = gate()
        .upstream(&primary)
        .upstream(&secondary)
        .tenant("acme")
        .config("failover: { first_byte_timeout: 400ms, deadline: 600ms }")
        .start()
        .await;
    primary.set_faults(faults(r#"{"hang":true}"#));
    secondary.set_faults(faults(r#"{"hang":true}"#));
    let began = Instant::now();
    let reply = gate.chat("Hi").send().await;
    let took = began.elapsed();
    assert_eq!((reply.status.as_u16(), reply.code().as_str()), (504, "upstream_timeout"));
    assert!(took >= Duration::from_millis(590) && took < Duration::from_millis(780), "{took:?}");
}

/// Behind the first content of a stream nothing is tried again, but its upstream is known to have failed.
#[tokio::test]
async fn streams_that_break_open_the_breaker_too() {
    let (primary, secondary) = (provider("primary").await, provider("secondary").await);
    let gate = gate().upstream(&primary).upstream(&secondary).tenant("acme").start().await;
    primary.set_faults(faults(r#"{"cut_after":3}"#));
    // A success is counted at the first content, so that it takes the share of failures and not a row of them.
    for _ in 0..10 {
        gate.chat_stream("Hi").send().await;
    }
    let reply = gate.chat_stream("Hi").send().await;
    assert_eq!(reply.header("x-wardgate-upstream"), "secondary");
    assert!(reply.text().ends_with("data: [DONE]\n\n"));
}

const WINDOWS: &str = "
models:
  - name: small-first
    targets:
      - { upstream: primary, model: small, context_window: 8000 }
      - { upstream: secondary, model: as-small, context_window: 8000 }
      - { upstream: third, model: large, context_window: 200000 }
";

#[tokio::test]
async fn conversation_that_is_too_long_goes_to_a_model_that_takes_more() {
    let (primary, secondary, third) = (provider("primary").await, provider("secondary").await, provider("third").await);
    let gate =
        gate().upstream(&primary).upstream(&secondary).upstream(&third).tenant("acme").config(WINDOWS).start().await;
    primary.set_faults(faults(r#"{"status":400,"context_window":true}"#));
    let body = json!({"model": "small-first", "messages": [{"role": "user", "content": "Hi"}]}).to_string();
    let reply = gate.post("/v1/chat/completions", body.clone()).send().await;
    assert_eq!((reply.status.as_u16(), reply.header("x-wardgate-upstream")), (200, "third"));
    assert!(secondary.requests().is_empty(), "which takes no more");
    third.set_faults(faults(r#"{"status":400,"context_window":true}"#));
    let reply = gate.post("/v1/chat/completions", body).send().await;
    assert_eq!((reply.status.as_u16(), reply.code().as_str()), (400, "context_length_exceeded"));
    // Where nobody said what a model takes, it is the caller's to know.
    let reply = gate.chat("Hi").send().await;
    assert_eq!((reply.status.as_u16(), reply.header("x-wardgate-attempts")), (400, "1"));
}

async fn hedging(share: &str) -> (Provider, Provider, Gate) {
    let (primary, secondary) = (provider("primary").await, provider("secondary").await);
    let config = format!("failover: {{ hedging: {{ quantile: 0.95, share_max: {share} }} }}");
    let gate =
        gate().upstream(&primary).upstream(&secondary).tenant("acme").tenant("globex").config(&config).start().await;
    gate.set_policy("acme", TenantPolicy { hedging: true, ..TenantPolicy::default() }).await;
    // What is usual has to be known first.
    for _ in 0..30 {
        assert_eq!(gate.chat("Hi").send().await.header("x-wardgate-upstream"), "primary");
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    (primary, secondary, gate)
}

#[tokio::test]
async fn late_primary_is_raced_by_the_secondary_and_closed() {
    let (primary, secondary, gate) = hedging("0.5").await;
    primary.set_faults(faults(r#"{"latency_ms":3000}"#));
    primary.clear_requests();
    let began = Instant::now();
    let reply = gate.chat_stream("Hi").send().await;
    assert_eq!((reply.header("x-wardgate-upstream"), reply.header("x-wardgate-attempts")), ("secondary", "2"));
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    let seen = primary.requests().pop().unwrap();
    tokio::time::timeout(Duration::from_millis(250), seen.ended()).await.expect("the other is closed");
    // A tenant that did not ask for it waits.
    let other = gate.chat("Hi").bearer(gate.key("globex")).send().await;
    assert_eq!((other.header("x-wardgate-upstream"), other.header("x-wardgate-attempts")), ("primary", "1"));
    // The second one fails, and the first is still waited for.
    secondary.set_faults(faults(r#"{"status":500}"#));
    primary.set_faults(faults(r#"{"latency_ms":500}"#));
    let reply = gate.chat("Hi").send().await;
    assert_eq!((reply.status.as_u16(), reply.header("x-wardgate-upstream")), (200, "primary"));
}

#[tokio::test]
async fn share_of_hedged_calls_is_bounded() {
    let (primary, secondary, gate) = hedging("0.1").await;
    primary.set_faults(faults(r#"{"latency_ms":150}"#));
    let (statuses, _) = calls(&gate, 20).await;
    assert!(statuses.iter().all(|status| *status == 200));
    let hedged = secondary.requests().len();
    assert!((1..=5).contains(&hedged), "a tenth of fifty requests: {hedged}");
}

#[tokio::test]
async fn streams_that_the_upstream_itself_ends_by_errors_open_the_breaker() {
    let (primary, secondary) = (provider("primary").await, provider("secondary").await);
    let gate = gate().upstream(&primary).upstream(&secondary).tenant("acme").start().await;
    primary.set_faults(faults(r#"{"error_after":6}"#));
    for _ in 0..30 {
        gate.message("Hi there all of you", true).send().await;
    }
    assert!(!secondary.requests().is_empty(), "all thirty failed within their streams, and nobody noticed");
}

#[tokio::test]
async fn guess_is_no_answer_while_those_who_know_the_model_are_shut() {
    let (primary, secondary) = (provider("primary").await, provider("secondary").await);
    let gate = gate()
        .upstream_at(primary.addr(), "openai", "")
        .upstream_at(secondary.addr(), "anthropic", "")
        .tenant("acme")
        .config("failover: { breaker: { open_min: 20s } }")
        .start()
        .await;
    primary.set_faults(faults(r#"{"status":503}"#));
    secondary.set_faults(faults(r#"{"status":404}"#));
    let mut statuses = Vec::new();
    for _ in 0..6 {
        statuses.push(gate.chat("Hi").send().await.status.as_u16());
    }
    assert!(statuses.iter().all(|status| *status == 503), "{statuses:?}");
}

#[tokio::test]
async fn deadline_of_a_call_is_no_failure_of_whoever_was_asked_last() {
    let (primary, secondary) = (provider("primary").await, provider("secondary").await);
    let gate = gate()
        .upstream(&primary)
        .upstream(&secondary)
        .tenant("acme")
        .config("failover: { first_byte_timeout: 400ms, deadline: 450ms, breaker: { open_min: 20s } }")
        .start()
        .await;
    primary.set_faults(faults(r#"{"hang":true}"#));
    secondary.set_faults(faults(r#"{"latency_ms":150}"#));
    for _ in 0..3 {
        gate.chat("Hi").send().await;
    }
    let reply = gate.chat("Hi").send().await;
    assert_eq!((reply.status.as_u16(), reply.header("x-wardgate-upstream")), (200, "secondary"));
}

#[tokio::test]
async fn hedge_that_is_refused_does_not_win_over_a_late_primary() {
    let (primary, secondary) = (provider("primary").await, provider("secondary").await);
    let gate = gate()
        .upstream(&primary)
        .upstream(&secondary)
        .tenant("acme")
        .config("failover: { hedging: { quantile: 0.95, share_max: 0.5 } }")
        .start()
        .await;
    gate.set_policy("acme", TenantPolicy { hedging: true, ..TenantPolicy::default() }).await;
    for _ in 0..30 {
        assert_eq!(gate.chat("Hi").send().await.status, 200);
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    primary.set_faults(faults(r#"{"latency_ms":500}"#));
    secondary.set_faults(faults(r#"{"status":401}"#));
    let reply = gate.chat("Hi").send().await;
    assert_eq!((reply.status.as_u16(), reply.header("x-wardgate-upstream")), (200, "primary"));
}

#[tokio::test]
async fn large_answers_that_break_open_the_breaker() {
    let primary = upstream_by_hand(async |mut stream| {
        stream.write_all(WHOLE_HEAD).await?;
        stream.write_all(&vec![b' '; 200_000]).await
    });
    let (primary, secondary) = (primary.await, provider("secondary").await);
    let gate = gate().upstream_at(primary, "any", "").upstream(&secondary).tenant("acme").start().await;
    for _ in 0..30 {
        drop(gate.chat("Hi").try_send().await);
    }
    assert!(!secondary.requests().is_empty());
}

const WHOLE_HEAD: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 1000000\r\n\r\n";
