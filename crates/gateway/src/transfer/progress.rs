//! How far a transfer is, for metrics and `/uploads`: read by others while it runs, written without locks.

use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::time::Duration;

use rules::run::TransferStage;

/// The sides that a transfer can wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Nothing to write: the file's next bytes are awaited.
    Client,
    /// Bytes are there, the upstream does not take them, or does not answer.
    Upstream,
    /// Bytes are there, and the limits of the route let them pass later.
    Gateway,
}

/// How far one transfer is. It is kept over the attempts of one upload.
#[derive(Debug, Default)]
pub struct Progress {
    received: AtomicU64,
    sent: AtomicU64,
    client_stall: AtomicU64,
    upstream_stall: AtomicU64,
    gateway_stall: AtomicU64,
    waiting: AtomicU8,
    stage: AtomicU8,
}

const CLIENT: u8 = 1;
const UPSTREAM: u8 = 2;
const GATEWAY: u8 = 3;

impl Progress {
    /// File bytes taken from the client.
    #[must_use]
    pub fn received(&self) -> u64 {
        self.received.load(Ordering::Relaxed)
    }

    /// Body bytes written to the upstream, without HTTP framing, over all attempts.
    #[must_use]
    pub fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// How long the transfer has waited for one side, finished waits only.
    #[must_use]
    pub fn stall(&self, side: Side) -> Duration {
        Duration::from_nanos(self.stall_of(side).load(Ordering::Relaxed))
    }

    /// Which side the transfer waits for just now.
    #[must_use]
    pub fn waiting_for(&self) -> Option<Side> {
        match self.waiting.load(Ordering::Relaxed) {
            CLIENT => Some(Side::Client),
            UPSTREAM => Some(Side::Upstream),
            GATEWAY => Some(Side::Gateway),
            _ => None,
        }
    }

    /// Where the latest attempt stands. After a transfer's future was dropped this is where it stood.
    #[must_use]
    pub fn stage(&self) -> TransferStage {
        match self.stage.load(Ordering::Relaxed) {
            0 => TransferStage::NothingSent,
            1 => TransferStage::Replayable,
            2 => TransferStage::Withheld,
            _ => TransferStage::Released,
        }
    }

    pub(super) fn set_stage(&self, stage: TransferStage) {
        let stage = match stage {
            TransferStage::NothingSent => 0,
            TransferStage::Replayable => 1,
            TransferStage::Withheld => 2,
            TransferStage::Released => 3,
        };
        self.stage.store(stage, Ordering::Relaxed);
    }

    pub(crate) fn add_received(&self, bytes: u64) {
        self.received.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(crate) fn add_sent(&self, bytes: u64) {
        self.sent.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(crate) fn begin_wait(&self, side: Side) {
        let side = match side {
            Side::Client => CLIENT,
            Side::Upstream => UPSTREAM,
            Side::Gateway => GATEWAY,
        };
        self.waiting.store(side, Ordering::Relaxed);
    }

    pub(crate) fn end_wait(&self, side: Side, waited: Duration) {
        self.waiting.store(0, Ordering::Relaxed);
        let nanos = u64::try_from(waited.as_nanos()).unwrap_or(u64::MAX);
        self.stall_of(side).fetch_add(nanos, Ordering::Relaxed);
    }

    fn stall_of(&self, side: Side) -> &AtomicU64 {
        match side {
            Side::Client => &self.client_stall,
            Side::Upstream => &self.upstream_stall,
            Side::Gateway => &self.gateway_stall,
        }
    }
}
