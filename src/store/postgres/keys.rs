//! Keys made, listed, changed and ended. Each change answers with the record as it then stands.

use async_trait::async_trait;
use tokio_postgres::types::Type;

use super::Postgres;
use super::change::{Change, Word, within};
use super::import::{end, insert_keys};
use super::paging::{Span, span};
use super::rows::Moment;
use super::tenants::heir;
use crate::clock::Timestamp;
use crate::store::rows::{select_keys, tenant_columns};
use crate::store::{Created, KeyRecord, KeyUpdate, Keys, NewKey, Once, Page, Reach, Rotation, StoreError, rules};

#[async_trait]
impl Keys for Postgres {
    async fn create_key(&self, new: NewKey, once: Option<Once>) -> Result<Created<KeyRecord>, StoreError> {
        new.check()?;
        let (new, once) = (&new, once.as_ref());
        let reach = &Reach::Tenant(new.tenant.clone());
        within!(self, reach, |change| {
            let word = Word::of(&change, reach, "key", once).await?;
            if let Some(id) = word.made_before() {
                return Ok(Created::Before(key_by_id(&change, id).await?));
            }
            let made = insert_key(&change, &rules::new_id(), new).await?;
            word.keep(&change, &made.id).await?;
            Ok(Created::New(made))
        })
    }

    async fn import_keys(&self, new: Vec<NewKey>) -> Result<Vec<KeyRecord>, StoreError> {
        let new = &new;
        within!(self, &Reach::Platform, |change| insert_keys(&change, new).await)
    }

    async fn list_keys(&self, reach: &Reach, page: Page) -> Result<Vec<KeyRecord>, StoreError> {
        let page = &page;
        within!(self, reach, |change| {
            let Span { after_at, after_id, limit } = span(&change, CURSOR, page).await?;
            let page = [(&after_at as _, Type::TEXT), (&after_id as _, Type::TEXT), (&limit as _, Type::INT8)];
            match reach.tenant().map(|tenant| tenant.as_str()) {
                Some(tenant) => change.all(LIST_OF_TENANT, &[&page[..], &[(&tenant as _, Type::TEXT)]].concat()).await,
                None => change.all(LIST, &page).await,
            }
        })
    }

    async fn key(&self, reach: &Reach, id_or_public_id: &str) -> Result<KeyRecord, StoreError> {
        within!(self, reach, |change| key_named(&change, id_or_public_id, [BY_ID, BY_PREFIX]).await)
    }

    async fn update_key(
        &self,
        reach: &Reach,
        id_or_public_id: &str,
        update: KeyUpdate,
        expected: Option<u64>,
    ) -> Result<KeyRecord, StoreError> {
        update.check()?;
        let update = &update;
        within!(self, reach, |change| {
            let key = key_named(&change, id_or_public_id, TO_UPDATE).await?;
            rules::check_version(key.version, expected)?;
            if !update.changes(&key) {
                return Ok(key);
            }
            rules::refuse_revoked(&key)?;
            let (scopes, models) =
                (update.scopes.clone().unwrap_or(key.scopes), update.models.clone().unwrap_or(key.models));
            let (name, ends) = (update.name.clone().unwrap_or(key.name), end(update.expiry.unwrap_or(key.expiry)));
            let scopes: Vec<&str> = scopes.iter().collect();
            let row = [
                (&key.id as _, Type::TEXT),
                (&name as _, Type::TEXT),
                (&scopes as _, Type::TEXT_ARRAY),
                (&models.names() as _, Type::TEXT_ARRAY),
                (&ends as _, Type::TIMESTAMPTZ),
            ];
            change.write(UPDATE, &row).await?;
            key_by_id(&change, &key.id).await
        })
    }

    async fn rotate_key(
        &self,
        reach: &Reach,
        id_or_public_id: &str,
        rotation: Rotation,
    ) -> Result<(KeyRecord, KeyRecord), StoreError> {
        let rotation = &rotation;
        within!(self, reach, |change| {
            let old = key_named(&change, id_or_public_id, TO_UPDATE).await?;
            let new = insert_key(&change, &rules::new_id(), &rules::successor(&old, rotation)?).await?;
            let ends = Moment(rotation.old_ends);
            change.write(EXPIRE, &[(&old.id, Type::TEXT), (&ends, Type::TIMESTAMPTZ)]).await?;
            Ok((new, key_by_id(&change, &old.id).await?))
        })
    }

    async fn revoke_key(
        &self,
        reach: &Reach,
        id_or_public_id: &str,
        expected: Option<u64>,
    ) -> Result<KeyRecord, StoreError> {
        within!(self, reach, |change| {
            let key = key_named(&change, id_or_public_id, TO_UPDATE).await?;
            rules::check_version(key.version, expected)?;
            let now = Moment(Timestamp::now());
            change.write(REVOKE, &[(&key.id, Type::TEXT), (&now, Type::TIMESTAMPTZ)]).await?;
            key_by_id(&change, &key.id).await
        })
    }
}

/// The key of this id or, where no id is that, the only one of this public id; by a query for each.
async fn key_named(change: &Change, name: &str, [by_id, by_prefix]: [&str; 2]) -> Result<KeyRecord, StoreError> {
    match change.named(by_id, name).await?.pop() {
        Some(key) => Ok(key),
        None => rules::only_one(change.named(by_prefix, name).await?),
    }
}

async fn key_by_id(change: &Change, id: &str) -> Result<KeyRecord, StoreError> {
    change.all(BY_ID, &[(&id, Type::TEXT)]).await?.pop().ok_or(StoreError::NotFound("key"))
}

async fn insert_key(change: &Change, id: &str, new: &NewKey) -> Result<KeyRecord, StoreError> {
    heir(change, &new.tenant).await?;
    change.hold_public_ids(&[&new.public_id]).await?;
    let sharing = change.query(COUNT_PREFIX, &[(&new.public_id, Type::TEXT)]).await?;
    rules::refuse_crowd(sharing.first().map_or(0, |row| row.get(0)))?;
    let (scopes, tenant) = (new.scopes.iter().collect::<Vec<&str>>(), new.tenant.as_str());
    let (ends, now) = (end(new.expiry), Moment(Timestamp::now()));
    let row = [
        (&id as _, Type::TEXT),
        (&tenant as _, Type::TEXT),
        (&new.public_id as _, Type::TEXT),
        (&new.hashed_key as _, Type::TEXT),
        (&new.verifier as _, Type::TEXT),
        (&new.name as _, Type::TEXT),
        (&scopes as _, Type::TEXT_ARRAY),
        (&new.models.names() as _, Type::TEXT_ARRAY),
        (&ends as _, Type::TIMESTAMPTZ),
        (&now as _, Type::TIMESTAMPTZ),
        (&new.created_by as _, Type::TEXT),
        (&new.canary as _, Type::BOOL),
    ];
    match change.write(INSERT, &row).await? {
        1 => key_by_id(change, id).await,
        _ => Err(rules::hash_taken()),
    }
}

const INSERT: &str = "INSERT INTO api_keys \
     (id, tenant_id, key_prefix, hashed_key, verifier, name, scopes, models, expires_at, created_at, created_by, \
     canary) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) ON CONFLICT DO NOTHING RETURNING id";
const CURSOR: &str = "SELECT created_at::text FROM api_keys WHERE id = $1";
pub(super) const LIST: &str =
    select_keys!("WHERE (k.created_at, k.id) > ($1::text::timestamptz, $2) ORDER BY k.created_at, k.id LIMIT $3");
pub(super) const LIST_OF_TENANT: &str = select_keys!(
    "WHERE k.tenant_id = $4 AND (k.created_at, k.id) > ($1::text::timestamptz, $2) \
     ORDER BY k.created_at, k.id LIMIT $3"
);
pub(super) const BY_ID: &str = select_keys!("WHERE k.id = $1");
pub(super) const BY_PREFIX: &str = select_keys!("WHERE k.key_prefix = $1 ORDER BY k.created_at, k.id");
const TO_UPDATE: [&str; 2] = [
    select_keys!("WHERE k.id = $1 FOR UPDATE OF k"),
    select_keys!("WHERE k.key_prefix = $1 ORDER BY k.created_at, k.id FOR UPDATE OF k"),
];
/// Of every tenant's keys, whatever the reach.
const COUNT_PREFIX: &str = "SELECT count(*) FROM wardgate_find_keys(ARRAY[$1], '{}', '{}')";
const UPDATE: &str = "UPDATE api_keys SET name = $2, scopes = $3, models = $4, expires_at = $5, \
     version = version + 1 WHERE id = $1";
const EXPIRE: &str = "UPDATE api_keys SET expires_at = $2, version = version + 1 \
     WHERE id = $1 AND (expires_at IS NULL OR expires_at > $2)";
const REVOKE: &str = "UPDATE api_keys SET revoked_at = $2, version = version + 1 WHERE id = $1 AND revoked_at IS NULL";
