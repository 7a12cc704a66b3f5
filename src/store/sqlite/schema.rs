//! The schema's version: made in an empty file, checked in any other, moved on by `wardgate migrate` alone.
//!
//! A sidecar that starts does not migrate a store that others are using: it refuses, and an operator decides when.

use rusqlite::Connection;

use super::engine;
use crate::store::migrations::Migrations;
use crate::store::{Outage, StoreError};

/// Makes the schema where the file is empty; otherwise it must be exactly this build's.
pub(super) fn make_or_check(connection: &mut Connection) -> Result<(), StoreError> {
    match version(connection)? {
        Version::Empty => run(connection),
        Version::At(found) => ours().check(found),
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
    Ok(ours().names_after(version(connection)?.number()))
}

/// Names of all migrations that this build knows, in their order.
pub(super) fn all() -> Vec<String> {
    ours().names_after(0)
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
    let history = if has_history { history(connection)? } else { Vec::new() };
    match ours().version(&history)? {
        0 if others == 0 => Ok(Version::Empty),
        // Tables of others, and none of ours.
        0 => Err(StoreError::SchemaForeign),
        found => Ok(Version::At(found)),
    }
}

/// Version and checksum of each migration that ran, in their order.
fn history(connection: &Connection) -> Result<Vec<(i64, String)>, StoreError> {
    let mut query = connection.prepare(HISTORY).map_err(|_| StoreError::SchemaForeign)?;
    let rows = query.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).map_err(engine)?;
    rows.collect::<Result<_, _>>().map_err(|_| StoreError::SchemaForeign)
}

fn ours() -> Migrations {
    Migrations::of(&embedded::migrations::runner())
}

mod embedded {
    refinery::embed_migrations!("migrations/sqlite");
}

const HAS_HISTORY: &str =
    "SELECT count(*) > 0 FROM sqlite_schema WHERE type = 'table' AND name = 'refinery_schema_history'";
const OTHER_TABLES: &str = "SELECT count(*) FROM sqlite_schema WHERE type = 'table' \
     AND name <> 'refinery_schema_history' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'";
const HISTORY: &str = "SELECT version, checksum FROM refinery_schema_history ORDER BY version";
