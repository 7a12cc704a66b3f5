//! Sessions begun, carried on and ended, and what is refused before its time.
//!
//! A refresh token is good for one use. A second use means that two hands have it, and then the whole family ends;
//! unless it comes at once and nobody has used what the first use gave: then an answer was lost on its way.

use std::time::Duration;

use async_trait::async_trait;
use rusqlite::{Transaction, params};

use super::change::{insert, run};
use super::rows::read_all;
use super::users::user_by_id;
use super::{Sqlite, engine};
use crate::clock::Timestamp;
use crate::store::rules::{self, Family, Refresh, Standing};
use crate::store::{NewRefresh, Reach, Refreshed, Sessions, StoreError, Successor};
use crate::tenant::TenantId;

#[async_trait]
impl Sessions for Sqlite {
    async fn start_session(&self, first: NewRefresh) -> Result<(), StoreError> {
        self.change(move |transaction| {
            let NewRefresh { id, family, user, tenant, user_version, expires_at } = &first;
            let record = user_by_id(transaction, &Reach::Tenant(tenant.clone()), user)?;
            rules::may_begin(&record, *user_version, tenant)?;
            let next = Successor { id: id.clone(), expires_at: *expires_at };
            insert_refresh(transaction, &next, &Owner { family, tenant: tenant.as_str(), user }, Timestamp::now())
        })
        .await
    }

    async fn refresh(
        &self,
        tenant: &TenantId,
        id: &str,
        next: Successor,
        now: Timestamp,
        grace: Duration,
        access_until: Timestamp,
    ) -> Result<Refreshed, StoreError> {
        let (tenant, id) = (tenant.clone(), id.to_owned());
        self.change(move |transaction| {
            let found = find_refresh(transaction, &id)?.filter(|token| token.tenant == tenant.as_str());
            let Some(token) = found else { return Ok(Refreshed::Refused) };
            if is_denied(transaction, &[&id, &token.family], now)? {
                return Ok(Refreshed::Refused);
            }
            let family = Family {
                lives: family_lives(transaction, &token.family)?,
                successor_lies_unused: successor_lies_unused(transaction, &token)?,
            };
            match token.standing(&family, now, grace) {
                Standing::Good => exchange(transaction, &tenant, token, &next, now),
                Standing::Reused => {
                    end_family(transaction, &token.family, now, access_until)?;
                    Ok(Refreshed::Reused { family: token.family, user: token.user })
                }
                Standing::Over => Ok(Refreshed::Refused),
            }
        })
        .await
    }

    async fn end_session(&self, reach: &Reach, family: &str, access_until: Timestamp) -> Result<(), StoreError> {
        let (reach, family, now) = (reach.clone(), family.to_owned(), Timestamp::now());
        self.change(move |transaction| {
            let tenant = reach.tenant().map(TenantId::as_str);
            run(transaction, REVOKE_FAMILY_OF, params![family, now.0, tenant])?;
            deny(transaction, &family, now, access_until)
        })
        .await
    }

    async fn revoke_token(&self, jti: &str, expires_at: Timestamp) -> Result<(), StoreError> {
        let jti = jti.to_owned();
        self.change(move |transaction| deny(transaction, &jti, Timestamp::now(), expires_at)).await
    }
}

/// Ends every session of a user that did not end before.
pub(super) fn end_sessions_of(
    transaction: &Transaction<'_>,
    user: &str,
    access_until: Timestamp,
) -> Result<(), StoreError> {
    let now = Timestamp::now();
    let mut query = transaction.prepare_cached(FAMILIES_OF_USER).map_err(engine)?;
    let families = query.query_map([user], |row| row.get(0)).map_err(engine)?;
    let families: Vec<String> = families.collect::<Result<_, _>>().map_err(engine)?;
    families.iter().try_for_each(|family| end_family(transaction, family, now, access_until))
}

fn successor_lies_unused(transaction: &Transaction<'_>, token: &Refresh) -> Result<bool, StoreError> {
    let Some(successor) = &token.successor else { return Ok(false) };
    Ok(find_refresh(transaction, successor)?.is_some_and(|successor| successor.lies_unused()))
}

fn exchange(
    transaction: &Transaction<'_>,
    tenant: &TenantId,
    token: Refresh,
    next: &Successor,
    now: Timestamp,
) -> Result<Refreshed, StoreError> {
    let user = match user_by_id(transaction, &Reach::Tenant(tenant.clone()), &token.user) {
        Err(StoreError::NotFound(_)) => return Ok(Refreshed::Refused),
        found => found?,
    };
    if !rules::may_go_on(&user, tenant) {
        return Ok(Refreshed::Refused);
    }
    if let Some(unused) = &token.successor {
        run(transaction, REVOKE_ONE, params![unused, now.0])?;
    }
    run(transaction, USE, params![token.id, now.0, next.id])?;
    let owner = Owner { family: &token.family, tenant: tenant.as_str(), user: &token.user };
    insert_refresh(transaction, next, &owner, now)?;
    Ok(Refreshed::Done { user: Box::new(user), family: token.family })
}

/// Whose a refresh token is.
struct Owner<'a> {
    family: &'a str,
    tenant: &'a str,
    user: &'a str,
}

fn insert_refresh(
    transaction: &Transaction<'_>,
    token: &Successor,
    owner: &Owner<'_>,
    now: Timestamp,
) -> Result<(), StoreError> {
    run(transaction, FORGET_ENDED, [now.0.saturating_sub(rules::KEPT_SECONDS)])?;
    let Owner { family, tenant, user } = owner;
    let row = params![token.id, family, tenant, user, token.expires_at.0, now.0];
    insert(transaction, INSERT, row, || {
        StoreError::Conflict("a refresh token with this id is stored already".to_owned())
    })
}

/// Whether a token or its session was revoked by name.
fn is_denied(transaction: &Transaction<'_>, names: &[&str; 2], now: Timestamp) -> Result<bool, StoreError> {
    let mut query = transaction.prepare_cached(IS_DENIED).map_err(engine)?;
    query.query_row(params![names[0], names[1], now.0], |row| row.get(0)).map_err(engine)
}

fn find_refresh(transaction: &Transaction<'_>, id: &str) -> Result<Option<Refresh>, StoreError> {
    Ok(read_all(transaction, BY_ID, [id])?.pop())
}

fn family_lives(transaction: &Transaction<'_>, family: &str) -> Result<bool, StoreError> {
    let mut query = transaction.prepare_cached(FAMILY_LIVES).map_err(engine)?;
    query.exists([family]).map_err(engine)
}

fn end_family(
    transaction: &Transaction<'_>,
    family: &str,
    now: Timestamp,
    access_until: Timestamp,
) -> Result<(), StoreError> {
    run(transaction, REVOKE_FAMILY, params![family, now.0])?;
    deny(transaction, family, now, access_until)
}

fn deny(transaction: &Transaction<'_>, id: &str, now: Timestamp, until: Timestamp) -> Result<(), StoreError> {
    run(transaction, FORGET_DENIED, [now.0])?;
    run(transaction, DENY, params![id, until.0]).map(drop)
}

const INSERT: &str = "INSERT INTO refresh_tokens (id, family, tenant_id, user_id, expires_at, created_at) \
     VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
const IS_DENIED: &str = "SELECT EXISTS (SELECT 1 FROM revoked_tokens WHERE jti IN (?1, ?2) AND expires_at > ?3)";
pub(super) const BY_ID: &str = "SELECT id, family, tenant_id, user_id, expires_at, used_at, successor, revoked_at \
     FROM refresh_tokens WHERE id = ?1";
const USE: &str = "UPDATE refresh_tokens SET used_at = coalesce(used_at, ?2), successor = ?3 WHERE id = ?1";
const REVOKE_ONE: &str = "UPDATE refresh_tokens SET revoked_at = ?2 WHERE id = ?1";
pub(super) const REVOKE_FAMILY: &str =
    "UPDATE refresh_tokens SET revoked_at = ?2 WHERE family = ?1 AND revoked_at IS NULL";
pub(super) const REVOKE_FAMILY_OF: &str = "UPDATE refresh_tokens SET revoked_at = ?2 \
     WHERE family = ?1 AND revoked_at IS NULL AND (?3 IS NULL OR tenant_id = ?3)";
pub(super) const FAMILY_LIVES: &str = "SELECT 1 FROM refresh_tokens WHERE family = ?1 AND revoked_at IS NULL";
pub(super) const FAMILIES_OF_USER: &str =
    "SELECT DISTINCT family FROM refresh_tokens WHERE user_id = ?1 AND revoked_at IS NULL";
pub(super) const FORGET_ENDED: &str = "DELETE FROM refresh_tokens WHERE expires_at < ?1";
pub(super) const FORGET_DENIED: &str = "DELETE FROM revoked_tokens WHERE expires_at <= ?1";
const DENY: &str = "INSERT INTO revoked_tokens (jti, expires_at) VALUES (?1, ?2) \
     ON CONFLICT (jti) DO UPDATE SET expires_at = max(expires_at, excluded.expires_at)";
pub(super) const DENIED: &str = "SELECT jti FROM revoked_tokens WHERE expires_at > ?1";
