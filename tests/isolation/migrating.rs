//! Who may migrate, how often, and how many at once.

use crate::fixture::{migrate, migrate_at_once};
use crate::postgres::{Database, PrivateCluster, connect};

/// Ten replicas start at once: one makes the schema, and the others come to a database that has it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[expect(clippy::disallowed_methods, reason = "the replicas are tasks of the test")]
async fn of_ten_at_once_one_migrates() {
    let database = Database::fresh().await;
    let mut replicas = Vec::new();
    for _ in 0..10 {
        let client = connect(&database.url()).await;
        replicas.push(tokio::spawn(async move { migrate_at_once(&client).await }));
    }
    let mut made = 0;
    for replica in replicas {
        match replica.await.unwrap() {
            Ok(()) => made += 1,
            // They do not look at the history, as the program does before it runs anything.
            Err(error) => assert!(["42P07", "42710", "WG001"].contains(&error.code().unwrap().code()), "{error:?}"),
        }
    }
    assert_eq!(made, 1);
    assert_eq!(database.sql("SELECT count(*) FROM tenants").await, [["0"]]);
}

/// Roles are the whole server's, so databases that are migrated at once meet in them, and only in them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[expect(clippy::disallowed_methods, reason = "the migrations are tasks of the test")]
async fn databases_of_a_new_server_are_migrated_at_once() {
    let cluster = PrivateCluster::start(&[]);
    let mut databases = Vec::new();
    for _ in 0..6 {
        databases.push(cluster.database().await);
    }
    let mut migrations = Vec::new();
    for database in &databases {
        let client = connect(&database.url()).await;
        migrations.push(tokio::spawn(async move { migrate_at_once(&client).await }));
    }
    for migration in migrations {
        migration.await.unwrap().unwrap();
    }
}

/// A login of every kind, each where there are no roles of ours: it works, or the message says what to do, and what it
/// says works.
#[tokio::test]
async fn login_without_the_rights_is_told_what_a_dba_runs() {
    let cluster = PrivateCluster::start(&[]);
    for (attributes, owns) in [
        ("", true),
        ("NOINHERIT", false),
        ("", false),
        ("CREATEROLE", true),
        ("CREATEROLE", false),
        ("CREATEROLE NOINHERIT", true),
    ] {
        let database = cluster.database().await;
        database.sql(&format!("CREATE ROLE migrator LOGIN PASSWORD 'secret' {attributes}")).await;
        if owns {
            database.sql(&format!("ALTER DATABASE {} OWNER TO migrator", database.name())).await;
        }
        let client = connect(&database.url_as("migrator", "secret")).await;
        let outcome = migrate_at_once(&client).await;
        // Whoever may make roles and owns the database needs nobody, and gives itself what it needs.
        if attributes.contains("CREATEROLE") && owns {
            outcome.unwrap();
        } else {
            let error = outcome.unwrap_err();
            let error = error.as_db_error().unwrap();
            assert_eq!(error.code().code(), "WG001", "{error:?}");
            let statements = error.message().split('`').nth(1).unwrap();
            database.sql(statements).await;
            migrate_at_once(&client)
                .await
                .unwrap_or_else(|error| panic!("{attributes} {owns}: {statements}: {error:?}"));
        }
        // Whoever migrated may also do an admin's work, and the next migration.
        client
            .batch_execute(
                "BEGIN; SET LOCAL ROLE wardgate_admin; SELECT set_config('app.current_tenant_id', '*', true);
            INSERT INTO tenants (id, slug, name, status, db_schema_name) VALUES ('a', 'a', 'a', 'active', 'schema_a');
            SELECT wardgate_provision_schema('a'); COMMIT",
            )
            .await
            .unwrap();
        client
            .batch_execute("BEGIN; SET LOCAL ROLE wardgate_owner; CREATE TABLE public.later (x int); ROLLBACK")
            .await
            .unwrap();
        drop(client);
        drop(database);
        let server = connect(cluster.url()).await;
        server.batch_execute("DROP ROLE wardgate_owner, wardgate_admin, wardgate_proxy, migrator").await.unwrap();
    }
}

/// Row-level security that a role passes by is none.
#[tokio::test]
async fn role_that_passes_by_row_security_is_refused() {
    let cluster = PrivateCluster::start(&[]);
    let database = cluster.database().await;
    for attribute in ["BYPASSRLS", "SUPERUSER"] {
        database.sql(&format!("DROP ROLE IF EXISTS wardgate_proxy; CREATE ROLE wardgate_proxy {attribute}")).await;
        let error = migrate(&connect(&database.url()).await).await.unwrap_err();
        assert!(error.as_db_error().unwrap().message().contains("ALTER ROLE wardgate_proxy NOSUPERUSER NOBYPASSRLS"));
    }
}

/// A login's own schema comes before `public` in the usual search path; nothing of ours goes astray into it.
#[tokio::test]
async fn everything_is_made_in_public() {
    let database = Database::fresh().await;
    database.sql("CREATE SCHEMA app").await;
    migrate(&connect(&database.url()).await).await.unwrap();
    let astray = "SELECT relname FROM pg_class WHERE relnamespace = 'app'::regnamespace";
    assert!(database.sql(astray).await.is_empty());
    assert_eq!(database.sql("SHOW search_path").await, [["\"$user\", public"]]);
}

/// The history of migrations, which every replica reads at its start whatever its role.
#[tokio::test]
async fn history_is_the_owners_and_every_role_reads_it() {
    let database = Database::fresh().await;
    let history = "CREATE TABLE refinery_schema_history (version int PRIMARY KEY, name varchar, applied_on varchar, checksum varchar)";
    database.sql(history).await;
    migrate(&connect(&database.url()).await).await.unwrap();
    let client = connect(&database.url()).await;
    for role in ["wardgate_proxy", "wardgate_admin"] {
        let read =
            format!("BEGIN; SET LOCAL ROLE {role}; SELECT version, checksum FROM refinery_schema_history; ROLLBACK");
        client.batch_execute(&read).await.unwrap();
        let write = format!("BEGIN; SET LOCAL ROLE {role}; DELETE FROM refinery_schema_history");
        assert_eq!(client.batch_execute(&write).await.unwrap_err().code().unwrap().code(), "42501");
        client.batch_execute("ROLLBACK").await.unwrap();
    }
}
