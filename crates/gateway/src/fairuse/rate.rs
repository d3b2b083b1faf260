//! Requests per time, by the generic cell rate algorithm of the crate `governor`: a burst, then evenly spread.

use std::hash::{Hash, Hasher};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use governor::nanos::Nanos;
use governor::state::StateStore;
use governor::{Quota, RateLimiter};
use rules::config::RequestRate;

use super::clock::Clock;

/// A rate, for any number of those who have it.
#[derive(Debug)]
pub(super) struct Rate {
    limiter: RateLimiter<Taken, States, Clock, governor::middleware::NoOpMiddleware<Nanos>>,
    clock: Clock,
    /// Not before the moment that the limiter counts from.
    start: Duration,
    interval: Duration,
}

/// What one client has taken of a rate: the time, since the limiter began, at which it is all replaced.
#[derive(Debug, Clone, Default)]
pub(super) struct Taken(Arc<AtomicU64>);

/// The limiter's states lie with those who are limited: the key is the state, and nothing is kept here.
#[derive(Debug)]
struct States;

impl Rate {
    pub(super) fn new(rate: RequestRate, clock: Clock) -> Self {
        let one = NonZeroU32::MIN;
        let interval = rate.per / NonZeroU32::new(rate.count).unwrap_or(one).get();
        let quota = Quota::with_period(interval).unwrap_or(Quota::per_second(one));
        let quota = quota.allow_burst(NonZeroU32::new(rate.burst).unwrap_or(one));
        let limiter = RateLimiter::new(quota, States, clock.clone());
        let start = clock.now();
        Self { limiter, clock, start, interval: quota.replenish_interval() }
    }

    /// Takes one.
    ///
    /// # Errors
    /// None is left; how long until there is one.
    pub(super) fn take(&self, taken: &Taken) -> Result<(), Duration> {
        let now = governor::clock::Clock::now(&self.clock);
        self.limiter.check_key(taken).map_err(|not_until| not_until.wait_time_from(now))
    }

    /// Gives one back.
    pub(super) fn give_back(&self, taken: &Taken) {
        let interval = u64::try_from(self.interval.as_nanos()).unwrap_or(u64::MAX);
        let give = |state: u64| Some(state.saturating_sub(interval));
        let _always_some = taken.0.try_update(Ordering::Relaxed, Ordering::Relaxed, give);
    }

    /// Whether forgetting it changes nothing: all is replaced.
    pub(super) fn is_idle(&self, taken: &Taken, now: Duration) -> bool {
        self.start.saturating_add(Duration::from_nanos(taken.0.load(Ordering::Relaxed))) <= now
    }
}

impl PartialEq for Taken {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Taken {}

impl Hash for Taken {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        Arc::as_ptr(&self.0).hash(hasher);
    }
}

impl StateStore for States {
    type Key = Taken;

    fn measure_and_replace<T, F, E>(&self, taken: &Taken, decide: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let mut known = taken.0.load(Ordering::Relaxed);
        loop {
            let (outcome, next) = decide((known != 0).then(|| Nanos::from(known)))?;
            match taken.0.compare_exchange_weak(known, next.as_u64(), Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return Ok(outcome),
                Err(other) => known = other,
            }
        }
    }
}
