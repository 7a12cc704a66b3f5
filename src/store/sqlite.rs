//! The store in one SQLite file: two connections that read, one that writes, none of them on an async thread.
//!
//! WAL lets the readers go on while somebody writes, in this process or another (`wardgate key create` beside a
//! running sidecar), and the `changes` table tells every process what the others did.

mod change;
mod connections;
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

use rusqlite::{Connection, OptionalExtension};

use self::connections::{Access, Lane};
use self::rows::{read_all, read_change, read_key, read_tenant, select_keys, select_tenants, tenant_columns};
use super::{Change, Config, Feed, KeyLookup, KeyRecord, Outage, StoreError, StoreUrl, TenantRef};
use crate::tenant::Tenant;

/// A store that is open and whose schema is this build's.
pub struct Sqlite {
    // Declared before the writer and so closed before it: the last connection to close folds the WAL into the file,
    // which a reader may not.
    readers: Arc<Lane>,
    writer: Arc<Lane>,
    lookups: Arc<AtomicU64>,
}

impl Sqlite {
    /// Opens the store. A file that is missing or empty is made, readable by its owner alone, with the whole schema;
    /// one with an older, a newer or a foreign schema is refused and left as it is.
    pub async fn open(config: &Config) -> Result<Sqlite, StoreError> {
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
            writer: Arc::new(Lane::new(vec![writer], WAITING_WRITES_MAX, WRITE_TIMEOUT)),
            lookups: Arc::default(),
        })
    }

    /// Names of the migrations that `migrate` would run, in their order. Changes nothing, not even a missing file.
    pub async fn pending_migrations(config: &Config) -> Result<Vec<String>, StoreError> {
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
    pub async fn migrate(config: &Config) -> Result<Vec<String>, StoreError> {
        let path = file(config)?;
        in_background(move || {
            connections::create_file(&path)?;
            schema::pending(&connections::connect(&path, Access::Look)?)?;
            schema::migrate(&mut connections::connect(&path, Access::Write)?)
        })
        .await
    }

    /// The candidates for a presented key, in no order, revoked and expired ones among them.
    pub async fn find_keys(&self, lookup: KeyLookup) -> Result<Vec<KeyRecord>, StoreError> {
        if lookup.public_ids.is_empty() && lookup.hashes.is_empty() {
            return Ok(Vec::new());
        }
        if lookup.public_ids.len() > KeyLookup::FIELDS_MAX || lookup.hashes.len() > KeyLookup::FIELDS_MAX {
            return Err(StoreError::Invalid("a key lookup names at most four public ids and four hashes"));
        }
        self.lookup(move |connection| find_keys(connection, &lookup)).await
    }

    pub async fn find_tenant(&self, tenant: TenantRef) -> Result<Option<Arc<Tenant>>, StoreError> {
        self.lookup(move |connection| find_tenant(connection, &tenant)).await
    }

    /// What happened after `seq`, by this process or another.
    pub async fn changes_since(&self, seq: u64) -> Result<Feed, StoreError> {
        self.read(move |connection| {
            // One transaction, so that the ends and the middle of the feed are those of one moment.
            let moment = connection.transaction().map_err(engine)?;
            let (oldest, latest) = feed_ends(&moment)?;
            if seq > latest || seq.saturating_add(1) < oldest {
                return Ok(Feed::Lost { latest });
            }
            changes_after(&moment, seq).map(Feed::Changes)
        })
        .await
    }

    /// The number of the newest change; 0 where nothing ever changed.
    pub async fn latest_seq(&self) -> Result<u64, StoreError> {
        self.read(|connection| feed_ends(connection).map(|(_, latest)| latest)).await
    }

    /// That the file can be read, through the same queue as every lookup.
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.read(|connection| connection.query_row(PING, [], |_| Ok(())).optional().map_err(engine).map(drop)).await
    }

    /// How many lookups reached the engine: `find_keys`, `find_tenant` and `find_user` together.
    pub fn lookups(&self) -> u64 {
        self.lookups.load(Ordering::Relaxed)
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
    let StoreUrl::Sqlite(path) = &config.url;
    std::path::absolute(path).map_err(|reason| StoreError::Unavailable(Outage::File { path: path.clone(), reason }))
}

async fn in_background<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    tokio::task::spawn_blocking(work).await.unwrap_or(Err(StoreError::Unavailable(Outage::Worker)))
}

fn find_keys(connection: &Connection, lookup: &KeyLookup) -> Result<Vec<KeyRecord>, StoreError> {
    // NULL is in no list, so fields that are left out find nothing.
    let field = |from: &[String], at: usize| from.get(at).cloned();
    let (public_ids, hashes) = (&lookup.public_ids, &lookup.hashes);
    let fields = (0..KeyLookup::FIELDS_MAX).map(|at| field(public_ids, at));
    let fields = fields.chain((0..KeyLookup::FIELDS_MAX).map(|at| field(hashes, at)));
    let found = read_all(connection, FIND_KEYS, rusqlite::params_from_iter(fields), read_key)?;
    if found.len() > KeyLookup::ROWS_MAX {
        return Err(StoreError::Unavailable(Outage::Crowded { public_id: found[0].public_id.clone() }));
    }
    Ok(found)
}

fn find_tenant(connection: &Connection, tenant: &TenantRef) -> Result<Option<Arc<Tenant>>, StoreError> {
    let (sql, name) = match tenant {
        TenantRef::Id(id) => (TENANT_BY_ID, id.as_str()),
        TenantRef::Slug(slug) => (TENANT_BY_SLUG, slug.as_str()),
    };
    let found = read_all(connection, sql, [name], read_tenant)?.pop();
    Ok(found.map(Arc::new))
}

/// The oldest number still in the feed and the newest ever given; the newest comes from SQLite's own counter, which
/// knows it even when the feed is empty.
fn feed_ends(connection: &Connection) -> Result<(u64, u64), StoreError> {
    let mut query = connection.prepare_cached(FEED_ENDS).map_err(engine)?;
    let (oldest, latest): (Option<i64>, i64) =
        query.query_row([], |row| Ok((row.get(0)?, row.get(1)?))).map_err(engine)?;
    let latest = u64::try_from(latest).unwrap_or(0);
    let oldest = oldest.and_then(|seq| u64::try_from(seq).ok());
    Ok((oldest.unwrap_or(latest.saturating_add(1)), latest))
}

fn changes_after(connection: &Connection, seq: u64) -> Result<Vec<Change>, StoreError> {
    let seq = i64::try_from(seq).unwrap_or(i64::MAX);
    read_all(connection, CHANGES_AFTER, [seq], read_change)
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

/// One more row than is allowed, so that too many can be told from just enough.
const FIND_KEYS: &str =
    select_keys!("WHERE k.key_prefix IN (?1, ?2, ?3, ?4) OR k.hashed_key IN (?5, ?6, ?7, ?8) LIMIT 9");
const TENANT_BY_ID: &str = select_tenants!("WHERE t.id = ?1");
const TENANT_BY_SLUG: &str = select_tenants!("WHERE t.slug = ?1");
const FEED_ENDS: &str = "SELECT (SELECT min(seq) FROM changes), \
     coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'changes'), 0)";
const CHANGES_AFTER: &str = "SELECT seq, kind, id FROM changes WHERE seq > ?1 ORDER BY seq";
const PING: &str = "SELECT 1 FROM tenants LIMIT 1";

/// The machine is shared and lookups are short: a third reader would only wait for the same disk.
const READERS: usize = 2;

/// Writers are operators and one background task.
const WAITING_WRITES_MAX: usize = 64;

/// Longer than the engine itself waits for another process' write.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests;
