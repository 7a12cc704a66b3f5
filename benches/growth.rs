//! What a store costs as it grows: look-ups of keys that were never asked for, of keys that are remembered, and the memory of
//! a full cache, with 10, 10,000 and 1,000,000 keys in PostgreSQL. `cargo bench --bench growth`; `-- --smoke` for the small ones.
//!
//! A server of its own is started for it and ended (`tests/postgres/cluster`). Rows of one run are comparable, absolute
//! times of two machines are not.

#![expect(clippy::disallowed_methods, reason = "what a bench spawns ends with it")]
#![expect(clippy::unwrap_used, reason = "a bench that cannot be set up fails where it stands")]

#[expect(dead_code, reason = "tests use the rest of it")]
#[path = "../tests/support/postgres.rs"]
mod servers;

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::{HeaderMap, HeaderValue};
use wardgate::auth::{self, Authenticator, Presented, api_key};
use wardgate::metrics::Metrics;
use wardgate::store::{self, KeyLookup, StoreUrl};

const PEER: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
/// Of each kind, one after the other.
const LOOKUPS: usize = 400;
/// Longer than a run.
const LEASE: Duration = Duration::from_secs(3600);

fn main() {
    // Cargo tells every bench `--bench`.
    let smoke = std::env::args().any(|argument| argument == "--smoke");
    let sizes: &[usize] = if smoke { &[10, 1_000] } else { &[10, 10_000, 1_000_000] };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    println!(
        "| keys in the store | store, p50 | store, p99 | cold, p50 | cold, p99 | warm, mean | remembered | memory of them |"
    );
    println!("|---:|---:|---:|---:|---:|---:|---:|---:|");
    for keys in sizes {
        println!("{}", runtime.block_on(row(*keys)));
    }
}

async fn row(keys: usize) -> String {
    let cluster = servers::PrivateCluster::start(&[]);
    let database = cluster.database().await;
    let config = store::Config::new(StoreUrl::parse(&database.url()).unwrap());
    let store = store::open(&config).await.unwrap();
    database.sql(&fill(keys)).await;
    database.sql("VACUUM ANALYZE").await;
    // By a stride that meets every key once before it meets one again.
    let at = |number: usize| number * 7_919 % keys;
    let mut asked = Vec::new();
    for number in 0..LOOKUPS {
        let begun = Instant::now();
        let found = store.find_keys(vec![lookup(at(number))]).await.unwrap();
        asked.push(begun.elapsed());
        assert_eq!(found[0].as_ref().unwrap().len(), 1);
    }
    let config = auth::Config { api_key: api_key::Config::default(), ..auth::Config::default() };
    let gate = Arc::new(Authenticator::new(config, store.clone(), LEASE, Arc::new(Metrics::new())));
    gate.catch_up().await.unwrap();
    let asking = tokio::spawn({
        let gate = gate.clone();
        async move { gate.look_up_keys().await }
    });
    let mut cold = Vec::new();
    for number in 0..LOOKUPS.min(keys) {
        // As keys come that are not all used for the first time at one moment.
        tokio::time::sleep(Duration::from_millis(30)).await;
        cold.push(authenticate(&gate, at(number)).await);
    }
    let begun = Instant::now();
    for number in 0..LOOKUPS * 100 {
        authenticate(&gate, at(number % LOOKUPS.min(keys))).await;
    }
    let warm = begun.elapsed() / u32::try_from(LOOKUPS * 100).unwrap();
    let before = resident();
    let remembered = keys.min(100_000);
    remember(&gate, remembered).await;
    let memory = resident().saturating_sub(before);
    asking.abort();
    let [p50, p99] = percentiles(asked);
    let [cold_p50, cold_p99] = percentiles(cold);
    format!(
        "| {keys} | {p50:.2?} | {p99:.2?} | {cold_p50:.2?} | {cold_p99:.2?} | {warm:.2?} | {remembered} | {:.1} MiB |",
        memory as f64 / 1024.0 / 1024.0
    )
}

/// Many at a time, as a cold start has them.
async fn remember(gate: &Arc<Authenticator>, keys: usize) {
    for first in (0..keys).step_by(2_000) {
        let many = (first..keys.min(first + 2_000)).map(|key| authenticate(gate, key));
        futures_util::future::join_all(many).await;
    }
}

async fn authenticate(gate: &Authenticator, key: usize) -> Duration {
    let mut headers = HeaderMap::new();
    headers.insert("authorization", HeaderValue::from_str(&format!("Bearer {}", secret(key))).unwrap());
    let presented = Presented { headers: &headers, peer: PEER, word: None, certificate: None };
    let begun = Instant::now();
    gate.authenticate(&presented).await.unwrap();
    begun.elapsed()
}

fn secret(key: usize) -> String {
    format!("llmk_g{key}_secret")
}

fn lookup(key: usize) -> KeyLookup {
    KeyLookup { public_ids: vec![format!("g{key}")], ..KeyLookup::default() }
}

/// Keys of one tenant, imported by their SHA-256. What the triggers would announce of each is left out.
fn fill(keys: usize) -> String {
    format!(
        "INSERT INTO tenants (id, slug, name, status) VALUES ('t1', 'acme', 'Acme', 'active');
         ALTER TABLE api_keys DISABLE TRIGGER USER;
         INSERT INTO api_keys (id, tenant_id, key_prefix, hashed_key)
             SELECT 'k' || n, 't1', 'g' || n,
                 'sha256:' || encode(sha256(convert_to('llmk_g' || n || '_secret', 'UTF8')), 'hex')
             FROM generate_series(0, {keys} - 1) AS n;
         ALTER TABLE api_keys ENABLE TRIGGER USER"
    )
}

/// The middle and the 99th percentile.
fn percentiles(mut times: Vec<Duration>) -> [Duration; 2] {
    times.sort();
    [times[times.len() / 2], times[times.len() * 99 / 100]]
}

/// Bytes of memory that this process holds (proc(5), `statm`, in pages of 4 KiB).
fn resident() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    statm.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4096
}
