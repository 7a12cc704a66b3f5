//! Tenants as tokens name them, remembered for a while.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use moka::future::Cache;

use super::AuthError;
use crate::store::{Store, TenantRef};
use crate::tenant::Tenant;

/// The tenants that tokens named lately.
pub(super) struct Tenants {
    store: Arc<Store>,
    cache: Cache<TenantRef, Option<Arc<Tenant>>>,
    generation: AtomicU64,
}

/// Names remembered, known and unknown together.
const ENTRIES_MAX: u64 = 10_000;

impl Tenants {
    pub(super) fn new(store: Arc<Store>, known: Duration, unknown: Duration) -> Tenants {
        let cache = Cache::builder().max_capacity(ENTRIES_MAX).expire_after(Lives { known, unknown }).build();
        Tenants { store, cache, generation: AtomicU64::new(0) }
    }

    pub(super) async fn find(&self, name: TenantRef) -> Result<Option<Arc<Tenant>>, AuthError> {
        if let Some(known) = self.cache.get(&name).await {
            return Ok(known);
        }
        loop {
            let generation = self.generation.load(Ordering::SeqCst);
            let found = self.cache.try_get_with(name.clone(), self.look_up(name.clone())).await;
            let tenant = found.map_err(|error| AuthError::clone(&error))?;
            // The cache may have been told of a change before this answer was in it.
            if self.generation.load(Ordering::SeqCst) == generation {
                return Ok(tenant);
            }
            self.cache.invalidate(&name).await;
        }
    }

    /// Tenants change rarely and are few: any change forgets them all.
    pub(super) fn forget_all(&self) {
        self.generation.fetch_add(1, Ordering::SeqCst);
        self.cache.invalidate_all();
    }

    async fn look_up(&self, name: TenantRef) -> Result<Option<Arc<Tenant>>, AuthError> {
        self.store.find_tenant(name).await.map_err(AuthError::unavailable)
    }
}

struct Lives {
    known: Duration,
    unknown: Duration,
}

impl moka::Expiry<TenantRef, Option<Arc<Tenant>>> for Lives {
    fn expire_after_create(&self, _: &TenantRef, found: &Option<Arc<Tenant>>, _: Instant) -> Option<Duration> {
        Some(if found.is_some() { self.known } else { self.unknown })
    }
}
