//! Rows into records, whatever the engine. A row that does not parse is told by table, id and column, and none of it is
//! used.

use std::sync::Arc;
use std::time::Duration;

use super::rules::Refresh;
use super::{Change, ChangeKind, Email, KeyRecord, StoreError, UserRecord, UserStatus, check_schema_name};
use crate::clock::{Expiry, Timestamp};
use crate::principal::PrincipalId;
use crate::scopes::{Models, Scopes};
use crate::tenant::{Slug, Tenant, TenantId, TenantPolicy, TenantStatus};

/// A cell holds something else than its column says, or is not there.
pub(super) struct Unreadable;

/// A row as an engine gives it, by the names of its columns.
pub(super) trait Row {
    fn optional_text(&self, column: &'static str) -> Result<Option<String>, Unreadable>;
    fn optional_time(&self, column: &'static str) -> Result<Option<Timestamp>, Unreadable>;
    fn integer(&self, column: &'static str) -> Result<i64, Unreadable>;
    fn flag(&self, column: &'static str) -> Result<bool, Unreadable>;
    fn seconds(&self, column: &'static str) -> Result<f64, Unreadable>;
    fn list(&self, column: &'static str) -> Result<Vec<String>, Unreadable>;
    /// A JSON document, as text.
    fn document(&self, column: &'static str) -> Result<String, Unreadable>;
}

macro_rules! tenant_columns {
    () => {
        "t.id AS tenant_id, t.slug AS slug, t.name AS tenant_name, t.db_schema_name AS db_schema_name, \
         t.status AS status, t.policy AS policy, t.epoch AS epoch, t.created_at AS tenant_created_at, \
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
            ", k.id AS key_id, k.key_prefix AS key_prefix, k.hashed_key AS hashed_key, k.verifier AS verifier, k.name AS key_name, \
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

/// What a row of a query becomes.
pub(super) trait Record: Sized {
    fn read<R: Row>(row: &R) -> Result<Self, StoreError>;
}

/// A row of any of the queries above.
impl Record for Tenant {
    fn read<R: Row>(row: &R) -> Result<Tenant, StoreError> {
        let cells = Cells::of(row, "tenants", "tenant_id")?;
        Ok(Tenant {
            id: cells.parsed("tenant_id", |text| TenantId::parse(text).ok())?,
            slug: cells.parsed("slug", |text| Slug::parse(text).ok())?,
            name: cells.text("tenant_name")?,
            db_schema_name: cells.schema_name()?,
            status: cells.parsed("status", TenantStatus::parse)?,
            policy: cells.policy()?,
            created_at: cells.time("tenant_created_at")?,
            epoch: cells.count("epoch")?,
            version: cells.count("tenant_version")?,
        })
    }
}

/// A row of `select_keys!`.
impl Record for KeyRecord {
    fn read<R: Row>(row: &R) -> Result<KeyRecord, StoreError> {
        let cells = Cells::of(row, "api_keys", "key_id")?;
        // The id goes into a header as the principal's.
        cells.parsed("key_id", |text| PrincipalId::parse(text).ok())?;
        Ok(KeyRecord {
            tenant: Arc::new(Tenant::read(row)?),
            public_id: cells.text("key_prefix")?,
            hashed_key: cells.text("hashed_key")?,
            verifier: cells.optional_text("verifier")?,
            name: cells.text("key_name")?,
            scopes: cells.scopes()?,
            models: Models::from_list(cells.list("models")?),
            expiry: cells.optional_time("expires_at")?.map_or(Expiry::Never, Expiry::At),
            revoked_at: cells.optional_time("revoked_at")?,
            last_used_at: cells.optional_time("last_used_at")?,
            last_used_from: cells.optional_text("last_used_from")?,
            created_at: cells.time("key_created_at")?,
            created_by: cells.text("created_by")?,
            canary: cells.flag("canary")?,
            version: cells.count("key_version")?,
            id: cells.id,
        })
    }
}

/// A row of `select_users!`.
impl Record for UserRecord {
    fn read<R: Row>(row: &R) -> Result<UserRecord, StoreError> {
        let cells = Cells::of(row, "users", "user_id")?;
        // The id goes into a header as the principal's.
        cells.parsed("user_id", |text| PrincipalId::parse(text).ok())?;
        Ok(UserRecord {
            tenant: Arc::new(Tenant::read(row)?),
            email: cells.parsed("email", |text| Email::parse(text).ok())?,
            name: cells.text("user_name")?,
            hashed_password: cells.text("hashed_password")?,
            scopes: cells.scopes()?,
            status: cells.parsed("user_status", UserStatus::parse)?,
            created_at: cells.time("user_created_at")?,
            last_login_at: cells.optional_time("last_login_at")?,
            version: cells.count("user_version")?,
            id: cells.id,
        })
    }
}

/// A whole row of `refresh_tokens`.
impl Record for Refresh {
    fn read<R: Row>(row: &R) -> Result<Refresh, StoreError> {
        let cells = Cells::of(row, "refresh_tokens", "id")?;
        Ok(Refresh {
            family: cells.text("family")?,
            tenant: cells.text("tenant_id")?,
            user: cells.text("user_id")?,
            expires_at: cells.time("expires_at")?,
            used_at: cells.optional_time("used_at")?,
            successor: cells.optional_text("successor")?,
            revoked: cells.optional_time("revoked_at")?.is_some(),
            id: cells.id,
        })
    }
}

/// A row with the columns `seq`, `kind`, `id` and `age`, in seconds.
impl Record for Change {
    fn read<R: Row>(row: &R) -> Result<Change, StoreError> {
        let cells = Cells::of(row, "changes", "id")?;
        let kind = cells.parsed("kind", ChangeKind::parse)?;
        let age = row.seconds("age").map_err(|Unreadable| cells.corrupt("age"))?;
        // A clock that was set back gives no age.
        let age = Duration::try_from_secs_f64(age).unwrap_or_default();
        Ok(Change { seq: cells.count("seq")?, kind, age, id: cells.id })
    }
}

/// A row whose id is known, so that each complaint about it can name it.
struct Cells<'a, R> {
    row: &'a R,
    table: &'static str,
    id: String,
}

impl<'a, R: Row> Cells<'a, R> {
    fn of(row: &'a R, table: &'static str, id: &'static str) -> Result<Cells<'a, R>, StoreError> {
        let unnamed = Cells { row, table, id: String::new() };
        Ok(Cells { id: unnamed.text(id)?, ..unnamed })
    }

    fn text(&self, column: &'static str) -> Result<String, StoreError> {
        self.optional_text(column)?.ok_or_else(|| self.corrupt(column))
    }

    fn optional_text(&self, column: &'static str) -> Result<Option<String>, StoreError> {
        self.row.optional_text(column).map_err(|Unreadable| self.corrupt(column))
    }

    fn parsed<T>(&self, column: &'static str, parse: impl FnOnce(&str) -> Option<T>) -> Result<T, StoreError> {
        parse(&self.text(column)?).ok_or_else(|| self.corrupt(column))
    }

    fn time(&self, column: &'static str) -> Result<Timestamp, StoreError> {
        self.optional_time(column)?.ok_or_else(|| self.corrupt(column))
    }

    fn optional_time(&self, column: &'static str) -> Result<Option<Timestamp>, StoreError> {
        self.row.optional_time(column).map_err(|Unreadable| self.corrupt(column))
    }

    fn count(&self, column: &'static str) -> Result<u64, StoreError> {
        let number = self.row.integer(column).map_err(|Unreadable| self.corrupt(column))?;
        u64::try_from(number).map_err(|_| self.corrupt(column))
    }

    fn flag(&self, column: &'static str) -> Result<bool, StoreError> {
        self.row.flag(column).map_err(|Unreadable| self.corrupt(column))
    }

    fn list(&self, column: &'static str) -> Result<Vec<String>, StoreError> {
        self.row.list(column).map_err(|Unreadable| self.corrupt(column))
    }

    fn scopes(&self) -> Result<Scopes, StoreError> {
        Scopes::new(self.list("scopes")?).map_err(|_| self.corrupt("scopes"))
    }

    fn policy(&self) -> Result<TenantPolicy, StoreError> {
        let document = self.row.document("policy").map_err(|Unreadable| self.corrupt("policy"))?;
        serde_json::from_str(&document).map_err(|_| self.corrupt("policy"))
    }

    fn schema_name(&self) -> Result<Option<String>, StoreError> {
        match self.optional_text("db_schema_name")? {
            Some(name) if check_schema_name(&name).is_err() => Err(self.corrupt("db_schema_name")),
            name => Ok(name),
        }
    }

    fn corrupt(&self, column: &'static str) -> StoreError {
        StoreError::Corrupt { table: self.table, id: self.id.clone(), column }
    }
}
