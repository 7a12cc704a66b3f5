//! Tenants: who may send requests at all, and what each has.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Authority, Idempotency, Listed, Made, Manage, ManageError, over_others, with_one_more};
use crate::scopes::{Models, Scopes};
use crate::store::{
    Created, NewTenant, Page, Reach, StoreError, TenantUpdate, check_allow_rules, check_model, check_name,
    check_policy_size, check_schema_name, check_targets,
};
use crate::tenant::{ScanLevel, ScanMode, Slug, Tenant, TenantPolicy, TenantStatus, TenantTarget};

/// A tenant to be made.
#[derive(Debug)]
pub struct CreateTenant {
    pub name: String,
    /// Made of the name where it is left out, or drawn where the name has no letters for one.
    pub slug: Option<Slug>,
    /// The database schema of an app's own data; made of the slug where it is left out.
    pub db_schema_name: Option<String>,
    pub policy: TenantPolicy,
}

/// What changes in a tenant; `None` leaves a part as it is.
#[derive(Clone, Debug, Default)]
pub struct ChangeTenant {
    pub name: Option<String>,
    /// `Some(None)` for what the config says.
    pub scan_mode: Option<Option<ScanMode>>,
    /// `Some(None)` for what the config says.
    pub scan_level: Option<Option<ScanLevel>>,
    /// The rules that are not applied from now on, beside the config's.
    pub allow_rules: Option<Vec<String>>,
    /// The ceiling; `Some(None)` takes it away.
    pub scopes: Option<Option<Scopes>>,
    pub models: Option<Models>,
    /// What each name stands for from now on; `None` for what the config says. Other names stay as they are.
    pub targets: BTreeMap<String, Option<Vec<TenantTarget>>>,
    pub hedging: Option<bool>,
    pub status: Option<TenantStatus>,
}

impl Manage {
    pub async fn create_tenant(
        &self,
        who: &Authority,
        new: CreateTenant,
        once: Option<Idempotency>,
    ) -> Result<Made<Arc<Tenant>>, ManageError> {
        who.needs_operator()?;
        check("name", check_name(&new.name))?;
        new.db_schema_name.iter().try_for_each(|schema| check("db_schema_name", check_schema_name(schema)))?;
        check_models(&new.policy.models)?;
        check("allow_rules", check_allow_rules(&new.policy.allow_rules))?;
        for (name, targets) in &new.policy.targets {
            self.check_targets(name, Some(targets))?;
        }
        check_size(&new.policy)?;
        let slug = match new.slug {
            Some(slug) => slug,
            None => Slug::from_name(&new.name).or_else(|_| drawn_slug())?,
        };
        let new = NewTenant::new(new.name, slug, new.db_schema_name, new.policy)
            .map_err(|error| ManageError::invalid("slug", error))?;
        let created = match self.store.create_tenant(new.clone(), once.map(|once| once.once(who))).await {
            // One that an earlier attempt left half made is finished.
            Err(error @ StoreError::Conflict(_)) => Created::New(self.half_made(&new).await?.ok_or(error)?),
            created => created?,
        };
        let Made { made, repeated } = Made::from(created);
        let made = self.provision(who, made).await?;
        if !repeated {
            self.announce(who, "tenant created", made.id.as_str()).await;
        }
        Ok(Made { made, repeated })
    }

    fn check_targets(&self, name: &str, targets: Option<&[TenantTarget]>) -> Result<(), ManageError> {
        let Some(targets) = targets else { return check("targets", check_model(name)) };
        check("targets", check_targets(name, targets))?;
        targets.iter().try_for_each(|target| self.providers.check_upstream("targets", &target.upstream))
    }

    /// The tenant that the same request left waiting, and no other of the slug.
    async fn half_made(&self, new: &NewTenant) -> Result<Option<Arc<Tenant>>, ManageError> {
        let same = |tenant: &Arc<Tenant>| tenant.status == TenantStatus::PendingProvisioning && new.describes(tenant);
        match self.store.tenant(&Reach::Platform, new.slug().as_str()).await {
            Err(StoreError::NotFound(_)) => Ok(None),
            found => Ok(Some(found?).filter(same)),
        }
    }

    /// Finishes a tenant that waits for what its data lives in; any other stays as it is.
    async fn provision(&self, who: &Authority, tenant: Arc<Tenant>) -> Result<Arc<Tenant>, ManageError> {
        if tenant.status != TenantStatus::PendingProvisioning {
            return Ok(tenant);
        }
        let provisioned = self.store.provision_tenant(&tenant.id).await?;
        self.announce(who, "tenant provisioned", provisioned.id.as_str()).await;
        Ok(provisioned)
    }

    /// In the order in which they were made, the deleted among them; one's own alone for a principal.
    pub async fn list_tenants(&self, who: &Authority, page: Page) -> Result<Listed<Arc<Tenant>>, ManageError> {
        let limit = page.limit;
        let found = self.store.list_tenants(&who.reach(), with_one_more(page)).await?;
        Ok(Listed::cut(found, limit, |tenant| tenant.id.as_str()))
    }

    /// By id or slug.
    pub async fn tenant(&self, who: &Authority, name: &str) -> Result<Arc<Tenant>, ManageError> {
        who.needs_to_be_named(name)?;
        Ok(self.store.tenant(&who.reach(), name).await?)
    }

    /// Removes for good what a deleted tenant has: keys, users, sessions, and its schema with all that is in it. The
    /// tenant's row stays, and keeps its slug from newcomers.
    pub async fn purge_tenant(&self, who: &Authority, name: &str) -> Result<Arc<Tenant>, ManageError> {
        who.needs_operator()?;
        let tenant = self.store.tenant(&Reach::Platform, name).await?;
        self.store.purge_tenant(&tenant.id).await?;
        self.announce(who, "tenant purged", tenant.id.as_str()).await;
        Ok(tenant)
    }

    /// Changes what is named, where the tenant still is at `expected`; without it, over whatever is there.
    pub async fn update_tenant(
        &self,
        who: &Authority,
        name: &str,
        change: ChangeTenant,
        expected: Option<u64>,
    ) -> Result<Arc<Tenant>, ManageError> {
        who.needs_operator()?;
        change.name.iter().try_for_each(|name| check("name", check_name(name)))?;
        change.models.iter().try_for_each(check_models)?;
        change.allow_rules.iter().try_for_each(|rules| check("allow_rules", check_allow_rules(rules)))?;
        for (name, targets) in &change.targets {
            self.check_targets(name, targets.as_deref())?;
        }
        let tenant = self.store.tenant(&Reach::Platform, name).await?;
        if change.status == Some(TenantStatus::Active) {
            self.provision(who, tenant).await?;
        }
        let tenant = self.change_tenant(name, |tenant| Ok(change.update(tenant)), expected).await?;
        self.announce(who, "tenant updated", tenant.id.as_str()).await;
        Ok(tenant)
    }

    /// Where the tenant still is at `expected`; without it, over whatever others did meanwhile.
    pub(super) async fn change_tenant(
        &self,
        name: &str,
        change: impl Fn(&Tenant) -> Result<TenantUpdate, ManageError>,
        expected: Option<u64>,
    ) -> Result<Arc<Tenant>, ManageError> {
        over_others(expected, || self.try_change_tenant(name, &change, expected)).await
    }

    /// The policy is one value in the store, so a part of it is changed in the version that was read.
    async fn try_change_tenant(
        &self,
        name: &str,
        change: &impl Fn(&Tenant) -> Result<TenantUpdate, ManageError>,
        expected: Option<u64>,
    ) -> Result<Arc<Tenant>, ManageError> {
        let current = self.store.tenant(&Reach::Platform, name).await?;
        let update = change(&current)?;
        update.policy.iter().try_for_each(check_size)?;
        let version = expected.unwrap_or(current.version);
        Ok(self.store.update_tenant(current.id.as_str(), update, Some(version)).await?)
    }
}

impl ChangeTenant {
    fn update(&self, tenant: &Tenant) -> TenantUpdate {
        let mut policy = tenant.policy.clone();
        if let Some(mode) = self.scan_mode {
            policy.scan_mode = mode;
        }
        if let Some(level) = self.scan_level {
            policy.scan_level = level;
        }
        if let Some(rules) = &self.allow_rules {
            policy.allow_rules = rules.clone();
        }
        if let Some(scopes) = &self.scopes {
            policy.scopes = scopes.clone();
        }
        if let Some(models) = &self.models {
            policy.models = models.clone();
        }
        if let Some(hedging) = self.hedging {
            policy.hedging = hedging;
        }
        for (name, targets) in &self.targets {
            match targets {
                Some(targets) => drop(policy.targets.insert(name.clone(), targets.clone())),
                None => drop(policy.targets.remove(name)),
            }
        }
        TenantUpdate { name: self.name.clone(), policy: Some(policy), status: self.status }
    }
}

/// For a name without a letter that a slug could have.
fn drawn_slug() -> Result<Slug, ManageError> {
    let drawn = uuid::Uuid::now_v7().simple().to_string();
    Slug::parse(&format!("tenant-{}", &drawn[drawn.len() - DRAWN_DIGITS..]))
        .map_err(|error| ManageError::invalid("slug", error))
}

/// The last digits of an id are its random ones: 48 bits of them.
const DRAWN_DIGITS: usize = 12;

pub(super) fn check(field: &'static str, checked: Result<(), &'static str>) -> Result<(), ManageError> {
    checked.map_err(|problem| ManageError::invalid(field, problem))
}

/// How much it may be altogether is a matter of what is there already.
fn check_size(policy: &TenantPolicy) -> Result<(), ManageError> {
    check_policy_size(policy).map_err(|problem| ManageError::Conflict(problem.to_owned()))
}

pub(super) fn check_models(models: &Models) -> Result<(), ManageError> {
    models.names().iter().try_for_each(|model| check("models", check_model(model)))
}
