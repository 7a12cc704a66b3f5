//! A tenant: who a request is charged to, kept apart from every other.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::scopes::{Models, Scopes};
use crate::seal::Sealed;

/// A tenant as the store holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tenant {
    pub id: TenantId,
    pub slug: Slug,
    pub name: String,
    /// The database schema that an app keeps this tenant's own data in; Wardgate only hands the name on.
    pub db_schema_name: Option<String>,
    pub status: TenantStatus,
    pub policy: TenantPolicy,
    pub created_at: Timestamp,
    /// Grows whenever something of the tenant changes: what was worked out in an earlier one is worked out anew.
    pub epoch: u64,
    /// Counts the changes, so that nobody overwrites what another wrote meanwhile.
    pub version: u64,
}

/// What a tenant is allowed to differ in from the config.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TenantPolicy {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scan_mode: Option<ScanMode>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scan_level: Option<ScanLevel>,
    /// Ids of rules that are not applied to the tenant's prompts, beside those of the config.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allow_rules: Vec<String>,
    /// What the tenant has: its keys and users get no scope that is not covered here, and hold none beyond it. `None`
    /// is no ceiling.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scopes: Option<Scopes>,
    /// The models that the tenant may use, whatever its keys say.
    #[serde(default, skip_serializing_if = "Models::are_all")]
    pub models: Models,
    /// What names of models stand for to this tenant, in place of what the config says.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub targets: BTreeMap<String, Vec<TenantTarget>>,
    /// Whether a second upstream may be asked while the first one is late.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub hedging: bool,
    /// The tenant's own credentials at providers, by the upstream's name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub provider_keys: BTreeMap<String, Sealed>,
}

/// An upstream by its name, and its name for the model; the one that was asked for where there is none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TenantTarget {
    pub upstream: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
}

/// What happens to a prompt in which the scanner finds something, the mildest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ScanMode {
    /// Passed on; only the log is told what would have happened.
    Shadow,
    /// Passed on; the upstream and the log are told.
    Flag,
    /// The found spans are taken out of the user's text; everything else stays byte for byte.
    Sanitize,
    /// Refused with 400.
    Block,
}

/// How sure the scanner has to be, by how often an honest text may be taken for an attack; the surest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ScanLevel {
    /// One honest text in a thousand.
    Strict,
    /// One in two hundred.
    Balanced,
    /// One in a hundred.
    Sensitive,
}

/// What is said of the scan in one place of several; `None` is for the next place to say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ScanTerms {
    pub mode: Option<ScanMode>,
    pub level: Option<ScanLevel>,
}

impl ScanTerms {
    /// What is said here, and where that is nothing, there.
    pub fn or(self, there: ScanTerms) -> ScanTerms {
        ScanTerms { mode: self.mode.or(there.mode), level: self.level.or(there.level) }
    }
}

impl ScanLevel {
    pub const ALL: [ScanLevel; 3] = [ScanLevel::Strict, ScanLevel::Balanced, ScanLevel::Sensitive];

    pub fn as_str(self) -> &'static str {
        match self {
            ScanLevel::Strict => "strict",
            ScanLevel::Balanced => "balanced",
            ScanLevel::Sensitive => "sensitive",
        }
    }
}

impl ScanMode {
    pub fn as_str(self) -> &'static str {
        match self {
            ScanMode::Block => "block",
            ScanMode::Sanitize => "sanitize",
            ScanMode::Flag => "flag",
            ScanMode::Shadow => "shadow",
        }
    }
}

/// Only an active tenant's requests pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TenantStatus {
    Active,
    Suspended,
    PendingProvisioning,
    Deleted,
}

impl TenantStatus {
    pub fn as_str(self) -> &'static str {
        match self {
            TenantStatus::Active => "active",
            TenantStatus::Suspended => "suspended",
            TenantStatus::PendingProvisioning => "pending_provisioning",
            TenantStatus::Deleted => "deleted",
        }
    }

    pub fn parse(text: &str) -> Option<TenantStatus> {
        match text {
            "active" => Some(TenantStatus::Active),
            "suspended" => Some(TenantStatus::Suspended),
            "pending_provisioning" => Some(TenantStatus::PendingProvisioning),
            "deleted" => Some(TenantStatus::Deleted),
            _ => None,
        }
    }
}

/// A tenant's id: 1 to 128 bytes of letters, digits and `.`, `_`, `:`, `-`, and so fit for a header and a log line.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TenantId(Arc<str>);

/// A tenant's short name: 1 to 63 bytes of lower-case letters, digits, `-` and `_`, beginning with a letter or digit.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Slug(Arc<str>);

/// Why a text names no tenant.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TenantNameError {
    #[error("a tenant id is 1 to 128 letters, digits or `._:-`")]
    Id,
    #[error("a tenant slug is 1 to 63 lower-case letters, digits, `-` or `_`, beginning with a letter or digit")]
    Slug,
}

impl TenantId {
    pub fn parse(text: &str) -> Result<TenantId, TenantNameError> {
        let fits =
            (1..=128).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._:-".contains(&b));
        if fits { Ok(TenantId(text.into())) } else { Err(TenantNameError::Id) }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Slug {
    pub fn parse(text: &str) -> Result<Slug, TenantNameError> {
        let starts_well = text.bytes().next().is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
        let fits = text.len() <= 63
            && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_".contains(&b));
        if starts_well && fits { Ok(Slug(text.into())) } else { Err(TenantNameError::Slug) }
    }

    /// A slug made of a display name: `Acme, Inc.` becomes `acme-inc`.
    pub fn from_name(name: &str) -> Result<Slug, TenantNameError> {
        let mut slug = String::new();
        for c in name.chars().map(|c| c.to_ascii_lowercase()) {
            if c.is_ascii_alphanumeric() {
                slug.push(c);
            } else if !slug.is_empty() && !slug.ends_with('-') {
                slug.push('-');
            }
        }
        slug.truncate(63);
        Slug::parse(slug.trim_end_matches('-'))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for TenantId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::fmt::Display for Slug {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_and_slugs_hold_nothing_a_header_could_not() {
        assert!(TenantId::parse("0197b2f0-9a7e-7cc3-8b5e-0242ac120002").is_ok());
        for wrong in ["", "a b", "a\r\nX-Tenant-ID: b", "a\0", "ü", &"x".repeat(129)] {
            assert_eq!(TenantId::parse(wrong), Err(TenantNameError::Id), "{wrong:?}");
            assert_eq!(Slug::parse(wrong), Err(TenantNameError::Slug), "{wrong:?}");
        }
        assert!(Slug::parse("acme-2").is_ok());
        assert!(Slug::parse("-acme").is_err());
    }

    #[test]
    fn slug_is_made_of_a_display_name() {
        assert_eq!(Slug::from_name("Acme, Inc.").unwrap().as_str(), "acme-inc");
        assert!(Slug::from_name("名前").is_err());
    }
}
