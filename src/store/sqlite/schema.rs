//! The schema's version: made in an empty file, checked in any other, moved on by `wardgate migrate` alone.
//!
//! A sidecar that starts does not migrate a store that others are using: it refuses, and an operator decides when.

use rusqlite::Connection;

use super::engine;
use crate::store::{Outage, StoreError};

/// Makes the schema where the file is empty; otherwise it must be exactly this build's.
pub(super) fn make_or_check(connection: &mut Connection) -> Result<(), StoreError> {
    let (found, wanted) = (version(connection)?, newest());
    if found == Version::Empty {
        return run(connection);
    }
    match found.number() {
        found if found < wanted => Err(StoreError::SchemaTooOld { found, wanted }),
        _ => Ok(()),
    }
}

/// Brings the schema to this build's version, and names what ran.
pub(super) fn migrate(connection: &mut Connection) -> Result<Vec<String>, StoreError> {
    let pending = pending(connection)?;
    if !pending.is_empty() {
        run(connection)?;
    }
    Ok(pending)
}

/// Names of the migrations that have not run, in their order.
pub(super) fn pending(connection: &Connection) -> Result<Vec<String>, StoreError> {
    let found = version(connection)?.number();
    Ok(ours().into_iter().filter(|migration| i64::from(migration.version()) > found).map(|m| m.to_string()).collect())
}

/// Names of all migrations that this build knows, in their order.
pub(super) fn all() -> Vec<String> {
    ours().iter().map(ToString::to_string).collect()
}

/// All that is pending in one transaction, so that a failure leaves the schema as it was. Where another process was
/// faster, its work is found done and taken as ours.
fn run(connection: &mut Connection) -> Result<(), StoreError> {
    let outcome = embedded::migrations::runner().set_grouped(true).run(connection);
    match outcome {
        Ok(_) => Ok(()),
        Err(_) if pending(connection)?.is_empty() => Ok(()),
        Err(error) => Err(failed(&error)),
    }
}

/// Makes the schema as an earlier build did.
#[cfg(test)]
pub(super) fn make_at(connection: &mut Connection, version: refinery::SchemaVersion) {
    let runner = embedded::migrations::runner().set_grouped(true).set_target(refinery::Target::Version(version));
    runner.run(connection).unwrap();
}

/// The engine's error behind refinery's, which repeats file names and messages.
fn failed(error: &refinery::Error) -> StoreError {
    let cause = std::error::Error::source(error).and_then(|cause| cause.downcast_ref::<rusqlite::Error>());
    let told = match cause {
        Some(rusqlite::Error::SqliteFailure(failure, _)) => failure.to_string(),
        _ => "a migration failed, and nothing was changed".to_owned(),
    };
    StoreError::Unavailable(Outage::Engine(told))
}

/// How far a file's schema has come, as far as this build can follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Version {
    Empty,
    At(i64),
}

impl Version {
    fn number(self) -> i64 {
        match self {
            Version::Empty => 0,
            Version::At(number) => number,
        }
    }
}

/// Reads the history that refinery keeps. Read here and not through refinery, which panics at a history that it did
/// not write.
fn version(connection: &Connection) -> Result<Version, StoreError> {
    let others: i64 = connection.query_row(OTHER_TABLES, [], |row| row.get(0)).map_err(engine)?;
    let has_history: bool = connection.query_row(HAS_HISTORY, [], |row| row.get(0)).map_err(engine)?;
    let applied = if has_history { history(connection)? } else { Vec::new() };
    match applied.last() {
        None if others == 0 => Ok(Version::Empty),
        None => Err(StoreError::SchemaForeign),
        Some(&(found, _)) if found > newest() => Err(StoreError::SchemaTooNew { found, wanted: newest() }),
        Some(&(found, _)) if is_ours(&applied) => Ok(Version::At(found)),
        Some(_) => Err(StoreError::SchemaForeign),
    }
}

/// Version and checksum of each migration that ran, in their order.
fn history(connection: &Connection) -> Result<Vec<(i64, String)>, StoreError> {
    let mut query = connection.prepare(HISTORY).map_err(|_| StoreError::SchemaForeign)?;
    let rows = query.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).map_err(engine)?;
    rows.collect::<Result<_, _>>().map_err(|_| StoreError::SchemaForeign)
}

/// The migrations that ran are this build's first ones, unedited.
fn is_ours(applied: &[(i64, String)]) -> bool {
    let ours = ours();
    applied.len() <= ours.len()
        && applied.iter().zip(&ours).all(|((version, checksum), ours)| {
            *version == i64::from(ours.version()) && *checksum == ours.checksum().to_string()
        })
}

fn ours() -> Vec<refinery::Migration> {
    let mut migrations = embedded::migrations::runner().get_migrations().clone();
    migrations.sort();
    migrations
}

fn newest() -> i64 {
    ours().last().map_or(0, |migration| i64::from(migration.version()))
}

mod embedded {
    refinery::embed_migrations!("migrations/sqlite");
}

const HAS_HISTORY: &str =
    "SELECT count(*) > 0 FROM sqlite_schema WHERE type = 'table' AND name = 'refinery_schema_history'";
const OTHER_TABLES: &str = "SELECT count(*) FROM sqlite_schema WHERE type = 'table' \
     AND name <> 'refinery_schema_history' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'";
const HISTORY: &str = "SELECT version, checksum FROM refinery_schema_history ORDER BY version";
