//! The feed: what is announced, to whom, and what is not.

use super::bench::Reader;
use super::*;

on_each_engine! {
    write_in_one_store_is_seen_by_the_feed_of_another,
    change_made_by_hand_is_announced,
    users_and_revoked_tokens_are_announced,
    canary_is_announced_and_what_no_cache_holds_is_not,
}

async fn write_in_one_store_is_seen_by_the_feed_of_another(bench: Bench) {
    let other = bench.second_handle().await;
    let mut reader = Reader::of(&other).await;
    let tenant = bench.tenant("acme").await;
    let key = bench.key(&tenant, "wgk_a", "sha256:aa").await;
    let (tenant_id, key_id) = (tenant.id.to_string(), key.id.clone());
    assert_eq!(reader.news().await, [(ChangeKind::Tenant, tenant_id.clone()), (ChangeKind::Key, key_id.clone())]);
    bench.store.revoke_key(PLATFORM, "wgk_a", None).await.unwrap();
    bench.set_status("acme", TenantStatus::Suspended).await.unwrap();
    assert_eq!(reader.news().await, [(ChangeKind::Key, key_id), (ChangeKind::Tenant, tenant_id)]);
    assert!(reader.news().await.is_empty());
    assert!(other.key(PLATFORM, "wgk_a").await.unwrap().revoked_at.is_some());
}

async fn change_made_by_hand_is_announced(bench: Bench) {
    let tenant = bench.tenant("acme").await;
    let key = bench.key(&tenant, "wgk_a", "sha256:aa").await;
    let mut reader = bench.reader().await;
    bench
        .by_hand("UPDATE tenants SET epoch = epoch + 1; UPDATE api_keys SET id = 'renamed'; DELETE FROM api_keys")
        .await;
    let of_key = |id: &str| (ChangeKind::Key, id.to_owned());
    let tenant = (ChangeKind::Tenant, tenant.id.to_string());
    assert_eq!(reader.news().await, [tenant, of_key(&key.id), of_key("renamed")]);
}

async fn users_and_revoked_tokens_are_announced(bench: Bench) {
    let tenant = bench.tenant("acme").await;
    let mut reader = bench.reader().await;
    let user = bench.user(&tenant, "ada@example.com").await;
    let of_user = (ChangeKind::User, user.id.clone());
    assert_eq!(reader.news().await, std::slice::from_ref(&of_user));
    bench.store.revoke_token("jti-1", Timestamp::now().after(Duration::from_secs(60))).await.unwrap();
    assert_eq!(reader.news().await, [(ChangeKind::Token, "jti-1".to_owned())]);
    bench.by_hand("UPDATE users SET status = 'disabled'; DELETE FROM users").await;
    assert_eq!(reader.news().await, [of_user]);
}

async fn canary_is_announced_and_what_no_cache_holds_is_not(bench: Bench) {
    let tenant = bench.tenant("acme").await;
    let key = bench.key(&tenant, "wgk_a", "sha256:aa").await;
    let user = bench.user(&tenant, "ada@example.com").await;
    let mut reader = bench.reader().await;
    let at = bench.moment(9);
    bench
        .by_hand("UPDATE tenants SET version = 9; UPDATE users SET version = 9; UPDATE api_keys SET version = 9")
        .await;
    bench.by_hand(&format!("UPDATE api_keys SET last_used_at = {at}, last_used_from = '192.0.2.1'")).await;
    bench.store.note_login(&tenant.id, &user.id, Timestamp::now()).await.unwrap();
    assert!(reader.news().await.is_empty());
    bench.by_hand("UPDATE api_keys SET canary = TRUE").await;
    assert_eq!(reader.news().await, [(ChangeKind::Key, key.id)]);
}
