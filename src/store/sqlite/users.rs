//! Users made, found, listed and changed. Each change answers with the record as it then stands.

use async_trait::async_trait;
use rusqlite::{Connection, Transaction, params};

use super::Sqlite;
use super::change::{create, insert, json, run};
use super::paging::{Span, span};
use super::rows::read_all;
use super::sessions::end_sessions_of;
use super::tenants::{heir, tenant_named};
use crate::clock::Timestamp;
use crate::store::rows::{select_users, tenant_columns};
use crate::store::{
    Created, Email, NewUser, Once, Page, Reach, StoreError, UserRecord, UserStatus, UserUpdate, Users, rules,
};
use crate::tenant::TenantId;

#[async_trait]
impl Users for Sqlite {
    async fn create_user(&self, new: NewUser, once: Option<Once>) -> Result<Created<UserRecord>, StoreError> {
        new.check()?;
        self.change(move |transaction| {
            let find = |id: &str| user_by_id(transaction, &Reach::Platform, id);
            create(transaction, "user", once.as_ref(), find, |id| insert_user(transaction, id, &new))
        })
        .await
    }

    async fn list_users(&self, reach: &Reach, page: Page) -> Result<Vec<UserRecord>, StoreError> {
        let reach = reach.clone();
        self.read(move |connection| {
            let Span { after_at, after_id, limit } = span(connection, CURSOR, page, &reach)?;
            match reach.tenant().map(TenantId::as_str) {
                Some(tenant) => read_all(connection, LIST_OF_TENANT, params![after_at, after_id, limit, tenant]),
                None => read_all(connection, LIST, params![after_at, after_id, limit]),
            }
        })
        .await
    }

    async fn user(&self, reach: &Reach, id: &str) -> Result<UserRecord, StoreError> {
        let (reach, id) = (reach.clone(), id.to_owned());
        self.read(move |connection| user_by_id(connection, &reach, &id)).await
    }

    async fn find_user(&self, tenant: &str, email: &Email) -> Result<Option<UserRecord>, StoreError> {
        let (tenant, email) = (tenant.to_owned(), email.clone());
        self.lookup(move |connection| {
            let tenant = match tenant_named(connection, &Reach::Platform, &tenant) {
                Err(StoreError::NotFound(_)) => return Ok(None),
                found => found?,
            };
            let row = params![tenant.id.as_str(), email.as_str()];
            Ok(read_all(connection, BY_EMAIL, row)?.pop())
        })
        .await
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
        let (reach, id) = (reach.clone(), id.to_owned());
        self.change(move |transaction| {
            let user = user_by_id(transaction, &reach, &id)?;
            rules::check_version(user.version, expected)?;
            if update.ends_sessions(&user) {
                end_sessions_of(transaction, &id, access_until)?;
            }
            if !update.changes(&user) {
                return Ok(user);
            }
            let scopes = update.scopes.as_ref().map(json).transpose()?;
            let status = update.status.map(UserStatus::as_str);
            run(transaction, UPDATE, params![id, update.name, scopes, status, update.hashed_password])?;
            user_by_id(transaction, &reach, &id)
        })
        .await
    }

    async fn note_login(&self, tenant: &TenantId, user: &str, at: Timestamp) -> Result<(), StoreError> {
        let (tenant, id) = (tenant.clone(), user.to_owned());
        self.change(move |transaction| run(transaction, NOTE_LOGIN, params![id, at.0, tenant.as_str()]).map(drop)).await
    }
}

pub(super) fn user_by_id(connection: &Connection, reach: &Reach, id: &str) -> Result<UserRecord, StoreError> {
    let found = read_all::<UserRecord>(connection, BY_ID, [id])?.pop();
    found.filter(|user| reach.covers(&user.tenant.id)).ok_or(StoreError::NotFound("user"))
}

fn insert_user(transaction: &Transaction<'_>, id: &str, new: &NewUser) -> Result<UserRecord, StoreError> {
    let tenant = heir(transaction, &new.tenant)?;
    let (email, scopes) = (new.email.as_str(), json(&new.scopes)?);
    let now = Timestamp::now().0;
    let row = params![id, tenant.id.as_str(), email, new.name, new.hashed_password, scopes, now];
    insert(transaction, INSERT, row, || rules::address_taken(&tenant))?;
    user_by_id(transaction, &Reach::Platform, id)
}

const INSERT: &str = "INSERT INTO users (id, tenant_id, email, name, hashed_password, scopes, status, created_at) \
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, 'active', ?7)";
const CURSOR: &str = "SELECT created_at FROM users WHERE id = ?1 AND (?2 IS NULL OR tenant_id = ?2)";
pub(super) const LIST: &str =
    select_users!("WHERE (u.created_at, u.id) > (?1, ?2) ORDER BY u.created_at, u.id LIMIT ?3");
pub(super) const LIST_OF_TENANT: &str =
    select_users!("WHERE u.tenant_id = ?4 AND (u.created_at, u.id) > (?1, ?2) ORDER BY u.created_at, u.id LIMIT ?3");
const BY_ID: &str = select_users!("WHERE u.id = ?1");
pub(super) const BY_EMAIL: &str = select_users!("WHERE u.tenant_id = ?1 AND u.email = ?2");
const UPDATE: &str = "UPDATE users SET name = coalesce(?2, name), scopes = coalesce(?3, scopes), \
     status = coalesce(?4, status), hashed_password = coalesce(?5, hashed_password), version = version + 1 \
     WHERE id = ?1";
const NOTE_LOGIN: &str = "UPDATE users SET last_login_at = ?2 \
     WHERE id = ?1 AND tenant_id = ?3 AND (last_login_at IS NULL OR last_login_at < ?2)";
