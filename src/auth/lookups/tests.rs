use futures_util::future::join_all;

use super::*;
use crate::auth::testing::{Bench, TestStore, tenant};
use crate::forever::forever;

const LIMIT: Duration = Duration::from_secs(300);

fn lookup(public_id: &str) -> KeyLookup {
    KeyLookup { public_ids: vec![public_id.to_owned()], ..KeyLookup::default() }
}

fn running() -> (Arc<TestStore>, Arc<Lookups>) {
    let store = Arc::new(TestStore::default());
    let lookups = Arc::new(Lookups::new(store.clone(), Arc::new(Metrics::new())));
    let asking = lookups.clone();
    tokio::spawn(async move { asking.run().await });
    (store, lookups)
}

async fn until(holds: impl Fn() -> bool) {
    let waited = async {
        while !holds() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), waited).await.unwrap();
}

#[tokio::test]
async fn r28_five_thousand_keys_at_once_are_a_few_questions() {
    let (store, lookups) = running();
    let all = (0..5_000).map(|key| {
        let lookups = lookups.clone();
        async move { lookups.find(lookup(&format!("key{key}"))).await }
    });
    assert!(join_all(all).await.iter().all(|found| found.as_ref().is_ok_and(Vec::is_empty)));
    let questions = store.questions.lock().unwrap();
    assert!(questions.len() <= 12, "{}", questions.len());
    assert!(questions.iter().all(|question| question.len() <= QUESTION_MAX));
    assert_eq!(questions.iter().map(Vec::len).sum::<usize>(), 5_000, "each key is asked for once");
}

#[tokio::test]
async fn r30_steady_flood_of_unknown_ids_is_forty_questions_a_second_after_a_few_at_once() {
    let (store, lookups) = running();
    let begun = Instant::now();
    let mut flood = Vec::new();
    for key in 0..1_000 {
        let lookups = lookups.clone();
        flood.push(tokio::spawn(async move { lookups.find(lookup(&format!("key{key}"))).await }));
        if key % 2 == 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
    for asker in flood {
        assert!(asker.await.unwrap().is_ok());
    }
    let most = (begun.elapsed() + AHEAD).as_millis() / GATHER.as_millis() + 1;
    assert!(store.questions_count() as u128 <= most, "{} questions, at most {most}", store.questions_count());
}

#[tokio::test]
async fn first_look_up_waits_for_nobody_and_the_same_one_at_a_time_is_asked_once() {
    let (store, lookups) = running();
    let held = store.hold();
    let first = tokio::spawn({
        let lookups = lookups.clone();
        async move { lookups.find(lookup("a")).await }
    });
    until(|| store.questions_count() == 1).await;
    // What is under way is not joined, for it may have been read before something that the asker knows of.
    let same = join_all((0..50).map(|_| lookups.find(lookup("a"))));
    held.add_permits(10);
    assert!(same.await.iter().all(Result::is_ok));
    assert!(first.await.unwrap().is_ok());
    assert_eq!(*store.questions.lock().unwrap(), [[lookup("a")], [lookup("a")]]);
}

#[tokio::test]
async fn slow_question_costs_its_own_waiters_alone() {
    let (store, lookups) = running();
    let held = store.hold();
    let slow = tokio::spawn({
        let lookups = lookups.clone();
        async move { lookups.find(lookup("slow")).await }
    });
    until(|| store.questions_count() == 1).await;
    drop(store.hold());
    // The second semaphore is closed by nobody and given permits at once: only the first question waits.
    let others = store.hold();
    others.add_permits(100);
    assert!(lookups.find(lookup("quick")).await.is_ok());
    assert!(!slow.is_finished());
    held.add_permits(1);
    assert!(slow.await.unwrap().is_ok());
}

#[tokio::test]
async fn full_queue_refuses_at_once_and_those_who_left_are_not_asked_for() {
    let store = Arc::new(TestStore::default());
    let lookups = Lookups::new(store.clone(), Arc::new(Metrics::new()));
    let mut gone = Vec::new();
    for asker in 0..ASKERS_MAX {
        gone.push(lookups.lock().add(lookup(&asker.to_string())).unwrap());
    }
    assert_eq!(lookups.find(lookup("one too many")).await.err().unwrap().reason(), "overloaded");
    drop(gone);
    let found = tokio::select! {
        found = async {
            while lookups.lock().askers_count > 0 {
                tokio::task::yield_now().await;
            }
            lookups.find(lookup("after")).await
        } => found,
        () = lookups.run() => unreachable!("it runs on"),
    };
    assert!(found.is_ok());
    assert_eq!(*store.questions.lock().unwrap(), [[lookup("after")]]);
}

#[tokio::test]
async fn store_that_is_down_is_told_to_each_waiter() {
    let (store, lookups) = running();
    store.down.store(true, std::sync::atomic::Ordering::SeqCst);
    let all = (0..20).map(|key| {
        let lookups = lookups.clone();
        async move { lookups.find(lookup(&key.to_string())).await }
    });
    for found in join_all(all).await {
        assert_eq!(found.err().unwrap().reason(), "store_unavailable");
    }
}

#[tokio::test]
async fn row_that_cannot_be_read_is_trouble_of_its_own_key_alone() {
    let bench = Bench::new(LIMIT);
    bench.auth.catch_up().await.unwrap();
    let keys: Vec<_> = (0..20).map(|key| bench.key(&format!("k{key}"), tenant("acme", 1))).collect();
    bench.store.rows().corrupt.insert("k7".to_owned());
    let outcomes = join_all(keys.iter().map(|key| bench.outcome(key))).await;
    for (key, outcome) in outcomes.into_iter().enumerate() {
        assert_eq!(outcome, if key == 7 { "store_unavailable" } else { "accepted" }, "k{key}");
    }
}

/// Those who waited for the question are told at once, and the next one is asked by the task that began anew.
#[tokio::test]
async fn defect_in_a_question_costs_its_own_askers_and_no_later_one() {
    let store = Arc::new(TestStore::default());
    let lookups = Arc::new(Lookups::new(store.clone(), Arc::new(Metrics::new())));
    let running = lookups.clone();
    tokio::spawn(forever("looking up keys", move || {
        let running = running.clone();
        async move { running.run().await }
    }));
    store.broken.store(true, std::sync::atomic::Ordering::SeqCst);
    let begun = Instant::now();
    assert!(matches!(lookups.find(lookup("first")).await, Err(AuthError::Unavailable(_))));
    assert!(begun.elapsed() < Duration::from_secs(1));
    assert!(lookups.find(lookup("second")).await.is_ok());
}
