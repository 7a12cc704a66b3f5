//! Sessions: what one login began, as the refresh tokens that carry it on.

use super::UserRecord;
use crate::clock::Timestamp;
use crate::tenant::TenantId;

/// The first refresh token of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewRefresh {
    /// The token's `jti`.
    pub id: String,
    /// The session's id, which every token of the session carries.
    pub family: String,
    /// The user's id.
    pub user: String,
    pub tenant: TenantId,
    /// The user as the password was compared with: one that changed since begins no session.
    pub user_version: u64,
    pub expires_at: Timestamp,
}

/// The refresh token that takes another's place, in the same family.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Successor {
    /// The token's `jti`.
    pub id: String,
    pub expires_at: Timestamp,
}

/// What became of a refresh token that was presented.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refreshed {
    /// The token was good: its successor is stored.
    Done { user: Box<UserRecord>, family: String },
    /// It was used before, and not just now: somebody else has it, and the whole family is revoked.
    Reused { family: String, user: String },
    /// Unknown, expired, or revoked; or its user or tenant is no longer active.
    Refused,
}
