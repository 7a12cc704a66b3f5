//! One layer under the commands, the admin API and a tenant's own keys: who may make and change what, and how it is
//! shown.
//!
//! Every function takes the `Authority` on whose word it acts, checks how far that reaches, and only then asks the
//! store. Secrets that are made here are handed out once, beside the record, and never again.

mod authority;
mod errors;
mod import;
mod keys;
mod passwords;
mod provider_keys;
pub mod schema;
mod tenants;
mod tokens;
mod users;
mod views;

use std::sync::Arc;

pub use self::authority::{Authority, PLATFORM_ADMIN, TENANT_ADMIN};
pub use self::errors::{ManageError, RowMistake};
pub use self::import::{ImportRow, ROWS_MAX, parse_csv, parse_json};
pub use self::keys::{ChangeKey, CreateKey, IssuedKey, RotatedKey};
pub use self::passwords::{PASSWORD_BYTES_MAX, PASSWORD_BYTES_MIN};
pub use self::provider_keys::{Providers, Resealed};
pub use self::tenants::{ChangeTenant, CreateTenant};
pub use self::tokens::{Inspection, MintToken, MintedToken, RevokedToken};
pub use self::users::{ChangeUser, CreateUser};
pub use self::views::{
    KeyStatus, KeyView, NewKeyView, ProviderKeyView, ProviderKeysView, ScanLevelView, ScanModeView, TenantStatusView,
    TenantTargetView, TenantView, UserStatusView, UserView,
};

use crate::auth::jwt::{self, Jwt};
use crate::auth::{self, AuthError, Authenticator, api_key};
use crate::digest::{hex, sha256};
use crate::store::{Created, Once, Page, Store};
use crate::tenant::TenantId;

/// The service layer. One value serves every caller of a process.
pub struct Manage {
    store: Arc<dyn Store>,
    keys: api_key::Config,
    jwt: jwt::Config,
    providers: Providers,
    /// For commands: a gate has its own.
    verifier: Jwt,
    /// The gate of this process, where there is one: it forgets what a write here makes untrue.
    authenticator: Option<Arc<Authenticator>>,
}

impl Manage {
    /// `authenticator` is the serving process's own; a command has none.
    pub fn new(
        store: Arc<dyn Store>,
        config: &auth::Config,
        providers: Providers,
        authenticator: Option<Arc<Authenticator>>,
    ) -> Manage {
        let (keys, jwt) = (config.api_key.clone(), config.jwt.clone());
        Manage { store, keys, providers, verifier: Jwt::new(jwt.clone()), jwt, authenticator }
    }

    /// bcrypt takes tens of milliseconds of a core, which no worker of the runtime has to spare: in a gate it waits for
    /// the tenant's turn, so that making secrets keeps nobody from using theirs.
    async fn hash<T: Send + 'static>(
        &self,
        tenant: &TenantId,
        hash: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, ManageError> {
        let hashed = match &self.authenticator {
            Some(authenticator) => authenticator.hash_in_turn(tenant, hash).await,
            None => tokio::task::spawn_blocking(hash).await.map_err(|error| AuthError::Undecided(error.to_string())),
        };
        hashed.map_err(ManageError::Hashing)
    }

    /// Tells the log, and has this process's caches forget what is not true any more before the caller is answered.
    /// Other processes learn of it by the store's feed.
    async fn announce(&self, who: &Authority, done: &'static str, id: &str) {
        tracing::info!(by = %who.by(), id, "{done}");
        if let Some(authenticator) = &self.authenticator {
            // What was written is written: a cache that could not be told now is told when the feed is read next, which
            // is soon.
            if let Err(error) = authenticator.catch_up().await {
                tracing::warn!(%error, "the caches could not be told of it yet");
            }
        }
    }
}

/// A name that a client gives to a creation, so that sending it twice makes one thing.
#[derive(Clone, Debug)]
pub struct Idempotency {
    /// The client's own word, 1 to 128 printable ASCII characters.
    pub key: String,
    /// A digest of what was asked, so that the word cannot be used for something else.
    pub fingerprint: String,
}

impl Idempotency {
    /// The words of one tenant's clients are not those of another's, nor the operators'.
    fn once(self, who: &Authority) -> Once {
        let word = format!("{}/{}", who.realm(), self.key);
        Once { key: hex(&sha256(word.as_bytes())), fingerprint: self.fingerprint }
    }
}

/// Something that was asked to be made.
#[derive(Debug)]
pub struct Made<T> {
    pub made: T,
    /// Whether it was made by an earlier request under the same idempotency key.
    pub repeated: bool,
}

impl<T> From<Created<T>> for Made<T> {
    fn from(created: Created<T>) -> Made<T> {
        match created {
            Created::New(made) => Made { made, repeated: false },
            Created::Before(made) => Made { made, repeated: true },
        }
    }
}

/// One page of a listing.
#[derive(Debug)]
pub struct Listed<T> {
    pub items: Vec<T>,
    /// The id after which the next page begins; `None` on the last one.
    pub next: Option<String>,
}

impl<T> Listed<T> {
    /// `found` was asked for with one more than the page holds, which tells whether another page follows.
    fn cut(mut found: Vec<T>, limit: usize, id: impl Fn(&T) -> &str) -> Listed<T> {
        let more = found.len() > limit;
        found.truncate(limit);
        let next = found.last().filter(|_| more).map(|last| id(last).to_owned());
        Listed { items: found, next }
    }
}

/// Without a version to go by, a change is made over whatever others did meanwhile: what was read is read again.
async fn over_others<T, F>(expected: Option<u64>, attempt: impl Fn() -> F) -> Result<T, ManageError>
where
    F: Future<Output = Result<T, ManageError>>,
{
    for _ in 0..ATTEMPTS {
        match attempt().await {
            Err(ManageError::Stale) if expected.is_none() => {}
            outcome => return outcome,
        }
    }
    Err(ManageError::Stale)
}

/// Several operators at one record at the same time are rare; so many are a loop.
const ATTEMPTS: usize = 5;

fn with_one_more(page: Page) -> Page {
    Page { limit: page.limit.saturating_add(1), ..page }
}

#[cfg(test)]
mod tests;
