//! One quota's window: what was taken in it, and when it ends.

use std::time::Duration;

use super::Limit;
use crate::config::Quota;

/// What was taken of one quota in the present window.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Window {
    /// None before the first request.
    begun: Option<Duration>,
    requests: u64,
    bytes: u64,
}

impl Window {
    /// Why a request that announces so many bytes must wait, and how long; none when there is room.
    #[must_use]
    pub fn refusal(&self, quota: &Quota, bytes: u64, now: Duration) -> Option<(Limit, Duration)> {
        let window = self.at(quota, now);
        let full = |used: u64, more: u64, most: Option<u64>| most.is_some_and(|most| used.saturating_add(more) > most);
        // Nothing more can come once all bytes are used, however small a body of unknown size may be.
        let bytes = bytes.max(1);
        let limit = match () {
            () if full(window.requests, 1, quota.requests) => Limit::QuotaRequests(*quota),
            () if full(window.bytes, bytes, quota.bytes) => Limit::QuotaBytes(*quota),
            () => return None,
        };
        Some((limit, window.left(quota, now)))
    }

    /// Charges a request and what it announces. Gives the window's beginning, by which it can be given back.
    pub fn charge(&mut self, quota: &Quota, bytes: u64, now: Duration) -> Duration {
        *self = self.at(quota, now);
        self.requests = self.requests.saturating_add(1);
        self.bytes = self.bytes.saturating_add(bytes);
        *self.begun.get_or_insert(now)
    }

    /// Charges bytes that were not announced.
    ///
    /// # Errors
    /// They pass the quota, and nothing is charged: the limit, and how long until the window ends.
    pub fn charge_more(&mut self, quota: &Quota, bytes: u64, now: Duration) -> Result<(), (Limit, Duration)> {
        *self = self.at(quota, now);
        let sum = self.bytes.saturating_add(bytes);
        if quota.bytes.is_some_and(|most| sum > most) {
            return Err((Limit::QuotaBytes(*quota), self.left(quota, now)));
        }
        self.begun.get_or_insert(now);
        self.bytes = sum;
        Ok(())
    }

    /// Gives back what was charged to the window that began at `begun`; that one may be over.
    pub fn give_back(&mut self, begun: Duration, requests: u64, bytes: u64) {
        if self.begun == Some(begun) {
            self.requests = self.requests.saturating_sub(requests);
            self.bytes = self.bytes.saturating_sub(bytes);
        }
    }

    /// Whether forgetting it changes nothing.
    #[must_use]
    pub fn is_idle(&self, quota: &Quota, now: Duration) -> bool {
        self.at(quota, now).begun.is_none()
    }

    /// The window at a moment: this one, or one that nothing was taken in.
    fn at(self, quota: &Quota, now: Duration) -> Self {
        let is_over = self.begun.is_some_and(|begun| now >= begun.saturating_add(quota.per));
        if is_over { Self::default() } else { self }
    }

    fn left(&self, quota: &Quota, now: Duration) -> Duration {
        self.begun.map_or(Duration::ZERO, |begun| begun.saturating_add(quota.per).saturating_sub(now))
    }
}
