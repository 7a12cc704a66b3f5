use std::sync::atomic::Ordering;

use super::*;
use crate::auth::api_key::{self, HashMethod, KeyHash, Peppers};
use crate::auth::testing::{Bench, tenant};
use crate::clock::Timestamp;
use crate::forever::forever;
use crate::secret::Secret;
use crate::tenant::{Tenant, TenantStatus};

const LIMIT: Duration = Duration::from_secs(300);

async fn until(what: &str, holds: impl AsyncFn() -> bool) {
    let waited = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    assert!(tokio::time::timeout(Duration::from_secs(10), waited).await.is_ok(), "{what}");
}

#[tokio::test]
async fn nobody_is_let_in_or_refused_before_the_store_was_heard() {
    let bench = Bench::new(LIMIT);
    let (key, unknown) = (bench.key("k1", tenant("acme", 1)), Secret::new("unknown-key"));
    assert!(!bench.auth.is_confirmed());
    assert_eq!(bench.outcome(&key).await, "store_stale");
    assert_eq!(bench.outcome(&unknown).await, "store_stale");
    assert_eq!(bench.outcome(&Secret::new("wgk_mistyped_key")).await, "key_checksum", "offline in any case (K1)");
    bench.auth.catch_up().await.unwrap();
    assert!(bench.auth.is_confirmed());
    assert_eq!(bench.outcome(&key).await, "accepted");
    assert_eq!(bench.outcome(&unknown).await, "key_unknown");
}

/// Promise R20, and the end of it, R22: an outage is passed over while the lease holds, and fails closed after it.
#[tokio::test]
async fn r20_r22_known_keys_pass_an_outage_until_the_stale_limit_and_no_longer() {
    let bench = Bench::new(Duration::from_millis(400));
    let (known, other) = (bench.key("k1", tenant("acme", 1)), bench.key("k2", tenant("acme", 1)));
    let asked = Instant::now();
    bench.auth.catch_up().await.unwrap();
    assert_eq!(bench.outcome(&known).await, "accepted");
    bench.store.down.store(true, Ordering::SeqCst);
    assert!(bench.auth.catch_up().await.is_err());
    assert_eq!(bench.outcome(&known).await, "accepted", "it is known");
    assert_eq!(bench.outcome(&other).await, "store_unavailable", "never 401 and never a pass");
    assert_eq!(bench.measured("wardgate_store_up"), 0.0);
    until("the lease lapses", async || bench.outcome(&known).await != "accepted").await;
    assert!(asked.elapsed() >= Duration::from_millis(400));
    for key in [&known, &other] {
        assert_eq!(bench.outcome(key).await, "store_stale");
    }
    bench.store.down.store(false, Ordering::SeqCst);
    assert_eq!(bench.outcome(&known).await, "store_stale", "not before it was heard again");
    bench.auth.catch_up().await.unwrap();
    assert_eq!(bench.outcome(&known).await, "accepted");
    assert_eq!(bench.measured("wardgate_store_up"), 1.0);
}

#[tokio::test]
async fn after_a_lapse_nothing_that_was_known_is_built_upon() {
    let bench = Bench::new(Duration::from_millis(30));
    let key = bench.key("k1", tenant("acme", 1));
    bench.auth.catch_up().await.unwrap();
    let principal = bench.present(&key).await.unwrap();
    tokio::time::sleep(Duration::from_millis(60)).await;
    // Revoked, and the feed does not say so: it reached too far back.
    bench.store.rows().keys.get_mut("k1").unwrap().revoked_at = Some(Timestamp::now());
    bench.auth.catch_up().await.unwrap();
    assert_eq!(*bench.store.asked_since.lock().unwrap(), [None, None]);
    assert_eq!(bench.outcome(&key).await, "key_revoked");
    tokio::time::timeout(Duration::from_secs(1), principal.ended.ending()).await.unwrap();
}

#[tokio::test]
async fn known_answer_needs_no_second_question_and_a_change_ends_it() {
    let bench = Bench::new(LIMIT);
    let (key, other) = (bench.key("k1", tenant("acme", 1)), bench.key("k2", tenant("acme", 1)));
    bench.auth.catch_up().await.unwrap();
    let principal = bench.present(&key).await.unwrap();
    let untouched = bench.present(&other).await.unwrap();
    for _ in 0..10 {
        bench.auth.catch_up().await.unwrap();
        assert_eq!(bench.outcome(&key).await, "accepted");
    }
    let asked = bench.store.questions_count();
    bench.store.revoke("k1");
    assert_eq!(bench.outcome(&key).await, "accepted", "nobody has heard of it yet");
    bench.auth.catch_up().await.unwrap();
    assert_eq!(bench.outcome(&key).await, "key_revoked");
    assert_eq!(bench.outcome(&other).await, "accepted");
    assert_eq!(bench.store.questions_count(), asked + 2, "one for the principal, one for the key that was shown again");
    tokio::time::timeout(Duration::from_secs(1), principal.ended.ending()).await.unwrap();
    assert!(Arc::ptr_eq(&untouched, &bench.present(&other).await.unwrap()));
    assert_eq!(bench.measured("wardgate_revocation_lag_seconds_count"), 1.0);
    assert!(bench.measured("wardgate_revocation_lag_seconds_sum") >= 0.003, "the age by the store's clock is in it");
}

/// The store had answered when the key was revoked, and the answer arrives after the revocation was acted on.
#[tokio::test]
async fn answer_that_was_under_way_does_not_bring_a_revoked_key_back() {
    let bench = Arc::new(Bench::new(LIMIT));
    let key = bench.key("k1", tenant("acme", 1));
    bench.auth.catch_up().await.unwrap();
    let held = bench.store.hold();
    let early = tokio::spawn({
        let (bench, key) = (bench.clone(), key.clone());
        async move { bench.outcome(&key).await }
    });
    until("the store was asked", async || bench.store.questions_count() == 1).await;
    bench.store.revoke("k1");
    bench.auth.catch_up().await.unwrap();
    held.add_permits(10);
    assert_eq!(early.await.unwrap(), "key_revoked");
    assert_eq!(bench.outcome(&key).await, "key_revoked");
}

#[tokio::test]
async fn suspended_tenant_is_heard_of_by_its_epoch_and_ends_what_streams() {
    let bench = Bench::new(LIMIT);
    let key = bench.key("k1", tenant("acme", 1));
    bench.auth.catch_up().await.unwrap();
    let principal = bench.present(&key).await.unwrap();
    bench.store.set_tenant(&Tenant { status: TenantStatus::Suspended, ..tenant("acme", 2) });
    bench.auth.catch_up().await.unwrap();
    tokio::time::timeout(Duration::from_secs(1), principal.ended.ending()).await.unwrap();
    // Who they are is known; that the tenant is suspended is for the policy to say.
    assert_eq!(bench.present(&key).await.unwrap().tenant.status, TenantStatus::Suspended);
    assert_eq!(bench.store.tenant_lookups.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn record_that_cannot_be_read_ends_its_own_principal_and_stops_nothing_else() {
    let bench = Bench::new(LIMIT);
    let keys: Vec<Secret> = (0..6).map(|key| bench.key(&format!("k{key}"), tenant("acme", 1))).collect();
    bench.auth.catch_up().await.unwrap();
    let mut principals = Vec::new();
    for key in &keys {
        principals.push(bench.present(key).await.unwrap());
    }
    bench.store.rows().corrupt.insert("k3".to_owned());
    bench.store.rows().feed_lost = true;
    bench.auth.catch_up().await.unwrap();
    for (key, principal) in principals.iter().enumerate() {
        let ending = tokio::time::timeout(Duration::from_millis(20), principal.ended.ending()).await;
        assert_eq!(ending.is_ok(), key == 3, "k{key}");
    }
}

/// Promise R21, and that a listener's word is enough: the poll interval is an hour.
#[tokio::test]
async fn r21_following_comes_back_with_the_store_and_hears_what_it_is_told() {
    let bench = Arc::new(Bench::new(LIMIT));
    let (key, heard) = (bench.key("k1", tenant("acme", 1)), Arc::new(Notify::new()));
    bench.store.down.store(true, Ordering::SeqCst);
    let following = tokio::spawn({
        let (auth, heard) = (bench.auth.clone(), heard.clone());
        async move { auth.follow(&heard, Duration::from_secs(3600)).await }
    });
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(bench.outcome(&key).await, "store_stale");
    bench.store.down.store(false, Ordering::SeqCst);
    let back = Instant::now();
    until("it is heard again", async || bench.outcome(&key).await == "accepted").await;
    assert!(back.elapsed() < Duration::from_secs(5), "{:?}", back.elapsed());
    bench.store.revoke("k1");
    heard.notify_one();
    until("the revocation is heard of", async || bench.outcome(&key).await == "key_revoked").await;
    following.abort();
}

#[test]
fn forgetting_takes_a_fifth_of_the_time_at_most() {
    assert_eq!(rest_after(Duration::ZERO), REST_MIN);
    assert_eq!(rest_after(Duration::from_millis(50)), Duration::from_millis(200));
    assert_eq!(rest_after(Duration::from_secs(60)), REST_MAX);
}

#[tokio::test]
async fn cached_entries_are_counted_when_somebody_looks() {
    let bench = Bench::new(LIMIT);
    let key = bench.key("k1", tenant("acme", 1));
    bench.auth.catch_up().await.unwrap();
    bench.present(&key).await.unwrap();
    bench.auth.measure().await;
    assert_eq!(bench.measured("wardgate_auth_cached_entries"), 1.0);
}

/// What a panic leaves behind serves the next beginning.
#[tokio::test]
async fn defect_in_following_costs_a_moment_and_not_the_process() {
    let bench = Arc::new(Bench::new(LIMIT));
    let key = bench.key("k1", tenant("acme", 1));
    bench.auth.catch_up().await.unwrap();
    assert_eq!(bench.outcome(&key).await, "accepted");
    bench.store.broken.store(true, Ordering::SeqCst);
    let auth = bench.auth.clone();
    tokio::spawn(forever("following", move || {
        let auth = auth.clone();
        async move { auth.follow(&Notify::new(), Duration::from_millis(20)).await }
    }));
    until("it broke", async || !bench.store.broken.load(Ordering::SeqCst)).await;
    bench.store.revoke("k1");
    until("it is followed again", async || bench.outcome(&key).await == "key_revoked").await;
}

#[test]
fn retries_wait_a_second_at_most_and_not_all_alike() {
    assert!((1..100).all(|failures| retry_delay(failures) <= RETRY_MAX));
    assert!((0..100).all(|_| retry_delay(1) <= RETRY_MIN));
    let some: HashSet<Duration> = (0..100).map(|_| retry_delay(10)).collect();
    assert!(some.len() > 50);
}

fn peppered(ids: &[&str]) -> api_key::Config {
    let peppers = ids.iter().map(|id| ((*id).to_owned(), Secret::new(format!("pepper of {id}").as_str())));
    api_key::Config { bcrypt_cost: 4, peppers: Peppers(peppers.collect()), ..api_key::Config::default() }
}

#[tokio::test]
async fn key_that_was_hashed_slowly_gets_a_verifier_and_is_known_by_it_alone() {
    let bench = Bench::with(LIMIT, peppered(&["p2", "p1"]));
    let key = bench.key("k1", tenant("acme", 1));
    bench.store.rows().keys.get_mut("k1").unwrap().verifier = None;
    bench.auth.catch_up().await.unwrap();
    assert_eq!(bench.outcome(&key).await, "accepted");
    bench.auth.write_gathered().await.unwrap();
    let noted = bench.store.noted.lock().unwrap().pop().unwrap();
    let slow = bench.store.rows().keys["k1"].hashed_key.clone();
    assert_eq!((noted.id.as_str(), noted.hashed_key.as_str()), ("k1", slow.as_str()));
    assert_eq!(
        noted.verifier,
        KeyHash::of(&key, HashMethod::HmacSha256, 4, &peppered(&["p2"]).peppers).unwrap().to_string()
    );
    // Another process: it has the verifier, and a slow hash that matches nothing shows that it is not computed.
    let other = Bench::with(LIMIT, peppered(&["p2"]));
    let (mut row, none) = (bench.store.rows().keys["k1"].clone(), Secret::new("nobody's"));
    row.hashed_key = KeyHash::of(&none, HashMethod::Bcrypt, 4, &Peppers::default()).unwrap().to_string();
    row.verifier = Some(noted.verifier);
    other.store.rows().keys.insert("k1".to_owned(), row);
    other.auth.catch_up().await.unwrap();
    assert_eq!(other.outcome(&key).await, "accepted");
    other.auth.write_gathered().await.unwrap();
    assert!(other.store.noted.lock().unwrap().is_empty());
}

#[tokio::test]
async fn verifier_that_does_not_match_or_cannot_be_computed_leaves_it_to_bcrypt() {
    let bench = Bench::with(LIMIT, peppered(&["p1"]));
    let of = |pepper: &str, key: &Secret| {
        KeyHash::of(key, HashMethod::HmacSha256, 4, &peppered(&[pepper]).peppers).unwrap().to_string()
    };
    let other = Secret::new("another key");
    bench.auth.catch_up().await.unwrap();
    for (id, verifier, outcome) in [
        ("mismatch", of("p1", &other), "accepted"),
        ("digest", KeyHash::of(&other, HashMethod::Sha256, 4, &Peppers::default()).unwrap().to_string(), "key_secret"),
        ("unknown-pepper", of("p9", &other), "accepted"),
        ("malformed", "hmac-sha256:p1:zz".to_owned(), "accepted"),
    ] {
        let key = bench.key(id, tenant("acme", 1));
        bench.store.rows().keys.get_mut(id).unwrap().verifier = Some(verifier);
        assert_eq!(bench.outcome(&key).await, outcome, "{id}");
    }
    let wrong = bench.key("wrong", tenant("acme", 1));
    bench.store.rows().keys.get_mut("wrong").unwrap().hashed_key =
        KeyHash::of(&other, HashMethod::Bcrypt, 4, &Peppers::default()).unwrap().to_string();
    bench.store.rows().keys.get_mut("wrong").unwrap().verifier = Some(of("p1", &other));
    assert_eq!(bench.outcome(&wrong).await, "key_secret");
    bench.auth.write_gathered().await.unwrap();
    let noted: HashSet<String> = bench.store.noted.lock().unwrap().iter().map(|noted| noted.id.clone()).collect();
    assert_eq!(noted, HashSet::from(["unknown-pepper".to_owned(), "malformed".to_owned()]));
}

/// A slow hash that matches nothing shows that the older pepper's verifier decides alone.
#[tokio::test]
async fn verifier_under_an_older_pepper_decides_and_is_written_anew_under_the_first() {
    let bench = Bench::with(LIMIT, peppered(&["p2", "p1"]));
    let of = |pepper: &str, key: &Secret| {
        KeyHash::of(key, HashMethod::HmacSha256, 4, &peppered(&[pepper]).peppers).unwrap().to_string()
    };
    let key = bench.key("k1", tenant("acme", 1));
    bench.store.rows().keys.get_mut("k1").unwrap().hashed_key =
        KeyHash::of(&Secret::new("nobody's"), HashMethod::Bcrypt, 4, &Peppers::default()).unwrap().to_string();
    bench.store.rows().keys.get_mut("k1").unwrap().verifier = Some(of("p1", &key));
    bench.auth.catch_up().await.unwrap();
    assert_eq!(bench.outcome(&key).await, "accepted");
    bench.store.down.store(true, Ordering::SeqCst);
    assert!(bench.auth.write_gathered().await.is_err());
    bench.store.down.store(false, Ordering::SeqCst);
    bench.auth.write_gathered().await.unwrap();
    let noted: Vec<String> = bench.store.noted.lock().unwrap().iter().map(|noted| noted.verifier.clone()).collect();
    assert_eq!(noted, [of("p2", &key)], "what could not be written goes with the next");
}

#[test]
fn key_that_is_made_here_needs_no_slow_hash_to_be_known() {
    let verifier = |config: api_key::Config| config.generate().unwrap().verifier.map(|hash| hash.to_string());
    assert!(verifier(peppered(&["p1"])).unwrap().starts_with("hmac-sha256:p1:"));
    assert!(verifier(peppered(&[])).unwrap().starts_with("sha256:"));
    assert_eq!(verifier(api_key::Config { hash: HashMethod::Sha256, ..peppered(&[]) }), None);
}
