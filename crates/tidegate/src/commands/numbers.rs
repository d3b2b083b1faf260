//! Numbers for people.

use std::time::Duration;

const KIB: f64 = 1024.0;

/// Bytes with the largest unit that leaves something before the point; whole numbers stay whole from 100 on.
#[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
pub(super) fn bytes(count: u64) -> String {
    let mut value = count as f64;
    let mut unit = "B";
    for larger in ["KiB", "MiB", "GiB", "TiB"] {
        if value < KIB {
            break;
        }
        value /= KIB;
        unit = larger;
    }
    match unit {
        "B" => format!("{count} B"),
        _ if value < 100.0 => format!("{value:.1} {unit}"),
        _ => format!("{value:.0} {unit}"),
    }
}

/// Bytes that are a whole number of some unit, without a point: `5 MiB`.
pub(super) fn exact_bytes(count: u64) -> String {
    let units = [(1_u64 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    let whole = units.into_iter().find(|(unit, _)| count >= *unit && count.is_multiple_of(*unit));
    whole.map_or_else(|| format!("{count} B"), |(unit, name)| format!("{} {name}", count / unit))
}

/// MiB per second.
#[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
pub(super) fn mib_per_second(bytes: u64, elapsed: Duration) -> f64 {
    bytes as f64 / (KIB * KIB) / elapsed.as_secs_f64().max(f64::MIN_POSITIVE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_have_three_digits_and_a_unit() {
        let cases = [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (5 << 20, "5.0 MiB"), (256 << 20, "256 MiB")];
        for (count, text) in cases {
            assert_eq!(bytes(count), text);
        }
    }

    #[test]
    fn whole_units_have_no_point() {
        for (count, text) in [(0, "0 B"), (70, "70 B"), (5 << 20, "5 MiB"), (1 << 30, "1 GiB"), (1025, "1025 B")] {
            assert_eq!(exact_bytes(count), text);
        }
    }
}
