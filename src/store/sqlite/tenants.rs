//! Tenants made, listed and changed. Each change answers with the record as it then stands.

use std::sync::Arc;

use rusqlite::{Connection, Transaction, params};

use super::change::{check_version, create, insert, json, run};
use super::paging::{Span, span};
use super::rows::{read_all, read_tenant, select_tenants, tenant_columns};
use super::{Sqlite, find_tenant};
use crate::clock::Timestamp;
use crate::store::{Created, NewTenant, Once, Page, StoreError, TenantRef, TenantUpdate};
use crate::tenant::{Slug, Tenant, TenantId, TenantStatus};

impl Sqlite {
    pub async fn create_tenant(&self, new: NewTenant, once: Option<Once>) -> Result<Created<Arc<Tenant>>, StoreError> {
        self.change(move |transaction| {
            let find = |id: &str| tenant_named(transaction, id);
            create(transaction, "tenant", once.as_ref(), find, |id| insert_tenant(transaction, id, &new))
        })
        .await
    }

    /// Tenants, the deleted among them, oldest first.
    pub async fn list_tenants(&self, page: Page) -> Result<Vec<Arc<Tenant>>, StoreError> {
        self.read(move |connection| {
            let Span { after_at, after_id, limit } = span(connection, CURSOR, page, None)?;
            read_all(connection, LIST, params![after_at, after_id, limit], |row| read_tenant(row).map(Arc::new))
        })
        .await
    }

    /// The tenant of this id or, where no id is that, of this slug.
    pub async fn tenant(&self, id_or_slug: &str) -> Result<Arc<Tenant>, StoreError> {
        let name = id_or_slug.to_owned();
        self.read(move |connection| tenant_named(connection, &name)).await
    }

    /// A deleted tenant stays deleted and as it is. `expected` is the version that the caller knows; what changes
    /// nothing leaves it as it is.
    pub async fn update_tenant(
        &self,
        id_or_slug: &str,
        update: TenantUpdate,
        expected: Option<u64>,
    ) -> Result<Arc<Tenant>, StoreError> {
        update.check()?;
        let name = id_or_slug.to_owned();
        self.change(move |transaction| {
            let tenant = tenant_named(transaction, &name)?;
            check_version(tenant.version, expected)?;
            if !update.changes(&tenant) {
                return Ok(tenant);
            }
            refuse_deleted(&tenant)?;
            let policy = update.policy.as_ref().map(json).transpose()?;
            let status = update.status.map(TenantStatus::as_str);
            run(transaction, UPDATE, params![tenant.id.as_str(), update.name, policy, status])?;
            tenant_named(transaction, tenant.id.as_str())
        })
        .await
    }
}

pub(super) fn tenant_named(connection: &Connection, name: &str) -> Result<Arc<Tenant>, StoreError> {
    let by_id = TenantId::parse(name).ok().map(TenantRef::Id);
    let by_slug = Slug::parse(name).ok().map(TenantRef::Slug);
    for reference in [by_id, by_slug].into_iter().flatten() {
        if let Some(tenant) = find_tenant(connection, &reference)? {
            return Ok(tenant);
        }
    }
    Err(StoreError::NotFound("tenant"))
}

/// The tenant that something new is made for.
pub(super) fn heir(transaction: &Transaction<'_>, id: &TenantId) -> Result<Arc<Tenant>, StoreError> {
    let tenant = find_tenant(transaction, &TenantRef::Id(id.clone()))?.ok_or(StoreError::NotFound("tenant"))?;
    refuse_deleted(&tenant)?;
    Ok(tenant)
}

fn insert_tenant(transaction: &Transaction<'_>, id: &str, new: &NewTenant) -> Result<Arc<Tenant>, StoreError> {
    let (slug, policy) = (new.slug.as_str(), json(&new.policy)?);
    let row = params![id, slug, new.name, new.db_schema_name, policy, Timestamp::now().0];
    insert(transaction, INSERT, row, || format!("the tenant slug `{slug}` is taken"))?;
    tenant_named(transaction, id)
}

fn refuse_deleted(tenant: &Tenant) -> Result<(), StoreError> {
    if tenant.status == TenantStatus::Deleted {
        return Err(StoreError::Conflict(format!("the tenant `{}` is deleted, and stays so", tenant.slug)));
    }
    Ok(())
}

const INSERT: &str = "INSERT INTO tenants (id, slug, name, db_schema_name, status, policy, created_at) \
     VALUES (?1, ?2, ?3, ?4, 'active', ?5, ?6)";
const CURSOR: &str = "SELECT created_at FROM tenants WHERE id = ?1 AND ?2 IS NULL";
pub(super) const LIST: &str =
    select_tenants!("WHERE (t.created_at, t.id) > (?1, ?2) ORDER BY t.created_at, t.id LIMIT ?3");
const UPDATE: &str = "UPDATE tenants SET name = coalesce(?2, name), policy = coalesce(?3, policy), \
     status = coalesce(?4, status), version = version + 1 WHERE id = ?1";
