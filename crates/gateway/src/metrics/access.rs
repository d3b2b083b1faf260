//! What access counts.

use prometheus::{IntCounter, IntCounterVec, Registry};

use super::series::{counters, opts, register};
use crate::access::Reason;

/// Refusals by kind and reason, and tickets.
#[derive(Debug)]
pub(super) struct AccessSeries {
    pub(super) refused: IntCounterVec,
    pub(super) minted: IntCounter,
}

impl AccessSeries {
    /// Registers the families; that of refusals exists from the start with one series.
    pub(super) fn register(at: &Registry) -> Result<Self, prometheus::Error> {
        let help = "Credentials that were not accepted, and requests without any.";
        let refused = counters(at, "access_refused_total", help, &["kind", "reason"])?;
        refused.with_label_values(&["none", Reason::Missing.label()]);
        let minted = register(at, IntCounter::with_opts(opts("tickets_minted_total", "Upload tickets signed."))?)?;
        Ok(Self { refused, minted })
    }
}
