//! Every look-up of a presented key, gathered into few questions to the store.
//!
//! A few go at once, each by itself. Where more come, one question in 25 ms is asked for all who wait then, so that many
//! keys at the same time, be they a cold start's or made up, are a few dozen questions a second (promises R28 and R30). Several questions may be under way, so that a slow one costs its own waiters alone.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::sync::{Notify, oneshot};

use super::AuthError;
use crate::metrics::Metrics;
use crate::store::{KeyLookup, KeyRecord, Store};

/// The one way to the store for presented keys. `run` has to be polled, or every look-up ends unanswered.
pub(super) struct Lookups {
    store: Arc<dyn Store>,
    metrics: Arc<Metrics>,
    waiting: Mutex<Waiting>,
    /// Somebody waits.
    asked: Notify,
}

type Found = Result<Vec<KeyRecord>, AuthError>;

/// What the next questions are made of.
#[derive(Default)]
struct Waiting {
    /// What is looked for, oldest first, each once.
    order: VecDeque<KeyLookup>,
    askers: HashMap<KeyLookup, Vec<oneshot::Sender<Found>>>,
    askers_count: usize,
}

type Question = Vec<(KeyLookup, Vec<oneshot::Sender<Found>>)>;

/// The pace of questions, but for full ones: 40 a second.
const GATHER: Duration = Duration::from_millis(25);
/// How far questions may run ahead of their pace: five of them go at once where nobody asked for a while.
const AHEAD: Duration = Duration::from_millis(100);
/// A question of so many does not wait for more.
const QUESTION_MAX: usize = 512;
/// Beside those that are slow, others go on.
const UNDER_WAY_MAX: usize = 4;
/// Askers that may wait; past that the gate is overloaded. Some 10 MB.
const ASKERS_MAX: usize = 16_384;
/// From the asking to the answer, the wait for a place under way in it: whoever comes while every place is taken by a
/// question that hangs is told as soon as those who asked it, which the store gives up after 2 s.
const WAIT_MAX: Duration = Duration::from_millis(2_500);

impl Lookups {
    pub(super) fn new(store: Arc<dyn Store>, metrics: Arc<Metrics>) -> Lookups {
        Lookups { store, metrics, waiting: Mutex::default(), asked: Notify::new() }
    }

    /// The records that a presented key may be. They are read after this was called: a question that is under way is
    /// never joined, for its answer may be from before a change that the asker knows of.
    pub(super) async fn find(&self, lookup: KeyLookup) -> Found {
        let answer = self.lock().add(lookup)?;
        self.asked.notify_one();
        match tokio::time::timeout(WAIT_MAX, answer).await {
            Ok(Ok(found)) => found,
            Ok(Err(_)) | Err(_) => Err(AuthError::Unavailable("no answer in time".to_owned())),
        }
    }

    /// Asks for all who wait, for as long as it is polled.
    pub(super) async fn run(&self) {
        let mut under_way = FuturesUnordered::new();
        // When the next question is due, by the pace alone.
        let mut due = Instant::now();
        loop {
            let now = Instant::now();
            let rest = due.saturating_duration_since(now + AHEAD);
            let waiting = self.lock().order.len();
            if under_way.len() < UNDER_WAY_MAX && (waiting >= QUESTION_MAX || waiting > 0 && rest.is_zero()) {
                let question = self.lock().take();
                if !question.is_empty() {
                    due = due.max(now) + GATHER;
                    under_way.push(self.ask(question));
                }
                continue;
            }
            let room = under_way.len() < UNDER_WAY_MAX;
            tokio::select! {
                () = self.asked.notified(), if room => {}
                () = tokio::time::sleep(rest), if room && waiting > 0 => {}
                Some(()) = under_way.next() => {}
            }
        }
    }

    async fn ask(&self, question: Question) {
        let (lookups, askers): (Vec<_>, Vec<_>) = question.into_iter().unzip();
        self.metrics.asked_for_keys();
        let found: Vec<Found> = match self.store.find_keys(lookups).await {
            Ok(found) => found.into_iter().map(|found| found.map_err(AuthError::unavailable)).collect(),
            Err(error) => vec![Err(AuthError::unavailable(error)); askers.len()],
        };
        for (askers, found) in askers.into_iter().zip(found) {
            for asker in askers {
                // One that left needs no answer.
                drop(asker.send(found.clone()));
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    fn add(&mut self, lookup: KeyLookup) -> Result<oneshot::Receiver<Found>, AuthError> {
        if self.askers_count >= ASKERS_MAX {
            return Err(AuthError::Overloaded);
        }
        self.askers_count += 1;
        let (asker, answer) = oneshot::channel();
        match self.askers.get_mut(&lookup) {
            Some(askers) => askers.push(asker),
            None => {
                self.order.push_back(lookup.clone());
                self.askers.insert(lookup, vec![asker]);
            }
        }
        Ok(answer)
    }

    /// The next question, without what nobody waits for any more.
    fn take(&mut self) -> Question {
        let mut question = Question::new();
        while question.len() < QUESTION_MAX {
            let Some(lookup) = self.order.pop_front() else { break };
            let mut askers = self.askers.remove(&lookup).unwrap_or_default();
            self.askers_count -= askers.len();
            askers.retain(|asker| !asker.is_closed());
            if !askers.is_empty() {
                question.push((lookup, askers));
            }
        }
        question
    }
}

#[cfg(test)]
mod tests;
