//! A database that is there and does not answer, or not in time: worse than one that is dead.

use std::time::{Duration, Instant};

use tokio::time::sleep;

use crate::load::{Load, Route};
use crate::outages::{could_not_tell, unknown_key};
use crate::postgres::{Database, PrivateCluster, connect};
use crate::processes::{Mock, Replica, Site, until};
use crate::relay::Relay;

/// How long a lookup may take, and something for a busy machine.
const LOOKUP_MAX: Duration = Duration::from_millis(2_000 + 1_500);

/// While the database hangs: whoever is known is served, whoever is not is told within the lookups' patience, and nothing
/// piles up. The gate has the connections it had, and a few that it tries.
async fn copes(gate: &Replica, known: &str, hanging: Duration) {
    let (descriptors, memory) = (gate.descriptors(), gate.memory());
    let known = Load::start(&[gate.address()], Route::Me, vec![known.to_owned()], 100, 4);
    let made_up = (0..1_000).map(|_| unknown_key()).collect();
    let unknown = Load::start(&[gate.address()], Route::Me, made_up, 40, CROWD);
    let (begun, mut most) = (Instant::now(), 0);
    while begun.elapsed() < hanging {
        most = most.max(gate.descriptors());
        assert!(gate.is_ready().await);
        sleep(Duration::from_millis(50)).await;
    }
    could_not_tell(&gate.me(&unknown_key()).await, "store_unavailable");
    let grown = gate.memory().saturating_sub(memory);
    let (known, unknown) = (known.end().await, unknown.end().await);
    let (usual, slow) = (known.percentile(0.5), known.percentile(0.99));
    let slowest = unknown.percentile(1.0);
    println!(
        "hanging: {} known, p50 {usual:?}, p99 {slow:?}; {} unknown, slowest {slowest:?}",
        known.0.len(),
        unknown.0.len()
    );
    println!("hanging: {descriptors} to {most} descriptors, {} KiB more", grown >> 10);
    assert!(known.statuses().keys().eq([&200]), "{:?}", known.statuses());
    assert!(unknown.statuses().keys().eq([&503]), "{:?}", unknown.statuses());
    assert!(usual < Duration::from_millis(100), "{usual:?}");
    assert!(slowest < LOOKUP_MAX, "{slowest:?}");
    // Its clients, and about as many connections to the database as it may have.
    assert!(most < descriptors + CROWD as usize + 24 && grown < 64 << 20, "{descriptors} {most} {grown}");
}

/// Connections on which unknown keys come, one after the other.
const CROWD: u32 = 120;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r20_stopped_database_leaves_the_known_served_and_recovers_when_it_goes_on() {
    let mut cluster = PrivateCluster::start(&[]);
    let (mock, database) = (Mock::start("0ms").await, cluster.database().await);
    let site = Site::new(&database.url(), &mock, "stale_limit: 60s, poll_interval: 200ms");
    let key = site.tenant_with_key("acme").await;
    let gate = site.serve().await;
    gate.until_ready().await;
    assert_eq!(gate.me(&key).await.status, 200);
    cluster.stop();
    copes(&gate, &key, Duration::from_secs(5)).await;
    cluster.cont();
    let went_on = Instant::now();
    until("unknown keys are refused again", async || gate.me(&unknown_key()).await.status == 401).await;
    println!("hanging: all is as before {:?} after it went on", went_on.elapsed());
    assert!(went_on.elapsed() < Duration::from_secs(5), "{:?}", went_on.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r20_cable_that_swallows_everything_leaves_the_known_served_and_recovers() {
    let (mock, database) = (Mock::start("0ms").await, Database::fresh().await);
    let relay = Relay::before(&database.url()).await;
    let site = Site::new(&relay.url(&database.url()), &mock, "stale_limit: 60s, poll_interval: 200ms");
    let key = site.tenant_with_key("acme").await;
    let gate = site.serve().await;
    gate.until_ready().await;
    assert_eq!(gate.me(&key).await.status, 200);
    relay.silence();
    copes(&gate, &key, Duration::from_secs(5)).await;
    relay.resume();
    let resumed = Instant::now();
    until("unknown keys are refused again", async || gate.me(&unknown_key()).await.status == 401).await;
    println!("hanging: all is as before {:?} after the cable was mended", resumed.elapsed());
    assert!(resumed.elapsed() < Duration::from_secs(5), "{:?}", resumed.elapsed());
}

/// All connections wait for a lock that somebody else holds.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn exhausted_pool_is_a_fast_503_and_never_a_pile_up() {
    let (mock, database) = (Mock::start("0ms").await, Database::fresh().await);
    let site = Site::new(&database.url(), &mock, "pool: 2, stale_limit: 60s, poll_interval: 200ms");
    let key = site.tenant_with_key("acme").await;
    let gate = site.serve().await;
    gate.until_ready().await;
    assert_eq!(gate.me(&key).await.status, 200);
    let holder = connect(&database.url()).await;
    holder.batch_execute("BEGIN; LOCK TABLE api_keys, tenants IN ACCESS EXCLUSIVE MODE").await.unwrap();
    copes(&gate, &key, Duration::from_secs(5)).await;
    let waiting =
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    let waiting: u32 = database.sql(waiting).await[0][0].parse().unwrap();
    assert!(waiting <= 2, "{waiting} wait in the server: what is given up is cancelled there");
    holder.batch_execute("COMMIT").await.unwrap();
    let freed = Instant::now();
    until("unknown keys are refused again", async || gate.me(&unknown_key()).await.status == 401).await;
    assert!(freed.elapsed() < Duration::from_secs(3), "{:?}", freed.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_database_costs_whoever_waits_for_it_and_nobody_else() {
    let (mock, database) = (Mock::start("0ms").await, Database::fresh().await);
    let relay = Relay::before(&database.url()).await;
    let site = Site::new(&relay.url(&database.url()), &mock, "stale_limit: 60s, poll_interval: 200ms");
    let key = site.tenant_with_key("acme").await;
    let fresh = site.key("acme", &[]).await;
    let gate = site.serve().await;
    gate.until_ready().await;
    assert_eq!(gate.me(&key).await.status, 200);
    let p50 = async || {
        let load = Load::start(&[gate.address()], Route::Me, vec![key.clone()], 100, 4);
        sleep(Duration::from_millis(1_000)).await;
        let samples = load.end().await;
        assert!(samples.statuses().keys().eq([&200]), "{:?}", samples.statuses());
        samples.percentile(0.5)
    };
    let before = p50().await;
    relay.delay(Duration::from_millis(800));
    let waited = async {
        let begun = Instant::now();
        assert_eq!(gate.me(&fresh).await.status, 200);
        begun.elapsed()
    };
    let (meanwhile, waited) = tokio::join!(p50(), waited);
    println!("slow: the known p50 {before:?}, then {meanwhile:?}; the new one waited {waited:?}");
    assert!(waited >= Duration::from_millis(800));
    assert!(meanwhile < Duration::from_millis(100), "{meanwhile:?}");
    assert!(gate.is_ready().await);
}

/// Its address answers, and nobody says a word: the gate starts all the same, and says that it is not ready.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r21_gate_starts_before_a_silent_database_and_serves_soon_after_it_speaks() {
    let (mock, database) = (Mock::start("0ms").await, Database::fresh().await);
    let key = Site::new(&database.url(), &mock, "").tenant_with_key("acme").await;
    let relay = Relay::before(&database.url()).await;
    let site = Site::new(&relay.url(&database.url()), &mock, "poll_interval: 200ms");
    relay.silence();
    let begun = Instant::now();
    let gate = site.serve().await;
    println!("r21: before a silent database it listens after {:?}", begun.elapsed());
    assert!(begun.elapsed() < Duration::from_secs(25), "{:?}", begun.elapsed());
    assert!(!gate.is_ready().await);
    assert_eq!(gate.me(&key).await.status, 503);
    relay.resume();
    let resumed = Instant::now();
    until("the key is served", async || gate.me(&key).await.status == 200).await;
    println!("r21: served {:?} after it spoke", resumed.elapsed());
    assert!(resumed.elapsed() < Duration::from_secs(5) && gate.is_ready().await, "{:?}", resumed.elapsed());
}

/// What is left to write is given up when nobody takes it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn gate_ends_in_order_although_its_database_is_silent() {
    let (mock, database) = (Mock::start("0ms").await, Database::fresh().await);
    let relay = Relay::before(&database.url()).await;
    let site = Site::new(&relay.url(&database.url()), &mock, "poll_interval: 200ms");
    let key = site.tenant_with_key("acme").await;
    let mut gate = site.serve().await;
    gate.until_ready().await;
    assert_eq!(gate.me(&key).await.status, 200);
    relay.silence();
    could_not_tell(&gate.me(&unknown_key()).await, "store_unavailable");
    gate.terminate();
    let told = Instant::now();
    assert_eq!(gate.ends().await, 0, "{}", gate.log());
    println!("hanging: ended {:?} after it was told", told.elapsed());
    assert!(told.elapsed() < Duration::from_secs(8), "{:?}", told.elapsed());
}
