//! Tenants as they are named, made and changed.

use uuid::Uuid;

use super::policy::check_policy;
use super::{SCHEMA_NAME_MAX, StoreError, check_name, check_schema_name, differs};
use crate::tenant::{Slug, Tenant, TenantId, TenantPolicy, TenantStatus};

/// The two names of a tenant.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum TenantRef {
    Id(TenantId),
    Slug(Slug),
}

/// A tenant to be made; it begins by waiting for what its data lives in. Only `NewTenant::new` makes one, so that its parts are fit to be stored.
#[derive(Clone, Debug)]
pub struct NewTenant {
    pub(in crate::store) slug: Slug,
    pub(in crate::store) name: String,
    pub(in crate::store) db_schema_name: String,
    pub(in crate::store) policy: TenantPolicy,
}

impl NewTenant {
    /// Without a schema name the tenant's is made of the slug: `acme-2` keeps its data in `tenant_acme_2`.
    pub fn new(
        name: String,
        slug: Slug,
        db_schema_name: Option<String>,
        policy: TenantPolicy,
    ) -> Result<NewTenant, StoreError> {
        check_name(&name).map_err(StoreError::Invalid)?;
        check_policy(&policy).map_err(StoreError::Invalid)?;
        // Wherever a tenant is named by id or slug, such a slug could pass for another tenant's id.
        if Uuid::try_parse(slug.as_str()).is_ok() {
            return Err(StoreError::Invalid("a tenant slug must not have the form of a tenant id"));
        }
        let db_schema_name = db_schema_name.unwrap_or_else(|| default_schema_name(&slug));
        check_schema_name(&db_schema_name).map_err(StoreError::Invalid)?;
        Ok(NewTenant { slug, name, db_schema_name, policy })
    }

    /// Whether an earlier request for just this made the tenant.
    pub fn describes(&self, tenant: &Tenant) -> bool {
        let NewTenant { slug, name, db_schema_name, policy } = self;
        tenant.slug == *slug
            && tenant.name == *name
            && tenant.db_schema_name.as_ref() == Some(db_schema_name)
            && tenant.policy == *policy
    }

    pub fn slug(&self) -> &Slug {
        &self.slug
    }
}

/// Postgres cuts identifiers at 63 bytes, so the name is cut here, where it can be seen.
fn default_schema_name(slug: &Slug) -> String {
    let mut name = format!("tenant_{}", slug.as_str().replace('-', "_"));
    name.truncate(SCHEMA_NAME_MAX);
    name
}

/// What changes in a tenant; `None` leaves a part as it is.
#[derive(Clone, Debug, Default)]
pub struct TenantUpdate {
    pub name: Option<String>,
    pub policy: Option<TenantPolicy>,
    pub status: Option<TenantStatus>,
}

impl TenantUpdate {
    pub(in crate::store) fn check(&self) -> Result<(), StoreError> {
        self.name.as_deref().map_or(Ok(()), check_name).map_err(StoreError::Invalid)?;
        self.policy.as_ref().map_or(Ok(()), check_policy).map_err(StoreError::Invalid)
    }

    pub(in crate::store) fn changes(&self, tenant: &Tenant) -> bool {
        differs(&self.name, &tenant.name)
            || differs(&self.policy, &tenant.policy)
            || differs(&self.status, &tenant.status)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn new_tenant(name: &str, slug: &str, schema: Option<&str>) -> Result<NewTenant, StoreError> {
        let slug = Slug::parse(slug).unwrap();
        NewTenant::new(name.to_owned(), slug, schema.map(str::to_owned), TenantPolicy::default())
    }

    #[test]
    fn schema_name_is_made_of_the_slug_and_fits_an_identifier() {
        assert_eq!(new_tenant("Acme", "acme-2", None).unwrap().db_schema_name, "tenant_acme_2");
        assert_eq!(new_tenant("Acme", &"a".repeat(63), None).unwrap().db_schema_name.len(), 63);
        assert_eq!(new_tenant("Acme", "acme", Some("acme_data")).unwrap().db_schema_name, "acme_data");
    }

    #[test]
    fn schema_name_that_would_need_quotes_is_refused() {
        for wrong in ["", "1a", "A", "a-b", "a;drop table tenants", "a\"", &"a".repeat(64)] {
            assert!(matches!(new_tenant("Acme", "acme", Some(wrong)), Err(StoreError::Invalid(_))), "{wrong:?}");
        }
    }

    #[test]
    fn names_are_text_of_one_line() {
        assert!(new_tenant("Größe & Söhne 株式会社", "g", None).is_ok());
        for wrong in ["", "a\nb", "a\u{1b}[2J", " a", &"x".repeat(201)] {
            assert!(new_tenant(wrong, "g", None).is_err(), "{wrong:?}");
        }
        assert!(new_tenant(&"ü".repeat(200), "g", None).is_ok());
    }

    #[test]
    fn slug_that_could_pass_for_a_tenant_id_is_refused() {
        assert!(new_tenant("Acme", "0197b2f0-9a7e-7cc3-8b5e-0242ac120002", None).is_err());
        assert!(new_tenant("Acme", "0197b2f0-9a7e", None).is_ok());
    }
}
