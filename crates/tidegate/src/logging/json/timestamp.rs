//! The time of a line: RFC 3339 in UTC, to the microsecond.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use time::OffsetDateTime;

/// Appends a time such as `2026-02-28T23:59:59.000001Z`. Linux's clock stays within the years 1970 to 2262; what it cannot say
/// becomes 1970.
pub(super) fn push_utc(json: &mut String, at: SystemTime) {
    let since = at.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    let seconds = i64::try_from(since.as_secs()).unwrap_or(0);
    let utc = OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    let (year, month, day) = utc.to_calendar_date();
    let (hour, minute, second) = utc.to_hms();
    let [y1, y2, y3, y4] = digits(year.unsigned_abs());
    let [mo1, mo2] = digits(u8::from(month).into());
    let [d1, d2] = digits(day.into());
    let [h1, h2] = digits(hour.into());
    let [mi1, mi2] = digits(minute.into());
    let [s1, s2] = digits(second.into());
    let [u1, u2, u3, u4, u5, u6] = digits(since.subsec_micros());
    let text = [
        y1, y2, y3, y4, b'-', mo1, mo2, b'-', d1, d2, b'T', h1, h2, b':', mi1, mi2, b':', s1, s2, b'.', u1, u2, u3, u4,
        u5, u6, b'Z',
    ];
    // Digits are UTF-8; formatting them one by one costs several times as much as this look at them.
    json.push_str(std::str::from_utf8(&text).unwrap_or_default());
}

/// The last `N` decimal digits of a number.
fn digits<const N: usize>(mut number: u32) -> [u8; N] {
    let mut digits = [b'0'; N];
    for digit in digits.iter_mut().rev() {
        *digit += u8::try_from(number % 10).unwrap_or(0);
        number /= 10;
    }
    digits
}
