//! What operators do with the database: make it, move it on, and remove a tenant from it.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::outages::{public_id, unknown_key};
use crate::postgres::{Database, PrivateCluster};
use crate::processes::{Mock, Site, until};
use crate::relay::Relay;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_gates_that_start_at_once_make_one_schema() {
    let (mock, database) = (Mock::start("0ms").await, Database::fresh().await);
    let site = Site::new(&database.url(), &mock, "pool: 2");
    let mut gates: Vec<_> = (0..10).map(|_| site.start()).collect();
    for gate in &mut gates {
        gate.listens().await;
        gate.until_ready().await;
    }
    let history = database.sql("SELECT version FROM refinery_schema_history ORDER BY version").await;
    assert_eq!(history, [["1"], ["2"], ["3"]]);
    let key = site.tenant_with_key("acme").await;
    for gate in &gates {
        assert_eq!(gate.me(&key).await.status, 200);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn gate_refuses_a_schema_that_is_not_its_own_and_names_what_mends_it() {
    let (mock, database) = (Mock::start("0ms").await, Database::fresh().await);
    let site = Site::new(&database.url(), &mock, "");
    let dry = site.done(&["migrate", "--dry-run"]).await;
    assert_eq!(dry.lines().count(), 3, "{dry}");
    assert_eq!(
        database.sql("SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace").await,
        [["0"]]
    );
    site.done(&["migrate"]).await;
    assert_eq!(site.done(&["migrate", "--dry-run"]).await, "");
    for (change, mending) in [
        ("DELETE FROM refinery_schema_history WHERE version > 2", "wardgate migrate"),
        (
            "INSERT INTO refinery_schema_history (version, name, applied_on, checksum)
                 SELECT 99, 'of_the_future', applied_on, '1' FROM refinery_schema_history WHERE version = 1",
            "run a newer wardgate",
        ),
    ] {
        database.sql(change).await;
        let mut gate = site.start();
        assert_eq!(gate.ends().await, 1, "{}", gate.log());
        assert!(gate.log().contains(mending), "{}", gate.log());
        let command = site.runs(&["tenant", "list"]).await;
        assert_eq!(command.code, 1);
        assert!(command.stderr.contains(mending), "{}", command.stderr);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn half_made_tenant_is_finished_by_the_same_command_or_by_activating_it() {
    let (mock, database) = (Mock::start("0ms").await, Database::fresh().await);
    let site = Site::new(&database.url(), &mock, "poll_interval: 200ms");
    site.done(&["migrate"]).await;
    let gate = site.serve().await;
    gate.until_ready().await;
    for (slug, finish) in
        [("acme", &["tenant", "create", "--name", "acme"][..]), ("globex", &["tenant", "activate", "globex"])]
    {
        // Somebody else's schema stands where the tenant's shall be: nothing is made, and the slug stays free.
        database.sql(&format!("CREATE SCHEMA tenant_{slug}; CREATE TABLE tenant_{slug}.precious (x int)")).await;
        let refused = site.runs(&["tenant", "create", "--name", slug]).await;
        assert_eq!(refused.code, 1, "{}", refused.stderr);
        assert!(refused.stderr.contains(&format!("tenant_{slug}")), "{}", refused.stderr);
        assert_eq!(database.sql(&format!("SELECT FROM tenants WHERE slug = '{slug}'")).await.len(), 0);
        database.sql(&format!("ALTER SCHEMA tenant_{slug} RENAME TO moved_{slug}")).await;
        // What a creation leaves that was stopped between its steps.
        database
            .sql(&format!(
                "INSERT INTO tenants (id, slug, name, db_schema_name, status)
                    VALUES ('id-{slug}', '{slug}', '{slug}', 'tenant_{slug}', 'pending_provisioning')"
            ))
            .await;
        let suspended = site.runs(&["tenant", "suspend", slug]).await;
        assert!(suspended.stderr.contains("half made"), "{}", suspended.stderr);
        let key = site.runs(&["key", "create", "--tenant", slug]).await.stdout;
        if !key.is_empty() {
            assert_eq!(gate.me(key.trim()).await.status, 403, "its keys are good for nothing yet");
        }
        site.done(finish).await;
        assert_eq!(status(&database, slug).await, "active");
        let comment =
            format!("SELECT obj_description(oid, 'pg_namespace') FROM pg_namespace WHERE nspname = 'tenant_{slug}'");
        assert!(database.sql(&comment).await[0][0].starts_with("wardgate tenant "));
        let key = site.key(slug, &[]).await;
        until("its keys are served", async || gate.me(&key).await.status == 200).await;
    }
}

async fn status(database: &Database, slug: &str) -> String {
    database.sql(&format!("SELECT status FROM tenants WHERE slug = '{slug}'")).await.remove(0).remove(0)
}

/// Killed at whatever step it has come to, again and again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_creation_of_a_tenant_is_gone_on_with() {
    let (mock, database) = (Mock::start("0ms").await, Database::fresh().await);
    let site = Site::new(&database.url(), &mock, "");
    site.done(&["migrate"]).await;
    // Between the row and its schema.
    database
        .sql("CREATE FUNCTION stall() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(30); END'")
        .await;
    database
        .sql("CREATE EVENT TRIGGER stall ON ddl_command_start WHEN TAG IN ('CREATE SCHEMA') EXECUTE FUNCTION stall()")
        .await;
    let create = ["tenant", "create", "--name", "acme"];
    let killed = tokio::time::timeout(Duration::from_secs(20), async {
        tokio::select! {
            said = site.runs(&create) => panic!("{said:?}"),
            _ = until("the row is there", async || {
                let row = database.sql("SELECT status FROM tenants").await;
                let stalled = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'";
                row == [["pending_provisioning"]] && database.sql(stalled).await == [["1"]]
            }) => {}
        }
    });
    killed.await.unwrap();
    database.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'").await;
    database.sql("DROP EVENT TRIGGER stall").await;
    assert_eq!(status(&database, "acme").await, "pending_provisioning");
    site.done(&create).await;
    assert_eq!(status(&database, "acme").await, "active");
    assert_eq!(database.sql("SELECT count(*) FROM tenants").await, [["1"]]);
    assert_eq!(database.sql("SELECT count(*) FROM pg_namespace WHERE nspname = 'tenant_acme'").await, [["1"]]);
    let twice = site.runs(&create).await;
    assert_eq!(twice.code, 1, "a tenant that is made is not made again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deleted_tenant_is_refused_at_once_and_purged_later() {
    let (mock, database) = (Mock::start("0ms").await, Database::fresh().await);
    let site = Site::new(&database.url(), &mock, "poll_interval: 5s");
    let key = site.tenant_with_key("acme").await;
    let other = site.tenant_with_key("globex").await;
    site.user("acme", "ann@acme.example").await;
    let gate = site.serve().await;
    gate.until_ready().await;
    assert_eq!((gate.me(&key).await.status.as_u16(), gate.me(&other).await.status.as_u16()), (200, 200));
    database.sql("CREATE TABLE tenant_acme.notes (x int); CREATE TABLE tenant_globex.notes (x int)").await;
    assert_eq!(site.runs(&["tenant", "purge", "acme", "--yes"]).await.code, 1, "an active tenant is not purged");
    site.done(&["tenant", "delete", "acme"]).await;
    let took = until("the deleted tenant is refused", async || gate.me(&key).await.status == 403).await;
    assert!(took < Duration::from_secs(1), "{took:?}");
    assert_ne!(site.runs(&["tenant", "purge", "acme"]).await.code, 0, "it wants to be meant");
    assert_eq!(database.sql("SELECT count(*) FROM tenant_acme.notes").await, [["0"]]);
    site.done(&["tenant", "purge", "acme", "--yes"]).await;
    let left = "SELECT (SELECT count(*) FROM api_keys), (SELECT count(*) FROM users),
                (SELECT string_agg(nspname, ',') FROM pg_namespace WHERE nspname LIKE 'tenant%'),
                (SELECT string_agg(slug || status, ',' ORDER BY slug) FROM tenants)";
    assert_eq!(database.sql(left).await, [["1", "0", "tenant_globex", "acmedeleted,globexactive"]]);
    until("the purged tenant's key is unknown", async || gate.me(&key).await.status == 401).await;
    assert_eq!(gate.me(&other).await.status, 200);
    assert_eq!(site.runs(&["tenant", "create", "--name", "acme"]).await.code, 1, "nobody inherits its slug");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn login_of_the_proxys_role_alone_serves_and_manages_nothing() {
    let (mock, database) = (Mock::start("0ms").await, Database::fresh().await);
    let owner = Site::new(&database.url(), &mock, "");
    let key = owner.tenant_with_key("acme").await;
    let token = owner.token("acme").await;
    let login = format!("proxy_{}", database.name());
    database
        .sql(&format!(
            "DROP ROLE IF EXISTS {login}; CREATE ROLE {login} LOGIN PASSWORD 'secret'; GRANT wardgate_proxy TO {login}"
        ))
        .await;
    let sidecar = Site::new(&database.url_as(&login, "secret"), &mock, "poll_interval: 200ms");
    let gate = sidecar.serve().await;
    gate.until_ready().await;
    for credential in [&key, &token] {
        assert_eq!(gate.chat(credential, "Hi", false).send().await.status, 200);
    }
    assert_eq!(gate.me(&unknown_key()).await.status, 401);
    for command in
        [&["key", "create", "--tenant", "acme"][..], &["tenant", "list"], &["tenant", "create", "--name", "b"]]
    {
        let refused = sidecar.runs(command).await;
        assert_eq!((refused.code, &*refused.stdout), (1, ""), "{}", refused.stderr);
        assert!(refused.stderr.contains("GRANT wardgate_admin"), "{}", refused.stderr);
    }
    // What it writes of keys' uses arrives all the same.
    until("the last use is written", async || {
        database.sql("SELECT count(*) FROM api_keys WHERE last_used_at IS NOT NULL").await == [["1"]]
    })
    .await;
    owner.done(&["key", "revoke", public_id(&key)]).await;
    let took = until("the revoked key is refused", async || gate.me(&key).await.status == 401).await;
    assert!(took < Duration::from_secs(1), "{took:?}");
    drop(gate);
    database.sql(&format!("DROP OWNED BY {login}; DROP ROLE {login}")).await;
}

/// On a server with few connections, and so with room for few locks. Row by row it took five answers of the server each, and
/// a lock: a file of the size that is allowed failed on a database at some distance, and on a small one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_keys_are_taken_over_at_once() {
    let cluster = PrivateCluster::start(&["max_connections=20"]);
    let (mock, database) = (Mock::start("0ms").await, cluster.database().await);
    let relay = Relay::before(&database.url()).await;
    relay.delay(Duration::from_millis(1));
    let site = Site::new(&relay.url(&database.url()), &mock, "");
    site.tenant("acme").await;
    let rows = (0..10_000)
        .map(|n| json!({"prefix": format!("old_{n}"), "hash": format!("sha256:{n:064x}"), "tenant": "acme"}));
    std::fs::write(site.file("keys.json"), serde_json::to_vec(&rows.collect::<Vec<_>>()).unwrap()).unwrap();
    let begun = Instant::now();
    site.done(&["key", "import", "--file", "keys.json"]).await;
    println!("import: ten thousand keys in {:?}", begun.elapsed());
    assert_eq!(database.sql("SELECT count(*), count(DISTINCT key_prefix) FROM api_keys").await, [["10000", "10000"]]);
}
