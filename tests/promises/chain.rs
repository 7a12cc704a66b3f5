//! The other ways to be known, what contradicts them, and the words that the log has for each outcome.

use std::time::Duration;

use wardgate::auth::jwt::{HmacAlgorithm, NewToken};
use wardgate::clock::{Expiry, Timestamp};
use wardgate::principal::{Contact, PrincipalId};
use wardgate::scopes::Scopes;

use crate::support::*;

const TRUSTING: &str = "auth: { order: [jwt, api_key, trusted_header], trusted_peers: [127.0.0.1], trusted_header: { scopes: [llm:invoke] }, JWT_SECRETS }";

#[tokio::test]
async fn tenant_on_the_word_of_a_listed_peer_passes_and_of_any_other_does_not() {
    let primary = provider("primary").await;
    let trusting = gate().upstream(&primary).tenant("acme").config(TRUSTING).start().await;
    let id = trusting.store.tenant(PLATFORM, "acme").await.unwrap().id.to_string();
    for (tenant, principal) in [("acme", None), (id.as_str(), Some("u-7"))] {
        let ask = trusting.chat("Hi").without("authorization").header("x-tenant-id", tenant);
        let ask = if let Some(principal) = principal { ask.header("x-principal-id", principal) } else { ask };
        assert_eq!(ask.send().await.status, 200);
        let told = primary.requests().pop().unwrap();
        assert_eq!((told.header("x-tenant-slug"), told.header("x-tenant-id")), (Some("acme"), Some(id.as_str())));
        assert_eq!(told.header("x-auth-method"), Some("trusted_header"));
        assert_eq!(told.header("x-principal-id"), Some(principal.unwrap_or("trusted-peer")));
    }
    let models = trusting.ask("GET", "/v1/models").header("x-tenant-id", "acme").send().await;
    assert_eq!(models.status, 403, "its scopes are the config's");
    for order in ["order: [jwt, api_key, trusted_header]", "trusted_peers: [127.0.0.1]", "trusted_peers: [192.0.2.1]"] {
        let strict = gate().upstream(&primary).tenant("acme").config(&format!("auth: {{ {order}, JWT_SECRETS }}"));
        let strict = strict.start().await;
        let refused = strict.chat("Hi").without("authorization").header("x-tenant-id", "acme").send().await;
        assert_eq!((refused.status.as_u16(), refused.code().as_str()), (401, "missing_credential"), "{order}");
    }
}

#[tokio::test]
async fn word_that_is_repeated_unknown_or_beside_another_tenants_credential_is_refused() {
    let primary = provider("primary").await;
    let gate = gate().upstream(&primary).tenant("acme").tenant("globex").config(TRUSTING).start().await;
    let word = |tenant: &str| gate.chat("Hi").without("authorization").header("x-tenant-id", tenant);
    assert_eq!(word("nobody").send().await.status, 401);
    assert_eq!(word("").send().await.status, 401);
    assert_eq!(word("acme").header("x-tenant-id", "globex").send().await.status, 401);
    assert_eq!(word("acme").header("x-tenant-slug", "globex").send().await.status, 401);
    assert_eq!(gate.chat("Hi").header("x-tenant-id", "globex").send().await.status, 403);
    assert_eq!(word("acme").bearer("llmk_nobody12_wrong").send().await.status, 401, "a wrong key is not saved by it");
    assert!(primary.requests().is_empty());
    assert_eq!(gate.chat("Hi").header("x-tenant-id", "acme").send().await.status, 200);
}

async fn token(gate: &Gate, slug: &str, contact: Contact) -> String {
    let tenant = gate.store.tenant(PLATFORM, slug).await.unwrap();
    let (now, subject, scopes) =
        (Timestamp::now(), PrincipalId::parse("u1").unwrap(), Scopes::parse("llm:invoke").unwrap());
    let token = NewToken {
        expiry: Expiry::At(now.after(Duration::from_secs(600))),
        scopes: Some(&scopes),
        contact,
        ..NewToken::access(&subject, &tenant, HmacAlgorithm::Hs256)
    };
    String::from_utf8(gate.jwt.mint(&token, now).unwrap().expose().to_vec()).unwrap()
}

#[tokio::test]
async fn token_of_one_tenant_and_a_path_header_or_body_of_another_is_forbidden() {
    let primary = open_provider("primary").await;
    let routes = "routes: [{ path: '/tenants/{tenant}/chats', methods: [POST] }, { path: /chats }]";
    let gate = gate().upstream(&primary).tenant("acme").tenant("globex").config(routes).start().await;
    let token = token(&gate, "acme", Contact::default()).await;
    let own = gate.store.tenant(PLATFORM, "acme").await.unwrap().id.to_string();
    let globex = gate.store.tenant(PLATFORM, "globex").await.unwrap().id.to_string();
    let ask = |path: &str, body: &str| gate.post(path, body).bearer(&token);
    for other in ["globex", globex.as_str(), "nobody", "ACME"] {
        let body = format!(r#"{{"tenant_id":"{other}"}}"#);
        let in_metadata = format!(r#"{{"metadata":{{"tenant_slug":"{other}"}}}}"#);
        for ask in [
            ask(&format!("/tenants/{other}/chats"), "{}"),
            ask("/chats", "{}").header("x-tenant-id", other),
            ask("/chats", "{}").header("x-tenant-slug", other),
            ask("/chats", &body),
            ask("/chats", &in_metadata),
        ] {
            let reply = ask.send().await;
            assert_eq!((reply.status.as_u16(), reply.code().as_str()), (403, "other_tenant"), "{other}");
        }
    }
    let looks_alike = ask("/chats", r#"{"Tenant_ID":"globex"}"#).send().await;
    assert_eq!(looks_alike.status, 400);
    assert!(primary.requests().is_empty(), "no upstream saw any of it");
    for same in ["acme", own.as_str()] {
        for ask in [
            ask(&format!("/tenants/{same}/chats"), "{}"),
            ask("/chats", "{}").header("x-tenant-id", same),
            ask("/chats", &format!(r#"{{"tenant_id":"{same}","metadata":{{"tenant_id":"{same}"}}}}"#)),
        ] {
            ask.send().await;
        }
    }
    assert_eq!(primary.requests().len(), 6);
}

/// A key names no tenant that a header could contradict: there the spoofed header is nothing but stripped (S14).
#[tokio::test]
async fn key_beside_a_path_or_body_of_another_tenant_is_forbidden_and_a_spoofed_header_is_stripped() {
    let primary = open_provider("primary").await;
    let routes = "routes: [{ path: '/tenants/{tenant_slug}/chats' }, { path: /chats }]";
    let gate = gate().upstream(&primary).tenant("acme").config(routes).start().await;
    assert_eq!(gate.post("/tenants/globex/chats", "{}").send().await.status, 403);
    assert_eq!(gate.post("/chats", r#"{"tenant_id":"globex"}"#).send().await.status, 403);
    assert_eq!(gate.post("/chats", r#"{"tenant_id":7}"#).send().await.status, 403);
    assert!(primary.requests().is_empty());
    gate.post("/chats", r#"{"tenant_id":null}"#).header("x-tenant-id", "globex").send().await;
    assert_eq!(primary.requests().pop().unwrap().header("x-tenant-slug"), Some("acme"));
}

/// Promise S21: what could break out of a header or a log line is no claim, and a name that holds it is dropped.
#[tokio::test]
async fn s21_line_breaks_in_claims_never_reach_a_header_or_a_line_of_their_own() {
    let primary = provider("primary").await;
    let gate = gate().upstream(&primary).tenant("acme").start().await;
    let nasty = "eve\r\nX-Tenant-ID: globex\n{\"level\":\"INFO\"}\0";
    let contact = Contact { email: Some(nasty.into()), name: Some(nasty.into()) };
    let token = token(&gate, "acme", contact).await;
    assert_eq!(gate.chat("Hi").bearer(&token).send().await.status, 200);
    let told = primary.requests().pop().unwrap();
    assert!(!told.headers.iter().any(|(_, value)| value.contains("globex")), "{:?}", told.headers);
    let tenant = gate.store.tenant(PLATFORM, "acme").await.unwrap();
    for (field, value) in [("sub", nasty), ("tenant_id", nasty), ("tenant_slug", nasty)] {
        let mut claims = serde_json::json!({"sub": "u1", "tenant_id": tenant.id.as_str(), "exp": 4_000_000_000_i64});
        claims[field] = value.into();
        let reply = gate.chat("Hi").bearer(&sign_claims(&claims)).send().await;
        assert_eq!(reply.status, 401, "{field}");
    }
    let own_name = wardgate::store::NewTenant::new(
        nasty.into(),
        wardgate::tenant::Slug::parse("nasty").unwrap(),
        None,
        wardgate::tenant::TenantPolicy::default(),
    );
    assert!(own_name.is_err(), "no tenant has such a name");
    eventually("the lines", async || gate.log.requests().len() == 4).await;
    let lines = gate.log.text();
    let requests = lines.lines().filter(|line| line.contains("\"message\":\"request\"")).count();
    assert_eq!((lines.lines().count(), requests), (4, 4), "no claim made a line of its own: {lines}");
    assert_eq!(primary.requests().len(), 1, "the one whose subject is good");
}

/// One line an outcome, and one word for it, which docs/authentication.md lists.
#[tokio::test]
async fn every_outcome_of_authentication_is_one_line_with_a_stable_word() {
    let primary = provider("primary").await;
    let quiet = "telemetry: { requests: false }";
    let gate = gate().upstream(&primary).tenant("acme").config(quiet).start().await;
    let mut mistyped = gate.key("acme").to_owned();
    mistyped.replace_range(20..21, if &mistyped[20..21] == "a" { "b" } else { "a" });
    let expired = gate.create_key("acme", KeyTerms { expires_at: Some(1), ..KeyTerms::default() }).await;
    let good = token(&gate, "acme", Contact::default()).await;
    let (head, _) = good.rsplit_once('.').unwrap();
    for (credential, status) in [
        (gate.key("acme").to_owned(), 200),
        (mistyped, 401),
        ("llmk_nobody12_x".to_owned(), 401),
        (expired, 401),
        (format!("{head}.AAAA"), 401),
        (good, 200),
    ] {
        assert_eq!(gate.chat("Hi").bearer(&credential).send().await.status, status);
    }
    assert_eq!(gate.chat("Hi").without("authorization").send().await.status, 401);
    assert_eq!(gate.ask("GET", "/health").send().await.status, 200);
    let expected = ["key_checksum", "key_unknown", "key_expired", "token_signature", "missing"];
    eventually("the lines", async || gate.log.requests().len() >= expected.len()).await;
    let words: Vec<String> =
        gate.log.requests().iter().map(|line| line["auth"].as_str().unwrap_or("none").to_owned()).collect();
    assert_eq!(words, expected, "lines of what was accepted are off");
    let listed = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/authentication.md")).unwrap();
    for word in expected {
        assert!(listed.contains(&format!("`{word}`")), "{word} is not in the docs");
    }
}

#[tokio::test]
async fn wildcard_scope_is_good_for_what_is_under_it() {
    let primary = open_provider("primary").await;
    let routes = "routes: [{ path: /sessions, scopes: ['session:create', 'session:read'] }, \
                  { path: /either, any_scope: ['ops:all', 'session:read'] }, { path: /other, scopes: ['sessions:x'] }]";
    let gate = gate().upstream(&primary).tenant("acme").config(routes).start().await;
    let key = gate.create_key("acme", KeyTerms { scopes: Some("session:*"), ..KeyTerms::default() }).await;
    let one = gate.create_key("acme", KeyTerms { scopes: Some("session:read"), ..KeyTerms::default() }).await;
    let status = async |key: &str, path: &str| gate.post(path, "{}").bearer(key).send().await.status.as_u16();
    assert_ne!(status(&key, "/sessions").await, 403);
    assert_eq!(status(&one, "/sessions").await, 403, "all of them are needed");
    assert_ne!(status(&one, "/either").await, 403);
    assert_eq!(status(&key, "/other").await, 403);
}

#[tokio::test]
async fn bounds_of_a_tenant_hold_for_keys_that_say_more() {
    let primary = provider("primary").await;
    let gate = gate().upstream(&primary).tenant("acme").start().await;
    assert_eq!(gate.chat("Hi").send().await.status, 200);
    gate.bound("acme", "llm:models", &[]).await;
    eventually("the scopes", async || gate.chat("Hi").send().await.status == 403).await;
    gate.bound("acme", "llm:*", &["gpt-4o-mini"]).await;
    eventually("the models", async || gate.chat("Hi").send().await.code() == "model_not_allowed").await;
    gate.bound("acme", "llm:*", &["gpt-4o"]).await;
    eventually("the way back", async || gate.chat("Hi").send().await.status == 200).await;
}

/// Promise S4: a token that was cached with its scopes is not good for others, nor a key for another route.
#[tokio::test]
async fn s04_scopes_are_asked_again_at_every_hit_of_the_cache() {
    let primary = provider("primary").await;
    let gate = gate().upstream(&primary).tenant("acme").start().await;
    let token = token(&gate, "acme", Contact::default()).await;
    let key = gate.create_key("acme", KeyTerms { scopes: Some("llm:invoke"), ..KeyTerms::default() }).await;
    for credential in [&token, &key] {
        for _ in 0..2 {
            assert_eq!(gate.chat("Hi").bearer(credential).send().await.status, 200);
            assert_eq!(gate.ask("GET", "/v1/models").bearer(credential).send().await.status, 403);
        }
    }
}
