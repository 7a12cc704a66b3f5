//! How records are shown, the same on the command line, in the admin API, and to a tenant: never a hash, never a secret
//! but the one that was just made.

use serde::Serialize;
use utoipa::ToSchema;

use crate::clock::{Expiry, Timestamp};
use crate::store::{KeyRecord, UserRecord, UserStatus};
use crate::tenant::{ScanMode, Tenant, TenantStatus};

/// A tenant
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct TenantView {
    pub id: String,
    pub slug: String,
    pub name: String,
    pub status: TenantStatusView,
    /// The database schema that an app keeps the tenant's own data in
    pub db_schema_name: Option<String>,
    /// `null` where the config decides
    pub scan_mode: Option<ScanModeView>,
    /// What its keys and users may be granted; `null` for no ceiling
    pub scopes: Option<Vec<String>>,
    /// What its keys may name; empty for every model
    pub models: Vec<String>,
    #[schema(format = DateTime)]
    pub created_at: String,
    /// Rises with every change; the ETag
    #[schema(minimum = 1)]
    pub version: u64,
}

/// What a tenant's requests meet
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TenantStatusView {
    Active,
    Suspended,
    PendingProvisioning,
    Deleted,
}

/// What happens to a prompt in which the scanner finds something
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ScanModeView {
    Block,
    Sanitize,
    Flag,
    Shadow,
}

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

impl TenantView {
    pub fn of(tenant: &Tenant) -> TenantView {
        TenantView {
            id: tenant.id.to_string(),
            slug: tenant.slug.to_string(),
            name: tenant.name.clone(),
            status: TenantStatusView::of(tenant.status),
            db_schema_name: tenant.db_schema_name.clone(),
            scan_mode: tenant.policy.scan_mode.map(ScanModeView::of),
            scopes: tenant.policy.scopes.clone().map(Vec::from),
            models: tenant.policy.models.names().to_vec(),
            created_at: tenant.created_at.to_string(),
            version: tenant.version,
        }
    }
}

impl TenantStatusView {
    pub fn as_str(self) -> &'static str {
        match self {
            TenantStatusView::Active => "active",
            TenantStatusView::Suspended => "suspended",
            TenantStatusView::PendingProvisioning => "pending_provisioning",
            TenantStatusView::Deleted => "deleted",
        }
    }

    fn of(status: TenantStatus) -> TenantStatusView {
        match status {
            TenantStatus::Active => TenantStatusView::Active,
            TenantStatus::Suspended => TenantStatusView::Suspended,
            TenantStatus::PendingProvisioning => TenantStatusView::PendingProvisioning,
            TenantStatus::Deleted => TenantStatusView::Deleted,
        }
    }
}

impl ScanModeView {
    pub fn as_str(self) -> &'static str {
        match self {
            ScanModeView::Block => "block",
            ScanModeView::Sanitize => "sanitize",
            ScanModeView::Flag => "flag",
            ScanModeView::Shadow => "shadow",
        }
    }

    fn of(mode: ScanMode) -> ScanModeView {
        match mode {
            ScanMode::Block => ScanModeView::Block,
            ScanMode::Sanitize => ScanModeView::Sanitize,
            ScanMode::Flag => ScanModeView::Flag,
            ScanMode::Shadow => ScanModeView::Shadow,
        }
    }
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
