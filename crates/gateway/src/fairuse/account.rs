//! What one client, or all clients of a route, took of a share.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rules::config::{Allowance, Quota};
use rules::fair_use::{Limit, Pace, Refusal, Scope, Window, longest_piece};

use super::clock::Clock;
use super::rate::{Rate, Taken};

/// How long a client over its uploads at once is told to wait: nobody can know when one of them ends.
const WHEN_ONE_ENDS: Duration = Duration::from_secs(1);

/// What may be taken, by everybody who has this share.
#[derive(Debug)]
pub(super) struct Share {
    scope: Scope,
    allowance: Allowance,
    rate: Option<Rate>,
}

/// What one of them took.
#[derive(Debug)]
pub(super) struct Account {
    requests: Taken,
    used: Mutex<Used>,
}

#[derive(Debug)]
struct Used {
    uploads: u32,
    pace: Pace,
    /// One for each quota of the share.
    windows: Box<[Window]>,
}

/// What one request took of an account. Dropping it gives back its place among the uploads, and the request and bytes as well
/// unless it was [kept](Hold::keep).
#[derive(Debug)]
pub(super) struct Hold {
    share: Arc<Share>,
    account: Arc<Account>,
    /// Beginnings of the windows that were charged, one for each quota.
    charged: Vec<Duration>,
    announced: u64,
    keeps: Option<u64>,
}

impl Share {
    pub(super) fn new(scope: Scope, allowance: Allowance, clock: Clock) -> Self {
        let rate = allowance.requests.map(|rate| Rate::new(rate, clock));
        Self { scope, allowance, rate }
    }

    /// Whether as much may be taken of both.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.scope == other.scope && self.allowance == other.allowance
    }

    pub(super) fn quotas(&self) -> &[Quota] {
        &self.allowance.quotas
    }

    pub(super) fn bytes_per_second(&self) -> Option<u64> {
        self.allowance.bytes_per_second
    }
}

impl Account {
    pub(super) fn new(share: &Share) -> Self {
        let windows = share.quotas().iter().map(|_| Window::default()).collect();
        Self { requests: Taken::default(), used: Mutex::new(Used { uploads: 0, pace: Pace::default(), windows }) }
    }

    /// Whether forgetting it changes nothing.
    pub(super) fn is_idle(&self, share: &Share, now: Duration) -> bool {
        let used = self.used();
        used.uploads == 0
            && used.pace.is_idle(now)
            && share.quotas().iter().zip(&used.windows).all(|(quota, window)| window.is_idle(quota, now))
            && share.rate.as_ref().is_none_or(|rate| rate.is_idle(&self.requests, now))
    }

    /// The longest piece that one of the uploads under way may reserve.
    pub(super) fn longest_piece(&self, bytes_per_second: u64) -> usize {
        longest_piece(bytes_per_second, self.used().uploads)
    }

    /// Reserves the time that bytes take, and says from when on they may pass.
    pub(super) fn reserve(&self, bytes: usize, bytes_per_second: u64, now: Duration) -> Duration {
        self.used().pace.reserve(bytes, bytes_per_second, now)
    }

    /// Charges bytes that were not announced.
    ///
    /// # Errors
    /// They pass a quota.
    pub(super) fn charge_more(&self, share: &Share, bytes: u64, now: Duration) -> Result<(), Refusal> {
        let mut used = self.used();
        let mut windows = share.quotas().iter().zip(&mut used.windows);
        let charged = windows.try_for_each(|(quota, window)| window.charge_more(quota, bytes, now));
        charged.map_err(|(limit, wait)| Refusal { scope: share.scope, limit, wait })
    }

    fn used(&self) -> MutexGuard<'_, Used> {
        self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Hold {
    /// Takes a place, a request and the announced bytes: all or nothing.
    ///
    /// # Errors
    /// The limit among those reached that lasts longest.
    pub(super) fn take(
        share: Arc<Share>,
        account: Arc<Account>,
        announced: u64,
        now: Duration,
    ) -> Result<Self, Refusal> {
        let mut used = account.used();
        let full = share.allowance.uploads.filter(|most| used.uploads >= *most);
        let full = full.map(|most| (Limit::Uploads(most), WHEN_ONE_ENDS));
        let spent = share.quotas().iter().zip(&used.windows);
        let spent = spent.filter_map(|(quota, window)| window.refusal(quota, announced, now));
        let rate = share.rate.as_ref().zip(share.allowance.requests);
        let too_soon = rate
            .and_then(|(rate, limit)| rate.take(&account.requests).err().map(|wait| (Limit::Requests(limit), wait)));
        if let Some((limit, wait)) = full.into_iter().chain(too_soon).chain(spent).max_by_key(|(_, wait)| *wait) {
            if let (Some((rate, _)), None) = (rate, too_soon) {
                rate.give_back(&account.requests);
            }
            return Err(Refusal { scope: share.scope, limit, wait });
        }
        used.uploads = used.uploads.saturating_add(1);
        let windows = share.quotas().iter().zip(&mut used.windows);
        let charged = windows.map(|(quota, window)| window.charge(quota, announced, now)).collect();
        drop(used);
        Ok(Self { share, account, charged, announced, keeps: None })
    }

    /// The request was let in and has `received` bytes: only what it announced beyond them is given back.
    pub(super) fn keep(&mut self, received: u64) {
        self.keeps = Some(received);
    }

    /// Whose limits these are, and what was taken of them.
    pub(super) fn account(&self) -> (Arc<Share>, Arc<Account>) {
        (Arc::clone(&self.share), Arc::clone(&self.account))
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        let (requests, bytes) = match self.keeps {
            Some(received) => (0, self.announced.saturating_sub(received)),
            None => (1, self.announced),
        };
        let mut used = self.account.used();
        used.uploads = used.uploads.saturating_sub(1);
        for (window, begun) in used.windows.iter_mut().zip(&self.charged) {
            window.give_back(*begun, requests, bytes);
        }
        drop(used);
        if let (1, Some(rate)) = (requests, &self.share.rate) {
            rate.give_back(&self.account.requests);
        }
    }
}
