//! How records are shown, the same on the command line, in the admin API, and to a tenant: never a hash, never a secret
//! but the one that was just made.

mod tenants;

use serde::Serialize;
use utoipa::ToSchema;

pub use self::tenants::{
    ProviderKeyView, ProviderKeysView, ScanLevelView, ScanModeView, TenantStatusView, TenantTargetView, TenantView,
};

use crate::clock::{Expiry, Timestamp};
use crate::store::{KeyRecord, UserRecord, UserStatus};

/// A key, without its secret
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct KeyView {
    pub id: String,
    /// The public part of the key
    pub key_prefix: String,
    pub tenant_id: String,
    pub tenant_slug: String,
    pub name: String,
    pub status: KeyStatus,
    pub scopes: Vec<String>,
    /// Empty for every model
    pub models: Vec<String>,
    /// A key that nobody is meant to use: its use is an alarm
    pub canary: bool,
    #[schema(format = DateTime)]
    pub expires_at: Option<String>,
    #[schema(format = DateTime)]
    pub revoked_at: Option<String>,
    #[schema(format = DateTime)]
    pub last_used_at: Option<String>,
    /// The address that last used it
    pub last_used_from: Option<String>,
    /// `cli`, `admin token`, or the id of a principal; empty where it is not known
    pub created_by: String,
    #[schema(format = DateTime)]
    pub created_at: String,
    /// Rises with every change; the ETag
    #[schema(minimum = 1)]
    pub version: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum KeyStatus {
    Active,
    Expired,
    Revoked,
}

/// A key and its secret, which is shown this once
#[derive(Serialize, ToSchema)]
pub struct NewKeyView {
    #[serde(flatten)]
    pub record: KeyView,
    /// What the tenant sends; `null` where an earlier request under the same idempotency key made it
    pub key: Option<String>,
}

/// A user, without the password
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct UserView {
    pub id: String,
    pub tenant_id: String,
    pub tenant_slug: String,
    pub email: String,
    pub name: String,
    pub status: UserStatusView,
    pub scopes: Vec<String>,
    #[schema(format = DateTime)]
    pub last_login_at: Option<String>,
    #[schema(format = DateTime)]
    pub created_at: String,
    /// Rises with every change; the ETag
    #[schema(minimum = 1)]
    pub version: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum UserStatusView {
    Active,
    Disabled,
}

impl KeyView {
    pub fn of(key: &KeyRecord) -> KeyView {
        KeyView {
            id: key.id.clone(),
            key_prefix: key.public_id.clone(),
            tenant_id: key.tenant.id.to_string(),
            tenant_slug: key.tenant.slug.to_string(),
            name: key.name.clone(),
            status: KeyStatus::of(key, Timestamp::now()),
            scopes: key.scopes.clone().into(),
            models: key.models.names().to_vec(),
            canary: key.canary,
            expires_at: end_of(key.expiry).map(|at| at.to_string()),
            revoked_at: key.revoked_at.map(|at| at.to_string()),
            last_used_at: key.last_used_at.map(|at| at.to_string()),
            last_used_from: key.last_used_from.clone(),
            created_by: key.created_by.clone(),
            created_at: key.created_at.to_string(),
            version: key.version,
        }
    }
}

impl NewKeyView {
    pub fn of(record: &KeyRecord, key: Option<&str>) -> NewKeyView {
        NewKeyView { record: KeyView::of(record), key: key.map(str::to_owned) }
    }
}

impl KeyStatus {
    fn of(key: &KeyRecord, now: Timestamp) -> KeyStatus {
        if key.revoked_at.is_some() {
            KeyStatus::Revoked
        } else if key.expiry.is_past(now) {
            KeyStatus::Expired
        } else {
            KeyStatus::Active
        }
    }

    pub fn as_str(self) -> &'static str {
        match self {
            KeyStatus::Active => "active",
            KeyStatus::Expired => "expired",
            KeyStatus::Revoked => "revoked",
        }
    }
}

impl UserStatusView {
    pub fn as_str(self) -> &'static str {
        match self {
            UserStatusView::Active => "active",
            UserStatusView::Disabled => "disabled",
        }
    }
}

impl UserView {
    pub fn of(user: &UserRecord) -> UserView {
        UserView {
            id: user.id.clone(),
            tenant_id: user.tenant.id.to_string(),
            tenant_slug: user.tenant.slug.to_string(),
            email: user.email.as_str().to_owned(),
            name: user.name.clone(),
            status: match user.status {
                UserStatus::Active => UserStatusView::Active,
                UserStatus::Disabled => UserStatusView::Disabled,
            },
            scopes: user.scopes.clone().into(),
            last_login_at: user.last_login_at.map(|at| at.to_string()),
            created_at: user.created_at.to_string(),
            version: user.version,
        }
    }
}

pub(super) fn end_of(expiry: Expiry) -> Option<Timestamp> {
    match expiry {
        Expiry::Never => None,
        Expiry::At(end) => Some(end),
    }
}
