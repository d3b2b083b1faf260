//! Times of many uploads, kept whole: a few seconds hold less than a million.

use std::time::Duration;

/// Times, in the order in which they were taken.
#[derive(Debug, Clone, Default)]
pub struct Latencies {
    micros: Vec<u32>,
}

impl Latencies {
    /// Adds one. Over an hour counts as an hour.
    pub fn add(&mut self, time: Duration) {
        self.micros.push(u32::try_from(time.as_micros()).unwrap_or(u32::MAX));
    }

    /// How many.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.micros.len() as u64
    }

    /// The time that a share of all, from 0 to 1, did not exceed, in milliseconds; none without any.
    #[must_use]
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        clippy::cast_sign_loss,
        reason = "a share of a length is a length"
    )]
    pub fn quantile(&self, share: f64) -> Option<f64> {
        let mut sorted = self.micros.clone();
        sorted.sort_unstable();
        let rank = (share * sorted.len() as f64).ceil() as usize;
        sorted.get(rank.max(1).min(sorted.len()).checked_sub(1)?).map(|micros| f64::from(*micros) / 1000.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_times_that_were_taken() {
        let mut latencies = Latencies::default();
        assert_eq!(latencies.quantile(0.5), None);
        for micros in (1..=1000).rev() {
            latencies.add(Duration::from_micros(micros));
        }
        let quantiles = [0.0, 0.5, 0.99, 0.999, 1.0].map(|share| latencies.quantile(share));
        assert_eq!(quantiles, [Some(0.001), Some(0.5), Some(0.99), Some(0.999), Some(1.0)]);
    }
}
