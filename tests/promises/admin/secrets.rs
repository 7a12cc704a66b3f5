//! What the admin API never says twice, and never says at all.

use serde_json::json;

use super::desk::{admin, desk, get, new_key, post, says};
use crate::support::{ADMIN_TOKEN, JWT_SECRET, PLATFORM, PROVIDER_KEY};

#[tokio::test]
async fn k06_key_is_answered_once_and_stands_in_no_other_answer_or_log_line() {
    let gate = desk().await;
    let made = new_key(&gate).await;
    let (id, key) = (made["id"].as_str().unwrap(), made["key"].as_str().unwrap());
    let secret = &key[17..];
    for path in ["/admin/v1/keys", &format!("/admin/v1/keys/{id}"), "/admin/v1/tenants", "/admin/v1/config"] {
        let told = get(&gate, path).await.text();
        assert!(!told.contains(secret) && !told.contains("sha256:") && !told.contains("$2b$"), "{path}: {told}");
    }
    assert!(!gate.log.text().contains(secret) && !gate.log.text().contains(ADMIN_TOKEN));
    assert!(gate.store.key(PLATFORM, id).await.unwrap().hashed_key.starts_with("$2b$"));
}

#[tokio::test]
async fn password_is_never_answered_or_logged() {
    let gate = desk().await;
    let new = json!({"tenant": "acme", "email": "a@b", "password": "canary horse"});
    let made = post(&gate, "/admin/v1/users", &new).await;
    let listed = get(&gate, "/admin/v1/users").await;
    let wrong =
        post(&gate, "/admin/v1/users", &json!({"tenant": "acme", "email": "b@b", "password": "canary".repeat(20)}))
            .await;
    for told in [made.text(), listed.text(), wrong.text(), gate.log.text()] {
        assert!(!told.contains("canary horse") && !told.contains("canarycanary") && !told.contains("$2b$"), "{told}");
    }
}

/// A body of the wrong form is told by its place, and what stood there is told to nobody.
#[tokio::test]
async fn s09_malformed_body_is_refused_without_an_echo() {
    let gate = desk().await;
    for (method, path) in [("PUT", "/admin/v1/users/x/password"), ("POST", "/admin/v1/tokens/inspect")] {
        for body in [r#""canary, expected horse""#, r#"{"password":["canary"],"token":["canary"]}"#, "20061025"] {
            let ask = admin(&gate, method, path).header("content-type", "application/json").body(body);
            let refused = ask.send().await;
            assert_eq!(refused.status, 400, "{}", refused.text());
            assert!(!refused.text().contains("canary") && !refused.text().contains("20061025"), "{}", refused.text());
        }
    }
}

/// What is remembered of a creation, so that it happens once, must not be a quick digest of the password in it.
#[tokio::test]
async fn creations_of_a_user_that_differ_in_the_password_alone_are_one() {
    let gate = desk().await;
    let ask = |password: &str| {
        let new = json!({"tenant": "acme", "email": "a@b", "password": password});
        says(&gate, "POST", "/admin/v1/users", &new).header("idempotency-key", "once")
    };
    assert_eq!(ask("canary horse").send().await.status, 201);
    let again = ask("another horse").send().await;
    assert_eq!((again.status.as_u16(), again.header("idempotent-replayed")), (200, "true"));
}

#[tokio::test]
async fn config_is_shown_without_its_secrets() {
    let gate = desk().await;
    let shown = get(&gate, "/admin/v1/config").await;
    let config = shown.json();
    assert_eq!((&config["generation"], &config["admin_token"]), (&1.into(), &true.into()));
    assert_eq!(
        (&config["upstreams"][0]["name"], &config["upstreams"][0]["credential"]),
        (&"primary".into(), &true.into())
    );
    assert_eq!(config["hash"].as_str().unwrap().len(), 64);
    for secret in [ADMIN_TOKEN, JWT_SECRET, PROVIDER_KEY] {
        assert!(!shown.text().contains(secret));
    }
}
