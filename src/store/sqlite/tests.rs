//! What is SQLite's own: its file, its plans, its locks. What every engine does alike is in `store::tests`.

mod schema;

use rusqlite::Connection;

use super::gate::{CHANGES_AFTER, FIND_KEYS, IS_ENDED, NOTE_VERIFIER, TOUCH};
use super::*;
use crate::store::tests::{Bench, PLATFORM};
use crate::store::{Feed, Position};

impl Bench {
    /// A second way into the file.
    fn file(&self) -> Connection {
        Connection::open(self.directory().join("store.db")).unwrap()
    }
}

#[tokio::test]
async fn lookups_go_by_index() {
    let bench = Bench::sqlite().await;
    let connection = bench.file();
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

/// Beside what no engine's checks would let in.
#[tokio::test]
async fn row_that_only_sqlite_takes_is_refused_and_named() {
    for (damage, column) in [
        ("UPDATE tenants SET policy = '{\"scan_mode\":\"off\"}'", "policy"),
        ("UPDATE tenants SET name = CAST(x'ff' AS TEXT)", "tenant_name"),
        ("UPDATE api_keys SET id = 'a' || char(13) || 'b'", "key_id"),
        ("UPDATE api_keys SET scopes = '{}'", "scopes"),
        ("UPDATE api_keys SET models = '[1]'", "models"),
        ("UPDATE api_keys SET models = 'null'", "models"),
    ] {
        let bench = Bench::sqlite().await;
        let tenant = bench.tenant("acme").await;
        bench.key(&tenant, "wgk_a", "sha256:canary").await;
        assert_eq!(bench.find(&["wgk_a"], &[]).await.unwrap().len(), 1);
        bench.by_hand(&format!("PRAGMA ignore_check_constraints = ON; {damage}")).await;
        match bench.find(&["wgk_a"], &[]).await {
            Err(StoreError::Corrupt { column: told, .. }) => assert_eq!(told, column, "{damage}"),
            other => panic!("{damage}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn lookups_go_on_while_somebody_else_writes() {
    let bench = Bench::sqlite().await;
    let tenant = bench.tenant("acme").await;
    bench.key(&tenant, "wgk_a", "sha256:aa").await;
    let mut other = bench.file();
    let writing = other.transaction_with_behavior(rusqlite::TransactionBehavior::Exclusive).unwrap();
    writing.execute("DELETE FROM api_keys", []).unwrap();
    assert_eq!(bench.find(&["wgk_a"], &[]).await.unwrap(), ["wgk_a"], "not committed, and so not so");
    writing.commit().unwrap();
    assert!(bench.find(&["wgk_a"], &[]).await.unwrap().is_empty());
}

#[tokio::test]
async fn engine_errors_say_nothing_of_statements_and_names() {
    let bench = Bench::sqlite().await;
    bench.by_hand("DROP TABLE api_keys").await;
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

#[tokio::test]
async fn feed_that_was_pruned_or_exchanged_is_lost_and_says_where_to_go_on() {
    let bench = Bench::sqlite().await;
    bench
        .by_hand(
            "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10006)
         INSERT INTO changes (kind, id) SELECT 'key', 'k' FROM n",
        )
        .await;
    let latest = 10_006;
    let since = async |seq| bench.store.changes(Some(Position::Number(seq))).await.unwrap();
    let (lost, none) = (
        Feed::Lost { next: Position::Number(latest) },
        Feed::Changes { changes: vec![], next: Position::Number(latest) },
    );
    assert_eq!(bench.store.changes(None).await.unwrap(), lost);
    assert_eq!(since(5).await, lost);
    let Feed::Changes { changes, next } = since(6).await else { panic!("the feed reaches back so far") };
    assert_eq!((changes.len(), next), (10_000, Position::Number(latest)));
    assert_eq!(since(latest).await, none);
    assert_eq!(since(latest + 1).await, lost);
    bench.by_hand("DELETE FROM changes").await;
    assert_eq!(since(latest - 1).await, lost);
    assert_eq!(since(latest).await, none);
    assert_eq!(since(u64::MAX).await, lost);
}
