use super::*;
use crate::store::postgres::testing::{config, made, pool};
use crate::store::servers::{Bouncer, Database};

fn connector(url: &str) -> Connector {
    pool(&config(url)).connector().clone()
}

fn newest() -> i64 {
    ours().newest()
}

#[tokio::test]
async fn empty_database_is_made_and_then_found_made() {
    let database = Database::fresh().await;
    let connector = connector(&database.url());
    assert_eq!(pending(&connector).await.unwrap(), ours().names_after(0));
    make_or_check(&connector).await.unwrap();
    make_or_check(&connector).await.unwrap();
    assert!(pending(&connector).await.unwrap().is_empty());
    assert!(migrate(&connector).await.unwrap().is_empty());
}

#[tokio::test]
async fn ten_that_start_at_once_make_it_once() {
    let database = Database::fresh().await;
    let bouncer = Bouncer::before(&database.url());
    for url in [database.url(), bouncer.url()] {
        let tasks = (0..5).map(|_| {
            let connector = connector(&url);
            async move { make_or_check(&connector).await }
        });
        let more = (0..5).map(|_| {
            let connector = connector(&bouncer.url());
            async move { make_or_check(&connector).await }
        });
        let (some, others) = tokio::join!(futures_util::future::join_all(tasks), futures_util::future::join_all(more));
        for made in some.into_iter().chain(others) {
            made.unwrap();
        }
    }
    let rows = database.sql("SELECT count(*) FROM refinery_schema_history").await;
    assert_eq!(rows, [[newest().to_string()]]);
}

#[tokio::test]
async fn dry_run_changes_nothing() {
    let database = Database::fresh().await;
    pending(&connector(&database.url())).await.unwrap();
    assert_eq!(
        database.sql("SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace").await,
        [["0"]]
    );
}

#[tokio::test]
async fn database_with_tables_is_left_to_migrate() {
    let database = Database::fresh().await;
    database.sql("CREATE TABLE orders (id int)").await;
    let connector = connector(&database.url());
    let refused = make_or_check(&connector).await;
    assert!(matches!(refused, Err(StoreError::SchemaTooOld { found: 0, .. })), "{refused:?}");
    assert!(refused.unwrap_err().to_string().contains("wardgate migrate"));
    assert_eq!(migrate(&connector).await.unwrap(), ours().names_after(0));
    make_or_check(&connector).await.unwrap();
}

#[tokio::test]
async fn newer_edited_and_foreign_histories_are_refused() {
    let database = made().await;
    let connector = connector(&database.url());
    let history = "refinery_schema_history";
    database.sql(&format!("INSERT INTO {history} VALUES (99, 'later', '', '1')")).await;
    for outcome in
        [make_or_check(&connector).await.err(), migrate(&connector).await.err(), pending(&connector).await.err()]
    {
        assert!(matches!(outcome, Some(StoreError::SchemaTooNew { found: 99, .. })), "{outcome:?}");
    }
    database.sql(&format!("DELETE FROM {history} WHERE version = 99; UPDATE {history} SET checksum = '1'")).await;
    for outcome in
        [make_or_check(&connector).await.err(), migrate(&connector).await.err(), pending(&connector).await.err()]
    {
        assert!(matches!(outcome, Some(StoreError::SchemaForeign)), "{outcome:?}");
    }
    database.sql(&format!("DROP TABLE {history}; CREATE TABLE {history} (version text)")).await;
    let foreign = make_or_check(&connector).await;
    assert!(foreign.is_err(), "{foreign:?}");
}

#[tokio::test]
async fn failed_migration_leaves_the_database_as_it_was() {
    let database = Database::fresh().await;
    // A name that the last of the migrations wants.
    database.sql("CREATE VIEW tenants AS SELECT 1 AS id").await;
    let before = database.sql("SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace").await;
    let failed = migrate(&connector(&database.url())).await;
    assert!(failed.is_err(), "{failed:?}");
    let after = database.sql("SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace").await;
    assert_eq!(before, after);
}

#[tokio::test]
async fn login_that_may_make_nothing_is_told_who_may() {
    let database = Database::fresh().await;
    let role = format!("server_{}", database.name());
    database.sql(&format!("CREATE ROLE {role} LOGIN PASSWORD 'x'")).await;
    let refused = make_or_check(&connector(&database.url_as(&role, "x"))).await;
    assert!(matches!(refused, Err(StoreError::SchemaTooOld { found: 0, .. })), "{refused:?}");
    make_or_check(&connector(&database.url())).await.unwrap();
    let refused = make_or_check(&connector(&database.url_as(&role, "x"))).await;
    assert!(matches!(refused, Err(StoreError::Forbidden)), "{refused:?}");
    database.sql(&format!("GRANT wardgate_admin, wardgate_proxy TO {role}")).await;
    make_or_check(&connector(&database.url_as(&role, "x"))).await.unwrap();
    database.sql(&format!("DROP ROLE {role}")).await;
}
