//! Following what changes where that is hard: behind open transactions, in a flood, after a cut, in an older database.

use std::time::{Duration, Instant};

use tokio::time::sleep;

use crate::load::{Load, Route};
use crate::outages::{generated, public_id};
use crate::postgres::{Database, PrivateCluster, connect};
use crate::processes::{Mock, Replica, Site, until};
use crate::relay::Relay;

async fn hearing(site: &Site) -> Replica {
    let gate = site.serve().await;
    gate.until_ready().await;
    until("the gate hears", async || gate.log().contains("changes are heard of as they happen")).await;
    gate
}

/// What the feed told meanwhile has numbers after those of the change that is committed last.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r23_revocation_that_is_committed_late_is_heard_of_after_changes_that_came_later() {
    let (mock, database) = (Mock::start("0ms").await, Database::fresh().await);
    let site = Site::new(&database.url(), &mock, "poll_interval: 10s");
    let key = site.tenant_with_key("acme").await;
    let gate = hearing(&site).await;
    assert_eq!(gate.me(&key).await.status, 200);
    let late = connect(&database.url()).await;
    let revoke = format!("UPDATE api_keys SET revoked_at = now() WHERE key_prefix = '{}'", public_id(&key));
    late.batch_execute(&format!("BEGIN; {revoke}")).await.unwrap();
    for _ in 0..3 {
        let other = site.key("acme", &[]).await;
        assert_eq!(gate.me(&other).await.status, 200);
        site.done(&["key", "revoke", public_id(&other)]).await;
        let took = until("the other key is refused", async || gate.me(&other).await.status == 401).await;
        assert!(took < Duration::from_secs(1), "{took:?}");
        assert_eq!(gate.me(&key).await.status, 200, "nothing is committed yet");
    }
    late.batch_execute("COMMIT").await.unwrap();
    let took = until("the key is refused", async || gate.me(&key).await.status == 401).await;
    println!("r23: committed late, refused after {took:?}");
    assert!(took < Duration::from_secs(1), "{took:?}");
}

/// Somebody's forgotten transaction keeps the feed from moving on, and more changes come than it tells at a time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r23_forgotten_transaction_and_a_great_import_keep_no_revocation_from_being_heard() {
    let (mock, database) = (Mock::start("0ms").await, Database::fresh().await);
    let site = Site::new(&database.url(), &mock, "poll_interval: 200ms");
    let key = site.tenant_with_key("acme").await;
    let mut known = Vec::new();
    for _ in 0..5 {
        known.push(site.key("acme", &[]).await);
    }
    let gate = hearing(&site).await;
    assert_eq!(gate.me(&key).await.status, 200);
    let load = Load::start(&[gate.address()], Route::Me, known, 100, 5);
    let forgotten = connect(&database.url()).await;
    forgotten.batch_execute("BEGIN; SELECT pg_current_xact_id()").await.unwrap();
    many_keys(&database, "import", 12_000).await;
    sleep(Duration::from_secs(1)).await;
    let (before, begun) = (gate.lookups().await, Instant::now());
    sleep(Duration::from_secs(2)).await;
    let questions = (gate.lookups().await - before) / begun.elapsed().as_secs_f64();
    site.done(&["key", "revoke", public_id(&key)]).await;
    let took = until("the key is refused", async || gate.me(&key).await.status == 401).await;
    let samples = load.end().await;
    println!(
        "r23: behind a forgotten transaction refused after {took:?}; {questions:.1} questions a second for five known keys, p99 {:?}",
        samples.percentile(0.99)
    );
    assert!(samples.statuses().keys().eq([&200]), "{:?}", samples.statuses());
    assert!(took < Duration::from_secs(1), "{took:?}");
    forgotten.batch_execute("ROLLBACK").await.unwrap();
    sleep(Duration::from_millis(500)).await;
    let before = gate.lookups().await;
    sleep(Duration::from_millis(500)).await;
    assert!(gate.lookups().await <= before + 1.0, "once it is over, nothing is read anew");
}

/// So many rows of the table, past our own code.
async fn many_keys(database: &Database, prefix: &str, count: u32) {
    let insert = format!(
        "INSERT INTO api_keys (id, tenant_id, key_prefix, hashed_key)
         SELECT '{prefix}-' || n, t.id, '{prefix}-' || n, 'sha256:' || repeat('0', 50) || lpad(n::text, 14, '0')
         FROM tenants t, generate_series(1, {count}) n WHERE t.slug = 'acme'"
    );
    database.sql(&insert).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r23_in_a_flood_of_changes_revocations_are_heard_and_new_keys_are_served() {
    let (mock, database) = (Mock::start("0ms").await, Database::fresh().await);
    let site = Site::new(&database.url(), &mock, "poll_interval: 200ms");
    let key = site.tenant_with_key("acme").await;
    let fresh = [site.key("acme", &[]).await, site.key("acme", &[]).await];
    many_keys(&database, "flood", 2_000).await;
    let gate = hearing(&site).await;
    assert_eq!(gate.me(&key).await.status, 200);
    let flooding = connect(&database.url()).await;
    let flood = tokio::spawn(async move {
        loop {
            let change = "UPDATE api_keys SET name = CASE name WHEN 'a' THEN 'b' ELSE 'a' END WHERE key_prefix IN
                          (SELECT 'flood-' || 1 + floor(random() * 2000) FROM generate_series(1, 100))";
            flooding.batch_execute(change).await.unwrap();
            sleep(Duration::from_millis(10)).await;
        }
    });
    sleep(Duration::from_secs(1)).await;
    for fresh in &fresh {
        let begun = Instant::now();
        assert_eq!(gate.me(fresh).await.status, 200);
        println!("r23: in a flood of changes a new key is served after {:?}", begun.elapsed());
        assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    }
    site.done(&["key", "revoke", public_id(&key)]).await;
    let took = until("the key is refused", async || gate.me(&key).await.status == 401).await;
    println!("r23: in a flood of changes refused after {took:?}");
    assert!(took < Duration::from_secs(1), "{took:?}");
    flood.abort();
}

/// One gate is cut off from the database that the others share.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r25_key_revoked_while_a_gate_is_cut_off_is_refused_there_within_a_second_of_its_return() {
    let (mock, database) = (Mock::start("0ms").await, Database::fresh().await);
    let relay = Relay::before(&database.url()).await;
    let site = Site::new(&database.url(), &mock, "poll_interval: 10s");
    let far = Site::new(&relay.url(&database.url()), &mock, "poll_interval: 10s, stale_limit: 60s");
    let key = site.tenant_with_key("acme").await;
    let gate = hearing(&far).await;
    assert_eq!(gate.me(&key).await.status, 200);
    relay.silence();
    site.done(&["key", "revoke", public_id(&key)]).await;
    // The line that listens is looked after every 5 s; then it is made again and again.
    sleep(Duration::from_secs(9)).await;
    assert_eq!(gate.me(&key).await.status, 200, "it cannot know, and the limit is not reached");
    relay.resume();
    let took = until("the key is refused", async || gate.me(&key).await.status == 401).await;
    println!("r25: cut off for 9 s, refused {took:?} after the return");
    assert!(took < Duration::from_secs(1), "{took:?}");
}

/// The database is lost, and another takes its place at the same address, in which a key was revoked that the gate knows: a
/// backup, or a standby that had not heard of the last transactions. The numbers of its transactions are much the same,
/// and so tell nothing: the gate once went on from its place among them, and never heard of the revocation.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r25_another_database_in_the_place_of_the_one_it_knew_is_read_from_the_beginning() {
    let (mock, database) = (Mock::start("0ms").await, Database::fresh().await);
    let backup = PrivateCluster::start(&[]);
    let site = Site::new(&database.url(), &mock, "");
    let (key, hash) = generated();
    let copy = Site::new(&backup.url().replace("/postgres", &format!("/{}", database.name())), &mock, "");
    let older = connect(backup.url()).await;
    older.batch_execute(&format!("CREATE DATABASE {}", database.name())).await.unwrap();
    let password = std::fs::read_to_string(site.file("db-password")).unwrap();
    older.batch_execute(&format!("ALTER ROLE app PASSWORD '{password}'")).await.unwrap();
    std::fs::write(copy.file("db-password"), &password).unwrap();
    for site in [&site, &copy] {
        site.tenant("acme").await;
        site.done(&["key", "import", "--tenant", "acme", "--hash", &hash, "--prefix", public_id(&key)]).await;
    }
    copy.done(&["key", "revoke", public_id(&key)]).await;
    let relay = Relay::before(&database.url()).await;
    let by_relay = Site::new(&relay.url(&database.url()), &mock, "poll_interval: 200ms");
    let gate = hearing(&by_relay).await;
    assert_eq!(gate.me(&key).await.status, 200);
    relay.redirect(backup.url());
    let took = until("the key is refused", async || gate.me(&key).await.status == 401).await;
    println!("r25: another database took the place, refused after {took:?}");
    assert!(took < Duration::from_secs(2), "{took:?}");
}
