//! What the path of requests asks: keys, tenants, and what has changed. Each is one call of one function of the
//! database, which is all that the login of a sidecar may do.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use async_trait::async_trait;
use tokio::sync::Notify;
use tokio_postgres::types::Type;

use super::Postgres;
use super::rows::Moment;
use crate::store::rows::Record;
use crate::store::{
    Candidates, Change, Feed, Gate, Hearing, KeyLookup, KeyRecord, KeyUse, KeyVerifier, Outage, Position, StoreError,
    TenantRef, rules,
};
use crate::tenant::Tenant;

#[async_trait]
impl Gate for Postgres {
    async fn find_keys(&self, lookups: Vec<KeyLookup>) -> Result<Vec<Candidates>, StoreError> {
        lookups.iter().try_for_each(KeyLookup::check)?;
        if lookups.iter().all(KeyLookup::is_empty) {
            return Ok(lookups.iter().map(|_| Ok(Vec::new())).collect());
        }
        let public_ids: Vec<&str> = named(lookups.iter().flat_map(|lookup| &lookup.public_ids));
        let hashes: Vec<&str> = named(lookups.iter().flat_map(|lookup| &lookup.hashes));
        let ids: Vec<&str> = named(lookups.iter().flat_map(|lookup| &lookup.ids));
        self.lookups.fetch_add(1, Ordering::Relaxed);
        let fields =
            [(&public_ids as _, Type::TEXT_ARRAY), (&hashes as _, Type::TEXT_ARRAY), (&ids as _, Type::TEXT_ARRAY)];
        let rows = self.pool.query(FIND_KEYS, &fields).await?;
        let found: Vec<Found<'_>> = rows.iter().map(Found::of).collect();
        Ok(lookups.iter().map(|lookup| candidates(lookup, &found)).collect())
    }

    async fn find_tenant(&self, tenant: TenantRef) -> Result<Option<Arc<Tenant>>, StoreError> {
        let (ids, slugs) = match &tenant {
            TenantRef::Id(id) => (vec![id.as_str()], vec![]),
            TenantRef::Slug(slug) => (vec![], vec![slug.as_str()]),
        };
        self.lookups.fetch_add(1, Ordering::Relaxed);
        let rows = self.pool.query(FIND_TENANTS, &[(&ids, Type::TEXT_ARRAY), (&slugs, Type::TEXT_ARRAY)]).await?;
        rows.first().map(|row| Tenant::read(row).map(Arc::new)).transpose()
    }

    async fn ended_users(&self, ids: Vec<String>) -> Result<Vec<String>, StoreError> {
        let rows = self.feed.query(ENDED_USERS, &[(&ids, Type::TEXT_ARRAY)]).await?;
        Ok(rows.iter().map(|row| row.get(0)).collect())
    }

    /// A position is a snapshot of the transactions that had ended, and what is told are the announcements of those that
    /// ended since. Numbers would not do: a lower one may be committed after a higher one was read.
    async fn changes(&self, since: Option<Position>) -> Result<Feed, StoreError> {
        if since.is_none() {
            self.check_schema().await?;
        }
        let since = since.and_then(|position| match position {
            Position::Snapshot(seen) => Some(seen),
            Position::Number(_) => None,
        });
        let fields = [(&since.as_deref() as _, Type::TEXT), (&(CHANGES_MAX + 1) as _, Type::INT4)];
        let rows = self.feed.query(CHANGES, &fields).await?;
        let Some(first) = rows.first() else { return Err(StoreError::Unavailable(Outage::Worker)) };
        let next = Position::Snapshot(first.get::<_, &str>("next").into());
        let changes = rows.iter().filter(|row| row.get::<_, Option<i64>>("seq").is_some());
        let changes = changes.map(Change::read).collect::<Result<Vec<Change>, StoreError>>();
        Ok(match changes {
            Ok(changes) if first.get("known") && changes.len() <= CHANGES_MAX as usize => {
                Feed::Changes { changes, next }
            }
            // A newer build's word for something that changed is among those that cannot be read.
            Ok(_) | Err(_) => Feed::Lost { next },
        })
    }

    async fn listen(&self, heard: &Notify) {
        self.listener.listen(heard).await;
    }

    fn hearing(&self) -> Hearing {
        self.listener.hearing()
    }

    async fn revoked_tokens(&self) -> Result<Vec<String>, StoreError> {
        let rows = self.feed.query(REVOKED_TOKENS, &[]).await?;
        Ok(rows.iter().map(|row| row.get(0)).collect())
    }

    async fn touch_keys(&self, used: Vec<KeyUse>) -> Result<(), StoreError> {
        if used.is_empty() {
            return Ok(());
        }
        let ids: Vec<&String> = used.iter().map(|used| &used.id).collect();
        let at: Vec<Moment> = used.iter().map(|used| Moment(used.at)).collect();
        let from: Vec<&String> = used.iter().map(|used| &used.from).collect();
        let fields =
            [(&ids as _, Type::TEXT_ARRAY), (&at as _, Type::TIMESTAMPTZ_ARRAY), (&from as _, Type::TEXT_ARRAY)];
        self.pool.query(TOUCH_KEYS, &fields).await.map(drop)
    }

    async fn note_verifiers(&self, verifiers: Vec<KeyVerifier>) -> Result<(), StoreError> {
        if verifiers.is_empty() {
            return Ok(());
        }
        let ids: Vec<&String> = verifiers.iter().map(|noted| &noted.id).collect();
        let hashes: Vec<&String> = verifiers.iter().map(|noted| &noted.hashed_key).collect();
        let texts: Vec<&String> = verifiers.iter().map(|noted| &noted.verifier).collect();
        let fields = [(&ids as _, Type::TEXT_ARRAY), (&hashes as _, Type::TEXT_ARRAY), (&texts as _, Type::TEXT_ARRAY)];
        self.pool.query(NOTE_VERIFIERS, &fields).await.map(drop)
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.pool.query(PING, &[]).await.map(drop)
    }

    fn lookups(&self) -> u64 {
        self.lookups.load(Ordering::Relaxed)
    }
}

/// The engine takes no text with a NUL in it, and no row has such a name: one caller's spoils no other's lookup.
fn named<'a>(texts: impl Iterator<Item = &'a String>) -> Vec<&'a str> {
    texts.map(String::as_str).filter(|text| !text.contains('\0')).collect()
}

/// A row of the answer to many lookups, with what it was found by.
struct Found<'a> {
    public_id: Option<&'a str>,
    hash: Option<&'a str>,
    id: Option<&'a str>,
    row: &'a tokio_postgres::Row,
}

impl<'a> Found<'a> {
    fn of(row: &'a tokio_postgres::Row) -> Found<'a> {
        let text = |column| row.try_get::<_, Option<&str>>(column).ok().flatten();
        Found { public_id: text("key_prefix"), hash: text("hashed_key"), id: text("key_id"), row }
    }

    fn answers(&self, lookup: &KeyLookup) -> bool {
        let names = |field: &[String], found: Option<&str>| found.is_some_and(|found| field.iter().any(|f| f == found));
        names(&lookup.public_ids, self.public_id) || names(&lookup.hashes, self.hash) || names(&lookup.ids, self.id)
    }
}

fn candidates(lookup: &KeyLookup, found: &[Found<'_>]) -> Candidates {
    let own = found.iter().filter(|found| found.answers(lookup));
    rules::refuse_too_many(own.map(|found| KeyRecord::read(found.row)).collect::<Result<Vec<KeyRecord>, _>>()?)
}

const FIND_KEYS: &str = "SELECT * FROM wardgate_find_keys($1, $2, $3)";
const FIND_TENANTS: &str = "SELECT * FROM wardgate_find_tenants($1, $2)";
const ENDED_USERS: &str = "SELECT * FROM wardgate_ended_users($1)";
const CHANGES: &str = "SELECT next, known, seq, kind, id, age FROM wardgate_changes($1, $2)";
const REVOKED_TOKENS: &str = "SELECT * FROM wardgate_revoked_tokens()";
const TOUCH_KEYS: &str = "SELECT wardgate_touch_keys($1, $2, $3)";
const NOTE_VERIFIERS: &str = "SELECT wardgate_note_verifiers($1, $2, $3)";
const PING: &str = "SELECT 1 FROM wardgate_find_tenants('{}', '{}')";

/// More changes than this are as good as everything: caches forget all of it.
const CHANGES_MAX: i32 = 10_000;
