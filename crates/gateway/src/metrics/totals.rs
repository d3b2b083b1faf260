//! What the series of a route add up to, for whoever shows it to people.

use prometheus::Histogram;
use prometheus::core::Metric as _;

use super::labels::Outcome;

/// How the uploads of a route have ended so far.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Totals {
    /// Uploads that ended, by [`Outcome::ALL`].
    pub ended: [u64; Outcome::ALL.len()],
    /// File bytes received.
    pub received: u64,
    /// How long those took that were completed.
    pub completed: Durations,
}

/// A histogram's buckets: how many values are at most so large.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Durations {
    /// Upper bounds in seconds, ascending, and the values up to there.
    buckets: Vec<(f64, u64)>,
    count: u64,
}

impl Totals {
    /// The sum of both.
    #[must_use]
    pub fn and(mut self, other: &Self) -> Self {
        for (sum, more) in self.ended.iter_mut().zip(other.ended) {
            *sum = sum.saturating_add(more);
        }
        self.received = self.received.saturating_add(other.received);
        self.completed.add(&other.completed);
        self
    }
}

impl Durations {
    pub(super) fn of(histogram: &Histogram) -> Self {
        let metric = histogram.metric();
        let histogram = metric.get_histogram();
        let buckets = histogram.get_bucket().iter().map(|bucket| (bucket.upper_bound(), bucket.cumulative_count()));
        Self { buckets: buckets.collect(), count: histogram.get_sample_count() }
    }

    fn add(&mut self, other: &Self) {
        if self.buckets.is_empty() {
            *self = other.clone();
            return;
        }
        for ((_, sum), (_, more)) in self.buckets.iter_mut().zip(&other.buckets) {
            *sum = sum.saturating_add(*more);
        }
        self.count = self.count.saturating_add(other.count);
    }

    /// The quantile of what came after `before`, in seconds, as Prometheus estimates it: evenly spread within its bucket, and
    /// no more than the largest bound. None when nothing came.
    #[must_use]
    pub fn quantile_since(&self, before: &Self, quantile: f64) -> Option<f64> {
        let new = |at: usize, now: u64| now.saturating_sub(before.buckets.get(at).map_or(0, |(_, count)| *count));
        let count = self.count.saturating_sub(before.count);
        if count == 0 {
            return None;
        }
        let rank = quantile * approximate(count);
        let (mut lower, mut below) = (0.0, 0);
        for (at, (bound, counted)) in self.buckets.iter().enumerate() {
            let up_to = new(at, *counted);
            if approximate(up_to) >= rank && up_to > below {
                let within = (rank - approximate(below)) / approximate(up_to.saturating_sub(below));
                return Some(lower + (bound - lower) * within.clamp(0.0, 1.0));
            }
            (lower, below) = (*bound, up_to);
        }
        Some(lower)
    }
}

#[expect(clippy::cast_precision_loss, reason = "an estimate does not need the last bits")]
fn approximate(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use prometheus::HistogramOpts;

    use super::*;

    fn histogram() -> Histogram {
        let opts = HistogramOpts::new("seconds", "x").buckets(vec![1.0, 2.0, 4.0]);
        Histogram::with_opts(opts).expect("it is a histogram")
    }

    #[test]
    fn estimates_a_quantile_of_what_came_in_between() {
        let histogram = histogram();
        for _ in 0..10 {
            histogram.observe(3.0);
        }
        let before = Durations::of(&histogram);
        assert_eq!(before.quantile_since(&before, 0.5), None, "nothing came");
        for _ in 0..10 {
            histogram.observe(1.5);
        }
        let now = Durations::of(&histogram);
        assert_eq!(now.quantile_since(&before, 0.5), Some(1.5));
        assert_eq!(now.quantile_since(&Durations::default(), 1.0), Some(4.0));
        histogram.observe(100.0);
        assert_eq!(Durations::of(&histogram).quantile_since(&now, 0.5), Some(4.0), "beyond the largest bound");
    }

    #[test]
    fn adds_up_routes() {
        let [one, other] = [(); 2].map(|()| histogram());
        one.observe(0.5);
        other.observe(3.0);
        let totals =
            |histogram: &Histogram| Totals { ended: [1, 2, 0, 0], received: 7, completed: Durations::of(histogram) };
        let both = Totals::default().and(&totals(&one)).and(&totals(&other));
        assert_eq!((both.ended, both.received, both.completed.count), ([2, 4, 0, 0], 14, 2));
        assert_eq!(both.completed.buckets, [(1.0, 1), (2.0, 1), (4.0, 2)]);
    }
}
