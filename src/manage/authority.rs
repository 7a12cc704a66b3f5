//! On whose word something is done, and how far that word reaches (promise S10).
//!
//! An operator may do everything, up to what a tenant has. A tenant's administrator grants what the tenant has, and
//! nobody else grants more than they hold themselves; a key that ends makes none that outlives it.

use std::borrow::Cow;
use std::sync::Arc;

use super::ManageError;
use crate::clock::Expiry;
use crate::principal::{AuthMethod, Principal};
use crate::scopes::{Models, Scopes};
use crate::store::Reach;
use crate::tenant::{Tenant, TenantId};

/// Holders of it act as operators.
pub const PLATFORM_ADMIN: &str = "platform:admin";
/// Holders of it grant whatever their tenant has.
pub const TENANT_ADMIN: &str = "tenant:admin";

/// On whose word something is done.
#[derive(Clone, Debug)]
pub enum Authority {
    /// Whoever runs the gate: `cli`, `admin token`, or the id of a principal with `platform:admin`.
    Operator { by: String },
    /// Somebody of one tenant, within it.
    Principal(Arc<Principal>),
}

/// What somebody is about to be given.
#[derive(Clone, Copy, Debug)]
pub(super) struct Grant<'a> {
    pub(super) scopes: &'a Scopes,
    pub(super) models: &'a Models,
    pub(super) expiry: Expiry,
}

impl Authority {
    /// A command on the machine itself.
    pub fn cli() -> Authority {
        Authority::Operator { by: "cli".to_owned() }
    }

    /// An operator where the principal holds `platform:admin`.
    pub fn of(principal: Arc<Principal>) -> Authority {
        match principal.holds(PLATFORM_ADMIN) {
            true => Authority::Operator { by: name_of(&principal) },
            false => Authority::Principal(principal),
        }
    }

    /// Who, as records keep it in `created_by`.
    pub fn by(&self) -> Cow<'_, str> {
        match self {
            Authority::Operator { by } => Cow::Borrowed(by),
            Authority::Principal(principal) => Cow::Owned(name_of(principal)),
        }
    }

    /// Among whose idempotency keys one of this caller's counts.
    pub(super) fn realm(&self) -> &str {
        match self.bounded() {
            None => "operators",
            Some(principal) => principal.tenant.id.as_str(),
        }
    }

    /// The tenant outside of which nothing is seen or changed; `None` for operators.
    pub(super) fn tenant(&self) -> Option<&TenantId> {
        self.bounded().map(|principal| &principal.tenant.id)
    }

    pub(super) fn reach(&self) -> Reach {
        self.tenant().map_or(Reach::Platform, |tenant| Reach::Tenant(tenant.clone()))
    }

    pub(super) fn needs_operator(&self) -> Result<(), ManageError> {
        match self.bounded() {
            None => Ok(()),
            Some(_) => Err(forbidden(format!("this needs the scope {PLATFORM_ADMIN}"))),
        }
    }

    /// What is not a key of one's own making needs the tenant's administrator.
    pub(super) fn needs_tenant_admin(&self, tenant: &Tenant) -> Result<(), ManageError> {
        self.needs_reach(tenant)?;
        match self.bounded() {
            Some(principal) if !principal.holds(TENANT_ADMIN) => {
                Err(forbidden(format!("this needs the scope {TENANT_ADMIN}")))
            }
            _ => Ok(()),
        }
    }

    /// Whoever is bound to a tenant names no other, whether there is one of that name or not.
    pub(super) fn needs_to_be_named(&self, tenant: &str) -> Result<(), ManageError> {
        match self.bounded().map(|principal| &principal.tenant) {
            Some(own) if tenant != own.id.as_str() && tenant != own.slug.as_str() => {
                Err(forbidden("this belongs to another tenant".to_owned()))
            }
            _ => Ok(()),
        }
    }

    pub(super) fn needs_reach(&self, tenant: &Tenant) -> Result<(), ManageError> {
        match self.tenant() {
            Some(own) if *own != tenant.id => Err(forbidden("this belongs to another tenant".to_owned())),
            _ => Ok(()),
        }
    }

    /// Whether this may be handed on in the tenant: by the tenant's ceiling, which binds operators too, and then by
    /// what the caller holds.
    pub(super) fn needs_width(&self, tenant: &Tenant, grant: Grant<'_>) -> Result<(), ManageError> {
        needs_room(tenant, grant)?;
        self.needs_to_hold(tenant, grant)
    }

    /// Whether the caller holds as much as this.
    pub(super) fn needs_to_hold(&self, tenant: &Tenant, grant: Grant<'_>) -> Result<(), ManageError> {
        self.needs_reach(tenant)?;
        let Some(principal) = self.bounded() else { return Ok(()) };
        if let Some(scope) = grant.scopes.iter().find(|scope| !may_grant_scope(principal, scope)) {
            return Err(forbidden(format!("you do not hold the scope {scope}, and so cannot grant it")));
        }
        if !principal.holds(TENANT_ADMIN) && !principal.models.cover(grant.models) {
            return Err(forbidden(format!(
                "you can grant only models that you may use yourself: {}",
                principal.models.names().join(", ")
            )));
        }
        match principal.method == AuthMethod::ApiKey && outlives(grant.expiry, principal.expiry) {
            true => Err(forbidden("a key cannot make one that outlives it: name an earlier expiry".to_owned())),
            false => Ok(()),
        }
    }

    /// The principal whose tenant and scopes bind it; `None` for operators.
    fn bounded(&self) -> Option<&Principal> {
        match self {
            Authority::Operator { .. } => None,
            Authority::Principal(principal) if principal.holds(PLATFORM_ADMIN) => None,
            Authority::Principal(principal) => Some(principal),
        }
    }
}

/// Beside how it was proven: a subject is another's word, and could be `cli`.
fn name_of(principal: &Principal) -> String {
    format!("{} {}", principal.method.as_str(), principal.id.as_str())
}

/// What nobody gets in a tenant that does not have it.
pub(super) fn needs_room(tenant: &Tenant, grant: Grant<'_>) -> Result<(), ManageError> {
    if let Some(ceiling) = &tenant.policy.scopes
        && !ceiling.cover_all(grant.scopes)
    {
        return Err(ManageError::Ceiling(format!(
            "the tenant `{}` has these scopes and no others: {ceiling}; widen its ceiling first",
            tenant.slug
        )));
    }
    // A key for every model is one for all that its tenant has; only names can go beyond.
    let beyond = grant.models.names().iter().find(|model| !tenant.policy.models.allows(model));
    match beyond {
        Some(model) => Err(ManageError::Ceiling(format!(
            "the tenant `{}` does not have the model `{model}`, only: {}",
            tenant.slug,
            tenant.policy.models.names().join(", ")
        ))),
        None => Ok(()),
    }
}

/// The ceiling was checked before, so an administrator grants what is left but for the platform's own.
fn may_grant_scope(principal: &Principal, scope: &str) -> bool {
    let of_platform = Scopes::new([scope]).is_ok_and(|scopes| scopes.reach_the_platform());
    principal.holds(scope) || (principal.holds(TENANT_ADMIN) && !of_platform)
}

fn outlives(granted: Expiry, held: Expiry) -> bool {
    match (granted, held) {
        (_, Expiry::Never) => false,
        (Expiry::Never, Expiry::At(_)) => true,
        (Expiry::At(granted), Expiry::At(held)) => granted > held,
    }
}

fn forbidden(why: String) -> ManageError {
    ManageError::Forbidden(why)
}
