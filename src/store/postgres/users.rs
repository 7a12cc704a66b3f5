//! Users made, found, listed and changed. Each change answers with the record as it then stands.

use std::sync::atomic::Ordering;

use async_trait::async_trait;
use tokio_postgres::types::Type;

use super::Postgres;
use super::change::{Change, Word, within};
use super::paging::{Span, span};
use super::rows::Moment;
use super::sessions::end_sessions_of;
use super::tenants::{Hold, heir, tenant_named};
use crate::clock::Timestamp;
use crate::store::rows::{select_users, tenant_columns};
use crate::store::{
    Created, Email, NewUser, Once, Page, Reach, StoreError, UserRecord, UserStatus, UserUpdate, Users, rules,
};
use crate::tenant::TenantId;

#[async_trait]
impl Users for Postgres {
    async fn create_user(&self, new: NewUser, once: Option<Once>) -> Result<Created<UserRecord>, StoreError> {
        new.check()?;
        let (new, once) = (&new, once.as_ref());
        let reach = &Reach::Tenant(new.tenant.clone());
        within!(self, reach, |change| {
            let word = Word::of(&change, reach, "user", once).await?;
            if let Some(id) = word.made_before() {
                return Ok(Created::Before(user_by_id(&change, id, Hold::Nothing).await?));
            }
            let made = insert_user(&change, &rules::new_id(), new).await?;
            word.keep(&change, &made.id).await?;
            Ok(Created::New(made))
        })
    }

    async fn list_users(&self, reach: &Reach, page: Page) -> Result<Vec<UserRecord>, StoreError> {
        let page = &page;
        within!(self, reach, |change| {
            let Span { after_at, after_id, limit } = span(&change, CURSOR, page).await?;
            let page = [(&after_at as _, Type::TEXT), (&after_id as _, Type::TEXT), (&limit as _, Type::INT8)];
            match reach.tenant().map(TenantId::as_str) {
                Some(tenant) => change.all(LIST_OF_TENANT, &[&page[..], &[(&tenant as _, Type::TEXT)]].concat()).await,
                None => change.all(LIST, &page).await,
            }
        })
    }

    async fn user(&self, reach: &Reach, id: &str) -> Result<UserRecord, StoreError> {
        within!(self, reach, |change| user_by_id(&change, id, Hold::Nothing).await)
    }

    async fn find_user(&self, tenant: &str, email: &Email) -> Result<Option<UserRecord>, StoreError> {
        self.lookups.fetch_add(1, Ordering::Relaxed);
        within!(self, &Reach::Platform, |change| {
            let tenant = match tenant_named(&change, tenant, Hold::Nothing).await {
                Err(StoreError::NotFound(_)) => return Ok(None),
                found => found?,
            };
            change.reach(&Reach::Tenant(tenant.id.clone())).await?;
            let row = [(&tenant.id.as_str() as _, Type::TEXT), (&email.as_str() as _, Type::TEXT)];
            Ok(change.all(BY_EMAIL, &row).await?.pop())
        })
    }

    async fn update_user(
        &self,
        reach: &Reach,
        id: &str,
        update: UserUpdate,
        expected: Option<u64>,
        access_until: Timestamp,
    ) -> Result<UserRecord, StoreError> {
        update.check()?;
        let update = &update;
        within!(self, reach, |change| {
            let user = user_by_id(&change, id, Hold::Update).await?;
            rules::check_version(user.version, expected)?;
            if update.ends_sessions(&user) {
                end_sessions_of(&change, id, access_until).await?;
            }
            if !update.changes(&user) {
                return Ok(user);
            }
            let scopes = update.scopes.as_ref().map(|scopes| scopes.iter().collect::<Vec<&str>>());
            let status = update.status.map(UserStatus::as_str);
            let row = [
                (&id as _, Type::TEXT),
                (&update.name as _, Type::TEXT),
                (&scopes as _, Type::TEXT_ARRAY),
                (&status as _, Type::TEXT),
                (&update.hashed_password as _, Type::TEXT),
            ];
            change.write(UPDATE, &row).await?;
            user_by_id(&change, id, Hold::Nothing).await
        })
    }

    async fn note_login(&self, tenant: &TenantId, user: &str, at: Timestamp) -> Result<(), StoreError> {
        within!(self, &Reach::Tenant(tenant.clone()), |change| {
            let row = [(&user as _, Type::TEXT), (&Moment(at) as _, Type::TIMESTAMPTZ)];
            change.write(NOTE_LOGIN, &row).await.map(drop)
        })
    }
}

pub(super) async fn user_by_id(change: &Change, id: &str, hold: Hold) -> Result<UserRecord, StoreError> {
    let sql = match hold {
        Hold::Nothing => BY_ID,
        Hold::Share => BY_ID_TO_SHARE,
        Hold::Update => BY_ID_TO_UPDATE,
    };
    change.named(sql, id).await?.pop().ok_or(StoreError::NotFound("user"))
}

async fn insert_user(change: &Change, id: &str, new: &NewUser) -> Result<UserRecord, StoreError> {
    let tenant = heir(change, &new.tenant).await?;
    let (scopes, now) = (new.scopes.iter().collect::<Vec<&str>>(), Moment(Timestamp::now()));
    let row = [
        (&id as _, Type::TEXT),
        (&tenant.id.as_str() as _, Type::TEXT),
        (&new.email.as_str() as _, Type::TEXT),
        (&new.name as _, Type::TEXT),
        (&new.hashed_password as _, Type::TEXT),
        (&scopes as _, Type::TEXT_ARRAY),
        (&now as _, Type::TIMESTAMPTZ),
    ];
    match change.write(INSERT, &row).await? {
        1 => user_by_id(change, id, Hold::Nothing).await,
        _ => Err(rules::address_taken(&tenant)),
    }
}

const INSERT: &str = "INSERT INTO users (id, tenant_id, email, name, hashed_password, scopes, status, created_at) \
     VALUES ($1, $2, $3, $4, $5, $6, 'active', $7) ON CONFLICT DO NOTHING RETURNING id";
const CURSOR: &str = "SELECT created_at::text FROM users WHERE id = $1";
pub(super) const LIST: &str =
    select_users!("WHERE (u.created_at, u.id) > ($1::text::timestamptz, $2) ORDER BY u.created_at, u.id LIMIT $3");
pub(super) const LIST_OF_TENANT: &str = select_users!(
    "WHERE u.tenant_id = $4 AND (u.created_at, u.id) > ($1::text::timestamptz, $2) \
     ORDER BY u.created_at, u.id LIMIT $3"
);
pub(super) const BY_ID: &str = select_users!("WHERE u.id = $1");
const BY_ID_TO_SHARE: &str = select_users!("WHERE u.id = $1 FOR SHARE OF u");
const BY_ID_TO_UPDATE: &str = select_users!("WHERE u.id = $1 FOR UPDATE OF u");
pub(super) const BY_EMAIL: &str = select_users!("WHERE u.tenant_id = $1 AND u.email = $2");
const UPDATE: &str = "UPDATE users SET name = coalesce($2, name), scopes = coalesce($3, scopes), \
     status = coalesce($4, status), hashed_password = coalesce($5, hashed_password), version = version + 1 \
     WHERE id = $1";
const NOTE_LOGIN: &str =
    "UPDATE users SET last_login_at = $2 WHERE id = $1 AND (last_login_at IS NULL OR last_login_at < $2)";
