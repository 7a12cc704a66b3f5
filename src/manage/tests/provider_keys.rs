//! Keys and targets that a tenant has of its own.

use std::collections::BTreeMap;

use super::*;
use crate::seal::{self, SealError};
use crate::secret::SecretSource;
use crate::store::Reach;
use crate::tenant::TenantTarget;

impl Bench {
    /// Over the same store, with these keys to seal with, each of a secret of its own.
    fn sealing(&self, ids: &[&str]) -> Manage {
        let key = |id: &&str| {
            let path = self.directory.path().join(id);
            std::fs::write(&path, id.repeat(32)).unwrap();
            ((*id).to_owned(), SecretSource::File(path))
        };
        let seals = Arc::new(Seals::new(seal::Config { keys: ids.iter().map(key).collect() }).unwrap());
        let upstreams = vec!["anthropic".to_owned(), "openai".to_owned()];
        Manage::new(self.manage.store.clone(), &auth::Config::default(), Providers::new(seals, upstreams), None)
    }
}

async fn set(manage: &Manage, tenant: &str, upstream: &str, key: &str) -> Result<Arc<Tenant>, ManageError> {
    manage.set_provider_key(&OPERATOR(), tenant, upstream, &Secret::new(key), None).await
}

/// What the key is that a tenant's policy holds.
fn opened(manage: &Manage, tenant: &Tenant, upstream: &str) -> Result<Vec<u8>, SealError> {
    let sealed = &tenant.policy.provider_keys[upstream];
    let opened = manage.providers.seals.open(sealed, &[tenant.id.as_str(), upstream]);
    opened.map(|key| key.expose().to_vec())
}

fn targets(upstreams: &[&str]) -> Vec<TenantTarget> {
    let target = |upstream: &&str| TenantTarget { upstream: (*upstream).to_owned(), model: Some("m".into()) };
    upstreams.iter().map(target).collect()
}

fn names(name: &str, stands_for: Option<Vec<TenantTarget>>) -> ChangeTenant {
    ChangeTenant { targets: BTreeMap::from([(name.to_owned(), stands_for)]), ..ChangeTenant::default() }
}

#[tokio::test]
async fn provider_key_is_sealed_for_its_tenant_and_upstream_and_listed_by_name() {
    let bench = Bench::new().await;
    let manage = bench.sealing(&["s1"]);
    let before = manage.tenant(&OPERATOR(), "acme").await.unwrap();
    let tenant = set(&manage, "acme", "openai", "sk-canary").await.unwrap();
    assert!(tenant.epoch > before.epoch && tenant.version > before.version, "caches forget it");
    assert_eq!(opened(&manage, &tenant, "openai").unwrap(), b"sk-canary");
    let view = serde_json::to_string(&(TenantView::of(&tenant), ProviderKeysView::of(&tenant))).unwrap();
    assert!(
        view.contains(r#""provider_keys":["openai"]"#) && view.contains(r#"{"upstream":"openai","sealed_with":"s1"}"#)
    );
    assert!(!view.contains("v1.s1.") && !view.contains("canary"), "{view}");
    assert!(!format!("{tenant:?}").contains("v1.s1."));
    let removed = manage.remove_provider_key(&OPERATOR(), "acme", "openai", None).await.unwrap();
    assert!(removed.policy.provider_keys.is_empty() && removed.epoch > tenant.epoch);
    let again = manage.remove_provider_key(&OPERATOR(), "acme", "openai", None).await;
    assert!(matches!(again, Err(ManageError::NotFound("provider key"))));
}

/// Whoever can write to the store cannot have one tenant pay with another's key.
#[tokio::test]
async fn sealed_key_that_is_moved_to_another_tenant_or_upstream_does_not_open() {
    let bench = Bench::new().await;
    let manage = bench.sealing(&["s1"]);
    let acme = set(&manage, "acme", "openai", "sk-acme").await.unwrap();
    let stolen = acme.policy.provider_keys["openai"].clone();
    for (slug, upstream) in [("other", "openai"), ("acme", "anthropic")] {
        let tenant = manage.tenant(&OPERATOR(), slug).await.unwrap();
        let mut policy = tenant.policy.clone();
        policy.provider_keys.insert(upstream.into(), stolen.clone());
        let update = store::TenantUpdate { policy: Some(policy), ..store::TenantUpdate::default() };
        let tenant = manage.store.update_tenant(slug, update, None).await.unwrap();
        assert!(matches!(opened(&manage, &tenant, upstream), Err(SealError::Unopened)), "{slug} {upstream}");
    }
}

#[tokio::test]
async fn s10_provider_keys_are_an_operators_business() {
    let bench = Bench::new().await;
    let manage = bench.sealing(&["s1"]);
    set(&manage, "acme", "openai", "sk").await.unwrap();
    for scopes in ["llm:invoke keys:write", "tenant:admin"] {
        let who = bench.holder("acme", scopes, Holds::default()).await;
        assert!(forbidden(manage.set_provider_key(&who, "acme", "openai", &Secret::new("sk-2"), None).await));
        assert!(forbidden(manage.provider_keys(&who, "acme").await));
        assert!(forbidden(manage.remove_provider_key(&who, "acme", "openai", None).await));
        assert!(forbidden(manage.reseal_provider_keys(&who).await));
        assert!(forbidden(manage.update_tenant(&who, "acme", names("fast", None), None).await));
    }
    assert_eq!(opened(&manage, &manage.tenant(&OPERATOR(), "acme").await.unwrap(), "openai").unwrap(), b"sk");
}

#[tokio::test]
async fn key_that_no_header_carries_and_upstream_that_is_not_there_are_refused_without_an_echo() {
    let bench = Bench::new().await;
    let manage = bench.sealing(&["s1"]);
    for wrong in ["", "sk canary", "sk-canary\n", "sk-canär", "sk-\u{7f}canary", &"canary".repeat(700)] {
        let Err(ManageError::Invalid { field: "key", problem }) = set(&manage, "acme", "openai", wrong).await else {
            panic!("{wrong:?} was taken")
        };
        assert!(!problem.contains("can"), "{problem}");
    }
    assert!(set(&manage, "acme", "openai", &"k".repeat(4096)).await.is_ok());
    for wrong in ["sk-canary", "OpenAI", "", "a b", &"a".repeat(200)] {
        let Err(ManageError::Invalid { field: "upstream", problem }) = set(&manage, "acme", wrong, "sk").await else {
            panic!("{wrong:?} was taken")
        };
        assert!(!problem.contains("canary"), "{problem}");
    }
    let unknown = set(&manage, "acme", "gemini", "sk").await.unwrap_err().to_string();
    assert!(unknown.contains("anthropic, openai"), "{unknown}");
    let nobody = set(&manage, "nobody", "openai", "sk").await;
    assert!(matches!(nobody, Err(ManageError::NotFound("tenant"))));
}

#[tokio::test]
async fn without_a_key_to_seal_with_nothing_is_stored() {
    let bench = Bench::new().await;
    let refused = set(&bench.manage, "acme", "openai", "sk").await.unwrap_err();
    assert!(matches!(refused, ManageError::Sealing(SealError::NoKey)) && refused.to_string().contains("sealing.keys"));
    assert!(bench.manage.tenant(&OPERATOR(), "acme").await.unwrap().policy.provider_keys.is_empty());
}

#[tokio::test]
async fn other_changes_of_a_tenant_keep_its_provider_keys_and_a_stale_one_changes_nothing() {
    let bench = Bench::new().await;
    let manage = bench.sealing(&["s1"]);
    let tenant = set(&manage, "acme", "openai", "sk").await.unwrap();
    let change = ChangeTenant { hedging: Some(true), scopes: Some(None), ..names("fast", Some(targets(&["openai"]))) };
    let changed = manage.update_tenant(&OPERATOR(), "acme", change, None).await.unwrap();
    assert_eq!(changed.policy.provider_keys, tenant.policy.provider_keys);
    let key = Secret::new("sk-late");
    let late = manage.set_provider_key(&OPERATOR(), "acme", "openai", &key, Some(tenant.version)).await;
    assert!(matches!(late, Err(ManageError::Stale)));
    let late = manage.remove_provider_key(&OPERATOR(), "acme", "openai", Some(tenant.version)).await;
    assert!(matches!(late, Err(ManageError::Stale)));
    assert_eq!(opened(&manage, &manage.tenant(&OPERATOR(), "acme").await.unwrap(), "openai").unwrap(), b"sk");
}

#[tokio::test]
async fn two_provider_keys_that_are_set_at_once_are_both_there() {
    let bench = Bench::new().await;
    let manage = bench.sealing(&["s1"]);
    let (one, two) = tokio::join!(set(&manage, "acme", "openai", "sk-1"), set(&manage, "acme", "anthropic", "sk-2"));
    assert!(one.is_ok() && two.is_ok());
    assert_eq!(manage.tenant(&OPERATOR(), "acme").await.unwrap().policy.provider_keys.len(), 2);
}

#[tokio::test]
async fn rotation_of_the_sealing_key_seals_everything_anew_and_counts_what_does_not_open() {
    let bench = Bench::new().await;
    let old = bench.sealing(&["s0"]);
    set(&old, "acme", "openai", "sk-acme").await.unwrap();
    set(&old, "other", "openai", "sk-other").await.unwrap();
    set(&bench.sealing(&["lost"]), "other", "anthropic", "sk-lost").await.unwrap();
    bench.tenant("gone", TenantPolicy::default()).await;
    set(&old, "gone", "openai", "sk-gone").await.unwrap();
    let delete = ChangeTenant { status: Some(TenantStatus::Deleted), ..ChangeTenant::default() };
    old.update_tenant(&OPERATOR(), "gone", delete, None).await.unwrap();
    let both = bench.sealing(&["s1", "s0"]);
    set(&both, "acme", "anthropic", "sk-new").await.unwrap();
    let done = both.reseal_provider_keys(&OPERATOR()).await.unwrap();
    assert_eq!((done.resealed, done.current, done.unopened.len()), (2, 1, 1));
    assert_eq!((done.unopened[0].0.as_str(), &done.unopened[0].1[..]), ("other", "anthropic"));
    let new = bench.sealing(&["s1"]);
    for (slug, upstream, key) in
        [("acme", "openai", "sk-acme"), ("acme", "anthropic", "sk-new"), ("other", "openai", "sk-other")]
    {
        let tenant = new.tenant(&OPERATOR(), slug).await.unwrap();
        assert_eq!(opened(&new, &tenant, upstream).unwrap(), key.as_bytes(), "{slug} {upstream}");
    }
    let before = new.tenant(&OPERATOR(), "acme").await.unwrap().version;
    let again = new.reseal_provider_keys(&OPERATOR()).await.unwrap();
    assert_eq!((again.resealed, again.current, again.unopened.len()), (0, 3, 1));
    assert_eq!(new.tenant(&OPERATOR(), "acme").await.unwrap().version, before, "nothing to change is no change");
    let none = bench.manage.reseal_provider_keys(&OPERATOR()).await;
    assert!(matches!(none, Err(ManageError::Sealing(SealError::NoKey))));
}

/// Of a deleted tenant everything stays as it is; what is purged goes.
#[tokio::test]
async fn purge_removes_provider_keys_and_deletion_keeps_them_sealed() {
    let bench = Bench::new().await;
    let manage = bench.sealing(&["s1"]);
    set(&manage, "acme", "openai", "sk").await.unwrap();
    let delete = ChangeTenant { status: Some(TenantStatus::Deleted), ..ChangeTenant::default() };
    let deleted = manage.update_tenant(&OPERATOR(), "acme", delete, None).await.unwrap();
    assert_eq!(opened(&manage, &deleted, "openai").unwrap(), b"sk");
    assert!(matches!(set(&manage, "acme", "openai", "sk-2").await, Err(ManageError::Conflict(_))));
    manage.purge_tenant(&OPERATOR(), "acme").await.unwrap();
    let purged = manage.store.tenant(&Reach::Platform, "acme").await.unwrap();
    assert!(purged.policy.provider_keys.is_empty() && purged.version > deleted.version);
}

#[tokio::test]
async fn target_is_set_replaced_and_taken_away_by_its_name_and_others_stay() {
    let bench = Bench::new().await;
    let manage = bench.sealing(&["s1"]);
    let change = async |change| manage.update_tenant(&OPERATOR(), "acme", change, None).await;
    change(names("fast", Some(targets(&["openai"])))).await.unwrap();
    change(names("reasoning", Some(targets(&["anthropic", "openai"])))).await.unwrap();
    let tenant = change(names("fast", Some(targets(&["anthropic"])))).await.unwrap();
    assert_eq!(tenant.policy.targets["fast"], targets(&["anthropic"]));
    assert_eq!(tenant.policy.targets["reasoning"], targets(&["anthropic", "openai"]));
    let tenant = change(names("fast", None)).await.unwrap();
    assert_eq!(tenant.policy.targets.keys().collect::<Vec<_>>(), ["reasoning"]);
    for wrong in [names("fast", Some(vec![])), names("", None), names("fast", Some(targets(&["a b"])))] {
        assert!(matches!(change(wrong).await, Err(ManageError::Invalid { field: "targets", .. })));
    }
    let unknown = change(names("fast", Some(targets(&["gemini"])))).await.unwrap_err().to_string();
    assert!(unknown.contains("anthropic, openai"), "{unknown}");
    let policy =
        TenantPolicy { targets: BTreeMap::from([("fast".into(), targets(&["gemini"]))]), ..Default::default() };
    let new = CreateTenant { name: "N".into(), slug: None, db_schema_name: None, policy };
    assert!(matches!(manage.create_tenant(&OPERATOR(), new, None).await, Err(ManageError::Invalid { .. })));
}

#[tokio::test]
async fn more_targets_or_keys_than_a_tenant_may_have_are_refused_and_what_is_there_stays() {
    let bench = Bench::new().await;
    let manage = bench.sealing(&["s1"]);
    let change = async |change| manage.update_tenant(&OPERATOR(), "acme", change, None).await;
    change(names("many", Some(targets(&["openai"; 63])))).await.unwrap();
    change(names("one", Some(targets(&["openai"])))).await.unwrap();
    assert!(matches!(change(names("more", Some(targets(&["openai"])))).await, Err(ManageError::Conflict(_))));
    assert_eq!(manage.tenant(&OPERATOR(), "acme").await.unwrap().policy.targets.len(), 2);
    let open = Manage::new(
        manage.store.clone(),
        &auth::Config::default(),
        Providers::new(manage.providers.seals.clone(), Vec::new()),
        None,
    );
    for number in 0..32 {
        set(&open, "acme", &format!("u{number}"), "sk").await.unwrap();
    }
    assert!(matches!(set(&open, "acme", "u32", "sk").await, Err(ManageError::Conflict(_))));
    assert!(set(&open, "acme", "u31", "sk-2").await.is_ok(), "one of them is replaced");
}
