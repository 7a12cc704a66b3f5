//! `/admin/v1/keys`.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde::de::IgnoredAny;
use utoipa::ToSchema;

use super::answer::{self, PageOf};
use super::conditions::IfMatch;
use super::document::{Reading, Writing};
use super::operator::Operator;
use super::problem::Problem;
use super::request::{
    Asked, Id, IdempotencyKey, Nothing, PagingOfTenant, Said, SaidText, lifetime, models, not_json, present, scopes,
    span,
};
use crate::clock::{Expiry, Timestamp};
use crate::manage::{ChangeKey, CreateKey, ImportRow, KeyView, Listed, NewKeyView, ROWS_MAX, parse_json, schema};
use crate::scopes::Models;
use crate::secret::Secret;

/// A key to be made
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewKey {
    #[schema(schema_with = schema::tenant)]
    tenant: String,
    #[schema(schema_with = schema::optional_name_or_null)]
    name: Option<String>,
    /// Left out: llm:invoke and llm:models
    #[schema(schema_with = schema::scopes_or_null)]
    scopes: Option<Vec<String>>,
    #[schema(schema_with = schema::models_or_null)]
    models: Option<Vec<String>>,
    /// Left out: never
    #[schema(schema_with = schema::span_or_null)]
    expires_in: Option<String>,
    /// A key that nobody is meant to use: its use is an alarm
    canary: Option<bool>,
}

/// What changes in a key; what is left out stays
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct KeyChange {
    #[schema(schema_with = schema::optional_name_or_null)]
    name: Option<String>,
    #[schema(schema_with = schema::scopes_or_null)]
    scopes: Option<Vec<String>>,
    #[schema(schema_with = schema::models_or_null)]
    models: Option<Vec<String>>,
    /// From now on; `null` for never
    #[serde(default, deserialize_with = "present")]
    #[schema(schema_with = schema::span_or_null)]
    expires_in: Option<Option<String>>,
}

/// How a key is replaced
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewRotation {
    /// How long the old key still works
    #[schema(schema_with = schema::span_from_zero)]
    overlap: String,
}

#[utoipa::path(
    get, path = "/admin/v1/keys", tag = "keys", operation_id = "listKeys",
    summary = "List keys, the revoked and expired among them, oldest first", params(PagingOfTenant),
    responses((status = 200, description = "A page", body = PageOf<KeyView>), Reading),
)]
pub(super) async fn list_keys(
    operator: Operator,
    Asked(paging): Asked<PagingOfTenant>,
) -> Result<Json<PageOf<KeyView>>, Problem> {
    let page = paging.page()?;
    let listed = operator.manage().list_keys(operator.who(), paging.tenant.as_deref(), page).await?;
    Ok(answer::page(listed, KeyView::of))
}

#[utoipa::path(
    post, path = "/admin/v1/keys", tag = "keys", operation_id = "createKey",
    summary = "Make a key; it is shown in this answer and never again",
    params(IdempotencyKey),
    request_body = NewKey,
    responses(
        (status = 201, description = "Made", body = NewKeyView, headers(("ETag" = String))),
        (status = 200, description = "Made by an earlier request; the key itself is not shown again", body = NewKeyView,
            headers(("ETag" = String), ("Idempotent-Replayed" = String))),
        Writing,
    ),
)]
pub(super) async fn create_key(operator: Operator, _: Asked<Nothing>, body: Said<NewKey>) -> Result<Response, Problem> {
    let said = body.said;
    let new = CreateKey {
        tenant: said.tenant,
        name: said.name.unwrap_or_default(),
        scopes: said.scopes.map(scopes).transpose()?,
        models: said.models.map_or(Ok(Models::All), models)?,
        expiry: expiry(said.expires_in)?,
        canary: said.canary.unwrap_or_default(),
    };
    let issued = operator.manage().create_key(operator.who(), new, body.once).await?;
    let view = NewKeyView::of(&issued.record, issued.secret.as_ref().map(text).as_deref());
    Ok(answer::made(&view, issued.secret.is_none()))
}

#[utoipa::path(
    get, path = "/admin/v1/keys/{id}", tag = "keys", operation_id = "getKey", summary = "Show a key's record",
    params(Id),
    responses(
        (status = 200, description = "The key, without its secret", body = KeyView, headers(("ETag" = String))),
        (status = 409, description = "Several keys have this public id", body = super::problem::ProblemView,
            content_type = "application/problem+json"),
        Reading,
    ),
)]
pub(super) async fn get_key(operator: Operator, Id(id): Id, _: Asked<Nothing>) -> Result<Response, Problem> {
    let key = operator.manage().key(operator.who(), &id).await?;
    Ok(answer::one(&KeyView::of(&key)))
}

#[utoipa::path(
    patch, path = "/admin/v1/keys/{id}", tag = "keys", operation_id = "updateKey",
    summary = "Change what a key is good for; the key itself stays",
    params(Id, IfMatch),
    request_body = KeyChange,
    responses((status = 200, description = "As it is now", body = KeyView, headers(("ETag" = String))), Writing),
)]
pub(super) async fn update_key(
    operator: Operator,
    Id(id): Id,
    _: Asked<Nothing>,
    condition: IfMatch,
    body: Said<KeyChange>,
) -> Result<Response, Problem> {
    let said = body.said;
    let change = ChangeKey {
        name: said.name,
        scopes: said.scopes.map(scopes).transpose()?,
        models: said.models.map(models).transpose()?,
        expiry: said.expires_in.map(expiry).transpose()?,
    };
    let key = operator.manage().update_key(operator.who(), &id, change, condition.expected()).await?;
    Ok(answer::one(&KeyView::of(&key)))
}

#[utoipa::path(
    delete, path = "/admin/v1/keys/{id}", tag = "keys", operation_id = "revokeKey",
    summary = "End a key at once; its record stays",
    params(Id, IfMatch),
    responses((status = 200, description = "As it is now", body = KeyView, headers(("ETag" = String))), Writing),
)]
pub(super) async fn revoke_key(
    operator: Operator,
    Id(id): Id,
    _: Asked<Nothing>,
    condition: IfMatch,
) -> Result<Response, Problem> {
    let key = operator.manage().revoke_key(operator.who(), &id, condition.expected()).await?;
    Ok(answer::one(&KeyView::of(&key)))
}

#[utoipa::path(
    post, path = "/admin/v1/keys/{id}/rotate", tag = "keys", operation_id = "rotateKey",
    summary = "Make a key like an old one, which ends after the overlap; the new one is shown in this answer and never again",
    params(Id),
    request_body = NewRotation,
    responses((status = 201, description = "Made", body = NewKeyView, headers(("ETag" = String))), Writing),
)]
pub(super) async fn rotate_key(
    operator: Operator,
    Id(id): Id,
    _: Asked<Nothing>,
    body: Said<NewRotation>,
) -> Result<Response, Problem> {
    let overlap = span("overlap", &body.said.overlap)?;
    let rotated = operator.manage().rotate_key(operator.who(), &id, overlap).await?;
    Ok(answer::made(&NewKeyView::of(&rotated.record, Some(&text(&rotated.secret))), false))
}

#[utoipa::path(
    post, path = "/admin/v1/keys/import", tag = "keys", operation_id = "importKeys",
    summary = "Take over keys of another system by their hashes: all of the list, or none of it",
    request_body(content = Vec<ImportRow>, description = "At most 10000 rows"),
    responses((status = 201, description = "All of them", body = PageOf<KeyView>), Writing),
)]
pub(super) async fn import_keys(
    operator: Operator,
    _: Asked<Nothing>,
    SaidText(text): SaidText,
) -> Result<Response, Problem> {
    // What is no JSON has no rows whose mistakes could be told.
    serde_json::from_str::<IgnoredAny>(&text).map_err(|error| not_json(&error))?;
    let rows = parse_json(&text)?;
    if rows.len() > ROWS_MAX {
        return Err(Problem::invalid("", format!("a list has {ROWS_MAX} rows at most")));
    }
    let items = operator.manage().import_keys(operator.who(), rows).await?;
    Ok((StatusCode::CREATED, answer::page(Listed { items, next: None }, KeyView::of)).into_response())
}

fn expiry(text: Option<String>) -> Result<Expiry, Problem> {
    match text {
        None => Ok(Expiry::Never),
        Some(text) => Ok(Expiry::At(Timestamp::now().after(lifetime("expires_in", &text)?))),
    }
}

/// Keys are ASCII.
fn text(secret: &Secret) -> String {
    String::from_utf8_lossy(secret.expose()).into_owned()
}
