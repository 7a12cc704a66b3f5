//! The store against real files: every yes beside its no.

use rusqlite::Connection;
use tempfile::TempDir;

use super::*;
use crate::clock::Expiry;
use crate::scopes::{Models, Scopes};
use crate::store::{ChangeKind, NewKey, NewTenant, Rotation, TenantUpdate};
use crate::tenant::{ScanMode, Slug, TenantId, TenantPolicy, TenantStatus};

/// A store in a directory of its own, and a second way into its file.
struct Bench {
    directory: TempDir,
    store: Sqlite,
}

impl Bench {
    async fn new() -> Bench {
        let directory = tempfile::tempdir().unwrap();
        let store = Sqlite::open(&config(&directory)).await.unwrap();
        Bench { directory, store }
    }

    /// What an operator does with the `sqlite3` tool.
    fn by_hand(&self, sql: &str) {
        let connection = Connection::open(self.directory.path().join("store.db")).unwrap();
        connection.execute_batch(sql).unwrap();
    }

    async fn tenant(&self, slug: &str) -> Arc<Tenant> {
        let slug = Slug::parse(slug).unwrap();
        let new = NewTenant::new("Acme".into(), slug, None, TenantPolicy::default()).unwrap();
        self.store.create_tenant(new).await.unwrap()
    }

    async fn key(&self, tenant: &Tenant, public_id: &str, hash: &str) -> KeyRecord {
        self.store.create_key(new_key(tenant, public_id, hash)).await.unwrap()
    }

    async fn find(&self, public_ids: &[&str], hashes: &[&str]) -> Result<Vec<String>, StoreError> {
        let owned = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect();
        let found = self.store.find_keys(KeyLookup { public_ids: owned(public_ids), hashes: owned(hashes) }).await?;
        Ok(found.into_iter().map(|key| key.public_id).collect())
    }
}

fn config(directory: &TempDir) -> Config {
    Config::new(StoreUrl::Sqlite(directory.path().join("store.db")))
}

fn new_key(tenant: &Tenant, public_id: &str, hash: &str) -> NewKey {
    NewKey {
        tenant: tenant.id.clone(),
        public_id: public_id.into(),
        hashed_key: hash.into(),
        name: "ci".into(),
        scopes: Scopes::defaults(),
        models: Models::All,
        expiry: Expiry::Never,
    }
}

fn changes(feed: Feed) -> Vec<(ChangeKind, String)> {
    match feed {
        Feed::Changes(changes) => changes.into_iter().map(|change| (change.kind, change.id)).collect(),
        Feed::Lost { latest } => panic!("the feed was lost at {latest}"),
    }
}

#[tokio::test]
async fn key_is_found_by_public_id_or_hash_and_by_nothing_else() {
    let bench = Bench::new().await;
    let tenant = bench.tenant("acme").await;
    let made = bench.key(&tenant, "wgk_a", "sha256:aa").await;
    assert_eq!(bench.find(&["wgk_a"], &[]).await.unwrap(), ["wgk_a"]);
    assert_eq!(bench.find(&["wgk_other"], &["sha256:aa"]).await.unwrap(), ["wgk_a"]);
    assert_eq!(bench.find(&["wgk_a"], &["sha256:aa"]).await.unwrap(), ["wgk_a"]);
    assert!(bench.find(&["sha256:aa", "WGK_A", "wgk_"], &["wgk_a", &made.id]).await.unwrap().is_empty());
    assert_eq!(bench.store.lookups(), 4);
    assert!(bench.find(&[], &[]).await.unwrap().is_empty());
    assert_eq!(bench.store.lookups(), 4, "an empty lookup needs no engine");
    assert!(matches!(bench.find(&["x"; 5], &[]).await, Err(StoreError::Invalid(_))));
}

#[tokio::test]
async fn record_comes_back_as_it_went_in() {
    let bench = Bench::new().await;
    let tenant = bench.tenant("acme").await;
    let mut new = new_key(&tenant, "wgk_a", "sha256:aa");
    new.scopes = Scopes::new(["session:create"]).unwrap();
    new.models = Models::from_list(vec!["gpt-4o".into(), "a\"b".into()]);
    new.expiry = Expiry::At(Timestamp(4_000_000_000));
    let made = bench.store.create_key(new.clone()).await.unwrap();
    assert_eq!((made.scopes, made.models, made.expiry), (new.scopes, new.models, new.expiry));
    assert_eq!((&made.hashed_key[..], &made.name[..]), ("sha256:aa", "ci"));
    assert_eq!((made.tenant, made.revoked_at, made.last_used_at), (tenant, None, None));
}

#[tokio::test]
async fn tenant_is_found_by_each_of_its_names_and_a_name_is_never_read_as_sql() {
    let bench = Bench::new().await;
    let made = bench.tenant("acme").await;
    let by_id = bench.store.find_tenant(TenantRef::Id(made.id.clone())).await.unwrap();
    let by_slug = bench.store.find_tenant(TenantRef::Slug(made.slug.clone())).await.unwrap();
    assert_eq!((by_id.as_ref(), by_slug.as_ref()), (Some(&made), Some(&made)));
    let absent = bench.store.find_tenant(TenantRef::Slug(Slug::parse("other").unwrap())).await.unwrap();
    assert!(absent.is_none());
    for text in ["' OR '1'='1", "acme'; DROP TABLE tenants; --", "%", "acme\0", ""] {
        assert!(matches!(bench.store.tenant(text).await, Err(StoreError::NotFound("tenant"))), "{text:?}");
        assert!(matches!(bench.store.key(text).await, Err(StoreError::NotFound("key"))), "{text:?}");
        assert!(bench.find(&[text], &[text]).await.unwrap().is_empty(), "{text:?}");
    }
    let name = "Robert'); DROP TABLE api_keys;--";
    let update = TenantUpdate { name: Some(name.into()), policy: None };
    assert_eq!(bench.store.update_tenant("acme", update).await.unwrap().name, name);
    bench.key(&made, "it's", "sha256:aa").await;
    assert_eq!(bench.find(&["it's"], &[]).await.unwrap(), ["it's"]);
}

#[tokio::test]
async fn imported_prefixes_may_collide_but_hashes_may_not() {
    let bench = Bench::new().await;
    let (acme, other) = (bench.tenant("acme").await, bench.tenant("other").await);
    let first = bench.key(&acme, "same", "$2b$1").await;
    let second = bench.key(&other, "same", "$2b$2").await;
    assert_eq!(bench.find(&["same"], &[]).await.unwrap().len(), 2);
    let Err(StoreError::Conflict(told)) = bench.store.key("same").await else { panic!("ambiguous") };
    assert!(told.contains(&first.id) && told.contains(&second.id), "{told}");
    assert_eq!(bench.store.key(&second.id).await.unwrap().tenant, other);
    let again = bench.store.create_key(new_key(&other, "new", "$2b$1")).await;
    assert!(matches!(again, Err(StoreError::Conflict(_))), "one hash would speak for two tenants");
}

#[tokio::test]
async fn lookup_that_would_leave_a_candidate_out_is_an_error_and_not_an_absence() {
    let bench = Bench::new().await;
    let tenant = bench.tenant("acme").await;
    for n in 0..4 {
        bench.key(&tenant, "same", &format!("sha256:{n}")).await;
    }
    let fifth = bench.store.create_key(new_key(&tenant, "same", "sha256:5")).await;
    assert!(matches!(fifth, Err(StoreError::Conflict(_))));
    assert_eq!(bench.find(&["same"], &[]).await.unwrap().len(), 4);
    for n in 5..10 {
        bench.by_hand(&format!(
            "INSERT INTO api_keys (id, tenant_id, key_prefix, hashed_key) VALUES ('k{n}', '{}', 'same', 'h{n}')",
            tenant.id
        ));
    }
    let crowded = bench.find(&["same"], &[]).await;
    assert!(matches!(crowded, Err(StoreError::Unavailable(Outage::Crowded { .. }))), "{crowded:?}");
}

#[tokio::test]
async fn lookups_go_by_index() {
    let bench = Bench::new().await;
    let connection = Connection::open(bench.directory.path().join("store.db")).unwrap();
    for sql in [FIND_KEYS, TENANT_BY_ID, TENANT_BY_SLUG, TOUCH, CHANGES_AFTER] {
        let mut plan = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        let parameters = vec!["x"; plan.parameter_count()];
        let steps = plan.query_map(rusqlite::params_from_iter(parameters), |row| row.get::<_, String>(3)).unwrap();
        let steps: Vec<String> = steps.map(Result::unwrap).collect();
        let structure = |step: &str| step == "MULTI-INDEX OR" || step.starts_with("INDEX ");
        assert!(steps.iter().all(|step| step.starts_with("SEARCH ") || structure(step)), "{sql}: {steps:?}");
        assert!(steps.iter().any(|step| step.starts_with("SEARCH ")), "{sql}: {steps:?}");
    }
}

#[tokio::test]
async fn use_is_noted_never_moves_back_and_is_no_change() {
    let bench = Bench::new().await;
    let tenant = bench.tenant("acme").await;
    let key = bench.key(&tenant, "wgk_a", "sha256:aa").await;
    let before = bench.store.latest_seq().await.unwrap();
    for at in [100, 50] {
        let used = vec![(key.id.clone(), Timestamp(at)), ("no such key".into(), Timestamp(at))];
        bench.store.touch_keys(used).await.unwrap();
        assert_eq!(bench.store.key(&key.id).await.unwrap().last_used_at, Some(Timestamp(100)));
    }
    bench.store.touch_keys(vec![(key.id.clone(), Timestamp(101))]).await.unwrap();
    assert_eq!(bench.store.key(&key.id).await.unwrap().last_used_at, Some(Timestamp(101)));
    assert_eq!(bench.store.latest_seq().await.unwrap(), before);
}

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
    bench.store.set_tenant_status("acme", TenantStatus::Suspended).await.unwrap();
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
async fn row_that_does_not_parse_is_refused_and_named() {
    for (damage, column) in [
        ("UPDATE tenants SET slug = 'A B'", "slug"),
        ("UPDATE tenants SET status = 'super'", "status"),
        ("UPDATE tenants SET policy = '{\"scan_mode\":\"off\"}'", "policy"),
        ("UPDATE tenants SET policy = '{\"unknown\":1}'", "policy"),
        ("UPDATE tenants SET name = CAST(x'ff' AS TEXT)", "tenant_name"),
        ("UPDATE tenants SET db_schema_name = 'a\"; DROP'", "db_schema_name"),
        ("UPDATE api_keys SET id = 'a' || char(13) || 'b'", "key_id"),
        ("UPDATE api_keys SET scopes = '[\"a b\"]'", "scopes"),
        ("UPDATE api_keys SET scopes = '{}'", "scopes"),
        ("UPDATE api_keys SET models = '[1]'", "models"),
        ("UPDATE api_keys SET models = 'null'", "models"),
    ] {
        let bench = Bench::new().await;
        let tenant = bench.tenant("acme").await;
        bench.key(&tenant, "wgk_a", "sha256:canary").await;
        assert_eq!(bench.find(&["wgk_a"], &[]).await.unwrap().len(), 1);
        bench.by_hand(&format!("PRAGMA ignore_check_constraints = ON; {damage}"));
        match bench.find(&["wgk_a"], &[]).await {
            Err(error @ StoreError::Corrupt { column: told, .. }) => {
                assert_eq!(told, column, "{damage}");
                let text = error.to_string();
                assert!(!text.contains("canary") && !text.contains('\r'), "{text}");
            }
            other => panic!("{damage}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn deleted_tenant_stays_deleted_keeps_its_slug_and_gets_no_keys() {
    let bench = Bench::new().await;
    let tenant = bench.tenant("acme").await;
    let set = |status| bench.store.set_tenant_status("acme", status);
    assert_eq!(set(TenantStatus::Suspended).await.unwrap().status, TenantStatus::Suspended);
    assert_eq!(set(TenantStatus::Active).await.unwrap().status, TenantStatus::Active);
    bench.key(&tenant, "wgk_a", "sha256:aa").await;
    assert_eq!(set(TenantStatus::Deleted).await.unwrap().status, TenantStatus::Deleted);
    assert!(set(TenantStatus::Deleted).await.is_ok(), "said twice is no mistake");
    assert!(matches!(set(TenantStatus::Active).await, Err(StoreError::Conflict(_))));
    let key = bench.store.create_key(new_key(&tenant, "wgk_b", "sha256:bb")).await;
    assert!(matches!(key, Err(StoreError::Conflict(_))));
    let rotation = Rotation { public_id: "p".into(), hashed_key: "h".into(), old_ends: Timestamp::now() };
    assert!(matches!(bench.store.rotate_key("wgk_a", rotation).await, Err(StoreError::Conflict(_))));
    let update = TenantUpdate { name: Some("New".into()), policy: None };
    assert!(matches!(bench.store.update_tenant("acme", update).await, Err(StoreError::Conflict(_))));
    let new = NewTenant::new("Acme".into(), tenant.slug.clone(), None, TenantPolicy::default()).unwrap();
    let Err(StoreError::Conflict(told)) = bench.store.create_tenant(new).await else { panic!("slug was reused") };
    assert_eq!(told, "the tenant slug `acme` is taken");
    assert_eq!(bench.store.list_tenants().await.unwrap().len(), 1);
}

#[tokio::test]
async fn update_changes_what_it_names_alone() {
    let bench = Bench::new().await;
    let tenant = bench.tenant("acme").await;
    let policy = TenantPolicy { scan_mode: Some(ScanMode::Flag), ..TenantPolicy::default() };
    let update = TenantUpdate { name: None, policy: Some(policy.clone()) };
    let changed = bench.store.update_tenant(tenant.id.as_str(), update).await.unwrap();
    assert_eq!((&changed.name[..], &changed.policy), ("Acme", &policy));
    let update = TenantUpdate { name: Some("Acme II".into()), policy: None };
    let changed = bench.store.update_tenant("acme", update).await.unwrap();
    assert_eq!((&changed.name[..], &changed.policy), ("Acme II", &policy));
    let update = TenantUpdate { name: Some("a\nb".into()), policy: None };
    assert!(matches!(bench.store.update_tenant("acme", update).await, Err(StoreError::Invalid(_))));
}

#[tokio::test]
async fn expiry_only_ever_moves_earlier_and_revocation_keeps_its_first_time() {
    let bench = Bench::new().await;
    let tenant = bench.tenant("acme").await;
    bench.key(&tenant, "wgk_a", "sha256:aa").await;
    for (asked, kept) in [(200, 200), (100, 100), (300, 100)] {
        let key = bench.store.expire_key("wgk_a", Timestamp(asked)).await.unwrap();
        assert_eq!(key.expiry, Expiry::At(Timestamp(kept)));
    }
    let first = bench.store.revoke_key("wgk_a").await.unwrap().revoked_at;
    assert!(first.is_some());
    bench.by_hand("UPDATE api_keys SET revoked_at = 7");
    assert_eq!(bench.store.revoke_key("wgk_a").await.unwrap().revoked_at, Some(Timestamp(7)));
    assert!(matches!(bench.store.revoke_key("wgk_b").await, Err(StoreError::NotFound("key"))));
}

#[tokio::test]
async fn rotation_makes_the_new_key_and_ends_the_old_or_does_neither() {
    let bench = Bench::new().await;
    let tenant = bench.tenant("acme").await;
    bench.key(&tenant, "wgk_a", "sha256:aa").await;
    let ends = Timestamp::now().after(Duration::from_secs(60));
    let rotation = |hash: &str| Rotation { public_id: "wgk_b".into(), hashed_key: hash.into(), old_ends: ends };
    assert!(bench.store.rotate_key("wgk_a", rotation("sha256:aa")).await.is_err(), "the hash is taken");
    assert_eq!(bench.store.key("wgk_a").await.unwrap().expiry, Expiry::Never);
    let (new, old) = bench.store.rotate_key("wgk_a", rotation("sha256:bb")).await.unwrap();
    assert_eq!((new.expiry, old.expiry), (Expiry::Never, Expiry::At(ends)));
    assert_eq!((&new.name, &new.scopes, &new.models), (&old.name, &old.scopes, &old.models));
    bench.store.revoke_key("wgk_b").await.unwrap();
    assert!(matches!(bench.store.rotate_key("wgk_b", rotation("sha256:cc")).await, Err(StoreError::Conflict(_))));
}

#[tokio::test]
async fn keys_are_listed_for_all_or_for_one_tenant_alone() {
    let bench = Bench::new().await;
    let (acme, other) = (bench.tenant("acme").await, bench.tenant("other").await);
    bench.key(&acme, "wgk_a", "sha256:aa").await;
    bench.key(&other, "wgk_b", "sha256:bb").await;
    assert_eq!(bench.store.list_keys(None).await.unwrap().len(), 2);
    let listed = bench.store.list_keys(Some(acme.id.clone())).await.unwrap();
    assert_eq!(listed.iter().map(|key| &key.public_id[..]).collect::<Vec<_>>(), ["wgk_a"]);
    let stranger = TenantId::parse("nobody").unwrap();
    assert!(bench.store.list_keys(Some(stranger.clone())).await.unwrap().is_empty());
    let orphan = NewKey { tenant: stranger, ..new_key(&acme, "wgk_c", "sha256:cc") };
    assert!(matches!(bench.store.create_key(orphan).await, Err(StoreError::NotFound("tenant"))));
}

#[tokio::test]
async fn new_key_with_unfit_parts_is_refused() {
    let bench = Bench::new().await;
    let tenant = bench.tenant("acme").await;
    let good = new_key(&tenant, "wgk_a", "sha256:aa");
    for wrong in [
        NewKey { public_id: "a b".into(), ..good.clone() },
        NewKey { public_id: String::new(), ..good.clone() },
        NewKey { hashed_key: "sha256:\n".into(), ..good.clone() },
        NewKey { name: "a\u{7}".into(), ..good.clone() },
        NewKey { models: Models::Only(vec!["a\nb".into()]), ..good.clone() },
    ] {
        assert!(matches!(bench.store.create_key(wrong).await, Err(StoreError::Invalid(_))));
    }
    bench.store.create_key(good).await.unwrap();
}

#[tokio::test]
async fn lookups_go_on_while_somebody_else_writes() {
    let bench = Bench::new().await;
    let tenant = bench.tenant("acme").await;
    bench.key(&tenant, "wgk_a", "sha256:aa").await;
    let mut other = Connection::open(bench.directory.path().join("store.db")).unwrap();
    let writing = other.transaction_with_behavior(rusqlite::TransactionBehavior::Exclusive).unwrap();
    writing.execute("DELETE FROM api_keys", []).unwrap();
    assert_eq!(bench.find(&["wgk_a"], &[]).await.unwrap(), ["wgk_a"], "not committed, and so not so");
    writing.commit().unwrap();
    assert!(bench.find(&["wgk_a"], &[]).await.unwrap().is_empty());
}

#[cfg(unix)]
#[tokio::test]
async fn new_file_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let bench = Bench::new().await;
    bench.tenant("acme").await;
    for name in ["store.db", "store.db-wal", "store.db-shm"] {
        let mode = std::fs::metadata(bench.directory.path().join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}

#[tokio::test]
async fn missing_directory_is_an_outage_that_names_the_file() {
    let config = Config::new(StoreUrl::Sqlite("/nonexistent/store.db".into()));
    let Err(StoreError::Unavailable(outage)) = Sqlite::open(&config).await else { panic!("opened") };
    assert!(outage.to_string().contains("/nonexistent/store.db"), "{outage}");
    assert_eq!(Sqlite::pending_migrations(&config).await.unwrap(), ["V1__tenants_and_keys"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn stores_that_race_to_make_one_file_all_open_it() {
    for _ in 0..20 {
        let directory = tempfile::tempdir().unwrap();
        let opening: Vec<_> = (0..6)
            .map(|_| {
                let config = config(&directory);
                tokio::spawn(async move { Sqlite::open(&config).await.map(drop) })
            })
            .collect();
        for opened in opening {
            opened.await.unwrap().unwrap();
        }
    }
}

#[tokio::test]
async fn schema_of_another_version_is_refused_with_the_mend() {
    let bench = Bench::new().await;
    bench.store.ping().await.unwrap();
    let Bench { directory, store } = bench;
    drop(store);
    let path = directory.path().join("store.db");
    let by_hand = |sql: &str| Connection::open(&path).unwrap().execute_batch(sql).unwrap();
    assert!(Sqlite::open(&config(&directory)).await.is_ok(), "its own schema it takes");
    assert!(Sqlite::pending_migrations(&config(&directory)).await.unwrap().is_empty());

    by_hand("INSERT INTO refinery_schema_history VALUES (999, 'later', '2030-01-01T00:00:00Z', '1')");
    let newer = Sqlite::open(&config(&directory)).await.err().unwrap();
    assert!(matches!(newer, StoreError::SchemaTooNew { found: 999, wanted: 1 }), "{newer:?}");
    assert!(newer.to_string().contains("run a newer wardgate"), "{newer}");
    assert!(matches!(Sqlite::migrate(&config(&directory)).await, Err(StoreError::SchemaTooNew { .. })));

    by_hand(
        "DELETE FROM refinery_schema_history WHERE version = 999; UPDATE refinery_schema_history SET checksum = '1'",
    );
    assert!(matches!(Sqlite::open(&config(&directory)).await, Err(StoreError::SchemaForeign)));
    by_hand("DELETE FROM refinery_schema_history");
    assert!(matches!(Sqlite::open(&config(&directory)).await, Err(StoreError::SchemaForeign)));
}

#[test]
fn older_schema_asks_for_migrate() {
    let older = StoreError::SchemaTooOld { found: 1, wanted: 2 };
    assert!(older.to_string().contains("run `wardgate migrate`"));
}

#[tokio::test]
async fn foreign_file_is_refused_and_left_as_it_was() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store.db");
    Connection::open(&path).unwrap().execute_batch("CREATE TABLE theirs (x)").unwrap();
    let before = std::fs::read(&path).unwrap();
    for outcome in
        [Sqlite::open(&config(&directory)).await.map(drop), Sqlite::migrate(&config(&directory)).await.map(drop)]
    {
        assert!(matches!(outcome, Err(StoreError::SchemaForeign)), "{outcome:?}");
    }
    assert_eq!(std::fs::read(&path).unwrap(), before);
    std::fs::write(&path, "a text file, longer than a header of SQLite's would be: ".repeat(20)).unwrap();
    assert!(matches!(Sqlite::open(&config(&directory)).await, Err(StoreError::SchemaForeign)));
}

#[tokio::test]
async fn migrate_shows_then_runs_what_is_pending_and_then_has_nothing_to_do() {
    let directory = tempfile::tempdir().unwrap();
    let config = config(&directory);
    let pending = Sqlite::pending_migrations(&config).await.unwrap();
    assert_eq!(pending, ["V1__tenants_and_keys"]);
    assert!(!directory.path().join("store.db").exists(), "a look makes no file");
    assert_eq!(Sqlite::migrate(&config).await.unwrap(), pending);
    assert!(Sqlite::migrate(&config).await.unwrap().is_empty());
    assert!(Sqlite::open(&config).await.is_ok());
}

#[tokio::test]
async fn engine_errors_say_nothing_of_statements_and_names() {
    let bench = Bench::new().await;
    bench.by_hand("DROP TABLE api_keys");
    let error = bench.find(&["canary"], &[]).await.unwrap_err();
    let mut told = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(error) = cause {
        told.push_str(&error.to_string());
        cause = error.source();
    }
    assert!(matches!(error, StoreError::Unavailable(Outage::Engine(_))), "{error:?}");
    assert!(!told.contains("SELECT") && !told.contains("canary") && !told.contains("api_keys"), "{told}");
}
