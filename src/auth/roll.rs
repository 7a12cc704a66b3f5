//! The principals that are known at this moment, so that a revocation reaches the answers that stream to them.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use crate::principal::Principal;

/// Every principal that a cache or a request holds. Entering one costs something; the requests of one that is cached
/// cost nothing.
#[derive(Default)]
pub(super) struct Roll(Mutex<Entries>);

#[derive(Default)]
struct Entries {
    principals: Vec<Weak<Principal>>,
    /// How many there may be before those that are gone are swept out.
    sweep_at: usize,
}

const SWEEP_MIN: usize = 1024;

impl Roll {
    pub(super) fn enter(&self, principal: Principal) -> Arc<Principal> {
        let principal = Arc::new(principal);
        let mut entries = self.lock();
        if entries.principals.len() >= entries.sweep_at {
            entries.principals.retain(|entry| entry.strong_count() > 0);
            entries.sweep_at = (entries.principals.len() * 2).max(SWEEP_MIN);
        }
        entries.principals.push(Arc::downgrade(&principal));
        principal
    }

    /// Those that are still held by somebody, and that `wanted` wants.
    pub(super) fn find(&self, wanted: impl Fn(&Principal) -> bool) -> Vec<Arc<Principal>> {
        self.lock().principals.iter().filter_map(Weak::upgrade).filter(|principal| wanted(principal)).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Entries> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
