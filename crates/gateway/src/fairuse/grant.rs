//! What one upload took of the limits, from its being let in to its end.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::account::Hold;
use super::clock::Clock;
use super::held_back::HeldBack;
use super::meter::Meter;
use crate::metrics::RouteMetrics;

/// An upload's places under the limits of its route. When it is dropped, the places are free again and what was announced and never
/// came is given back; a refusal, a lost client or a panic ends it as well as a receipt.
#[derive(Debug, Default)]
pub(crate) struct Grant {
    holds: Vec<Hold>,
    announced: u64,
    /// Bytes of the body that came, counted by the meter.
    received: Arc<AtomicU64>,
    /// None where nothing is limited.
    around: Option<(Clock, RouteMetrics)>,
    is_cancelled: bool,
}

impl Grant {
    pub(super) fn new(holds: Vec<Hold>, announced: u64, clock: Clock, metrics: RouteMetrics) -> Self {
        let around = Some((clock, metrics));
        Self { holds, announced, received: Arc::default(), around, is_cancelled: false }
    }

    /// Counts the upload's body, and slows it down.
    /// `held_back` is the connection that it comes on.
    pub(crate) fn meter(&self, held_back: &HeldBack) -> Meter {
        let Some((clock, metrics)) = &self.around else { return Meter::default() };
        let accounts = self.holds.iter().map(Hold::account).collect();
        Meter::new(
            accounts,
            self.announced,
            Arc::clone(&self.received),
            clock.clone(),
            metrics.clone(),
            held_back.clone(),
        )
    }

    /// The upload is not let in after all, through no fault of its client: it is as if it had never come.
    pub(crate) fn cancel(mut self) {
        self.is_cancelled = true;
    }
}

impl Drop for Grant {
    fn drop(&mut self) {
        if !self.is_cancelled {
            let received = self.received.load(Ordering::Relaxed);
            self.holds.iter_mut().for_each(|hold| hold.keep(received));
        }
    }
}
