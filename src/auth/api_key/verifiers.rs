//! Fast hashes that stand beside slow ones, so that a slow one is computed once and by one process.
//!
//! A secret that cannot be guessed needs no slow hash, and one that was compared with its slow hash once can be known by
//! an HMAC under a pepper that the store does not have. The store keeps both: the slow hash is for others that read the
//! same table (docs/decisions/0012).

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::hash::{KeyHash, Peppers};
use crate::secret::Secret;
use crate::store::{KeyRecord, KeyVerifier};

/// What a record's verifier says of a presented key.
pub(super) enum Said {
    Matches,
    /// It matches under a pepper that is not the first any more: the rotation has not reached this key yet.
    MatchesOlder,
    /// No secret of ours is in it, so that nothing but another key can be the reason.
    Differs,
    /// It does not match under the pepper of this id, which may be another secret where it was written, and the
    /// store's word is all there is for it: a reason to compute the slow hash, and none to refuse.
    Disagrees(String),
    /// There is none that can be computed here.
    Nothing,
}

pub(super) fn ask(record: &KeyRecord, key: &Secret, peppers: &Peppers) -> Said {
    let verifier = record.verifier.as_deref().and_then(|verifier| verifier.parse::<KeyHash>().ok());
    let Some(verifier) = verifier.filter(|verifier| !verifier.is_slow()) else { return Said::Nothing };
    match (verifier.verify(key, peppers), verifier) {
        (Err(_), _) => Said::Nothing,
        (Ok(true), KeyHash::HmacSha256 { pepper_id, .. }) if !peppers.is_first(&pepper_id) => Said::MatchesOlder,
        (Ok(true), _) => Said::Matches,
        (Ok(false), KeyHash::HmacSha256 { pepper_id, .. }) => Said::Disagrees(pepper_id),
        (Ok(false), _) => Said::Differs,
    }
}

/// Verifiers of keys that were proven here without one under the first pepper, until they are written.
#[derive(Default)]
pub(in crate::auth) struct Found(Mutex<HashMap<String, KeyVerifier>>);

/// Past so many the next one is computed again rather than held.
const WAITING_MAX: usize = 100_000;

impl Found {
    /// Notes that the key is the record's, where a pepper is configured.
    pub(super) fn note(&self, record: &KeyRecord, key: &Secret, peppers: &Peppers) {
        let Some(verifier) = KeyHash::peppered(key, peppers) else { return };
        let mut waiting = self.lock();
        if waiting.len() < WAITING_MAX {
            let (id, hashed_key) = (record.id.clone(), record.hashed_key.clone());
            waiting.insert(id.clone(), KeyVerifier { id, hashed_key, verifier: verifier.to_string() });
        }
    }

    /// What was noted since the last time.
    pub(in crate::auth) fn take(&self) -> Vec<KeyVerifier> {
        std::mem::take(&mut *self.lock()).into_values().collect()
    }

    /// Puts back what could not be written. What was noted meanwhile is as good.
    pub(in crate::auth) fn put_back(&self, unwritten: Vec<KeyVerifier>) {
        let mut waiting = self.lock();
        for verifier in unwritten {
            if waiting.len() >= WAITING_MAX {
                break;
            }
            waiting.entry(verifier.id.clone()).or_insert(verifier);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, KeyVerifier>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
