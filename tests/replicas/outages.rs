//! The database dies and comes back: what is known is served, what is not known is told so, and nobody is restarted.

use std::time::{Duration, Instant};

use tokio::time::sleep;

use crate::client::Reply;
use crate::load::{Load, Route};
use crate::postgres::PrivateCluster;
use crate::processes::{Mock, Replica, Site, until};

/// A key of our form that nobody has made.
pub(crate) fn unknown_key() -> String {
    generated().0
}

/// A key of our form, and its hash.
pub(crate) fn generated() -> (String, String) {
    let config = wardgate::auth::api_key::Config {
        hash: wardgate::auth::api_key::HashMethod::Sha256,
        ..wardgate::auth::api_key::Config::default()
    };
    let made = config.generate().unwrap();
    (String::from_utf8(made.key.expose().to_vec()).unwrap(), made.hash.to_string())
}

/// The part of a key by which it is told of.
pub(crate) fn public_id(key: &str) -> &str {
    key.rsplit_once('_').unwrap().0
}

/// Refused because nothing could be found out: neither let in nor told to be wrong.
pub(crate) fn could_not_tell(reply: &Reply, code: &str) {
    assert_eq!((reply.status.as_u16(), reply.code().as_str()), (503, code), "{}", reply.text());
    assert!(!reply.header("retry-after").is_empty(), "{:?}", reply.headers);
}

/// Three gates, one tenant, and every kind of credential that is answered from memory.
struct Warm {
    gates: [Replica; 3],
    credentials: Vec<String>,
}

async fn warm(site: &Site) -> Warm {
    site.tenant("acme").await;
    let mut credentials = Vec::new();
    for _ in 0..5 {
        credentials.push(site.key("acme", &[]).await);
    }
    credentials.push(site.token("acme").await);
    site.user("acme", "ann@acme.example").await;
    let gates = site.serve_three().await;
    credentials.push(gates[0].log_in("acme", "ann@acme.example").await);
    for gate in &gates {
        for credential in &credentials {
            assert_eq!(gate.chat(credential, "Hi", false).send().await.status, 200);
        }
    }
    Warm { gates, credentials }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r20_killed_database_leaves_the_known_served_the_unknown_unsure_and_the_gates_ready() {
    let mut cluster = PrivateCluster::start(&[]);
    let mock = Mock::start("0ms").await;
    let database = cluster.database().await;
    let site = Site::new(&database.url(), &mock, "stale_limit: 60s, poll_interval: 200ms");
    let Warm { gates, credentials } = warm(&site).await;
    let late = site.key("acme", &[]).await;
    let load = Load::start(&gates.each_ref().map(Replica::address), Route::Chat, credentials.clone(), 200, 12);
    sleep(Duration::from_millis(500)).await;
    let killed = Instant::now();
    cluster.kill();
    while killed.elapsed() < Duration::from_secs(3) {
        for gate in &gates {
            could_not_tell(&gate.me(&unknown_key()).await, "store_unavailable");
            could_not_tell(&gate.me(&late).await, "store_unavailable");
            could_not_tell(&gate.try_log_in("acme", "ann@acme.example").await, "store_unavailable");
            assert!(gate.is_ready().await);
        }
        sleep(Duration::from_millis(100)).await;
    }
    cluster.restart();
    let restarted = Instant::now();
    for gate in &gates {
        until("unknown keys are refused again", async || gate.me(&unknown_key()).await.status == 401).await;
        until("new keys are known again", async || gate.me(&late).await.status == 200).await;
    }
    println!("r20: all is as before {:?} after the restart", restarted.elapsed());
    assert!(restarted.elapsed() < Duration::from_secs(5));
    let samples = load.end().await;
    println!("r20: {} requests of known callers, p99 {:?}", samples.0.len(), samples.percentile(0.99));
    assert!(samples.0.len() > 300 && samples.statuses().keys().eq([&200]), "{:?}", samples.statuses());
    // What changes is heard of again.
    site.done(&["key", "revoke", public_id(&late)]).await;
    for gate in &gates {
        let took = until("the revoked key is refused", async || gate.me(&late).await.status == 401).await;
        assert!(took < Duration::from_secs(1), "{took:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r21_gate_starts_without_its_database_and_serves_soon_after_it_came() {
    let mut cluster = PrivateCluster::start(&[]);
    let mock = Mock::start("0ms").await;
    let database = cluster.database().await;
    let site = Site::new(&database.url(), &mock, "stale_limit: 3s, poll_interval: 200ms");
    let key = site.tenant_with_key("acme").await;
    cluster.kill();
    let gate = site.serve().await;
    for _ in 0..20 {
        assert!(!gate.is_ready().await);
        assert_eq!(gate.me(&key).await.status, 503);
        assert_eq!(gate.chat(&key, "Hi", false).send().await.status, 503);
        sleep(Duration::from_millis(100)).await;
    }
    assert!(mock.requests().await.is_empty(), "nobody was let through");
    cluster.restart();
    let restarted = Instant::now();
    gate.until_ready().await;
    until("the key is served", async || gate.chat(&key, "Hi", false).send().await.status == 200).await;
    println!("r21: served {:?} after the database came", restarted.elapsed());
    assert!(restarted.elapsed() < Duration::from_secs(5), "{:?}", restarted.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r21_empty_database_that_comes_later_gets_its_schema() {
    let mut cluster = PrivateCluster::start(&[]);
    let mock = Mock::start("0ms").await;
    let database = cluster.database().await;
    let site = Site::new(&database.url(), &mock, "poll_interval: 200ms");
    cluster.kill();
    let gates = [site.serve().await, site.serve().await];
    sleep(Duration::from_millis(500)).await;
    cluster.restart();
    let restarted = Instant::now();
    for gate in &gates {
        gate.until_ready().await;
    }
    println!("r21: an empty database was ready {:?} after it came", restarted.elapsed());
    assert!(restarted.elapsed() < Duration::from_secs(5), "{:?}", restarted.elapsed());
    let key = site.tenant_with_key("acme").await;
    for gate in &gates {
        assert_eq!(gate.me(&key).await.status, 200);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r22_past_the_stale_limit_nothing_is_honoured_until_the_database_is_back() {
    let mut cluster = PrivateCluster::start(&[]);
    let mock = Mock::start("0ms").await;
    let database = cluster.database().await;
    let site = Site::new(&database.url(), &mock, "stale_limit: 3s, poll_interval: 200ms");
    let Warm { gates, credentials } = warm(&site).await;
    let killed = Instant::now();
    cluster.kill();
    let closed = futures_util::future::join_all(gates.iter().map(|gate| closes(gate, &credentials[0], killed))).await;
    println!("r22: a limit of 3 s closed after {closed:?}");
    for after in closed {
        assert!(after > Duration::from_secs(2) && after < Duration::from_secs(4), "{after:?}");
    }
    for gate in &gates {
        assert!(!gate.is_ready().await);
        for credential in &credentials {
            could_not_tell(&gate.chat(credential, "Hi", false).send().await, "store_stale");
        }
        assert_eq!(gate.me(&unknown_key()).await.status, 503);
    }
    cluster.restart();
    let restarted = Instant::now();
    for gate in &gates {
        gate.until_ready().await;
        for credential in &credentials {
            let served = async || gate.chat(credential, "Hi", false).send().await.status == 200;
            until("what was known is served again", served).await;
        }
    }
    println!("r22: open again {:?} after the restart", restarted.elapsed());
    assert!(restarted.elapsed() < Duration::from_secs(5), "{:?}", restarted.elapsed());
}

/// When a gate stops to honour what it knows. Until then it is ready, and serves.
async fn closes(gate: &Replica, credential: &str, killed: Instant) -> Duration {
    loop {
        let reply = gate.chat(credential, "Hi", false).send().await;
        if reply.status != 200 {
            could_not_tell(&reply, "store_stale");
            return killed.elapsed();
        }
        assert!(killed.elapsed() < Duration::from_secs(20), "it never closes");
        sleep(Duration::from_millis(20)).await;
    }
}
