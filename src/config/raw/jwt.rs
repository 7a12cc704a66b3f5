//! `auth.jwt` as the file has it.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{SecretRef, Span};
use crate::auth::jwt::{HmacAlgorithm, SignatureAlgorithm};

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct Jwt {
    /// HMAC secrets of 32 bytes or more: the first signs, all verify.
    pub(in crate::config) secrets: Vec<SecretRef>,
    /// Algorithms of our own tokens that are accepted [default: HS256, HS384, HS512].
    pub(in crate::config) algorithms: Option<Vec<HmacAlgorithm>>,
    /// When set, the only `iss` of our own tokens that is accepted, and that of the tokens made here.
    pub(in crate::config) issuer: Option<String>,
    /// When set, a token must be meant for one of these; when not, for nobody in particular.
    pub(in crate::config) audiences: Vec<String>,
    /// Clock skew that is forgiven, 60s at most [default: 30s].
    pub(in crate::config) leeway: Option<Span>,
    /// Whether a token must expire [default: true].
    pub(in crate::config) require_expiry: Option<bool>,
    pub(in crate::config) claims: Claims,
    /// Identity providers whose tokens are accepted beside our own.
    pub(in crate::config) issuers: Vec<Issuer>,
}

/// Which claims of our own tokens say what.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct Claims {
    /// The tenant by id or slug [default: tenant_id, else tenant_slug].
    pub(in crate::config) tenant: Option<String>,
    /// Scopes as a list or with spaces between [default: scope].
    pub(in crate::config) scopes: Option<String>,
}

/// An identity provider. Its keys come from one of jwks_url, jwks_file and pem, else by OpenID Connect discovery.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Issuer {
    /// The exact `iss` of its tokens.
    pub(in crate::config) issuer: String,
    /// Where its JSON Web Key Set is fetched: https, or http on this host.
    #[serde(default)]
    pub(in crate::config) jwks_url: Option<String>,
    /// Path of a JSON Web Key Set, read anew when it changes.
    #[serde(default)]
    pub(in crate::config) jwks_file: Option<String>,
    /// Path of its public keys in PEM, read at start.
    #[serde(default)]
    pub(in crate::config) pem: Option<String>,
    /// A token must be meant for one of these [default: auth.jwt.audiences].
    #[serde(default)]
    pub(in crate::config) audiences: Option<Vec<String>>,
    /// Algorithms that are accepted [default: all].
    #[serde(default)]
    pub(in crate::config) algorithms: Option<Vec<SignatureAlgorithm>>,
    /// Clock skew that is forgiven, 60s at most [default: auth.jwt.leeway].
    #[serde(default)]
    pub(in crate::config) leeway: Option<Span>,
    /// Whether a token must expire [default: auth.jwt.require_expiry].
    #[serde(default)]
    pub(in crate::config) require_expiry: Option<bool>,
    /// The only `typ` of a token's header that is accepted, at+jwt or JWT [default: either, or none].
    #[serde(default)]
    pub(in crate::config) typ: Option<String>,
    /// Claims without which a token is refused.
    #[serde(default)]
    pub(in crate::config) required_claims: Vec<RequiredClaim>,
    #[serde(default)]
    pub(in crate::config) claims: IssuerClaims,
    /// The tenant of all its tokens, by id or slug, in place of claims.tenant.
    #[serde(default)]
    pub(in crate::config) tenant: Option<String>,
    /// PEM file of the authorities that sign its server's certificate [default: the public ones].
    #[serde(default)]
    pub(in crate::config) ca: Option<String>,
    /// Whether its tokens may hold scopes that reach beyond their tenant [default: false].
    #[serde(default)]
    pub(in crate::config) platform_admin: Option<bool>,
    /// How often its keys are fetched [default: 10m].
    #[serde(default)]
    pub(in crate::config) refresh: Option<Span>,
    /// How long keys are honoured while they cannot be fetched [default: 24h].
    #[serde(default)]
    pub(in crate::config) stale_limit: Option<Span>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct RequiredClaim {
    /// A claim's name, or a JSON Pointer.
    pub(in crate::config) claim: String,
    /// What it must be, or, where it is a list, hold [default: anything].
    #[serde(default)]
    pub(in crate::config) equals: Option<String>,
}

/// Which claims say what: each a claim's name, or a JSON Pointer when it begins with `/`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct IssuerClaims {
    /// The tenant by id or slug [default: tenant_id, else tenant_slug].
    pub(in crate::config) tenant: Option<String>,
    /// Scopes as a list or with spaces between [default: scope, else scp, else permissions].
    pub(in crate::config) scopes: Option<String>,
    /// Whom the token speaks for [default: sub].
    pub(in crate::config) subject: Option<String>,
    /// [default: email].
    pub(in crate::config) email: Option<String>,
    /// [default: name].
    pub(in crate::config) name: Option<String>,
}
