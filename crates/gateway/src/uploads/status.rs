//! What `/uploads` shows of one upload. It names no client and no file.

use std::time::Duration;

use serde::Serialize;
use uuid::Uuid;

use super::live::{Live, Stage};
use crate::metrics::side_label;
use crate::transfer::Side;

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

impl UploadStatus {
    pub(super) fn of(id: Uuid, live: &Live, age: Duration) -> Self {
        let progress = live.progress();
        let place = live.place().clone();
        let received = progress.received();
        let age = age.as_secs_f64();
        let waits = [Side::Client, Side::Upstream, Side::Gateway].map(|side| (side, progress.stall(side)));
        let [client, upstream, throttled] = waits.map(|(_, wait)| wait.as_secs_f64());
        Self {
            upload_id: id.to_string(),
            route: live.route().name().to_string(),
            stage: place.stage,
            step: place.step.as_deref().map(str::to_owned),
            size: place.size,
            received_bytes: received,
            sent_bytes: progress.sent(),
            bytes_per_second: rate(received, age),
            age_seconds: age,
            client_stall_seconds: client,
            upstream_stall_seconds: upstream,
            throttled_seconds: throttled,
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
