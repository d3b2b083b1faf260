//! The last hour, as the page draws it: a sample of the whole every ten seconds, and the counts of each route every minute.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Serialize;
use time::OffsetDateTime;
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::app::{App, Current};
use crate::metrics::{Outcome, Totals};

/// Between two samples: fine enough to see a stall, coarse enough that an hour is small.
pub(super) const SAMPLE_EVERY: Duration = Duration::from_secs(10);
/// An hour of them.
const MOST_SAMPLES: usize = 360;
/// After so many samples the counts of each route are kept once.
const SAMPLES_PER_MINUTE: u64 = 6;
/// An hour of those.
const MOST_MINUTES: usize = 60;

/// Uploads that ended, by [`Outcome::ALL`].
pub(super) type Ended = [u64; Outcome::ALL.len()];

/// What happened in the last hour.
#[derive(Debug)]
pub(super) struct History(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    /// Samples taken so far.
    taken: u64,
    samples: VecDeque<Sample>,
    /// The counts at the latest sample.
    latest: Option<(Instant, Totals)>,
    /// The counts of each route, once a minute, the oldest first.
    minutes: VecDeque<HashMap<Arc<str>, Ended>>,
}

/// Ten seconds of the whole gateway.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Sample {
    /// When they ended: seconds since 1970.
    at: i64,
    /// File bytes received per second.
    received_bytes_per_second: f64,
    /// Uploads that were completed, per second.
    completed_per_second: f64,
    /// Uploads that ended otherwise, per second.
    other_per_second: f64,
    /// Half of the completed uploads took at most so long, in seconds; none when none was completed.
    median_seconds: Option<f64>,
    /// And 19 of 20 at most so long.
    p95_seconds: Option<f64>,
    /// Uploads in flight at the end.
    in_flight: usize,
    /// Bytes of the memory budget in use at the end.
    memory_bytes: usize,
}

impl History {
    pub(super) fn new() -> Self {
        Self(Mutex::default())
    }

    /// Takes samples for as long as it is polled.
    pub(super) async fn keep(&self, current: &Current) {
        let mut ticks = interval(SAMPLE_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            self.take(&current.app());
        }
    }

    fn take(&self, app: &App) {
        app.uploads.settle();
        let routes = app.metrics.totals();
        let sum = routes.iter().fold(Totals::default(), |sum, (_, totals)| sum.and(totals));
        let now = Instant::now();
        let mut kept = self.lock();
        if let Some((then, before)) = &kept.latest {
            let sample = Sample::between(before, &sum, now.saturating_duration_since(*then), app);
            push(&mut kept.samples, sample, MOST_SAMPLES);
        }
        if kept.taken.is_multiple_of(SAMPLES_PER_MINUTE) {
            let counts = routes.into_iter().map(|(route, totals)| (route, totals.ended)).collect();
            push(&mut kept.minutes, counts, MOST_MINUTES);
        }
        kept.latest = Some((now, sum));
        kept.taken = kept.taken.saturating_add(1);
    }

    /// How many samples were taken so far: whether there are new ones.
    pub(super) fn taken(&self) -> u64 {
        self.lock().taken
    }

    /// The samples of the last hour, the oldest first.
    pub(super) fn samples(&self) -> Vec<Sample> {
        self.lock().samples.iter().cloned().collect()
    }

    /// How the uploads of each route ended in the last hour, of what the counts are now.
    pub(super) fn last_hour(&self, totals: Vec<(Arc<str>, Totals)>) -> Vec<(Arc<str>, Ended)> {
        let kept = self.lock();
        let before = kept.minutes.front();
        let since = |route: &Arc<str>, ended: Ended| {
            let then = before.and_then(|counts| counts.get(route)).copied().unwrap_or_default();
            std::array::from_fn(|at| {
                let count = |ended: &Ended| ended.get(at).copied().unwrap_or_default();
                count(&ended).saturating_sub(count(&then))
            })
        };
        totals.into_iter().map(|(route, totals)| (Arc::clone(&route), since(&route, totals.ended))).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn push<T>(kept: &mut VecDeque<T>, one: T, most: usize) {
    if kept.len() >= most {
        kept.pop_front();
    }
    kept.push_back(one);
}

impl Sample {
    fn between(before: &Totals, now: &Totals, took: Duration, app: &App) -> Self {
        let per_second = |now: u64, before: u64| rate(now.saturating_sub(before), took);
        let completed = |totals: &Totals| totals.ended.first().copied().unwrap_or_default();
        let other = |totals: &Totals| totals.ended.iter().skip(1).sum();
        Self {
            at: OffsetDateTime::now_utc().unix_timestamp(),
            received_bytes_per_second: per_second(now.received, before.received),
            completed_per_second: per_second(completed(now), completed(before)),
            other_per_second: per_second(other(now), other(before)),
            median_seconds: now.completed.quantile_since(&before.completed, 0.5),
            p95_seconds: now.completed.quantile_since(&before.completed, 0.95),
            in_flight: app.uploads.len(),
            memory_bytes: app.budget.used(),
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "a rate for people does not need the last bits")]
fn rate(count: u64, took: Duration) -> f64 {
    let seconds = took.as_secs_f64();
    if seconds > 0.0 { count as f64 / seconds } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::Gateway;
    use crate::server::tests::{config, needs};

    fn end(app: &App, outcome: Outcome) {
        let reason = (outcome != Outcome::Completed).then_some("overloaded");
        app.metrics.unmatched().ended(outcome, reason, Duration::from_millis(20), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_sample_tells_what_came_since_the_one_before() {
        let gateway = Gateway::start(Arc::new(config()), needs()).expect("the gateway starts");
        let (app, history) = (gateway.app(), History::new());
        history.take(&app);
        assert_eq!((history.taken(), history.samples().len()), (1, 0), "one alone says nothing");
        for outcome in [Outcome::Completed, Outcome::Completed, Outcome::Failed] {
            end(&app, outcome);
        }
        app.metrics.unmatched().received(5000);
        tokio::time::advance(SAMPLE_EVERY).await;
        history.take(&app);
        tokio::time::advance(SAMPLE_EVERY).await;
        history.take(&app);
        let samples = history.samples();
        let [first, second] = samples.as_slice() else { panic!("{samples:?}") };
        assert_eq!(
            (first.received_bytes_per_second, first.completed_per_second, first.other_per_second),
            (500.0, 0.2, 0.1)
        );
        assert!(first.median_seconds.is_some_and(|median| (0.01..=0.025).contains(&median)), "{first:?}");
        assert_eq!((second.received_bytes_per_second, second.median_seconds), (0.0, None));
    }

    #[tokio::test(start_paused = true)]
    async fn the_last_hour_of_a_route_is_an_hour_and_no_more() {
        let gateway = Gateway::start(Arc::new(config()), needs()).expect("the gateway starts");
        let (app, history) = (gateway.app(), History::new());
        let unmatched =
            || history.last_hour(app.metrics.totals()).last().map(|(route, ended)| (route.to_string(), *ended));
        end(&app, Outcome::Refused);
        assert_eq!(unmatched(), Some(("none".to_owned(), [0, 1, 0, 0])), "before the first sample");
        history.take(&app);
        end(&app, Outcome::Completed);
        for _ in 0..SAMPLES_PER_MINUTE * MOST_MINUTES as u64 - 1 {
            history.take(&app);
        }
        assert_eq!(unmatched(), Some(("none".to_owned(), [1, 0, 0, 0])));
        for _ in 0..SAMPLES_PER_MINUTE {
            history.take(&app);
        }
        assert_eq!(unmatched(), Some(("none".to_owned(), [0; 4])));
        assert_eq!(history.samples().len(), MOST_SAMPLES);
    }
}
