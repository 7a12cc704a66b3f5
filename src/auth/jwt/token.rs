//! What a token proves, and why it is refused.

use std::sync::Arc;

use super::keys::KeyId;
use crate::auth::id_of_whole;
use crate::clock::Expiry;
use crate::principal::{Contact, PrincipalId};
use crate::scopes::Scopes;
use crate::secret::Secret;

/// Why a token is refused. The client learns that it was, the log learns this.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    #[error("the token is no compact JWS of strict JSON")]
    Malformed,
    #[error("the token's algorithm is not allowed")]
    Algorithm,
    #[error("the token's header asks for something that is not understood")]
    Critical,
    #[error("the token is of another type than the one that is asked for")]
    Type,
    #[error("the token's signature does not hold")]
    Signature,
    /// Missing, of the wrong type, or of a form that no header or log line could hold.
    #[error("the claim `{0}` is missing or malformed")]
    Claim(&'static str),
    #[error("a claim that the config requires is missing or has another value")]
    Required,
    #[error("the token has expired")]
    Expired,
    #[error("the token is not valid yet")]
    NotYetValid,
    #[error("the token is from another issuer")]
    Issuer,
    #[error("the token is for another audience")]
    Audience,
    /// The issuer was asked, and its keys do not hold the one that is named.
    #[error("the token is signed with a key that its issuer does not have")]
    UnknownKey,
    /// Nothing is known about the token: its issuer's keys could not be had, or not for longer than is allowed.
    #[error("the keys of the token's issuer cannot be had")]
    KeysUnavailable,
}

impl TokenError {
    /// A word for logs and counters, that stays the same between versions.
    pub fn reason(&self) -> &'static str {
        match self {
            TokenError::Malformed => "token_malformed",
            TokenError::Algorithm => "token_algorithm",
            TokenError::Critical => "token_critical",
            TokenError::Type => "token_type",
            TokenError::Signature => "token_signature",
            TokenError::Claim(_) => "token_claim",
            TokenError::Required => "token_required_claim",
            TokenError::Expired => "token_expired",
            TokenError::NotYetValid => "token_not_yet_valid",
            TokenError::Issuer => "token_issuer",
            TokenError::Audience => "token_audience",
            TokenError::UnknownKey => "token_unknown_key",
            TokenError::KeysUnavailable => "token_keys_unavailable",
        }
    }
}

/// What a token proves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedToken {
    pub subject: PrincipalId,
    pub tenant: NamedTenant,
    /// `None` when the token names no scopes.
    pub scopes: Option<Scopes>,
    /// With the leeway.
    pub expiry: Expiry,
    /// `jti`, by which a token is revoked.
    pub id: Option<String>,
    /// `sid` of our own tokens: the session in which it was issued.
    pub session: Option<String>,
    pub contact: Contact,
    pub issuer: TokenIssuer,
    /// The key that verified it: it must stay among its issuer's (promise J12).
    pub(super) key: KeyId,
}

impl VerifiedToken {
    /// The id by which it is revoked: `jti` of a token of ours; a digest of one from outside, whose issuer could
    /// otherwise name an id of another's.
    pub fn revoked_by(&self, token: &Secret) -> String {
        match (&self.issuer, &self.id) {
            (TokenIssuer::Own, Some(id)) => id.clone(),
            (TokenIssuer::Own, None) | (TokenIssuer::Outside(_), _) => id_of_whole(token),
        }
    }
}

/// Whose word a token is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenIssuer {
    /// Signed with a secret of this gate's.
    Own,
    /// The `iss` of an issuer that the config lists.
    Outside(Arc<str>),
}

/// The tenant as the token, or the config in its place, names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedTenant {
    /// An id or a slug.
    pub name: String,
    /// `tenant_slug` where the token has it: it must name the same tenant.
    pub slug: Option<String>,
}

/// What a refresh token of ours proves. It is good for nothing but to be exchanged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefreshClaims {
    /// `jti`.
    pub id: String,
    /// `sid`.
    pub session: String,
    pub subject: PrincipalId,
    pub tenant: NamedTenant,
    /// With the leeway.
    pub expiry: Expiry,
}
