//! The series of one route, resolved once.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use prometheus::core::{AtomicF64, GenericCounter};
use prometheus::{Histogram, IntCounter, IntGauge};
use rules::config::Route;
use rules::fair_use::{Limit, Scope};
use rules::run::RetryReason;

use super::labels::{Outcome, PreflightVerdict, StepStatus, UndoOutcome, retry_label, side_label};
use super::series::Series;
use super::totals::{Durations, Totals};
use crate::transfer::Side;

/// The reason label of a completed upload.
const NO_REASON: &str = "none";

/// The series of one route. Clones share them.
#[derive(Debug, Clone)]
pub struct RouteMetrics {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    name: Arc<str>,
    series: Arc<Series>,
    in_flight: IntGauge,
    completed: IntCounter,
    durations: [Histogram; Outcome::ALL.len()],
    size: Histogram,
    received: IntCounter,
    client_stall: GenericCounter<AtomicF64>,
    upstream_stall: GenericCounter<AtomicF64>,
    throttled: GenericCounter<AtomicF64>,
    steps: HashMap<Arc<str>, StepMetrics>,
    sent: Option<IntCounter>,
}

/// The series of one step. Clones share them.
#[derive(Debug, Clone)]
pub struct StepMetrics {
    inner: Arc<StepInner>,
}

#[derive(Debug)]
struct StepInner {
    route: Arc<str>,
    step: Arc<str>,
    series: Arc<Series>,
    /// Resolved when the first attempt ends in this way, so that what never happens is no series.
    attempts: [OnceLock<(IntCounter, Histogram)>; StepStatus::COUNT],
}

impl RouteMetrics {
    /// The series of a configured route, all made to exist.
    pub(super) fn of_route(series: &Arc<Series>, route: &Route) -> Self {
        let step = |step: &Arc<rules::config::Step>| {
            let metrics = StepMetrics::new(series, &route.name, &step.id);
            if step.undo.is_some() {
                metrics.expose_undo();
            }
            (Arc::clone(&step.id), metrics)
        };
        for target in &route.targets {
            series.sent_bytes.with_label_values(&[&*route.name, &*target.name]);
        }
        for verdict in PreflightVerdict::ALL.into_iter().filter(|_| route.cors.is_some()) {
            series.preflights.with_label_values(&[&*route.name, verdict.label()]);
        }
        for (scope, allowance) in [(Scope::Route, &route.limits.route), (Scope::Client, &route.limits.client)] {
            for limit in Limit::all_of(allowance) {
                series.limits.limited_requests.with_label_values(&[&*route.name, scope.label(), limit.label()]);
            }
        }
        let target = route.steps.get(route.transfer).map(|step| &step.request.target.name);
        let sent = target.map(|target| series.sent_bytes.with_label_values(&[&*route.name, &**target]));
        let steps = route.steps.iter().map(step).collect();
        Self::new(series, &route.name, steps, sent)
    }

    /// The series of requests that matched no route.
    pub(super) fn unmatched(series: &Arc<Series>, name: &str) -> Self {
        Self::new(series, &Arc::from(name), HashMap::new(), None)
    }

    fn new(
        series: &Arc<Series>,
        name: &Arc<str>,
        steps: HashMap<Arc<str>, StepMetrics>,
        sent: Option<IntCounter>,
    ) -> Self {
        let stall = |side: Side| series.stall_seconds.with_label_values(&[&**name, side_label(side)]);
        let inner = Inner {
            name: Arc::clone(name),
            in_flight: series.in_flight.with_label_values(&[&**name]),
            completed: series.uploads.with_label_values(&[&**name, Outcome::Completed.label(), NO_REASON]),
            durations: Outcome::ALL.map(|one| series.upload_duration.with_label_values(&[&**name, one.label()])),
            size: series.upload_size.with_label_values(&[&**name]),
            received: series.received_bytes.with_label_values(&[&**name]),
            client_stall: stall(Side::Client),
            upstream_stall: stall(Side::Upstream),
            throttled: series.limits.throttled_seconds.with_label_values(&[&**name]),
            steps,
            sent,
            series: Arc::clone(series),
        };
        Self { inner: Arc::new(inner) }
    }

    /// The route's name; `none` for requests that matched no route.
    #[must_use]
    pub fn name(&self) -> &Arc<str> {
        &self.inner.name
    }

    /// Counts one upload's end: once, in `pipeline.rs`. `reason` is the problem's name, none when completed;
    /// `size` is the file's, given when completed.
    pub fn ended(&self, outcome: Outcome, reason: Option<&'static str>, took: Duration, size: Option<u64>) {
        match (outcome, reason) {
            (Outcome::Completed, None) => self.inner.completed.inc(),
            _ => {
                let labels = [&*self.inner.name, outcome.label(), reason.unwrap_or(NO_REASON)];
                self.inner.series.uploads.with_label_values(&labels).inc();
            }
        }
        if let Some(duration) = self.inner.durations.get(outcome as usize) {
            duration.observe(took.as_secs_f64());
        }
        if let Some(size) = size {
            self.inner.size.observe(approximate(size));
        }
    }

    /// A browser asked before a request.
    pub fn asked(&self, verdict: PreflightVerdict) {
        self.inner.series.preflights.with_label_values(&[&*self.inner.name, verdict.label()]).inc();
    }

    /// File bytes were read from the client.
    pub fn received(&self, bytes: u64) {
        self.inner.received.inc_by(bytes);
    }

    /// Body bytes were written to the target of the transfer step.
    pub fn sent(&self, bytes: u64) {
        if let Some(sent) = &self.inner.sent {
            sent.inc_by(bytes);
        }
    }

    /// Body bytes of a step other than the transfer were written to its target.
    pub fn sent_by_step(&self, target: &str, bytes: u64) {
        self.inner.series.sent_bytes.with_label_values(&[&*self.inner.name, target]).inc_by(bytes);
    }

    /// A limit refused a request, or cut a body off.
    pub fn limited(&self, scope: Scope, limit: Limit) {
        let labels = [&*self.inner.name, scope.label(), limit.label()];
        self.inner.series.limits.limited_requests.with_label_values(&labels).inc();
    }

    /// The transfer waited for one side.
    pub fn stalled(&self, side: Side, time: Duration) {
        match side {
            Side::Client => self.inner.client_stall.inc_by(time.as_secs_f64()),
            Side::Upstream => self.inner.upstream_stall.inc_by(time.as_secs_f64()),
            Side::Gateway => self.inner.throttled.inc_by(time.as_secs_f64()),
        }
    }

    /// How uploads have ended so far, and the bytes received, those of uploads in flight as of the last `settle`.
    #[must_use]
    pub fn totals(&self) -> Totals {
        Totals {
            ended: Outcome::ALL
                .map(|one| self.inner.durations.get(one as usize).map_or(0, Histogram::get_sample_count)),
            received: self.inner.received.get(),
            completed: self.inner.durations.get(Outcome::Completed as usize).map(Durations::of).unwrap_or_default(),
        }
    }

    /// The gauge of uploads under way; [`crate::uploads::Upload`] keeps it.
    pub(crate) fn in_flight(&self) -> &IntGauge {
        &self.inner.in_flight
    }

    /// The series of a step of this route.
    #[must_use]
    pub fn step(&self, id: &str) -> StepMetrics {
        let fresh = || StepMetrics::new(&self.inner.series, &self.inner.name, &Arc::from(id));
        self.inner.steps.get(id).cloned().unwrap_or_else(fresh)
    }
}

impl StepMetrics {
    fn new(series: &Arc<Series>, route: &Arc<str>, step: &Arc<str>) -> Self {
        let (route, step, series) = (Arc::clone(route), Arc::clone(step), Arc::clone(series));
        let metrics = Self { inner: Arc::new(StepInner { route, step, series, attempts: Default::default() }) };
        metrics.attempts(StepStatus::Success);
        metrics
    }

    fn attempts(&self, status: StepStatus) -> Option<&(IntCounter, Histogram)> {
        let StepInner { route, step, series, attempts } = &*self.inner;
        let resolve = || {
            let labels = [&**route, &**step, status.label()];
            (series.step_requests.with_label_values(&labels), series.step_duration.with_label_values(&labels))
        };
        attempts.get(status as usize).map(|attempts| attempts.get_or_init(resolve))
    }

    fn expose_undo(&self) {
        for outcome in UndoOutcome::ALL {
            self.inner.undo(outcome);
        }
    }

    /// One attempt ended.
    pub fn requested(&self, status: StepStatus, took: Duration) {
        if let Some((requests, duration)) = self.attempts(status) {
            requests.inc();
            duration.observe(took.as_secs_f64());
        }
    }

    /// The step is sent again.
    pub fn retried(&self, reason: RetryReason) {
        let StepInner { route, step, series, .. } = &*self.inner;
        series.retries.with_label_values(&[&**route, &**step, retry_label(reason)]).inc();
    }

    /// Taking the step back ended.
    pub fn undone(&self, outcome: UndoOutcome) {
        self.inner.undo(outcome).inc();
    }
}

impl StepInner {
    fn undo(&self, outcome: UndoOutcome) -> IntCounter {
        self.series.undo.with_label_values(&[&*self.route, &*self.step, outcome.label()])
    }
}

#[expect(clippy::cast_precision_loss, reason = "histograms count in doubles, and buckets do not need the last bits")]
fn approximate(bytes: u64) -> f64 {
    bytes as f64
}
