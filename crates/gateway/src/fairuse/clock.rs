//! The clock that limits go by: monotonic, and in tests moved by hand, so that none has to wait an hour.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use governor::clock::Clock as GovernorClock;
use governor::nanos::Nanos;
use tokio::time::Instant;

/// Time since the gateway started. Clones tell the same time.
#[derive(Debug, Clone)]
pub struct Clock {
    start: Instant,
    /// Nanoseconds by which it was moved.
    moved: Arc<AtomicU64>,
}

impl Default for Clock {
    fn default() -> Self {
        Self { start: Instant::now(), moved: Arc::default() }
    }
}

impl Clock {
    /// Moves it on. Waits that are under way are not shortened.
    pub fn advance(&self, by: Duration) {
        self.moved.fetch_add(u64::try_from(by.as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// Since it started.
    pub(super) fn now(&self) -> Duration {
        self.start.elapsed().saturating_add(self.moved())
    }

    /// The moment for timers at which it will tell `time`.
    pub(super) fn moment(&self, time: Duration) -> Instant {
        self.start + time.saturating_sub(self.moved())
    }

    fn moved(&self) -> Duration {
        Duration::from_nanos(self.moved.load(Ordering::Relaxed))
    }
}

impl GovernorClock for Clock {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        Nanos::from(u64::try_from(Self::now(self).as_nanos()).unwrap_or(u64::MAX))
    }
}
