//! The end of a gateway: uploads in flight get their time, what was begun upstream is completed or taken back.

use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::{Instant, timeout};

use super::Gateway;

/// For clients to take the answers of the last requests once no upload is in flight.
const LAST_ANSWERS: Duration = Duration::from_secs(5);
/// For aborted uploads to take back what they began. Process managers kill after 10 to 30 seconds beyond the grace time.
const AFTERMATH: Duration = Duration::from_secs(10);

/// How a drain ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DrainReport {
    /// Uploads that were aborted.
    pub aborted: usize,
    /// Tasks that did not end in time: undo requests, or steps after a transfer.
    pub unfinished: usize,
}

impl DrainReport {
    /// Whether every upload ended by itself and everything begun upstream was settled.
    #[must_use]
    pub fn lost_nothing(self) -> bool {
        self.aborted == 0 && self.unfinished == 0
    }
}

impl Gateway {
    /// Ends the gateway: no new connections, no new uploads, `grace` for those in flight; then they are aborted. Returns when
    /// every task has ended, at the latest some seconds after `grace`.
    pub async fn drain(&self, grace: Duration) -> DrainReport {
        let deadline = Instant::now() + grace;
        let app = self.app();
        app.draining.cancel();
        // Said when it is true: whoever reads it may count on the next answers to close their connections.
        tracing::info!(uploads = app.uploads.len(), grace_seconds = grace.as_secs(), "draining");
        self.connections.close();
        app.tasks.close();
        tokio::select! {
            biased;
            () = app.aborting.cancelled() => {}
            () = self.quiet() => {}
            () = tokio::time::sleep_until(deadline) => self.abort(),
        }
        self.closing.cancel();
        let aftermath = async {
            app.uploads.wait_until_empty().await;
            app.tasks.wait().await;
            self.connections.wait().await;
        };
        // What has not ended by now is in the report.
        let _overdue = timeout(AFTERMATH, aftermath).await;
        let unfinished = app.tasks.len();
        self.killing.cancel();
        self.connections.wait().await;
        DrainReport { aborted: self.aborted.load(Ordering::Relaxed), unfinished }
    }

    /// Aborts uploads in flight; a drain under way goes on with taking back what they began.
    pub fn abort(&self) {
        let app = self.app();
        // Counted before they hear of it and leave.
        self.aborted.fetch_max(app.uploads.len(), Ordering::Relaxed);
        app.aborting.cancel();
    }

    /// Returns when no upload is in flight and the last answers were sent. A request whose head was read just before the drain
    /// began may still become an upload; it is waited for too.
    async fn quiet(&self) {
        let app = self.app();
        app.uploads.wait_until_empty().await;
        self.closing.cancel();
        let _unread = timeout(LAST_ANSWERS, self.connections.wait()).await;
        app.uploads.wait_until_empty().await;
    }
}
