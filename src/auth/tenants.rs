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
    ///
    /// What is known under either is looked at first: that no id is the name is forgotten soon, and during an outage
    /// nobody could say so again of a tenant whose slug is known.
    pub(super) async fn named(&self, name: &str) -> Result<Option<Named>, AuthError> {
        let by_id = TenantId::parse(name).ok().map(TenantRef::Id);
        let by_slug = Slug::parse(name).ok().map(TenantRef::Slug);
        for reference in [&by_id, &by_slug].into_iter().flatten() {
            if let Some(named) = self.found.known(reference).await.flatten() {
                return Ok(Some(named));
            }
        }
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

    /// Forgets the tenants that changed, those whose slug is now another's id, and every name that was unknown: it may
    /// be one of theirs now.
    ///
    /// It is done before this returns; what is returned makes room for others.
    pub(super) fn forget(&self, changed: &HashSet<TenantId>) -> impl Future<Output = ()> {
        let changed: HashSet<String> = changed.iter().map(|id| id.as_str().to_owned()).collect();
        let names =
            move |tenant: &Tenant| changed.contains(tenant.id.as_str()) || changed.contains(tenant.slug.as_str());
        self.found.forget_where(move |found| found.as_ref().is_none_or(|named| names(&named.tenant)))
    }

    pub(super) async fn forget_all(&self) {
        self.found.forget_all().await;
    }

    /// How many names are remembered.
    pub(super) async fn remembered(&self) -> u64 {
        self.found.len().await
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering;

    use super::*;
    use crate::auth::api_key;
    use crate::auth::testing::{TestStore, record, tenant};

    fn add(store: &TestStore, tenant: Tenant) {
        let id = tenant.id.as_str().to_owned();
        let made = api_key::Config { bcrypt_cost: 4, ..api_key::Config::default() }.generate().unwrap();
        store.rows().keys.insert(id.clone(), record(&id, tenant, &made));
    }

    #[tokio::test]
    async fn tenant_that_is_known_by_its_slug_is_known_through_an_outage() {
        let store = Arc::new(TestStore::default());
        add(&store, Tenant { slug: Slug::parse("acme").unwrap(), ..tenant("t-1", 1) });
        let tenants = Tenants::new(store.clone(), Arc::default(), Duration::from_millis(1));
        let id = async || tenants.named("acme").await.map(|found| found.unwrap().tenant.id.as_str().to_owned());
        assert_eq!(id().await.unwrap(), "t-1");
        store.down.store(true, Ordering::SeqCst);
        tokio::time::sleep(Duration::from_millis(30)).await;
        assert_eq!(id().await.unwrap(), "t-1", "that there is no such id was forgotten meanwhile");
        store.down.store(false, Ordering::SeqCst);
        add(&store, Tenant { slug: Slug::parse("other").unwrap(), ..tenant("acme", 1) });
        tenants.forget(&HashSet::from([TenantId::parse("acme").unwrap()])).await;
        assert_eq!(id().await.unwrap(), "acme", "an id goes before a slug");
    }
}
