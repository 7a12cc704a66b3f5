//! What operators do: tenants and keys are made, listed, changed and ended.
//!
//! Every change is one transaction that holds the write lock from its start, so that what it checked is still so
//! when it writes. Each answers with the record as it then stands.

use std::sync::Arc;

use rusqlite::{Connection, ErrorCode, Transaction, params};
use uuid::Uuid;

use super::rows::{read_key, read_tenant, select_keys, select_tenants};
use super::{Sqlite, engine, find_tenant};
use crate::clock::{Expiry, Timestamp};
use crate::scopes::{Models, Scopes};
use crate::store::{KeyRecord, NewKey, NewTenant, Rotation, StoreError, TenantRef, TenantUpdate};
use crate::tenant::{Slug, Tenant, TenantId, TenantStatus};

impl Sqlite {
    pub async fn create_tenant(&self, new: NewTenant) -> Result<Arc<Tenant>, StoreError> {
        self.change(move |transaction| {
            let id = Uuid::now_v7().to_string();
            let (slug, policy) = (new.slug.as_str(), json(&new.policy)?);
            let row = params![id, slug, new.name, new.db_schema_name, policy, Timestamp::now().0];
            execute(transaction, INSERT_TENANT, row, || format!("the tenant slug `{slug}` is taken"))?;
            tenant_named(transaction, &id)
        })
        .await
    }

    /// All tenants, the deleted among them, oldest first.
    pub async fn list_tenants(&self) -> Result<Vec<Tenant>, StoreError> {
        self.read(|connection| {
            let mut query = connection.prepare_cached(ALL_TENANTS).map_err(engine)?;
            let mut rows = query.query([]).map_err(engine)?;
            let mut tenants = Vec::new();
            while let Some(row) = rows.next().map_err(engine)? {
                tenants.push(read_tenant(row)?);
            }
            Ok(tenants)
        })
        .await
    }

    /// The tenant of this id or, where no id is that, of this slug.
    pub async fn tenant(&self, id_or_slug: &str) -> Result<Arc<Tenant>, StoreError> {
        let name = id_or_slug.to_owned();
        self.read(move |connection| tenant_named(connection, &name)).await
    }

    /// A deleted tenant stays deleted.
    pub async fn set_tenant_status(&self, id_or_slug: &str, status: TenantStatus) -> Result<Arc<Tenant>, StoreError> {
        let name = id_or_slug.to_owned();
        self.change(move |transaction| {
            let tenant = tenant_named(transaction, &name)?;
            if tenant.status == status {
                return Ok(tenant);
            }
            refuse_deleted(&tenant)?;
            let row = params![tenant.id.as_str(), status.as_str()];
            transaction.execute(SET_STATUS, row).map_err(engine)?;
            tenant_named(transaction, tenant.id.as_str())
        })
        .await
    }

    pub async fn update_tenant(&self, id_or_slug: &str, update: TenantUpdate) -> Result<Arc<Tenant>, StoreError> {
        if let Some(name) = &update.name {
            crate::store::check_name(name).map_err(StoreError::Invalid)?;
        }
        let name = id_or_slug.to_owned();
        self.change(move |transaction| {
            let tenant = tenant_named(transaction, &name)?;
            refuse_deleted(&tenant)?;
            let policy = update.policy.as_ref().map(json).transpose()?;
            transaction.execute(UPDATE_TENANT, params![tenant.id.as_str(), update.name, policy]).map_err(engine)?;
            tenant_named(transaction, tenant.id.as_str())
        })
        .await
    }

    /// A deleted tenant gets no keys, and a hash is stored once: one secret must not speak for two tenants.
    pub async fn create_key(&self, new: NewKey) -> Result<KeyRecord, StoreError> {
        new.check()?;
        self.change(move |transaction| insert_key(transaction, &new)).await
    }

    /// All keys, or one tenant's, oldest first; the revoked and expired among them.
    pub async fn list_keys(&self, tenant: Option<TenantId>) -> Result<Vec<KeyRecord>, StoreError> {
        self.read(move |connection| match &tenant {
            Some(tenant) => keys(connection, KEYS_OF_TENANT, &[tenant.as_str()]),
            None => keys(connection, ALL_KEYS, &[]),
        })
        .await
    }

    /// The key of this id or, where no id is that, the only one of this public id.
    pub async fn key(&self, id_or_public_id: &str) -> Result<KeyRecord, StoreError> {
        let name = id_or_public_id.to_owned();
        self.read(move |connection| key_named(connection, &name)).await
    }

    /// Sets the end of a key; never a later one than it has.
    pub async fn expire_key(&self, id_or_public_id: &str, at: Timestamp) -> Result<KeyRecord, StoreError> {
        let name = id_or_public_id.to_owned();
        self.change(move |transaction| {
            let key = key_named(transaction, &name)?;
            expire(transaction, &key.id, at)?;
            key_named(transaction, &key.id)
        })
        .await
    }

    /// Makes a key like the old one and ends the old one, both or neither. Answers the new key and the old.
    pub async fn rotate_key(
        &self,
        id_or_public_id: &str,
        rotation: Rotation,
    ) -> Result<(KeyRecord, KeyRecord), StoreError> {
        let name = id_or_public_id.to_owned();
        self.change(move |transaction| {
            let old = key_named(transaction, &name)?;
            let new = successor(&old, &rotation)?;
            new.check()?;
            let new = insert_key(transaction, &new)?;
            expire(transaction, &old.id, rotation.old_ends)?;
            Ok((new, key_named(transaction, &old.id)?))
        })
        .await
    }

    /// Ends a key for good. One that was revoked before keeps its first time.
    pub async fn revoke_key(&self, id_or_public_id: &str) -> Result<KeyRecord, StoreError> {
        let name = id_or_public_id.to_owned();
        self.change(move |transaction| {
            let key = key_named(transaction, &name)?;
            transaction.execute(REVOKE, params![key.id, Timestamp::now().0]).map_err(engine)?;
            key_named(transaction, &key.id)
        })
        .await
    }

    async fn change<T: Send + 'static>(
        &self,
        change: impl FnOnce(&Transaction<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.write(move |connection| {
            let transaction = connection.transaction().map_err(engine)?;
            let changed = change(&transaction)?;
            transaction.commit().map_err(engine)?;
            Ok(changed)
        })
        .await
    }
}

fn tenant_named(connection: &Connection, name: &str) -> Result<Arc<Tenant>, StoreError> {
    let by_id = TenantId::parse(name).ok().map(TenantRef::Id);
    let by_slug = Slug::parse(name).ok().map(TenantRef::Slug);
    for reference in [by_id, by_slug].into_iter().flatten() {
        if let Some(tenant) = find_tenant(connection, &reference)? {
            return Ok(tenant);
        }
    }
    Err(StoreError::NotFound("tenant"))
}

fn key_named(connection: &Connection, name: &str) -> Result<KeyRecord, StoreError> {
    if let Some(key) = keys(connection, KEY_BY_ID, &[name])?.pop() {
        return Ok(key);
    }
    let mut found = keys(connection, KEYS_BY_PREFIX, &[name])?;
    if found.len() > 1 {
        let ids: Vec<&str> = found.iter().map(|key| key.id.as_str()).collect();
        return Err(StoreError::Conflict(format!(
            "several keys have this public id; name one by id: {}",
            ids.join(", ")
        )));
    }
    found.pop().ok_or(StoreError::NotFound("key"))
}

fn keys(connection: &Connection, sql: &str, names: &[&str]) -> Result<Vec<KeyRecord>, StoreError> {
    let mut query = connection.prepare_cached(sql).map_err(engine)?;
    let mut rows = query.query(rusqlite::params_from_iter(names)).map_err(engine)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next().map_err(engine)? {
        found.push(read_key(row)?);
    }
    Ok(found)
}

fn insert_key(transaction: &Transaction<'_>, new: &NewKey) -> Result<KeyRecord, StoreError> {
    let tenant = find_tenant(transaction, &TenantRef::Id(new.tenant.clone()))?.ok_or(StoreError::NotFound("tenant"))?;
    refuse_deleted(&tenant)?;
    refuse_crowd(transaction, &new.public_id)?;
    let id = Uuid::now_v7().to_string();
    let (scopes, models) = (scope_list(&new.scopes)?, model_list(&new.models)?);
    let expires_at = match new.expiry {
        Expiry::Never => None,
        Expiry::At(end) => Some(end.0),
    };
    let tenant = new.tenant.as_str();
    let now = Timestamp::now().0;
    let row = params![id, tenant, new.public_id, new.hashed_key, new.name, scopes, models, expires_at, now];
    execute(transaction, INSERT_KEY, row, || "a key with this hash is stored already".to_owned())?;
    key_named(transaction, &id)
}

/// A key that is over has no successor: its expiry, taken over, would end the new one too, and a revoked one was
/// meant to end.
fn successor(old: &KeyRecord, rotation: &Rotation) -> Result<NewKey, StoreError> {
    if old.revoked_at.is_some() || old.expiry.is_past(Timestamp::now()) {
        return Err(StoreError::Conflict("a revoked or expired key is not rotated: create a new one".to_owned()));
    }
    Ok(NewKey {
        tenant: old.tenant.id.clone(),
        public_id: rotation.public_id.clone(),
        hashed_key: rotation.hashed_key.clone(),
        name: old.name.clone(),
        scopes: old.scopes.clone(),
        models: old.models.clone(),
        expiry: old.expiry,
    })
}

fn expire(transaction: &Transaction<'_>, id: &str, at: Timestamp) -> Result<(), StoreError> {
    transaction.execute(EXPIRE, params![id, at.0]).map_err(engine).map(drop)
}

fn refuse_deleted(tenant: &Tenant) -> Result<(), StoreError> {
    if tenant.status == TenantStatus::Deleted {
        return Err(StoreError::Conflict(format!("the tenant `{}` is deleted, and stays so", tenant.slug)));
    }
    Ok(())
}

/// Keys of one public id are all candidates when one of them is presented; `KeyLookup::ROWS_MAX` says why so few.
fn refuse_crowd(transaction: &Transaction<'_>, public_id: &str) -> Result<(), StoreError> {
    let sharing: i64 = transaction.query_row(COUNT_PREFIX, [public_id], |row| row.get(0)).map_err(engine)?;
    if sharing >= PREFIX_SHARED_MAX {
        return Err(StoreError::Conflict(format!("{sharing} keys have this public id already, and no more may")));
    }
    Ok(())
}

/// A row that breaks a rule of uniqueness is the caller's conflict; anything else is the engine's trouble.
fn execute(
    transaction: &Transaction<'_>,
    sql: &str,
    row: &[&dyn rusqlite::ToSql],
    conflict: impl FnOnce() -> String,
) -> Result<(), StoreError> {
    match transaction.execute(sql, row) {
        Ok(_) => Ok(()),
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation) => {
            Err(StoreError::Conflict(conflict()))
        }
        Err(error) => Err(engine(error)),
    }
}

fn scope_list(scopes: &Scopes) -> Result<String, StoreError> {
    json(&scopes.iter().collect::<Vec<_>>())
}

fn model_list(models: &Models) -> Result<String, StoreError> {
    json(&models.names())
}

fn json(value: &impl serde::Serialize) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|_| StoreError::Invalid("a value that JSON cannot hold"))
}

const INSERT_TENANT: &str = "INSERT INTO tenants (id, slug, name, db_schema_name, status, policy, created_at) \
     VALUES (?1, ?2, ?3, ?4, 'active', ?5, ?6)";
const ALL_TENANTS: &str = select_tenants!("ORDER BY t.created_at, t.id");
const SET_STATUS: &str = "UPDATE tenants SET status = ?2 WHERE id = ?1";
const UPDATE_TENANT: &str = "UPDATE tenants SET name = coalesce(?2, name), policy = coalesce(?3, policy) WHERE id = ?1";
const INSERT_KEY: &str = "INSERT INTO api_keys \
     (id, tenant_id, key_prefix, hashed_key, name, scopes, models, expires_at, created_at) \
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
const ALL_KEYS: &str = select_keys!("ORDER BY k.created_at, k.id");
const KEYS_OF_TENANT: &str = select_keys!("WHERE k.tenant_id = ?1 ORDER BY k.created_at, k.id");
const KEY_BY_ID: &str = select_keys!("WHERE k.id = ?1");
const KEYS_BY_PREFIX: &str = select_keys!("WHERE k.key_prefix = ?1 ORDER BY k.created_at, k.id");
const COUNT_PREFIX: &str = "SELECT count(*) FROM api_keys WHERE key_prefix = ?1";
const EXPIRE: &str = "UPDATE api_keys SET expires_at = ?2 WHERE id = ?1 AND (expires_at IS NULL OR expires_at > ?2)";
const REVOKE: &str = "UPDATE api_keys SET revoked_at = ?2 WHERE id = ?1 AND revoked_at IS NULL";

/// Half of what a lookup answers, since a lookup may name two readings of one key.
const PREFIX_SHARED_MAX: i64 = 4;
