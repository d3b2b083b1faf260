//! Times in the forms that upstreams write them: RFC 3339, HTTP dates, Unix seconds.

use minijinja::Value;
use time::format_description::BorrowedFormatItem;
use time::format_description::well_known::{Rfc2822, Rfc3339};
use time::macros::format_description;
use time::{OffsetDateTime, UtcOffset};

/// Seconds after which a number must be milliseconds: the year 5138, which no signature reaches.
const LARGEST_SECONDS: i64 = 100_000_000_000;

const IMF_FIXDATE: &[BorrowedFormatItem<'_>] =
    format_description!("[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT");

/// A time from RFC 3339 text, an HTTP date, Unix seconds, or Unix milliseconds.
pub(crate) fn parse(value: &Value) -> Option<OffsetDateTime> {
    if let Some(text) = value.as_str() {
        return parse_text(text);
    }
    if value.is_integer() {
        return from_number(value.as_i64()?);
    }
    let seconds = value.is_number().then(|| f64::try_from(value.clone()).ok()).flatten()?;
    let whole = seconds.trunc();
    if whole.abs() > 1e15 {
        return None;
    }
    #[expect(clippy::cast_possible_truncation, reason = "the bound above leaves 50 bits")]
    from_number(whole as i64)
}

/// The same from text alone.
pub(crate) fn parse_text(text: &str) -> Option<OffsetDateTime> {
    let text = text.trim();
    if let Ok(number) = text.parse::<i64>() {
        return from_number(number);
    }
    OffsetDateTime::parse(text, &Rfc3339).ok().or_else(|| OffsetDateTime::parse(text, &Rfc2822).ok())
}

fn from_number(number: i64) -> Option<OffsetDateTime> {
    let seconds = if number.abs() > LARGEST_SECONDS { number / 1000 } else { number };
    OffsetDateTime::from_unix_timestamp(seconds).ok()
}

/// RFC 3339 in UTC.
pub(crate) fn iso8601(time: OffsetDateTime) -> Option<String> {
    time.to_offset(UtcOffset::UTC).format(&Rfc3339).ok()
}

/// RFC 9110, 5.6.7.
pub(crate) fn http_date(time: OffsetDateTime) -> Option<String> {
    time.to_offset(UtcOffset::UTC).format(IMF_FIXDATE).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_each_form_of_a_time() {
        let forms: [Value; 6] = [
            "2030-01-01T00:00:00Z".into(),
            "2030-01-01T01:00:00.000+01:00".into(),
            "Tue, 01 Jan 2030 00:00:00 GMT".into(),
            "1893456000".into(),
            1_893_456_000.into(),
            1_893_456_000_123_i64.into(),
        ];
        for form in forms {
            assert_eq!(parse(&form).map(OffsetDateTime::unix_timestamp), Some(1_893_456_000), "{form}");
        }
        for wrong in ["", "soon", "2030-13-01T00:00:00Z"] {
            assert_eq!(parse_text(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn writes_http_dates() {
        let time = OffsetDateTime::from_unix_timestamp(784_111_777).expect("in range");
        assert_eq!(http_date(time).as_deref(), Some("Sun, 06 Nov 1994 08:49:37 GMT"));
    }
}
