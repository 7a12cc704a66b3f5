//! The file and its schema: made, checked, migrated, refused.

use tempfile::TempDir;

use super::*;
use crate::clock::{Expiry, Timestamp};
use crate::scopes::{Models, Scopes};
use crate::store::{ChangeKind, Gate, KeyRecord, Keys, Page, Tenants};
use crate::tenant::TenantStatus;

fn config(directory: &TempDir) -> Config {
    Config::new(StoreUrl::Sqlite(directory.path().join("store.db")))
}

const ALL: [&str; 3] = ["V1__tenants_and_keys", "V2__users_sessions_and_versions", "V3__verifiers_and_epochs"];

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
    let directory = tempfile::tempdir().unwrap();
    drop(Sqlite::open(&config(&directory)).await.unwrap());
    let path = directory.path().join("store.db");
    let by_hand = |sql: &str| Connection::open(&path).unwrap().execute_batch(sql).unwrap();
    assert!(Sqlite::open(&config(&directory)).await.is_ok(), "its own schema it takes");
    assert!(Sqlite::pending_migrations(&config(&directory)).await.unwrap().is_empty());

    by_hand("INSERT INTO refinery_schema_history VALUES (999, 'later', '2030-01-01T00:00:00Z', '1')");
    let newer = Sqlite::open(&config(&directory)).await.err().unwrap();
    assert!(matches!(newer, StoreError::SchemaTooNew { found: 999, wanted: 3 }), "{newer:?}");
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
    let older = StoreError::SchemaTooOld { found: 1, wanted: 3 };
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
    assert_eq!(pending, ALL);
    assert!(!directory.path().join("store.db").exists(), "a look makes no file");
    assert_eq!(Sqlite::migrate(&config).await.unwrap(), pending);
    assert!(Sqlite::migrate(&config).await.unwrap().is_empty());
    assert!(Sqlite::open(&config).await.is_ok());
}

#[tokio::test]
async fn missing_directory_is_an_outage_that_names_the_file() {
    let config = Config::new(StoreUrl::Sqlite("/nonexistent/store.db".into()));
    let Err(StoreError::Unavailable(outage)) = Sqlite::open(&config).await else { panic!("opened") };
    assert!(outage.to_string().contains("/nonexistent/store.db"), "{outage}");
    assert_eq!(Sqlite::pending_migrations(&config).await.unwrap(), ALL);
}

#[cfg(unix)]
#[tokio::test]
async fn new_file_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let bench = Bench::sqlite().await;
    bench.tenant("acme").await;
    for name in ["store.db", "store.db-wal", "store.db-shm"] {
        let mode = std::fs::metadata(bench.directory().join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}

/// A file as the build before users made it, with a tenant, a used key and a feed that was pruned by hand.
async fn file_at_version_1(directory: &TempDir, then: &str) -> Connection {
    let path = directory.path().join("store.db");
    let mut connection = Connection::open(path).unwrap();
    super::super::schema::make_at(&mut connection, 1);
    connection
        .execute_batch(
            r#"INSERT INTO tenants (id, slug, name, db_schema_name, status, policy, epoch, created_at)
                VALUES ('t1', 'acme', 'Acme', 'tenant_acme', 'suspended', '{"scan_mode":"flag"}', 3, 100);
            INSERT INTO api_keys (id, tenant_id, key_prefix, hashed_key, name, scopes, models, expires_at, revoked_at,
                last_used_at, created_at)
                VALUES ('k1', 't1', 'wgk_a', 'sha256:aa', 'ci', '["a:b"]', '["m"]', 4000000000, 300, 200, 150);"#,
        )
        .unwrap();
    connection.execute_batch(then).unwrap();
    connection
}

#[tokio::test]
async fn older_store_is_refused_until_it_is_migrated_and_keeps_every_row() {
    let directory = tempfile::tempdir().unwrap();
    drop(file_at_version_1(&directory, "").await);
    let refused = Sqlite::open(&config(&directory)).await.err().unwrap();
    assert!(matches!(refused, StoreError::SchemaTooOld { found: 1, wanted: 3 }), "{refused:?}");
    assert_eq!(Sqlite::pending_migrations(&config(&directory)).await.unwrap(), ALL[1..]);
    assert_eq!(Sqlite::migrate(&config(&directory)).await.unwrap(), ALL[1..]);
    let store = Sqlite::open(&config(&directory)).await.unwrap();
    let tenant = store.tenant(PLATFORM, "acme").await.unwrap();
    assert_eq!((tenant.id.as_str(), tenant.status, tenant.version), ("t1", TenantStatus::Suspended, 1));
    assert_eq!((&tenant.name[..], tenant.created_at), ("Acme", Timestamp(100)));
    assert_eq!(tenant.policy.scan_mode, Some(crate::tenant::ScanMode::Flag));
    let key = KeyRecord {
        id: "k1".into(),
        tenant,
        public_id: "wgk_a".into(),
        hashed_key: "sha256:aa".into(),
        verifier: None,
        name: "ci".into(),
        scopes: Scopes::new(["a:b"]).unwrap(),
        models: Models::from_list(vec!["m".into()]),
        expiry: Expiry::At(Timestamp(4_000_000_000)),
        revoked_at: Some(Timestamp(300)),
        last_used_at: Some(Timestamp(200)),
        last_used_from: None,
        created_at: Timestamp(150),
        created_by: String::new(),
        canary: false,
        version: 1,
    };
    assert_eq!(store.list_keys(PLATFORM, Page::all()).await.unwrap(), [key]);
    let fed = [(ChangeKind::Tenant, "t1".to_owned()), (ChangeKind::Key, "k1".to_owned())];
    let Feed::Changes { changes, next: Position::Number(2) } = store.changes(Some(Position::Number(0))).await.unwrap()
    else {
        panic!("the feed was lost")
    };
    assert!(changes.iter().all(|change| change.age == Duration::ZERO), "nobody noted when");
    assert_eq!(changes.into_iter().map(|change| (change.kind, change.id)).collect::<Vec<_>>(), fed);
}

#[tokio::test]
async fn feed_goes_on_where_it_was_across_a_migration_although_it_is_empty() {
    for (then, left) in [("", 2), ("DELETE FROM changes WHERE seq = 2", 1), ("DELETE FROM changes", 0)] {
        let directory = tempfile::tempdir().unwrap();
        drop(file_at_version_1(&directory, then).await);
        Sqlite::migrate(&config(&directory)).await.unwrap();
        let store = Sqlite::open(&config(&directory)).await.unwrap();
        let latest = store.changes(None).await.unwrap();
        assert_eq!(latest, Feed::Lost { next: Position::Number(2) }, "{then}");
        by_hand(&directory, "UPDATE api_keys SET name = 'renamed'");
        let Feed::Changes { changes, next } = store.changes(Some(Position::Number(2))).await.unwrap() else {
            panic!("the feed was lost: {then}")
        };
        assert_eq!(next, Position::Number(3), "{then}");
        assert_eq!(
            changes.iter().map(|change| (change.seq, &change.id[..])).collect::<Vec<_>>(),
            [(3, "k1")],
            "{then}"
        );
        let count = Connection::open(directory.path().join("store.db")).unwrap();
        let count: i64 = count.query_row("SELECT count(*) FROM changes", [], |row| row.get(0)).unwrap();
        assert_eq!(count, left + 1, "{then}");
    }
}

fn by_hand(directory: &TempDir, sql: &str) {
    Connection::open(directory.path().join("store.db")).unwrap().execute_batch(sql).unwrap();
}

#[tokio::test]
async fn feed_that_never_had_a_change_is_migrated_as_such() {
    let directory = tempfile::tempdir().unwrap();
    let mut connection = Connection::open(directory.path().join("store.db")).unwrap();
    super::super::schema::make_at(&mut connection, 1);
    drop(connection);
    Sqlite::migrate(&config(&directory)).await.unwrap();
    let store = Sqlite::open(&config(&directory)).await.unwrap();
    let next = Position::Number(0);
    assert_eq!(store.changes(None).await.unwrap(), Feed::Lost { next: next.clone() });
    let nothing = Feed::Changes { changes: vec![], next: next.clone() };
    assert_eq!(store.changes(Some(next)).await.unwrap(), nothing);
}

#[tokio::test]
async fn migrated_schema_has_every_trigger_and_leaves_nothing_behind() {
    let directory = tempfile::tempdir().unwrap();
    drop(file_at_version_1(&directory, "").await);
    Sqlite::migrate(&config(&directory)).await.unwrap();
    let connection = Connection::open(directory.path().join("store.db")).unwrap();
    let names = |kind: &str| {
        let mut query = connection.prepare("SELECT name FROM sqlite_schema WHERE type = ? ORDER BY name").unwrap();
        let rows = query.query_map([kind], |row| row.get::<_, String>(0)).unwrap();
        rows.map(Result::unwrap).collect::<Vec<_>>()
    };
    let triggers = [
        "change_announced",
        "changes_pruned",
        "key_deleted",
        "key_inserted",
        "key_updated",
        "key_verifier",
        "tenant_deleted",
        "tenant_epoch",
        "tenant_inserted",
        "tenant_updated",
        "token_revoked",
        "user_deleted",
        "user_inserted",
        "user_updated",
    ];
    assert_eq!(names("trigger"), triggers);
    assert!(names("table").contains(&"changes".to_owned()) && !names("table").contains(&"changes_new".to_owned()));
    let mut counters = connection.prepare("SELECT name FROM sqlite_sequence").unwrap();
    let counters = counters.query_map([], |row| row.get::<_, String>(0)).unwrap();
    assert_eq!(counters.map(Result::unwrap).collect::<Vec<_>>(), ["changes"]);
}
