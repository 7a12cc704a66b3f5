//! The store in one SQLite file: two connections that read, one that writes, one that watches for writes; none of
//! them on an async thread.
//!
//! WAL lets the readers go on while somebody writes, in this process or another (`wardgate key create` beside a
//! running sidecar), and the `changes` table tells every process what the others did.

mod change;
mod connections;
mod gate;
mod keys;
mod paging;
mod rows;
mod schema;
mod sessions;
mod tenants;
mod users;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rusqlite::Connection;

use self::connections::{Access, Lane};
use self::rows::read_all;
use super::rows::{select_tenants, tenant_columns};
use super::{Config, Outage, StoreError, StoreUrl, TenantRef};
use crate::tenant::Tenant;

/// A store that is open and whose schema is this build's.
pub(super) struct Sqlite {
    // Declared before the writer and so closed before it: the last connection to close folds the WAL into the file,
    // which a reader may not.
    readers: Arc<Lane>,
    writer: Arc<Lane>,
    /// Its one connection is told apart from all others, this process' own included, so that it sees every write.
    watcher: Arc<Lane>,
    lookups: Arc<AtomicU64>,
}

impl Sqlite {
    /// Opens the store. A file that is missing or empty is made, readable by its owner alone, with the whole schema;
    /// one with an older, a newer or a foreign schema is refused and left as it is.
    pub(super) async fn open(config: &Config) -> Result<Sqlite, StoreError> {
        let config = config.clone();
        in_background(move || Sqlite::open_blocking(&config)).await
    }

    fn open_blocking(config: &Config) -> Result<Sqlite, StoreError> {
        let path = file(config)?;
        connections::create_file(&path)?;
        // Before a writer opens it, which changes the mode of whatever file it finds.
        schema::pending(&connections::connect(&path, Access::Look)?)?;
        let mut writer = connections::connect(&path, Access::Write)?;
        schema::make_or_check(&mut writer)?;
        let readers = (0..READERS).map(|_| connections::connect(&path, Access::Read)).collect::<Result<_, _>>()?;
        Ok(Sqlite {
            readers: Arc::new(Lane::new(readers, config.waiting_max, config.lookup_timeout)),
            watcher: Arc::new(Lane::new(vec![connections::connect(&path, Access::Read)?], 0, config.lookup_timeout)),
            writer: Arc::new(Lane::new(vec![writer], WAITING_WRITES_MAX, WRITE_TIMEOUT)),
            lookups: Arc::default(),
        })
    }

    /// Names of the migrations that `migrate` would run, in their order. Changes nothing, not even a missing file.
    pub(super) async fn pending_migrations(config: &Config) -> Result<Vec<String>, StoreError> {
        let path = file(config)?;
        in_background(move || {
            if !path.exists() {
                return Ok(schema::all());
            }
            schema::pending(&connections::connect(&path, Access::Look)?)
        })
        .await
    }

    /// Brings the schema up to date, all in one transaction, and says what it ran.
    pub(super) async fn migrate(config: &Config) -> Result<Vec<String>, StoreError> {
        let path = file(config)?;
        in_background(move || {
            connections::create_file(&path)?;
            schema::pending(&connections::connect(&path, Access::Look)?)?;
            schema::migrate(&mut connections::connect(&path, Access::Write)?)
        })
        .await
    }

    async fn lookup<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&mut Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let lookups = Arc::clone(&self.lookups);
        self.read(move |connection| {
            lookups.fetch_add(1, Ordering::Relaxed);
            ask(connection)
        })
        .await
    }

    async fn read<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&mut Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.readers.run(ask).await
    }

    async fn write<T: Send + 'static>(
        &self,
        change: impl FnOnce(&mut Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.writer.run(change).await
    }
}

/// Absolute, so that no name means anything to SQLite but a file.
fn file(config: &Config) -> Result<PathBuf, StoreError> {
    let StoreUrl::Sqlite(path) = &config.url else {
        return Err(StoreError::Invalid("this engine keeps a store in a file"));
    };
    std::path::absolute(path).map_err(|reason| StoreError::Unavailable(Outage::File { path: path.clone(), reason }))
}

async fn in_background<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    tokio::task::spawn_blocking(work).await.unwrap_or(Err(StoreError::Unavailable(Outage::Worker)))
}

fn find_tenant(connection: &Connection, tenant: &TenantRef) -> Result<Option<Arc<Tenant>>, StoreError> {
    let (sql, name) = match tenant {
        TenantRef::Id(id) => (TENANT_BY_ID, id.as_str()),
        TenantRef::Slug(slug) => (TENANT_BY_SLUG, slug.as_str()),
    };
    let found = read_all(connection, sql, [name])?.pop();
    Ok(found.map(Arc::new))
}

/// Keeps the engine's error code alone: its messages can hold statements and names of columns.
fn engine(error: rusqlite::Error) -> StoreError {
    let told = match error {
        rusqlite::Error::SqliteFailure(failure, _) | rusqlite::Error::SqlInputError { error: failure, .. } => {
            if failure.code == rusqlite::ErrorCode::NotADatabase {
                return StoreError::SchemaForeign;
            }
            failure.to_string()
        }
        rusqlite::Error::QueryReturnedNoRows => "no row where one is certain".to_owned(),
        _ => "an answer of an unexpected form".to_owned(),
    };
    StoreError::Unavailable(Outage::Engine(told))
}

const TENANT_BY_ID: &str = select_tenants!("WHERE t.id = ?1");
const TENANT_BY_SLUG: &str = select_tenants!("WHERE t.slug = ?1");

/// The machine is shared and lookups are short: a third reader would only wait for the same disk.
const READERS: usize = 2;

/// Writers are operators and one background task.
const WAITING_WRITES_MAX: usize = 64;

/// Longer than the engine itself waits for another process' write.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests;
