//! What the path of requests asks: keys, tenants, and what has changed.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, params};
use tokio::sync::Notify;

use super::change::run;
use super::rows::read_all;
use super::{Sqlite, engine, find_tenant};
use crate::clock::Timestamp;
use crate::store::rows::{select_keys, tenant_columns};
use crate::store::{
    Candidates, Change, Feed, Gate, Hearing, KeyLookup, KeyUse, KeyVerifier, Position, StoreError, TenantRef, rules,
};
use crate::tenant::Tenant;

#[async_trait]
impl Gate for Sqlite {
    async fn find_keys(&self, lookups: Vec<KeyLookup>) -> Result<Vec<Candidates>, StoreError> {
        lookups.iter().try_for_each(KeyLookup::check)?;
        if lookups.iter().all(KeyLookup::is_empty) {
            return Ok(lookups.iter().map(|_| Ok(Vec::new())).collect());
        }
        self.lookup(move |connection| Ok(lookups.iter().map(|lookup| find_keys(connection, lookup)).collect())).await
    }

    async fn find_tenant(&self, tenant: TenantRef) -> Result<Option<Arc<Tenant>>, StoreError> {
        self.lookup(move |connection| find_tenant(connection, &tenant)).await
    }

    async fn ended_users(&self, ids: Vec<String>) -> Result<Vec<String>, StoreError> {
        self.read(move |connection| {
            let mut query = connection.prepare_cached(IS_ENDED).map_err(engine)?;
            let mut ended = Vec::new();
            for id in ids {
                if query.exists([&id]).map_err(engine)? {
                    ended.push(id);
                }
            }
            Ok(ended)
        })
        .await
    }

    async fn changes(&self, since: Option<Position>) -> Result<Feed, StoreError> {
        self.read(move |connection| {
            // One transaction, so that the ends and the middle of the feed are those of one moment.
            let moment = connection.transaction().map_err(engine)?;
            let (oldest, latest) = feed_ends(&moment)?;
            let next = Position::Number(latest);
            let since = since.and_then(|position| match position {
                Position::Number(seq) => Some(seq),
                Position::Snapshot(_) => None,
            });
            let Some(seq) = since.filter(|seq| *seq <= latest && seq.saturating_add(1) >= oldest) else {
                return Ok(Feed::Lost { next });
            };
            Ok(match changes_after(&moment, seq) {
                // A newer build's word for something that changed.
                Err(StoreError::Corrupt { .. }) => Feed::Lost { next },
                changes => Feed::Changes { changes: changes?, next },
            })
        })
        .await
    }

    /// The engine counts for each connection what the others wrote (`PRAGMA data_version`), in any process.
    async fn listen(&self, heard: &Notify) {
        let mut seen = None;
        loop {
            let version = self.watcher.run(|connection| {
                connection.pragma_query_value(None, "data_version", |row| row.get::<_, i64>(0)).map_err(engine)
            });
            // Trouble is told by whoever asks for the changes themselves.
            if let Ok(version) = version.await
                && seen.replace(version).is_some_and(|seen| seen != version)
            {
                heard.notify_one();
            }
            tokio::time::sleep(WATCH_INTERVAL).await;
        }
    }

    /// Whoever has the file sees its counter.
    fn hearing(&self) -> Hearing {
        Hearing::Listening
    }

    async fn revoked_tokens(&self) -> Result<Vec<String>, StoreError> {
        self.read(|connection| {
            let mut query = connection.prepare_cached(super::sessions::DENIED).map_err(engine)?;
            let denied = query.query_map([Timestamp::now().0], |row| row.get(0)).map_err(engine)?;
            denied.collect::<Result<_, _>>().map_err(engine)
        })
        .await
    }

    async fn touch_keys(&self, used: Vec<KeyUse>) -> Result<(), StoreError> {
        if used.is_empty() {
            return Ok(());
        }
        self.change(move |transaction| {
            used.iter()
                .try_for_each(|KeyUse { id, at, from }| run(transaction, TOUCH, params![id, at.0, from]).map(drop))
        })
        .await
    }

    async fn note_verifiers(&self, verifiers: Vec<KeyVerifier>) -> Result<(), StoreError> {
        if verifiers.is_empty() {
            return Ok(());
        }
        self.change(move |transaction| {
            verifiers.iter().try_for_each(|KeyVerifier { id, hashed_key, verifier }| {
                let pepper = verifier.rsplit_once(':').map_or("", |(scheme, _)| scheme);
                run(transaction, NOTE_VERIFIER, params![id, hashed_key, verifier, pepper]).map(drop)
            })
        })
        .await
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.read(|connection| connection.query_row(PING, [], |_| Ok(())).optional().map_err(engine).map(drop)).await
    }

    fn lookups(&self) -> u64 {
        self.lookups.load(Ordering::Relaxed)
    }
}

fn find_keys(connection: &Connection, lookup: &KeyLookup) -> Candidates {
    // NULL is in no list, so fields that are left out find nothing.
    let four = |from: &[String]| (0..KeyLookup::FIELDS_MAX).map(|at| from.get(at).cloned()).collect::<Vec<_>>();
    let fields = [four(&lookup.public_ids), four(&lookup.hashes), four(&lookup.ids)].concat();
    let found = read_all(connection, FIND_KEYS, rusqlite::params_from_iter(fields))?;
    rules::refuse_too_many(found)
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
    read_all(connection, CHANGES_AFTER, [seq])
}

/// One more row than is allowed, so that too many can be told from just enough.
pub(super) const FIND_KEYS: &str = select_keys!(
    "WHERE k.key_prefix IN (?1, ?2, ?3, ?4) OR k.hashed_key IN (?5, ?6, ?7, ?8) OR k.id IN (?9, ?10, ?11, ?12) LIMIT 9"
);
pub(super) const IS_ENDED: &str = "SELECT 1 FROM users WHERE id = ?1 AND status <> 'active'";
const FEED_ENDS: &str = "SELECT (SELECT min(seq) FROM changes), \
     coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'changes'), 0)";
pub(super) const CHANGES_AFTER: &str = "SELECT seq, kind, id, coalesce(unixepoch('subsec') - announced_at, 0.0) AS age \
     FROM changes WHERE seq > ?1 ORDER BY seq";
pub(super) const TOUCH: &str = "UPDATE api_keys SET last_used_at = ?2, last_used_from = nullif(?3, '') \
     WHERE id = ?1 AND (last_used_at IS NULL OR last_used_at < ?2)";
pub(super) const NOTE_VERIFIER: &str = "UPDATE api_keys SET verifier = ?3 WHERE id = ?1 AND hashed_key = ?2 \
     AND (verifier IS NULL OR substr(verifier, 1, length(?4) + 1) <> ?4 || ':')";
const PING: &str = "SELECT 1 FROM tenants LIMIT 1";

/// One look at memory that the processes share.
const WATCH_INTERVAL: Duration = Duration::from_millis(50);
