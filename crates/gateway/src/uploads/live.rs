//! One upload under way, as whoever works on it reports it, and as whoever ends it early tells it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rules::run::TransferTrouble;
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use crate::metrics::RouteMetrics;
use crate::transfer::Progress;

/// An upload under way, as whoever works on it reports it.
#[derive(Debug)]
pub struct Live {
    route: RouteMetrics,
    progress: Progress,
    place: Mutex<Place>,
    /// A child of the token that aborts all uploads.
    ending: CancellationToken,
    is_cancelled: AtomicBool,
}

/// Where an upload is.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) stage: Stage,
    pub(super) step: Option<Arc<str>>,
    pub(super) size: Option<u64>,
}

/// The stages of the pipeline in which an upload can be seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// May this file go this way?
    Admit,
    /// Steps before the transfer.
    Prepare,
    /// The file is streamed.
    Transfer,
    /// Steps after the transfer.
    Finalize,
    /// What was begun is taken back.
    Undo,
}

impl Live {
    pub(super) fn new(route: RouteMetrics, ending: CancellationToken) -> Self {
        let place = Place { stage: Stage::Admit, step: None, size: None };
        let (progress, is_cancelled) = (Progress::default(), AtomicBool::new(false));
        Self { route, progress, place: Mutex::new(place), ending, is_cancelled }
    }

    /// The metrics of its route.
    #[must_use]
    pub fn route(&self) -> &RouteMetrics {
        &self.route
    }

    /// Where whoever moves the bytes reports them.
    #[must_use]
    pub fn progress(&self) -> &Progress {
        &self.progress
    }

    /// A stage or step began.
    pub fn enter(&self, stage: Stage, step: Option<&Arc<str>>) {
        let mut place = self.place();
        place.stage = stage;
        place.step = step.map(Arc::clone);
    }

    /// The file's size in bytes became known.
    pub fn announce(&self, size: Option<u64>) {
        self.place().size = size;
    }

    /// Returns when the upload must end now, and says why: an operator cancelled it, or a drain has no more time for it.
    pub async fn interrupted(&self) -> TransferTrouble {
        self.ending.cancelled().await;
        if self.is_cancelled.load(Ordering::Relaxed) { TransferTrouble::Cancelled } else { TransferTrouble::Draining }
    }

    pub(super) fn cancel(&self) {
        self.is_cancelled.store(true, Ordering::Relaxed);
        self.ending.cancel();
    }

    pub(super) fn place(&self) -> MutexGuard<'_, Place> {
        self.place.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
