//! What one connection is doing: how many requests it has under way. Its timers and drain look at this.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use tokio::sync::Notify;

/// The requests of one connection.
#[derive(Debug, Default)]
pub(super) struct Activity {
    active: AtomicUsize,
    begun: AtomicU64,
    changed: Notify,
}

/// A request under way, until dropped.
#[derive(Debug)]
pub(super) struct ActiveRequest(Arc<Activity>);

impl Activity {
    /// A request's head was read.
    pub(super) fn begin(self: &Arc<Self>) -> ActiveRequest {
        self.active.fetch_add(1, Ordering::Relaxed);
        self.begun.fetch_add(1, Ordering::Relaxed);
        self.changed.notify_one();
        ActiveRequest(Arc::clone(self))
    }

    /// Whether a request is under way.
    pub(super) fn is_busy(&self) -> bool {
        self.active.load(Ordering::Relaxed) > 0
    }

    /// Requests so far.
    pub(super) fn begun(&self) -> u64 {
        self.begun.load(Ordering::Relaxed)
    }

    /// Returns after a request began or ended since the last call; one caller at a time.
    pub(super) async fn changed(&self) {
        self.changed.notified().await;
    }
}

impl Drop for ActiveRequest {
    fn drop(&mut self) {
        self.0.active.fetch_sub(1, Ordering::Relaxed);
        self.0.changed.notify_one();
    }
}
