//! What is revoked is refused at once, and what streams to it ends with a word.

use serde_json::json;
use wardgate::store::KeyUpdate;
use wardgate::tenant::TenantStatus;

use crate::support::*;

/// A stream of the first tenant's that has begun and is held open.
async fn held_stream(gate: &Gate, primary: &wardgate::cli::mock::Provider, credential: &str) -> Stream {
    primary.set_faults(wardgate::cli::mock::Faults { hold: true, ..faults("{}") });
    primary.release(1);
    let mut stream = gate.chat_stream("Hi").bearer(credential).open().await.unwrap();
    assert_eq!(stream.status, 200);
    assert!(stream.chunk().await.unwrap().is_ok());
    stream
}

async fn ends_with_a_word(stream: Stream) {
    let rest = stream.rest().await;
    let last = rest.lines().rfind(|line| line.starts_with("data: ")).unwrap_or_default();
    let event: serde_json::Value = serde_json::from_str(last.trim_start_matches("data: ")).unwrap_or_default();
    assert_eq!(event["error"]["code"], "credential_revoked", "{rest}");
    assert!(!rest.contains("[DONE]"));
}

fn public_id(key: &str) -> &str {
    key.rsplit_once('_').unwrap().0
}

#[tokio::test]
async fn r23_revoked_key_ends_its_live_streams_with_an_error_event() {
    let primary = provider("primary").await;
    let gate = gate().upstream(&primary).tenant("acme").start().await;
    let other = gate.create_key("acme", KeyTerms::default()).await;
    let key = gate.key("acme").to_owned();
    let stream = held_stream(&gate, &primary, &key).await;
    let mut unharmed = held_stream(&gate, &primary, &other).await;
    let revoked = std::time::Instant::now();
    gate.store.revoke_key(PLATFORM, public_id(&key), None).await.unwrap();
    ends_with_a_word(stream).await;
    assert!(revoked.elapsed() < std::time::Duration::from_secs(1), "{:?}", revoked.elapsed());
    assert_eq!(gate.chat("Hi").bearer(&key).send().await.status, 401);
    primary.release(1_000);
    assert!(unharmed.chunk().await.unwrap().is_ok(), "another key's stream goes on");
    assert!(unharmed.rest().await.ends_with("data: [DONE]\n\n"));
    eventually("the log", async || gate.log.requests().iter().any(|line| line["outcome"] == "revoked")).await;
}

#[tokio::test]
async fn r23_stream_of_the_other_dialect_ends_in_its_own_words() {
    let primary = provider("primary").await;
    let gate = gate().upstream(&primary).tenant("acme").start().await;
    primary.set_faults(wardgate::cli::mock::Faults { hold: true, ..faults("{}") });
    let mut stream = gate.message("Hi", true).open().await.unwrap();
    assert!(stream.chunk().await.unwrap().is_ok());
    gate.store.revoke_key(PLATFORM, public_id(gate.key("acme")), None).await.unwrap();
    let rest = stream.rest().await;
    let (_, error) = rest.rsplit_once("event: error\ndata: ").unwrap();
    let error: serde_json::Value = serde_json::from_str(error.trim()).unwrap();
    assert_eq!(error["error"]["type"], "authentication_error");
}

#[tokio::test]
async fn r23_suspended_tenant_and_a_logout_end_streams_too() {
    let primary = provider("primary").await;
    let config = "auth: { session: { enabled: true }, JWT_SECRETS }";
    let gate = gate().upstream(&primary).tenant("acme").config(config).start().await;
    gate.create_user("acme", "ann@acme.example", "correct horse battery", "llm:invoke").await;
    let body = json!({"tenant": "acme", "email": "ann@acme.example", "password": "correct horse battery"});
    let tokens = gate.post("/auth/login", body.to_string()).without("authorization").send().await.json();
    let access = tokens["access_token"].as_str().unwrap();
    let stream = held_stream(&gate, &primary, access).await;
    assert_eq!(gate.ask("POST", "/auth/logout").bearer(access).send().await.status, 204);
    ends_with_a_word(stream).await;
    let stream = held_stream(&gate, &primary, gate.key("acme")).await;
    gate.set_status("acme", TenantStatus::Suspended).await;
    ends_with_a_word(stream).await;
}

#[tokio::test]
async fn renamed_key_ends_nothing() {
    let primary = provider("primary").await;
    let gate = gate().upstream(&primary).tenant("acme").start().await;
    let key = gate.key("acme").to_owned();
    let stream = held_stream(&gate, &primary, &key).await;
    let update = wardgate::store::KeyUpdate { name: Some("renamed".into()), ..Default::default() };
    gate.store.update_key(PLATFORM, public_id(&key), update, None).await.unwrap();
    // Another key is revoked behind it: once that is known, the renaming is too.
    let marker = gate.create_key("acme", KeyTerms::default()).await;
    assert_eq!(gate.chat("Hi").bearer(&marker).open().await.unwrap().status, 200);
    gate.store.revoke_key(PLATFORM, public_id(&marker), None).await.unwrap();
    eventually("the feed", async || gate.chat("Hi").bearer(&marker).send().await.status == 401).await;
    primary.release(1_000);
    assert!(stream.rest().await.ends_with("data: [DONE]\n\n"));
}

#[tokio::test]
async fn k07_rotation_leaves_both_keys_valid_for_the_overlap() {
    let primary = provider("primary").await;
    let gate = gate().upstream(&primary).tenant("acme").start().await;
    let old = gate.key("acme").to_owned();
    let new = gate.rotate_key(&old, std::time::Duration::from_secs(3)).await;
    let rotated = std::time::Instant::now();
    for key in [&old, &new] {
        assert_eq!(gate.chat("Hi").bearer(key).send().await.status, 200);
    }
    eventually("the end of the old key", async || gate.chat("Hi").bearer(&old).send().await.status == 401).await;
    assert!(rotated.elapsed() > std::time::Duration::from_secs(1), "not before the overlap is over");
    assert_eq!(gate.chat("Hi").bearer(&old).send().await.code(), "expired_credential");
    assert_eq!(gate.chat("Hi").bearer(&new).send().await.status, 200);
}

#[tokio::test]
async fn canary_key_is_refused_like_any_wrong_one_and_raises_the_alarm() {
    let primary = provider("primary").await;
    let gate = gate()
        .upstream(&primary)
        .tenant("acme")
        .tenant("globex")
        .config("auth: { api_key: { canary_suspends_tenant: true }, JWT_SECRETS }")
        .start()
        .await;
    let canary = gate.create_canary("globex").await;
    let refused = gate.chat("Hi").bearer(&canary).send().await;
    let wrong = gate.chat("Hi").bearer("llmk_nobody12_right").send().await;
    assert_eq!((refused.status.as_u16(), refused.text()), (401, wrong.text()));
    let line = gate.log.requests().into_iter().find(|line| line["auth"] == "key_canary");
    assert!(line.is_some(), "{}", gate.log.text());
    eventually("the suspension", async || {
        gate.store.tenant(PLATFORM, "globex").await.unwrap().status == TenantStatus::Suspended
    })
    .await;
    eventually("its keys to be refused", async || {
        gate.chat("Hi").bearer(gate.key("globex")).send().await.status == 403
    })
    .await;
    assert_eq!(gate.chat("Hi").send().await.status, 200, "the other tenant goes on");
    assert!(primary.requests().len() == 1);
    let taken_back = gate.create_canary("acme").await;
    gate.store.revoke_key(PLATFORM, public_id(&taken_back), None).await.unwrap();
    assert_eq!(gate.chat("Hi").bearer(&taken_back).send().await.status, 401);
    eventually("the alarm of one that was revoked", async || {
        gate.store.tenant(PLATFORM, "acme").await.unwrap().status == TenantStatus::Suspended
    })
    .await;
}

/// A stream lives longer than what is remembered of its key, which was renamed: whoever holds it is found all the same.
#[tokio::test]
async fn r23_stream_that_outlived_the_cache_ends_too() {
    let primary = provider("primary").await;
    let gate = gate().upstream(&primary).tenant("acme").start().await;
    let key = gate.key("acme").to_owned();
    let stream = held_stream(&gate, &primary, &key).await;
    let before = gate.lookups();
    let renamed = KeyUpdate { name: Some("renamed".to_owned()), ..KeyUpdate::default() };
    gate.store.update_key(PLATFORM, public_id(&key), renamed, None).await.unwrap();
    eventually("another look-up of the key", async || {
        drop(gate.chat("Hi").bearer(&key).send().await);
        gate.lookups() > before + 1
    })
    .await;
    gate.store.revoke_key(PLATFORM, public_id(&key), None).await.unwrap();
    ends_with_a_word(stream).await;
}
