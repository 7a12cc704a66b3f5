//! Tenants: named, changed, and deleted for good.

use std::collections::BTreeMap;

use super::bench::lookup;
use super::*;
use crate::seal::Sealed;
use crate::tenant::TenantTarget;

on_each_engine! {
    tenant_is_found_by_each_of_its_names_and_a_name_is_never_read_as_sql,
    update_changes_what_it_names_alone,
    deleted_tenant_stays_deleted_keeps_its_slug_and_gets_no_keys,
    tenant_update_counts_up_and_a_stale_one_changes_nothing,
    targets_hedging_and_provider_keys_come_back_as_they_went_in_and_make_a_new_epoch,
    purge_removes_provider_keys_and_nothing_else_of_the_policy,
    policy_that_is_malformed_or_too_large_is_not_stored,
}

async fn tenant_is_found_by_each_of_its_names_and_a_name_is_never_read_as_sql(bench: Bench) {
    let made = bench.tenant("acme").await;
    let by_id = bench.store.find_tenant(TenantRef::Id(made.id.clone())).await.unwrap();
    let by_slug = bench.store.find_tenant(TenantRef::Slug(made.slug.clone())).await.unwrap();
    assert_eq!((by_id.as_ref(), by_slug.as_ref()), (Some(&made), Some(&made)));
    let absent = bench.store.find_tenant(TenantRef::Slug(Slug::parse("other").unwrap())).await.unwrap();
    assert!(absent.is_none());
    for text in ["' OR '1'='1", "acme'; DROP TABLE tenants; --", "%", "acme\0", ""] {
        assert!(matches!(bench.store.tenant(PLATFORM, text).await, Err(StoreError::NotFound("tenant"))), "{text:?}");
        assert!(matches!(bench.store.key(PLATFORM, text).await, Err(StoreError::NotFound("key"))), "{text:?}");
        assert!(bench.find(&[text], &[text]).await.unwrap().is_empty(), "{text:?}");
        assert!(matches!(bench.store.user(PLATFORM, text).await, Err(StoreError::NotFound("user"))), "{text:?}");
    }
    let name = "Robert'); DROP TABLE api_keys;--";
    let update = TenantUpdate { name: Some(name.into()), policy: None, ..TenantUpdate::default() };
    assert_eq!(bench.store.update_tenant("acme", update, None).await.unwrap().name, name);
    bench.key(&made, "it's", "sha256:aa").await;
    assert_eq!(bench.find(&["it's"], &[]).await.unwrap(), ["it's"]);
}

async fn update_changes_what_it_names_alone(bench: Bench) {
    let tenant = bench.tenant("acme").await;
    let policy = TenantPolicy { scan_mode: Some(ScanMode::Flag), ..TenantPolicy::default() };
    let update = TenantUpdate { name: None, policy: Some(policy.clone()), ..TenantUpdate::default() };
    let changed = bench.store.update_tenant(tenant.id.as_str(), update, None).await.unwrap();
    assert_eq!((&changed.name[..], &changed.policy), ("Acme", &policy));
    let update = TenantUpdate { name: Some("Acme II".into()), policy: None, ..TenantUpdate::default() };
    let changed = bench.store.update_tenant("acme", update, None).await.unwrap();
    assert_eq!((&changed.name[..], &changed.policy), ("Acme II", &policy));
    let update = TenantUpdate { name: Some("a\nb".into()), policy: None, ..TenantUpdate::default() };
    assert!(matches!(bench.store.update_tenant("acme", update, None).await, Err(StoreError::Invalid(_))));
}

async fn deleted_tenant_stays_deleted_keeps_its_slug_and_gets_no_keys(bench: Bench) {
    let tenant = bench.tenant("acme").await;
    let set = |status| bench.set_status("acme", status);
    assert_eq!(set(TenantStatus::Suspended).await.unwrap().status, TenantStatus::Suspended);
    assert_eq!(set(TenantStatus::Active).await.unwrap().status, TenantStatus::Active);
    bench.key(&tenant, "wgk_a", "sha256:aa").await;
    assert_eq!(set(TenantStatus::Deleted).await.unwrap().status, TenantStatus::Deleted);
    assert!(set(TenantStatus::Deleted).await.is_ok(), "said twice is no mistake");
    assert!(matches!(set(TenantStatus::Active).await, Err(StoreError::Conflict(_))));
    let key = bench.store.create_key(new_key(&tenant, "wgk_b", "sha256:bb"), None).await;
    assert!(matches!(key, Err(StoreError::Conflict(_))));
    let rotation = rotation("wgk_b", "sha256:bb", Timestamp::now());
    assert!(matches!(bench.store.rotate_key(PLATFORM, "wgk_a", rotation).await, Err(StoreError::Conflict(_))));
    let update = TenantUpdate { name: Some("New".into()), policy: None, ..TenantUpdate::default() };
    assert!(matches!(bench.store.update_tenant("acme", update, None).await, Err(StoreError::Conflict(_))));
    let new = NewTenant::new("Acme".into(), tenant.slug.clone(), None, TenantPolicy::default()).unwrap();
    let Err(StoreError::Conflict(told)) = bench.store.create_tenant(new, None).await else { panic!("slug was reused") };
    assert_eq!(told, "the tenant slug `acme` is taken");
    assert_eq!(bench.store.list_tenants(PLATFORM, Page::all()).await.unwrap().len(), 1);
}

async fn tenant_update_counts_up_and_a_stale_one_changes_nothing(bench: Bench) {
    assert_eq!(bench.tenant("acme").await.version, 2);
    let rename = |name: &str| TenantUpdate { name: Some(name.to_owned()), ..TenantUpdate::default() };
    assert_eq!(bench.store.update_tenant("acme", rename("A"), Some(2)).await.unwrap().version, 3);
    let stale = bench.store.update_tenant("acme", rename("B"), Some(1)).await;
    assert!(matches!(stale, Err(StoreError::Stale)), "{stale:?}");
    let mut reader = bench.reader().await;
    let same = bench.store.update_tenant("acme", rename("A"), Some(3)).await.unwrap();
    assert_eq!((&same.name[..], same.version), ("A", 3), "the same again is no change");
    assert!(reader.news().await.is_empty());
    assert_eq!(bench.set_status("acme", TenantStatus::Suspended).await.unwrap().version, 4);
    assert_eq!(bench.store.find_tenant(TenantRef::Slug(same.slug.clone())).await.unwrap().unwrap().version, 4);
}

fn target(upstream: &str, model: Option<&str>) -> TenantTarget {
    TenantTarget { upstream: upstream.into(), model: model.map(str::to_owned) }
}

/// As the store has it: any text.
fn sealed(text: &str) -> Sealed {
    serde_json::from_value(text.into()).unwrap()
}

fn of_its_own() -> TenantPolicy {
    let stands_for = vec![target("anthropic", Some("claude-opus-4-5")), target("openai", None)];
    TenantPolicy {
        targets: BTreeMap::from([("reasoning".to_owned(), stands_for)]),
        hedging: true,
        provider_keys: BTreeMap::from([("openai".to_owned(), sealed("v1.s1.c2VhbGVk"))]),
        ..TenantPolicy::default()
    }
}

async fn set_policy(bench: &Bench, policy: &TenantPolicy) -> Result<Arc<Tenant>, StoreError> {
    let update = TenantUpdate { policy: Some(policy.clone()), ..TenantUpdate::default() };
    bench.store.update_tenant("acme", update, None).await
}

async fn targets_hedging_and_provider_keys_come_back_as_they_went_in_and_make_a_new_epoch(bench: Bench) {
    let tenant = bench.tenant("acme").await;
    bench.key(&tenant, "wgk_a", "sha256:aa").await;
    let policy = of_its_own();
    let changed = set_policy(&bench, &policy).await.unwrap();
    assert_eq!(changed.policy, policy);
    assert!(changed.epoch > tenant.epoch);
    // By the functions that the path of requests may call.
    let by_slug = bench.store.find_tenant(TenantRef::Slug(tenant.slug.clone())).await.unwrap().unwrap();
    let by_key = bench.store.find_keys(vec![lookup(&["wgk_a"], &[], &[])]).await.unwrap();
    let by_key = by_key.into_iter().next().unwrap().unwrap();
    assert_eq!((&by_slug.policy, &by_key[0].tenant.policy), (&policy, &policy));
    let mut epoch = changed.epoch;
    let provider_keys = BTreeMap::from([("openai".to_owned(), sealed("v1.s2.YW5ldw"))]);
    for policy in [
        TenantPolicy { provider_keys, ..policy.clone() },
        TenantPolicy { provider_keys: BTreeMap::new(), ..policy.clone() },
        TenantPolicy { hedging: false, ..policy.clone() },
        TenantPolicy { targets: BTreeMap::new(), ..policy.clone() },
    ] {
        let changed = set_policy(&bench, &policy).await.unwrap();
        assert!(changed.policy == policy && changed.epoch > epoch, "{policy:?}");
        epoch = changed.epoch;
    }
}

async fn purge_removes_provider_keys_and_nothing_else_of_the_policy(bench: Bench) {
    let tenant = bench.tenant("acme").await;
    let policy = of_its_own();
    set_policy(&bench, &policy).await.unwrap();
    assert_eq!(bench.set_status("acme", TenantStatus::Deleted).await.unwrap().policy, policy);
    bench.store.purge_tenant(&tenant.id).await.unwrap();
    let left = bench.store.tenant(PLATFORM, "acme").await.unwrap();
    assert_eq!(left.policy, TenantPolicy { provider_keys: BTreeMap::new(), ..policy });
    // One that was purged by an earlier version has no schema any more, and may have its keys.
    bench.by_hand(&format!("UPDATE tenants SET policy = '{}'", r#"{"provider_keys":{"openai":"v1.s1.eA"}}"#)).await;
    bench.store.purge_tenant(&tenant.id).await.unwrap();
    let left = bench.store.tenant(PLATFORM, "acme").await.unwrap();
    assert_eq!(left.policy, TenantPolicy::default());
    bench.store.purge_tenant(&tenant.id).await.unwrap();
    assert_eq!(bench.store.tenant(PLATFORM, "acme").await.unwrap(), left, "said twice is no change");
}

async fn policy_that_is_malformed_or_too_large_is_not_stored(bench: Bench) {
    bench.tenant("acme").await;
    let named = |name: &str, stands_for: Vec<TenantTarget>| TenantPolicy {
        targets: BTreeMap::from([(name.to_owned(), stands_for)]),
        ..TenantPolicy::default()
    };
    let keys = |count: usize| TenantPolicy {
        provider_keys: (0..count).map(|n| (format!("u{n}"), sealed("v1.s1.eA"))).collect(),
        ..TenantPolicy::default()
    };
    let many = |count: usize| named("many", vec![target("openai", None); count]);
    for (fits, policy) in [
        (true, keys(32)),
        (false, keys(33)),
        (true, many(64)),
        (false, many(65)),
        (false, many(0)),
        (false, named("", vec![target("openai", None)])),
        (false, named("a\nb", vec![target("openai", None)])),
        (false, named("m", vec![target("open ai", None)])),
        (false, named("m", vec![target("openai", Some(""))])),
    ] {
        let stored = set_policy(&bench, &policy).await;
        assert_eq!(stored.is_ok(), fits, "{policy:?}");
        assert!(fits || matches!(stored, Err(StoreError::Invalid(_))));
        let new = NewTenant::new("N".into(), Slug::parse("n").unwrap(), None, policy);
        assert_eq!(new.is_ok(), fits);
    }
}
