//! Sessions begun, carried on and ended, and what is refused before its time.
//!
//! A refresh token is good for one use. A second use means that two hands have it, and then the whole family ends;
//! unless it comes at once and nobody has used what the first use gave: then an answer was lost on its way.

use std::time::Duration;

use rusqlite::{OptionalExtension, Row, Transaction, params};

use super::change::{insert, run};
use super::users::user_by_id;
use super::{Sqlite, engine};
use crate::clock::Timestamp;
use crate::store::{NewRefresh, Refreshed, StoreError, Successor, UserRecord, UserStatus};
use crate::tenant::TenantStatus;

impl Sqlite {
    /// Stores the first refresh token of a session. A user who is not active, or whose tenant is not, gets none: that
    /// is a `Conflict`, because it was otherwise when the password was checked.
    pub async fn start_session(&self, first: NewRefresh) -> Result<(), StoreError> {
        self.change(move |transaction| {
            let NewRefresh { id, family, user, tenant, user_version, expires_at } = &first;
            let tenant = tenant.as_str();
            let record = user_by_id(transaction, user)?;
            if record.version != *user_version {
                return Err(StoreError::Conflict("the user has changed meanwhile".to_owned()));
            }
            if !may_go_on(&record, tenant) {
                return Err(StoreError::Conflict("the user or the tenant is no longer active".to_owned()));
            }
            let next = Successor { id: id.clone(), expires_at: *expires_at };
            insert_refresh(transaction, &next, &Owner { family, tenant, user }, Timestamp::now())
        })
        .await
    }

    /// Takes a refresh token for its successor, or ends its family, in one transaction.
    ///
    /// A second use within `grace` of the first, while the first one's successor lies unused, is a retry: it gets a
    /// successor of its own, and the first one's is revoked. If both hands go on, the one with the revoked successor
    /// ends the family. A family that ends is denied until `access_until`, when its last access token has ended.
    pub async fn refresh(
        &self,
        id: &str,
        next: Successor,
        now: Timestamp,
        grace: Duration,
        access_until: Timestamp,
    ) -> Result<Refreshed, StoreError> {
        let id = id.to_owned();
        self.change(move |transaction| {
            let Some(token) = find_refresh(transaction, &id)? else { return Ok(Refreshed::Refused) };
            if is_denied(transaction, &[&id, &token.family], now)? {
                return Ok(Refreshed::Refused);
            }
            match token.standing(transaction, now, grace)? {
                Standing::Good => token.exchange(transaction, &next, now),
                Standing::Reused => {
                    end_family(transaction, &token.family, now, access_until)?;
                    Ok(Refreshed::Reused { family: token.family, user: token.user })
                }
                Standing::Over => Ok(Refreshed::Refused),
            }
        })
        .await
    }

    /// Revokes the family's refresh tokens and denies the family until `access_until`, when its last access token has
    /// ended. A family that nobody knows is denied as well.
    pub async fn end_session(&self, family: &str, access_until: Timestamp) -> Result<(), StoreError> {
        let family = family.to_owned();
        self.change(move |transaction| end_family(transaction, &family, Timestamp::now(), access_until)).await
    }

    /// Denies a token: by its `jti`, or by `sha256:` and the digest of it in hexadecimal digits. `expires_at` is when it
    /// is refused anyway, so where verification is lenient about clocks, that much after its `exp`. A second time for
    /// the same token keeps the later end.
    pub async fn revoke_token(&self, jti: &str, expires_at: Timestamp) -> Result<(), StoreError> {
        let jti = jti.to_owned();
        self.change(move |transaction| deny(transaction, &jti, Timestamp::now(), expires_at)).await
    }

    /// Everything that is denied at this time: what `revoke_token` was told, and the families that ended.
    pub async fn revoked_tokens(&self, now: Timestamp) -> Result<Vec<String>, StoreError> {
        self.read(move |connection| {
            let mut query = connection.prepare_cached(DENIED).map_err(engine)?;
            let denied = query.query_map([now.0], |row| row.get(0)).map_err(engine)?;
            denied.collect::<Result<_, _>>().map_err(engine)
        })
        .await
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

/// A refresh token as it is stored.
struct Refresh {
    id: String,
    family: String,
    tenant: String,
    user: String,
    expires_at: Timestamp,
    used_at: Option<Timestamp>,
    successor: Option<String>,
    revoked: bool,
}

/// What a presented refresh token is worth.
enum Standing {
    /// Never used, or used a moment ago by somebody whom the answer did not reach.
    Good,
    /// Two hands have it.
    Reused,
    /// Expired, or its family has ended.
    Over,
}

impl Refresh {
    fn standing(&self, transaction: &Transaction<'_>, now: Timestamp, grace: Duration) -> Result<Standing, StoreError> {
        if self.expires_at <= now {
            return Ok(Standing::Over);
        }
        if self.revoked {
            // Revoked alone, it gave way to a retry's successor: the retry was not the hand that shows this one.
            let lives = family_lives(transaction, &self.family)?;
            return Ok(if lives { Standing::Reused } else { Standing::Over });
        }
        let Some(used_at) = self.used_at else { return Ok(Standing::Good) };
        let at_once = now < used_at.after(grace);
        let retried = at_once && self.successor_lies_unused(transaction)?;
        Ok(if retried { Standing::Good } else { Standing::Reused })
    }

    fn successor_lies_unused(&self, transaction: &Transaction<'_>) -> Result<bool, StoreError> {
        let Some(successor) = &self.successor else { return Ok(false) };
        let successor = find_refresh(transaction, successor)?;
        Ok(successor.is_some_and(|successor| successor.used_at.is_none() && !successor.revoked))
    }

    fn exchange(
        self,
        transaction: &Transaction<'_>,
        next: &Successor,
        now: Timestamp,
    ) -> Result<Refreshed, StoreError> {
        let user = match user_by_id(transaction, &self.user) {
            Err(StoreError::NotFound(_)) => return Ok(Refreshed::Refused),
            found => found?,
        };
        if !may_go_on(&user, &self.tenant) {
            return Ok(Refreshed::Refused);
        }
        if let Some(unused) = &self.successor {
            run(transaction, REVOKE_ONE, params![unused, now.0])?;
        }
        run(transaction, USE, params![self.id, now.0, next.id])?;
        let owner = Owner { family: &self.family, tenant: &self.tenant, user: &self.user };
        insert_refresh(transaction, next, &owner, now)?;
        Ok(Refreshed::Done { user: Box::new(user), family: self.family })
    }
}

/// Whose a refresh token is.
struct Owner<'a> {
    family: &'a str,
    tenant: &'a str,
    user: &'a str,
}

fn may_go_on(user: &UserRecord, tenant: &str) -> bool {
    user.status == UserStatus::Active && user.tenant.status == TenantStatus::Active && user.tenant.id.as_str() == tenant
}

fn insert_refresh(
    transaction: &Transaction<'_>,
    token: &Successor,
    owner: &Owner<'_>,
    now: Timestamp,
) -> Result<(), StoreError> {
    run(transaction, FORGET_ENDED, [now.0.saturating_sub(KEPT_SECONDS)])?;
    let Owner { family, tenant, user } = owner;
    let row = params![token.id, family, tenant, user, token.expires_at.0, now.0];
    insert(transaction, INSERT, row, || "a refresh token with this id is stored already".to_owned())
}

/// Whether a token or its session was revoked by name.
fn is_denied(transaction: &Transaction<'_>, names: &[&str; 2], now: Timestamp) -> Result<bool, StoreError> {
    let mut query = transaction.prepare_cached(IS_DENIED).map_err(engine)?;
    query.query_row(params![names[0], names[1], now.0], |row| row.get(0)).map_err(engine)
}

fn find_refresh(transaction: &Transaction<'_>, id: &str) -> Result<Option<Refresh>, StoreError> {
    let mut query = transaction.prepare_cached(BY_ID).map_err(engine)?;
    query.query_row([id], read_refresh).optional().map_err(engine)
}

fn read_refresh(row: &Row<'_>) -> rusqlite::Result<Refresh> {
    Ok(Refresh {
        id: row.get("id")?,
        family: row.get("family")?,
        tenant: row.get("tenant_id")?,
        user: row.get("user_id")?,
        expires_at: Timestamp(row.get("expires_at")?),
        used_at: row.get::<_, Option<i64>>("used_at")?.map(Timestamp),
        successor: row.get("successor")?,
        revoked: row.get::<_, Option<i64>>("revoked_at")?.is_some(),
    })
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
pub(super) const FAMILY_LIVES: &str = "SELECT 1 FROM refresh_tokens WHERE family = ?1 AND revoked_at IS NULL";
pub(super) const FAMILIES_OF_USER: &str =
    "SELECT DISTINCT family FROM refresh_tokens WHERE user_id = ?1 AND revoked_at IS NULL";
pub(super) const FORGET_ENDED: &str = "DELETE FROM refresh_tokens WHERE expires_at < ?1";
pub(super) const FORGET_DENIED: &str = "DELETE FROM revoked_tokens WHERE expires_at <= ?1";
const DENY: &str = "INSERT INTO revoked_tokens (jti, expires_at) VALUES (?1, ?2) \
     ON CONFLICT (jti) DO UPDATE SET expires_at = max(expires_at, excluded.expires_at)";
pub(super) const DENIED: &str = "SELECT jti FROM revoked_tokens WHERE expires_at > ?1";

/// An expired token is refused with or without its row; a day is for people who look into what happened.
const KEPT_SECONDS: i64 = 24 * 3600;
