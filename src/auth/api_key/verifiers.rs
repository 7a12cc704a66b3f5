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

/// What a record's verifier says of a presented key; `None` where there is none that can be computed here, so that the
/// slow hash has to be.
pub(super) fn verify(record: &KeyRecord, key: &Secret, peppers: &Peppers) -> Option<bool> {
    let verifier: KeyHash = record.verifier.as_deref()?.parse().ok()?;
    if verifier.is_slow() {
        return None;
    }
    verifier.verify(key, peppers).ok()
}

/// Verifiers of keys whose slow hash was computed here, until they are written.
#[derive(Default)]
pub(in crate::auth) struct Found(Mutex<HashMap<String, KeyVerifier>>);

/// Past so many the next one is computed again rather than held.
const WAITING_MAX: usize = 100_000;

impl Found {
    /// Notes that the key matches the record's slow hash, where a pepper is configured.
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

    fn lock(&self) -> MutexGuard<'_, HashMap<String, KeyVerifier>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
