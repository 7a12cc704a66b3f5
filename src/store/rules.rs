//! What holds for records whatever the engine: decided here once, on what an engine has read within its transaction.

use std::time::Duration;

use uuid::Uuid;

use super::{
    KeyLookup, KeyRecord, NewKey, Once, Outage, Reach, Rotation, StoreError, TenantUpdate, UserRecord, UserStatus,
};
use crate::clock::Timestamp;
use crate::tenant::{Slug, Tenant, TenantId, TenantStatus};

/// Whoever asks again does so within a day, or has looked at what came of the first time.
pub(super) const ONCE_SECONDS: i64 = 24 * 3600;

/// An expired refresh token is refused with or without its row; a day is for people who look into what happened.
pub(super) const KEPT_SECONDS: i64 = 24 * 3600;

/// How many keys may share a public id: half of what a lookup answers, since a lookup may name two readings of one key.
pub(super) const PREFIX_SHARED_MAX: i64 = 4;

pub(super) fn new_id() -> String {
    Uuid::now_v7().to_string()
}

pub(super) fn check_version(found: u64, expected: Option<u64>) -> Result<(), StoreError> {
    if expected.is_some_and(|expected| expected != found) { Err(StoreError::Stale) } else { Ok(()) }
}

/// What was asked under an idempotency key, as it is kept. `kind` keeps a tenant's key from naming a user, whatever
/// the fingerprints.
pub(super) fn fingerprint(kind: &str, once: &Once) -> String {
    format!("{kind} {}", once.fingerprint)
}

/// What a record was made for before, where it was made by the same request.
pub(super) fn made_before(fingerprint: &str, found: Option<(String, String)>) -> Result<Option<String>, StoreError> {
    match found {
        None => Ok(None),
        Some((asked, id)) if asked == fingerprint => Ok(Some(id)),
        Some(_) => Err(StoreError::Repeated),
    }
}

// --- Tenants --------------------------------------------------------------------------------------------------------

/// Only what something may be made for or changed in.
pub(super) fn refuse_deleted(tenant: &Tenant) -> Result<(), StoreError> {
    if tenant.status == TenantStatus::Deleted {
        return Err(StoreError::Conflict(format!("the tenant `{}` is deleted, and stays so", tenant.slug)));
    }
    Ok(())
}

/// A tenant that waits for what its data lives in becomes active by getting it, or is deleted.
pub(super) fn refuse_unprovisioned(tenant: &Tenant, update: &TenantUpdate) -> Result<(), StoreError> {
    let waits = tenant.status == TenantStatus::PendingProvisioning;
    match update.status {
        Some(TenantStatus::Active | TenantStatus::Suspended) if waits => {
            Err(StoreError::Conflict(format!("the tenant `{}` is half made: activate it first", tenant.slug)))
        }
        _ => Ok(()),
    }
}

/// Only what nobody uses any more is removed for good.
pub(super) fn refuse_undeleted(tenant: &Tenant) -> Result<(), StoreError> {
    if tenant.status != TenantStatus::Deleted {
        return Err(StoreError::Conflict(format!("the tenant `{}` is not deleted: delete it first", tenant.slug)));
    }
    Ok(())
}

pub(super) fn slug_taken(slug: &Slug) -> StoreError {
    StoreError::Conflict(format!("the tenant slug `{slug}` is taken"))
}

pub(super) fn schema_taken(name: &str) -> StoreError {
    StoreError::Conflict(format!("the schema name `{name}` is taken: name another with --schema"))
}

// --- Keys -----------------------------------------------------------------------------------------------------------

/// The only one of the keys that have a name, the foreign ones left out of account.
pub(super) fn only_one(mut found: Vec<KeyRecord>) -> Result<KeyRecord, StoreError> {
    if found.len() > 1 {
        let ids: Vec<&str> = found.iter().map(|key| key.id.as_str()).collect();
        return Err(StoreError::Conflict(format!(
            "several keys have this public id; name one by id: {}",
            ids.join(", ")
        )));
    }
    found.pop().ok_or(StoreError::NotFound("key"))
}

/// Keys of one public id are all candidates when one of them is presented; `KeyLookup::ROWS_MAX` says why so few.
pub(super) fn refuse_crowd(sharing: i64) -> Result<(), StoreError> {
    if sharing >= PREFIX_SHARED_MAX {
        return Err(StoreError::Conflict(format!("{sharing} keys have this public id already, and no more may")));
    }
    Ok(())
}

/// Leaving one out could leave out the right one.
pub(super) fn refuse_too_many(found: Vec<KeyRecord>) -> Result<Vec<KeyRecord>, StoreError> {
    match found.first() {
        Some(first) if found.len() > KeyLookup::ROWS_MAX => {
            Err(StoreError::Unavailable(Outage::Crowded { public_id: first.public_id.clone() }))
        }
        _ => Ok(found),
    }
}

pub(super) fn hash_taken() -> StoreError {
    StoreError::Conflict("a key with this hash is stored already".to_owned())
}

pub(super) fn refuse_revoked(key: &KeyRecord) -> Result<(), StoreError> {
    if key.revoked_at.is_some() {
        return Err(StoreError::Conflict("the key is revoked, and stays as it is".to_owned()));
    }
    Ok(())
}

/// A key that is over has no successor: its expiry, taken over, would end the new one too, and a revoked one was
/// meant to end.
pub(super) fn successor(old: &KeyRecord, rotation: &Rotation) -> Result<NewKey, StoreError> {
    if old.revoked_at.is_some() || old.expiry.is_past(Timestamp::now()) {
        return Err(StoreError::Conflict("a revoked or expired key is not rotated: create a new one".to_owned()));
    }
    let new = NewKey {
        tenant: old.tenant.id.clone(),
        public_id: rotation.public_id.clone(),
        hashed_key: rotation.hashed_key.clone(),
        verifier: rotation.verifier.clone(),
        name: old.name.clone(),
        scopes: old.scopes.clone(),
        models: old.models.clone(),
        expiry: old.expiry,
        created_by: rotation.created_by.clone(),
        canary: old.canary,
    };
    new.check()?;
    Ok(new)
}

/// That the store did not answer is no mistake in a row.
pub(super) fn of_row(index: usize, error: StoreError) -> StoreError {
    match error {
        StoreError::Unavailable(_) => error,
        error => StoreError::Row { index, error: Box::new(error) },
    }
}

// --- Users and sessions ---------------------------------------------------------------------------------------------

pub(super) fn address_taken(tenant: &Tenant) -> StoreError {
    StoreError::Conflict(format!("a user of the tenant `{}` has this e-mail address already", tenant.slug))
}

/// Whether a session of this user in this tenant may begin or go on.
pub(super) fn may_go_on(user: &UserRecord, tenant: &TenantId) -> bool {
    user.status == UserStatus::Active && user.tenant.status == TenantStatus::Active && user.tenant.id == *tenant
}

/// Whether a session may begin for the user as the password was compared with.
pub(super) fn may_begin(user: &UserRecord, version: u64, tenant: &TenantId) -> Result<(), StoreError> {
    if user.version != version {
        return Err(StoreError::Conflict("the user has changed meanwhile".to_owned()));
    }
    if !may_go_on(user, tenant) {
        return Err(StoreError::Conflict("the user or the tenant is no longer active".to_owned()));
    }
    Ok(())
}

/// A refresh token as it is stored.
pub(super) struct Refresh {
    pub(super) id: String,
    pub(super) family: String,
    pub(super) tenant: String,
    pub(super) user: String,
    pub(super) expires_at: Timestamp,
    pub(super) used_at: Option<Timestamp>,
    pub(super) successor: Option<String>,
    pub(super) revoked: bool,
}

/// What a presented refresh token is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// Never used, or used a moment ago by somebody whom the answer did not reach.
    Good,
    /// Two hands have it.
    Reused,
    /// Expired, or its family has ended.
    Over,
}

/// What else of the family counts for a token's standing.
pub(super) struct Family {
    /// A token of the family is not revoked.
    pub(super) lives: bool,
    /// What was given for the token has neither been used nor revoked.
    pub(super) successor_lies_unused: bool,
}

impl Refresh {
    pub(super) fn lies_unused(&self) -> bool {
        self.used_at.is_none() && !self.revoked
    }

    pub(super) fn standing(&self, family: &Family, now: Timestamp, grace: Duration) -> Standing {
        if self.expires_at <= now {
            return Standing::Over;
        }
        if self.revoked {
            // Revoked alone, it gave way to a retry's successor: the retry was not the hand that shows this one.
            return if family.lives { Standing::Reused } else { Standing::Over };
        }
        let Some(used_at) = self.used_at else { return Standing::Good };
        let at_once = now < used_at.after(grace);
        if at_once && family.successor_lies_unused { Standing::Good } else { Standing::Reused }
    }
}

impl Reach {
    pub(super) fn covers(&self, tenant: &TenantId) -> bool {
        self.tenant().is_none_or(|own| own == tenant)
    }
}
