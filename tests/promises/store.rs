//! What the store is spared, and what becomes of requests while it is away.

use std::time::{Duration, Instant};

use wardgate::auth::api_key::{self, HashMethod};
use wardgate::clock::Expiry;
use wardgate::scopes::{Models, Scopes};
use wardgate::store::NewKey;

use crate::support::*;

/// Promise R28, at a tenth: nobody is known, and every key comes at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r28_cold_start_of_many_keys_is_a_few_questions_to_the_store() {
    let primary = provider("primary").await;
    let gate = gate().upstream(&primary).tenant("acme").start().await;
    let tenant = gate.store.tenant(PLATFORM, "acme").await.unwrap().id.clone();
    let config = api_key::Config { bcrypt_cost: 4, ..api_key::Config::default() };
    let (mut rows, mut keys) = (Vec::new(), Vec::new());
    for _ in 0..KEYS {
        let made = config.generate().unwrap();
        keys.push(String::from_utf8(made.key.expose().to_vec()).unwrap());
        rows.push(NewKey {
            tenant: tenant.clone(),
            public_id: made.public_id,
            hashed_key: made.hash.to_string(),
            verifier: made.verifier.map(|verifier| verifier.to_string()),
            name: String::new(),
            scopes: Scopes::defaults(),
            models: Models::All,
            expiry: Expiry::Never,
            created_by: String::new(),
            canary: false,
        });
    }
    gate.store.import_keys(rows).await.unwrap();
    let before = gate.lookups();
    let asks = keys.iter().map(|key| tokio::spawn(gate.ask("GET", "/v1/models").bearer(key).send()));
    let asks: Vec<_> = asks.collect();
    for ask in asks {
        assert_eq!(ask.await.unwrap().status, 200);
    }
    let asked = gate.lookups() - before;
    eprintln!("R28: {asked} questions for {KEYS} keys");
    assert!(asked <= KEYS / 5, "{asked} questions for {KEYS} keys");
}

/// Promise R30: made-up ids in good form, each another one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r30_flood_of_unknown_ids_is_few_questions_to_the_store() {
    let primary = provider("primary").await;
    let gate = gate().upstream(&primary).tenant("acme").start().await;
    let config = api_key::Config { hash: HashMethod::Sha256, ..api_key::Config::default() };
    let unknown: Vec<String> =
        (0..2_000).map(|_| String::from_utf8(config.generate().unwrap().key.expose().to_vec()).unwrap()).collect();
    let (before, began) = (gate.lookups(), Instant::now());
    for some in unknown.chunks(50) {
        let asks: Vec<_> =
            some.iter().map(|key| tokio::spawn(gate.ask("GET", "/v1/models").bearer(key).send())).collect();
        for ask in asks {
            assert_eq!(ask.await.unwrap().status, 401);
        }
    }
    let (asked, span) = (gate.lookups() - before, began.elapsed());
    eprintln!("R30: {asked} questions for {} unknown ids in {span:?}", unknown.len());
    let most = span.as_millis() / 20 + 1;
    assert!(u128::from(asked) <= most, "{asked} questions in {span:?}: at most 50 a second");
}

#[tokio::test]
async fn measures_are_told_to_whoever_scrapes() {
    let primary = provider("primary").await;
    let gate = gate().upstream(&primary).tenant("acme").start().await;
    assert_eq!(gate.chat("Hi").send().await.status, 200);
    let scrape = || direct(gate.admin_address(), "GET", "/metrics");
    let open = scrape().header("accept", "application/openmetrics-text; version=1.0.0").send().await;
    assert_eq!(open.status, 200);
    assert!(open.header("content-type").starts_with("application/openmetrics-text; version=1.0.0"));
    assert!(open.text().ends_with("# EOF\n"), "{}", open.text());
    let text = scrape().send().await;
    assert_eq!(text.header("content-type"), "text/plain; version=0.0.4; charset=utf-8");
    let told = text.text();
    for line in ["wardgate_store_up 1", "wardgate_store_feed{mode=\"listen\"} 1", "wardgate_key_lookups_total 1"] {
        assert!(told.lines().any(|told| told == line), "{line}\n{told}");
    }
    for secret in ["acme", gate.key("acme")] {
        assert!(!told.contains(secret), "{told}");
    }
    eventually("the lag of a revocation", async || {
        let spare = gate.create_key("acme", KeyTerms::default()).await;
        gate.store.revoke_key(PLATFORM, spare.rsplit_once('_').unwrap().0, None).await.unwrap();
        tokio::time::sleep(Duration::from_millis(200)).await;
        !scrape().send().await.text().contains("wardgate_revocation_lag_seconds_count 0")
    })
    .await;
}

const KEYS: u64 = 500;
