//! Tenants, keys, users, sessions and the feed of their changes, as the database keeps them. The only room that speaks SQL.
//!
//! Callers see records that were parsed on the way out and errors that say what can be done; what the engine said goes
//! to the log through `source()`, without statements and without values. A row that does not parse is an error, never
//! a record with a gap in it.

mod contract;
mod migrations;
mod postgres;
mod records;
mod rows;
mod rules;
#[cfg(test)]
#[expect(dead_code, reason = "other tests use the rest of it")]
#[path = "../../tests/support/postgres.rs"]
mod servers;
mod sqlite;
#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

pub use contract::{Candidates, Gate, Keys, Sessions, Store, Tenants, Users};
pub use postgres::{PostgresUrl, PostgresUrlError};
pub use records::{
    Change, ChangeKind, Created, Email, EmailError, Feed, Hearing, KeyLookup, KeyRecord, KeyUpdate, KeyUse,
    KeyVerifier, NewKey, NewRefresh, NewTenant, NewUser, Once, Page, Position, Reach, Refreshed, Rotation, Successor,
    TenantRef, TenantUpdate, UserRecord, UserStatus, UserUpdate, check_allow_rules, check_model, check_name,
    check_policy_size, check_public_id, check_schema_name, check_targets, check_upstream_name,
};

use postgres::Postgres;
use sqlite::Sqlite;

use crate::secret::{SecretError, SecretSource};

/// Where the store is, and how long a request may wait for it.
#[derive(Clone, Debug)]
pub struct Config {
    pub url: StoreUrl,
    /// PostgreSQL's password, before one in the url; its file is read anew for each new connection.
    pub password: Option<SecretSource>,
    /// Connections to PostgreSQL, beside the feed's and the one that listens.
    pub pool: usize,
    /// How long what is cached is honoured while the store does not say what has changed.
    pub stale_limit: Duration,
    /// How often the store is asked what has changed, whether or not it announces changes by itself.
    pub poll_interval: Duration,
    /// A lookup that takes longer is given up: nothing is known then.
    pub lookup_timeout: Duration,
    /// Lookups that may wait for a connection; one more is refused at once.
    pub waiting_max: usize,
}

impl Config {
    pub fn new(url: StoreUrl) -> Config {
        Config {
            url,
            password: None,
            pool: DEFAULT_POOL,
            stale_limit: DEFAULT_STALE_LIMIT,
            poll_interval: DEFAULT_POLL_INTERVAL,
            lookup_timeout: LOOKUP_TIMEOUT,
            waiting_max: WAITING_MAX,
        }
    }
}

/// Caches answer nearly everything, and nine replicas of so many and two more still fit a server's usual hundred
/// connections.
pub const DEFAULT_POOL: usize = 8;

/// Long enough for a database to be restarted or to fail over, short enough for whoever revokes a key meanwhile.
pub const DEFAULT_STALE_LIMIT: Duration = Duration::from_secs(5 * 60);

/// A revocation whose announcement was lost is known within twice this.
pub const DEFAULT_POLL_INTERVAL: Duration = Duration::from_millis(500);

/// A lookup is one or two page reads; past this the disk is ill, and clients should try another replica.
const LOOKUP_TIMEOUT: Duration = Duration::from_secs(2);

/// Caches answer nearly everything, so a longer queue than this only hides an outage.
const WAITING_MAX: usize = 64;

/// Opens the store, whose schema is then this build's: made where the store is empty, refused where it is another. A
/// database that cannot be reached is waited for, and its schema looked at as soon as it can be.
pub async fn open(config: &Config) -> Result<Arc<dyn Store>, StoreError> {
    match &config.url {
        StoreUrl::Sqlite(_) => Ok(Arc::new(Sqlite::open(config).await?)),
        StoreUrl::Postgres(url) => Ok(Arc::new(Postgres::open(url, config).await?)),
    }
}

/// Names of the migrations that `migrate` would run, in their order. Changes nothing, not even a missing file.
pub async fn pending_migrations(config: &Config) -> Result<Vec<String>, StoreError> {
    match &config.url {
        StoreUrl::Sqlite(_) => Sqlite::pending_migrations(config).await,
        StoreUrl::Postgres(url) => Postgres::pending_migrations(url, config).await,
    }
}

/// Brings the schema up to date, and says what it ran.
pub async fn migrate(config: &Config) -> Result<Vec<String>, StoreError> {
    match &config.url {
        StoreUrl::Sqlite(_) => Sqlite::migrate(config).await,
        StoreUrl::Postgres(url) => Postgres::migrate(url, config).await,
    }
}

/// Which engine, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreUrl {
    Sqlite(PathBuf),
    Postgres(Box<PostgresUrl>),
}

impl StoreUrl {
    /// Reads `sqlite:wardgate.db` (relative to the working directory), `sqlite:///var/lib/wardgate.db` and
    /// `postgres://user@host:5432/database`.
    pub fn parse(text: &str) -> Result<StoreUrl, StoreUrlError> {
        if text.starts_with("postgres:") || text.starts_with("postgresql:") {
            return Ok(StoreUrl::Postgres(Box::new(PostgresUrl::parse(text)?)));
        }
        let Some(rest) = text.strip_prefix("sqlite:") else {
            return Err(StoreUrlError::Scheme);
        };
        let path = rest.strip_prefix("//").unwrap_or(rest);
        if path == ":memory:" {
            return Err(StoreUrlError::Memory);
        }
        if path.is_empty() || path.ends_with('/') {
            return Err(StoreUrlError::NoFile);
        }
        // SQLite reads options out of such names, and some of them open another database than the one named.
        if path.starts_with("file:") || path.contains(['?', '#', '\0']) {
            return Err(StoreUrlError::Options);
        }
        Ok(StoreUrl::Sqlite(PathBuf::from(path)))
    }
}

impl std::fmt::Display for StoreUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            StoreUrl::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
            StoreUrl::Postgres(url) => url.fmt(f),
        }
    }
}

/// Why a text names no store. Never repeats the text: a URL may hold a password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreUrlError {
    #[error(
        "a store url begins with `sqlite:` or `postgres:`, such as sqlite:wardgate.db or postgres://user@host/database"
    )]
    Scheme,
    #[error(transparent)]
    Postgres(#[from] PostgresUrlError),
    #[error("a store in memory is one per connection, and Wardgate opens several: name a file")]
    Memory,
    #[error("the store url names no file: write sqlite: and its path, such as sqlite:wardgate.db")]
    NoFile,
    #[error("the store url takes no options: write sqlite: and a path without `?`, `#` and `file:`")]
    Options,
}

/// Why the store did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// No answer came, so nothing is known; after a write, not even whether it was done.
    #[error("the store is not available")]
    Unavailable(#[source] Outage),
    /// A row was found and does not parse, so it is not used. Holds no value of it but its id.
    #[error("the {column} of {table} row {id:?} cannot be read; mend or remove the row")]
    Corrupt { table: &'static str, id: String, column: &'static str },
    #[error("the store's schema is at version {found} and this build needs {wanted}: run `wardgate migrate`")]
    SchemaTooOld { found: i64, wanted: i64 },
    #[error("the store's schema is at version {found} and this build knows {wanted}: run a newer wardgate")]
    SchemaTooNew { found: i64, wanted: i64 },
    /// PostgreSQL lets the login do less than Wardgate needs.
    #[error(
        "the store's login lacks a role: GRANT wardgate_admin, wardgate_proxy TO it (and wardgate_owner for `wardgate migrate`)"
    )]
    Forbidden,
    /// The file is some other program's, or its schema was made of other migrations than this build's.
    #[error("the store holds a schema that is not Wardgate's: name another file or database")]
    SchemaForeign,
    /// A migration, or a function of the schema's, found what it cannot go on from, and says what mends it.
    #[error("nothing was changed: {0}")]
    Refused(String),
    /// What is asked cannot stand beside what is stored.
    #[error("{0}")]
    Conflict(String),
    /// `tenant`, `key`, `user`, or the `cursor` that a page goes on from.
    #[error("there is no such {0}")]
    NotFound(&'static str),
    /// A value that the store does not take from anybody.
    #[error("{0}")]
    Invalid(&'static str),
    /// The version is not the one that the caller knows: somebody was faster.
    #[error("the record has changed since it was read")]
    Stale,
    #[error("the idempotency key was used for another request")]
    Repeated,
    /// What is wrong with one of many, counted from 0; people are told from 1. None of them was stored.
    #[error("number {}: {error}", .index + 1)]
    Row { index: usize, error: Box<StoreError> },
}

/// What kept the store from answering, for the log.
#[derive(Debug, thiserror::Error)]
pub enum Outage {
    #[error("the file {} cannot be opened or created: {reason}", path.display())]
    File { path: PathBuf, reason: std::io::Error },
    /// The engine's own words for its error code; never a statement or a value.
    #[error("the database engine: {0}")]
    Engine(String),
    /// The engine refused, with this code of the SQL standard or its own, and the code's name.
    #[error("the database refuses: {name} (SQLSTATE {state})")]
    Refused { state: String, name: &'static str },
    /// What was written cannot stand beside what is stored; the name is the schema's own.
    #[error("the database refuses a row by its constraint {constraint:?}")]
    Violated { constraint: String },
    #[error("the database cannot be reached: {0}")]
    Unreachable(String),
    #[error("the database's certificate or ours: {0}; see sslmode, sslrootcert, sslcert and sslkey in store.url")]
    Tls(String),
    #[error("the database refuses the login: mend store.password, the user in store.url, or pg_hba.conf")]
    Login,
    #[error("there is no database of that name on the server: create it, or mend store.url")]
    NoDatabase,
    #[error("the password of store.password: {0}")]
    Password(#[source] SecretError),
    #[error("no answer within {0:?}")]
    Slow(Duration),
    #[error("{0} lookups are waiting already")]
    Overloaded(usize),
    /// Written by another hand: the store itself does not let so many keys share a public id.
    #[error("too many keys share the public id {public_id:?}: revoked ones can be removed from api_keys")]
    Crowded { public_id: String },
    #[error("the task that asked the engine ended without an answer")]
    Worker,
}

impl Outage {
    /// Whether it may be over by itself, with nothing mended by an operator.
    pub fn may_pass(&self) -> bool {
        match self {
            Outage::Unreachable(_) | Outage::Slow(_) | Outage::Overloaded(_) => true,
            // It starts, stops, or has no connection to spare.
            Outage::Refused { state, .. } => ["53", "57"].iter().any(|class| state.starts_with(class)),
            Outage::File { .. }
            | Outage::Engine(_)
            | Outage::Violated { .. }
            | Outage::Tls(_)
            | Outage::Login
            | Outage::NoDatabase
            | Outage::Password(_)
            | Outage::Crowded { .. }
            | Outage::Worker => false,
        }
    }
}
