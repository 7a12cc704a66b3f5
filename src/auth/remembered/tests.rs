use std::sync::atomic::{AtomicBool, AtomicU32};

use tokio::sync::Notify;

use super::*;
use crate::auth::epochs::Epochs;
use crate::auth::testing::tenant;
use crate::tenant::TenantId;

/// A number that says in which round it was worked out.
#[derive(Clone)]
struct Round {
    number: u32,
    epoch: Option<Epoch>,
}

impl Answer for Round {
    fn epoch(&self) -> Option<&Epoch> {
        self.epoch.as_ref()
    }
}

struct Table {
    remembered: Remembered<u8, Round>,
    epochs: Epochs,
    asked: AtomicU32,
    /// What the first question waits for.
    go: Notify,
}

impl Table {
    fn new() -> Arc<Table> {
        let (remembered, epochs) = (Remembered::new(10, |_: &Round| None), Epochs::default());
        Arc::new(Table { remembered, epochs, asked: AtomicU32::new(0), go: Notify::new() })
    }

    fn good(&self, number: u32) -> Round {
        Round { number, epoch: Some(self.epochs.of(&tenant("acme", 1))) }
    }

    fn count(&self) -> u32 {
        self.asked.fetch_add(1, Ordering::SeqCst)
    }

    async fn until_asked(&self, times: u32) {
        while self.asked.load(Ordering::SeqCst) < times {
            tokio::task::yield_now().await;
        }
    }
}

fn refusal(number: u32) -> Round {
    Round { number, epoch: None }
}

#[tokio::test]
async fn answer_worked_out_across_a_change_is_worked_out_again() {
    let table = Table::new();
    let ask = || async {
        let round = table.count();
        if round == 0 {
            table.remembered.forget_where(|_| true).await;
        }
        Ok(table.good(round))
    };
    assert_eq!(table.remembered.get_or(&1, ask).await.unwrap().number, 1, "the first one is from before the change");
    assert_eq!(table.remembered.get_or(&1, ask).await.unwrap().number, 1, "the second one is kept");
}

/// Whoever asks after a change joins a question that was asked before it, and is not given its answer, be it good or
/// bad; those who had asked before it are given a refusal.
#[tokio::test]
async fn answer_from_before_a_change_is_given_to_nobody_who_asked_after_it() {
    for is_good in [true, false] {
        let table = Table::new();
        let get = || {
            let table = table.clone();
            tokio::spawn(async move {
                let ask = || async {
                    let round = table.count();
                    if round == 0 {
                        table.go.notified().await;
                    }
                    Ok(if is_good { table.good(round) } else { refusal(round) })
                };
                table.remembered.get_or(&1, ask).await.unwrap().number
            })
        };
        let early = get();
        table.until_asked(1).await;
        table.remembered.forget_where(|_| true).await;
        let late = get();
        tokio::task::yield_now().await;
        table.go.notify_one();
        assert!(late.await.unwrap() > 0, "the first answer is from before the change");
        let early = early.await.unwrap();
        assert!(!is_good || early > 0);
    }
}

/// Bulk imports: a change while every single answer is worked out.
#[tokio::test]
async fn steady_stream_of_changes_elsewhere_starves_nobody() {
    let table = Table::new();
    for is_good in [true, false] {
        let before = table.asked.load(Ordering::SeqCst);
        let ask = || async {
            let round = table.count();
            // What changed concerns all refusals, and none of those who are let in.
            table.remembered.forget_where(|answer| answer.epoch.is_none()).await;
            Ok(if is_good { table.good(round) } else { refusal(round) })
        };
        assert_eq!(table.remembered.get_or(&u8::from(is_good), ask).await.unwrap().number, before, "one question");
    }
    let kept = |key: u8| {
        let table = table.clone();
        async move { table.remembered.cache.get(&key).await.is_some() }
    };
    assert!(kept(1).await);
    assert!(!kept(0).await, "a refusal that a change overtook is not kept");
}

#[tokio::test]
async fn record_that_changes_as_often_as_it_is_read_is_could_not_tell_in_the_end() {
    let table = Table::new();
    let ask = || async {
        table.remembered.forget_where(|_| true).await;
        Ok(table.good(table.count()))
    };
    let outcome = table.remembered.get_or(&1, ask).await;
    assert_eq!(outcome.err().unwrap().reason(), "undecided");
    assert_eq!(table.count() as usize, ATTEMPTS);
    assert!(table.remembered.lock().recent.is_empty(), "changes are held for answers that are worked out alone");
}

#[tokio::test]
async fn answer_of_an_epoch_that_was_overtaken_is_looked_up_anew() {
    let table = Table::new();
    let acme = TenantId::parse("acme").unwrap();
    let epoch = AtomicU32::new(1);
    let ask = || async {
        let of = u64::from(epoch.load(Ordering::SeqCst));
        Ok(Round { number: table.count(), epoch: Some(table.epochs.of(&tenant("acme", of))) })
    };
    assert_eq!(table.remembered.get_or(&1, ask).await.unwrap().number, 0);
    assert_eq!(table.remembered.get_or(&1, ask).await.unwrap().number, 0);
    epoch.store(2, Ordering::SeqCst);
    table.epochs.heard(&acme, Some(2));
    assert_eq!(table.remembered.get_or(&1, ask).await.unwrap().number, 1);
    assert_eq!(table.remembered.get_or(&1, ask).await.unwrap().number, 1);
}

#[tokio::test]
async fn answer_that_is_older_than_an_epoch_already_heard_of_is_worked_out_again() {
    let table = Table::new();
    let held = table.epochs.of(&tenant("acme", 1));
    let ask = || async {
        let round = table.count();
        // Another reader hears of the second epoch while this one still holds a record of the first.
        table.epochs.heard(&TenantId::parse("acme").unwrap(), Some(2));
        let epoch = table.epochs.of(&tenant("acme", if round == 0 { 1 } else { 2 }));
        Ok(Round { number: round, epoch: Some(epoch) })
    };
    assert_eq!(table.remembered.get_or(&1, ask).await.unwrap().number, 1);
    assert!(!held.is_newest());
}

#[tokio::test]
async fn failure_is_not_remembered_and_an_answer_is_until_it_is_forgotten() {
    let table = Table::new();
    let remembered = &table.remembered;
    assert!(remembered.get_or(&1, || async { Err(AuthError::Missing) }).await.is_err());
    assert_eq!(remembered.get_or(&1, || async { Ok(table.good(1)) }).await.unwrap().number, 1);
    assert_eq!(remembered.get_or(&1, || async { Ok(table.good(2)) }).await.unwrap().number, 1);
    remembered.forget_where(|answer| answer.number == 1).await;
    assert_eq!(remembered.get_or(&1, || async { Ok(table.good(3)) }).await.unwrap().number, 3);
}

#[tokio::test]
async fn nothing_is_held_of_answers_that_left_the_cache() {
    let remembered = Remembered::<u32, Round>::new(10, |_| None);
    for key in 0..20_000 {
        remembered.get_or(&key, || async { Ok(refusal(0)) }).await.unwrap();
        // As the cache does by itself now and then.
        if key % 100 == 0 {
            remembered.cache.run_pending_tasks().await;
        }
    }
    remembered.cache.run_pending_tasks().await;
    let held = remembered.len().await;
    assert!(held <= 10, "the negative cache is bounded (promise R30): {held}");
    // The cache lets go of what it took out a little later.
    let kept = remembered.lock().kept.len();
    assert!(kept <= 4 * SWEEP_MIN, "{kept}");
}

/// Many threads ask while the truth moves on: nobody who asks after a change was acted on reads what was true before.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_reader_sees_the_time_before_a_change_that_was_acted_on() {
    let table = Table::new();
    let (truth, acted_on) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
    let done = Arc::new(AtomicBool::new(false));
    let readers = (0..4).map(|_| {
        let (table, truth, acted_on, done) = (table.clone(), truth.clone(), acted_on.clone(), done.clone());
        tokio::spawn(async move {
            let mut reads = 0;
            while !done.load(Ordering::SeqCst) {
                let least = acted_on.load(Ordering::SeqCst);
                let ask = || async {
                    let number = truth.load(Ordering::SeqCst);
                    tokio::task::yield_now().await;
                    Ok(table.good(number))
                };
                // Eight changes in the time of one reading leave it undecided, which is no wrong answer.
                if let Ok(answer) = table.remembered.get_or(&1, ask).await {
                    assert!(answer.number >= least, "{} is from before {least}", answer.number);
                    reads += 1;
                }
                tokio::task::yield_now().await;
            }
            reads
        })
    });
    let readers: Vec<_> = readers.collect();
    for number in 1..=2_000 {
        truth.store(number, Ordering::SeqCst);
        table.remembered.forget_where(move |answer| answer.number < number).await;
        acted_on.store(number, Ordering::SeqCst);
        if number % 10 == 0 {
            // Changes that never pause leave every reading undecided.
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
    done.store(true, Ordering::SeqCst);
    let mut reads = 0;
    for reader in readers {
        reads += reader.await.unwrap();
    }
    assert!(reads > 0);
}
