//! Slow hashes, on a bounded number of threads, in turns that are fair between those who ask (promise R31).
//!
//! A party is whoever would pay for a hash that does not match: a key's tenant, or all log-ins together. It has one hash
//! under way at most. A subject is a key, or the network of a log-in: few may wait for the same one, so a flood
//! of wrong secrets waits for itself alone, and many keys of one tenant that are all used for the first time pass.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::AuthError;

/// Hashes that may wait for the same subject, beside the one that is computed.
const SUBJECT_WAITING_MAX: usize = 2;
/// Hashes that one party may have waiting: some four seconds of bcrypt at cost 10.
const PARTY_WAITING_MAX: usize = 64;
/// Parties and subjects that may wait at a time: past that the gate is overloaded, not one of them.
const QUEUES_MAX: usize = 16_384;
/// How long a hash waits for its turn.
const WAIT_MAX: Duration = Duration::from_secs(10);

pub(super) struct HashThreads {
    threads: Arc<Semaphore>,
    queues: Mutex<HashMap<String, Queue>>,
}

/// A bounded queue of which one at a time is served.
struct Queue {
    turn: Arc<Semaphore>,
    /// One for each hash that waits or is computed.
    places: Arc<Semaphore>,
    places_max: usize,
}

impl HashThreads {
    pub(super) fn new(threads: usize) -> HashThreads {
        HashThreads { threads: Arc::new(Semaphore::new(threads)), queues: Mutex::default() }
    }

    /// Runs `hash` on a thread of its own once it is the party's turn. Without a subject, as for a new secret, it waits
    /// for the party's turn alone.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        party: &str,
        subject: Option<&str>,
        hash: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, AuthError> {
        let subject =
            subject.map(|subject| self.stand(format!("{party}\0{subject}"), SUBJECT_WAITING_MAX)).transpose()?;
        let (turn, place) = self.stand(party.to_owned(), PARTY_WAITING_MAX)?;
        let turns = async {
            let turn = turn.acquire_owned().await;
            (turn, self.threads.clone().acquire_owned().await)
        };
        let Ok((Ok(turn), Ok(thread))) = tokio::time::timeout(WAIT_MAX, turns).await else {
            return Err(AuthError::Overloaded);
        };
        // Held by the work and not by the request: a client that leaves frees neither the thread nor the turn.
        let work = move || {
            let _held = (subject, place, turn, thread);
            hash()
        };
        tokio::task::spawn_blocking(work).await.map_err(AuthError::undecided)
    }

    /// A place in the queue of this name, and where its turns are. Queues in which nobody stands are forgotten before
    /// there are too many; one that is found is stood in before anybody else can look.
    fn stand(&self, name: String, waiting_max: usize) -> Result<(Arc<Semaphore>, OwnedSemaphorePermit), AuthError> {
        let mut queues = self.queues.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(queue) = queues.get(&name) {
            return queue.place();
        }
        if queues.len() >= QUEUES_MAX {
            queues.retain(|_, queue| !queue.is_empty());
        }
        if queues.len() >= QUEUES_MAX {
            return Err(AuthError::Overloaded);
        }
        queues.entry(name).or_insert_with(|| Queue::new(waiting_max + 1)).place()
    }
}

impl Queue {
    fn new(places_max: usize) -> Queue {
        Queue { turn: Arc::new(Semaphore::new(1)), places: Arc::new(Semaphore::new(places_max)), places_max }
    }

    fn place(&self) -> Result<(Arc<Semaphore>, OwnedSemaphorePermit), AuthError> {
        let place = self.places.clone().try_acquire_owned().map_err(|_| AuthError::Throttled)?;
        Ok((self.turn.clone(), place))
    }

    fn is_empty(&self) -> bool {
        self.places.available_permits() == self.places_max
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc;

    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn r31_flood_of_one_party_holds_one_thread_and_the_excess_is_throttled() {
        let hashing = Arc::new(HashThreads::new(2));
        let (release, held) = mpsc::channel::<()>();
        let held = Arc::new(Mutex::new(held));
        let busy = Arc::new(AtomicUsize::new(0));
        let mut flood = Vec::new();
        for _ in 0..50 {
            let (hashing, held, busy) = (hashing.clone(), held.clone(), busy.clone());
            flood.push(tokio::spawn(async move {
                let wait = move || {
                    assert_eq!(busy.fetch_add(1, Ordering::SeqCst), 0, "one thread at most");
                    held.lock().unwrap().recv().unwrap_err();
                    busy.fetch_sub(1, Ordering::SeqCst);
                };
                hashing.run("flood", Some("key"), wait).await.map_err(|error| error.reason())
            }));
        }
        // The other party's hash comes through while the flood's first one is still held.
        assert_eq!(hashing.run("other", Some("key"), || 7).await.unwrap(), 7);
        // All of the flood has come before the first one is let go.
        while flood.iter().filter(|request| request.is_finished()).count() < 50 - SUBJECT_WAITING_MAX - 1 {
            tokio::task::yield_now().await;
        }
        drop(release);
        let mut outcomes = Vec::new();
        for request in flood {
            outcomes.push(request.await.unwrap());
        }
        let throttled = outcomes.iter().filter(|outcome| **outcome == Err("throttled")).count();
        assert_eq!(throttled, 50 - SUBJECT_WAITING_MAX - 1, "{outcomes:?}");
        // One that ran beside another would have panicked, and be undecided.
        assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), SUBJECT_WAITING_MAX + 1, "{outcomes:?}");
    }

    #[tokio::test]
    async fn many_keys_of_one_tenant_at_once_take_their_turns_and_none_is_throttled() {
        let hashing = HashThreads::new(2);
        let keys: Vec<String> = (0..PARTY_WAITING_MAX).map(|key| key.to_string()).collect();
        let all = keys.iter().map(|key| hashing.run("tenant", Some(key), || ()));
        assert!(futures_util::future::join_all(all).await.iter().all(Result::is_ok));
    }

    #[tokio::test]
    async fn queues_in_which_nobody_stands_are_forgotten_before_there_are_too_many() {
        let hashing = HashThreads::new(1);
        for party in 0..QUEUES_MAX / 2 + 10 {
            hashing.run(&party.to_string(), Some("key"), || ()).await.unwrap();
        }
        assert!(hashing.queues.lock().unwrap().len() <= QUEUES_MAX);
    }
}
