//! Who a request comes from: the chain of authenticators, in the configured order.
//!
//! Each answers absent, wrong, could-not-tell, or a principal. Absent asks the next one; wrong and could-not-tell end
//! the chain, so that a bad token is never saved by a good key beside it.

pub mod api_key;
mod canary;
pub mod credential;
mod follow;
mod hashing;
pub mod jwt;
pub mod last_used;
pub mod mtls;
mod remembered;
mod revocation;
mod roll;
pub mod session;
mod tenants;
mod trusted_header;

use std::net::IpAddr;
use std::sync::Arc;

use http::header::{AUTHORIZATION, HeaderMap, HeaderName};
use uuid::Uuid;

pub use self::revocation::id_of_whole;
pub use self::trusted_header::Config as TrustedHeaderConfig;

use self::api_key::{ApiKeys, KeyRefusal, time_left};
use self::credential::{Credential, CredentialError};
use self::hashing::HashThreads;
use self::jwt::{Jwt, TokenError, VerifiedToken};
use self::last_used::LastUsed;
use self::mtls::ClientCertificate;
use self::remembered::Remembered;
use self::revocation::Revocations;
use self::roll::Roll;
use self::session::Sessions;
use self::tenants::Tenants;
use crate::clock::{Expiry, Timestamp};
use crate::digest::sha256;
use crate::headers::Claimed;
use crate::principal::{AuthMethod, Contact, CredentialId, Principal, PrincipalId, Proven};
use crate::scopes::{Models, Scopes};
use crate::secret::Secret;
use crate::store::{Feed, Position, Store, StoreError};
use crate::telemetry::RequestLog;
use crate::tenant::{Tenant, TenantId};

#[derive(Clone)]
pub struct Config {
    /// The authenticators that are asked, in this order.
    pub order: Vec<Authenticating>,
    /// The headers that may carry a credential.
    pub headers: Vec<HeaderName>,
    pub api_key: api_key::Config,
    pub jwt: jwt::Config,
    pub mtls: mtls::Config,
    pub trusted_header: TrustedHeaderConfig,
    /// `None` where users do not log in here.
    pub session: Option<session::Config>,
}

/// The authenticators there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Authenticating {
    Jwt,
    ApiKey,
    Mtls,
    TrustedHeader,
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
            mtls: mtls::Config::default(),
            trusted_header: TrustedHeaderConfig::default(),
            session: None,
        }
    }
}

/// What a request shows of who sent it.
pub struct Presented<'a> {
    pub headers: &'a HeaderMap,
    pub peer: IpAddr,
    /// What the peer says of the tenant, where the peer is one whose word is believed.
    pub word: Option<&'a Claimed>,
    /// The certificate that the connection was opened with, its chain verified.
    pub certificate: Option<&'a ClientCertificate>,
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
            AuthError::Undecided(_) => "undecided",
        }
    }
}

/// The chain.
pub struct Authenticator {
    order: Vec<Authenticating>,
    headers: Vec<HeaderName>,
    /// Those that are read, and those that SDKs may send all the same.
    stripped: Vec<HeaderName>,
    store: Arc<dyn Store>,
    keys: ApiKeys,
    hashing: Arc<HashThreads>,
    jwt: Arc<Jwt>,
    mtls: mtls::Config,
    trusted_header: TrustedHeaderConfig,
    tenants: Tenants,
    /// Principals of tokens, certificates and trusted peers, under the digest of what was shown.
    known: Remembered<[u8; 32], Arc<Known>>,
    revocations: Revocations,
    roll: Arc<Roll>,
    last_used: Arc<LastUsed>,
    sessions: Option<Sessions>,
    /// How far the store's feed of changes was read.
    seq: tokio::sync::Mutex<Option<Position>>,
}

/// What is remembered of a credential that is no key.
struct Known {
    principal: Arc<Principal>,
    /// Asked at each hit whether it still holds.
    token: Option<VerifiedToken>,
}

/// Who may be remembered beside the keys.
const KNOWN_MAX: u64 = 100_000;

impl Authenticator {
    /// Reads which tokens are revoked, and from where on changes are to be followed.
    pub async fn open(config: Config, store: &Arc<dyn Store>) -> Result<Authenticator, StoreError> {
        // Before the list: a revocation between the two is then heard of twice, and never missed.
        let seq = match store.changes(None).await? {
            Feed::Changes { next, .. } | Feed::Lost { next } => Some(next),
        };
        let revocations = Revocations::default();
        revocations.replace(store.revoked_tokens(Timestamp::now()).await?);
        let (last_used, roll) = (Arc::new(LastUsed::default()), Arc::new(Roll::default()));
        let hashing = Arc::new(HashThreads::new(config.api_key.hash_threads));
        let (ttl, unknown_ttl) = (config.api_key.cache_ttl, config.api_key.unknown_ttl);
        let jwt = Arc::new(Jwt::new(config.jwt.clone()));
        let session = config.session.clone();
        let sessions =
            session.map(|session| Sessions::new(session, &config, store.clone(), jwt.clone(), hashing.clone()));
        Ok(Authenticator {
            order: config.order,
            stripped: DEFAULT_HEADERS.into_iter().chain(config.headers.iter().cloned()).collect(),
            headers: config.headers,
            keys: ApiKeys::new(config.api_key, store.clone(), last_used.clone(), hashing.clone(), roll.clone()),
            hashing,
            jwt,
            mtls: config.mtls,
            trusted_header: config.trusted_header,
            tenants: Tenants::new(store.clone(), ttl, unknown_ttl),
            known: Remembered::new(KNOWN_MAX, move |known: &Arc<Known>| ttl.min(time_left(known.principal.expiry))),
            revocations,
            roll,
            last_used,
            sessions,
            seq: tokio::sync::Mutex::new(seq),
            store: store.clone(),
        })
    }

    pub async fn authenticate(&self, presented: &Presented<'_>) -> Result<Arc<Principal>, AuthError> {
        let credential = Credential::parse(presented.headers, &self.headers).map_err(|error| match error {
            CredentialError::Conflicting => AuthError::Conflicting,
            CredentialError::Malformed => AuthError::Malformed,
        })?;
        for authenticating in &self.order {
            if let Some(principal) = self.ask(*authenticating, credential.as_ref(), presented).await? {
                return Ok(principal);
            }
        }
        Err(if credential.is_some() { AuthError::NotAccepted } else { AuthError::Missing })
    }

    /// One authenticator's answer; `None` where what it looks at is absent.
    async fn ask(
        &self,
        authenticating: Authenticating,
        credential: Option<&Credential>,
        presented: &Presented<'_>,
    ) -> Result<Option<Arc<Principal>>, AuthError> {
        match (authenticating, credential) {
            (Authenticating::Jwt, Some(Credential::Jwt(token))) => self.by_token(token).await.map(Some),
            (Authenticating::ApiKey, Some(Credential::Key(key))) => {
                self.keys.authenticate(key, presented.peer).await.map(Some)
            }
            (Authenticating::Mtls, _) => match presented.certificate {
                Some(certificate) => self.by_certificate(certificate).await.map(Some),
                None => Ok(None),
            },
            (Authenticating::TrustedHeader, _) => match presented.word.filter(|word| word.tenants().next().is_some()) {
                Some(word) => self.by_word(word).await.map(Some),
                None => Ok(None),
            },
            (Authenticating::Jwt | Authenticating::ApiKey, _) => Ok(None),
        }
    }

    /// The headers that may carry a credential, read here or not: an upstream sees none of them from a client.
    pub fn credential_headers(&self) -> &[HeaderName] {
        &self.stripped
    }

    /// Whether a listed peer may say who the tenant is.
    pub fn takes_words(&self) -> bool {
        self.order.contains(&Authenticating::TrustedHeader)
    }

    /// When keys were last used, to be written in batches.
    pub fn last_used(&self) -> &LastUsed {
        &self.last_used
    }

    /// Runs a slow hash in a tenant's turn, beside those of keys that are verified.
    pub async fn hash_in_turn<T: Send + 'static>(
        &self,
        tenant: &TenantId,
        hash: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, AuthError> {
        // Every new secret is a subject of its own: one waits for another only by the tenant's turn.
        self.hashing.run(tenant.as_str(), &Uuid::now_v7().to_string(), hash).await
    }

    /// Logging in, where the config lets users do that.
    pub fn sessions(&self) -> Option<&Sessions> {
        self.sessions.as_ref()
    }

    pub fn jwt(&self) -> &Arc<Jwt> {
        &self.jwt
    }

    async fn by_token(&self, token: &Secret) -> Result<Arc<Principal>, AuthError> {
        let digest = sha256(token.expose());
        let known = self.known.get_or(&digest, || self.verify_token(token)).await?;
        if let Some(token) = &known.token {
            self.jwt.still_holds(token, Timestamp::now()).map_err(AuthError::Token)?;
        }
        if self.revocations.deny(&known.principal.credential) {
            return Err(AuthError::Revoked);
        }
        Ok(known.principal.clone())
    }

    async fn verify_token(&self, token: &Secret) -> Result<Arc<Known>, AuthError> {
        let verified = self.jwt.verify(token, Timestamp::now()).await.map_err(AuthError::Token)?;
        let principal = Principal::new(Proven {
            tenant: self.tenant_of(&verified).await?,
            id: verified.subject.clone(),
            method: AuthMethod::Jwt,
            credential: CredentialId::Token { id: verified.revoked_by(token), session: verified.session.clone() },
            // A token that names no scopes is a plain user's; one that names some is good for exactly those.
            scopes: verified.scopes.clone().unwrap_or_else(Scopes::defaults),
            models: Models::All,
            expiry: verified.expiry,
            contact: verified.contact.clone(),
        });
        Ok(Arc::new(Known { principal: self.roll.enter(principal), token: Some(verified) }))
    }

    async fn tenant_of(&self, token: &VerifiedToken) -> Result<Arc<Tenant>, AuthError> {
        let named = &token.tenant;
        let tenant = self.tenants.named(&named.name).await?.ok_or(AuthError::UnknownTenant)?;
        let agrees = named.slug.as_ref().is_none_or(|slug| slug == tenant.slug.as_str());
        if agrees { Ok(tenant) } else { Err(AuthError::UnknownTenant) }
    }

    async fn by_certificate(&self, certificate: &ClientCertificate) -> Result<Arc<Principal>, AuthError> {
        let expiry = Expiry::At(certificate.not_after);
        if expiry.is_past(Timestamp::now()) {
            return Err(AuthError::UnknownCertificate);
        }
        let map = || async {
            let mapped = self.mtls.map(certificate).ok_or(AuthError::UnknownCertificate)?;
            let tenant = self.tenants.named(mapped.tenant).await?.ok_or(AuthError::UnknownTenant)?;
            Ok(self.of_connection(tenant, mapped.id, AuthMethod::Mtls, mapped.scopes, expiry))
        };
        Ok(self.known.get_or(&certificate.fingerprint, map).await?.principal.clone())
    }

    async fn by_word(&self, word: &Claimed) -> Result<Arc<Principal>, AuthError> {
        let said = trusted_header::read(word).map_err(|_| AuthError::Malformed)?;
        let find = || async {
            let tenant = self.tenants.named(said.tenant).await?.ok_or(AuthError::UnknownTenant)?;
            if said.slug.is_some_and(|slug| slug != tenant.slug.as_str()) {
                return Err(AuthError::UnknownTenant);
            }
            let scopes = &self.trusted_header.scopes;
            Ok(self.of_connection(tenant, said.id.clone(), AuthMethod::TrustedHeader, scopes, Expiry::Never))
        };
        Ok(self.known.get_or(&said.digest(), find).await?.principal.clone())
    }

    fn of_connection(
        &self,
        tenant: Arc<Tenant>,
        id: PrincipalId,
        method: AuthMethod,
        scopes: &Scopes,
        expiry: Expiry,
    ) -> Arc<Known> {
        let principal = Principal::new(Proven {
            tenant,
            id,
            method,
            credential: CredentialId::Connection,
            scopes: scopes.clone(),
            models: Models::All,
            expiry,
            contact: Contact::default(),
        });
        Arc::new(Known { principal: self.roll.enter(principal), token: None })
    }
}
