//! A tenant's own credential at a provider: it pays for that tenant's calls, for no other's, and never by the gate's.

use std::time::Duration;

use serde_json::json;
use wardgate::cli::mock::Provider;

use crate::support::*;

const OWN: &str = "sk-canary-of-the-tenant";

async fn set_own_key(gate: &Gate, slug: &str, upstream: &str, key: &str) {
    let path = format!("/admin/v1/tenants/{slug}/provider-keys/{upstream}");
    let ask = Ask::new(gate.admin_address(), "PUT", &path).header("content-type", "application/json");
    let set = ask.bearer(ADMIN_TOKEN).body(json!({"key": key}).to_string()).send().await;
    assert!(set.status.is_success(), "{}", set.text());
}

fn bearer(provider: &Provider) -> String {
    provider.requests().pop().unwrap().header("authorization").unwrap_or_default().to_owned()
}

#[tokio::test]
async fn tenants_own_key_pays_for_its_calls_from_the_next_request_on_and_for_no_other_tenants() {
    let (primary, secondary) = (open_provider("primary").await, open_provider("secondary").await);
    let gate = gate().upstream(&primary).upstream(&secondary).tenant("acme").tenant("globex").start().await;
    assert_eq!(gate.chat("Hi").send().await.status, 200);
    assert_eq!(bearer(&primary), format!("Bearer {PROVIDER_KEY}"));
    for key in [OWN, "sk-canary-rotated"] {
        set_own_key(&gate, "acme", "primary", key).await;
        assert_eq!(gate.chat("Hi").send().await.status, 200);
        assert_eq!(bearer(&primary), format!("Bearer {key}"));
    }
    assert_eq!(gate.chat("Hi").bearer(gate.key("globex")).send().await.status, 200);
    assert_eq!(bearer(&primary), format!("Bearer {PROVIDER_KEY}"));
    // At an upstream for which it has none, the gate's own pays as before.
    primary.set_faults(faults(r#"{"status":500}"#));
    assert_eq!(gate.chat("Hi").send().await.header("x-wardgate-upstream"), "secondary");
    assert_eq!(bearer(&secondary), format!("Bearer {PROVIDER_KEY}"));
    let removing = Ask::new(gate.admin_address(), "DELETE", "/admin/v1/tenants/acme/provider-keys/primary");
    assert!(removing.bearer(ADMIN_TOKEN).send().await.status.is_success());
    primary.set_faults(faults("{}"));
    gate.chat("Hi").send().await;
    assert_eq!(bearer(&primary), format!("Bearer {PROVIDER_KEY}"));
}

#[tokio::test]
async fn s08_tenants_own_key_that_an_upstream_echoes_is_stripped_and_stands_in_no_log() {
    let primary = open_provider("primary").await;
    let gate = gate().upstream(&primary).tenant("acme").start().await;
    set_own_key(&gate, "acme", "primary", OWN).await;
    primary.set_faults(faults(r#"{"echo_headers":["authorization"]}"#));
    let reply = gate.chat("Hi").send().await;
    assert_eq!(reply.status, 200);
    assert!(!format!("{:?}", reply.headers).contains(OWN) && !gate.log.text().contains(OWN));
}

#[tokio::test]
async fn rate_limit_and_failures_of_a_tenants_own_key_are_no_other_tenants() {
    let (primary, secondary) = (open_provider("primary").await, open_provider("secondary").await);
    let gate = gate().upstream(&primary).upstream(&secondary).tenant("acme").tenant("globex").start().await;
    set_own_key(&gate, "acme", "primary", OWN).await;
    primary.set_faults(faults(r#"{"status":429,"retry_after":60}"#));
    assert_eq!(gate.chat("Hi").send().await.header("x-wardgate-attempts"), "2");
    primary.clear_requests();
    primary.set_faults(faults("{}"));
    let again = gate.chat("Hi").send().await;
    assert_eq!((again.header("x-wardgate-upstream"), again.header("x-wardgate-attempts")), ("secondary", "1"));
    assert!(primary.requests().is_empty(), "for the tenant it is shut");
    let other = gate.chat("Hi").bearer(gate.key("globex")).send().await;
    assert_eq!(other.header("x-wardgate-upstream"), "primary", "and for the other it is not");
}

/// Nobody else's credential stands in for one that does not open.
#[tokio::test]
async fn own_key_that_does_not_open_refuses_its_target_and_spends_nothing() {
    let (primary, secondary) = (open_provider("primary").await, open_provider("secondary").await);
    let both = gate().upstream(&primary).upstream(&secondary).tenant("acme").start().await;
    set_own_key(&both, "acme", "primary", OWN).await;
    assert_eq!(both.chat("Hi").send().await.status, 200);
    std::fs::write(both.file("sealing-key"), "another-sealing-key-0123456789abcdef").unwrap();
    primary.clear_requests();
    eventually("the new key is read", async || {
        both.chat("Hi").send().await.header("x-wardgate-upstream") == "secondary"
    })
    .await;
    primary.clear_requests();
    assert_eq!(both.chat("Hi").send().await.header("x-wardgate-upstream"), "secondary");
    set_own_key(&both, "acme", "secondary", OWN).await;
    std::fs::write(both.file("sealing-key"), "a-third-sealing-key-0123456789abcdefg").unwrap();
    tokio::time::sleep(Duration::from_millis(20)).await;
    let reply = both.chat("Hi").send().await;
    assert_eq!((reply.status.as_u16(), reply.code().as_str()), (503, "provider_key_unavailable"));
    assert!(primary.requests().is_empty());
    assert!(!reply.header("retry-after").is_empty());
}

/// The credential goes to the upstream that it is for, in the header of the words that are spoken there.
#[tokio::test]
async fn own_key_goes_with_a_translated_call_too() {
    let anthropic = open_provider("anthropic").await;
    let gate = gate().speaking("anthropic", &anthropic).tenant("acme").start().await;
    set_own_key(&gate, "acme", "primary", OWN).await;
    assert_eq!(gate.chat("Hi").send().await.status, 200);
    let seen = anthropic.requests().pop().unwrap();
    assert_eq!((seen.header("x-api-key"), seen.header("authorization")), (Some(OWN), None));
}

#[tokio::test]
async fn spent_key_of_a_tenant_shuts_nobody_else_out() {
    let (primary, secondary) = (open_provider("primary").await, open_provider("secondary").await);
    let gate = gate().upstream(&primary).upstream(&secondary).tenant("acme").tenant("globex").start().await;
    set_own_key(&gate, "acme", "primary", OWN).await;
    primary.set_faults(faults(r#"{"status":429}"#));
    for _ in 0..3 {
        gate.chat("Hi").send().await;
    }
    assert_eq!(bearer(&primary), format!("Bearer {OWN}"));
    primary.set_faults(faults("{}"));
    let other = gate.chat("Hi").bearer(gate.key("globex")).send().await;
    assert_eq!(other.header("x-wardgate-upstream"), "primary", "acme's own limit shut globex out");
}

#[tokio::test]
async fn rate_limit_of_the_gates_key_is_not_the_tenants() {
    let (primary, secondary) = (open_provider("primary").await, open_provider("secondary").await);
    let gate = gate().upstream(&primary).upstream(&secondary).tenant("acme").tenant("globex").start().await;
    set_own_key(&gate, "acme", "primary", OWN).await;
    primary.set_faults(faults(r#"{"status":429,"retry_after":60}"#));
    gate.chat("Hi").bearer(gate.key("globex")).send().await;
    primary.set_faults(faults("{}"));
    let own = gate.chat("Hi").send().await;
    assert_eq!(own.header("x-wardgate-upstream"), "primary", "the gate's limit shut acme's own key out");
}
