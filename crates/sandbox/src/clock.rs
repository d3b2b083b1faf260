//! Times as the vendors write them, in UTC.

use time::format_description::StaticFormatDescription;
use time::macros::format_description;
use time::{OffsetDateTime, UtcOffset};

const MILLIS: StaticFormatDescription =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");
const MICROS: StaticFormatDescription =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:6]Z");
const OFFSET: StaticFormatDescription = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]+00:00");

/// `2020-05-19T18:55:54.390Z`.
pub(crate) fn millis(at: OffsetDateTime) -> String {
    at.to_offset(UtcOffset::UTC).format(MILLIS).unwrap_or_default()
}

/// `2026-02-17T05:00:23.000000Z`.
pub(crate) fn micros(at: OffsetDateTime) -> String {
    at.to_offset(UtcOffset::UTC).format(MICROS).unwrap_or_default()
}

/// `2026-02-17T05:00:23+00:00`, as PHP writes it.
pub(crate) fn offset(at: OffsetDateTime) -> String {
    at.to_offset(UtcOffset::UTC).format(OFFSET).unwrap_or_default()
}
