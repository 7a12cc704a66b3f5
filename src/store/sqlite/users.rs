//! Users made, found, listed and changed. Each change answers with the record as it then stands.

use rusqlite::{Connection, Transaction, params};

use super::Sqlite;
use super::change::{check_version, create, insert, json, run};
use super::paging::{Span, span};
use super::rows::{read_all, read_user, select_users, tenant_columns};
use super::sessions::end_sessions_of;
use super::tenants::{heir, tenant_named};
use crate::clock::Timestamp;
use crate::store::{Created, Email, NewUser, Once, Page, StoreError, UserRecord, UserStatus, UserUpdate};
use crate::tenant::TenantId;

impl Sqlite {
    /// A deleted tenant gets no users, and an address is one user's in its tenant.
    pub async fn create_user(&self, new: NewUser, once: Option<Once>) -> Result<Created<UserRecord>, StoreError> {
        new.check()?;
        self.change(move |transaction| {
            let find = |id: &str| user_by_id(transaction, id);
            create(transaction, "user", once.as_ref(), find, |id| insert_user(transaction, id, &new))
        })
        .await
    }

    /// All users, or one tenant's, oldest first; the disabled among them.
    pub async fn list_users(&self, tenant: Option<TenantId>, page: Page) -> Result<Vec<UserRecord>, StoreError> {
        self.read(move |connection| {
            let Span { after_at, after_id, limit } = span(connection, CURSOR, page, tenant.as_ref())?;
            let tenant = tenant.as_ref().map(TenantId::as_str);
            match tenant {
                Some(tenant) => {
                    read_all(connection, LIST_OF_TENANT, params![after_at, after_id, limit, tenant], read_user)
                }
                None => read_all(connection, LIST, params![after_at, after_id, limit], read_user),
            }
        })
        .await
    }

    pub async fn user(&self, id: &str) -> Result<UserRecord, StoreError> {
        let id = id.to_owned();
        self.read(move |connection| user_by_id(connection, &id)).await
    }

    /// The user who logs in so, disabled or not; none where the tenant is unknown too. A tenant is named by id or slug.
    pub async fn find_user(&self, tenant: &str, email: &Email) -> Result<Option<UserRecord>, StoreError> {
        let (tenant, email) = (tenant.to_owned(), email.clone());
        self.lookup(move |connection| {
            let tenant = match tenant_named(connection, &tenant) {
                Err(StoreError::NotFound(_)) => return Ok(None),
                found => found?,
            };
            let row = params![tenant.id.as_str(), email.as_str()];
            Ok(read_all(connection, BY_EMAIL, row, read_user)?.pop())
        })
        .await
    }

    /// `expected` is the version that the caller knows; what changes nothing leaves it as it is.
    ///
    /// Whoever is disabled, gets a new password or other scopes is logged out in the same transaction: the refresh
    /// tokens are revoked, and the sessions denied until `access_until`, when the last access token of any has ended.
    pub async fn update_user(
        &self,
        id: &str,
        update: UserUpdate,
        expected: Option<u64>,
        access_until: Timestamp,
    ) -> Result<UserRecord, StoreError> {
        update.check()?;
        let id = id.to_owned();
        self.change(move |transaction| {
            let user = user_by_id(transaction, &id)?;
            check_version(user.version, expected)?;
            if update.ends_sessions(&user) {
                end_sessions_of(transaction, &id, access_until)?;
            }
            if !update.changes(&user) {
                return Ok(user);
            }
            let scopes = update.scopes.as_ref().map(json).transpose()?;
            let status = update.status.map(UserStatus::as_str);
            run(transaction, UPDATE, params![id, update.name, scopes, status, update.hashed_password])?;
            user_by_id(transaction, &id)
        })
        .await
    }

    /// Notes when a user last logged in. The time never moves back, and a user who is gone is passed over.
    pub async fn note_login(&self, user_id: &str, at: Timestamp) -> Result<(), StoreError> {
        let id = user_id.to_owned();
        self.change(move |transaction| run(transaction, NOTE_LOGIN, params![id, at.0]).map(drop)).await
    }
}

pub(super) fn user_by_id(connection: &Connection, id: &str) -> Result<UserRecord, StoreError> {
    read_all(connection, BY_ID, [id], read_user)?.pop().ok_or(StoreError::NotFound("user"))
}

fn insert_user(transaction: &Transaction<'_>, id: &str, new: &NewUser) -> Result<UserRecord, StoreError> {
    let tenant = heir(transaction, &new.tenant)?;
    let (email, scopes) = (new.email.as_str(), json(&new.scopes)?);
    let now = Timestamp::now().0;
    let row = params![id, tenant.id.as_str(), email, new.name, new.hashed_password, scopes, now];
    let taken = || format!("a user of the tenant `{}` has this e-mail address already", tenant.slug);
    insert(transaction, INSERT, row, taken)?;
    user_by_id(transaction, id)
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
const NOTE_LOGIN: &str =
    "UPDATE users SET last_login_at = ?2 WHERE id = ?1 AND (last_login_at IS NULL OR last_login_at < ?2)";
