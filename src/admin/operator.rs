//! Who asks: the admin token, or a credential whose scopes cover `platform:admin`. Nobody else gets any further.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::header::{AUTHORIZATION, HeaderMap};
use axum::http::request::Parts;

use super::api::Api;
use super::problem::Problem;
use crate::auth::Presented;
use crate::manage::{Authority, Manage, PLATFORM_ADMIN};
use crate::rejection::Rejection;
use crate::secret::Secret;
use crate::tenant::TenantStatus;

/// The proof that an operator asks, and the only way to what the API manages: a handler that forgets to ask for it can
/// do nothing.
pub(super) struct Operator {
    manage: Arc<Manage>,
    who: Authority,
}

impl Operator {
    pub(super) async fn of(api: &Api, parts: &Parts) -> Result<Operator, Problem> {
        // Set by `admin::serve` for every connection.
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>().map_or(NOWHERE, |ConnectInfo(peer)| peer.ip());
        let who = authority(api, &parts.headers, peer).await?;
        tracing::debug!(auth = "accepted", by = %who.by(), %peer, "an operator asks");
        Ok(Operator { manage: api.manage().clone(), who })
    }

    pub(super) fn manage(&self) -> &Manage {
        &self.manage
    }

    pub(super) fn who(&self) -> &Authority {
        &self.who
    }
}

impl FromRequestParts<Api> for Operator {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Operator, Problem> {
        Operator::of(api, parts).await
    }
}

async fn authority(api: &Api, headers: &HeaderMap, peer: IpAddr) -> Result<Authority, Problem> {
    let refused = |reason: &'static str| tracing::warn!(auth = reason, %peer, "an operator was refused");
    if let (Some(wanted), Some(shown)) = (api.token(), bearer(headers))
        && *wanted == shown
    {
        return Ok(Authority::Operator { by: "admin token".to_owned() });
    }
    let presented = Presented { headers, peer, word: None, certificate: None };
    let principal = api.auth().authenticate(&presented).await.map_err(|error| {
        refused(error.reason());
        Problem::from(Rejection::from(error))
    })?;
    if principal.tenant.status != TenantStatus::Active {
        refused("tenant_not_active");
        return Err(Problem::forbidden("tenant_not_active", "The tenant is not active."));
    }
    if !principal.holds(PLATFORM_ADMIN) {
        refused("scope_missing");
        return Err(Problem::forbidden("scope_missing", format!("The credential lacks the scope {PLATFORM_ADMIN}.")));
    }
    Ok(Authority::of(principal))
}

/// The one bearer token; two are none.
fn bearer(headers: &HeaderMap) -> Option<Secret> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let (value, None) = (values.next()?.as_bytes(), values.next()) else { return None };
    let (scheme, token) = value.split_at_checked(BEARER.len())?;
    scheme.eq_ignore_ascii_case(BEARER).then(|| Secret::new(token.trim_ascii_start()))
}

/// Where nobody knows who asks.
const NOWHERE: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
const BEARER: &[u8] = b"bearer ";
