//! The newest epoch that was heard of for each tenant, so that no answer from an earlier one is believed.
//!
//! A tenant's epoch grows whenever something of the tenant changes. Every answer that is remembered holds the epoch
//! that it was worked out in, and shares with all others of the tenant the newest one that anybody heard of. So a hit
//! learns with one atomic load whether the tenant has changed since, whichever cache it is in.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use crate::tenant::{Tenant, TenantId};

/// The newest epochs of the tenants that somebody remembers something of.
#[derive(Default)]
pub(super) struct Epochs(Mutex<Held>);

#[derive(Default)]
struct Held {
    newest: HashMap<TenantId, Weak<AtomicU64>>,
    /// How many there may be before those that nobody holds are swept out.
    sweep_at: usize,
}

/// The epoch that an answer is from.
#[derive(Clone, Debug)]
pub(super) struct Epoch {
    of: u64,
    newest: Arc<AtomicU64>,
}

const SWEEP_MIN: usize = 1024;
/// The epoch of a tenant that is gone: no record is from a later one.
const GONE: u64 = u64::MAX;

impl Epoch {
    /// Whether nobody has heard of a later one.
    pub(super) fn is_newest(&self) -> bool {
        self.newest.load(Ordering::Acquire) <= self.of
    }
}

impl Epochs {
    /// The epoch of a record that was just read, which may be news to those who hold an older one, or old itself.
    pub(super) fn of(&self, tenant: &Tenant) -> Epoch {
        let mut held = self.lock();
        let newest = held.newest.get(&tenant.id).and_then(Weak::upgrade);
        let newest = newest.unwrap_or_else(|| held.add(&tenant.id, tenant.epoch));
        newest.fetch_max(tenant.epoch, Ordering::AcqRel);
        Epoch { of: tenant.epoch, newest }
    }

    /// Those of these tenants that somebody remembers something of.
    pub(super) fn held_among(&self, tenants: &HashSet<TenantId>) -> Vec<TenantId> {
        let held = self.lock();
        let is_held = |tenant: &&TenantId| held.newest.get(tenant).is_some_and(|newest| newest.strong_count() > 0);
        tenants.iter().filter(is_held).cloned().collect()
    }

    /// What the store says of a tenant now; `None` where there is no such tenant any more. Never goes back, but for a
    /// tenant that was gone: what is remembered of the one before it stays unbelieved.
    pub(super) fn heard(&self, tenant: &TenantId, epoch: Option<u64>) {
        let mut held = self.lock();
        let Some(newest) = held.newest.get(tenant).and_then(Weak::upgrade) else { return };
        match epoch {
            Some(_) if newest.load(Ordering::Acquire) == GONE => drop(held.newest.remove(tenant)),
            epoch => drop(newest.fetch_max(epoch.unwrap_or(GONE), Ordering::AcqRel)),
        }
    }

    /// Forgets what was heard, because the store may have been exchanged for an older one. What is remembered from
    /// before has to be forgotten too.
    pub(super) fn forget_all(&self) {
        *self.lock() = Held::default();
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    fn add(&mut self, tenant: &TenantId, epoch: u64) -> Arc<AtomicU64> {
        if self.newest.len() >= self.sweep_at {
            self.newest.retain(|_, newest| newest.strong_count() > 0);
            self.sweep_at = (self.newest.len() * 2).max(SWEEP_MIN);
        }
        let newest = Arc::new(AtomicU64::new(epoch));
        self.newest.insert(tenant.clone(), Arc::downgrade(&newest));
        newest
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::testing::tenant;

    fn id(text: &str) -> TenantId {
        TenantId::parse(text).unwrap()
    }

    #[test]
    fn answer_is_out_of_date_once_a_later_epoch_was_heard_of() {
        let epochs = Epochs::default();
        let (acme, other) = (epochs.of(&tenant("acme", 3)), epochs.of(&tenant("other", 3)));
        assert!(acme.is_newest());
        epochs.heard(&id("acme"), Some(4));
        assert!(!acme.is_newest());
        assert!(other.is_newest());
    }

    #[test]
    fn record_that_another_reader_overtook_is_out_of_date_from_the_start() {
        let epochs = Epochs::default();
        let later = epochs.of(&tenant("acme", 5));
        let earlier = epochs.of(&tenant("acme", 4));
        assert!(later.is_newest());
        assert!(!earlier.is_newest());
    }

    #[test]
    fn epochs_never_go_back() {
        let epochs = Epochs::default();
        let earlier = epochs.of(&tenant("acme", 4));
        epochs.heard(&id("acme"), Some(5));
        epochs.heard(&id("acme"), Some(4));
        assert!(!earlier.is_newest());
    }

    #[test]
    fn nothing_of_a_tenant_that_is_gone_is_believed_and_its_successor_is() {
        let epochs = Epochs::default();
        let before = epochs.of(&tenant("acme", 9));
        epochs.heard(&id("acme"), None);
        assert!(!before.is_newest());
        assert!(!epochs.of(&tenant("acme", 9)).is_newest());
        epochs.heard(&id("acme"), Some(1));
        assert!(epochs.of(&tenant("acme", 1)).is_newest());
        assert!(!before.is_newest());
    }

    #[test]
    fn tenants_that_nobody_holds_are_neither_asked_for_nor_kept() {
        let epochs = Epochs::default();
        let kept = epochs.of(&tenant("kept", 1));
        for number in 0..SWEEP_MIN * 4 {
            drop(epochs.of(&tenant(&format!("t{number}"), 1)));
        }
        assert!(epochs.lock().newest.len() <= SWEEP_MIN);
        let changed = HashSet::from([id("kept"), id("t1"), id("unheard-of")]);
        assert_eq!(epochs.held_among(&changed), [id("kept")]);
        assert!(kept.is_newest());
    }
}
