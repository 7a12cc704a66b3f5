//! `/admin/v1/tenants`.

use std::collections::BTreeMap;

use axum::Json;
use axum::response::Response;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa::openapi::Schema;

use super::answer::{self, PageOf};
use super::conditions::{IfMatch, IfNoneMatch};
use super::document::{Reading, Writing};
use super::operator::Operator;
use super::problem::Problem;
use super::request::{Asked, Id, IdempotencyKey, Nothing, Paging, Said, models, present, scopes};
use crate::manage::{ChangeTenant, CreateTenant, ScanLevelView, ScanModeView, TenantView, schema};
use crate::scan;
use crate::scopes::{Models, Scopes};
use crate::tenant::{ScanLevel, ScanMode, Slug, TenantPolicy, TenantStatus, TenantTarget};

/// A tenant to be made; it begins active
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewTenant {
    #[schema(schema_with = schema::name)]
    name: String,
    #[schema(schema_with = schema::slug_or_null)]
    slug: Option<String>,
    #[schema(schema_with = schema::schema_name_or_null)]
    db_schema_name: Option<String>,
    /// `null` for what the config says
    #[schema(value_type = Option<ScanModeView>)]
    scan_mode: Option<ScanMode>,
    /// `null` for what the config says
    #[schema(value_type = Option<ScanLevelView>)]
    scan_level: Option<ScanLevel>,
    #[schema(schema_with = allow_rules_or_null)]
    allow_rules: Option<Vec<String>>,
    /// What its keys and users may be granted; `null` for no ceiling
    #[schema(schema_with = schema::scopes_or_null)]
    scopes: Option<Vec<String>>,
    #[schema(schema_with = schema::models_or_null)]
    models: Option<Vec<String>>,
    /// What names of models stand for, in place of what the config says
    #[schema(schema_with = schema::targets_or_null)]
    targets: Option<BTreeMap<String, Vec<Target>>>,
    /// Whether a second upstream may be asked while the first one is late
    hedging: Option<bool>,
}

/// What changes in a tenant; what is left out stays
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct TenantChange {
    #[schema(schema_with = schema::name_or_null)]
    name: Option<String>,
    status: Option<TenantStanding>,
    /// `null` for what the config says
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<ScanModeView>)]
    scan_mode: Option<Option<ScanMode>>,
    /// `null` for what the config says
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<ScanLevelView>)]
    scan_level: Option<Option<ScanLevel>>,
    #[schema(schema_with = allow_rules_or_null)]
    allow_rules: Option<Vec<String>>,
    /// What its keys and users may be granted; `null` for no ceiling
    #[serde(default, deserialize_with = "present")]
    #[schema(schema_with = schema::scopes_or_null)]
    scopes: Option<Option<Vec<String>>>,
    #[schema(schema_with = schema::models_or_null)]
    models: Option<Vec<String>>,
    #[schema(schema_with = schema::changed_targets_or_null)]
    targets: Option<BTreeMap<String, Option<Vec<Target>>>>,
    /// Whether a second upstream may be asked while the first one is late
    hedging: Option<bool>,
}

/// serde would take a list of values for the fields in their order; a map of them it does not.
#[derive(Deserialize)]
#[serde(try_from = "serde_json::Map<String, serde_json::Value>")]
struct Target(TenantTarget);

impl TryFrom<serde_json::Map<String, serde_json::Value>> for Target {
    type Error = &'static str;

    fn try_from(fields: serde_json::Map<String, serde_json::Value>) -> Result<Target, &'static str> {
        let target = serde_json::from_value(serde_json::Value::Object(fields));
        target
            .map(Target)
            .map_err(|_| "a target is an upstream and, where it is another than the one asked for, a model")
    }
}

/// Whether its requests pass
#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum TenantStanding {
    Active,
    Suspended,
}

#[utoipa::path(
    get, path = "/admin/v1/tenants", tag = "tenants", operation_id = "listTenants",
    summary = "List tenants, the deleted among them, oldest first", params(Paging),
    responses((status = 200, description = "A page", body = PageOf<TenantView>), Reading),
)]
pub(super) async fn list_tenants(
    operator: Operator,
    Asked(paging): Asked<Paging>,
) -> Result<Json<PageOf<TenantView>>, Problem> {
    let listed = operator.manage().list_tenants(operator.who(), paging.page()?).await?;
    Ok(answer::page(listed, |tenant| TenantView::of(tenant)))
}

#[utoipa::path(
    post, path = "/admin/v1/tenants", tag = "tenants", operation_id = "createTenant",
    summary = "Make a tenant",
    params(IdempotencyKey),
    request_body = NewTenant,
    responses(
        (status = 201, description = "Made", body = TenantView, headers(("ETag" = String))),
        (status = 200, description = "Made by an earlier request", body = TenantView,
            headers(("ETag" = String), ("Idempotent-Replayed" = String))),
        Writing,
    ),
)]
pub(super) async fn create_tenant(
    operator: Operator,
    _: Asked<Nothing>,
    body: Said<NewTenant>,
) -> Result<Response, Problem> {
    let said = body.said;
    let NewTenant { name, slug, db_schema_name, scopes: ceiling, models: names, targets, hedging, .. } = said;
    let slug = slug.map(|text| Slug::parse(&text)).transpose();
    let targets = targets.unwrap_or_default().into_iter().map(|(name, listed)| (name, plain(listed)));
    let policy = TenantPolicy {
        scan_mode: said.scan_mode,
        scan_level: said.scan_level,
        allow_rules: said.allow_rules.map_or(Ok(Vec::new()), allow_rules)?,
        scopes: ceiling.map(scopes).transpose()?,
        models: names.map_or(Ok(Models::All), models)?,
        targets: targets.collect(),
        hedging: hedging.unwrap_or_default(),
        ..TenantPolicy::default()
    };
    let slug = slug.map_err(|error| Problem::invalid("slug", error.to_string()))?;
    let new = CreateTenant { name, slug, db_schema_name, policy };
    let made = operator.manage().create_tenant(operator.who(), new, body.once).await?;
    Ok(answer::made(&TenantView::of(&made.made), made.repeated))
}

#[utoipa::path(
    get, path = "/admin/v1/tenants/{id}", tag = "tenants", operation_id = "getTenant", summary = "Show a tenant",
    params(Id, IfNoneMatch),
    responses(
        (status = 200, description = "The tenant", body = TenantView, headers(("ETag" = String))),
        (status = 304, description = "The client has it already", headers(("ETag" = String))),
        Reading,
    ),
)]
pub(super) async fn get_tenant(
    operator: Operator,
    Id(id): Id,
    _: Asked<Nothing>,
    held: IfNoneMatch,
) -> Result<Response, Problem> {
    let tenant = operator.manage().tenant(operator.who(), &id).await?;
    Ok(answer::one_unless(&TenantView::of(&tenant), &held))
}

#[utoipa::path(
    patch, path = "/admin/v1/tenants/{id}", tag = "tenants", operation_id = "updateTenant",
    summary = "Change a tenant: its name, what it has, whether its requests pass",
    params(Id, IfMatch),
    request_body = TenantChange,
    responses((status = 200, description = "As it is now", body = TenantView, headers(("ETag" = String))), Writing),
)]
pub(super) async fn update_tenant(
    operator: Operator,
    Id(id): Id,
    _: Asked<Nothing>,
    condition: IfMatch,
    body: Said<TenantChange>,
) -> Result<Response, Problem> {
    let change = body.said.into_change()?;
    let tenant = operator.manage().update_tenant(operator.who(), &id, change, condition.expected()).await?;
    Ok(answer::one(&TenantView::of(&tenant)))
}

#[utoipa::path(
    delete, path = "/admin/v1/tenants/{id}", tag = "tenants", operation_id = "deleteTenant",
    summary = "Refuse a tenant's requests for good; its record and its slug stay",
    params(Id, IfMatch),
    responses((status = 200, description = "As it is now", body = TenantView, headers(("ETag" = String))), Writing),
)]
pub(super) async fn delete_tenant(
    operator: Operator,
    Id(id): Id,
    _: Asked<Nothing>,
    condition: IfMatch,
) -> Result<Response, Problem> {
    let change = ChangeTenant { status: Some(TenantStatus::Deleted), ..ChangeTenant::default() };
    let tenant = operator.manage().update_tenant(operator.who(), &id, change, condition.expected()).await?;
    Ok(answer::one(&TenantView::of(&tenant)))
}

impl TenantChange {
    fn into_change(self) -> Result<ChangeTenant, Problem> {
        let ceiling: Option<Option<Scopes>> = match self.scopes {
            None => None,
            Some(words) => Some(words.map(scopes).transpose()?),
        };
        let status = self.status.map(|standing| match standing {
            TenantStanding::Active => TenantStatus::Active,
            TenantStanding::Suspended => TenantStatus::Suspended,
        });
        let models = self.models.map(models).transpose()?;
        let targets = self.targets.unwrap_or_default().into_iter().map(|(name, listed)| (name, listed.map(plain)));
        Ok(ChangeTenant {
            name: self.name,
            scan_mode: self.scan_mode,
            scan_level: self.scan_level,
            allow_rules: self.allow_rules.map(allow_rules).transpose()?,
            scopes: ceiling,
            models,
            targets: targets.collect(),
            hedging: self.hedging,
            status,
        })
    }
}

/// Ids that the scanner knows.
fn allow_rules(ids: Vec<String>) -> Result<Vec<String>, Problem> {
    match ids.iter().find(|id| !scan::is_rule(id)) {
        Some(_) => Err(Problem::invalid("allow_rules", "no rule has this id; `wardgate scan --rules` lists them")),
        None => Ok(ids),
    }
}

fn allow_rules_or_null() -> Schema {
    schema::allow_rules_or_null(scan::rule_ids())
}

fn plain(targets: Vec<Target>) -> Vec<TenantTarget> {
    targets.into_iter().map(|target| target.0).collect()
}
