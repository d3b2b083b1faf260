//! One body on its way past the limits: counted against quotas, and let through at its pace.
//!
//! A chunk that came too soon is held until its time, and the client is not asked for more: back-pressure reaches it through the
//! windows of its connection. Memory does not grow, because the chunk was there already.

use std::future::Future as _;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use rules::fair_use::Refusal;
use tokio::time::{Sleep, sleep_until};

use super::account::{Account, Share};
use super::clock::Clock;
use super::held_back::{HeldBack, HeldBackNow};
use crate::metrics::RouteMetrics;

/// Watches one body. The default lets everything through.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    limits: Option<Box<Limits>>,
    /// What came and has not been given.
    held: Bytes,
}

#[derive(Debug)]
struct Limits {
    accounts: Vec<(Arc<Share>, Arc<Account>)>,
    /// Bytes that were charged when the request was let in.
    announced: u64,
    received: Arc<AtomicU64>,
    clock: Clock,
    metrics: RouteMetrics,
    /// Until a piece may pass. Kept over many pieces.
    timer: Option<Pin<Box<Sleep>>>,
    /// The piece that waits, and the note on its connection that it does.
    waits: Option<(usize, HeldBackNow)>,
    held_back: HeldBack,
}

impl Meter {
    pub(super) fn new(
        accounts: Vec<(Arc<Share>, Arc<Account>)>,
        announced: u64,
        received: Arc<AtomicU64>,
        clock: Clock,
        metrics: RouteMetrics,
        held_back: HeldBack,
    ) -> Self {
        let limits = Limits { accounts, announced, received, clock, metrics, timer: None, waits: None, held_back };
        Self { limits: Some(Box::new(limits)), held: Bytes::new() }
    }

    /// Takes what came from the client; what came before must have been given.
    ///
    /// # Errors
    /// More came than was announced, and it passes a quota.
    pub(crate) fn take(&mut self, chunk: Bytes) -> Result<(), Refusal> {
        if let Some(limits) = &self.limits {
            limits.count(chunk.len() as u64)?;
        }
        self.held = chunk;
        Ok(())
    }

    /// The next bytes that may pass, or none when all were given.
    pub(crate) fn poll_give(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        if self.held.is_empty() {
            return Poll::Ready(None);
        }
        let len = match &mut self.limits {
            Some(limits) => ready!(limits.poll_piece(self.held.len(), cx)),
            None => self.held.len(),
        };
        Poll::Ready(Some(self.held.split_to(len)))
    }

    /// Whether bytes are there that may not pass yet: it is this gateway that is waited for.
    pub(crate) fn is_waiting(&self) -> bool {
        self.limits.as_ref().is_some_and(|limits| limits.waits.is_some())
    }
}

impl Limits {
    fn count(&self, bytes: u64) -> Result<(), Refusal> {
        let before = self.received.fetch_add(bytes, Ordering::Relaxed);
        let after = before.saturating_add(bytes);
        let more = after.saturating_sub(before.max(self.announced));
        if more == 0 {
            return Ok(());
        }
        let now = self.clock.now();
        self.accounts.iter().try_for_each(|(share, account)| {
            account
                .charge_more(share, more, now)
                .inspect_err(|refusal| self.metrics.limited(refusal.scope, refusal.limit))
        })
    }

    /// Ready with the length of a piece that may pass. It is reserved once, at the first call.
    fn poll_piece(&mut self, held: usize, cx: &mut Context<'_>) -> Poll<usize> {
        if self.waits.is_none() {
            let (len, from) = self.reserve(held);
            if from <= self.clock.now() {
                return Poll::Ready(len);
            }
            let moment = self.clock.moment(from);
            match &mut self.timer {
                Some(timer) => timer.as_mut().reset(moment),
                None => self.timer = Some(Box::pin(sleep_until(moment))),
            }
            self.waits = Some((len, self.held_back.begin()));
        }
        if let Some(timer) = &mut self.timer {
            ready!(timer.as_mut().poll(cx));
        }
        Poll::Ready(self.waits.take().map_or(held, |(len, _)| len))
    }

    /// How long the next piece is, and from when on it may pass.
    fn reserve(&self, held: usize) -> (usize, Duration) {
        let now = self.clock.now();
        let rates = || self.accounts.iter().filter_map(|(share, account)| Some((account, share.bytes_per_second()?)));
        let len = rates().map(|(account, rate)| account.longest_piece(rate)).fold(held, usize::min);
        let from = rates().map(|(account, rate)| account.reserve(len, rate, now)).max();
        (len, from.unwrap_or(now))
    }
}
