//! The table of uploads in flight: what `/uploads` shows and can cancel, what drain waits for, and the limit on uploads at once.

mod live;
mod status;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

pub use live::{Live, Stage};
pub use status::UploadStatus;

use crate::metrics::RouteMetrics;
use crate::transfer::Side;

/// All uploads in flight.
#[derive(Debug)]
pub struct UploadTable {
    limit: AtomicUsize,
    /// Ends every upload.
    aborting: CancellationToken,
    entries: Mutex<BTreeMap<Uuid, Entry>>,
    left: Notify,
}

/// One upload's place in the table; dropping it takes the upload out.
#[derive(Debug)]
pub struct Upload {
    table: Arc<UploadTable>,
    id: Uuid,
    live: Arc<Live>,
}

#[derive(Debug)]
struct Entry {
    began: Instant,
    live: Arc<Live>,
    counted: Counted,
}

/// The part of an upload's progress that the metrics have already been told.
#[derive(Debug, Default)]
struct Counted {
    received: u64,
    sent: u64,
    client_stall: Duration,
    upstream_stall: Duration,
    throttled: Duration,
}

impl UploadTable {
    /// A table for at most `limit` uploads (`limits.uploads`), which all end when `aborting` is set.
    #[must_use]
    pub fn new(limit: usize, aborting: CancellationToken) -> Arc<Self> {
        let limit = AtomicUsize::new(limit);
        Arc::new(Self { limit, aborting, entries: Mutex::default(), left: Notify::new() })
    }

    /// Changes the limit. Uploads in flight beyond it go on.
    pub fn resize(&self, limit: usize) {
        self.limit.store(limit, Ordering::Relaxed);
    }

    /// Enters an upload, or nothing when the table is full: the answer is then `overloaded`.
    #[must_use]
    pub fn enter(self: &Arc<Self>, id: Uuid, route: &RouteMetrics) -> Option<Upload> {
        let mut entries = self.lock();
        if entries.len() >= self.limit.load(Ordering::Relaxed) {
            return None;
        }
        let live = Arc::new(Live::new(route.clone(), self.aborting.child_token()));
        let entry = Entry { began: Instant::now(), live: Arc::clone(&live), counted: Counted::default() };
        entries.insert(id, entry);
        drop(entries);
        route.in_flight().inc();
        Some(Upload { table: Arc::clone(self), id, live })
    }

    /// Uploads in flight.
    #[must_use]
    pub fn len(&self) -> usize {
        self.lock().len()
    }

    /// Whether no upload is in flight.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    /// Returns when no upload is in flight.
    pub async fn wait_until_empty(&self) {
        loop {
            // Registered before the look, so that an upload that leaves in between is not missed.
            let left = self.left.notified();
            tokio::pin!(left);
            left.as_mut().enable();
            if self.is_empty() {
                return;
            }
            left.await;
        }
    }

    /// Brings the byte and stall counters up to date with the uploads in flight: called before metrics are read, so that
    /// a long upload shows while it runs, and moving bytes costs no look at the metrics.
    pub fn settle(&self) {
        for entry in self.lock().values_mut() {
            entry.settle();
        }
    }

    /// The `most` oldest uploads in flight, oldest first.
    #[must_use]
    pub fn statuses(&self, most: usize) -> Vec<UploadStatus> {
        let now = Instant::now();
        // A UUIDv7 begins with its time.
        self.lock().iter().take(most).map(|(id, entry)| entry.status(*id, now)).collect()
    }

    /// One upload; none when it is not in flight.
    #[must_use]
    pub fn status(&self, id: Uuid) -> Option<UploadStatus> {
        let now = Instant::now();
        self.lock().get(&id).map(|entry| entry.status(id, now))
    }

    /// Cancels an upload: it ends as soon as what it has under way upstream is known, and what it began is taken back. False when
    /// it is not in flight.
    pub fn cancel(&self, id: Uuid) -> bool {
        let live = self.lock().get(&id).map(|entry| Arc::clone(&entry.live));
        if let Some(live) = &live {
            live.cancel();
        }
        live.is_some()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Uuid, Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Upload {
    /// Where to report how far it is.
    #[must_use]
    pub fn live(&self) -> &Arc<Live> {
        &self.live
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        if let Some(mut entry) = self.table.lock().remove(&self.id) {
            entry.settle();
            entry.live.route().in_flight().dec();
        }
        self.table.left.notify_waiters();
    }
}

impl Entry {
    fn settle(&mut self) {
        let (route, progress) = (self.live.route(), self.live.progress());
        let (received, sent) = (progress.received(), progress.sent());
        route.received(received.saturating_sub(self.counted.received));
        route.sent(sent.saturating_sub(self.counted.sent));
        let client_stall = progress.stall(Side::Client);
        let upstream_stall = progress.stall(Side::Upstream);
        route.stalled(Side::Client, client_stall.saturating_sub(self.counted.client_stall));
        route.stalled(Side::Upstream, upstream_stall.saturating_sub(self.counted.upstream_stall));
        let throttled = progress.stall(Side::Gateway);
        route.stalled(Side::Gateway, throttled.saturating_sub(self.counted.throttled));
        self.counted = Counted { received, sent, client_stall, upstream_stall, throttled };
    }

    fn status(&self, id: Uuid, now: Instant) -> UploadStatus {
        UploadStatus::of(id, &self.live, now.saturating_duration_since(self.began))
    }
}

#[cfg(test)]
mod tests {
    use rules::run::TransferTrouble;

    use super::*;
    use crate::budget::Budget;
    use crate::metrics::Metrics;

    fn metrics() -> Metrics {
        Metrics::new(Budget::new(1), "0", "0").expect("every series has its own name")
    }

    fn table(limit: usize) -> Arc<UploadTable> {
        UploadTable::new(limit, CancellationToken::new())
    }

    #[test]
    fn takes_no_more_uploads_than_its_limit() {
        let table = table(1);
        let route = metrics().unmatched();
        let first = table.enter(Uuid::now_v7(), &route).expect("the table is empty");
        assert!(table.enter(Uuid::now_v7(), &route).is_none());
        assert_eq!(route.in_flight().get(), 1);
        drop(first);
        assert_eq!(route.in_flight().get(), 0);
        assert!(table.enter(Uuid::now_v7(), &route).is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn shows_where_an_upload_is_and_who_is_slow() {
        let table = table(1);
        let upload = table.enter(Uuid::now_v7(), &metrics().unmatched()).expect("the table is empty");
        upload.live().announce(Some(1000));
        upload.live().enter(Stage::Transfer, Some(&Arc::from("store")));
        upload.live().progress().add_received(500);
        upload.live().progress().add_sent(400);
        upload.live().progress().end_wait(Side::Upstream, Duration::from_millis(1500));
        tokio::time::advance(Duration::from_secs(2)).await;

        let statuses = serde_json::to_value(table.statuses(9)).expect("statuses are JSON");
        let status = &statuses[0];
        assert_eq!(status["stage"], "transfer");
        assert_eq!(status["step"], "store");
        assert_eq!(status["size"], 1000);
        assert_eq!(status["received_bytes"], 500);
        assert_eq!(status["sent_bytes"], 400);
        assert_eq!(status["bytes_per_second"], 250.0);
        assert_eq!(status["age_seconds"], 2.0);
        assert_eq!(status["upstream_stall_seconds"], 1.5);
        assert_eq!(status["slow_side"], "upstream");
        upload.live().progress().begin_wait(Side::Client);
        assert_eq!(table.statuses(9)[0].slow_side, Some("client"));
    }

    #[test]
    fn shows_the_oldest_first_and_no_more_than_are_asked_for() {
        let table = table(9);
        let route = metrics().unmatched();
        let [first, second, third] = [(); 3].map(|()| Uuid::now_v7());
        let _uploads = [third, first, second].map(|id| table.enter(id, &route).expect("there is room"));
        let shown: Vec<_> = table.statuses(2).into_iter().map(|status| status.upload_id).collect();
        assert_eq!(shown, [first, second].map(|id| id.to_string()));
        assert_eq!(table.status(third).map(|status| status.upload_id), Some(third.to_string()));
        assert_eq!(table.status(Uuid::now_v7()), None);
    }

    #[tokio::test]
    async fn cancels_one_upload_and_no_other_and_a_drain_ends_all() {
        use futures::FutureExt as _;
        let aborting = CancellationToken::new();
        let table = UploadTable::new(9, aborting.clone());
        let route = metrics().unmatched();
        let ids = [(); 2].map(|()| Uuid::now_v7());
        let [one, other] = ids.map(|id| table.enter(id, &route).expect("there is room"));
        assert!(table.cancel(ids[0]));
        assert!(matches!(one.live().interrupted().now_or_never(), Some(TransferTrouble::Cancelled)));
        assert!(other.live().interrupted().now_or_never().is_none());
        aborting.cancel();
        assert!(matches!(other.live().interrupted().now_or_never(), Some(TransferTrouble::Draining)));
        drop(one);
        assert!(!table.cancel(ids[0]), "it has left");
    }

    #[test]
    fn counts_every_byte_once_however_often_metrics_are_read() {
        let metrics = metrics();
        let table = table(1);
        let upload = table.enter(Uuid::now_v7(), &metrics.unmatched()).expect("the table is empty");
        upload.live().progress().add_received(100);
        table.settle();
        table.settle();
        upload.live().progress().add_received(11);
        drop(upload);
        let text = metrics.text().expect("the families can be written");
        assert!(text.contains("tidegate_received_bytes_total{route=\"none\"} 111\n"), "{text}");
    }

    #[tokio::test]
    async fn tells_when_the_last_upload_has_left() {
        let table = table(2);
        let upload = table.enter(Uuid::now_v7(), &metrics().unmatched()).expect("the table is empty");
        let waiting = tokio::spawn({
            let table = Arc::clone(&table);
            async move { table.wait_until_empty().await }
        });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        drop(upload);
        waiting.await.expect("the wait ends");
    }
}
