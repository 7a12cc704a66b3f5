//! What a tenant has of its own: keys at providers, targets of models, hedging.

use serde_json::{Value, json};
use wardgate::tenant::Tenant;

use super::desk::{admin, desk, get, is_problem, post, says};
use crate::support::{Gate, PLATFORM, gate, open_provider};

const KEYS: &str = "/admin/v1/tenants/acme/provider-keys";

async fn put(gate: &Gate, upstream: &str, body: &Value) -> crate::support::Reply {
    says(gate, "PUT", &format!("{KEYS}/{upstream}"), body).send().await
}

/// The tenant as another process would read it.
async fn stored(gate: &Gate) -> std::sync::Arc<Tenant> {
    gate.store.tenant(PLATFORM, "acme").await.unwrap()
}

#[tokio::test]
async fn provider_key_is_set_listed_and_removed_and_never_answered() {
    let gate = desk().await;
    let set = put(&gate, "primary", &json!({"key": "sk-canary"})).await;
    assert_eq!(set.status, 200, "{}", set.text());
    assert_eq!(set.json()["data"], json!([{"upstream": "primary", "sealed_with": "s1"}]));
    assert_eq!(set.header("etag"), format!("\"{}\"", set.json()["version"]));
    let listed = get(&gate, KEYS).await;
    assert_eq!((listed.json(), listed.header("etag")), (set.json(), set.header("etag")));
    let tenant = get(&gate, "/admin/v1/tenants/acme").await;
    assert_eq!((&tenant.json()["provider_keys"], tenant.header("etag")), (&json!(["primary"]), set.header("etag")));
    assert!(stored(&gate).await.policy.provider_keys.contains_key("primary"));
    let removed = admin(&gate, "DELETE", &format!("{KEYS}/primary")).send().await;
    assert_eq!((removed.status.as_u16(), &removed.json()["data"]), (200, &json!([])));
    is_problem(&admin(&gate, "DELETE", &format!("{KEYS}/primary")).send().await, 404, "not_found");
    assert!(stored(&gate).await.policy.provider_keys.is_empty());
    for told in [set, listed, tenant, removed] {
        assert!(!told.text().contains("canary") && !told.text().contains("v1.s1."), "{}", told.text());
    }
}

#[tokio::test]
async fn s09_provider_key_that_is_refused_is_not_echoed() {
    let gate = desk().await;
    for (upstream, body, status, code) in [
        ("primary", json!({"key": "sk canary"}), 422, "invalid"),
        ("primary", json!({"key": ""}), 422, "invalid"),
        ("primary", json!({"key": "canary".repeat(1000)}), 422, "invalid"),
        ("primary", json!({"key": ["sk-canary"]}), 400, "malformed_request"),
        ("primary", json!({"key": "sk", "more": "sk-canary"}), 400, "malformed_request"),
        ("primary", json!(["sk-canary"]), 400, "malformed_request"),
        ("primary", json!({}), 400, "malformed_request"),
        ("sk-canary", json!({"key": "sk-canary"}), 422, "invalid"),
    ] {
        let refused = put(&gate, upstream, &body).await;
        is_problem(&refused, status, code);
        assert!(!refused.text().contains("canary"), "{}", refused.text());
    }
    let unknown = put(&gate, "secondary", &json!({"key": "sk"})).await.json()["detail"].to_string();
    assert!(unknown.contains("there are: primary"), "{unknown}");
    let nobody = says(&gate, "PUT", "/admin/v1/tenants/nobody/provider-keys/primary", &json!({"key": "sk"}));
    is_problem(&nobody.send().await, 404, "not_found");
    assert!(stored(&gate).await.policy.provider_keys.is_empty() && !gate.log.text().contains("canary-"));
}

#[tokio::test]
async fn etag_of_the_tenant_keeps_one_provider_key_from_undoing_another() {
    let gate = desk().await;
    let tag = get(&gate, KEYS).await.header("etag").to_owned();
    assert_eq!(admin(&gate, "GET", KEYS).header("if-none-match", &tag).send().await.status, 304);
    let path = format!("{KEYS}/primary");
    let set = |key: &str| says(&gate, "PUT", &path, &json!({ "key": key })).header("if-match", &tag);
    assert_eq!(set("sk-1").send().await.status, 200);
    let first = stored(&gate).await;
    is_problem(&set("sk-2").send().await, 412, "stale");
    is_problem(&admin(&gate, "DELETE", &path).header("if-match", &tag).send().await, 412, "stale");
    assert_eq!(stored(&gate).await, first);
    assert_eq!(admin(&gate, "GET", KEYS).header("if-none-match", &tag).send().await.status, 200);
}

#[tokio::test]
async fn other_changes_of_a_tenant_keep_its_provider_keys() {
    let gate = desk().await;
    put(&gate, "primary", &json!({"key": "sk-canary"})).await;
    let sealed = stored(&gate).await.policy.provider_keys.clone();
    for change in [
        json!({"name": "Acme II"}),
        json!({"scan_mode": "flag", "scopes": ["llm:*"], "models": ["m"], "hedging": true}),
        json!({"targets": {"m": [{"upstream": "primary"}]}}),
        json!({"status": "suspended"}),
    ] {
        let changed = says(&gate, "PATCH", "/admin/v1/tenants/acme", &change).send().await;
        assert_eq!((changed.status.as_u16(), &changed.json()["provider_keys"]), (200, &json!(["primary"])));
        assert_eq!(stored(&gate).await.policy.provider_keys, sealed, "{change}");
    }
    let forged = json!({"provider_keys": {"primary": "v1.s1.eA"}});
    is_problem(&says(&gate, "PATCH", "/admin/v1/tenants/acme", &forged).send().await, 400, "malformed_request");
    is_problem(
        &post(&gate, "/admin/v1/tenants", &json!({"name": "N", "provider_keys": {}})).await,
        400,
        "malformed_request",
    );
    assert_eq!(stored(&gate).await.policy.provider_keys, sealed);
}

#[tokio::test]
async fn targets_change_name_by_name_and_null_takes_one_away() {
    let gate = desk().await;
    let patch = async |targets: Value| {
        says(&gate, "PATCH", "/admin/v1/tenants/acme", &json!({ "targets": targets })).send().await
    };
    let fast = json!([{"upstream": "primary", "model": "gpt-4o-mini"}, {"upstream": "primary", "model": null}]);
    assert_eq!(patch(json!({ "fast": fast })).await.json()["targets"], json!({ "fast": fast }));
    let both = patch(json!({"m": [{"upstream": "primary"}]})).await.json();
    assert_eq!(both["targets"], json!({"fast": fast, "m": [{"upstream": "primary", "model": null}]}));
    assert_eq!(patch(json!(null)).await.json()["targets"], both["targets"]);
    assert_eq!(patch(json!({"fast": null, "unknown": null})).await.json()["targets"].as_object().unwrap().len(), 1);
    let before = stored(&gate).await;
    for (wrong, status, code) in [
        (json!({"m": []}), 422, "invalid"),
        (json!({"": [{"upstream": "primary"}]}), 422, "invalid"),
        (json!({"m": [{"upstream": "nobody"}]}), 422, "invalid"),
        (json!({"m": [{"upstream": "primary", "model": ""}]}), 422, "invalid"),
        (json!({"m": [{"model": "m"}]}), 400, "malformed_request"),
        (json!({"m": [{"upstream": "primary", "url": "http://x"}]}), 400, "malformed_request"),
        (json!({"m": [["primary", "m"]]}), 400, "malformed_request"),
        (json!({"m": "primary"}), 400, "malformed_request"),
        (json!([]), 400, "malformed_request"),
        (json!({"m": vec![json!({"upstream": "primary"}); 65]}), 409, "conflict"),
    ] {
        is_problem(&patch(wrong).await, status, code);
    }
    assert_eq!(stored(&gate).await, before);
}

#[tokio::test]
async fn tenant_is_made_with_targets_and_hedging() {
    let gate = desk().await;
    let new = json!({"name": "N", "targets": {"m": [{"upstream": "primary", "model": "x"}]}, "hedging": true});
    let made = post(&gate, "/admin/v1/tenants", &new).await;
    assert_eq!(
        (made.status.as_u16(), &made.json()["targets"], &made.json()["hedging"]),
        (201, &new["targets"], &json!(true))
    );
    assert_eq!(made.json()["provider_keys"], json!([]));
    let plain = post(&gate, "/admin/v1/tenants", &json!({"name": "P"})).await.json();
    assert_eq!((&plain["targets"], &plain["hedging"]), (&json!({}), &json!(false)));
    is_problem(
        &post(&gate, "/admin/v1/tenants", &json!({"name": "W", "targets": {"m": [{"upstream": "nobody"}]}})).await,
        422,
        "invalid",
    );
}

#[tokio::test]
async fn without_a_key_to_seal_with_a_provider_key_is_refused_and_nothing_is_stored() {
    let provider = open_provider("primary").await;
    let gate = gate().upstream(&provider).tenant("acme").config("sealing: { keys: [] }").start().await;
    let refused = put(&gate, "primary", &json!({"key": "sk-canary"})).await;
    is_problem(&refused, 409, "no_sealing_key");
    assert!(refused.text().contains("sealing.keys") && !refused.text().contains("canary"));
    assert!(stored(&gate).await.policy.provider_keys.is_empty());
    assert_eq!(get(&gate, KEYS).await.status, 200);
}
