//! Tenants as tokens, certificates and peers name them, remembered for a while.

use std::sync::Arc;
use std::time::Duration;

use super::AuthError;
use super::remembered::Remembered;
use crate::store::{Store, TenantRef};
use crate::tenant::{Slug, Tenant, TenantId};

/// The tenants that were named lately.
pub(super) struct Tenants {
    store: Arc<dyn Store>,
    found: Remembered<TenantRef, Option<Arc<Tenant>>>,
}

/// Names remembered, known and unknown together.
const ENTRIES_MAX: u64 = 10_000;

impl Tenants {
    pub(super) fn new(store: Arc<dyn Store>, known: Duration, unknown: Duration) -> Tenants {
        let life = move |found: &Option<Arc<Tenant>>| if found.is_some() { known } else { unknown };
        Tenants { store, found: Remembered::new(ENTRIES_MAX, life) }
    }

    /// The tenant of this id or, where no id is that, of this slug.
    pub(super) async fn named(&self, name: &str) -> Result<Option<Arc<Tenant>>, AuthError> {
        let by_id = TenantId::parse(name).ok().map(TenantRef::Id);
        let by_slug = Slug::parse(name).ok().map(TenantRef::Slug);
        for reference in [by_id, by_slug].into_iter().flatten() {
            let look_up = || async { self.store.find_tenant(reference.clone()).await.map_err(AuthError::unavailable) };
            if let Some(tenant) = self.found.get_or(&reference, look_up).await? {
                return Ok(Some(tenant));
            }
        }
        Ok(None)
    }

    /// Tenants change rarely and are few: any change forgets them all.
    pub(super) fn forget_all(&self) {
        self.found.forget_all();
    }
}
