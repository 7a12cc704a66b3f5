//! Answers that are remembered until something makes them untrue.
//!
//! No answer is given that a change which was acted on made untrue, however the change and the answer's making fall
//! together:
//!
//! - An answer that is kept is entered in a list of our own, under the lock that changes take. A change marks those that
//!   it concerns, and a hit looks at the mark. (The cache's own way of forgetting by a predicate is no use for this: an
//!   entry that is written while the cache tidies up can escape it, for good where entries have no end of their own.)
//! - An answer that is being worked out is compared with all that changed meanwhile before it is given to anybody, and
//!   is worked out again where one of the changes concerns it.
//! - An answer from before an epoch of its tenant that was heard of is neither kept nor given.
//!
//! A steady stream of changes starves nobody: what changes elsewhere concerns no answer that lets somebody in. It may
//! concern every refusal, because a new key can make any of them untrue. Such a one is still good for those who had
//! asked before it was worked out, and is given to them and not kept.

use std::collections::{BTreeMap, VecDeque};
use std::hash::Hash;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use moka::future::Cache;

use super::AuthError;
use super::epochs::Epoch;

/// What can be remembered.
pub(super) trait Answer: Clone + Send + Sync + 'static {
    /// The epoch of the tenant for whom it lets somebody in; `None` for a refusal.
    fn epoch(&self) -> Option<&Epoch>;
}

/// A bounded cache that asks once for all who want the same answer at the same time.
pub(super) struct Remembered<K, V> {
    cache: Cache<K, Arc<Kept<K, V>>>,
    log: Mutex<Log<K, V>>,
}

struct Kept<K, V> {
    key: K,
    answer: V,
    /// How many changes had been acted on when the asking began.
    begun: u64,
    state: AtomicU8,
}

/// Not compared yet with what changed since the asking began.
const UNCHECKED: u8 = 0;
/// To be given until a change says otherwise.
const GOOD: u8 = 1;
/// A change made it untrue.
const FORGOTTEN: u8 = 2;

/// What makes an answer untrue.
type Concern<V> = Arc<dyn Fn(&V) -> bool + Send + Sync>;

/// What changed, and what is to be told of changes.
struct Log<K, V> {
    /// Counts the changes.
    generation: u64,
    /// The changes that answers which are being worked out have to be compared with, oldest first: the last is the one
    /// that made the generation what it is.
    recent: VecDeque<Concern<V>>,
    /// How many answers are being worked out, by the generation that they began in.
    loads: BTreeMap<u64, usize>,
    /// Every answer that was found good and may still be in the cache.
    kept: Vec<Weak<Kept<K, V>>>,
    /// How many there may be before those that are gone are swept out.
    sweep_at: usize,
}

const SWEEP_MIN: usize = 1024;
/// How often an answer is worked out for one who asks. Only changes of the very key or tenant use these up.
const ATTEMPTS: usize = 8;

impl<K, V> Remembered<K, V>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Answer,
{
    /// `life` says how long an answer may be kept at most; `None` for one that only a change ends.
    pub(super) fn new(
        entries_max: u64,
        life: impl Fn(&V) -> Option<Duration> + Send + Sync + 'static,
    ) -> Remembered<K, V> {
        let cache = Cache::builder().max_capacity(entries_max).expire_after(Lives(life)).build();
        Remembered { cache, log: Mutex::new(Log::new()) }
    }

    /// The answer that is remembered, or a new one from `ask`. A failure is not remembered.
    pub(super) async fn get_or<F>(&self, key: &K, ask: impl Fn() -> F) -> Result<V, AuthError>
    where
        F: Future<Output = Result<V, AuthError>>,
    {
        if let Some(answer) = self.known(key).await {
            return Ok(answer);
        }
        let arrived = self.lock().generation;
        for _ in 0..ATTEMPTS {
            match self.cache.try_get_with_by_ref(key, self.load(key, &ask)).await {
                Ok(kept) if self.is_good(&kept) => return Ok(kept.answer.clone()),
                Ok(_) => self.cache.invalidate(key).await,
                Err(unkept) => match &*unkept {
                    Unkept::Failed(error) => return Err(error.clone()),
                    Unkept::Overtaken { refusal: Some(answer), begun } if *begun >= arrived => {
                        return Ok(answer.clone());
                    }
                    Unkept::Overtaken { .. } => {}
                },
            }
        }
        Err(AuthError::Undecided("its record changed as often as it was read".to_owned()))
    }

    /// The answer that is remembered.
    pub(super) async fn known(&self, key: &K) -> Option<V> {
        let kept = self.cache.get(key).await?;
        if self.is_good(&kept) {
            return Some(kept.answer.clone());
        }
        self.cache.invalidate(key).await;
        None
    }

    async fn load<F>(&self, key: &K, ask: &impl Fn() -> F) -> Result<Arc<Kept<K, V>>, Unkept<V>>
    where
        F: Future<Output = Result<V, AuthError>>,
    {
        let load = Load::begin(&self.log);
        let answer = ask().await.map_err(Unkept::Failed)?;
        let begun = load.begun;
        let kept = Arc::new(Kept { key: key.clone(), answer, begun, state: AtomicU8::new(UNCHECKED) });
        if self.is_good(&kept) {
            return Ok(kept);
        }
        let refusal = kept.answer.epoch().is_none().then(|| kept.answer.clone());
        Err(Unkept::Overtaken { refusal, begun })
    }

    /// Whether the answer may be given now.
    fn is_good(&self, kept: &Arc<Kept<K, V>>) -> bool {
        if kept.answer.epoch().is_some_and(|epoch| !epoch.is_newest()) {
            return false;
        }
        match kept.state.load(Ordering::Acquire) {
            GOOD => true,
            FORGOTTEN => false,
            _ => self.lock().check(kept),
        }
    }

    /// Forgets the answers that are `gone`, those that are being worked out among them.
    ///
    /// It is done before this returns: they are given to nobody any more. What is returned makes room for others, and
    /// can wait for what is more urgent.
    pub(super) fn forget_where(&self, gone: impl Fn(&V) -> bool + Send + Sync + 'static) -> impl Future<Output = ()> {
        let forgotten = self.lock().forget(Arc::new(gone));
        async move {
            for kept in forgotten {
                self.cache.invalidate(&kept.key).await;
            }
        }
    }

    pub(super) async fn forget_all(&self) {
        self.forget_where(|_| true).await;
    }

    /// How many answers there are. The cache counts when it tidies up, which it otherwise does at its own time.
    pub(super) async fn len(&self) -> u64 {
        self.cache.run_pending_tasks().await;
        self.cache.entry_count()
    }

    fn lock(&self) -> MutexGuard<'_, Log<K, V>> {
        lock(&self.log)
    }
}

/// Why an answer is not in the cache.
enum Unkept<V> {
    Failed(AuthError),
    /// Something changed that concerns it while it was worked out. A refusal is given all the same to those who had
    /// asked before; what would let somebody in is given to nobody.
    Overtaken {
        refusal: Option<V>,
        begun: u64,
    },
}

impl<K, V> Log<K, V> {
    fn new() -> Log<K, V> {
        Log { generation: 0, recent: VecDeque::new(), loads: BTreeMap::new(), kept: Vec::new(), sweep_at: SWEEP_MIN }
    }

    /// Whether nothing that changed since the asking began concerns the answer. From here on it is marked by changes.
    fn check(&mut self, kept: &Arc<Kept<K, V>>) -> bool {
        let state = kept.state.load(Ordering::Acquire);
        if state != UNCHECKED {
            return state == GOOD;
        }
        if self.concerns(kept) {
            kept.state.store(FORGOTTEN, Ordering::Release);
            return false;
        }
        if self.kept.len() >= self.sweep_at {
            self.kept.retain(|kept| kept.strong_count() > 0);
            self.sweep_at = (self.kept.len() * 2).max(SWEEP_MIN);
        }
        self.kept.push(Arc::downgrade(kept));
        kept.state.store(GOOD, Ordering::Release);
        true
    }

    fn concerns(&self, kept: &Kept<K, V>) -> bool {
        let since = usize::try_from(self.generation - kept.begun).unwrap_or(usize::MAX);
        // Where the changes are not held any more, any of them may have concerned it.
        let Some(known) = self.recent.len().checked_sub(since) else { return true };
        self.recent.range(known..).any(|gone| gone(&kept.answer))
    }

    fn forget(&mut self, gone: Concern<V>) -> Vec<Arc<Kept<K, V>>> {
        let mut forgotten = Vec::new();
        self.kept.retain(|entry| {
            let Some(kept) = entry.upgrade() else { return false };
            if !gone(&kept.answer) {
                return true;
            }
            kept.state.store(FORGOTTEN, Ordering::Release);
            forgotten.push(kept);
            false
        });
        self.generation += 1;
        if !self.loads.is_empty() {
            self.recent.push_back(gone);
        }
        forgotten
    }

    fn end_load(&mut self, begun: u64) {
        if let Some(count) = self.loads.get_mut(&begun) {
            *count -= 1;
            if *count == 0 {
                self.loads.remove(&begun);
            }
        }
        let oldest = self.loads.first_key_value().map_or(self.generation, |(begun, _)| *begun);
        let needed = usize::try_from(self.generation - oldest).unwrap_or(usize::MAX);
        while self.recent.len() > needed {
            self.recent.pop_front();
        }
    }
}

/// An answer that is being worked out: the changes since it began are held for it.
struct Load<'a, K, V> {
    log: &'a Mutex<Log<K, V>>,
    begun: u64,
}

impl<'a, K, V> Load<'a, K, V> {
    fn begin(log: &'a Mutex<Log<K, V>>) -> Load<'a, K, V> {
        let mut held = lock(log);
        let begun = held.generation;
        *held.loads.entry(begun).or_default() += 1;
        Load { log, begun }
    }
}

impl<K, V> Drop for Load<'_, K, V> {
    fn drop(&mut self) {
        lock(self.log).end_load(self.begun);
    }
}

fn lock<K, V>(log: &Mutex<Log<K, V>>) -> MutexGuard<'_, Log<K, V>> {
    log.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Lives<L>(L);

impl<K, V, L: Fn(&V) -> Option<Duration>> moka::Expiry<K, Arc<Kept<K, V>>> for Lives<L> {
    fn expire_after_create(&self, _: &K, kept: &Arc<Kept<K, V>>, _: Instant) -> Option<Duration> {
        (self.0)(&kept.answer)
    }
}

#[cfg(test)]
mod tests;
