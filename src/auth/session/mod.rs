//! Users who log in: a password for two tokens, one that is shown with requests and one that is good for new tokens.
//!
//! Every login begins a session, and its tokens name it. A refresh token is good once: used again it is stolen, and its
//! whole session ends (promise K5), but for a short grace in which a client repeats a request whose answer was lost.

mod lockout;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use uuid::Uuid;

use self::lockout::Lockout;
use super::AuthError;
use super::api_key::{KeyHash, Peppers};
use super::hashing::HashThreads;
use super::jwt::mint::MintError;
use super::jwt::{self, HmacAlgorithm, Jwt, NewToken, TokenError, TokenKind};
use crate::clock::{Expiry, Timestamp};
use crate::principal::{Contact, CredentialId, Principal, PrincipalId};
use crate::secret::Secret;
use crate::store::{Email, NewRefresh, Reach, Refreshed, Store, StoreError, Successor, UserRecord, UserStatus};
use crate::tenant::{TenantId, TenantStatus};

#[derive(Clone, Debug)]
pub struct Config {
    /// Path under which the endpoints stand.
    pub prefix: String,
    pub access_ttl: Duration,
    pub refresh_ttl: Duration,
}

pub const DEFAULT_PREFIX: &str = "/auth";
/// A stolen access token is good for this long at most, and a user's new scopes wait no longer for it.
pub const DEFAULT_ACCESS_TTL: Duration = Duration::from_secs(15 * 60);
/// What is denied of a session is denied for this long: past the end of every access token in it.
pub const ACCESS_TTL_MAX: Duration = Duration::from_secs(24 * 60 * 60);
/// A user who was away for longer logs in again.
pub const DEFAULT_REFRESH_TTL: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// Whose turn it is where a password is compared: all log-ins are one party, so that keys get every other turn however
/// many addresses the log-ins come from.
const LOGINS: &str = "log-ins";
/// A client whose connection broke repeats its request within this.
const GRACE: Duration = Duration::from_secs(10);

impl Default for Config {
    fn default() -> Config {
        Config { prefix: DEFAULT_PREFIX.into(), access_ttl: DEFAULT_ACCESS_TTL, refresh_ttl: DEFAULT_REFRESH_TTL }
    }
}

/// What a login or a refresh gives. Both tokens end (promise S11).
pub struct Tokens {
    pub access: Secret,
    pub refresh: Secret,
    /// How long the access token is good.
    pub expires_in: Duration,
    pub user: Box<UserRecord>,
}

/// What a user sends.
pub struct Login<'a> {
    /// Id or slug.
    pub tenant: &'a str,
    pub email: &'a str,
    pub password: Secret,
}

/// Why there are no tokens.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// No such tenant, no such user, a wrong password or a disabled user: one answer, after the same work.
    #[error("tenant, e-mail address or password is wrong")]
    Wrong,
    #[error("too many failures: wait {0:?}")]
    Locked(Duration),
    #[error("the tenant is not active")]
    TenantNotActive(TenantStatus),
    #[error("the refresh token is not accepted: {0}")]
    Token(TokenError),
    #[error("the refresh token is unknown, expired or revoked")]
    RefreshRefused,
    /// It was used before: its session was ended.
    #[error("the refresh token was used before")]
    RefreshReused,
    /// A key has no session that could be ended.
    #[error("the credential is no token")]
    NoSession,
    #[error("no token can be made: {0}")]
    Mint(#[from] MintError),
    /// Its id could not stand in a token.
    #[error("the user's record cannot be used")]
    Record,
    /// The password could not be compared in time.
    #[error(transparent)]
    Hashing(AuthError),
    #[error("the store did not answer: {0}")]
    Store(#[from] StoreError),
}

impl SessionError {
    /// A stable word for the log. docs/authentication.md lists them.
    pub fn reason(&self) -> &'static str {
        match self {
            SessionError::Wrong => "login_wrong",
            SessionError::Locked(_) => "login_locked",
            SessionError::TenantNotActive(_) => "tenant_not_active",
            SessionError::Token(error) => error.reason(),
            SessionError::RefreshRefused => "refresh_refused",
            SessionError::RefreshReused => "refresh_reused",
            // Who asked is known: the line says that they were accepted.
            SessionError::NoSession => "accepted",
            SessionError::Mint(_) | SessionError::Record => "mint_failed",
            SessionError::Hashing(error) => error.reason(),
            SessionError::Store(_) => "store_unavailable",
        }
    }
}

pub struct Sessions {
    config: Config,
    minting: jwt::Config,
    bcrypt_cost: u32,
    store: Arc<dyn Store>,
    jwt: Arc<Jwt>,
    hashing: Arc<HashThreads>,
    lockout: Lockout,
}

impl Sessions {
    pub(super) fn new(
        config: Config,
        auth: &super::Config,
        store: Arc<dyn Store>,
        jwt: Arc<Jwt>,
        hashing: Arc<HashThreads>,
    ) -> Sessions {
        let (minting, bcrypt_cost) = (auth.jwt.clone(), auth.api_key.bcrypt_cost);
        Sessions { config, minting, bcrypt_cost, store, jwt, hashing, lockout: Lockout::default() }
    }

    /// Compares a password and begins a session.
    pub async fn log_in(&self, login: Login<'_>, peer: IpAddr) -> Result<Tokens, SessionError> {
        let attempt = self.lockout.begin(login.tenant, login.email, peer, Instant::now());
        let attempt = attempt.map_err(SessionError::Locked)?;
        let user = match self.proven(login, peer).await {
            Ok(user) => {
                self.lockout.succeeded(attempt);
                user
            }
            Err(SessionError::Wrong) => return Err(SessionError::Wrong),
            // A fault of ours is no failure of theirs.
            Err(error) => {
                self.lockout.undecided(attempt);
                return Err(error);
            }
        };
        if user.tenant.status != TenantStatus::Active {
            return Err(SessionError::TenantNotActive(user.tenant.status));
        }
        self.begin(user).await
    }

    /// The user whose password this is.
    async fn proven(&self, login: Login<'_>, peer: IpAddr) -> Result<UserRecord, SessionError> {
        let user = match Email::parse(login.email) {
            Ok(email) => self.store.find_user(login.tenant, &email).await?,
            Err(_) => None,
        };
        let matches = self.compare(user.as_ref(), login.password, peer).await?;
        user.filter(|user| matches && user.status == UserStatus::Active).ok_or(SessionError::Wrong)
    }

    /// A refresh token for new tokens.
    pub async fn refresh(&self, token: &Secret) -> Result<Tokens, SessionError> {
        let now = Timestamp::now();
        let claims = self.jwt.verify_refresh(token, now).map_err(SessionError::Token)?;
        let next = Successor { id: new_id(), expires_at: now.after(self.config.refresh_ttl) };
        let next_id = next.id.clone();
        // Ours always name the tenant by its id.
        let tenant = TenantId::parse(&claims.tenant.name).map_err(|_| SessionError::RefreshRefused)?;
        match self.store.refresh(&tenant, &claims.id, next, now, GRACE, Sessions::access_until(now)).await? {
            Refreshed::Done { user, family } => self.tokens(user, &family, &next_id, now),
            Refreshed::Reused { family, user } => {
                tracing::warn!(target: "audit", event = "refresh_token_reused", session = %family, %user,
                    "a refresh token was used twice: its session was ended");
                Err(SessionError::RefreshReused)
            }
            Refreshed::Refused => Err(SessionError::RefreshRefused),
        }
    }

    /// Ends the session that a token was issued in; of a token without one, the token alone.
    pub async fn log_out(&self, principal: &Principal) -> Result<(), SessionError> {
        let CredentialId::Token { id, session } = &principal.credential else { return Err(SessionError::NoSession) };
        let now = Timestamp::now();
        if let Some(session) = session {
            let reach = Reach::Tenant(principal.tenant.id.clone());
            self.store.end_session(&reach, session, Sessions::access_until(now)).await?;
        }
        let until = match principal.expiry {
            // The leeway is in it.
            Expiry::At(end) => end,
            Expiry::Never => Timestamp(i64::MAX),
        };
        Ok(self.store.revoke_token(id, until).await?)
    }

    /// The same work whether there is such a user or not.
    async fn compare(&self, user: Option<&UserRecord>, password: Secret, peer: IpAddr) -> Result<bool, SessionError> {
        let nobody = nobodys_hash(self.bcrypt_cost);
        let hash = user.map_or(nobody.as_str(), |user| &user.hashed_password);
        let hash: KeyHash = hash.parse().map_err(|error: super::api_key::KeyHashError| {
            SessionError::Hashing(AuthError::Undecided(format!("a password's hash is malformed: {error}")))
        })?;
        let compare = move || hash.verify(&password, &Peppers::default());
        let network = lockout::network(peer).to_string();
        let outcome = self.hashing.run(LOGINS, Some(&network), compare).await.map_err(SessionError::Hashing)?;
        let matches = outcome.map_err(|error| SessionError::Hashing(AuthError::undecided(error)))?;
        Ok(matches && user.is_some())
    }

    async fn begin(&self, user: UserRecord) -> Result<Tokens, SessionError> {
        let now = Timestamp::now();
        let (family, refresh_id) = (new_id(), new_id());
        let tokens = self.tokens(Box::new(user), &family, &refresh_id, now)?;
        let first = NewRefresh {
            id: refresh_id,
            family,
            user: tokens.user.id.clone(),
            tenant: tokens.user.tenant.id.clone(),
            user_version: tokens.user.version,
            expires_at: now.after(self.config.refresh_ttl),
        };
        // Changed since the password was compared: disabled, suspended, or given another one.
        self.store.start_session(first).await.map_err(|error| match error {
            StoreError::Conflict(_) | StoreError::NotFound(_) => SessionError::Wrong,
            other => SessionError::Store(other),
        })?;
        self.store.note_login(&tokens.user.tenant.id, &tokens.user.id, now).await?;
        Ok(tokens)
    }

    fn tokens(
        &self,
        user: Box<UserRecord>,
        family: &str,
        refresh_id: &str,
        now: Timestamp,
    ) -> Result<Tokens, SessionError> {
        let subject = PrincipalId::parse(&user.id).map_err(|_| SessionError::Record)?;
        let contact = Contact {
            email: Some(user.email.as_str().to_owned()),
            name: (!user.name.is_empty()).then(|| user.name.clone()),
        };
        let access = NewToken {
            scopes: Some(&user.scopes),
            expiry: Expiry::At(now.after(self.config.access_ttl)),
            session: Some(family),
            contact,
            ..NewToken::access(&subject, &user.tenant, self.algorithm())
        };
        let refresh = NewToken {
            kind: TokenKind::Refresh,
            expiry: Expiry::At(now.after(self.config.refresh_ttl)),
            id: Some(refresh_id.to_owned()),
            session: Some(family),
            ..NewToken::access(&subject, &user.tenant, self.algorithm())
        };
        Ok(Tokens {
            access: self.minting.mint(&access, now)?,
            refresh: self.minting.mint(&refresh, now)?,
            expires_in: self.config.access_ttl,
            user,
        })
    }

    /// The first that the config allows.
    fn algorithm(&self) -> HmacAlgorithm {
        self.minting.algorithms.first().copied().unwrap_or(HmacAlgorithm::Hs256)
    }

    /// Until when an access token may still be shown that was issued by now, under this config or an earlier one.
    fn access_until(now: Timestamp) -> Timestamp {
        now.after(ACCESS_TTL_MAX).after(jwt::LEEWAY_MAX)
    }
}

/// Nobody's password has this hash: the salt is no secret, and what would match was never known.
fn nobodys_hash(cost: u32) -> String {
    format!("$2b${cost:02}$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy")
}

fn new_id() -> String {
    Uuid::now_v7().to_string()
}
