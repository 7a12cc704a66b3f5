//! Whether a principal may use a route: the only place where a `Permit` is made.
//!
//! A request goes upstream by a `Call`, a `Call` is made of a `Permit`, and a `Permit` has this one constructor, so a
//! path around the checks does not compile.

use std::sync::Arc;

use crate::headers::Claimed;
use crate::principal::{AuthMethod, Principal};
use crate::prompt::{NamedTenant, Prompt};
use crate::route::{Access, Route};
use crate::tenant::TenantStatus;

/// The proof that a request may use its route.
#[derive(Clone)]
pub struct Permit {
    principal: Option<Arc<Principal>>,
    route: Arc<Route>,
}

/// Why a known principal may not.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    #[error("the tenant is not active")]
    TenantNotActive(TenantStatus),
    /// The path, a header or the body names a tenant that is not the principal's.
    #[error("the request names another tenant than its credential")]
    OtherTenant,
    #[error("the credential lacks a scope")]
    ScopeMissing { needed: String },
    /// `None` where the call names no model and the credential is good for some alone.
    #[error("the credential is not good for this model")]
    ModelNotAllowed { model: Option<String> },
}

/// The permit of a route that the config makes public; `None` for every other.
pub fn admit_public(route: &Arc<Route>) -> Option<Permit> {
    (route.access == Access::Public).then(|| Permit { principal: None, route: route.clone() })
}

/// `claimed` is what the request's own headers say of its tenant, `believed` whether its peer's word is believed.
pub fn authorize(
    principal: Arc<Principal>,
    route: &Arc<Route>,
    path: &str,
    claimed: &Claimed,
    believed: bool,
) -> Result<Permit, PolicyError> {
    let status = principal.tenant.status;
    if status != TenantStatus::Active {
        return Err(PolicyError::TenantNotActive(status));
    }
    check_tenant(&principal, route.tenant_in(path))?;
    // A key names no tenant that a header could contradict: there the header is taken out, and nothing else.
    if believed || principal.method == AuthMethod::Jwt {
        check_tenant(&principal, claimed.tenants().map(|value| value.to_str().unwrap_or_default()))?;
    }
    if let Some(needed) = missing(&principal, &route.access) {
        return Err(PolicyError::ScopeMissing { needed });
    }
    Ok(Permit { principal: Some(principal), route: route.clone() })
}

/// Every tenant that is named must be the principal's, by id or slug.
fn check_tenant<'a>(principal: &Principal, named: impl IntoIterator<Item = &'a str>) -> Result<(), PolicyError> {
    let tenant = &principal.tenant;
    let is_own = |name: &str| name == tenant.id.as_str() || name == tenant.slug.as_str();
    if named.into_iter().all(is_own) { Ok(()) } else { Err(PolicyError::OtherTenant) }
}

/// What the principal lacks, in words for the caller. A tenant's own bounds hold for all its credentials.
fn missing(principal: &Principal, access: &Access) -> Option<String> {
    let granted = |scope: &str| principal.holds(scope);
    match access {
        Access::Public => None,
        Access::AllOf(needed) => needed.iter().find(|scope| !granted(scope)).map(String::from),
        Access::AnyOf(wanted) => {
            let none_held = !wanted.iter().any(granted);
            none_held.then(|| format!("one of {}", wanted.iter().collect::<Vec<_>>().join(", ")))
        }
    }
}

impl Permit {
    /// `None` on a public route, where nobody was asked who they are.
    pub fn principal(&self) -> Option<&Arc<Principal>> {
        self.principal.as_ref()
    }

    pub fn route(&self) -> &Arc<Route> {
        &self.route
    }

    /// The last questions of authorisation, asked once the body is read.
    pub fn check_body(&self, prompt: &Prompt) -> Result<(), PolicyError> {
        let Some(principal) = &self.principal else { return Ok(()) };
        self.check_model(principal, prompt.model())?;
        // What stands in `metadata` is written over for upstreams, and only contradicts a token, which names a tenant.
        let counts = |named: &&NamedTenant<'_>| !named.written_over || principal.method == AuthMethod::Jwt;
        let named = prompt.tenants_named();
        check_tenant(principal, named.iter().filter(counts).map(|named| &*named.name))
    }

    /// A call that names no model may be given any by its upstream, so a list of models refuses it.
    fn check_model(&self, principal: &Principal, model: Option<&str>) -> Result<(), PolicyError> {
        let bounds = [&principal.models, &principal.tenant.policy.models];
        let allowed = match model {
            Some(model) => bounds.iter().all(|models| models.allows(model)),
            None => !self.route.endpoint.takes_a_model() || bounds.iter().all(|models| models.are_all()),
        };
        if allowed { Ok(()) } else { Err(PolicyError::ModelNotAllowed { model: model.map(str::to_owned) }) }
    }
}
