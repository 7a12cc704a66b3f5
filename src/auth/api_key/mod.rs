//! API keys: found by public id, then by digest, verified once, and remembered under the digest of the whole key.
//!
//! A cached answer never outlives the key's expiry, a change that the store announced, or its own time to live. A
//! store that does not answer is told apart from a key that it does not know.

mod form;
mod hash;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use moka::future::Cache;
use tokio::sync::Semaphore;

pub use self::form::BRAND_BYTES_MAX;
pub use self::hash::{BCRYPT_COST_MAX, HashMethod, KeyHash, KeyHashError, Peppers, VerifyError};

use self::form::{BadChecksum, KeyForm};
use super::AuthError;
use super::last_used::LastUsed;
use crate::clock::{Expiry, Timestamp};
use crate::principal::{AuthMethod, Contact, CredentialId, Principal, PrincipalId, Proven};
use crate::secret::Secret;
use crate::store::{KeyLookup, KeyRecord, Store};
use crate::tenant::TenantId;

#[derive(Clone)]
pub struct Config {
    pub brand: String,
    pub hash: HashMethod,
    pub bcrypt_cost: u32,
    pub peppers: Peppers,
    /// How many answers are remembered, good and bad together.
    pub cache_entries_max: u64,
    /// How long a good answer is believed without asking the store again.
    pub cache_ttl: Duration,
    /// How long an unknown key stays unknown; short, so that a new key works at once.
    pub unknown_ttl: Duration,
    /// How many bcrypt hashes may be computed at a time.
    pub hash_threads: usize,
}

/// Cost 10 takes about 65 ms of a core, at a key's first use.
pub const DEFAULT_BCRYPT_COST: u32 = 10;
/// An entry takes about 400 bytes; a full cache some 40 MB.
pub const DEFAULT_CACHE_ENTRIES_MAX: u64 = 100_000;
/// A backstop behind the change feed, which announces what matters in well under a second.
pub const DEFAULT_CACHE_TTL: Duration = Duration::from_secs(60);
/// Promise R27: a key created after its id was cached as unknown works within 2 s.
pub const DEFAULT_UNKNOWN_TTL: Duration = Duration::from_secs(1);
/// A key that was not used for so long is hashed anew at its next use.
const PROVEN_IDLE_MAX: Duration = Duration::from_secs(3600);
/// How many requests may wait for a bcrypt thread before the next is told that the gate is overloaded.
const HASH_QUEUE_MAX: usize = 256;
/// How long one waits for a bcrypt thread.
const HASH_WAIT_MAX: Duration = Duration::from_secs(10);

impl Default for Config {
    fn default() -> Config {
        Config {
            brand: "wgk".into(),
            hash: HashMethod::Bcrypt,
            bcrypt_cost: DEFAULT_BCRYPT_COST,
            peppers: Peppers::default(),
            cache_entries_max: DEFAULT_CACHE_ENTRIES_MAX,
            cache_ttl: DEFAULT_CACHE_TTL,
            unknown_ttl: DEFAULT_UNKNOWN_TTL,
            hash_threads: 1,
        }
    }
}

/// A key just made: shown once, and stored as its hash alone.
pub struct NewKey {
    pub public_id: String,
    pub key: Secret,
    pub hash: KeyHash,
}

/// Why no key could be made.
#[derive(Debug, thiserror::Error)]
pub enum GenerateError {
    #[error("the system gives no random numbers")]
    Random,
    #[error("the key cannot be hashed: {0}")]
    Hash(#[source] VerifyError),
}

impl Config {
    pub fn generate(&self) -> Result<NewKey, GenerateError> {
        let (public_id, key) = form::generate(&self.brand).map_err(|_| GenerateError::Random)?;
        let hash = KeyHash::of(&key, self.hash, self.bcrypt_cost, &self.peppers).map_err(GenerateError::Hash)?;
        Ok(NewKey { public_id, key, hash })
    }
}

/// The verifier of presented keys.
pub struct ApiKeys {
    config: Config,
    store: Arc<Store>,
    cache: Cache<[u8; 32], Answer>,
    /// Which bcrypt hash a key was found to match, under the key's digest. An answer that ran out is looked up anew
    /// without the hash being computed again, so that no busy key waits for bcrypt once a minute.
    proven: Cache<[u8; 32], Arc<str>>,
    hashing: HashThreads,
    last_used: Arc<LastUsed>,
    /// Counts the changes that the store announced: an answer that was worked out across one is worked out again.
    generation: AtomicU64,
}

/// What is remembered of a presented key.
#[derive(Clone)]
enum Answer {
    Known(Arc<KnownKey>),
    /// No such id, a wrong secret, or revoked: one answer for all three (promise K3).
    Unknown,
}

struct KnownKey {
    key_id: String,
    principal: Arc<Principal>,
    /// When its use was last handed on to be written, in Unix seconds.
    noted_at: AtomicI64,
}

impl ApiKeys {
    pub fn new(config: Config, store: Arc<Store>, last_used: Arc<LastUsed>) -> ApiKeys {
        let lives = Lives { known: config.cache_ttl, unknown: config.unknown_ttl };
        let cache = Cache::builder()
            .max_capacity(config.cache_entries_max)
            .expire_after(lives)
            .support_invalidation_closures()
            .build();
        let proven = Cache::builder().max_capacity(config.cache_entries_max).time_to_idle(PROVEN_IDLE_MAX).build();
        let hashing = HashThreads::new(config.hash_threads);
        ApiKeys { config, store, cache, proven, hashing, last_used, generation: AtomicU64::new(0) }
    }

    pub async fn authenticate(&self, key: &Secret) -> Result<Arc<Principal>, AuthError> {
        let text = std::str::from_utf8(key.expose()).map_err(|_| AuthError::Refused)?;
        let form = KeyForm::parse(text, &self.config.brand).map_err(|BadChecksum| AuthError::Refused)?;
        let digest = hash::sha256(key.expose());
        let answer = match self.cache.get(&digest).await {
            Some(answer) => answer,
            None => self.look_up(key, digest, &form).await?,
        };
        self.accept(answer)
    }

    /// Forgets what was known of a key, because the store announced a change of it.
    pub fn forget_key(&self, key_id: &str) {
        let key_id = key_id.to_owned();
        self.forget_where(move |known| known.key_id == key_id);
    }

    /// Forgets every key of a tenant that changed.
    pub fn forget_tenant(&self, tenant: &TenantId) {
        let tenant = tenant.clone();
        self.forget_where(move |known| known.principal.tenant.id == tenant);
    }

    /// Forgets everything, because changes may have been missed.
    pub fn forget_all(&self) {
        self.generation.fetch_add(1, Ordering::SeqCst);
        self.cache.invalidate_all();
    }

    fn forget_where(&self, gone: impl Fn(&KnownKey) -> bool + Send + Sync + 'static) {
        self.generation.fetch_add(1, Ordering::SeqCst);
        let matches = move |_: &[u8; 32], answer: &Answer| match answer {
            Answer::Known(known) => gone(known),
            Answer::Unknown => true,
        };
        self.cache.invalidate_entries_if(matches).expect("the cache is built to support it");
    }

    /// The last checks, made at every use of a cached answer.
    fn accept(&self, answer: Answer) -> Result<Arc<Principal>, AuthError> {
        let Answer::Known(known) = answer else { return Err(AuthError::Refused) };
        let now = Timestamp::now();
        if known.principal.expiry.is_past(now) {
            return Err(AuthError::Expired);
        }
        let noted_at = known.noted_at.load(Ordering::Relaxed);
        if now.0 > noted_at && known.noted_at.swap(now.0, Ordering::Relaxed) == noted_at {
            self.last_used.note(&known.key_id, now);
        }
        Ok(known.principal.clone())
    }

    /// One look-up serves all who ask for the same key at the same time; a failure is not remembered.
    async fn look_up(&self, key: &Secret, digest: [u8; 32], form: &KeyForm<'_>) -> Result<Answer, AuthError> {
        loop {
            let generation = self.generation.load(Ordering::SeqCst);
            let found = self.cache.try_get_with(digest, self.verify_records(key, digest, form)).await;
            let answer = found.map_err(|error| AuthError::clone(&error))?;
            // A record may have changed while its hash was compared, and the cache was told before this answer was in
            // it. The next round needs no bcrypt: what was proven is remembered.
            if self.generation.load(Ordering::SeqCst) == generation || matches!(answer, Answer::Unknown) {
                return Ok(answer);
            }
            self.cache.invalidate(&digest).await;
        }
    }

    async fn verify_records(&self, key: &Secret, digest: [u8; 32], form: &KeyForm<'_>) -> Result<Answer, AuthError> {
        let records = self.store.find_keys(self.lookup(key, form)).await.map_err(AuthError::unavailable)?;
        let mut undecided = None;
        for record in records.into_iter().filter(|record| record.revoked_at.is_none()) {
            match self.matches(&record, key, digest).await {
                Ok(true) => return Ok(Answer::Known(Arc::new(known(record)?))),
                Ok(false) => {}
                // One that cannot be compared must not stand before another that can.
                Err(error) => undecided = Some(error),
            }
        }
        undecided.map_or(Ok(Answer::Unknown), Err)
    }

    async fn matches(&self, record: &KeyRecord, key: &Secret, digest: [u8; 32]) -> Result<bool, AuthError> {
        let hash: KeyHash = record
            .hashed_key
            .parse()
            .map_err(|error: KeyHashError| AuthError::Undecided(format!("key {}: {error}", record.id)))?;
        self.verify(hash, key, digest).await
    }

    fn lookup(&self, key: &Secret, form: &KeyForm<'_>) -> KeyLookup {
        match form {
            KeyForm::Branded { public_id } => {
                KeyLookup { public_ids: vec![(*public_id).to_owned()], hashes: Vec::new() }
            }
            KeyForm::Foreign { head } => KeyLookup {
                public_ids: head.iter().flat_map(|head| [head.with_brand.to_owned(), head.bare.to_owned()]).collect(),
                hashes: KeyHash::digests(key, &self.config.peppers),
            },
        }
    }

    async fn verify(&self, hash: KeyHash, key: &Secret, digest: [u8; 32]) -> Result<bool, AuthError> {
        if !hash.is_slow() {
            return hash.verify(key, &self.config.peppers).map_err(AuthError::undecided);
        }
        let stored = hash.to_string();
        if self.proven.get(&digest).await.is_some_and(|proven| *proven == *stored) {
            return Ok(true);
        }
        let matches = self.hashing.verify(hash, key.clone()).await?;
        if matches {
            self.proven.insert(digest, stored.into()).await;
        }
        Ok(matches)
    }
}

fn known(record: KeyRecord) -> Result<KnownKey, AuthError> {
    let id = PrincipalId::parse(&record.id).map_err(AuthError::undecided)?;
    let principal = Principal::new(Proven {
        tenant: record.tenant,
        id,
        method: AuthMethod::ApiKey,
        credential: CredentialId::Key,
        scopes: record.scopes,
        models: record.models,
        expiry: record.expiry,
        contact: Contact::default(),
    });
    let noted_at = AtomicI64::new(record.last_used_at.map_or(0, |at| at.0));
    Ok(KnownKey { key_id: record.id, principal: Arc::new(principal), noted_at })
}

/// A bounded number of threads for slow hashes, and a bounded queue before them.
struct HashThreads {
    threads: Arc<Semaphore>,
    queue: Semaphore,
}

impl HashThreads {
    fn new(threads: usize) -> HashThreads {
        HashThreads { threads: Arc::new(Semaphore::new(threads)), queue: Semaphore::new(HASH_QUEUE_MAX) }
    }

    async fn verify(&self, hash: KeyHash, key: Secret) -> Result<bool, AuthError> {
        let queued = self.queue.try_acquire().map_err(|_| AuthError::Overloaded)?;
        let waited = tokio::time::timeout(HASH_WAIT_MAX, self.threads.clone().acquire_owned()).await;
        let Ok(Ok(thread)) = waited else { return Err(AuthError::Overloaded) };
        drop(queued);
        let work = move || {
            // Held by the work and not by the request: a client that leaves does not free the thread.
            let _thread = thread;
            hash.verify(&key, &Peppers::default())
        };
        let done = tokio::task::spawn_blocking(work).await.map_err(AuthError::undecided)?;
        done.map_err(AuthError::undecided)
    }
}

/// How long each kind of answer is remembered.
struct Lives {
    known: Duration,
    unknown: Duration,
}

impl moka::Expiry<[u8; 32], Answer> for Lives {
    fn expire_after_create(&self, _: &[u8; 32], answer: &Answer, _: Instant) -> Option<Duration> {
        match answer {
            Answer::Known(known) => Some(self.known.min(time_left(known.principal.expiry))),
            Answer::Unknown => Some(self.unknown),
        }
    }
}

/// No entry needs to outlive its key; expiry is checked at each hit all the same.
fn time_left(expiry: Expiry) -> Duration {
    match expiry {
        Expiry::Never => Duration::MAX,
        Expiry::At(end) => Duration::from_secs(u64::try_from(end.0 - Timestamp::now().0).unwrap_or(0) + 1),
    }
}
