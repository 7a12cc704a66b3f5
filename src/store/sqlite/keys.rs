//! Keys made, listed, changed and ended. Each change answers with the record as it then stands.

use rusqlite::{Connection, Params, Transaction, params};

use super::change::{check_version, create, insert, json, new_id, run};
use super::paging::{Span, span};
use super::rows::{read_all, read_key, select_keys, tenant_columns};
use super::tenants::heir;
use super::{Sqlite, engine};
use crate::clock::{Expiry, Timestamp};
use crate::store::{Created, KeyRecord, KeyUpdate, KeyUse, NewKey, Once, Page, Rotation, StoreError};
use crate::tenant::TenantId;

impl Sqlite {
    /// A deleted tenant gets no keys, and a hash is stored once: one secret must not speak for two tenants.
    pub async fn create_key(&self, new: NewKey, once: Option<Once>) -> Result<Created<KeyRecord>, StoreError> {
        new.check()?;
        self.change(move |transaction| {
            let find = |id: &str| key_named(transaction, id);
            create(transaction, "key", once.as_ref(), find, |id| insert_key(transaction, id, &new))
        })
        .await
    }

    /// Stores all of the keys or, where one cannot stand, none, and says which.
    pub async fn import_keys(&self, new: Vec<NewKey>) -> Result<Vec<KeyRecord>, StoreError> {
        self.change(move |transaction| {
            let import = |new: &NewKey| new.check().and_then(|()| insert_key(transaction, &new_id(), new));
            let numbered = new.iter().enumerate();
            numbered.map(|(index, new)| import(new).map_err(|error| of_row(index, error))).collect()
        })
        .await
    }

    /// All keys, or one tenant's, oldest first; the revoked and expired among them.
    pub async fn list_keys(&self, tenant: Option<TenantId>, page: Page) -> Result<Vec<KeyRecord>, StoreError> {
        self.read(move |connection| {
            let Span { after_at, after_id, limit } = span(connection, CURSOR, page, tenant.as_ref())?;
            match &tenant {
                Some(tenant) => keys(connection, LIST_OF_TENANT, params![after_at, after_id, limit, tenant.as_str()]),
                None => keys(connection, LIST, params![after_at, after_id, limit]),
            }
        })
        .await
    }

    /// The key of this id or, where no id is that, the only one of this public id.
    pub async fn key(&self, id_or_public_id: &str) -> Result<KeyRecord, StoreError> {
        let name = id_or_public_id.to_owned();
        self.read(move |connection| key_named(connection, &name)).await
    }

    /// A revoked key stays as it is. `expected` is the version that the caller knows; what changes nothing leaves it as
    /// it is.
    pub async fn update_key(
        &self,
        id_or_public_id: &str,
        update: KeyUpdate,
        expected: Option<u64>,
    ) -> Result<KeyRecord, StoreError> {
        update.check()?;
        let name = id_or_public_id.to_owned();
        self.change(move |transaction| {
            let key = key_named(transaction, &name)?;
            check_version(key.version, expected)?;
            if !update.changes(&key) {
                return Ok(key);
            }
            if key.revoked_at.is_some() {
                return Err(StoreError::Conflict("the key is revoked, and stays as it is".to_owned()));
            }
            let (scopes, models) = (update.scopes.unwrap_or(key.scopes), update.models.unwrap_or(key.models));
            let (name, ends) = (update.name.unwrap_or(key.name), end(update.expiry.unwrap_or(key.expiry)));
            run(transaction, UPDATE, params![key.id, name, json(&scopes)?, json(&models)?, ends])?;
            key_named(transaction, &key.id)
        })
        .await
    }

    /// Sets the end of a key; never a later one than it has.
    pub async fn expire_key(&self, id_or_public_id: &str, at: Timestamp) -> Result<KeyRecord, StoreError> {
        let name = id_or_public_id.to_owned();
        self.change(move |transaction| {
            let key = key_named(transaction, &name)?;
            run(transaction, EXPIRE, params![key.id, at.0])?;
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
            let new = insert_key(transaction, &new_id(), &new)?;
            run(transaction, EXPIRE, params![old.id, rotation.old_ends.0])?;
            Ok((new, key_named(transaction, &old.id)?))
        })
        .await
    }

    /// Ends a key for good. One that was revoked before keeps its first time.
    pub async fn revoke_key(&self, id_or_public_id: &str) -> Result<KeyRecord, StoreError> {
        let name = id_or_public_id.to_owned();
        self.change(move |transaction| {
            let key = key_named(transaction, &name)?;
            run(transaction, REVOKE, params![key.id, Timestamp::now().0])?;
            key_named(transaction, &key.id)
        })
        .await
    }

    /// Notes when and from where keys were last used. A time never moves back, and a key that is gone is passed over.
    pub async fn touch_keys(&self, used: Vec<KeyUse>) -> Result<(), StoreError> {
        if used.is_empty() {
            return Ok(());
        }
        self.change(move |transaction| {
            used.iter()
                .try_for_each(|KeyUse { id, at, from }| run(transaction, TOUCH, params![id, at.0, from]).map(drop))
        })
        .await
    }
}

fn key_named(connection: &Connection, name: &str) -> Result<KeyRecord, StoreError> {
    if let Some(key) = keys(connection, BY_ID, [name])?.pop() {
        return Ok(key);
    }
    let mut found = keys(connection, BY_PREFIX, [name])?;
    if found.len() > 1 {
        let ids: Vec<&str> = found.iter().map(|key| key.id.as_str()).collect();
        return Err(StoreError::Conflict(format!(
            "several keys have this public id; name one by id: {}",
            ids.join(", ")
        )));
    }
    found.pop().ok_or(StoreError::NotFound("key"))
}

fn keys(connection: &Connection, sql: &str, parameters: impl Params) -> Result<Vec<KeyRecord>, StoreError> {
    read_all(connection, sql, parameters, read_key)
}

fn insert_key(transaction: &Transaction<'_>, id: &str, new: &NewKey) -> Result<KeyRecord, StoreError> {
    let tenant = heir(transaction, &new.tenant)?;
    refuse_crowd(transaction, &new.public_id)?;
    let (scopes, models) = (json(&new.scopes)?, json(&new.models)?);
    let row = params![
        id,
        tenant.id.as_str(),
        new.public_id,
        new.hashed_key,
        new.name,
        scopes,
        models,
        end(new.expiry),
        Timestamp::now().0,
        new.created_by,
        new.canary,
    ];
    insert(transaction, INSERT, row, || "a key with this hash is stored already".to_owned())?;
    key_named(transaction, id)
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
        created_by: rotation.created_by.clone(),
        canary: old.canary,
    })
}

/// Keys of one public id are all candidates when one of them is presented; `KeyLookup::ROWS_MAX` says why so few.
fn refuse_crowd(transaction: &Transaction<'_>, public_id: &str) -> Result<(), StoreError> {
    let mut query = transaction.prepare_cached(COUNT_PREFIX).map_err(engine)?;
    let sharing: i64 = query.query_row([public_id], |row| row.get(0)).map_err(engine)?;
    if sharing >= PREFIX_SHARED_MAX {
        return Err(StoreError::Conflict(format!("{sharing} keys have this public id already, and no more may")));
    }
    Ok(())
}

/// That the store did not answer is no mistake in a row.
fn of_row(index: usize, error: StoreError) -> StoreError {
    match error {
        StoreError::Unavailable(_) => error,
        error => StoreError::Row { index, error: Box::new(error) },
    }
}

fn end(expiry: Expiry) -> Option<i64> {
    match expiry {
        Expiry::Never => None,
        Expiry::At(end) => Some(end.0),
    }
}

const INSERT: &str = "INSERT INTO api_keys \
     (id, tenant_id, key_prefix, hashed_key, name, scopes, models, expires_at, created_at, created_by, canary) \
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)";
const CURSOR: &str = "SELECT created_at FROM api_keys WHERE id = ?1 AND (?2 IS NULL OR tenant_id = ?2)";
pub(super) const LIST: &str =
    select_keys!("WHERE (k.created_at, k.id) > (?1, ?2) ORDER BY k.created_at, k.id LIMIT ?3");
pub(super) const LIST_OF_TENANT: &str =
    select_keys!("WHERE k.tenant_id = ?4 AND (k.created_at, k.id) > (?1, ?2) ORDER BY k.created_at, k.id LIMIT ?3");
const BY_ID: &str = select_keys!("WHERE k.id = ?1");
const BY_PREFIX: &str = select_keys!("WHERE k.key_prefix = ?1 ORDER BY k.created_at, k.id");
const COUNT_PREFIX: &str = "SELECT count(*) FROM api_keys WHERE key_prefix = ?1";
const UPDATE: &str = "UPDATE api_keys SET name = ?2, scopes = ?3, models = ?4, expires_at = ?5, \
     version = version + 1 WHERE id = ?1";
const EXPIRE: &str = "UPDATE api_keys SET expires_at = ?2, version = version + 1 \
     WHERE id = ?1 AND (expires_at IS NULL OR expires_at > ?2)";
const REVOKE: &str = "UPDATE api_keys SET revoked_at = ?2, version = version + 1 WHERE id = ?1 AND revoked_at IS NULL";
pub(super) const TOUCH: &str = "UPDATE api_keys SET last_used_at = ?2, last_used_from = nullif(?3, '') \
     WHERE id = ?1 AND (last_used_at IS NULL OR last_used_at < ?2)";

/// Half of what a lookup answers, since a lookup may name two readings of one key.
const PREFIX_SHARED_MAX: i64 = 4;
