//! Nothing under `/admin` is open, and health is.

use serde_json::json;
use wardgate::tenant::TenantStatus;

use super::desk::{admin, ask, desk, get, is_problem, says};
use crate::support::{KeyTerms, PLATFORM, gate, open_provider};

/// Every operation of the document, with something in place of its ids, and what the document does not know.
async fn operations(gate: &crate::support::Gate) -> Vec<(String, String)> {
    let document = get(gate, "/admin/v1/openapi.json").await.json();
    let mut found = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in item.as_object().unwrap().keys().filter(|name| *name != "parameters") {
            found.push((method.to_uppercase(), path.replace("{id}", "acme")));
        }
    }
    assert!(found.len() >= 22, "{found:?}");
    for (method, path) in
        [("GET", "/admin"), ("GET", "/admin/"), ("GET", "/admin/v1/nothing"), ("PUT", "/admin/v1/keys")]
    {
        found.push((method.to_owned(), path.to_owned()));
    }
    found
}

#[tokio::test]
async fn no_operation_is_open() {
    let gate = desk().await;
    for (method, path) in operations(&gate).await {
        let without = ask(&gate, &method, &path).send().await;
        is_problem(&without, 401, "missing_credential");
        assert!(without.header("www-authenticate").starts_with("Bearer"), "{method} {path}");
        for wrong in ["canary-admin-token-0123456789abcdee", "", "canary-admin-token-0123456789abcdef0"] {
            let refused = ask(&gate, &method, &path).bearer(wrong).send().await;
            assert_eq!(refused.status, 401, "{method} {path}: {}", refused.text());
        }
        let plain = ask(&gate, &method, &path).bearer(gate.key("acme")).send().await;
        is_problem(&plain, 403, "scope_missing");
        let elsewhere = ask(&gate, &method, &format!("{path}?token={}", crate::support::ADMIN_TOKEN)).send().await;
        assert_eq!(elsewhere.status, 401, "no credential is read from a query");
    }
}

#[tokio::test]
async fn health_and_what_is_not_there_need_no_credential() {
    let gate = desk().await;
    for path in ["/livez", "/readyz", "/health", "/health/", "/health/ready", "/"] {
        assert_eq!(ask(&gate, "GET", path).send().await.status, 200, "{path}");
    }
    for path in ["/metrics-of-nobody", "/v1/keys", "/administration", "/Admin/v1/keys", "/%61dmin/v1/keys"] {
        assert_eq!(ask(&gate, "GET", path).send().await.status, 404, "{path}");
    }
}

#[tokio::test]
async fn credential_with_platform_admin_is_an_operators_and_one_of_a_suspended_tenant_is_not() {
    let gate = desk().await;
    let terms = || KeyTerms { scopes: Some("platform:admin"), ..KeyTerms::default() };
    let operator = gate.create_key("acme", terms()).await;
    let made = ask(&gate, "POST", "/admin/v1/keys").bearer(&operator).header("content-type", "application/json");
    let made = made.body(json!({"tenant": "acme", "scopes": ["platform:admin"]}).to_string()).send().await;
    assert_eq!(made.status, 201, "{}", made.text());
    let own = gate.store.key(PLATFORM, &operator[..16]).await.unwrap();
    assert_eq!(made.json()["created_by"], format!("api_key {}", own.id));
    for other in ["llm:invoke", "platform:reader", "tenant:admin", "*", "admin"] {
        let key = gate.create_key("acme", KeyTerms { scopes: Some(other), ..KeyTerms::default() }).await;
        is_problem(&ask(&gate, "GET", "/admin/v1/keys").bearer(&key).send().await, 403, "scope_missing");
    }
    gate.set_status("acme", TenantStatus::Suspended).await;
    let late = gate.create_key("acme", terms()).await;
    is_problem(&ask(&gate, "GET", "/admin/v1/keys").bearer(&late).send().await, 403, "tenant_not_active");
}

#[tokio::test]
async fn without_a_token_in_the_config_no_token_opens() {
    let provider = open_provider("primary").await;
    let gate = gate().upstream(&provider).tenant("acme").config("admin: { listen: '127.0.0.1:0' }").start().await;
    for guess in ["", " ", "undefined", "null", crate::support::ADMIN_TOKEN] {
        assert_eq!(ask(&gate, "GET", "/admin/v1/tenants").bearer(guess).send().await.status, 401, "{guess:?}");
    }
    let operator = gate.create_key("acme", KeyTerms { scopes: Some("platform:*"), ..KeyTerms::default() }).await;
    assert_eq!(ask(&gate, "GET", "/admin/v1/tenants").bearer(&operator).send().await.status, 200);
}

#[tokio::test]
async fn two_credentials_are_refused_though_one_is_good() {
    let gate = desk().await;
    let twice = admin(&gate, "GET", "/admin/v1/tenants").header("authorization", "Bearer other");
    is_problem(&twice.send().await, 400, "conflicting_credentials");
}

/// A body is read for nobody who may not send one.
#[tokio::test]
async fn stranger_is_refused_before_the_body_is_looked_at() {
    let gate = desk().await;
    let huge = ask(&gate, "POST", "/admin/v1/tenants").header("content-type", "text/plain").body(vec![b'x'; 2 << 20]);
    if let Ok(refused) = huge.try_send().await {
        is_problem(&refused, 401, "missing_credential");
    }
    let none = says(&gate, "POST", "/admin/v1/tenants", &json!({"name": "B"})).without("authorization").send().await;
    is_problem(&none, 401, "missing_credential");
    assert_eq!(get(&gate, "/admin/v1/tenants").await.json()["data"].as_array().unwrap().len(), 1);
}
