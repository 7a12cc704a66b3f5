//! The store against real files: every yes beside its no.

mod feed;
mod keys;
mod once;
mod pages;
mod schema;
mod sessions;
mod tenants;
mod users;

use std::collections::HashSet;

use rusqlite::Connection;
use tempfile::TempDir;

use super::gate::{CHANGES_AFTER, FIND_KEYS, IS_ENDED, NOTE_VERIFIER, TOUCH};
use super::*;
use crate::clock::{Expiry, Timestamp};
use crate::scopes::{Models, Scopes};
use crate::store::{
    ChangeKind, Email, Feed, Gate, KeyLookup, KeyRecord, Keys, NewKey, NewTenant, NewUser, Page, Position, Reach,
    Rotation, Sessions, TenantUpdate, Tenants, UserRecord, Users,
};
use crate::tenant::{Slug, TenantId, TenantPolicy, TenantStatus};

const PLATFORM: &Reach = &Reach::Platform;

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
        let made = self.store.create_tenant(new, None).await.unwrap().into_inner();
        self.store.provision_tenant(&made.id).await.unwrap()
    }

    async fn key(&self, tenant: &Tenant, public_id: &str, hash: &str) -> KeyRecord {
        self.store.create_key(new_key(tenant, public_id, hash), None).await.unwrap().into_inner()
    }

    async fn user(&self, tenant: &Tenant, email: &str) -> UserRecord {
        self.store.create_user(new_user(tenant, email), None).await.unwrap().into_inner()
    }

    async fn set_status(&self, tenant: &str, status: TenantStatus) -> Result<Arc<Tenant>, StoreError> {
        let update = TenantUpdate { status: Some(status), ..TenantUpdate::default() };
        self.store.update_tenant(tenant, update, None).await
    }

    /// Hears what is announced from now on.
    async fn reader(&self) -> Reader {
        Reader::of(&self.store).await
    }

    async fn find(&self, public_ids: &[&str], hashes: &[&str]) -> Result<Vec<String>, StoreError> {
        let owned = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect();
        let lookup = KeyLookup { public_ids: owned(public_ids), hashes: owned(hashes), ids: Vec::new() };
        let found = self.store.find_keys(vec![lookup]).await?.pop().expect("one answer for each lookup")?;
        Ok(found.into_iter().map(|key| key.public_id).collect())
    }
}

/// A reader of the feed, who knows what it has read.
struct Reader {
    next: Position,
    seen: HashSet<u64>,
}

impl Reader {
    async fn of(store: &dyn Gate) -> Reader {
        let Feed::Lost { next } = store.changes(None).await.unwrap() else { panic!("there was no position") };
        let mut reader = Reader { next, seen: HashSet::new() };
        reader.news(store).await;
        reader
    }

    /// What was announced since the last time, oldest first, and each thing but once in a row: how many rows one change
    /// makes is the engine's affair.
    async fn news(&mut self, store: &dyn Gate) -> Vec<(ChangeKind, String)> {
        let Feed::Changes { changes, next } = store.changes(Some(self.next)).await.unwrap() else {
            panic!("the feed was lost")
        };
        self.next = next;
        let news = changes.into_iter().filter(|change| self.seen.insert(change.seq));
        let mut news: Vec<_> = news.map(|change| (change.kind, change.id)).collect();
        news.dedup();
        news
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
        verifier: None,
        name: "ci".into(),
        scopes: Scopes::defaults(),
        models: Models::All,
        expiry: Expiry::Never,
        created_by: "cli".into(),
        canary: false,
    }
}

fn rotation(public_id: &str, hash: &str, old_ends: Timestamp) -> Rotation {
    Rotation {
        public_id: public_id.into(),
        hashed_key: hash.into(),
        verifier: None,
        old_ends,
        created_by: "rotator".into(),
    }
}

fn new_user(tenant: &Tenant, email: &str) -> NewUser {
    NewUser {
        tenant: tenant.id.clone(),
        email: Email::parse(email).unwrap(),
        name: "Ada".into(),
        hashed_password: "$2b$04$hash".into(),
        scopes: Scopes::defaults(),
    }
}

#[tokio::test]
async fn lookups_go_by_index() {
    let bench = Bench::new().await;
    let connection = Connection::open(bench.directory.path().join("store.db")).unwrap();
    let lookups = [FIND_KEYS, TENANT_BY_ID, TENANT_BY_SLUG, CHANGES_AFTER, IS_ENDED];
    let of_users = [super::users::BY_EMAIL, super::users::LIST, super::users::LIST_OF_TENANT];
    let of_sessions = [
        super::sessions::BY_ID,
        super::sessions::REVOKE_FAMILY,
        super::sessions::REVOKE_FAMILY_OF,
        super::sessions::FAMILY_LIVES,
        super::sessions::FAMILIES_OF_USER,
        super::sessions::FORGET_ENDED,
        super::sessions::FORGET_DENIED,
        super::sessions::DENIED,
    ];
    let listings = [super::tenants::LIST, super::tenants::LIST_ONE, super::keys::LIST, super::keys::LIST_OF_TENANT];
    for sql in [&lookups[..], &of_users, &of_sessions, &listings, &[TOUCH, NOTE_VERIFIER]].concat() {
        let mut plan = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        let parameters = vec!["x"; plan.parameter_count()];
        let steps = plan.query_map(rusqlite::params_from_iter(parameters), |row| row.get::<_, String>(3)).unwrap();
        let steps: Vec<String> = steps.map(Result::unwrap).collect();
        let structure = |step: &str| {
            step == "MULTI-INDEX OR" || step.starts_with("INDEX ") || step == "USE TEMP B-TREE FOR DISTINCT"
        };
        assert!(steps.iter().all(|step| step.starts_with("SEARCH ") || structure(step)), "{sql}: {steps:?}");
        assert!(steps.iter().any(|step| step.starts_with("SEARCH ")), "{sql}: {steps:?}");
    }
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
        ("UPDATE api_keys SET version = -1", "key_version"),
        ("UPDATE tenants SET version = -1", "tenant_version"),
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
