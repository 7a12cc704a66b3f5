//! Answers that are remembered for a while, and never past a change that the store announced.

use std::hash::Hash;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use moka::future::Cache;

use super::AuthError;

/// A bounded cache that asks once for all who want the same answer at the same time.
pub(super) struct Remembered<K, V> {
    cache: Cache<K, V>,
    /// Counts the changes that were announced: an answer that was worked out across one is worked out again.
    generation: AtomicU64,
}

impl<K, V> Remembered<K, V>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// `life` says how long an answer may be believed without asking again.
    pub(super) fn new(entries_max: u64, life: impl Fn(&V) -> Duration + Send + Sync + 'static) -> Remembered<K, V> {
        let cache = Cache::builder()
            .max_capacity(entries_max)
            .expire_after(Lives(life))
            .support_invalidation_closures()
            .build();
        Remembered { cache, generation: AtomicU64::new(0) }
    }

    /// The answer that is remembered, or a new one from `ask`. A failure is not remembered.
    pub(super) async fn get_or<F>(&self, key: &K, ask: impl Fn() -> F) -> Result<V, AuthError>
    where
        F: Future<Output = Result<V, AuthError>>,
    {
        if let Some(known) = self.cache.get(key).await {
            return Ok(known);
        }
        loop {
            let generation = self.generation();
            let found = self.cache.try_get_with(key.clone(), self.settled(&ask)).await;
            let answer = found.map_err(|error: Arc<AuthError>| AuthError::clone(&error))?;
            // The cache may have been told of a change before this answer was in it.
            if self.generation() == generation {
                return Ok(answer);
            }
            self.cache.invalidate(key).await;
        }
    }

    /// Asks until no change was announced meanwhile: whoever joins late is given no answer from before a change that
    /// they saw.
    async fn settled<F>(&self, ask: &impl Fn() -> F) -> Result<V, AuthError>
    where
        F: Future<Output = Result<V, AuthError>>,
    {
        loop {
            let generation = self.generation();
            let answer = ask().await?;
            if self.generation() == generation {
                return Ok(answer);
            }
        }
    }

    fn generation(&self) -> u64 {
        self.generation.load(Ordering::SeqCst)
    }

    pub(super) fn forget_where(&self, gone: impl Fn(&V) -> bool + Send + Sync + 'static) {
        self.generation.fetch_add(1, Ordering::SeqCst);
        self.cache.invalidate_entries_if(move |_, answer| gone(answer)).expect("the cache is built to support it");
    }

    pub(super) fn forget_all(&self) {
        self.generation.fetch_add(1, Ordering::SeqCst);
        self.cache.invalidate_all();
    }
}

struct Lives<L>(L);

impl<K, V, L: Fn(&V) -> Duration> moka::Expiry<K, V> for Lives<L> {
    fn expire_after_create(&self, _: &K, answer: &V, _: Instant) -> Option<Duration> {
        Some((self.0)(answer))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU32;

    use tokio::sync::Notify;

    use super::*;

    fn remembered() -> Remembered<u8, u32> {
        Remembered::new(10, |_| Duration::from_secs(60))
    }

    #[tokio::test]
    async fn answer_worked_out_across_a_change_is_worked_out_again() {
        let remembered = remembered();
        let asked = AtomicU32::new(0);
        let ask = || async {
            let round = asked.fetch_add(1, Ordering::SeqCst);
            if round == 0 {
                remembered.forget_where(|_| true);
            }
            Ok(round)
        };
        let answer = remembered.get_or(&1, ask).await.unwrap();
        assert!(answer > 0, "the first one is from before the change");
        assert_eq!(remembered.cache.get(&1).await, Some(answer));
    }

    /// Whoever asks after a change joins a question that was asked before it, and is not given its answer.
    #[tokio::test]
    async fn answer_from_before_a_change_is_given_to_nobody_who_joined_after_it() {
        let (remembered, asked, go) = (Arc::new(remembered()), Arc::new(AtomicU32::new(0)), Arc::new(Notify::new()));
        let get = || {
            let (remembered, asked, go) = (remembered.clone(), asked.clone(), go.clone());
            tokio::spawn(async move {
                let ask = || async {
                    let round = asked.fetch_add(1, Ordering::SeqCst);
                    if round == 0 {
                        go.notified().await;
                    }
                    Ok(round)
                };
                remembered.get_or(&1, ask).await.unwrap()
            })
        };
        let early = get();
        while asked.load(Ordering::SeqCst) == 0 {
            tokio::task::yield_now().await;
        }
        remembered.forget_where(|_| true);
        let late = get();
        tokio::task::yield_now().await;
        go.notify_one();
        assert!(late.await.unwrap() > 0, "the first answer is from before the change");
        assert!(early.await.unwrap() > 0);
    }

    #[tokio::test]
    async fn failure_is_not_remembered_and_an_answer_is_until_it_is_forgotten() {
        let remembered = remembered();
        assert!(remembered.get_or(&1, || async { Err(AuthError::Missing) }).await.is_err());
        assert_eq!(remembered.get_or(&1, || async { Ok(1) }).await.unwrap(), 1);
        assert_eq!(remembered.get_or(&1, || async { Ok(2) }).await.unwrap(), 1);
        remembered.forget_where(|answer| *answer == 1);
        assert_eq!(remembered.get_or(&1, || async { Ok(3) }).await.unwrap(), 3);
    }
}
