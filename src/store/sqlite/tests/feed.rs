//! The feed: what is announced, to whom, and what is not.

use super::*;

#[tokio::test]
async fn write_in_one_store_is_seen_by_the_feed_of_another() {
    let bench = Bench::new().await;
    let other = Sqlite::open(&config(&bench.directory)).await.unwrap();
    assert_eq!(other.latest_seq().await.unwrap(), 0);
    let tenant = bench.tenant("acme").await;
    let key = bench.key(&tenant, "wgk_a", "sha256:aa").await;
    let (tenant_id, key_id) = (tenant.id.to_string(), key.id.clone());
    let seen = changes(other.changes_since(0).await.unwrap());
    assert_eq!(seen, [(ChangeKind::Tenant, tenant_id.clone()), (ChangeKind::Key, key_id.clone())]);
    bench.store.revoke_key("wgk_a").await.unwrap();
    bench.set_status("acme", TenantStatus::Suspended).await.unwrap();
    let seen = changes(other.changes_since(2).await.unwrap());
    assert_eq!(seen, [(ChangeKind::Key, key_id), (ChangeKind::Tenant, tenant_id)]);
    assert_eq!(other.changes_since(4).await.unwrap(), Feed::Changes(vec![]));
    assert!(other.key("wgk_a").await.unwrap().revoked_at.is_some());
}

#[tokio::test]
async fn change_made_by_hand_is_announced() {
    let bench = Bench::new().await;
    let tenant = bench.tenant("acme").await;
    let key = bench.key(&tenant, "wgk_a", "sha256:aa").await;
    bench.by_hand("UPDATE tenants SET epoch = epoch + 1; UPDATE api_keys SET id = 'renamed'; DELETE FROM api_keys");
    let seen = changes(bench.store.changes_since(2).await.unwrap());
    let of_key = |id: &str| (ChangeKind::Key, id.to_owned());
    let tenant = (ChangeKind::Tenant, tenant.id.to_string());
    assert_eq!(seen, [tenant, of_key(&key.id), of_key("renamed"), of_key("renamed")]);
}

#[tokio::test]
async fn feed_that_was_pruned_or_exchanged_is_lost_and_says_where_to_go_on() {
    let bench = Bench::new().await;
    bench.tenant("acme").await;
    bench.by_hand(
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10005)
         INSERT INTO changes (kind, id) SELECT 'key', 'k' FROM n",
    );
    let latest = 10_006;
    assert_eq!(bench.store.latest_seq().await.unwrap(), latest);
    assert_eq!(bench.store.changes_since(5).await.unwrap(), Feed::Lost { latest });
    assert_eq!(changes(bench.store.changes_since(6).await.unwrap()).len(), 10_000);
    assert_eq!(bench.store.changes_since(latest).await.unwrap(), Feed::Changes(vec![]));
    assert_eq!(bench.store.changes_since(latest + 1).await.unwrap(), Feed::Lost { latest });
    bench.by_hand("DELETE FROM changes");
    assert_eq!(bench.store.changes_since(latest - 1).await.unwrap(), Feed::Lost { latest });
    assert_eq!(bench.store.changes_since(latest).await.unwrap(), Feed::Changes(vec![]));
    assert_eq!(bench.store.changes_since(u64::MAX).await.unwrap(), Feed::Lost { latest });
}

#[tokio::test]
async fn users_and_revoked_tokens_are_announced() {
    let bench = Bench::new().await;
    let tenant = bench.tenant("acme").await;
    let user = bench.user(&tenant, "ada@example.com").await;
    let of_user = (ChangeKind::User, user.id.clone());
    assert_eq!(bench.announced(1).await, std::slice::from_ref(&of_user));
    bench.store.revoke_token("jti-1", Timestamp::now().after(Duration::from_secs(60))).await.unwrap();
    assert_eq!(bench.announced(2).await, [(ChangeKind::Token, "jti-1".to_owned())]);
    bench.by_hand("UPDATE users SET status = 'disabled'; DELETE FROM users");
    assert_eq!(bench.announced(3).await, [of_user.clone(), of_user]);
}

#[tokio::test]
async fn canary_is_announced_and_what_no_cache_holds_is_not() {
    let bench = Bench::new().await;
    let tenant = bench.tenant("acme").await;
    let key = bench.key(&tenant, "wgk_a", "sha256:aa").await;
    let user = bench.user(&tenant, "ada@example.com").await;
    let seq = bench.store.latest_seq().await.unwrap();
    bench.by_hand(
        "UPDATE tenants SET version = 9; UPDATE users SET version = 9;
         UPDATE api_keys SET version = 9, last_used_at = 9, last_used_from = '192.0.2.1'",
    );
    bench.store.note_login(&user.id, Timestamp::now()).await.unwrap();
    assert!(bench.announced(seq).await.is_empty());
    bench.by_hand("UPDATE api_keys SET canary = 1");
    assert_eq!(bench.announced(seq).await, [(ChangeKind::Key, key.id)]);
}
