//! Rows of Postgres, for the reading that all engines share, and points in time as Postgres takes them.

use std::error::Error;

use bytes::BytesMut;
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, accepts, to_sql_checked};

use crate::clock::Timestamp;
use crate::store::rows::{Row, Unreadable};

impl Row for tokio_postgres::Row {
    fn optional_text(&self, column: &'static str) -> Result<Option<String>, Unreadable> {
        get(self, column)
    }

    fn optional_time(&self, column: &'static str) -> Result<Option<Timestamp>, Unreadable> {
        Ok(get::<Option<Moment>>(self, column)?.map(|Moment(at)| at))
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

    fn list(&self, column: &'static str) -> Result<Vec<String>, Unreadable> {
        get(self, column)
    }

    fn document(&self, column: &'static str) -> Result<String, Unreadable> {
        Ok(get::<serde_json::Value>(self, column)?.to_string())
    }
}

fn get<'a, T: FromSql<'a>>(row: &'a tokio_postgres::Row, column: &'static str) -> Result<T, Unreadable> {
    row.try_get(column).map_err(|_| Unreadable)
}

/// A `timestamptz`: microseconds since 2000-01-01T00:00:00Z on the wire, where the ends of the range mean for ever.
/// Fractions of a second are cut off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Moment(pub(super) Timestamp);

/// 2000-01-01T00:00:00Z in Unix seconds.
const EPOCH: i64 = 946_684_800;
const MICROS: i64 = 1_000_000;

impl<'a> FromSql<'a> for Moment {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Moment, Box<dyn Error + Sync + Send>> {
        Ok(Moment(match i64::from_be_bytes(raw.try_into()?) {
            i64::MAX => Timestamp(i64::MAX),
            i64::MIN => Timestamp(i64::MIN),
            micros => Timestamp(micros.div_euclid(MICROS) + EPOCH),
        }))
    }

    accepts!(TIMESTAMPTZ);
}

impl ToSql for Moment {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        let Moment(Timestamp(seconds)) = *self;
        let micros = seconds.saturating_sub(EPOCH).checked_mul(MICROS);
        let forever = if seconds > 0 { i64::MAX } else { i64::MIN };
        // Postgres' years end in 294276.
        let micros = micros.filter(|micros| (-YEARS_MICROS..YEARS_MICROS).contains(micros)).unwrap_or(forever);
        out.extend_from_slice(&micros.to_be_bytes());
        Ok(IsNull::No)
    }

    accepts!(TIMESTAMPTZ);
    to_sql_checked!();
}

/// Within what Postgres takes on both sides of its epoch.
const YEARS_MICROS: i64 = 6000 * 366 * 86_400 * MICROS;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_come_back_as_they_went_and_what_is_out_of_range_is_for_ever() {
        for (seconds, back) in [
            (0, 0),
            (EPOCH, EPOCH),
            (1_800_000_000, 1_800_000_000),
            (-62_135_596_800, -62_135_596_800),
            (i64::MAX, i64::MAX),
            (i64::MAX / 2, i64::MAX),
            (i64::MIN, i64::MIN),
        ] {
            let mut wire = BytesMut::new();
            Moment(Timestamp(seconds)).to_sql(&Type::TIMESTAMPTZ, &mut wire).unwrap();
            assert_eq!(Moment::from_sql(&Type::TIMESTAMPTZ, &wire).unwrap(), Moment(Timestamp(back)), "{seconds}");
        }
        let half_past = (-MICROS / 2).to_be_bytes();
        let before = Moment::from_sql(&Type::TIMESTAMPTZ, &half_past).unwrap();
        assert_eq!(before, Moment(Timestamp(EPOCH - 1)), "fractions are cut off downwards");
    }
}
