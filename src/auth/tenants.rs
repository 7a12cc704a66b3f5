//! Tenants as tokens, certificates and peers name them, remembered until they change.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use super::AuthError;
use super::epochs::{Epoch, Epochs};
use super::remembered::{self, Remembered};
use crate::store::{Store, TenantRef};
use crate::tenant::{Slug, Tenant, TenantId};

/// The tenants that were named lately.
pub(super) struct Tenants {
    store: Arc<dyn Store>,
    epochs: Arc<Epochs>,
    found: Remembered<TenantRef, Found>,
}

/// A tenant with the epoch that it was read in, or that there is none of the name.
type Found = Option<Named>;

#[derive(Clone)]
pub(super) struct Named {
    pub(super) tenant: Arc<Tenant>,
    pub(super) epoch: Epoch,
}

impl remembered::Answer for Found {
    fn epoch(&self) -> Option<&Epoch> {
        self.as_ref().map(|named| &named.epoch)
    }
}

/// Names remembered, known and unknown together.
const ENTRIES_MAX: u64 = 10_000;

impl Tenants {
    /// `unknown` is how long a name stays unknown.
    pub(super) fn new(store: Arc<dyn Store>, epochs: Arc<Epochs>, unknown: Duration) -> Tenants {
        let life = move |found: &Found| found.is_none().then_some(unknown);
        Tenants { store, epochs, found: Remembered::new(ENTRIES_MAX, life) }
    }

    /// The tenant of this id or, where no id is that, of this slug.
    pub(super) async fn named(&self, name: &str) -> Result<Option<Named>, AuthError> {
        let by_id = TenantId::parse(name).ok().map(TenantRef::Id);
        let by_slug = Slug::parse(name).ok().map(TenantRef::Slug);
        for reference in [by_id, by_slug].into_iter().flatten() {
            if let Some(named) = self.found.get_or(&reference, || self.look_up(&reference)).await? {
                return Ok(Some(named));
            }
        }
        Ok(None)
    }

    async fn look_up(&self, reference: &TenantRef) -> Result<Found, AuthError> {
        let found = self.store.find_tenant(reference.clone()).await.map_err(AuthError::unavailable)?;
        Ok(found.map(|tenant| Named { epoch: self.epochs.of(&tenant), tenant }))
    }

    /// Forgets the tenants that changed, and every name that was unknown: it may be one of theirs now.
    pub(super) async fn forget(&self, changed: HashSet<TenantId>) {
        let gone = move |found: &Found| found.as_ref().is_none_or(|named| changed.contains(&named.tenant.id));
        self.found.forget_where(gone).await;
    }

    pub(super) async fn forget_all(&self) {
        self.found.forget_all().await;
    }

    /// How many names are remembered.
    pub(super) fn remembered(&self) -> u64 {
        self.found.len()
    }
}
