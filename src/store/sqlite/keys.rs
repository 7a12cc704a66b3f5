//! Keys made, listed, changed and ended. Each change answers with the record as it then stands.

use async_trait::async_trait;
use rusqlite::{Connection, Params, Transaction, params};

use super::change::{create, insert, json, run};
use super::paging::{Span, span};
use super::rows::read_all;
use super::tenants::heir;
use super::{Sqlite, engine};
use crate::clock::{Expiry, Timestamp};
use crate::store::rows::{select_keys, tenant_columns};
use crate::store::{Created, KeyRecord, KeyUpdate, Keys, NewKey, Once, Page, Reach, Rotation, StoreError, rules};
use crate::tenant::TenantId;

#[async_trait]
impl Keys for Sqlite {
    async fn create_key(&self, new: NewKey, once: Option<Once>) -> Result<Created<KeyRecord>, StoreError> {
        new.check()?;
        self.change(move |transaction| {
            let find = |id: &str| key_named(transaction, &Reach::Platform, id);
            create(transaction, "key", once.as_ref(), find, |id| insert_key(transaction, id, &new))
        })
        .await
    }

    async fn import_keys(&self, new: Vec<NewKey>) -> Result<Vec<KeyRecord>, StoreError> {
        self.change(move |transaction| {
            let import = |new: &NewKey| new.check().and_then(|()| insert_key(transaction, &rules::new_id(), new));
            let numbered = new.iter().enumerate();
            numbered.map(|(index, new)| import(new).map_err(|error| rules::of_row(index, error))).collect()
        })
        .await
    }

    async fn list_keys(&self, reach: &Reach, page: Page) -> Result<Vec<KeyRecord>, StoreError> {
        let reach = reach.clone();
        self.read(move |connection| {
            let Span { after_at, after_id, limit } = span(connection, CURSOR, page, &reach)?;
            match reach.tenant().map(TenantId::as_str) {
                Some(tenant) => keys(connection, LIST_OF_TENANT, params![after_at, after_id, limit, tenant]),
                None => keys(connection, LIST, params![after_at, after_id, limit]),
            }
        })
        .await
    }

    async fn key(&self, reach: &Reach, id_or_public_id: &str) -> Result<KeyRecord, StoreError> {
        let (reach, name) = (reach.clone(), id_or_public_id.to_owned());
        self.read(move |connection| key_named(connection, &reach, &name)).await
    }

    async fn update_key(
        &self,
        reach: &Reach,
        id_or_public_id: &str,
        update: KeyUpdate,
        expected: Option<u64>,
    ) -> Result<KeyRecord, StoreError> {
        update.check()?;
        let (reach, name) = (reach.clone(), id_or_public_id.to_owned());
        self.change(move |transaction| {
            let key = key_named(transaction, &reach, &name)?;
            rules::check_version(key.version, expected)?;
            if !update.changes(&key) {
                return Ok(key);
            }
            rules::refuse_revoked(&key)?;
            let (scopes, models) = (update.scopes.unwrap_or(key.scopes), update.models.unwrap_or(key.models));
            let (name, ends) = (update.name.unwrap_or(key.name), end(update.expiry.unwrap_or(key.expiry)));
            run(transaction, UPDATE, params![key.id, name, json(&scopes)?, json(&models)?, ends])?;
            key_named(transaction, &reach, &key.id)
        })
        .await
    }

    async fn rotate_key(
        &self,
        reach: &Reach,
        id_or_public_id: &str,
        rotation: Rotation,
    ) -> Result<(KeyRecord, KeyRecord), StoreError> {
        let (reach, name) = (reach.clone(), id_or_public_id.to_owned());
        self.change(move |transaction| {
            let old = key_named(transaction, &reach, &name)?;
            let new = insert_key(transaction, &rules::new_id(), &rules::successor(&old, &rotation)?)?;
            run(transaction, EXPIRE, params![old.id, rotation.old_ends.0])?;
            Ok((new, key_named(transaction, &reach, &old.id)?))
        })
        .await
    }

    async fn revoke_key(
        &self,
        reach: &Reach,
        id_or_public_id: &str,
        expected: Option<u64>,
    ) -> Result<KeyRecord, StoreError> {
        let (reach, name) = (reach.clone(), id_or_public_id.to_owned());
        self.change(move |transaction| {
            let key = key_named(transaction, &reach, &name)?;
            rules::check_version(key.version, expected)?;
            run(transaction, REVOKE, params![key.id, Timestamp::now().0])?;
            key_named(transaction, &reach, &key.id)
        })
        .await
    }
}

fn key_named(connection: &Connection, reach: &Reach, name: &str) -> Result<KeyRecord, StoreError> {
    let within = |sql| -> Result<Vec<KeyRecord>, StoreError> {
        let found = keys(connection, sql, [name])?;
        Ok(found.into_iter().filter(|key| reach.covers(&key.tenant.id)).collect())
    };
    match within(BY_ID)?.pop() {
        Some(key) => Ok(key),
        None => rules::only_one(within(BY_PREFIX)?),
    }
}

fn keys(connection: &Connection, sql: &str, parameters: impl Params) -> Result<Vec<KeyRecord>, StoreError> {
    read_all(connection, sql, parameters)
}

fn insert_key(transaction: &Transaction<'_>, id: &str, new: &NewKey) -> Result<KeyRecord, StoreError> {
    let tenant = heir(transaction, &new.tenant)?;
    rules::refuse_crowd(count_sharing(transaction, &new.public_id)?)?;
    let (scopes, models) = (json(&new.scopes)?, json(&new.models)?);
    let row = params![
        id,
        tenant.id.as_str(),
        new.public_id,
        new.hashed_key,
        new.verifier,
        new.name,
        scopes,
        models,
        end(new.expiry),
        Timestamp::now().0,
        new.created_by,
        new.canary,
    ];
    insert(transaction, INSERT, row, rules::hash_taken)?;
    key_named(transaction, &Reach::Platform, id)
}

fn count_sharing(transaction: &Transaction<'_>, public_id: &str) -> Result<i64, StoreError> {
    let mut query = transaction.prepare_cached(COUNT_PREFIX).map_err(engine)?;
    query.query_row([public_id], |row| row.get(0)).map_err(engine)
}

fn end(expiry: Expiry) -> Option<i64> {
    match expiry {
        Expiry::Never => None,
        Expiry::At(end) => Some(end.0),
    }
}

const INSERT: &str = "INSERT INTO api_keys \
     (id, tenant_id, key_prefix, hashed_key, verifier, name, scopes, models, expires_at, created_at, created_by, \
     canary) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)";
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
