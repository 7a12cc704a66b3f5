//! Tenants made, listed and changed. Each change answers with the record as it then stands.

use std::sync::Arc;

use async_trait::async_trait;
use rusqlite::{Connection, Transaction, params};

use super::change::{create, insert, json, run};
use super::paging::{Span, span};
use super::rows::read_all;
use super::{Sqlite, find_tenant};
use crate::clock::Timestamp;
use crate::store::rows::{select_tenants, tenant_columns};
use crate::store::{Created, NewTenant, Once, Page, Reach, StoreError, TenantRef, TenantUpdate, Tenants, rules};
use crate::tenant::{Slug, Tenant, TenantId, TenantStatus};

#[async_trait]
impl Tenants for Sqlite {
    async fn create_tenant(&self, new: NewTenant, once: Option<Once>) -> Result<Created<Arc<Tenant>>, StoreError> {
        self.change(move |transaction| {
            let find = |id: &str| tenant_named(transaction, &Reach::Platform, id);
            create(transaction, "tenant", once.as_ref(), find, |id| insert_tenant(transaction, id, &new))
        })
        .await
    }

    /// A file has no schemas: a tenant's data is an app's own affair here.
    async fn provision_tenant(&self, id: &TenantId) -> Result<Arc<Tenant>, StoreError> {
        let id = id.clone();
        self.change(move |transaction| {
            run(transaction, ACTIVATE, [id.as_str()])?;
            tenant_named(transaction, &Reach::Platform, id.as_str())
        })
        .await
    }

    async fn list_tenants(&self, reach: &Reach, page: Page) -> Result<Vec<Arc<Tenant>>, StoreError> {
        let reach = reach.clone();
        self.read(move |connection| {
            let Span { after_at, after_id, limit } = span(connection, CURSOR, page, &reach)?;
            let found: Vec<Tenant> = match reach.tenant().map(TenantId::as_str) {
                Some(tenant) => read_all(connection, LIST_ONE, params![after_at, after_id, limit, tenant]),
                None => read_all(connection, LIST, params![after_at, after_id, limit]),
            }?;
            Ok(found.into_iter().map(Arc::new).collect())
        })
        .await
    }

    async fn tenant(&self, reach: &Reach, id_or_slug: &str) -> Result<Arc<Tenant>, StoreError> {
        let (reach, name) = (reach.clone(), id_or_slug.to_owned());
        self.read(move |connection| tenant_named(connection, &reach, &name)).await
    }

    async fn update_tenant(
        &self,
        id_or_slug: &str,
        update: TenantUpdate,
        expected: Option<u64>,
    ) -> Result<Arc<Tenant>, StoreError> {
        update.check()?;
        let name = id_or_slug.to_owned();
        self.change(move |transaction| {
            let tenant = tenant_named(transaction, &Reach::Platform, &name)?;
            rules::check_version(tenant.version, expected)?;
            if !update.changes(&tenant) {
                return Ok(tenant);
            }
            rules::refuse_deleted(&tenant)?;
            rules::refuse_unprovisioned(&tenant, &update)?;
            let policy = update.policy.as_ref().map(json).transpose()?;
            let status = update.status.map(TenantStatus::as_str);
            run(transaction, UPDATE, params![tenant.id.as_str(), update.name, policy, status])?;
            tenant_named(transaction, &Reach::Platform, tenant.id.as_str())
        })
        .await
    }

    async fn purge_tenant(&self, id: &TenantId) -> Result<(), StoreError> {
        let id = id.clone();
        self.change(move |transaction| {
            let tenant = tenant_named(transaction, &Reach::Platform, id.as_str())?;
            rules::refuse_undeleted(&tenant)?;
            PURGE.iter().try_for_each(|sql| run(transaction, sql, [id.as_str()]).map(drop))
        })
        .await
    }
}

pub(super) fn tenant_named(connection: &Connection, reach: &Reach, name: &str) -> Result<Arc<Tenant>, StoreError> {
    let by_id = TenantId::parse(name).ok().map(TenantRef::Id);
    let by_slug = Slug::parse(name).ok().map(TenantRef::Slug);
    for reference in [by_id, by_slug].into_iter().flatten() {
        match find_tenant(connection, &reference)? {
            Some(tenant) if reach.covers(&tenant.id) => return Ok(tenant),
            _ => {}
        }
    }
    Err(StoreError::NotFound("tenant"))
}

/// The tenant that something new is made for.
pub(super) fn heir(transaction: &Transaction<'_>, id: &TenantId) -> Result<Arc<Tenant>, StoreError> {
    let tenant = find_tenant(transaction, &TenantRef::Id(id.clone()))?.ok_or(StoreError::NotFound("tenant"))?;
    rules::refuse_deleted(&tenant)?;
    Ok(tenant)
}

fn insert_tenant(transaction: &Transaction<'_>, id: &str, new: &NewTenant) -> Result<Arc<Tenant>, StoreError> {
    // Before the schema's name, which is made of the slug where nobody gave one.
    if find_tenant(transaction, &TenantRef::Slug(new.slug.clone()))?.is_some() {
        return Err(rules::slug_taken(&new.slug));
    }
    if read_all::<Tenant>(transaction, BY_SCHEMA, [&new.db_schema_name])?.pop().is_some() {
        return Err(rules::schema_taken(&new.db_schema_name));
    }
    let (slug, policy) = (new.slug.as_str(), json(&new.policy)?);
    let row = params![id, slug, new.name, new.db_schema_name, policy, Timestamp::now().0];
    insert(transaction, INSERT, row, || rules::slug_taken(&new.slug))?;
    tenant_named(transaction, &Reach::Platform, id)
}

const INSERT: &str = "INSERT INTO tenants (id, slug, name, db_schema_name, status, policy, created_at) \
     VALUES (?1, ?2, ?3, ?4, 'pending_provisioning', ?5, ?6)";
const BY_SCHEMA: &str = select_tenants!("WHERE t.db_schema_name = ?1");
const CURSOR: &str = "SELECT created_at FROM tenants WHERE id = ?1 AND (?2 IS NULL OR id = ?2)";
pub(super) const LIST: &str =
    select_tenants!("WHERE (t.created_at, t.id) > (?1, ?2) ORDER BY t.created_at, t.id LIMIT ?3");
pub(super) const LIST_ONE: &str =
    select_tenants!("WHERE (t.created_at, t.id) > (?1, ?2) AND t.id = ?4 ORDER BY t.created_at, t.id LIMIT ?3");
const ACTIVATE: &str = "UPDATE tenants SET status = 'active', version = version + 1 \
     WHERE id = ?1 AND status = 'pending_provisioning'";
/// What refers to others goes first.
const PURGE: [&str; 4] = [
    "DELETE FROM refresh_tokens WHERE tenant_id = ?1",
    "DELETE FROM users WHERE tenant_id = ?1",
    "DELETE FROM api_keys WHERE tenant_id = ?1",
    "UPDATE tenants SET db_schema_name = NULL, policy = json_remove(policy, '$.provider_keys'), version = version + 1 \
     WHERE id = ?1 AND (db_schema_name IS NOT NULL OR json_type(policy, '$.provider_keys') IS NOT NULL)",
];
const UPDATE: &str = "UPDATE tenants SET name = coalesce(?2, name), policy = coalesce(?3, policy), \
     status = coalesce(?4, status), version = version + 1 WHERE id = ?1";
