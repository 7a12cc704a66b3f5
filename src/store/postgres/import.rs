//! Keys made by the thousand: a handful of statements and a bounded number of locks, however many there are.

use std::collections::{HashMap, HashSet};

use serde_json::Value;
use tokio_postgres::Row;
use tokio_postgres::types::Type;

use super::change::{Change, json};
use super::rows::Moment;
use super::tenants::heir;
use crate::clock::{Expiry, Timestamp};
use crate::store::rows::{select_keys, tenant_columns};
use crate::store::{KeyRecord, NewKey, StoreError, rules};

/// All of them, in their order, or an error that names the first one that cannot stand.
pub(super) async fn insert_keys(change: &Change, new: &[NewKey]) -> Result<Vec<KeyRecord>, StoreError> {
    check_each(new, NewKey::check)?;
    find_heirs(change, new).await?;
    refuse_crowds(change, new).await?;
    let ids: Vec<String> = new.iter().map(|_| rules::new_id()).collect();
    insert(change, new, &ids).await?;
    let mut made: HashMap<String, KeyRecord> =
        change.all(BY_IDS, &[(&ids, Type::TEXT_ARRAY)]).await?.into_iter().map(by_id).collect();
    let in_order = ids.iter().enumerate();
    // A hash that is stored already is passed over by the engine.
    in_order.map(|(index, id)| made.remove(id).ok_or_else(|| rules::of_row(index, rules::hash_taken()))).collect()
}

/// The end of a key as the engine has it.
pub(super) fn end(expiry: Expiry) -> Option<Moment> {
    match expiry {
        Expiry::Never => None,
        Expiry::At(end) => Some(Moment(end)),
    }
}

fn check_each(new: &[NewKey], check: impl FnMut(&NewKey) -> Result<(), StoreError>) -> Result<(), StoreError> {
    let mut checked = new.iter().map(check).enumerate();
    checked.try_for_each(|(index, checked)| checked.map_err(|error| rules::of_row(index, error)))
}

async fn find_heirs(change: &Change, new: &[NewKey]) -> Result<(), StoreError> {
    let mut found = HashSet::new();
    for (index, key) in new.iter().enumerate() {
        if found.insert(&key.tenant) {
            heir(change, &key.tenant).await.map_err(|error| rules::of_row(index, error))?;
        }
    }
    Ok(())
}

/// Nobody else makes keys of these public ids until the transaction ends.
async fn refuse_crowds(change: &Change, new: &[NewKey]) -> Result<(), StoreError> {
    let public_ids: Vec<&str> = new.iter().map(|key| &key.public_id[..]).collect();
    change.hold_public_ids(&public_ids).await?;
    let rows = change.query(COUNT_PREFIXES, &[(&public_ids, Type::TEXT_ARRAY)]).await?;
    let mut sharing: HashMap<String, i64> = rows.iter().map(|row: &Row| (row.get(0), row.get(1))).collect();
    check_each(new, |key| {
        let sharing = sharing.entry(key.public_id.clone()).or_default();
        rules::refuse_crowd(*sharing)?;
        *sharing += 1;
        Ok(())
    })
}

/// One array a column; lists within lists have no such form, and so are written as JSON.
async fn insert(change: &Change, new: &[NewKey], ids: &[String]) -> Result<(), StoreError> {
    let text = |column: fn(&NewKey) -> &str| new.iter().map(column).collect::<Vec<&str>>();
    let verifiers: Vec<Option<&str>> = new.iter().map(|key| key.verifier.as_deref()).collect();
    let scopes: Vec<Value> =
        new.iter().map(|key| json(&key.scopes.iter().collect::<Vec<&str>>())).collect::<Result<_, _>>()?;
    let models: Vec<Value> = new.iter().map(|key| json(&key.models.names())).collect::<Result<_, _>>()?;
    let ends: Vec<Option<Moment>> = new.iter().map(|key| end(key.expiry)).collect();
    let canaries: Vec<bool> = new.iter().map(|key| key.canary).collect();
    let now = Moment(Timestamp::now());
    let columns = [
        (&ids as _, Type::TEXT_ARRAY),
        (&text(|key| key.tenant.as_str()) as _, Type::TEXT_ARRAY),
        (&text(|key| &key.public_id) as _, Type::TEXT_ARRAY),
        (&text(|key| &key.hashed_key) as _, Type::TEXT_ARRAY),
        (&verifiers as _, Type::TEXT_ARRAY),
        (&text(|key| &key.name) as _, Type::TEXT_ARRAY),
        (&scopes as _, Type::JSONB_ARRAY),
        (&models as _, Type::JSONB_ARRAY),
        (&ends as _, Type::TIMESTAMPTZ_ARRAY),
        (&text(|key| &key.created_by) as _, Type::TEXT_ARRAY),
        (&canaries as _, Type::BOOL_ARRAY),
        (&now as _, Type::TIMESTAMPTZ),
    ];
    change.write(INSERT, &columns).await.map(drop)
}

fn by_id(key: KeyRecord) -> (String, KeyRecord) {
    (key.id.clone(), key)
}

const COUNT_PREFIXES: &str = "SELECT key_prefix, count(*) FROM api_keys WHERE key_prefix = ANY($1) GROUP BY key_prefix";
const INSERT: &str = "INSERT INTO api_keys \
     (id, tenant_id, key_prefix, hashed_key, verifier, name, scopes, models, expires_at, created_by, canary, \
     created_at) \
     SELECT id, tenant_id, key_prefix, hashed_key, verifier, name, \
     ARRAY(SELECT jsonb_array_elements_text(scopes)), ARRAY(SELECT jsonb_array_elements_text(models)), \
     expires_at, created_by, canary, $12 \
     FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) WITH ORDINALITY \
     AS n (id, tenant_id, key_prefix, hashed_key, verifier, name, scopes, models, expires_at, created_by, canary, number) \
     ORDER BY number ON CONFLICT DO NOTHING RETURNING id";
const BY_IDS: &str = select_keys!("WHERE k.id = ANY($1)");
