//! Tenants, keys, users, sessions and the feed of their changes, as the database keeps them. The only room that speaks SQL.
//!
//! Callers see records that were parsed on the way out and errors that say what can be done; what the engine said goes
//! to the log through `source()`, without statements and without values. A row that does not parse is an error, never
//! a record with a gap in it.

mod contract;
mod records;
mod rows;
mod rules;
mod sqlite;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

pub use contract::{Candidates, Gate, Keys, Sessions, Store, Tenants, Users};
pub use records::{
    Change, ChangeKind, Created, Email, EmailError, Feed, KeyLookup, KeyRecord, KeyUpdate, KeyUse, KeyVerifier, NewKey,
    NewRefresh, NewTenant, NewUser, Once, Page, Position, Reach, Refreshed, Rotation, Successor, TenantRef,
    TenantUpdate, UserRecord, UserStatus, UserUpdate, check_model, check_name, check_public_id, check_schema_name,
};

use sqlite::Sqlite;

/// Where the store is, and how long a request may wait for it.
#[derive(Clone, Debug)]
pub struct Config {
    pub url: StoreUrl,
    /// A lookup that takes longer is given up: nothing is known then.
    pub lookup_timeout: Duration,
    /// Lookups that may wait for a connection; one more is refused at once.
    pub waiting_max: usize,
}

impl Config {
    pub fn new(url: StoreUrl) -> Config {
        Config { url, lookup_timeout: LOOKUP_TIMEOUT, waiting_max: WAITING_MAX }
    }
}

/// A lookup is one or two page reads; past this the disk is ill, and clients should try another replica.
const LOOKUP_TIMEOUT: Duration = Duration::from_secs(2);

/// Caches answer nearly everything, so a longer queue than this only hides an outage.
const WAITING_MAX: usize = 64;

/// Opens the store, whose schema is then this build's: made where the store is empty, refused where it is another.
pub async fn open(config: &Config) -> Result<Arc<dyn Store>, StoreError> {
    match &config.url {
        StoreUrl::Sqlite(_) => Ok(Arc::new(Sqlite::open(config).await?)),
    }
}

/// Names of the migrations that `migrate` would run, in their order. Changes nothing, not even a missing file.
pub async fn pending_migrations(config: &Config) -> Result<Vec<String>, StoreError> {
    match &config.url {
        StoreUrl::Sqlite(_) => Sqlite::pending_migrations(config).await,
    }
}

/// Brings the schema up to date, and says what it ran.
pub async fn migrate(config: &Config) -> Result<Vec<String>, StoreError> {
    match &config.url {
        StoreUrl::Sqlite(_) => Sqlite::migrate(config).await,
    }
}

/// Which engine, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreUrl {
    Sqlite(PathBuf),
}

impl StoreUrl {
    /// Reads `sqlite:wardgate.db` (relative to the working directory) and `sqlite:///var/lib/wardgate.db`.
    pub fn parse(text: &str) -> Result<StoreUrl, StoreUrlError> {
        if text.starts_with("postgres:") || text.starts_with("postgresql:") {
            return Err(StoreUrlError::Postgres);
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
        }
    }
}

/// Why a text names no store. Never repeats the text: a URL may hold a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreUrlError {
    #[error("a store url begins with `sqlite:`, such as sqlite:wardgate.db or sqlite:///var/lib/wardgate/wardgate.db")]
    Scheme,
    #[error("this build speaks sqlite: only; write sqlite: and the path of a file")]
    Postgres,
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
    /// The file is some other program's, or its schema was made of other migrations than this build's.
    #[error("the store's file holds a schema that is not Wardgate's: name another file")]
    SchemaForeign,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sqlite_urls_name_a_file() {
        for (text, path) in [
            ("sqlite:wardgate.db", "wardgate.db"),
            ("sqlite:///var/lib/x.db", "/var/lib/x.db"),
            ("sqlite:/var/lib/x.db", "/var/lib/x.db"),
        ] {
            assert_eq!(StoreUrl::parse(text), Ok(StoreUrl::Sqlite(path.into())), "{text}");
        }
    }

    #[test]
    fn urls_that_name_no_single_file_are_refused_each_with_its_reason() {
        for (text, reason) in [
            ("sqlite::memory:", StoreUrlError::Memory),
            ("sqlite://:memory:", StoreUrlError::Memory),
            ("sqlite:", StoreUrlError::NoFile),
            ("sqlite:///var/lib/", StoreUrlError::NoFile),
            ("sqlite:file:x?mode=memory", StoreUrlError::Options),
            ("sqlite:x.db?mode=rwc", StoreUrlError::Options),
            ("postgres://u:p@h/db", StoreUrlError::Postgres),
            ("postgresql://u:p@h/db", StoreUrlError::Postgres),
            ("wardgate.db", StoreUrlError::Scheme),
            ("", StoreUrlError::Scheme),
        ] {
            assert_eq!(StoreUrl::parse(text), Err(reason), "{text}");
        }
        assert!(StoreUrlError::Postgres.to_string().contains("this build speaks sqlite: only"));
    }
}
