//! Where a page of a listing begins; as in SQLite, by age and then by id.

use tokio_postgres::types::Type;

use super::change::Change;
use crate::store::{Page, StoreError};

/// A page as a query takes it: rows after this age and id, and so many of them.
pub(super) struct Span {
    /// As Postgres writes it, to the microsecond: rows that were made by hand have fractions.
    pub(super) after_at: String,
    pub(super) after_id: String,
    pub(super) limit: i64,
}

/// Reads the age of the row that the page goes on from by `cursor`, which takes the row's id. A row beyond the reach of
/// the transaction is as absent as one that never was.
pub(super) async fn span(change: &Change, cursor: &str, page: &Page) -> Result<Span, StoreError> {
    let limit = i64::try_from(page.limit).unwrap_or(i64::MAX);
    let Some(after_id) = page.after.clone() else {
        return Ok(Span { after_at: "-infinity".to_owned(), after_id: String::new(), limit });
    };
    if after_id.contains('\0') {
        return Err(StoreError::NotFound("cursor"));
    }
    let found = change.query(cursor, &[(&after_id, Type::TEXT)]).await?;
    let after_at = found.first().ok_or(StoreError::NotFound("cursor"))?.get(0);
    Ok(Span { after_at, after_id, limit })
}
