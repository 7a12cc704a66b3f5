//! Rows of SQLite, for the reading that all engines share.

use rusqlite::types::FromSql;
use rusqlite::{Connection, Params};

use super::engine;
use crate::clock::Timestamp;
use crate::store::StoreError;
use crate::store::rows::{Record, Row, Unreadable};

/// Every row of a query, each parsed.
pub(super) fn read_all<T: Record>(
    connection: &Connection,
    sql: &str,
    parameters: impl Params,
) -> Result<Vec<T>, StoreError> {
    let mut query = connection.prepare_cached(sql).map_err(engine)?;
    let mut rows = query.query(parameters).map_err(engine)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next().map_err(engine)? {
        found.push(T::read(row)?);
    }
    Ok(found)
}

impl Row for rusqlite::Row<'_> {
    fn optional_text(&self, column: &'static str) -> Result<Option<String>, Unreadable> {
        get(self, column)
    }

    fn optional_time(&self, column: &'static str) -> Result<Option<Timestamp>, Unreadable> {
        Ok(get::<Option<i64>>(self, column)?.map(Timestamp))
    }

    fn integer(&self, column: &'static str) -> Result<i64, Unreadable> {
        get(self, column)
    }

    fn flag(&self, column: &'static str) -> Result<bool, Unreadable> {
        get(self, column)
    }

    fn seconds(&self, column: &'static str) -> Result<f64, Unreadable> {
        get(self, column)
    }

    /// Kept as a JSON array of strings.
    fn list(&self, column: &'static str) -> Result<Vec<String>, Unreadable> {
        serde_json::from_str(&self.document(column)?).map_err(|_| Unreadable)
    }

    fn document(&self, column: &'static str) -> Result<String, Unreadable> {
        get(self, column)
    }
}

fn get<T: FromSql>(row: &rusqlite::Row<'_>, column: &'static str) -> Result<T, Unreadable> {
    row.get(column).map_err(|_| Unreadable)
}
