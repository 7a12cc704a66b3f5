//! Who a request comes from: the chain of authenticators, in the configured order.
//!
//! Each answers absent, wrong, could-not-tell, or a principal. Absent asks the next one; wrong and could-not-tell end
//! the chain, so that a bad token is never saved by a good key beside it.

pub mod api_key;
mod canary;
pub mod credential;
mod ending;
mod epochs;
mod error;
mod follow;
mod hashing;
pub mod jwt;
mod known;
pub mod last_used;
mod lease;
mod lookups;
pub mod mtls;
mod remembered;
mod revocation;
mod roll;
pub mod session;
mod tenants;
#[cfg(test)]
mod testing;
mod trouble;
mod trusted_header;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::header::{AUTHORIZATION, HeaderMap, HeaderName};

pub use self::error::AuthError;
pub use self::revocation::id_of_whole;
pub use self::trusted_header::Config as TrustedHeaderConfig;

use self::api_key::{ApiKeys, FoundVerifiers};
use self::credential::{Credential, CredentialError};
use self::epochs::Epochs;
use self::follow::{Followed, Forgetting};
use self::hashing::HashThreads;
use self::jwt::Jwt;
use self::known::KnownPrincipals;
use self::last_used::LastUsed;
use self::lease::Lease;
use self::lookups::Lookups;
use self::mtls::ClientCertificate;
use self::revocation::Revocations;
use self::roll::Roll;
use self::session::Sessions;
use self::tenants::Tenants;
use crate::headers::Claimed;
use crate::metrics::{FeedMode, Metrics};
use crate::principal::Principal;
use crate::store::{Hearing, Store, StoreError};
use crate::tenant::TenantId;

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

/// What of that which is gathered beside the requests was not written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// They are dropped: the next use of a key tells as much.
    #[error("the last uses of keys could not be written: {0}")]
    LastUses(#[source] StoreError),
    /// They are written later.
    #[error("the verifiers of keys could not be written: {0}")]
    Verifiers(#[source] StoreError),
}

/// The chain.
pub struct Authenticator {
    order: Vec<Authenticating>,
    headers: Vec<HeaderName>,
    /// Those that are read, and those that SDKs may send all the same.
    stripped: Vec<HeaderName>,
    store: Arc<dyn Store>,
    metrics: Arc<Metrics>,
    started: Instant,
    lease: Lease,
    keys: ApiKeys,
    lookups: Arc<Lookups>,
    hashing: Arc<HashThreads>,
    jwt: Arc<Jwt>,
    mtls: mtls::Config,
    trusted_header: TrustedHeaderConfig,
    tenants: Tenants,
    epochs: Arc<Epochs>,
    /// Principals of tokens, certificates and trusted peers.
    known: KnownPrincipals,
    revocations: Revocations,
    roll: Arc<Roll>,
    last_used: Arc<LastUsed>,
    verifiers: Arc<FoundVerifiers>,
    sessions: Option<Sessions>,
    followed: tokio::sync::Mutex<Followed>,
    forgetting: Forgetting,
}

impl Authenticator {
    /// Asks nobody yet. Nothing is accepted before `catch_up` came back once, and no key is looked up unless
    /// `look_up_keys` is polled. `stale_limit` is how long what is known stays good while the store is not heard.
    pub fn new(config: Config, store: Arc<dyn Store>, stale_limit: Duration, metrics: Arc<Metrics>) -> Authenticator {
        let lookups = Arc::new(Lookups::new(store.clone(), metrics.clone()));
        let (last_used, verifiers) = (Arc::new(LastUsed::default()), Arc::new(FoundVerifiers::default()));
        let (roll, epochs) = (Arc::new(Roll::default()), Arc::new(Epochs::default()));
        let hashing = Arc::new(HashThreads::new(config.api_key.hash_threads));
        let unknown_ttl = config.api_key.unknown_ttl;
        let jwt = Arc::new(Jwt::new(config.jwt.clone()));
        let session = config.session.clone();
        let sessions =
            session.map(|session| Sessions::new(session, &config, store.clone(), jwt.clone(), hashing.clone()));
        let parts = api_key::Parts {
            store: store.clone(),
            lookups: lookups.clone(),
            epochs: epochs.clone(),
            hashing: hashing.clone(),
            last_used: last_used.clone(),
            verifiers: verifiers.clone(),
            roll: roll.clone(),
        };
        Authenticator {
            order: config.order,
            stripped: DEFAULT_HEADERS.into_iter().chain(config.headers.iter().cloned()).collect(),
            headers: config.headers,
            keys: ApiKeys::new(config.api_key, parts),
            lookups,
            hashing,
            jwt,
            mtls: config.mtls,
            trusted_header: config.trusted_header,
            tenants: Tenants::new(store.clone(), epochs.clone(), unknown_ttl),
            epochs,
            known: known::nobody_yet(),
            revocations: Revocations::default(),
            roll,
            last_used,
            verifiers,
            sessions,
            followed: tokio::sync::Mutex::default(),
            forgetting: Forgetting::default(),
            lease: Lease::new(stale_limit),
            started: Instant::now(),
            metrics,
            store,
        }
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
            (Authenticating::Jwt, Some(Credential::Jwt(token))) => {
                self.needs_lease()?;
                self.by_token(token).await.map(Some)
            }
            (Authenticating::ApiKey, Some(Credential::Key(key))) => {
                // What no key can be is refused offline, whatever the store says or does not (promise K1).
                self.keys.check_form(key)?;
                self.needs_lease()?;
                self.keys.authenticate(key, presented.peer).await.map(Some)
            }
            (Authenticating::Mtls, _) => match presented.certificate {
                Some(certificate) => {
                    self.needs_lease()?;
                    self.by_certificate(certificate).await.map(Some)
                }
                None => Ok(None),
            },
            (Authenticating::TrustedHeader, _) => match presented.word.filter(|word| word.tenants().next().is_some()) {
                Some(word) => {
                    self.needs_lease()?;
                    self.by_word(word).await.map(Some)
                }
                None => Ok(None),
            },
            (Authenticating::Jwt | Authenticating::ApiKey, _) => Ok(None),
        }
    }

    /// Whatever is shown, cached or not: while the store is not heard, nobody is let in and nobody refused for good.
    fn needs_lease(&self) -> Result<(), AuthError> {
        if self.lease.holds() { Ok(()) } else { Err(AuthError::Unconfirmed) }
    }

    /// Whether the store was heard lately enough for credentials to be accepted.
    pub fn is_confirmed(&self) -> bool {
        self.lease.holds()
    }

    /// Asks the store for the keys that are presented, for as long as it is polled.
    pub async fn look_up_keys(&self) {
        self.lookups.run().await;
    }

    /// The headers that may carry a credential, read here or not: an upstream sees none of them from a client.
    pub fn credential_headers(&self) -> &[HeaderName] {
        &self.stripped
    }

    /// Whether a listed peer may say who the tenant is.
    pub fn takes_words(&self) -> bool {
        self.order.contains(&Authenticating::TrustedHeader)
    }

    /// Writes what was gathered beside the requests: when keys were last used, and what their slow hashes need not be
    /// computed for again. Neither waits for the other to succeed.
    pub async fn write_gathered(&self) -> Result<(), WriteError> {
        let uses = self.last_used.write(self.store.as_ref()).await.map_err(WriteError::LastUses);
        let verifiers = self.write_verifiers().await.map_err(WriteError::Verifiers);
        uses.and(verifiers)
    }

    /// What cannot be written goes back: computing it again costs a slow hash, and only in a process that begins anew.
    async fn write_verifiers(&self) -> Result<(), StoreError> {
        let mut found = self.verifiers.take();
        while !found.is_empty() {
            let rest = found.split_off(found.len().min(last_used::WRITTEN_AT_ONCE));
            if let Err(error) = self.store.note_verifiers(found.clone()).await {
                found.extend(rest);
                self.verifiers.put_back(found);
                return Err(error);
            }
            found = rest;
        }
        Ok(())
    }

    /// Tells the measures what is only known when somebody looks.
    pub async fn measure(&self) {
        self.metrics.store_feed(match self.store.hearing() {
            Hearing::Listening => FeedMode::Listen,
            Hearing::Polling => FeedMode::Poll,
            Hearing::Down => FeedMode::Down,
        });
        self.metrics.store_confirmed(self.lease.age().unwrap_or_else(|| self.started.elapsed()));
        let remembered = self.keys.remembered().await + self.tenants.remembered().await + self.known.len().await;
        self.metrics.cached_entries(remembered);
    }

    /// Runs a slow hash in a tenant's turn, beside those of keys that are verified.
    pub async fn hash_in_turn<T: Send + 'static>(
        &self,
        tenant: &TenantId,
        hash: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, AuthError> {
        self.hashing.run(tenant.as_str(), None, hash).await
    }

    /// Logging in, where the config lets users do that.
    pub fn sessions(&self) -> Option<&Sessions> {
        self.sessions.as_ref()
    }

    pub fn jwt(&self) -> &Arc<Jwt> {
        &self.jwt
    }
}
