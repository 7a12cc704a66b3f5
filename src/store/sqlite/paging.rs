//! Where a page of a listing begins.
//!
//! Every listing goes by age and then by id, so that what is made while somebody reads it stands behind what they have.

use rusqlite::{Connection, OptionalExtension, params};

use super::engine;
use crate::store::{Page, Reach, StoreError};
use crate::tenant::TenantId;

/// A page as a query takes it: rows after this age and id, and so many of them.
pub(super) struct Span {
    pub(super) after_at: i64,
    pub(super) after_id: String,
    pub(super) limit: i64,
}

/// Reads the age of the row that the page goes on from by `cursor`, which takes the row's id and the tenant of the reach.
pub(super) fn span(connection: &Connection, cursor: &str, page: Page, reach: &Reach) -> Result<Span, StoreError> {
    let limit = i64::try_from(page.limit).unwrap_or(i64::MAX);
    let Some(after_id) = page.after else { return Ok(Span { after_at: i64::MIN, after_id: String::new(), limit }) };
    let mut query = connection.prepare_cached(cursor).map_err(engine)?;
    let row = params![after_id, reach.tenant().map(TenantId::as_str)];
    let after_at: Option<i64> = query.query_row(row, |row| row.get(0)).optional().map_err(engine)?;
    let after_at = after_at.ok_or(StoreError::NotFound("cursor"))?;
    Ok(Span { after_at, after_id, limit })
}
