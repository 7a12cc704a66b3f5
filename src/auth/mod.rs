//! Who a request comes from: the chain of authenticators, in the configured order.
//!
//! Each answers absent, wrong, could-not-tell, or a principal. Absent asks the next one; wrong and could-not-tell end
//! the chain, so that a bad token is never saved by a good key beside it.

pub mod api_key;
pub mod credential;
pub mod jwt;
pub mod last_used;
mod tenants;

use std::sync::Arc;

use http::header::{AUTHORIZATION, HeaderMap, HeaderName};

use self::api_key::ApiKeys;
use self::credential::{Credential, CredentialError};
use self::jwt::{Jwt, TokenError, VerifiedToken};
use self::last_used::LastUsed;
use self::tenants::Tenants;
use crate::clock::Timestamp;
use crate::principal::{AuthMethod, Contact, CredentialId, Principal, Proven};
use crate::scopes::{Models, Scopes};
use crate::secret::Secret;
use crate::store::{Change, ChangeKind, Store, StoreError, TenantRef};
use crate::tenant::{Slug, Tenant, TenantId};

#[derive(Clone)]
pub struct Config {
    /// The authenticators that are asked, in this order.
    pub order: Vec<Authenticating>,
    /// The headers that may carry a credential.
    pub headers: Vec<HeaderName>,
    pub api_key: api_key::Config,
    pub jwt: jwt::Config,
}

/// The authenticators there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Authenticating {
    Jwt,
    ApiKey,
}

/// `Authorization` and the names that SDKs and earlier systems use.
pub const DEFAULT_HEADERS: [HeaderName; 4] = [
    AUTHORIZATION,
    HeaderName::from_static("x-api-key"),
    HeaderName::from_static("api-key"),
    HeaderName::from_static("x-llmcore-api-key"),
];

impl Default for Config {
    fn default() -> Config {
        Config {
            order: vec![Authenticating::Jwt, Authenticating::ApiKey],
            headers: DEFAULT_HEADERS.to_vec(),
            api_key: api_key::Config::default(),
            jwt: jwt::Config::default(),
        }
    }
}

/// Why a request has no principal.
#[derive(Clone, Debug, thiserror::Error)]
pub enum AuthError {
    #[error("no credential")]
    Missing,
    #[error("the request carries more than one credential")]
    Conflicting,
    #[error("the credential is malformed")]
    Malformed,
    /// Unknown, wrong or revoked: a client cannot tell which (promise K3).
    #[error("the key is not accepted")]
    Refused,
    /// The secret was right, so saying so helps its owner alone.
    #[error("the credential has expired")]
    Expired,
    #[error("the token is not accepted: {0}")]
    Token(TokenError),
    /// More slow hashes are waited for than the gate will hold.
    #[error("too many keys wait to be verified")]
    Overloaded,
    /// The store did not answer, so nothing is known about the credential.
    #[error("the store did not answer: {0}")]
    Unavailable(String),
    /// Something else kept the check from being made.
    #[error("the credential could not be checked: {0}")]
    Undecided(String),
}

impl AuthError {
    fn unavailable(error: StoreError) -> AuthError {
        AuthError::Unavailable(error.to_string())
    }

    fn undecided(error: impl std::error::Error) -> AuthError {
        AuthError::Undecided(error.to_string())
    }
}

/// The chain.
pub struct Authenticator {
    order: Vec<Authenticating>,
    headers: Vec<HeaderName>,
    /// Those that are read, and those that SDKs may send all the same.
    stripped: Vec<HeaderName>,
    keys: ApiKeys,
    jwt: Jwt,
    tenants: Tenants,
    last_used: Arc<LastUsed>,
}

impl Authenticator {
    pub fn new(config: Config, store: &Arc<Store>) -> Authenticator {
        let last_used = Arc::new(LastUsed::default());
        let tenants = Tenants::new(store.clone(), config.api_key.cache_ttl, config.api_key.unknown_ttl);
        Authenticator {
            order: config.order,
            stripped: DEFAULT_HEADERS.into_iter().chain(config.headers.iter().cloned()).collect(),
            headers: config.headers,
            keys: ApiKeys::new(config.api_key, store.clone(), last_used.clone()),
            jwt: Jwt::new(config.jwt),
            tenants,
            last_used,
        }
    }

    pub async fn authenticate(&self, headers: &HeaderMap) -> Result<Arc<Principal>, AuthError> {
        let credential = Credential::parse(headers, &self.headers).map_err(|error| match error {
            CredentialError::Conflicting => AuthError::Conflicting,
            CredentialError::Malformed => AuthError::Malformed,
        })?;
        let credential = credential.ok_or(AuthError::Missing)?;
        for authenticating in &self.order {
            match (authenticating, &credential) {
                (Authenticating::Jwt, Credential::Jwt(token)) => return self.by_token(token).await,
                (Authenticating::ApiKey, Credential::Key(key)) => return self.keys.authenticate(key).await,
                _ => {}
            }
        }
        Err(AuthError::Refused)
    }

    /// The headers that may carry a credential, read here or not: an upstream sees none of them from a client.
    pub fn credential_headers(&self) -> &[HeaderName] {
        &self.stripped
    }

    /// When keys were last used, to be written in batches.
    pub fn last_used(&self) -> &LastUsed {
        &self.last_used
    }

    /// Forgets what a change in the store makes untrue.
    pub fn apply(&self, change: &Change) {
        match change.kind {
            ChangeKind::Key => self.keys.forget_key(&change.id),
            ChangeKind::User | ChangeKind::Token => {}
            ChangeKind::Tenant => {
                self.tenants.forget_all();
                match TenantId::parse(&change.id) {
                    Ok(tenant) => self.keys.forget_tenant(&tenant),
                    Err(_) => self.keys.forget_all(),
                }
            }
        }
    }

    /// Forgets everything, because changes may have been missed.
    pub fn forget_all(&self) {
        self.keys.forget_all();
        self.tenants.forget_all();
    }

    async fn by_token(&self, token: &Secret) -> Result<Arc<Principal>, AuthError> {
        let verified = self.jwt.verify(token, Timestamp::now()).map_err(|error| match error {
            TokenError::Expired => AuthError::Expired,
            other => AuthError::Token(other),
        })?;
        let tenant = self.tenant_of(&verified).await?;
        // A token that names no scopes is a plain user's; one that names some is good for exactly those.
        let scopes = verified.scopes.unwrap_or_else(Scopes::defaults);
        Ok(Arc::new(Principal::new(Proven {
            tenant,
            id: verified.subject,
            method: AuthMethod::Jwt,
            credential: CredentialId::Token { id: None, session: None },
            scopes,
            models: Models::All,
            expiry: verified.expiry,
            contact: Contact::default(),
        })))
    }

    async fn tenant_of(&self, token: &VerifiedToken) -> Result<Arc<Tenant>, AuthError> {
        let unknown = AuthError::Token(TokenError::UnknownTenant);
        let mut found = None;
        if let Ok(id) = TenantId::parse(&token.tenant) {
            found = self.tenants.find(TenantRef::Id(id)).await?;
        }
        if let (None, Ok(slug)) = (&found, Slug::parse(&token.tenant)) {
            found = self.tenants.find(TenantRef::Slug(slug)).await?;
        }
        let tenant = found.ok_or(unknown.clone())?;
        let agrees = token.tenant_slug.as_ref().is_none_or(|slug| slug == tenant.slug.as_str());
        if agrees { Ok(tenant) } else { Err(unknown) }
    }
}
