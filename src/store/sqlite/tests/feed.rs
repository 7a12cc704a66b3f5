//! The feed: what is announced, to whom, and what is not.

use super::*;

#[tokio::test]
async fn write_in_one_store_is_seen_by_the_feed_of_another() {
    let bench = Bench::new().await;
    let other = Sqlite::open(&config(&bench.directory)).await.unwrap();
    let mut reader = Reader::of(&other).await;
    let tenant = bench.tenant("acme").await;
    let key = bench.key(&tenant, "wgk_a", "sha256:aa").await;
    let (tenant_id, key_id) = (tenant.id.to_string(), key.id.clone());
    assert_eq!(reader.news(&other).await, [(ChangeKind::Tenant, tenant_id.clone()), (ChangeKind::Key, key_id.clone())]);
    bench.store.revoke_key(PLATFORM, "wgk_a", None).await.unwrap();
    bench.set_status("acme", TenantStatus::Suspended).await.unwrap();
    assert_eq!(reader.news(&other).await, [(ChangeKind::Key, key_id), (ChangeKind::Tenant, tenant_id)]);
    assert!(reader.news(&other).await.is_empty());
    assert!(other.key(PLATFORM, "wgk_a").await.unwrap().revoked_at.is_some());
}

#[tokio::test]
async fn change_made_by_hand_is_announced() {
    let bench = Bench::new().await;
    let tenant = bench.tenant("acme").await;
    let key = bench.key(&tenant, "wgk_a", "sha256:aa").await;
    let mut reader = bench.reader().await;
    bench.by_hand("UPDATE tenants SET epoch = epoch + 1; UPDATE api_keys SET id = 'renamed'; DELETE FROM api_keys");
    let of_key = |id: &str| (ChangeKind::Key, id.to_owned());
    let tenant = (ChangeKind::Tenant, tenant.id.to_string());
    assert_eq!(reader.news(&bench.store).await, [tenant, of_key(&key.id), of_key("renamed")]);
}

#[tokio::test]
async fn feed_that_was_pruned_or_exchanged_is_lost_and_says_where_to_go_on() {
    let bench = Bench::new().await;
    bench.by_hand(
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10006)
         INSERT INTO changes (kind, id) SELECT 'key', 'k' FROM n",
    );
    let latest = 10_006;
    let since = async |seq| bench.store.changes(Some(Position(seq))).await.unwrap();
    let (lost, none) =
        (Feed::Lost { next: Position(latest) }, Feed::Changes { changes: vec![], next: Position(latest) });
    assert_eq!(bench.store.changes(None).await.unwrap(), lost);
    assert_eq!(since(5).await, lost);
    let Feed::Changes { changes, next } = since(6).await else { panic!("the feed reaches back so far") };
    assert_eq!((changes.len(), next), (10_000, Position(latest)));
    assert_eq!(since(latest).await, none);
    assert_eq!(since(latest + 1).await, lost);
    bench.by_hand("DELETE FROM changes");
    assert_eq!(since(latest - 1).await, lost);
    assert_eq!(since(latest).await, none);
    assert_eq!(since(u64::MAX).await, lost);
}

#[tokio::test]
async fn users_and_revoked_tokens_are_announced() {
    let bench = Bench::new().await;
    let tenant = bench.tenant("acme").await;
    let mut reader = bench.reader().await;
    let user = bench.user(&tenant, "ada@example.com").await;
    let of_user = (ChangeKind::User, user.id.clone());
    assert_eq!(reader.news(&bench.store).await, std::slice::from_ref(&of_user));
    bench.store.revoke_token("jti-1", Timestamp::now().after(Duration::from_secs(60))).await.unwrap();
    assert_eq!(reader.news(&bench.store).await, [(ChangeKind::Token, "jti-1".to_owned())]);
    bench.by_hand("UPDATE users SET status = 'disabled'; DELETE FROM users");
    assert_eq!(reader.news(&bench.store).await, [of_user]);
}

#[tokio::test]
async fn canary_is_announced_and_what_no_cache_holds_is_not() {
    let bench = Bench::new().await;
    let tenant = bench.tenant("acme").await;
    let key = bench.key(&tenant, "wgk_a", "sha256:aa").await;
    let user = bench.user(&tenant, "ada@example.com").await;
    let mut reader = bench.reader().await;
    bench.by_hand(
        "UPDATE tenants SET version = 9; UPDATE users SET version = 9;
         UPDATE api_keys SET version = 9, last_used_at = 9, last_used_from = '192.0.2.1'",
    );
    bench.store.note_login(&tenant.id, &user.id, Timestamp::now()).await.unwrap();
    assert!(reader.news(&bench.store).await.is_empty());
    bench.by_hand("UPDATE api_keys SET canary = 1");
    assert_eq!(reader.news(&bench.store).await, [(ChangeKind::Key, key.id)]);
}
