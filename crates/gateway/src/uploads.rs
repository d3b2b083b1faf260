//! The table of uploads in flight: what `/uploads` shows, what drain waits for, and the limit on uploads at once.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Serialize;
use tokio::sync::Notify;
use tokio::time::Instant;
use uuid::Uuid;

use crate::metrics::{RouteMetrics, side_label};
use crate::transfer::{Progress, Side};

/// All uploads in flight.
#[derive(Debug)]
pub struct UploadTable {
    limit: AtomicUsize,
    entries: Mutex<HashMap<Uuid, Entry>>,
    left: Notify,
}

/// One upload's place in the table; dropping it takes the upload out.
#[derive(Debug)]
pub struct Upload {
    table: Arc<UploadTable>,
    id: Uuid,
    live: Arc<Live>,
}

/// An upload under way, as whoever works on it reports it.
#[derive(Debug)]
pub struct Live {
    route: RouteMetrics,
    progress: Progress,
    place: Mutex<Place>,
}

/// Where an upload is.
#[derive(Debug, Clone)]
struct Place {
    stage: Stage,
    step: Option<Arc<str>>,
    size: Option<u64>,
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

/// One upload as `/uploads` shows it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct UploadStatus {
    /// UUIDv7.
    pub upload_id: String,
    /// The route's name.
    pub route: String,
    /// The stage of the pipeline.
    pub stage: Stage,
    /// The step under way; none before the first.
    pub step: Option<String>,
    /// The file's size in bytes, if the client announced one.
    pub size: Option<u64>,
    /// File bytes read from the client.
    pub received_bytes: u64,
    /// Body bytes written to the upstream.
    pub sent_bytes: u64,
    /// Bytes received per second since the upload began.
    pub bytes_per_second: f64,
    /// Since the upload began.
    pub age_seconds: f64,
    /// Time spent waiting for the client.
    pub client_stall_seconds: f64,
    /// Time spent waiting for the upstream.
    pub upstream_stall_seconds: f64,
    /// Time spent waiting for the limits of the route.
    pub throttled_seconds: f64,
    /// The side that is waited for just now, else the one that was waited for longer; none while neither was.
    pub slow_side: Option<&'static str>,
}

impl UploadTable {
    /// A table for at most `limit` uploads (`limits.uploads`).
    #[must_use]
    pub fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self { limit: AtomicUsize::new(limit), entries: Mutex::default(), left: Notify::new() })
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
        let live = Arc::new(Live::new(route.clone()));
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

    /// All uploads in flight, oldest first.
    #[must_use]
    pub fn statuses(&self) -> Vec<UploadStatus> {
        let now = Instant::now();
        let mut statuses: Vec<_> = self.lock().iter().map(|(id, entry)| entry.status(*id, now)).collect();
        // A UUIDv7 begins with its time, and its text sorts as its bytes do.
        statuses.sort_by(|one, other| one.upload_id.cmp(&other.upload_id));
        statuses
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Uuid, Entry>> {
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
            entry.live.route.in_flight().dec();
        }
        self.table.left.notify_waiters();
    }
}

impl Live {
    fn new(route: RouteMetrics) -> Self {
        let place = Place { stage: Stage::Admit, step: None, size: None };
        Self { route, progress: Progress::default(), place: Mutex::new(place) }
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

    fn place(&self) -> MutexGuard<'_, Place> {
        self.place.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entry {
    fn settle(&mut self) {
        let Live { route, progress, .. } = &*self.live;
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
        let Live { route, progress, .. } = &*self.live;
        let place = self.live.place().clone();
        let received = progress.received();
        let age = now.saturating_duration_since(self.began).as_secs_f64();
        let client = progress.stall(Side::Client);
        let upstream = progress.stall(Side::Upstream);
        let throttled = progress.stall(Side::Gateway);
        let waits = [(Side::Client, client), (Side::Upstream, upstream), (Side::Gateway, throttled)];
        UploadStatus {
            upload_id: id.to_string(),
            route: route.name().to_string(),
            stage: place.stage,
            step: place.step.as_deref().map(str::to_owned),
            size: place.size,
            received_bytes: received,
            sent_bytes: progress.sent(),
            bytes_per_second: rate(received, age),
            age_seconds: age,
            client_stall_seconds: client.as_secs_f64(),
            upstream_stall_seconds: upstream.as_secs_f64(),
            throttled_seconds: throttled.as_secs_f64(),
            slow_side: progress.waiting_for().or_else(|| slowest(waits)).map(side_label),
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "a rate for people does not need the last bits")]
fn rate(bytes: u64, seconds: f64) -> f64 {
    if seconds > 0.0 { bytes as f64 / seconds } else { 0.0 }
}

/// The side that was waited for longest; none while two share that.
fn slowest(waits: [(Side, Duration); 3]) -> Option<Side> {
    let longest = waits.iter().map(|(_, wait)| *wait).max()?;
    let mut sides = waits.iter().filter(|(_, wait)| *wait == longest).map(|(side, _)| *side);
    sides.next().filter(|_| sides.next().is_none())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::budget::Budget;
    use crate::metrics::Metrics;

    fn metrics() -> Metrics {
        Metrics::new(Budget::new(1), "0", "0").expect("every series has its own name")
    }

    #[test]
    fn takes_no_more_uploads_than_its_limit() {
        let table = UploadTable::new(1);
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
        let table = UploadTable::new(1);
        let upload = table.enter(Uuid::now_v7(), &metrics().unmatched()).expect("the table is empty");
        upload.live().announce(Some(1000));
        upload.live().enter(Stage::Transfer, Some(&Arc::from("store")));
        upload.live().progress().add_received(500);
        upload.live().progress().add_sent(400);
        upload.live().progress().end_wait(Side::Upstream, Duration::from_millis(1500));
        tokio::time::advance(Duration::from_secs(2)).await;

        let statuses = serde_json::to_value(table.statuses()).expect("statuses are JSON");
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
        assert_eq!(table.statuses()[0].slow_side, Some("client"));
    }

    #[test]
    fn counts_every_byte_once_however_often_metrics_are_read() {
        let metrics = metrics();
        let table = UploadTable::new(1);
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
        let table = UploadTable::new(2);
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
