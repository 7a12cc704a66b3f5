//! API keys: found by public id, then by digest, verified once, and remembered under the digest of the whole key.
//!
//! A cached answer lives until the key's expiry or a change that the store announced. A store that does not answer is
//! told apart from a key that it does not know.

mod form;
mod hash;
mod verifiers;

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use moka::future::Cache;

pub use self::form::BRAND_BYTES_MAX;
pub use self::hash::{BCRYPT_COST_MAX, HashMethod, KeyHash, KeyHashError, Peppers, VerifyError};

pub(super) use self::verifiers::Found as FoundVerifiers;

use self::form::{BadChecksum, KeyForm};
use self::verifiers::Said;
use super::epochs::{Epoch, Epochs};
use super::hashing::HashThreads;
use super::last_used::LastUsed;
use super::lookups::Lookups;
use super::remembered::{self, Remembered};
use super::roll::Roll;
use super::{AuthError, canary};
use crate::clock::{Expiry, Timestamp};
use crate::digest::sha256;
use crate::principal::{AuthMethod, Contact, CredentialId, Principal, PrincipalId, Proven};
use crate::secret::Secret;
use crate::store::{KeyLookup, KeyRecord, Store};

#[derive(Clone)]
pub struct Config {
    pub brand: String,
    pub hash: HashMethod,
    pub bcrypt_cost: u32,
    pub peppers: Peppers,
    /// How many answers are remembered, good and bad together.
    pub cache_entries_max: u64,
    /// How long an unknown key stays unknown; short, so that a new key works at once.
    pub unknown_ttl: Duration,
    /// How many bcrypt hashes may be computed at a time.
    pub hash_threads: usize,
    /// Whether a canary key that is presented suspends its tenant.
    pub canary_suspends_tenant: bool,
}

/// Cost 10 takes about 65 ms of a core, at a key's first use.
pub const DEFAULT_BCRYPT_COST: u32 = 10;
/// A full cache takes some 160 MB (`cargo bench --bench growth`), with all that goes with an entry.
pub const DEFAULT_CACHE_ENTRIES_MAX: u64 = 100_000;
/// Promise R27: a key created after its id was cached as unknown works within 2 s.
pub const DEFAULT_UNKNOWN_TTL: Duration = Duration::from_secs(1);

impl Default for Config {
    fn default() -> Config {
        Config {
            brand: "wgk".into(),
            hash: HashMethod::Bcrypt,
            bcrypt_cost: DEFAULT_BCRYPT_COST,
            peppers: Peppers::default(),
            cache_entries_max: DEFAULT_CACHE_ENTRIES_MAX,
            unknown_ttl: DEFAULT_UNKNOWN_TTL,
            hash_threads: 1,
            canary_suspends_tenant: false,
        }
    }
}

/// A key just made: shown once, and stored as its hash alone.
pub struct NewKey {
    pub public_id: String,
    pub key: Secret,
    pub hash: KeyHash,
    /// Stands beside a slow hash: 256 random bits cannot be guessed, so nothing slow has to protect them.
    pub verifier: Option<KeyHash>,
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
        let verifier = hash.is_slow().then(|| KeyHash::fast(&key, &self.peppers));
        Ok(NewKey { public_id, key, hash, verifier })
    }
}

/// Why a key is refused. The client reads one answer for all of them (promise K3), the log reads which.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyRefusal {
    /// Ours by its brand, and mistyped or made up: refused before any store or hash is asked.
    Checksum,
    /// No key has its public id or its digest.
    Unknown,
    /// A key has its public id, and another secret.
    Secret,
    Revoked,
    /// Nobody has a reason to send it but a thief.
    Canary,
}

impl KeyRefusal {
    pub fn reason(self) -> &'static str {
        match self {
            KeyRefusal::Checksum => "key_checksum",
            KeyRefusal::Unknown => "key_unknown",
            KeyRefusal::Secret => "key_secret",
            KeyRefusal::Revoked => "key_revoked",
            KeyRefusal::Canary => "key_canary",
        }
    }
}

/// The verifier of presented keys.
pub(super) struct ApiKeys {
    config: Config,
    parts: Parts,
    answers: Remembered<[u8; 32], Answer>,
    /// Which bcrypt hash a key was found to match, under the key's digest. An answer that was forgotten is looked up
    /// anew without the hash being computed again, so that nobody waits for bcrypt because a tenant was renamed, or
    /// because the store was away for long. Their number alone bounds them: they are asked only where an answer is
    /// worked out, which may be days apart, and the hash that is stored is compared each time.
    proven: Cache<[u8; 32], Arc<str>>,
}

/// What the keys share with the rest of authentication.
pub(super) struct Parts {
    pub(super) store: Arc<dyn Store>,
    pub(super) lookups: Arc<Lookups>,
    pub(super) epochs: Arc<Epochs>,
    pub(super) hashing: Arc<HashThreads>,
    pub(super) last_used: Arc<LastUsed>,
    pub(super) verifiers: Arc<FoundVerifiers>,
    pub(super) roll: Arc<Roll>,
}

/// What is remembered of a presented key.
#[derive(Clone)]
enum Answer {
    Known(Arc<KnownKey>),
    Refused(KeyRefusal),
}

struct KnownKey {
    principal: Arc<Principal>,
    epoch: Epoch,
    /// When its use was last handed on to be written, in Unix seconds.
    noted_at: AtomicI64,
}

impl remembered::Answer for Answer {
    fn epoch(&self) -> Option<&Epoch> {
        match self {
            Answer::Known(known) => Some(&known.epoch),
            Answer::Refused(_) => None,
        }
    }
}

impl ApiKeys {
    pub(super) fn new(config: Config, parts: Parts) -> ApiKeys {
        let unknown = config.unknown_ttl;
        let answers = Remembered::new(config.cache_entries_max, move |answer| match answer {
            Answer::Known(key) => time_left(key.principal.expiry),
            Answer::Refused(_) => Some(unknown),
        });
        let proven = Cache::builder().max_capacity(config.cache_entries_max).build();
        ApiKeys { config, parts, answers, proven }
    }

    pub(super) async fn authenticate(&self, key: &Secret, peer: IpAddr) -> Result<Arc<Principal>, AuthError> {
        let form = self.form_of(key)?;
        let digest = sha256(key.expose());
        let answer = self.answers.get_or(&digest, || self.verify_records(key, digest, &form, peer)).await?;
        self.accept(answer, peer)
    }

    /// Refuses what no key can be, by its form alone and asking nobody.
    pub(super) fn check_form(&self, key: &Secret) -> Result<(), AuthError> {
        self.form_of(key).map(|_| ())
    }

    fn form_of<'a>(&self, key: &'a Secret) -> Result<KeyForm<'a>, AuthError> {
        let text = std::str::from_utf8(key.expose()).map_err(|_| AuthError::Refused(KeyRefusal::Unknown))?;
        KeyForm::parse(text, &self.config.brand).map_err(|BadChecksum| AuthError::Refused(KeyRefusal::Checksum))
    }

    /// Forgets what was known of the keys of principals that are `gone`, and every refusal: a new key, or an old one
    /// that is good again, can make any of them untrue.
    ///
    /// It is done before this returns; what is returned makes room for others.
    pub(super) fn forget_where(
        &self,
        gone: impl Fn(&Principal) -> bool + Send + Sync + 'static,
    ) -> impl Future<Output = ()> {
        let gone = move |answer: &Answer| match answer {
            Answer::Known(known) => gone(&known.principal),
            Answer::Refused(_) => true,
        };
        self.answers.forget_where(gone)
    }

    /// Forgets everything, because changes may have been missed.
    pub(super) async fn forget_all(&self) {
        self.answers.forget_all().await;
    }

    /// How many answers are remembered, good and bad together.
    pub(super) async fn remembered(&self) -> u64 {
        self.answers.len().await
    }

    /// The last checks, made at every use of a remembered answer.
    fn accept(&self, answer: Answer, peer: IpAddr) -> Result<Arc<Principal>, AuthError> {
        let known = match answer {
            Answer::Known(known) => known,
            Answer::Refused(why) => return Err(AuthError::Refused(why)),
        };
        let now = Timestamp::now();
        if known.principal.expiry.is_past(now) {
            return Err(AuthError::Expired);
        }
        let noted_at = known.noted_at.load(Ordering::Relaxed);
        if now.0 > noted_at && known.noted_at.swap(now.0, Ordering::Relaxed) == noted_at {
            self.parts.last_used.note(known.principal.id.as_str(), now, peer);
        }
        Ok(known.principal.clone())
    }

    async fn verify_records(
        &self,
        key: &Secret,
        digest: [u8; 32],
        form: &KeyForm<'_>,
        peer: IpAddr,
    ) -> Result<Answer, AuthError> {
        let records = self.parts.lookups.find(self.lookup(key, form)).await?;
        let mut refusal = if records.is_empty() { KeyRefusal::Unknown } else { KeyRefusal::Secret };
        let mut undecided = None;
        for record in records {
            // A canary is one for good: taking it back must not silence it.
            if record.revoked_at.is_some() && !record.canary {
                refusal = KeyRefusal::Revoked;
                continue;
            }
            match self.matches(&record, key, digest).await {
                Ok(true) if record.canary => {
                    canary::raise(&record, peer, self.config.canary_suspends_tenant, self.parts.store.as_ref()).await;
                    return Ok(Answer::Refused(KeyRefusal::Canary));
                }
                Ok(true) => return Ok(Answer::Known(Arc::new(self.known(record)?))),
                Ok(false) => {}
                // One that cannot be compared must not stand before another that can.
                Err(error) => undecided = Some(error),
            }
        }
        undecided.map_or(Ok(Answer::Refused(refusal)), Err)
    }

    async fn matches(&self, record: &KeyRecord, key: &Secret, digest: [u8; 32]) -> Result<bool, AuthError> {
        let hash: KeyHash = record
            .hashed_key
            .parse()
            .map_err(|error: KeyHashError| AuthError::Undecided(format!("key {}: {error}", record.id)))?;
        if !hash.is_slow() {
            return hash.verify(key, &self.config.peppers).map_err(AuthError::undecided);
        }
        let said = verifiers::ask(record, key, &self.config.peppers);
        match said {
            Said::Matches => return Ok(true),
            Said::MatchesOlder => {
                self.parts.verifiers.note(record, key, &self.config.peppers);
                return Ok(true);
            }
            Said::Differs => return Ok(false),
            Said::Disagrees(_) | Said::Nothing => {}
        }
        let stored = hash.to_string();
        if self.proven.get(&digest).await.is_some_and(|proven| *proven == *stored) {
            return Ok(true);
        }
        let presented = key.clone();
        let compare = move || hash.verify(&presented, &Peppers::default());
        let (party, subject) = (record.tenant.id.as_str(), Some(record.id.as_str()));
        let matches = self.parts.hashing.run(party, subject, compare).await?.map_err(AuthError::undecided)?;
        if matches {
            if let Said::Disagrees(pepper_id) = said {
                tracing::warn!(key_id = %record.id, %pepper_id,
                    "the verifier of a key does not agree with its hash: is the pepper the same on every replica?");
            } else {
                self.parts.verifiers.note(record, key, &self.config.peppers);
            }
            self.proven.insert(digest, stored.into()).await;
        }
        Ok(matches)
    }

    fn lookup(&self, key: &Secret, form: &KeyForm<'_>) -> KeyLookup {
        match form {
            KeyForm::Branded { public_id } => {
                KeyLookup { public_ids: vec![(*public_id).to_owned()], hashes: Vec::new(), ids: Vec::new() }
            }
            KeyForm::Foreign { head } => KeyLookup {
                public_ids: head.iter().flat_map(|head| [head.with_brand.to_owned(), head.bare.to_owned()]).collect(),
                hashes: KeyHash::digests(key, &self.config.peppers),
                ids: Vec::new(),
            },
        }
    }

    fn known(&self, record: KeyRecord) -> Result<KnownKey, AuthError> {
        let epoch = self.parts.epochs.of(&record.tenant);
        let principal = Principal::new(Proven {
            id: PrincipalId::parse(&record.id).map_err(AuthError::undecided)?,
            tenant: record.tenant,
            method: AuthMethod::ApiKey,
            credential: CredentialId::Key,
            scopes: record.scopes,
            models: record.models,
            expiry: record.expiry,
            contact: Contact::default(),
        });
        let noted_at = AtomicI64::new(record.last_used_at.map_or(0, |at| at.0));
        Ok(KnownKey { principal: self.parts.roll.enter(principal), epoch, noted_at })
    }
}

/// No entry needs to outlive its credential; expiry is checked at each hit all the same.
pub(super) fn time_left(expiry: Expiry) -> Option<Duration> {
    match expiry {
        Expiry::Never => None,
        Expiry::At(end) => {
            let left = u64::try_from(end.0.saturating_sub(Timestamp::now().0)).unwrap_or(0);
            Some(Duration::from_secs(left.min(TIME_LEFT_MAX) + 1))
        }
    }
}

/// The cache counts no further than some centuries; ten years are as good as any.
const TIME_LEFT_MAX: u64 = 10 * 366 * 24 * 3600;
