//! A tenant's own keys at providers, which the store holds sealed.

use std::sync::Arc;

use super::tenants::check;
use super::{Authority, Manage, ManageError, over_others};
use crate::seal::{SealError, Sealed, Seals};
use crate::secret::Secret;
use crate::store::{Page, Reach, TenantUpdate, check_upstream_name};
use crate::tenant::{Slug, Tenant, TenantStatus};

/// Tokens of cloud providers take some three thousand bytes.
const KEY_BYTES_MAX: usize = 4096;

/// The providers that a tenant may have keys and targets of its own at.
pub struct Providers {
    pub(super) seals: Arc<Seals>,
    /// Names of the upstreams; none where nobody knows.
    upstreams: Vec<String>,
}

/// What came of sealing everything anew.
#[derive(Debug, Default)]
pub struct Resealed {
    pub resealed: usize,
    /// Sealed with the first key already.
    pub current: usize,
    /// Left as they are, since no key opens them: by tenant and upstream.
    pub unopened: Vec<(Slug, String)>,
}

impl Providers {
    pub fn new(seals: Arc<Seals>, upstreams: Vec<String>) -> Providers {
        Providers { seals, upstreams }
    }

    /// What was said is not told again: somebody may have put the key in its place.
    pub(super) fn check_upstream(&self, field: &'static str, name: &str) -> Result<(), ManageError> {
        check(field, check_upstream_name(name))?;
        if self.upstreams.is_empty() || self.upstreams.iter().any(|known| known == name) {
            return Ok(());
        }
        let known = self.upstreams.join(", ");
        Err(ManageError::invalid(field, format!("no upstream has this name; there are: {known}")))
    }
}

impl Manage {
    /// With it the tenant's calls of that upstream are paid, in place of the gate's own.
    pub async fn set_provider_key(
        &self,
        who: &Authority,
        name: &str,
        upstream: &str,
        key: &Secret,
        expected: Option<u64>,
    ) -> Result<Arc<Tenant>, ManageError> {
        who.needs_operator()?;
        self.providers.check_upstream("upstream", upstream)?;
        check("key", check_provider_key(key))?;
        let change = |tenant: &Tenant| {
            let mut policy = tenant.policy.clone();
            let sealed = self.providers.seals.seal(key, &place(tenant, upstream))?;
            policy.provider_keys.insert(upstream.to_owned(), sealed);
            Ok(TenantUpdate { policy: Some(policy), ..TenantUpdate::default() })
        };
        let tenant = self.change_tenant(name, change, expected).await?;
        self.announce(who, "provider key set", &place(&tenant, upstream).join(" ")).await;
        Ok(tenant)
    }

    /// The tenant, whose policy names the upstreams.
    pub async fn provider_keys(&self, who: &Authority, name: &str) -> Result<Arc<Tenant>, ManageError> {
        who.needs_operator()?;
        self.tenant(who, name).await
    }

    /// The upstream may be one that the config has no more.
    pub async fn remove_provider_key(
        &self,
        who: &Authority,
        name: &str,
        upstream: &str,
        expected: Option<u64>,
    ) -> Result<Arc<Tenant>, ManageError> {
        who.needs_operator()?;
        let change = |tenant: &Tenant| {
            let mut policy = tenant.policy.clone();
            policy.provider_keys.remove(upstream).ok_or(ManageError::NotFound("provider key"))?;
            Ok(TenantUpdate { policy: Some(policy), ..TenantUpdate::default() })
        };
        let tenant = self.change_tenant(name, change, expected).await?;
        self.announce(who, "provider key removed", &place(&tenant, upstream).join(" ")).await;
        Ok(tenant)
    }

    /// Seals with the first key what was sealed with another, so that the other can go. Keys of deleted tenants stay as
    /// they are: nothing is changed in those, and nothing of theirs is used.
    pub async fn reseal_provider_keys(&self, who: &Authority) -> Result<Resealed, ManageError> {
        who.needs_operator()?;
        let mut all = Resealed::default();
        for tenant in self.store.list_tenants(&Reach::Platform, Page::all()).await? {
            if tenant.policy.provider_keys.is_empty() {
                continue;
            }
            let of_tenant = over_others(None, || self.try_reseal(tenant.id.as_str())).await?;
            if of_tenant.resealed > 0 {
                self.announce(who, "provider keys sealed anew", tenant.id.as_str()).await;
            }
            all.resealed += of_tenant.resealed;
            all.current += of_tenant.current;
            all.unopened.extend(of_tenant.unopened);
        }
        Ok(all)
    }

    async fn try_reseal(&self, id: &str) -> Result<Resealed, ManageError> {
        let tenant = self.store.tenant(&Reach::Platform, id).await?;
        let mut found = Resealed::default();
        if tenant.status == TenantStatus::Deleted {
            return Ok(found);
        }
        let mut policy = tenant.policy.clone();
        for (upstream, sealed) in &mut policy.provider_keys {
            match self.resealed(&tenant, upstream, sealed)? {
                None => found.unopened.push((tenant.slug.clone(), upstream.clone())),
                Some(anew) if anew == *sealed => found.current += 1,
                Some(anew) => {
                    *sealed = anew;
                    found.resealed += 1;
                }
            }
        }
        let update = TenantUpdate { policy: Some(policy), ..TenantUpdate::default() };
        self.store.update_tenant(id, update, Some(tenant.version)).await?;
        Ok(found)
    }

    /// As it should be; `None` where no key opens it.
    fn resealed(&self, tenant: &Tenant, upstream: &str, sealed: &Sealed) -> Result<Option<Sealed>, ManageError> {
        let (seals, place) = (&self.providers.seals, place(tenant, upstream));
        match seals.open(sealed, &place) {
            Ok(_) if seals.is_current(sealed) => Ok(Some(sealed.clone())),
            Ok(key) => Ok(Some(seals.seal(&key, &place)?)),
            Err(SealError::Unopened) => Ok(None),
            Err(error @ (SealError::NoKey | SealError::Random)) => Err(error.into()),
        }
    }
}

/// Where a key belongs: it opens nowhere else.
fn place<'a>(tenant: &'a Tenant, upstream: &'a str) -> [&'a str; 2] {
    [tenant.id.as_str(), upstream]
}

/// It goes into a header, alone or behind `Bearer`.
fn check_provider_key(key: &Secret) -> Result<(), &'static str> {
    let fits = (1..=KEY_BYTES_MAX).contains(&key.len()) && key.expose().iter().all(u8::is_ascii_graphic);
    fits.then_some(()).ok_or("a provider key is 1 to 4096 printable ASCII characters without spaces")
}
