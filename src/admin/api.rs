//! The routes of the admin API, and what they share.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use axum::middleware::map_response;
use axum::response::{IntoResponse, Response};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::gate::GateView;
use super::operator::Operator;
use super::problem::Problem;
use super::{document, gate, keys, provider_keys, tenants, tokens, users};
use crate::auth::Authenticator;
use crate::manage::Manage;
use crate::secret::Secret;

/// The admin API. What is in it is reached by way of an `Operator` alone.
#[derive(Clone)]
pub struct Api(Arc<Parts>);

struct Parts {
    manage: Arc<Manage>,
    auth: Arc<Authenticator>,
    token: Option<Secret>,
    gate: GateView,
    /// The OpenAPI document, rendered once.
    document: String,
}

impl Api {
    pub fn new(manage: Arc<Manage>, auth: Arc<Authenticator>, token: Option<Secret>, gate: GateView) -> Api {
        let document = routes().split_for_parts().1;
        let document = document.to_json().expect("a document of plain texts and numbers always serialises");
        Api(Arc::new(Parts { manage, auth, token, gate, document }))
    }

    pub(super) fn router(self) -> Router {
        let (router, _) = routes().split_for_parts();
        router
            .fallback(unknown)
            .method_not_allowed_fallback(wrong_method)
            .layer(map_response(never_stored))
            .with_state(self)
    }

    pub(super) fn manage(&self) -> &Arc<Manage> {
        &self.0.manage
    }

    pub(super) fn auth(&self) -> &Authenticator {
        &self.0.auth
    }

    pub(super) fn token(&self) -> Option<&Secret> {
        self.0.token.as_ref()
    }

    pub(super) fn gate(&self) -> &GateView {
        &self.0.gate
    }
}

/// Every operation there is: what is not listed here is neither served nor documented.
fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::with_openapi(document::base())
        .routes(routes!(tenants::list_tenants, tenants::create_tenant))
        .routes(routes!(tenants::get_tenant, tenants::update_tenant, tenants::delete_tenant))
        .routes(routes!(provider_keys::list_provider_keys))
        .routes(routes!(provider_keys::set_provider_key, provider_keys::remove_provider_key))
        .routes(routes!(keys::list_keys, keys::create_key))
        .routes(routes!(keys::get_key, keys::update_key, keys::revoke_key))
        .routes(routes!(keys::rotate_key))
        .routes(routes!(keys::import_keys))
        .routes(routes!(users::list_users, users::create_user))
        .routes(routes!(users::get_user, users::update_user, users::disable_user))
        .routes(routes!(users::set_password))
        .routes(routes!(tokens::mint_token))
        .routes(routes!(tokens::inspect_token))
        .routes(routes!(tokens::revoke_token))
        .routes(routes!(gate::get_config))
        .routes(routes!(get_openapi))
}

/// This document.
#[utoipa::path(
    get, path = "/admin/v1/openapi.json", tag = "gate", operation_id = "getOpenapi", summary = "This document",
    responses((status = 200, description = "OpenAPI 3.1", body = serde_json::Value), document::Reading),
)]
async fn get_openapi(_: Operator, State(api): State<Api>) -> Response {
    ([(CONTENT_TYPE, "application/json")], api.0.document.clone()).into_response()
}

/// Outside of `/admin` nothing is hidden, and nothing is there.
async fn unknown(State(api): State<Api>, request: Request) -> Response {
    let (parts, _) = request.into_parts();
    let path = parts.uri.path();
    if path != "/admin" && !path.starts_with("/admin/") {
        return StatusCode::NOT_FOUND.into_response();
    }
    match Operator::of(&api, &parts).await {
        Ok(_) => Problem::unknown_path().into_response(),
        Err(problem) => problem.into_response(),
    }
}

async fn wrong_method(_: Operator) -> Problem {
    Problem::wrong_method()
}

/// Answers hold records and, once, secrets.
async fn never_stored(mut response: Response) -> Response {
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
