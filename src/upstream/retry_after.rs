//! How long an upstream wants to be left alone (RFC 9110, section 10.2.3, and the milliseconds that OpenAI's say).

use std::time::Duration;

use http::HeaderMap;
use http::header::RETRY_AFTER;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;

use crate::headers::RETRY_AFTER_MS;

/// Longer is not believed: a wrong clock or a slip of a digit must not take an upstream away for a day.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(3600);

/// None where it says nothing that can be read, or that it is over.
pub(super) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = |value: &http::HeaderValue| value.to_str().map(str::trim).map(str::to_owned).ok();
    let milliseconds = headers.get(RETRY_AFTER_MS).and_then(text).and_then(|text| text.parse::<f64>().ok());
    let span = match milliseconds.and_then(|milliseconds| Duration::try_from_secs_f64(milliseconds / 1e3).ok()) {
        Some(span) => span,
        None => after(&headers.get(RETRY_AFTER).and_then(text)?)?,
    };
    Some(span.min(RETRY_AFTER_MAX)).filter(|span| !span.is_zero())
}

/// Seconds, whole ones by the RFC, or a date.
fn after(text: &str) -> Option<Duration> {
    if let Ok(seconds) = text.parse::<f64>() {
        return Duration::try_from_secs_f64(seconds).ok();
    }
    let date = OffsetDateTime::parse(text, &Rfc2822).ok()?;
    Duration::try_from(date - OffsetDateTime::now_utc()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(lines: &[(&'static str, &str)]) -> Option<Duration> {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.insert(*name, value.parse().unwrap());
        }
        retry_after(&headers)
    }

    #[test]
    fn seconds_milliseconds_and_dates_are_read() {
        assert_eq!(read(&[("retry-after", "7")]), Some(Duration::from_secs(7)));
        assert_eq!(read(&[("retry-after", "7"), ("retry-after-ms", "1500")]), Some(Duration::from_millis(1500)));
        let soon = OffsetDateTime::now_utc() + Duration::from_secs(60);
        let date = soon.format(&Rfc2822).unwrap().replace("+0000", "GMT");
        let read_back = read(&[("retry-after", &date)]).unwrap();
        assert!((Duration::from_secs(55)..=Duration::from_secs(60)).contains(&read_back), "{read_back:?}");
    }

    #[test]
    fn what_is_past_senseless_or_too_long_is_not_believed() {
        for wrong in ["", "soon", "-1", "0", "NaN", "inf", "1e400", "Wed, 21 Oct 2015 07:28:00 GMT"] {
            assert_eq!(read(&[("retry-after", wrong)]), None, "{wrong:?}");
        }
        assert_eq!(read(&[("retry-after", "999999999")]), Some(RETRY_AFTER_MAX));
        assert_eq!(read(&[]), None);
    }
}
