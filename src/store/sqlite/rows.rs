//! Rows into records. A row that does not parse is told by table, id and column, and none of it is used.

use std::sync::Arc;

use rusqlite::Row;
use rusqlite::types::FromSql;

use crate::clock::{Expiry, Timestamp};
use crate::principal::PrincipalId;
use crate::scopes::{Models, Scopes};
use crate::store::{Change, ChangeKind, KeyRecord, StoreError, check_schema_name};
use crate::tenant::{Slug, Tenant, TenantId, TenantStatus};

/// A query of whole tenants: the rest of it after FROM, where the tenant is `t`.
macro_rules! select_tenants {
    ($rest:literal) => {
        concat!(
            "SELECT t.id AS tenant_id, t.slug AS slug, t.name AS tenant_name, t.db_schema_name AS db_schema_name, ",
            "t.status AS status, t.policy AS policy, t.created_at AS tenant_created_at FROM tenants t ",
            $rest
        )
    };
}

/// A query of whole keys, each with its tenant: the rest of it after FROM, where the key is `k` and its tenant `t`.
macro_rules! select_keys {
    ($rest:literal) => {
        concat!(
            "SELECT t.id AS tenant_id, t.slug AS slug, t.name AS tenant_name, t.db_schema_name AS db_schema_name, ",
            "t.status AS status, t.policy AS policy, t.created_at AS tenant_created_at, ",
            "k.id AS key_id, k.key_prefix AS key_prefix, k.hashed_key AS hashed_key, k.name AS key_name, ",
            "k.scopes AS scopes, k.models AS models, k.expires_at AS expires_at, k.revoked_at AS revoked_at, ",
            "k.last_used_at AS last_used_at, k.created_at AS key_created_at ",
            "FROM api_keys k JOIN tenants t ON t.id = k.tenant_id ",
            $rest
        )
    };
}

pub(super) use {select_keys, select_tenants};

/// A row of `select_tenants!` or `select_keys!`.
pub(super) fn read_tenant(row: &Row<'_>) -> Result<Tenant, StoreError> {
    let cells = Cells::of(row, "tenants", "tenant_id")?;
    Ok(Tenant {
        id: cells.parsed("tenant_id", |text| TenantId::parse(text).ok())?,
        slug: cells.parsed("slug", |text| Slug::parse(text).ok())?,
        name: cells.get("tenant_name")?,
        db_schema_name: cells.schema_name()?,
        status: cells.parsed("status", TenantStatus::parse)?,
        policy: cells.parsed("policy", |text| serde_json::from_str(text).ok())?,
        created_at: Timestamp(cells.get("tenant_created_at")?),
    })
}

/// A row of `select_keys!`.
pub(super) fn read_key(row: &Row<'_>) -> Result<KeyRecord, StoreError> {
    let cells = Cells::of(row, "api_keys", "key_id")?;
    // The id goes into a header as the principal's.
    cells.parsed("key_id", |text| PrincipalId::parse(text).ok())?;
    Ok(KeyRecord {
        tenant: Arc::new(read_tenant(row)?),
        public_id: cells.get("key_prefix")?,
        hashed_key: cells.get("hashed_key")?,
        name: cells.get("key_name")?,
        scopes: cells.parsed("scopes", |text| Scopes::new(list(text)?).ok())?,
        models: cells.parsed("models", |text| list(text).map(Models::from_list))?,
        expiry: cells.time("expires_at")?.map_or(Expiry::Never, Expiry::At),
        revoked_at: cells.time("revoked_at")?,
        last_used_at: cells.time("last_used_at")?,
        created_at: Timestamp(cells.get("key_created_at")?),
        id: cells.id,
    })
}

pub(super) fn read_change(row: &Row<'_>) -> Result<Change, StoreError> {
    let cells = Cells::of(row, "changes", "id")?;
    let kind = cells.parsed("kind", |text| match text {
        "tenant" => Some(ChangeKind::Tenant),
        "key" => Some(ChangeKind::Key),
        _ => None,
    })?;
    let seq = cells.get::<i64>("seq")?;
    Ok(Change { seq: u64::try_from(seq).map_err(|_| cells.corrupt("seq"))?, kind, id: cells.id })
}

/// A JSON array of strings.
fn list(text: &str) -> Option<Vec<String>> {
    serde_json::from_str(text).ok()
}

/// A row whose id is known, so that each complaint about it can name it.
struct Cells<'a> {
    row: &'a Row<'a>,
    table: &'static str,
    id: String,
}

impl<'a> Cells<'a> {
    fn of(row: &'a Row<'a>, table: &'static str, id: &'static str) -> Result<Cells<'a>, StoreError> {
        let unnamed = Cells { row, table, id: String::new() };
        Ok(Cells { id: unnamed.get(id)?, ..unnamed })
    }

    fn get<T: FromSql>(&self, column: &'static str) -> Result<T, StoreError> {
        self.row.get(column).map_err(|_| self.corrupt(column))
    }

    fn parsed<T>(&self, column: &'static str, parse: impl FnOnce(&str) -> Option<T>) -> Result<T, StoreError> {
        let text: String = self.get(column)?;
        parse(&text).ok_or_else(|| self.corrupt(column))
    }

    fn time(&self, column: &'static str) -> Result<Option<Timestamp>, StoreError> {
        Ok(self.get::<Option<i64>>(column)?.map(Timestamp))
    }

    fn schema_name(&self) -> Result<Option<String>, StoreError> {
        let name: Option<String> = self.get("db_schema_name")?;
        match name {
            Some(name) if check_schema_name(&name).is_err() => Err(self.corrupt("db_schema_name")),
            name => Ok(name),
        }
    }

    fn corrupt(&self, column: &'static str) -> StoreError {
        StoreError::Corrupt { table: self.table, id: self.id.clone(), column }
    }
}
