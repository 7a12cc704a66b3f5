//! One change: a transaction, its statements, and that it happens once.

use tokio_postgres::Row;
use tokio_postgres::types::Type;

pub(super) use super::pool::Transaction as Change;

use super::pool::Parameter;
use super::rows::Moment;
use crate::clock::Timestamp;
use crate::store::rows::Record;
use crate::store::{Once, Reach, StoreError, rules};

/// Runs a block as one transaction with a reach: all of it is done, or nothing. Where transactions collide, the block is
/// run again, and so takes what it needs by reference.
macro_rules! within {
    ($store:expr, $reach:expr, |$change:ident| $work:expr) => {
        $store.pool.transaction($reach, |$change| async move { $work }).await
    };
}

pub(super) use within;

impl Change {
    /// Every row of a query, each parsed.
    pub(super) async fn all<T: Record>(&self, sql: &str, parameters: &[Parameter<'_>]) -> Result<Vec<T>, StoreError> {
        self.query(sql, parameters).await?.iter().map(T::read).collect()
    }

    /// As `all`, by a name that a caller gave. The engine takes no text with a NUL in it, and no row has such a name.
    pub(super) async fn named<T: Record>(&self, sql: &str, name: &str) -> Result<Vec<T>, StoreError> {
        if name.contains('\0') {
            return Ok(Vec::new());
        }
        self.all(sql, &[(&name, Type::TEXT)]).await
    }

    /// How many rows a statement answers: for one that writes, those that it tells with RETURNING.
    pub(super) async fn write(&self, sql: &str, parameters: &[Parameter<'_>]) -> Result<usize, StoreError> {
        Ok(self.query(sql, parameters).await?.len())
    }

    /// Whose rows the statements from here on are about.
    pub(super) async fn reach(&self, reach: &Reach) -> Result<(), StoreError> {
        self.query(SCOPE, &[(&reach.scope(), Type::TEXT)]).await.map(drop)
    }

    /// Waits for whoever else holds this name, of this kind, and holds it until the transaction ends. There need be no
    /// row of that name.
    pub(super) async fn hold_name(&self, kind: &str, name: &str) -> Result<(), StoreError> {
        self.query(HOLD_NAME, &[(&format!("{kind} {name}"), Type::TEXT)]).await.map(drop)
    }

    /// As `hold_name`, for the public ids of keys to be made. Some share a lock, so that a table of keys does not take
    /// more of them than the server has.
    pub(super) async fn hold_public_ids(&self, public_ids: &[&str]) -> Result<(), StoreError> {
        self.query(HOLD_PUBLIC_IDS, &[(&public_ids, Type::TEXT_ARRAY)]).await.map(drop)
    }
}

impl Reach {
    /// No tenant's id is `*`, nor is it empty, which is what the setting is where nobody set it.
    pub(super) fn scope(&self) -> &str {
        self.tenant().map_or("*", |tenant| tenant.as_str())
    }
}

/// A creation's idempotency key, where it has one, and what was made under it before. Words are kept beyond any one
/// tenant: whoever hands them on keeps callers apart (`Once::key`).
pub(super) struct Word<'a> {
    once: Option<&'a Once>,
    reach: &'a Reach,
    fingerprint: String,
    made: Option<String>,
}

impl<'a> Word<'a> {
    pub(super) async fn of(
        change: &Change,
        reach: &'a Reach,
        kind: &str,
        once: Option<&'a Once>,
    ) -> Result<Word<'a>, StoreError> {
        let Some(given) = once else { return Ok(Word { once, reach, fingerprint: String::new(), made: None }) };
        given.check()?;
        change.hold_name("idempotency key", &given.key).await?;
        change.reach(&Reach::Platform).await?;
        let kept_since = Moment(Timestamp(Timestamp::now().0.saturating_sub(rules::ONCE_SECONDS)));
        change.write(FORGET_ONCE, &[(&kept_since, Type::TIMESTAMPTZ)]).await?;
        let row = [(&given.key as _, Type::TEXT), (&kept_since as _, Type::TIMESTAMPTZ)];
        let found = change.query(MADE_ONCE, &row).await?;
        change.reach(reach).await?;
        let fingerprint = rules::fingerprint(kind, given);
        let made = rules::made_before(&fingerprint, found.first().map(|row: &Row| (row.get(0), row.get(1))))?;
        Ok(Word { once, reach, fingerprint, made })
    }

    /// The id of what an earlier request made.
    pub(super) fn made_before(&self) -> Option<&str> {
        self.made.as_deref()
    }

    pub(super) async fn keep(&self, change: &Change, id: &str) -> Result<(), StoreError> {
        let Some(once) = self.once else { return Ok(()) };
        let now = Moment(Timestamp::now());
        let row = [
            (&once.key as _, Type::TEXT),
            (&self.fingerprint as _, Type::TEXT),
            (&id as _, Type::TEXT),
            (&now as _, Type::TIMESTAMPTZ),
        ];
        change.reach(&Reach::Platform).await?;
        change.write(REMEMBER_ONCE, &row).await?;
        change.reach(self.reach).await
    }
}

pub(super) fn json(value: &impl serde::Serialize) -> Result<serde_json::Value, StoreError> {
    serde_json::to_value(value).map_err(|_| StoreError::Invalid("a value that JSON cannot hold"))
}

const SCOPE: &str = "SELECT set_config('app.current_tenant_id', $1, true)";
const HOLD_NAME: &str = "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))";
/// In their order, so that two who hold many never wait for each other. The first number keeps them apart from other
/// locks.
const HOLD_PUBLIC_IDS: &str = "SELECT count(pg_advisory_xact_lock(1, share)) FROM (\
     SELECT DISTINCT hashtext(public_id) & 255 AS share FROM unnest($1) AS public_id ORDER BY share) AS held";
/// A few at a time, and none that another transaction holds: nobody waits for the tidying up.
const FORGET_ONCE: &str = "DELETE FROM idempotency_keys WHERE key IN (SELECT key FROM idempotency_keys \
     WHERE created_at < $1 ORDER BY created_at LIMIT 100 FOR UPDATE SKIP LOCKED)";
const MADE_ONCE: &str = "SELECT fingerprint, resource_id FROM idempotency_keys WHERE key = $1 AND created_at >= $2";
/// In the place of one that has run out and was not tidied away yet.
const REMEMBER_ONCE: &str = "INSERT INTO idempotency_keys (key, fingerprint, resource_id, created_at) \
     VALUES ($1, $2, $3, $4) ON CONFLICT (reach, key) DO UPDATE SET fingerprint = excluded.fingerprint, \
     resource_id = excluded.resource_id, created_at = excluded.created_at";
