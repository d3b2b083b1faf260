//! Waiting, measured: for the metrics on both sides, and against a limit on the upstream's.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

use super::{Progress, Side};

/// The wait that is going on. Dropped in the middle of one, it is counted to that moment.
pub(super) struct Stall<'a> {
    progress: &'a Progress,
    since: Option<(Side, Instant)>,
    /// Kept over many waits and moved only when it fires too early: most waits end long before any limit.
    timer: Option<Pin<Box<Sleep>>>,
}

impl<'a> Stall<'a> {
    pub(super) fn new(progress: &'a Progress) -> Self {
        Self { progress, since: None, timer: None }
    }

    /// Nothing moves because of `side`.
    pub(super) fn begin(&mut self, side: Side) -> Instant {
        match self.since {
            Some((known, since)) if known == side => since,
            _ => {
                self.end();
                let now = Instant::now();
                self.since = Some((side, now));
                self.progress.begin_wait(side);
                now
            }
        }
    }

    /// Something moved.
    pub(super) fn end(&mut self) {
        if let Some((side, since)) = self.since.take() {
            self.progress.end_wait(side, since.elapsed());
        }
    }

    /// The upstream takes nothing: ready when it has done so for `limit`.
    pub(super) fn poll_upstream(&mut self, cx: &mut Context<'_>, limit: Duration) -> Poll<()> {
        let deadline = self.begin(Side::Upstream) + limit;
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(deadline)));
        loop {
            if timer.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            if Instant::now() >= deadline {
                return Poll::Ready(());
            }
            timer.as_mut().reset(deadline);
        }
    }
}

impl Drop for Stall<'_> {
    fn drop(&mut self) {
        self.end();
    }
}
