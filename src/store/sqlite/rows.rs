//! Rows into records. A row that does not parse is told by table, id and column, and none of it is used.

use std::sync::Arc;

use rusqlite::types::FromSql;
use rusqlite::{Connection, Params, Row};

use super::engine;
use crate::clock::{Expiry, Timestamp};
use crate::principal::PrincipalId;
use crate::scopes::{Models, Scopes};
use crate::store::{Change, ChangeKind, Email, KeyRecord, StoreError, UserRecord, UserStatus, check_schema_name};
use crate::tenant::{Slug, Tenant, TenantId, TenantStatus};

macro_rules! tenant_columns {
    () => {
        "t.id AS tenant_id, t.slug AS slug, t.name AS tenant_name, t.db_schema_name AS db_schema_name, \
         t.status AS status, t.policy AS policy, t.created_at AS tenant_created_at, \
         t.version AS tenant_version"
    };
}

/// A query of whole tenants: the rest of it after FROM, where the tenant is `t`.
macro_rules! select_tenants {
    ($rest:literal) => {
        concat!("SELECT ", tenant_columns!(), " FROM tenants t ", $rest)
    };
}

/// A query of whole keys, each with its tenant: the rest of it after FROM, where the key is `k` and its tenant `t`.
macro_rules! select_keys {
    ($rest:literal) => {
        concat!(
            "SELECT ",
            tenant_columns!(),
            ", k.id AS key_id, k.key_prefix AS key_prefix, k.hashed_key AS hashed_key, k.name AS key_name, \
             k.scopes AS scopes, k.models AS models, k.expires_at AS expires_at, k.revoked_at AS revoked_at, \
             k.last_used_at AS last_used_at, k.last_used_from AS last_used_from, k.created_at AS key_created_at, \
             k.created_by AS created_by, k.canary AS canary, k.version AS key_version \
             FROM api_keys k JOIN tenants t ON t.id = k.tenant_id ",
            $rest
        )
    };
}

/// A query of whole users, each with its tenant: the rest of it after FROM, where the user is `u` and its tenant `t`.
macro_rules! select_users {
    ($rest:literal) => {
        concat!(
            "SELECT ",
            tenant_columns!(),
            ", u.id AS user_id, u.email AS email, u.name AS user_name, u.hashed_password AS hashed_password, \
             u.scopes AS scopes, u.status AS user_status, u.created_at AS user_created_at, \
             u.last_login_at AS last_login_at, u.version AS user_version \
             FROM users u JOIN tenants t ON t.id = u.tenant_id ",
            $rest
        )
    };
}

pub(super) use {select_keys, select_tenants, select_users, tenant_columns};

/// Every row of a query, each parsed.
pub(super) fn read_all<T>(
    connection: &Connection,
    sql: &str,
    parameters: impl Params,
    read: impl Fn(&Row<'_>) -> Result<T, StoreError>,
) -> Result<Vec<T>, StoreError> {
    let mut query = connection.prepare_cached(sql).map_err(engine)?;
    let mut rows = query.query(parameters).map_err(engine)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next().map_err(engine)? {
        found.push(read(row)?);
    }
    Ok(found)
}

/// A row of any of the queries above.
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
        version: cells.count("tenant_version")?,
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
        last_used_from: cells.get("last_used_from")?,
        created_at: Timestamp(cells.get("key_created_at")?),
        created_by: cells.get("created_by")?,
        canary: cells.get("canary")?,
        version: cells.count("key_version")?,
        id: cells.id,
    })
}

/// A row of `select_users!`.
pub(super) fn read_user(row: &Row<'_>) -> Result<UserRecord, StoreError> {
    let cells = Cells::of(row, "users", "user_id")?;
    // The id goes into a header as the principal's.
    cells.parsed("user_id", |text| PrincipalId::parse(text).ok())?;
    Ok(UserRecord {
        tenant: Arc::new(read_tenant(row)?),
        email: cells.parsed("email", |text| Email::parse(text).ok())?,
        name: cells.get("user_name")?,
        hashed_password: cells.get("hashed_password")?,
        scopes: cells.parsed("scopes", |text| Scopes::new(list(text)?).ok())?,
        status: cells.parsed("user_status", UserStatus::parse)?,
        created_at: Timestamp(cells.get("user_created_at")?),
        last_login_at: cells.time("last_login_at")?,
        version: cells.count("user_version")?,
        id: cells.id,
    })
}

pub(super) fn read_change(row: &Row<'_>) -> Result<Change, StoreError> {
    let cells = Cells::of(row, "changes", "id")?;
    let kind = cells.parsed("kind", ChangeKind::parse)?;
    Ok(Change { seq: cells.count("seq")?, kind, id: cells.id })
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

    fn count(&self, column: &'static str) -> Result<u64, StoreError> {
        u64::try_from(self.get::<i64>(column)?).map_err(|_| self.corrupt(column))
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
