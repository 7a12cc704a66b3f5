//! Tenants as they are shown, and what each has of its own.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

use crate::seal::Sealed;
use crate::tenant::{ScanLevel, ScanMode, Tenant, TenantStatus, TenantTarget};

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
    /// `null` where the config decides
    pub scan_level: Option<ScanLevelView>,
    /// Rules that its prompts are not held against, beside those of the config
    pub allow_rules: Vec<String>,
    /// What its keys and users may be granted; `null` for no ceiling
    pub scopes: Option<Vec<String>>,
    /// What its keys may name; empty for every model
    pub models: Vec<String>,
    /// What names of models stand for to this tenant, in place of what the config says
    pub targets: BTreeMap<String, Vec<TenantTargetView>>,
    /// Whether a second upstream may be asked while the first one is late
    pub hedging: bool,
    /// The upstreams at which it has a key of its own
    pub provider_keys: Vec<String>,
    #[schema(format = DateTime)]
    pub created_at: String,
    /// Rises with every change; the ETag
    #[schema(minimum = 1)]
    pub version: u64,
}

/// What a name stands for
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct TenantTargetView {
    pub upstream: String,
    /// The upstream's name for the model; `null` for the one that is asked for
    pub model: Option<String>,
}

/// A tenant's keys at providers, without the keys
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ProviderKeysView {
    /// By the names of the upstreams
    pub data: Vec<ProviderKeyView>,
    /// The tenant's, which rises with every change of it; the ETag
    #[schema(minimum = 1)]
    pub version: u64,
}

/// That a tenant has a key of its own at an upstream
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ProviderKeyView {
    pub upstream: String,
    /// Id of the key that it is sealed with; `null` where it was never sealed here
    pub sealed_with: Option<String>,
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

/// How sure the scanner has to be
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ScanLevelView {
    Strict,
    Balanced,
    Sensitive,
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
            scan_level: tenant.policy.scan_level.map(ScanLevelView::of),
            allow_rules: tenant.policy.allow_rules.clone(),
            scopes: tenant.policy.scopes.clone().map(Vec::from),
            models: tenant.policy.models.names().to_vec(),
            targets: tenant.policy.targets.iter().map(|(name, all)| (name.clone(), targets(all))).collect(),
            hedging: tenant.policy.hedging,
            provider_keys: tenant.policy.provider_keys.keys().cloned().collect(),
            created_at: tenant.created_at.to_string(),
            version: tenant.version,
        }
    }
}

fn targets(targets: &[TenantTarget]) -> Vec<TenantTargetView> {
    let view =
        |target: &TenantTarget| TenantTargetView { upstream: target.upstream.clone(), model: target.model.clone() };
    targets.iter().map(view).collect()
}

impl ProviderKeysView {
    pub fn of(tenant: &Tenant) -> ProviderKeysView {
        let view = |(upstream, sealed): (&String, &Sealed)| ProviderKeyView {
            upstream: upstream.clone(),
            sealed_with: sealed.key_id().map(str::to_owned),
        };
        ProviderKeysView { data: tenant.policy.provider_keys.iter().map(view).collect(), version: tenant.version }
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

impl ScanLevelView {
    pub fn as_str(self) -> &'static str {
        match self {
            ScanLevelView::Strict => "strict",
            ScanLevelView::Balanced => "balanced",
            ScanLevelView::Sensitive => "sensitive",
        }
    }

    fn of(level: ScanLevel) -> ScanLevelView {
        match level {
            ScanLevel::Strict => ScanLevelView::Strict,
            ScanLevel::Balanced => ScanLevelView::Balanced,
            ScanLevel::Sensitive => ScanLevelView::Sensitive,
        }
    }
}
