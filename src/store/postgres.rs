//! The store in a PostgreSQL that many gates share.
//!
//! The path of requests calls functions of the database that do one thing each, and needs no more rights than that; what
//! manages records runs in transactions under `wardgate_admin`, each with the reach that it was asked for, which the
//! database's own row-level security holds it to. No statement is prepared and no session keeps anything, so that a
//! pooler may stand in between.

mod change;
mod connect;
mod failure;
mod gate;
mod import;
mod keys;
mod listen;
mod paging;
mod pool;
mod rows;
mod schema;
mod sessions;
mod tenants;
mod tls;
mod url;
mod users;

use std::sync::atomic::AtomicU64;
use std::time::Duration;

pub use self::url::{PostgresUrl, PostgresUrlError};

use self::connect::Connector;
use self::listen::Listener;
use self::pool::Pool;
use super::{Config, Outage, StoreError};

/// A store whose database may be down: it is looked for again with each question.
pub(super) struct Postgres {
    pool: Pool,
    /// One connection for the feed alone: where every other is taken, revocations are heard of all the same.
    feed: Pool,
    listener: Listener,
    lookups: AtomicU64,
}

impl Postgres {
    pub(super) async fn open(url: &PostgresUrl, config: &Config) -> Result<Postgres, StoreError> {
        let pool = Pool::open(url, config)?;
        let store = Postgres {
            listener: Listener::new(pool.clone()),
            pool,
            feed: Pool::open(url, &Config { pool: 1, ..config.clone() })?,
            lookups: AtomicU64::new(0),
        };
        match store.check_schema().await {
            Err(StoreError::Unavailable(outage)) if outage.may_pass() => {
                tracing::warn!(%outage, "the database is not there yet; it is waited for");
                Ok(store)
            }
            checked => checked.map(|()| store),
        }
    }

    /// Makes the schema where the database is empty; otherwise it must be exactly this build's.
    async fn check_schema(&self) -> Result<(), StoreError> {
        let checked = tokio::time::timeout(SCHEMA_TIMEOUT, schema::make_or_check(self.pool.connector())).await;
        checked.unwrap_or(Err(StoreError::Unavailable(Outage::Slow(SCHEMA_TIMEOUT))))
    }

    pub(super) async fn pending_migrations(url: &PostgresUrl, config: &Config) -> Result<Vec<String>, StoreError> {
        schema::pending(&Connector::new(url, config)?).await
    }

    pub(super) async fn migrate(url: &PostgresUrl, config: &Config) -> Result<Vec<String>, StoreError> {
        schema::migrate(&Connector::new(url, config)?).await
    }
}

/// Time enough to make the schema, or to wait for the replica that makes it.
const SCHEMA_TIMEOUT: Duration = Duration::from_secs(15);

#[cfg(test)]
mod testing;
