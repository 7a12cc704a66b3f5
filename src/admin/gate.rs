//! `/admin/v1/config`: by which config the gate runs, without its secrets.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::api::Api;
use super::document::Reading;
use super::operator::Operator;
use super::request::{Asked, Nothing};

/// The config that is in force, resolved
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct GateView {
    /// Of the gate
    pub version: String,
    /// SHA-256 of the config's file, variables and flags: equal where two gates were told the same
    pub hash: String,
    /// Rises with every config that is taken over
    #[schema(minimum = 1)]
    pub generation: u64,
    pub listen: String,
    pub admin_listen: String,
    /// Whether the admin token is configured
    pub admin_token: bool,
    pub store: String,
    /// The authenticators in the order in which they are asked
    pub auth_order: Vec<String>,
    /// The headers that may carry a credential
    pub credential_headers: Vec<String>,
    /// The issuers from outside
    pub issuers: Vec<String>,
    pub trusted_peers: Vec<String>,
    pub scan_mode: String,
    pub scan_level: String,
    /// In the order in which they are tried
    pub upstreams: Vec<UpstreamView>,
    pub models: Vec<ModelView>,
    /// Paths of an app's own
    pub routes: Vec<String>,
}

/// A provider
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct UpstreamView {
    pub name: String,
    pub dialect: String,
    pub url: String,
    /// Whether it is sent a credential of ours
    pub credential: bool,
}

/// A name that clients may ask for
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ModelView {
    pub name: String,
    pub targets: Vec<TargetView>,
}

/// What a name stands for at an upstream
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct TargetView {
    pub upstream: String,
    pub model: String,
}

#[utoipa::path(
    get, path = "/admin/v1/config", tag = "gate", operation_id = "getConfig",
    summary = "Show the config that is in force, without its secrets",
    responses((status = 200, description = "The config", body = GateView), Reading),
)]
pub(super) async fn get_config(_: Operator, _: Asked<Nothing>, State(api): State<Api>) -> Json<GateView> {
    Json(api.gate().clone())
}
