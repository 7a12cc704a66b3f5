//! Points in time as the records and tokens hold them, and spans as people write them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Whole seconds since 1970-01-01T00:00:00Z, the unit of JWT's NumericDate (RFC 7519, section 2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub i64);

impl Timestamp {
    pub fn now() -> Timestamp {
        let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp(i64::try_from(elapsed.as_secs()).unwrap_or(i64::MAX))
    }

    pub fn after(self, span: Duration) -> Timestamp {
        Timestamp(self.0.saturating_add(i64::try_from(span.as_secs()).unwrap_or(i64::MAX)))
    }
}

/// RFC 3339, in UTC.
impl std::fmt::Display for Timestamp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let text = OffsetDateTime::from_unix_timestamp(self.0).ok().and_then(|at| at.format(&Rfc3339).ok());
        f.write_str(text.as_deref().unwrap_or("out of range"))
    }
}

/// When a credential ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expiry {
    Never,
    At(Timestamp),
}

impl Expiry {
    /// A credential is good before its expiry and no longer at it (RFC 7519, section 4.1.4: "on or after").
    pub fn is_past(self, now: Timestamp) -> bool {
        match self {
            Expiry::Never => false,
            Expiry::At(end) => now >= end,
        }
    }
}

/// Why a text is no span of time.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a duration: write a number and a unit, such as 500ms, 30s, 15m, 24h, 30d or 2w")]
pub struct DurationError(String);

/// Longer than anything lasts, and short enough that no end of it is past the year 9999 for a long time.
const SPAN_MAX: Duration = Duration::from_secs(5000 * 365 * 86_400);

/// Reads `500ms`, `30s`, `15m`, `24h`, `30d`, `2w`: one whole number and one unit.
pub fn parse_duration(text: &str) -> Result<Duration, DurationError> {
    let refused = || DurationError(text.chars().take(32).collect());
    let digits = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(refused)?;
    let (number, unit) = text.split_at(digits);
    let milliseconds: u64 = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        "w" => 604_800_000,
        _ => return Err(refused()),
    };
    let number: u64 = number.parse().map_err(|_| refused())?;
    let span = number.checked_mul(milliseconds).map(Duration::from_millis).ok_or_else(refused)?;
    if span <= SPAN_MAX { Ok(span) } else { Err(refused()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_a_number_and_a_unit() {
        assert_eq!(parse_duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(parse_duration("30d"), Ok(Duration::from_secs(30 * 86_400)));
        assert_eq!(parse_duration("2w"), Ok(Duration::from_secs(14 * 86_400)));
        for wrong in
            ["", "5", "d", "-5s", "5 s", "1.5h", "5y", "2000000d", "99999999999999999999d", "18446744073709551615w"]
        {
            assert!(parse_duration(wrong).is_err(), "{wrong:?} must be refused");
        }
    }

    #[test]
    fn credential_is_past_at_its_expiry_and_good_a_second_before() {
        let end = Expiry::At(Timestamp(1_000));
        assert!(!end.is_past(Timestamp(999)));
        assert!(end.is_past(Timestamp(1_000)));
        assert!(!Expiry::Never.is_past(Timestamp(i64::MAX)));
    }

    #[test]
    fn timestamps_print_as_rfc_3339() {
        assert_eq!(Timestamp(0).to_string(), "1970-01-01T00:00:00Z");
    }
}
