//! The series themselves: names, help texts, labels and buckets.

use prometheus::core::Collector;
use prometheus::process_collector::ProcessCollector;
use prometheus::{
    CounterVec, Gauge, HistogramOpts, HistogramVec, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
};

use super::access::AccessSeries;

/// From a small file on the same network to an hour: a long tail is normal for uploads.
const DURATION_BUCKETS: [f64; 16] =
    [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0, 300.0, 900.0, 1800.0, 3600.0];

/// Steps are single requests; polling is counted per request, so a minute is long.
const STEP_BUCKETS: [f64; 12] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0, 60.0];

/// Powers of four from 1 KiB to 16 GiB.
const SIZE_BUCKETS: [f64; 13] = [
    1024.0,
    4096.0,
    16_384.0,
    65_536.0,
    262_144.0,
    1_048_576.0,
    4_194_304.0,
    16_777_216.0,
    67_108_864.0,
    268_435_456.0,
    1_073_741_824.0,
    4_294_967_296.0,
    17_179_869_184.0,
];

/// All families, registered.
#[derive(Debug)]
pub(super) struct Series {
    pub(super) registry: Registry,
    pub(super) uploads: IntCounterVec,
    pub(super) in_flight: IntGaugeVec,
    pub(super) upload_duration: HistogramVec,
    pub(super) upload_size: HistogramVec,
    pub(super) received_bytes: IntCounterVec,
    pub(super) sent_bytes: IntCounterVec,
    pub(super) stall_seconds: CounterVec,
    pub(super) limits: LimitSeries,
    pub(super) step_duration: HistogramVec,
    pub(super) step_requests: IntCounterVec,
    pub(super) preflights: IntCounterVec,
    pub(super) retries: IntCounterVec,
    pub(super) undo: IntCounterVec,
    pub(super) buffer_bytes: IntGauge,
    pub(super) buffer_limit_bytes: IntGauge,
    pub(super) connections: IntGaugeVec,
    pub(super) rejected_requests: IntCounterVec,
    pub(super) access: AccessSeries,
    pub(super) config_generation: IntGauge,
    pub(super) config_reload_successful: IntGauge,
    pub(super) config_reload_timestamp: Gauge,
    pub(super) secret_files_unreadable: IntGauge,
    pub(super) build_info: IntGaugeVec,
}

/// What the limits of routes do.
#[derive(Debug)]
pub(super) struct LimitSeries {
    pub(super) throttled_seconds: CounterVec,
    pub(super) limited_requests: IntCounterVec,
    pub(super) tracked_clients: IntGauge,
}

impl Series {
    /// Registers every family of the contract in a registry of its own.
    pub(super) fn register() -> Result<Self, prometheus::Error> {
        let registry = Registry::new();
        registry.register(Box::new(ProcessCollector::for_self()))?;
        let at = &registry;
        Ok(Self {
            uploads: counters(at, "uploads_total", "Uploads that ended.", &["route", "outcome", "reason"])?,
            in_flight: gauges(at, "uploads_in_flight", "Uploads under way.", &["route"])?,
            upload_duration: histograms(
                at,
                ("upload_duration_seconds", "From the request's head to the end of the upload."),
                &["route", "outcome"],
                &DURATION_BUCKETS,
            )?,
            upload_size: histograms(at, ("upload_size_bytes", "Sizes of completed files."), &["route"], &SIZE_BUCKETS)?,
            received_bytes: counters(at, "received_bytes_total", "File bytes read from clients.", &["route"])?,
            sent_bytes: counters(
                at,
                "sent_bytes_total",
                "Body bytes written to upstreams, without HTTP framing.",
                &["route", "target"],
            )?,
            stall_seconds: seconds(
                at,
                "stall_seconds_total",
                "Time in which a transfer waited for one side.",
                &["route", "side"],
            )?,
            limits: LimitSeries::register(at)?,
            step_duration: histograms(
                at,
                ("step_duration_seconds", "From sending a step's request to its whole answer, per attempt."),
                &["route", "step", "status"],
                &STEP_BUCKETS,
            )?,
            step_requests: counters(
                at,
                "step_requests_total",
                "Requests to upstreams, every attempt.",
                &["route", "step", "status"],
            )?,
            preflights: counters(
                at,
                "preflights_total",
                "Questions of browsers before a request from a page of another origin.",
                &["route", "verdict"],
            )?,
            retries: counters(at, "retries_total", "Steps sent again.", &["route", "step", "reason"])?,
            undo: counters(at, "undo_total", "Steps taken back.", &["route", "step", "outcome"])?,
            buffer_bytes: gauge(at, "buffer_bytes", "Buffer bytes granted.")?,
            buffer_limit_bytes: gauge(at, "buffer_limit_bytes", "Buffer bytes that may be granted.")?,
            connections: gauges(at, "connections", "Open connections of clients.", &["listener"])?,
            rejected_requests: counters(
                at,
                "rejected_requests_total",
                "Requests refused before their head was handed on.",
                &["reason"],
            )?,
            access: AccessSeries::register(at)?,
            config_generation: gauge(at, "config_generation", "Number of the configuration in effect, from 1.")?,
            config_reload_successful: register(
                at,
                IntGauge::with_opts(opts(
                    "config_last_reload_successful",
                    "Whether the configuration that was read last took effect.",
                ))?,
            )?,
            config_reload_timestamp: register(
                at,
                Gauge::with_opts(opts(
                    "config_last_reload_success_timestamp_seconds",
                    "When a configuration last took effect.",
                ))?,
            )?,
            secret_files_unreadable: gauge(
                at,
                "secret_files_unreadable",
                "Secret files that gave no value when they were last looked at.",
            )?,
            build_info: gauges(at, "build_info", "Always 1; the labels say which build.", &["version", "revision"])?,
            registry,
        })
    }
}

impl LimitSeries {
    fn register(at: &Registry) -> Result<Self, prometheus::Error> {
        Ok(Self {
            throttled_seconds: seconds(
                at,
                "throttled_seconds_total",
                "Time in which a transfer waited for the limits of its route.",
                &["route"],
            )?,
            limited_requests: counters(
                at,
                "limited_requests_total",
                "Requests refused or cut off by a limit of their route.",
                &["route", "scope", "limit"],
            )?,
            tracked_clients: register(
                at,
                IntGauge::with_opts(opts("tracked_clients", "Clients whose use of limits is remembered."))?,
            )?,
        })
    }
}

pub(super) fn opts(name: &str, help: &str) -> Opts {
    Opts::new(name, help).namespace("tidegate")
}

pub(super) fn register<C: Collector + Clone + 'static>(
    registry: &Registry,
    collector: C,
) -> Result<C, prometheus::Error> {
    registry.register(Box::new(collector.clone()))?;
    Ok(collector)
}

pub(super) fn counters(
    at: &Registry,
    name: &str,
    help: &str,
    labels: &[&str],
) -> Result<IntCounterVec, prometheus::Error> {
    register(at, IntCounterVec::new(opts(name, help), labels)?)
}

fn gauge(at: &Registry, name: &str, help: &str) -> Result<IntGauge, prometheus::Error> {
    register(at, IntGauge::with_opts(opts(name, help))?)
}

fn seconds(at: &Registry, name: &str, help: &str, labels: &[&str]) -> Result<CounterVec, prometheus::Error> {
    register(at, CounterVec::new(opts(name, help), labels)?)
}

fn gauges(at: &Registry, name: &str, help: &str, labels: &[&str]) -> Result<IntGaugeVec, prometheus::Error> {
    register(at, IntGaugeVec::new(opts(name, help), labels)?)
}

fn histograms(
    at: &Registry,
    (name, help): (&str, &str),
    labels: &[&str],
    buckets: &[f64],
) -> Result<HistogramVec, prometheus::Error> {
    let opts = HistogramOpts::from(opts(name, help)).buckets(buckets.to_vec());
    register(at, HistogramVec::new(opts, labels)?)
}
