//! Every metric series of the gateway, behind one struct with plain methods.
//!
//! Labels come from the configuration and from closed enums alone, so a client cannot make series. Handles of a route are
//! looked up once per upload and of a step once per step, never per frame.

mod access;
mod labels;
mod openmetrics;
mod route;
mod series;
mod totals;

use std::collections::BTreeMap;
use std::sync::{Arc, RwLock};
use std::time::{SystemTime, UNIX_EPOCH};

use prometheus::{IntGauge, TextEncoder};
use rules::config::Route;

pub(crate) use labels::side_label;
pub use labels::{Outcome, PreflightVerdict, Rejection, StepStatus, UndoOutcome};
pub use route::{RouteMetrics, StepMetrics};
pub use totals::{Durations, Totals};

use crate::access::Reason;
use crate::budget::Budget;
use crate::secrets::Secrets;
use series::Series;

/// The media type of [`Metrics::text`].
pub const TEXT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";
/// The media type of [`Metrics::openmetrics`].
pub const OPENMETRICS_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The route label of requests that matched no route.
const NO_ROUTE: &str = "none";

/// All series of the process.
#[derive(Debug)]
pub struct Metrics {
    series: Arc<Series>,
    budget: Arc<Budget>,
    routes: RwLock<BTreeMap<Arc<str>, RouteMetrics>>,
    unmatched: RouteMetrics,
    secrets: RwLock<Option<Arc<Secrets>>>,
}

impl Metrics {
    /// Registers every series. `version` and `revision` are the labels of `tidegate_build_info`.
    ///
    /// # Errors
    /// Two series have the same name: a mistake in this module.
    pub fn new(budget: Arc<Budget>, version: &str, revision: &str) -> Result<Self, prometheus::Error> {
        let series = Arc::new(Series::register()?);
        series.build_info.with_label_values(&[version, revision]).set(1);
        for reason in Rejection::ALL {
            series.rejected_requests.with_label_values(&[reason.label()]);
        }
        let unmatched = RouteMetrics::unmatched(&series, NO_ROUTE);
        Ok(Self { series, budget, routes: RwLock::default(), unmatched, secrets: RwLock::default() })
    }

    /// Makes the series of these routes exist, at 0; known routes keep their counts and get the steps that are new.
    pub fn add_routes(&self, routes: &[Arc<Route>]) {
        let mut known = self.routes.write().unwrap_or_else(std::sync::PoisonError::into_inner);
        for route in routes {
            known.insert(Arc::clone(&route.name), RouteMetrics::of_route(&self.series, route));
        }
    }

    /// The handles of a route; those of `route="none"` for a name that was never added.
    #[must_use]
    pub fn route(&self, name: &str) -> RouteMetrics {
        let known = self.routes.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        known.get(name).unwrap_or(&self.unmatched).clone()
    }

    /// How uploads of each route have ended so far, in the order of their names; what matched no route is the last.
    #[must_use]
    pub fn totals(&self) -> Vec<(Arc<str>, Totals)> {
        let known = self.routes.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        let mut all: Vec<_> = known.values().map(|route| (Arc::clone(route.name()), route.totals())).collect();
        all.push((Arc::clone(self.unmatched.name()), self.unmatched.totals()));
        all
    }

    /// The handles of `route="none"`: for requests that matched no route.
    #[must_use]
    pub fn unmatched(&self) -> RouteMetrics {
        self.unmatched.clone()
    }

    /// A request was refused before its head was handed on.
    pub fn rejected(&self, reason: Rejection) {
        self.series.rejected_requests.with_label_values(&[reason.label()]).inc();
    }

    /// A credential of a kind was not accepted. Kinds are words of the gateway's own.
    pub(crate) fn access_refused(&self, kind: &'static str, reason: Reason) {
        self.series.access.refused.with_label_values(&[kind, reason.label()]).inc();
    }

    /// An upload ticket was signed.
    pub(crate) fn ticket_minted(&self) {
        self.series.access.minted.inc();
    }

    /// The gauge of open connections of one listener; `listener` is its address as configured.
    #[must_use]
    pub fn connections(&self, listener: &str) -> IntGauge {
        self.series.connections.with_label_values(&[listener])
    }

    /// The gauge of clients whose use of limits is remembered.
    pub(crate) fn tracked_clients(&self) -> IntGauge {
        self.series.limits.tracked_clients.clone()
    }

    /// A configuration took effect. `generation` counts from 1.
    pub fn config_loaded(&self, generation: i64, at: SystemTime) {
        self.series.config_generation.set(generation);
        self.series.config_reload_successful.set(1);
        let seconds = at.duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64());
        self.series.config_reload_timestamp.set(seconds);
    }

    /// A configuration was refused; the one before goes on.
    pub fn config_refused(&self) {
        self.series.config_reload_successful.set(0);
    }

    /// From now on these secrets are the ones whose files are watched.
    pub fn watch_secrets(&self, secrets: Arc<Secrets>) {
        *self.secrets.write().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(secrets);
    }

    /// The exposition in the Prometheus text format, version 0.0.4.
    ///
    /// # Errors
    /// A family cannot be written: a mistake in this module.
    pub fn text(&self) -> Result<String, prometheus::Error> {
        TextEncoder::new().encode_to_string(&self.gather())
    }

    /// The exposition in OpenMetrics 1.0 text.
    #[must_use]
    pub fn openmetrics(&self) -> String {
        openmetrics::render(&self.gather())
    }

    fn gather(&self) -> Vec<prometheus::proto::MetricFamily> {
        self.series.buffer_bytes.set(gauge_value(self.budget.used()));
        self.series.buffer_limit_bytes.set(gauge_value(self.budget.limit()));
        let secrets = self.secrets.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        let unreadable = secrets.as_ref().map_or(0, |secrets| secrets.unreadable_files());
        self.series.secret_files_unreadable.set(gauge_value(unreadable));
        self.series.registry.gather()
    }
}

fn gauge_value(bytes: usize) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
