//! Why a request has no principal: absent, wrong, or could not tell.

use super::api_key::KeyRefusal;
use super::jwt::TokenError;
use crate::store::StoreError;
use crate::telemetry::RequestLog;

/// Why a request has no principal.
#[derive(Clone, Debug, thiserror::Error)]
pub enum AuthError {
    #[error("no credential")]
    Missing,
    #[error("the request carries more than one credential")]
    Conflicting,
    #[error("the credential is malformed")]
    Malformed,
    /// A credential of a kind that the config does not accept.
    #[error("credentials of this kind are not accepted")]
    NotAccepted,
    /// A client cannot tell which of the reasons it was (promise K3).
    #[error("the key is not accepted")]
    Refused(KeyRefusal),
    /// The key's secret was right, so saying so helps its owner alone.
    #[error("the key has expired")]
    Expired,
    #[error("the token is not accepted: {0}")]
    Token(TokenError),
    #[error("the token was revoked")]
    Revoked,
    #[error("the client certificate means no tenant")]
    UnknownCertificate,
    /// A trusted peer, a token or a certificate names a tenant that does not exist.
    #[error("the credential names no known tenant")]
    UnknownTenant,
    /// One party has as many slow hashes waiting as it may have.
    #[error("too many attempts")]
    Throttled,
    /// More slow hashes are waited for than the gate will hold.
    #[error("too many keys wait to be verified")]
    Overloaded,
    /// The store did not answer, so nothing is known about the credential.
    #[error("the store did not answer: {0}")]
    Unavailable(String),
    /// The store was not heard for longer than the stale limit: what is known may be true no more.
    #[error("the store was not heard for too long, and what is known cannot be confirmed")]
    Unconfirmed,
    /// Something else kept the check from being made.
    #[error("the credential could not be checked: {0}")]
    Undecided(String),
}

impl AuthError {
    pub(super) fn unavailable(error: StoreError) -> AuthError {
        AuthError::Unavailable(error.to_string())
    }

    pub(super) fn undecided(error: impl std::error::Error) -> AuthError {
        AuthError::Undecided(error.to_string())
    }

    pub fn record(&self, log: &mut RequestLog) {
        log.refuse_principal(self.reason());
    }

    /// A stable word for the log. docs/authentication.md lists them.
    pub fn reason(&self) -> &'static str {
        match self {
            AuthError::Missing => "missing",
            AuthError::Conflicting => "conflicting",
            AuthError::Malformed => "malformed",
            AuthError::NotAccepted => "not_accepted",
            AuthError::Refused(refusal) => refusal.reason(),
            AuthError::Expired => "key_expired",
            AuthError::Token(error) => error.reason(),
            AuthError::Revoked => "token_revoked",
            AuthError::UnknownCertificate => "certificate_unknown",
            AuthError::UnknownTenant => "tenant_unknown",
            AuthError::Throttled => "throttled",
            AuthError::Overloaded => "overloaded",
            AuthError::Unavailable(_) => "store_unavailable",
            AuthError::Unconfirmed => "store_stale",
            AuthError::Undecided(_) => "undecided",
        }
    }
}
