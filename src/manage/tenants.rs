//! Tenants: who may send requests at all, and what each has.

use std::sync::Arc;

use super::{Authority, Idempotency, Listed, Made, Manage, ManageError, over_others, with_one_more};
use crate::scopes::{Models, Scopes};
use crate::store::{NewTenant, Page, TenantUpdate, check_model, check_name, check_schema_name};
use crate::tenant::{ScanMode, Slug, Tenant, TenantPolicy, TenantStatus};

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
    /// The ceiling; `Some(None)` takes it away.
    pub scopes: Option<Option<Scopes>>,
    pub models: Option<Models>,
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
        let slug = match new.slug {
            Some(slug) => slug,
            None => Slug::from_name(&new.name).or_else(|_| drawn_slug())?,
        };
        let new = NewTenant::new(new.name, slug, new.db_schema_name, new.policy)
            .map_err(|error| ManageError::invalid("slug", error))?;
        let created = self.store.create_tenant(new, once.map(|once| once.once(who))).await?;
        let made = Made::from(created);
        if !made.repeated {
            self.announce(who, "tenant created", made.made.id.as_str()).await;
        }
        Ok(made)
    }

    /// In the order in which they were made, the deleted among them; one's own alone for a principal.
    pub async fn list_tenants(&self, who: &Authority, page: Page) -> Result<Listed<Arc<Tenant>>, ManageError> {
        if let Some(own) = who.tenant() {
            return Ok(Listed { items: vec![self.store.tenant(own.as_str()).await?], next: None });
        }
        let limit = page.limit;
        let found = self.store.list_tenants(with_one_more(page)).await?;
        Ok(Listed::cut(found, limit, |tenant| tenant.id.as_str()))
    }

    /// By id or slug.
    pub async fn tenant(&self, who: &Authority, name: &str) -> Result<Arc<Tenant>, ManageError> {
        who.needs_to_be_named(name)?;
        Ok(self.store.tenant(name).await?)
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
        let tenant = over_others(expected, || self.try_update_tenant(name, &change, expected)).await?;
        self.announce(who, "tenant updated", tenant.id.as_str()).await;
        Ok(tenant)
    }

    /// The policy is one value in the store, so a part of it is changed in the version that was read.
    async fn try_update_tenant(
        &self,
        name: &str,
        change: &ChangeTenant,
        expected: Option<u64>,
    ) -> Result<Arc<Tenant>, ManageError> {
        let current = self.store.tenant(name).await?;
        let mut policy = current.policy.clone();
        if let Some(mode) = change.scan_mode {
            policy.scan_mode = mode;
        }
        if let Some(scopes) = &change.scopes {
            policy.scopes = scopes.clone();
        }
        if let Some(models) = &change.models {
            policy.models = models.clone();
        }
        let update = TenantUpdate { name: change.name.clone(), policy: Some(policy), status: change.status };
        let version = expected.unwrap_or(current.version);
        Ok(self.store.update_tenant(current.id.as_str(), update, Some(version)).await?)
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

pub(super) fn check_models(models: &Models) -> Result<(), ManageError> {
    models.names().iter().try_for_each(|model| check("models", check_model(model)))
}
