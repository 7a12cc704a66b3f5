//! `/admin/v1/users`.

use axum::Json;
use axum::response::Response;
use serde::Deserialize;
use utoipa::ToSchema;

use super::answer::{self, PageOf};
use super::conditions::IfMatch;
use super::document::{Reading, Writing};
use super::operator::Operator;
use super::problem::Problem;
use super::request::{Asked, Id, IdempotencyKey, Nothing, PagingOfTenant, Said, scopes};
use crate::manage::{ChangeUser, CreateUser, UserStatusView, UserView, schema};
use crate::secret::Secret;
use crate::store::{Email, UserStatus};

/// A user to be made
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewUser {
    #[schema(schema_with = schema::tenant)]
    tenant: String,
    #[schema(schema_with = schema::email)]
    email: String,
    #[schema(schema_with = schema::optional_name_or_null)]
    name: Option<String>,
    /// Left out: llm:invoke and llm:models
    #[schema(schema_with = schema::scopes_or_null)]
    scopes: Option<Vec<String>>,
    #[schema(schema_with = schema::password)]
    password: Password,
}

/// What changes in a user; what is left out stays. Other scopes and disabling end every session of theirs
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct UserChange {
    #[schema(schema_with = schema::optional_name_or_null)]
    name: Option<String>,
    #[schema(schema_with = schema::scopes_or_null)]
    scopes: Option<Vec<String>>,
    #[schema(value_type = Option<UserStatusView>)]
    status: Option<UserStatus>,
}

/// Another password
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewPassword {
    #[schema(schema_with = schema::password)]
    password: Password,
}

/// Zeroed when it goes.
#[derive(Deserialize)]
#[serde(from = "String")]
struct Password(Secret);

#[utoipa::path(
    get, path = "/admin/v1/users", tag = "users", operation_id = "listUsers",
    summary = "List users, the disabled among them, oldest first", params(PagingOfTenant),
    responses((status = 200, description = "A page", body = PageOf<UserView>), Reading),
)]
pub(super) async fn list_users(
    operator: Operator,
    Asked(paging): Asked<PagingOfTenant>,
) -> Result<Json<PageOf<UserView>>, Problem> {
    let page = paging.page()?;
    let listed = operator.manage().list_users(operator.who(), paging.tenant.as_deref(), page).await?;
    Ok(answer::page(listed, UserView::of))
}

#[utoipa::path(
    post, path = "/admin/v1/users", tag = "users", operation_id = "createUser", summary = "Make a user",
    params(IdempotencyKey),
    request_body = NewUser,
    responses(
        (status = 201, description = "Made", body = UserView, headers(("ETag" = String))),
        (status = 200, description = "Made by an earlier request", body = UserView,
            headers(("ETag" = String), ("Idempotent-Replayed" = String))),
        Writing,
    ),
)]
pub(super) async fn create_user(
    operator: Operator,
    _: Asked<Nothing>,
    body: Said<NewUser>,
) -> Result<Response, Problem> {
    let said = body.said;
    let new = CreateUser {
        tenant: said.tenant,
        email: Email::parse(&said.email).map_err(|error| Problem::invalid("email", error.to_string()))?,
        name: said.name.unwrap_or_default(),
        scopes: said.scopes.map(scopes).transpose()?,
        password: said.password.0,
    };
    let made = operator.manage().create_user(operator.who(), new, body.once).await?;
    Ok(answer::made(&UserView::of(&made.made), made.repeated))
}

#[utoipa::path(
    get, path = "/admin/v1/users/{id}", tag = "users", operation_id = "getUser", summary = "Show a user",
    params(Id),
    responses(
        (status = 200, description = "The user, without the password", body = UserView, headers(("ETag" = String))),
        Reading,
    ),
)]
pub(super) async fn get_user(operator: Operator, Id(id): Id, _: Asked<Nothing>) -> Result<Response, Problem> {
    let user = operator.manage().user(operator.who(), &id).await?;
    Ok(answer::one(&UserView::of(&user)))
}

#[utoipa::path(
    patch, path = "/admin/v1/users/{id}", tag = "users", operation_id = "updateUser",
    summary = "Change a user's name, scopes, or whether they may log in",
    params(Id, IfMatch),
    request_body = UserChange,
    responses((status = 200, description = "As it is now", body = UserView, headers(("ETag" = String))), Writing),
)]
pub(super) async fn update_user(
    operator: Operator,
    Id(id): Id,
    _: Asked<Nothing>,
    condition: IfMatch,
    body: Said<UserChange>,
) -> Result<Response, Problem> {
    let said = body.said;
    let change = ChangeUser { name: said.name, scopes: said.scopes.map(scopes).transpose()?, status: said.status };
    let user = operator.manage().update_user(operator.who(), &id, change, condition.expected()).await?;
    Ok(answer::one(&UserView::of(&user)))
}

#[utoipa::path(
    delete, path = "/admin/v1/users/{id}", tag = "users", operation_id = "disableUser",
    summary = "Refuse a user's log-ins and end their sessions; the record stays",
    params(Id, IfMatch),
    responses((status = 200, description = "As it is now", body = UserView, headers(("ETag" = String))), Writing),
)]
pub(super) async fn disable_user(
    operator: Operator,
    Id(id): Id,
    _: Asked<Nothing>,
    condition: IfMatch,
) -> Result<Response, Problem> {
    let change = ChangeUser { status: Some(UserStatus::Disabled), ..ChangeUser::default() };
    let user = operator.manage().update_user(operator.who(), &id, change, condition.expected()).await?;
    Ok(answer::one(&UserView::of(&user)))
}

#[utoipa::path(
    put, path = "/admin/v1/users/{id}/password", tag = "users", operation_id = "setPassword",
    summary = "Give a user another password, and end their sessions",
    params(Id),
    request_body = NewPassword,
    responses((status = 200, description = "As it is now", body = UserView, headers(("ETag" = String))), Writing),
)]
pub(super) async fn set_password(
    operator: Operator,
    Id(id): Id,
    _: Asked<Nothing>,
    body: Said<NewPassword>,
) -> Result<Response, Problem> {
    let user = operator.manage().set_password(operator.who(), &id, body.said.password.0).await?;
    Ok(answer::one(&UserView::of(&user)))
}

impl From<String> for Password {
    fn from(text: String) -> Password {
        Password(Secret::new(text))
    }
}
