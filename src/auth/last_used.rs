//! When and from where keys were last used, gathered beside the requests and written in batches away from them.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use crate::clock::Timestamp;
use crate::store::{KeyUse, Store, StoreError};

/// Uses that were seen and are not written yet.
#[derive(Default)]
pub(super) struct LastUsed(Mutex<HashMap<String, (Timestamp, IpAddr)>>);

/// Keys whose use may wait to be written; past that, a use is forgotten rather than held.
const WAITING_MAX: usize = 100_000;

impl LastUsed {
    pub(super) fn note(&self, key_id: &str, at: Timestamp, from: IpAddr) {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(held) = waiting.get_mut(key_id) {
            *held = (at, from);
        } else if waiting.len() < WAITING_MAX {
            waiting.insert(key_id.to_owned(), (at, from));
        }
    }

    /// Writes what was gathered. What a store refuses is dropped: the stamp is a help to people, not a record.
    pub(super) async fn write(&self, store: &dyn Store) -> Result<(), StoreError> {
        let gathered = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        if gathered.is_empty() {
            return Ok(());
        }
        let uses = gathered.into_iter().map(|(id, (at, from))| KeyUse { id, at, from: from.to_string() });
        store.touch_keys(uses.collect()).await
    }
}
