//! One change: a transaction, its conflicts, its version, and that it happens once.
//!
//! The transaction holds the write lock from its start, so that what it checked is still so when it writes.

use rusqlite::{ErrorCode, OptionalExtension, Params, Transaction, params};

use super::{Sqlite, engine};
use crate::clock::Timestamp;
use crate::store::{Created, Once, StoreError, rules};

impl Sqlite {
    pub(super) async fn change<T: Send + 'static>(
        &self,
        change: impl FnOnce(&Transaction<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.write(move |connection| {
            let transaction = connection.transaction().map_err(engine)?;
            let changed = change(&transaction)?;
            transaction.commit().map_err(engine)?;
            Ok(changed)
        })
        .await
    }
}

/// Makes a resource under a new id or, where the same request made it before, finds it.
pub(super) fn create<T>(
    transaction: &Transaction<'_>,
    kind: &'static str,
    once: Option<&Once>,
    find: impl FnOnce(&str) -> Result<T, StoreError>,
    make: impl FnOnce(&str) -> Result<T, StoreError>,
) -> Result<Created<T>, StoreError> {
    let id = rules::new_id();
    let Some(once) = once else { return make(&id).map(Created::New) };
    once.check()?;
    let (now, fingerprint) = (Timestamp::now(), rules::fingerprint(kind, once));
    run(transaction, FORGET_ONCE, [now.0.saturating_sub(rules::ONCE_SECONDS)])?;
    if let Some(id) = rules::made_before(&fingerprint, made_once(transaction, &once.key)?)? {
        return find(&id).map(Created::Before);
    }
    let made = make(&id)?;
    run(transaction, REMEMBER_ONCE, params![once.key, fingerprint, id, now.0])?;
    Ok(Created::New(made))
}

/// What was asked with an idempotency key, and the id of what was made.
fn made_once(transaction: &Transaction<'_>, key: &str) -> Result<Option<(String, String)>, StoreError> {
    let mut query = transaction.prepare_cached(MADE_ONCE).map_err(engine)?;
    query.query_row([key], |row| Ok((row.get(0)?, row.get(1)?))).optional().map_err(engine)
}

/// Answers how many rows it changed.
pub(super) fn run(transaction: &Transaction<'_>, sql: &str, parameters: impl Params) -> Result<usize, StoreError> {
    let mut statement = transaction.prepare_cached(sql).map_err(engine)?;
    statement.execute(parameters).map_err(engine)
}

/// A row that breaks a rule of uniqueness is the caller's conflict; anything else is the engine's trouble.
pub(super) fn insert(
    transaction: &Transaction<'_>,
    sql: &str,
    row: &[&dyn rusqlite::ToSql],
    conflict: impl FnOnce() -> StoreError,
) -> Result<(), StoreError> {
    let mut statement = transaction.prepare_cached(sql).map_err(engine)?;
    match statement.execute(row) {
        Ok(_) => Ok(()),
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation) => Err(conflict()),
        Err(error) => Err(engine(error)),
    }
}

pub(super) fn json(value: &impl serde::Serialize) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|_| StoreError::Invalid("a value that JSON cannot hold"))
}

const FORGET_ONCE: &str = "DELETE FROM idempotency_keys WHERE created_at < ?1";
const MADE_ONCE: &str = "SELECT fingerprint, resource_id FROM idempotency_keys WHERE key = ?1";
const REMEMBER_ONCE: &str =
    "INSERT INTO idempotency_keys (key, fingerprint, resource_id, created_at) VALUES (?1, ?2, ?3, ?4)";
