//! Whether a principal may use a route: the only place where a `Permit` is made.
//!
//! A request goes upstream by a `Call`, a `Call` is made of a `Permit`, and a `Permit` has this one constructor, so a
//! path around the checks does not compile.

use std::sync::Arc;

use crate::principal::Principal;
use crate::route::{Access, Route};
use crate::scopes::{Models, Scopes};
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
    #[error("the credential lacks a scope")]
    ScopeMissing { needed: String },
    #[error("the credential is not good for this model")]
    ModelNotAllowed { model: String },
}

/// The permit of a route that the config makes public; `None` for every other.
pub fn admit_public(route: &Arc<Route>) -> Option<Permit> {
    (route.access == Access::Public).then(|| Permit { principal: None, route: route.clone() })
}

pub fn authorize(principal: Arc<Principal>, route: &Arc<Route>) -> Result<Permit, PolicyError> {
    let status = principal.tenant.status;
    if status != TenantStatus::Active {
        return Err(PolicyError::TenantNotActive(status));
    }
    if let Some(needed) = missing(&principal.scopes, &route.access) {
        return Err(PolicyError::ScopeMissing { needed });
    }
    Ok(Permit { principal: Some(principal), route: route.clone() })
}

/// What the held scopes lack, in words for the caller.
fn missing(held: &Scopes, access: &Access) -> Option<String> {
    match access {
        Access::Public => None,
        Access::AllOf(needed) => needed.iter().find(|scope| !held.covers(scope)).map(String::from),
        Access::AnyOf(wanted) => {
            let none_held = !wanted.iter().any(|scope| held.covers(scope));
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

    /// The last question of authorisation, asked once the body is read.
    ///
    /// A call that names no model may be given any by its upstream, so a list of models refuses it.
    pub fn check_model(&self, model: Option<&str>) -> Result<(), PolicyError> {
        let Some(principal) = &self.principal else { return Ok(()) };
        let allowed = match model {
            Some(model) => principal.models.allows(model),
            None => principal.models == Models::All || !self.route.endpoint.takes_a_model(),
        };
        if allowed { Ok(()) } else { Err(PolicyError::ModelNotAllowed { model: model.unwrap_or("").to_owned() }) }
    }
}
