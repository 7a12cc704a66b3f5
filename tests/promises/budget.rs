//! What a call may cost beyond its first attempt: how many more, paid by whom, and after which wait.

use std::time::{Duration, Instant};

use wardgate::cli::mock::Provider;

use crate::support::*;

/// Thirty is what a cold start has; then the call goes first to whoever has not failed.
#[tokio::test]
async fn spent_budget_sends_calls_to_whoever_has_not_failed_and_no_further() {
    let (primary, secondary) = (provider("primary").await, provider("secondary").await);
    let config = "failover: { retry_budget: { ratio: 0, per_second_min: 1 }, breaker: { failures: 1000, failure_ratio: 1, requests_min: 100000 } }";
    let both = gate().upstream(&primary).upstream(&secondary).tenant("acme").config(config).start().await;
    primary.set_faults(faults(r#"{"status":500}"#));
    let (statuses, attempts) = calls(&both, 60).await;
    assert!(statuses.iter().all(|status| *status == 200), "{statuses:?}");
    assert_eq!(attempts, 70, "ten retries, which is what the budget has");
    secondary.set_faults(faults(r#"{"status":500}"#));
    let before = primary.requests().len() + secondary.requests().len();
    let (statuses, _) = calls(&both, 20).await;
    assert!(statuses.iter().all(|status| *status == 500), "{statuses:?}");
    assert_eq!(primary.requests().len() + secondary.requests().len() - before, 20);
}

/// Nobody is left alone because calls fail, so that a story says who is asked; ten retries in as many seconds.
const TEN_RETRIES: &str = "
failover: { retry_budget: { ratio: 0, per_second_min: 1 }, breaker: { failures: 1000, failure_ratio: 1, requests_min: 100000 } }
models: [{ name: other, targets: [{ upstream: third }, { upstream: secondary }] }]
";

/// Has the primary ask for a second of peace, at the cost of one retry, and waits for its end: the next call is a probe.
async fn shut_for_a_second(primary: &Provider, gate: &Gate) {
    primary.set_faults(faults(r#"{"status":429,"retry_after":1}"#));
    assert_eq!(gate.chat("Hi").send().await.header("x-wardgate-attempts"), "2");
    tokio::time::sleep(Duration::from_millis(1_050)).await;
    primary.clear_requests();
}

#[tokio::test]
async fn retry_that_a_probe_set_aside_and_did_not_need_is_given_back() {
    let (primary, secondary) = (provider("primary").await, provider("secondary").await);
    let gate = gate().upstream(&primary).upstream(&secondary).upstream(&secondary).tenant("acme");
    let gate = gate.config(TEN_RETRIES).start().await;
    shut_for_a_second(&primary, &gate).await;
    primary.set_faults(faults("{}"));
    let probe = gate.chat("Hi").send().await;
    assert_eq!((probe.header("x-wardgate-upstream"), probe.header("x-wardgate-attempts")), ("primary", "1"));
    primary.set_faults(faults(r#"{"status":500}"#));
    let (statuses, attempts) = calls(&gate, 20).await;
    assert!(statuses.iter().all(|status| *status == 200), "{statuses:?}");
    assert_eq!(attempts, 29, "of ten retries one was used before");
}

#[tokio::test]
async fn probe_that_fails_has_its_retry_although_others_would_spend_the_last() {
    let (primary, secondary, third) = (provider("primary").await, provider("secondary").await, provider("third").await);
    let gate = gate().upstream(&primary).upstream(&secondary).upstream(&third).tenant("acme");
    let gate = gate.config(TEN_RETRIES).start().await;
    shut_for_a_second(&primary, &gate).await;
    third.set_faults(faults(r#"{"status":500}"#));
    let other =
        || gate.post("/v1/chat/completions", r#"{"model":"other","messages":[{"role":"user","content":"Hi"}]}"#);
    for _ in 0..8 {
        assert_eq!(other().send().await.header("x-wardgate-attempts"), "2");
    }
    primary.set_faults(faults(r#"{"status":500,"latency_ms":1000}"#));
    let probe = tokio::spawn(gate.chat("Hi").send());
    primary.wait_for_requests(1).await;
    for _ in 0..2 {
        let reply = other().send().await;
        assert_eq!((reply.status.as_u16(), reply.header("x-wardgate-attempts")), (200, "1"), "nothing is left for it");
    }
    assert!(!probe.is_finished(), "the others came while it was under way");
    let probe = probe.await.unwrap();
    assert_eq!((probe.status.as_u16(), probe.header("x-wardgate-upstream")), (200, "secondary"));
    assert_eq!(probe.header("x-wardgate-attempts"), "2");
}

#[tokio::test]
async fn r13_primary_is_probed_although_the_budget_is_spent() {
    let (primary, secondary) = (provider("primary").await, provider("secondary").await);
    let config = "failover: { retry_budget: { ratio: 0, per_second_min: 0 }, breaker: { open_min: 100ms, open_max: 200ms, window: 300ms } }";
    let gate = gate().upstream(&primary).upstream(&secondary).tenant("acme").config(config).start().await;
    primary.set_faults(faults(r#"{"status":500}"#));
    for _ in 0..6 {
        gate.chat("Hi").send().await;
        tokio::time::sleep(Duration::from_millis(350)).await;
    }
    primary.set_faults(faults("{}"));
    primary.clear_requests();
    let until = Instant::now() + Duration::from_secs(15);
    while Instant::now() < until && primary.requests().is_empty() {
        assert_eq!(gate.chat("Hi").send().await.status, 200);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(!primary.requests().is_empty(), "never asked again");
}

#[tokio::test]
async fn half_open_target_is_asked_before_another_is_found_to_lack_words() {
    let (primary, secondary) = (provider("primary").await, provider("secondary").await);
    let config = "failover: { retry_budget: { ratio: 0, per_second_min: 0 }, breaker: { open_min: 100ms, open_max: 200ms, window: 300ms } }\nmodels: [{ name: m, targets: [{ upstream: primary }, { upstream: third, model: claude }] }]";
    let gate = gate()
        .upstream(&primary)
        .upstream(&secondary)
        .upstream_at(secondary.addr(), "anthropic", "")
        .tenant("acme")
        .config(config)
        .start()
        .await;
    let body = r#"{"model":"m","n":2,"messages":[{"role":"user","content":"Hi"}]}"#;
    primary.set_faults(faults(r#"{"status":500}"#));
    for _ in 0..4 {
        gate.post("/v1/chat/completions", body).send().await;
        tokio::time::sleep(Duration::from_millis(40)).await;
    }
    primary.set_faults(faults("{}"));
    tokio::time::sleep(Duration::from_millis(700)).await;
    let reply = gate.post("/v1/chat/completions", body).send().await;
    assert_ne!(reply.status.as_u16(), 400, "{}", reply.text());
}

/// Three upstreams, of which the first fails, and two models: one asks all in turn, and one asks the first twice. Calls may
/// cost as much as they like.
async fn failing_at_first(backoff: &str) -> ([Provider; 3], Gate) {
    let upstreams = [provider("primary").await, provider("secondary").await, provider("third").await];
    let [primary, secondary, third] = &upstreams;
    primary.set_faults(faults(r#"{"status":500}"#));
    let config = format!(
        "failover:
  retry_budget: {{ per_second_min: 100 }}
  breaker: {{ failures: 1000, failure_ratio: 1, requests_min: 100000 }}
  backoff: {backoff}
models:
  - {{ name: all, targets: [{{ upstream: primary }}, {{ upstream: secondary }}, {{ upstream: third }}] }}
  - {{ name: twice, targets: [{{ upstream: primary, model: a }}, {{ upstream: primary, model: b }}] }}"
    );
    let gate =
        gate().upstream(primary).upstream(secondary).upstream(third).tenant("acme").config(&config).start().await;
    (upstreams, gate)
}

/// An upstream that has just failed is asked again after any time up to the first bound, and the third in a call, whoever
/// it is, after any up to twice that.
#[tokio::test]
async fn waits_between_attempts_are_drawn_at_random_up_to_a_bound() {
    let ([_, secondary, _], gate) = &failing_at_first("{ min: 1s, max: 4s }").await;
    secondary.set_faults(faults(r#"{"status":500}"#));
    for (model, attempts, bound) in [("twice", "2", Duration::from_secs(1)), ("all", "3", Duration::from_secs(2))] {
        let spans = spans(gate, model, attempts).await;
        let mean = spans.iter().sum::<Duration>() / u32::try_from(spans.len()).unwrap();
        // A half of the bound, but for chance, which takes off a quarter of it once in 10,000 times.
        assert!(mean > bound / 4, "{model}: {spans:?}");
        assert!(spans.iter().any(|span| *span < bound * 3 / 4), "{model}: {spans:?}");
        assert!(spans.iter().all(|span| *span < bound * 3 / 2), "{model}: {spans:?}");
    }
}

#[tokio::test]
async fn second_upstream_is_asked_without_a_wait() {
    let (_upstreams, gate) = &failing_at_first("{ min: 20s, max: 20s }").await;
    let spans = spans(gate, "all", "2").await;
    assert!(spans.iter().all(|span| *span < Duration::from_secs(2)), "{spans:?}");
}

/// How long each of twenty calls takes that are made at once.
async fn spans(gate: &Gate, model: &str, attempts: &'static str) -> Vec<Duration> {
    let body = serde_json::json!({"model": model, "messages": [{"role": "user", "content": "Hi"}]}).to_string();
    let timed = |ask: Ask| async move {
        let began = Instant::now();
        assert_eq!(ask.send().await.header("x-wardgate-attempts"), attempts);
        began.elapsed()
    };
    let ask = || gate.post("/v1/chat/completions", body.clone());
    let asking: Vec<_> = (0..20).map(|_| tokio::spawn(timed(ask()))).collect();
    let mut spans = Vec::new();
    for ask in asking {
        spans.push(ask.await.unwrap());
    }
    spans
}

/// Whatever it would have waited.
#[tokio::test]
async fn nobody_waits_past_the_deadline_for_another_attempt() {
    let primary = provider("primary").await;
    let gate = gate().upstream(&primary).tenant("acme").config(
        "failover: { backoff: { min: 24h, max: 24h }, deadline: 1s }\nmodels: [{ name: gpt-4o, targets: [{ upstream: primary, model: a }, { upstream: primary, model: b }] }]",
    );
    let gate = gate.start().await;
    primary.set_faults(faults(r#"{"status":500}"#));
    let began = Instant::now();
    assert_eq!(gate.chat("Hi").send().await.status, 500, "what the first said is the answer");
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
}

/// Twelve of them would have spent the ten retries that there are.
#[tokio::test]
async fn attempt_that_the_deadline_forestalls_costs_nothing() {
    let (primary, secondary) = (provider("primary").await, provider("secondary").await);
    let gate = gate().upstream(&primary).upstream(&secondary).tenant("acme").config(
        "
failover: { backoff: { min: 24h, max: 24h }, deadline: 2s, retry_budget: { ratio: 0, per_second_min: 1 }, breaker: { failures: 1000, failure_ratio: 1, requests_min: 100000 } }
models:
  - { name: gpt-4o, targets: [{ upstream: primary, model: a }, { upstream: primary, model: b }] }
  - { name: other, targets: [{ upstream: primary }, { upstream: secondary }] }
",
    );
    let gate = gate.start().await;
    primary.set_faults(faults(r#"{"status":500}"#));
    let late: Vec<_> = (0..12).map(|_| tokio::spawn(gate.chat("Hi").send())).collect();
    for call in late {
        assert_eq!(call.await.unwrap().header("x-wardgate-attempts"), "1");
    }
    let other = r#"{"model":"other","messages":[{"role":"user","content":"Hi"}]}"#;
    let reply = gate.post("/v1/chat/completions", other).send().await;
    assert_eq!((reply.status.as_u16(), reply.header("x-wardgate-attempts")), (200, "2"), "there is a retry left");
}
