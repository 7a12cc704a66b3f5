//! `/admin/v1/tokens`.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::document::Writing;
use super::operator::Operator;
use super::problem::Problem;
use super::request::{Asked, Nothing, Said, lifetime, scopes};
use crate::auth::jwt::HmacAlgorithm;
use crate::clock::{Expiry, Timestamp};
use crate::manage::schema::TOKEN_CHARS_MAX;
use crate::manage::{Inspection, MintToken, schema};
use crate::principal::PrincipalId;
use crate::secret::Secret;

/// A token to be made
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewToken {
    #[schema(schema_with = schema::subject)]
    subject: String,
    #[schema(schema_with = schema::tenant)]
    tenant: String,
    /// Left out: llm:invoke and llm:models
    #[schema(schema_with = schema::scopes_or_null)]
    scopes: Option<Vec<String>>,
    #[schema(schema_with = schema::span)]
    expires_in: String,
    /// Left out: HS256
    #[schema(value_type = Option<TokenAlgorithm>)]
    algorithm: Option<HmacAlgorithm>,
}

/// HMAC with SHA-2 (RFC 7518, section 3.2)
#[derive(ToSchema)]
#[schema(rename_all = "UPPERCASE")]
#[expect(dead_code, reason = "it says what the document lists; what is read is the tokens' own type")]
pub(super) enum TokenAlgorithm {
    Hs256,
    Hs384,
    Hs512,
}

/// A token that was made; it is shown this once
#[derive(Serialize, ToSchema)]
pub(super) struct MintedTokenView {
    token: String,
    /// `Bearer`
    token_type: &'static str,
    /// By which it can be revoked
    jti: String,
    #[schema(format = DateTime)]
    expires_at: String,
}

/// A token to look into
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct TokenToInspect {
    #[schema(schema_with = schema::token)]
    token: String,
}

/// Something to refuse from now on: either a whole token, or an id
#[derive(Deserialize, ToSchema)]
#[serde(untagged)]
pub(super) enum TokenToRevoke {
    Token(WholeToken),
    Id(TokenId),
}

/// A whole token; a refresh token ends its session
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct WholeToken {
    #[schema(schema_with = schema::token)]
    token: String,
    /// Left out: as long as the token lasts
    #[schema(schema_with = schema::span_or_null)]
    expires_in: Option<String>,
}

/// The id of a token, or of a session
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct TokenId {
    #[schema(schema_with = schema::token_or_id)]
    jti: String,
    /// Left out: for good
    #[schema(schema_with = schema::span_or_null)]
    expires_in: Option<String>,
}

/// What is refused from now on
#[derive(Serialize, ToSchema)]
pub(super) struct RevokedTokenView {
    /// A token's `jti`, a session's id, or `sha256:` and the digest of a whole token
    id: String,
    #[schema(format = DateTime)]
    until: String,
}

#[utoipa::path(
    post, path = "/admin/v1/tokens", tag = "tokens", operation_id = "mintToken",
    summary = "Make a token; it is shown in this answer and never again", request_body = NewToken,
    responses((status = 201, description = "Made", body = MintedTokenView), Writing),
)]
pub(super) async fn mint_token(
    operator: Operator,
    _: Asked<Nothing>,
    body: Said<NewToken>,
) -> Result<Response, Problem> {
    let said = body.said;
    let expires = Timestamp::now().after(lifetime("expires_in", &said.expires_in)?);
    let new = MintToken {
        subject: PrincipalId::parse(&said.subject).map_err(|error| Problem::invalid("subject", error.to_string()))?,
        tenant: said.tenant,
        scopes: said.scopes.map(scopes).transpose()?,
        expiry: Expiry::At(expires),
        algorithm: said.algorithm.unwrap_or(HmacAlgorithm::Hs256),
    };
    let minted = operator.manage().mint_token(operator.who(), new).await?;
    let view = MintedTokenView {
        token: String::from_utf8_lossy(minted.token.expose()).into_owned(),
        token_type: "Bearer",
        jti: minted.id,
        expires_at: expires.to_string(),
    };
    Ok((StatusCode::CREATED, Json(view)).into_response())
}

#[utoipa::path(
    post, path = "/admin/v1/tokens/inspect", tag = "tokens", operation_id = "inspectToken",
    summary = "Show what a token says, and every reason for which the gate would refuse it", request_body = TokenToInspect,
    responses((status = 200, description = "What it says, and what is to be said of it", body = Inspection), Writing),
)]
pub(super) async fn inspect_token(
    operator: Operator,
    _: Asked<Nothing>,
    body: Said<TokenToInspect>,
) -> Result<Json<Inspection>, Problem> {
    let token = token(body.said.token)?;
    Ok(Json(operator.manage().inspect_token(&token).await?))
}

#[utoipa::path(
    post, path = "/admin/v1/tokens/revoke", tag = "tokens", operation_id = "revokeToken",
    summary = "Refuse a token, or all tokens of a session, from now on", request_body = TokenToRevoke,
    responses((status = 200, description = "What is refused, and until when", body = RevokedTokenView), Writing),
)]
pub(super) async fn revoke_token(
    operator: Operator,
    _: Asked<Nothing>,
    body: Said<TokenToRevoke>,
) -> Result<Json<RevokedTokenView>, Problem> {
    let (named, lasting) = match body.said {
        TokenToRevoke::Token(whole) => (token(whole.token)?, whole.expires_in),
        TokenToRevoke::Id(named) if named.jti.len() > ID_CHARS_MAX => {
            return Err(Problem::invalid("jti", "an id is 1 to 256 printable ASCII characters"));
        }
        TokenToRevoke::Id(named) => (token(named.jti)?, named.expires_in),
    };
    let lasting = lasting.map(|text| lifetime("expires_in", &text)).transpose()?;
    let revoked = operator.manage().revoke_token(operator.who(), &named, lasting).await?;
    Ok(Json(RevokedTokenView { id: revoked.id, until: revoked.until.to_string() }))
}

const ID_CHARS_MAX: usize = 256;

fn token(text: String) -> Result<Secret, Problem> {
    let fits = (1..=TOKEN_CHARS_MAX).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic());
    match fits {
        true => Ok(Secret::new(text)),
        false => Err(Problem::invalid("token", "a token is printable ASCII without spaces")),
    }
}
