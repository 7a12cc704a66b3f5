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

/// Rows in one statement, so that none holds up the store's other writers for long.
pub(super) const WRITTEN_AT_ONCE: usize = 2_000;

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
        let uses: Vec<KeyUse> =
            gathered.into_iter().map(|(id, (at, from))| KeyUse { id, at, from: from.to_string() }).collect();
        for uses in uses.chunks(WRITTEN_AT_ONCE) {
            store.touch_keys(uses.to_vec()).await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use crate::auth::testing::TestStore;

    #[tokio::test]
    async fn many_uses_are_written_in_pieces() {
        let (store, last_used) = (TestStore::default(), LastUsed::default());
        for key in 0..WRITTEN_AT_ONCE * 2 + 1 {
            last_used.note(&key.to_string(), Timestamp(1), IpAddr::V4(Ipv4Addr::LOCALHOST));
        }
        last_used.write(&store).await.unwrap();
        assert_eq!(*store.written.lock().unwrap(), [WRITTEN_AT_ONCE, WRITTEN_AT_ONCE, 1]);
    }
}
