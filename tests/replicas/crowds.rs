//! Many at once: a cold start, made-up keys, and hostile ones.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::time::sleep;
use tokio_postgres::Client;

use crate::client::raw_status;
use crate::load::{Line, Load, Route, Samples};
use crate::outages::{generated, public_id, unknown_key};
use crate::postgres::{Database, PrivateCluster, cells, connect};
use crate::processes::{Mock, Replica, Site};

const KEYS: usize = 5_000;
const LINES: usize = 200;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r28_cold_gate_answers_5000_keys_at_once_with_few_questions_and_no_connection_too_many() {
    let (mock, database) = (Mock::start("0ms").await, Database::fresh().await);
    let site = Site::new(&database.url(), &mock, "pool: 4, poll_interval: 500ms");
    site.tenant("acme").await;
    let made: Vec<_> = (0..KEYS).map(|_| generated()).collect();
    let rows = made.iter().map(|(key, hash)| json!({"prefix": public_id(key), "hash": hash, "tenant": "acme"}));
    std::fs::write(site.file("keys.json"), serde_json::to_vec(&rows.collect::<Vec<_>>()).unwrap()).unwrap();
    let begun = Instant::now();
    site.done(&["key", "import", "--file", "keys.json"]).await;
    println!("r28: imported in {:?}", begun.elapsed());
    let gate = site.serve().await;
    gate.until_ready().await;
    let sampler = Connections::of(&database).await;
    let before = gate.lookups().await;
    let begun = Instant::now();
    let lines = made.chunks(KEYS / LINES).map(|keys| {
        let keys: Vec<_> = keys.iter().map(|(key, _)| key.clone()).collect();
        let mut line = Line::new(gate.address());
        tokio::spawn(async move {
            let mut samples = Vec::new();
            for key in keys {
                samples.push(line.send(Route::Me, &key).await);
            }
            samples
        })
    });
    let mut samples = Vec::new();
    for line in lines.collect::<Vec<_>>() {
        samples.extend(line.await.unwrap());
    }
    let took = begun.elapsed();
    let samples = Samples(samples);
    let questions = gate.lookups().await - before;
    let connections = sampler.most().await;
    println!(
        "r28: {KEYS} keys in {took:?}, p99 {:?}, {questions} questions, {connections} connections at most",
        samples.percentile(0.99)
    );
    assert_eq!(samples.statuses().into_iter().collect::<Vec<_>>(), [(200, KEYS)]);
    assert!(questions >= 1.0 && questions <= KEYS as f64, "{questions}");
    // Beside the pool's four, one reads the feed and one listens.
    assert!((1..=6).contains(&connections), "{connections}");
    // Now all are known.
    let mut line = Line::new(gate.address());
    for (key, _) in made.iter().step_by(50) {
        assert_eq!(line.send(Route::Me, key).await.status, 200);
    }
    assert_eq!(gate.lookups().await - before, questions);
}

/// Asks the server again and again how many connections of gates there are.
struct Connections {
    over: Arc<AtomicBool>,
    most: tokio::task::JoinHandle<usize>,
}

impl Connections {
    async fn of(database: &Database) -> Connections {
        let client = connect(&database.url()).await;
        let over = Arc::new(AtomicBool::new(false));
        let most = tokio::spawn(watch(client, over.clone()));
        Connections { over, most }
    }

    async fn most(self) -> usize {
        self.over.store(true, Ordering::Relaxed);
        self.most.await.unwrap()
    }
}

async fn watch(client: Client, over: Arc<AtomicBool>) -> usize {
    let most = AtomicUsize::new(0);
    let count =
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'wardgate'";
    while !over.load(Ordering::Relaxed) {
        most.fetch_max(cells(&client, count).await.unwrap()[0][0].parse().unwrap(), Ordering::Relaxed);
        sleep(Duration::from_millis(5)).await;
    }
    most.into_inner()
}

/// What the good ones notice is told by rounds with and without the others, by turns: whatever else the machine does falls
/// on both alike.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r30_made_up_keys_cost_the_good_ones_little_and_the_database_next_to_nothing() {
    let (mock, database) = (Mock::start("40ms").await, Database::fresh().await);
    let site = Site::new(&database.url(), &mock, "poll_interval: 500ms");
    let good = vec![site.tenant_with_key("acme").await, site.key("acme", &[]).await];
    let gate = site.serve().await;
    gate.until_ready().await;
    round(&gate, &good, 0).await;
    let memory = gate.memory();
    let flooded = round(&gate, &good, 2_000).await;
    println!("r30: {:.0} made-up keys a second, {:.0} questions a second", flooded.unknown, flooded.questions);
    assert!(flooded.unknown > 200.0, "{}", flooded.unknown);
    let (mut without, mut with) = (Vec::new(), Vec::new());
    for _ in 0..3 {
        without.push(round(&gate, &good, 0).await.good);
        with.push(round(&gate, &good, FLOOD).await.good);
    }
    let grown = gate.memory().saturating_sub(memory);
    let (without, with) = (median(without), median(with));
    println!("r30: good p99 {without:?} without and {with:?} with, memory grew by {} KiB", grown >> 10);
    assert!(grown < 64 << 20, "{grown}");
    assert!(with <= without * 2, "{with:?} {without:?}");
}

/// Made-up keys a second beside which the good ones' time is taken. Gate and clients share the machine, and as debug builds
/// they are busy with the whole number by themselves.
const FLOOD: u32 = if cfg!(debug_assertions) { 400 } else { 2_000 };

/// What a round showed: the good ones' p99, and what came of the others a second.
struct Round {
    good: Duration,
    unknown: f64,
    questions: f64,
}

async fn round(gate: &Replica, good: &[String], per_second: u32) -> Round {
    let made_up = (0..per_second * 2).map(|_| unknown_key()).collect();
    let (before, begun) = (gate.lookups().await, Instant::now());
    let known = Load::start(&[gate.address()], Route::Chat, good.to_vec(), 150, 15);
    let flood = (per_second > 0).then(|| Load::start(&[gate.address()], Route::Me, made_up, per_second, 150));
    sleep(Duration::from_millis(1_200)).await;
    let refused = match flood {
        Some(flood) => flood.end().await,
        None => Samples(Vec::new()),
    };
    let seconds = begun.elapsed().as_secs_f64();
    let questions = (gate.lookups().await - before) / seconds;
    assert!(questions <= 50.0, "{questions}");
    assert!(refused.statuses().keys().all(|status| *status == 401), "{:?}", refused.statuses());
    let known = known.end().await;
    assert!(known.statuses().keys().eq([&200]), "{:?}", known.statuses());
    Round { good: known.percentile(0.99), unknown: refused.0.len() as f64 / seconds, questions }
}

fn median(mut rounds: Vec<Duration>) -> Duration {
    rounds.sort();
    rounds[rounds.len() / 2]
}

/// Every statement goes to the server's log, and the values beside it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s01_hostile_credentials_reach_the_database_as_values_or_not_at_all() {
    let cluster = PrivateCluster::start(&["log_statement=all"]);
    let (mock, database) = (Mock::start("0ms").await, cluster.database().await);
    let site = Site::new(&database.url(), &mock, "poll_interval: 500ms");
    let key = site.tenant_with_key("acme").await;
    let gate = site.serve().await;
    gate.until_ready().await;
    for wrong in [b"' OR '1'='1".as_slice(), b"\xff\xfe\xfd", b"a\tb", b"", &[b'a'; 40_000], b"wgk_' OR 1=1 --_x"] {
        let before = gate.lookups().await;
        let credential = [b"Bearer ", wrong].concat();
        let ask = gate.ask("GET", "/auth/me", "").without("authorization").header("authorization", credential);
        let reply = ask.send().await;
        assert_eq!(reply.status, 401, "{:?}", String::from_utf8_lossy(wrong));
        assert_eq!(gate.lookups().await, before, "{:?}", String::from_utf8_lossy(wrong));
    }
    let long = "a".repeat(1 << 20);
    for (credential, statuses) in [("a\0b", ["400", "400"]), (&*long, ["431", "401"])] {
        let before = gate.lookups().await;
        let head = format!("GET /auth/me HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {credential}\r\n\r\n");
        let status = raw_status(gate.address(), head.as_bytes()).await;
        assert!(statuses.contains(&status.as_str()), "{status}");
        assert_eq!(gate.lookups().await, before);
    }
    // These have the form of another system's keys, so the database is asked for what they begin with.
    let asked =
        ["x_hostile7'||pg_sleep(9)--_y", "x_hostile7');DELETE/**/FROM/**/tenants;--_y", "hostile7{,\"}\\_NULL_y"];
    for hostile in asked {
        let (before, begun) = (gate.lookups().await, Instant::now());
        assert_eq!(gate.me(hostile).await.status, 401, "{hostile}");
        assert_eq!(gate.lookups().await, before + 1.0, "{hostile}");
        assert!(begun.elapsed() < Duration::from_secs(5));
    }
    assert_eq!(gate.me(&key).await.json()["tenant_slug"], "acme");
    assert_eq!(database.sql("SELECT count(*) FROM tenants").await, [["1"]]);
    let log = std::fs::read_to_string(cluster.directory().join("server.log")).unwrap();
    let told: Vec<_> = log.lines().filter(|line| line.contains("hostile7")).collect();
    assert!(told.len() >= asked.len(), "the log shows what was asked: {}", told.len());
    for line in told {
        assert!(line.contains("DETAIL:  parameters:"), "a value stands in a statement: {line}");
    }
}
