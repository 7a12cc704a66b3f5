//! `/admin/v1/tenants/{id}/provider-keys`: keys that a tenant has of its own at providers. They are written and never
//! read.

use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;
use axum::response::Response;
use serde::Deserialize;
use utoipa::openapi::path::{Parameter, ParameterIn};
use utoipa::{IntoParams, ToSchema};

use super::answer;
use super::api::Api;
use super::conditions::{IfMatch, IfNoneMatch};
use super::document::{self, Reading, Writing};
use super::operator::Operator;
use super::problem::Problem;
use super::request::{Asked, Id, Nothing, Said};
use crate::manage::{ProviderKeysView, schema};
use crate::secret::Secret;

/// A tenant's own key at an upstream
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewProviderKey {
    #[schema(schema_with = schema::provider_key)]
    key: ProviderKey,
}

/// Zeroed when it goes.
#[derive(Deserialize)]
#[serde(from = "String")]
struct ProviderKey(Secret);

/// The tenant and the upstream in the path.
pub(super) struct Place {
    tenant: String,
    upstream: String,
}

#[utoipa::path(
    get, path = "/admin/v1/tenants/{id}/provider-keys", tag = "tenants", operation_id = "listProviderKeys",
    summary = "List the upstreams at which a tenant has a key of its own",
    params(Id, IfNoneMatch),
    responses(
        (status = 200, description = "Names, without the keys", body = ProviderKeysView, headers(("ETag" = String))),
        (status = 304, description = "The client has it already", headers(("ETag" = String))),
        Reading,
    ),
)]
pub(super) async fn list_provider_keys(
    operator: Operator,
    Id(id): Id,
    _: Asked<Nothing>,
    held: IfNoneMatch,
) -> Result<Response, Problem> {
    let tenant = operator.manage().provider_keys(operator.who(), &id).await?;
    Ok(answer::one_unless(&ProviderKeysView::of(&tenant), &held))
}

#[utoipa::path(
    put, path = "/admin/v1/tenants/{id}/provider-keys/{upstream}", tag = "tenants",
    operation_id = "setProviderKey",
    summary = "Give a tenant a key of its own at an upstream, in place of the one it had",
    params(Place, IfMatch),
    request_body = NewProviderKey,
    responses(
        (status = 200, description = "As they are now", body = ProviderKeysView, headers(("ETag" = String))),
        Writing,
    ),
)]
pub(super) async fn set_provider_key(
    operator: Operator,
    Place { tenant, upstream }: Place,
    _: Asked<Nothing>,
    condition: IfMatch,
    body: Said<NewProviderKey>,
) -> Result<Response, Problem> {
    let (key, expected) = (body.said.key.0, condition.expected());
    let tenant = operator.manage().set_provider_key(operator.who(), &tenant, &upstream, &key, expected).await?;
    Ok(answer::one(&ProviderKeysView::of(&tenant)))
}

#[utoipa::path(
    delete, path = "/admin/v1/tenants/{id}/provider-keys/{upstream}", tag = "tenants",
    operation_id = "removeProviderKey",
    summary = "Take a tenant's own key away: its calls of that upstream go with the gate's from then on",
    params(Place, IfMatch),
    responses(
        (status = 200, description = "As they are now", body = ProviderKeysView, headers(("ETag" = String))),
        Writing,
    ),
)]
pub(super) async fn remove_provider_key(
    operator: Operator,
    Place { tenant, upstream }: Place,
    _: Asked<Nothing>,
    condition: IfMatch,
) -> Result<Response, Problem> {
    let expected = condition.expected();
    let tenant = operator.manage().remove_provider_key(operator.who(), &tenant, &upstream, expected).await?;
    Ok(answer::one(&ProviderKeysView::of(&tenant)))
}

impl FromRequestParts<Api> for Place {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Place, Problem> {
        let path = Path::<(String, String)>::from_request_parts(parts, api).await;
        let Path((tenant, upstream)) = path.map_err(|_| Problem::malformed("path: these are no id and no name"))?;
        Ok(Place { tenant, upstream })
    }
}

impl IntoParams for Place {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let tenant = schema::text(1, 128, "^[^/]+$", "Id or slug of the tenant");
        vec![
            document::parameter("id", ParameterIn::Path, tenant),
            document::parameter("upstream", ParameterIn::Path, schema::upstream()),
        ]
    }
}

impl From<String> for ProviderKey {
    fn from(text: String) -> ProviderKey {
        ProviderKey(Secret::new(text))
    }
}
