//! Sessions begun, carried on and ended, and what is refused before its time.
//!
//! A refresh token is good for one use. A second use means that two hands have it, and then the whole family ends;
//! unless it comes at once and nobody has used what the first use gave: then an answer was lost on its way.
//!
//! Whoever touches a family holds its name until the transaction ends, so that no token is added to a family that is
//! being ended. Users are held before families, always, so that no two transactions wait for each other.

use std::time::Duration;

use async_trait::async_trait;
use tokio_postgres::types::Type;

use super::Postgres;
use super::change::{Change, within};
use super::rows::Moment;
use super::tenants::Hold;
use super::users::user_by_id;
use crate::clock::Timestamp;
use crate::store::rules::{self, Family, Refresh, Standing};
use crate::store::{NewRefresh, Reach, Refreshed, Sessions, StoreError, Successor, UserRecord};
use crate::tenant::TenantId;

#[async_trait]
impl Sessions for Postgres {
    async fn start_session(&self, first: NewRefresh) -> Result<(), StoreError> {
        let NewRefresh { id, family, user, tenant, user_version, expires_at } = &first;
        let reach = &Reach::Tenant(tenant.clone());
        within!(self, reach, |change| {
            let record = user_by_id(&change, user, Hold::Share).await?;
            rules::may_begin(&record, *user_version, tenant)?;
            change.hold_name("family", family).await?;
            forget_ended(&change, Timestamp::now()).await?;
            change.reach(reach).await?;
            let next = Successor { id: id.clone(), expires_at: *expires_at };
            insert_refresh(&change, &next, family, &record, Timestamp::now()).await
        })
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
        let (reach, next) = (&Reach::Tenant(tenant.clone()), &next);
        within!(self, reach, |change| {
            let Some(Refresh { family, user, .. }) = find_refresh(&change, id).await? else {
                return Ok(Refreshed::Refused);
            };
            let user = match user_by_id(&change, &user, Hold::Share).await {
                Err(StoreError::NotFound(_)) => return Ok(Refreshed::Refused),
                found => found?,
            };
            change.hold_name("family", &family).await?;
            if is_denied(&change, reach, &[id, &family], now).await? {
                return Ok(Refreshed::Refused);
            }
            // Read again: whoever held the family before may have used it.
            let Some(token) = find_refresh(&change, id).await? else { return Ok(Refreshed::Refused) };
            match token.standing(&family_of(&change, &token).await?, now, grace) {
                Standing::Good if rules::may_go_on(&user, tenant) => {
                    exchange(&change, &token, next, &user, now).await?;
                    Ok(Refreshed::Done { user: Box::new(user), family })
                }
                Standing::Reused => {
                    end_family(&change, &family, now, access_until).await?;
                    Ok(Refreshed::Reused { family, user: token.user })
                }
                Standing::Good | Standing::Over => Ok(Refreshed::Refused),
            }
        })
    }

    async fn end_session(&self, reach: &Reach, family: &str, access_until: Timestamp) -> Result<(), StoreError> {
        within!(self, reach, |change| end_family(&change, family, Timestamp::now(), access_until).await)
    }

    async fn revoke_token(&self, jti: &str, expires_at: Timestamp) -> Result<(), StoreError> {
        within!(self, &Reach::Platform, |change| deny(&change, jti, expires_at).await)
    }
}

/// Ends every session of a user that did not end before.
pub(super) async fn end_sessions_of(change: &Change, user: &str, access_until: Timestamp) -> Result<(), StoreError> {
    for row in change.query(FAMILIES_OF_USER, &[(&user, Type::TEXT)]).await? {
        end_family(change, row.get(0), Timestamp::now(), access_until).await?;
    }
    Ok(())
}

async fn find_refresh(change: &Change, id: &str) -> Result<Option<Refresh>, StoreError> {
    Ok(change.all(BY_ID, &[(&id, Type::TEXT)]).await?.pop())
}

async fn family_of(change: &Change, token: &Refresh) -> Result<Family, StoreError> {
    let living = change.query(FAMILY_LIVES, &[(&token.family, Type::TEXT)]).await?;
    let successor = match &token.successor {
        Some(successor) => find_refresh(change, successor).await?,
        None => None,
    };
    let successor_lies_unused = successor.is_some_and(|successor| successor.lies_unused());
    Ok(Family { lives: !living.is_empty(), successor_lies_unused })
}

async fn exchange(
    change: &Change,
    token: &Refresh,
    next: &Successor,
    user: &UserRecord,
    now: Timestamp,
) -> Result<(), StoreError> {
    let at = Moment(now);
    if let Some(unused) = &token.successor {
        change.write(REVOKE_ONE, &[(unused, Type::TEXT), (&at, Type::TIMESTAMPTZ)]).await?;
    }
    let row = [(&token.id as _, Type::TEXT), (&at as _, Type::TIMESTAMPTZ), (&next.id as _, Type::TEXT)];
    change.write(USE, &row).await?;
    insert_refresh(change, next, &token.family, user, now).await
}

async fn insert_refresh(
    change: &Change,
    token: &Successor,
    family: &str,
    user: &UserRecord,
    now: Timestamp,
) -> Result<(), StoreError> {
    let row = [
        (&token.id as _, Type::TEXT),
        (&family as _, Type::TEXT),
        (&user.tenant.id.as_str() as _, Type::TEXT),
        (&user.id as _, Type::TEXT),
        (&Moment(token.expires_at) as _, Type::TIMESTAMPTZ),
        (&Moment(now) as _, Type::TIMESTAMPTZ),
    ];
    match change.write(INSERT, &row).await? {
        1 => Ok(()),
        _ => Err(StoreError::Conflict("a refresh token with this id is stored already".to_owned())),
    }
}

/// Whoever logs in tidies up after all who did before, of any tenant.
async fn forget_ended(change: &Change, now: Timestamp) -> Result<(), StoreError> {
    change.reach(&Reach::Platform).await?;
    let kept_since = Moment(Timestamp(now.0.saturating_sub(rules::KEPT_SECONDS)));
    change.write(FORGET_ENDED, &[(&kept_since, Type::TIMESTAMPTZ)]).await.map(drop)
}

/// Whether a token or its session was revoked by name. Names are nobody's in particular, and so the platform's.
async fn is_denied(change: &Change, reach: &Reach, names: &[&str; 2], now: Timestamp) -> Result<bool, StoreError> {
    change.reach(&Reach::Platform).await?;
    let names = names.as_slice();
    let found = change.query(IS_DENIED, &[(&names, Type::TEXT_ARRAY), (&Moment(now), Type::TIMESTAMPTZ)]).await?;
    change.reach(reach).await?;
    Ok(!found.is_empty())
}

async fn end_family(change: &Change, family: &str, now: Timestamp, access_until: Timestamp) -> Result<(), StoreError> {
    change.hold_name("family", family).await?;
    change.write(REVOKE_FAMILY, &[(&family, Type::TEXT), (&Moment(now), Type::TIMESTAMPTZ)]).await?;
    deny(change, family, access_until).await
}

async fn deny(change: &Change, id: &str, until: Timestamp) -> Result<(), StoreError> {
    if id.contains('\0') {
        return Err(StoreError::Invalid("a token's or a session's id has no NUL"));
    }
    change.write(DENY, &[(&id, Type::TEXT), (&Moment(until), Type::TIMESTAMPTZ)]).await.map(drop)
}

const INSERT: &str = "INSERT INTO refresh_tokens (id, family, tenant_id, user_id, expires_at, created_at) \
     VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING RETURNING id";
pub(super) const IS_DENIED: &str = "SELECT 1 FROM revoked_tokens WHERE jti = ANY ($1) AND expires_at > $2 LIMIT 1";
pub(super) const BY_ID: &str = "SELECT id, family, tenant_id, user_id, expires_at, used_at, successor, revoked_at \
     FROM refresh_tokens WHERE id = $1";
const USE: &str = "UPDATE refresh_tokens SET used_at = coalesce(used_at, $2), successor = $3 WHERE id = $1";
const REVOKE_ONE: &str = "UPDATE refresh_tokens SET revoked_at = $2 WHERE id = $1";
pub(super) const REVOKE_FAMILY: &str =
    "UPDATE refresh_tokens SET revoked_at = $2 WHERE family = $1 AND revoked_at IS NULL";
pub(super) const FAMILY_LIVES: &str = "SELECT 1 FROM refresh_tokens WHERE family = $1 AND revoked_at IS NULL LIMIT 1";
pub(super) const FAMILIES_OF_USER: &str =
    "SELECT DISTINCT family FROM refresh_tokens WHERE user_id = $1 AND revoked_at IS NULL ORDER BY family";
/// A few at a time, and none that another transaction holds: nobody waits for the tidying up.
pub(super) const FORGET_ENDED: &str = "DELETE FROM refresh_tokens WHERE id IN (SELECT id FROM refresh_tokens \
     WHERE expires_at < $1 ORDER BY expires_at LIMIT 100 FOR UPDATE SKIP LOCKED)";
const DENY: &str = "SELECT wardgate_revoke_token($1, $2)";
