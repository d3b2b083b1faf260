//! Fair use: what one client, and all clients of a route, may take at once, per second and in hours or days.
//!
//! Asked once for each request that matched a route, after its client is known and before its body is. A request takes from each
//! limit at once or from none; what it took is given back when it ends, however it ends. Bytes per second refuse nothing: the body is
//! read more slowly. An attacker would come from many addresses; `table` says why that neither fills the memory nor makes
//! anybody's count be forgotten.

mod account;
mod client;
mod clock;
mod grant;
mod held_back;
mod meter;
mod rate;
mod table;

#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use rules::config::{Config, Route};
use rules::failure::Failure;
use rules::fair_use::{Refusal, Scope, never_fits};

pub(crate) use client::ClientKey;
pub use clock::Clock;
pub(crate) use grant::Grant;
pub use held_back::HeldBack;
pub(crate) use meter::Meter;

use crate::metrics::{Metrics, RouteMetrics};
use account::{Account, Hold, Share};
use table::Table;

/// The limits of every route, and what was taken of them.
#[derive(Debug)]
pub struct FairUse {
    routes: HashMap<Arc<str>, RouteShares>,
    /// For the next route.
    next_number: u32,
    clients: Arc<Table>,
    clock: Clock,
}

/// The limits of one route.
#[derive(Debug)]
struct RouteShares {
    /// Its number, which tells its clients from those of other routes.
    number: u32,
    /// Of all clients, and what they took.
    all: Option<(Arc<Share>, Arc<Account>)>,
    /// Of each client.
    each: Option<Arc<Share>>,
    metrics: RouteMetrics,
}

impl FairUse {
    /// The limits of a configuration; nothing is taken yet.
    pub(crate) fn new(config: &Config, metrics: &Metrics, clock: Clock) -> Self {
        let clients = Arc::new(Table::new(config.clients.remembered, metrics.tracked_clients()));
        Self { routes: HashMap::new(), next_number: 0, clients, clock }.under(config, metrics)
    }

    /// The limits of another configuration. What was taken of a limit that is the same still counts; a limit that changed begins
    /// anew. How many clients are remembered stays.
    pub(crate) fn under(&self, config: &Config, metrics: &Metrics) -> Self {
        let mut next_number = self.next_number;
        let mut routes = HashMap::new();
        for route in &config.routes {
            let shares = RouteShares::new(next_number, route, metrics, &self.clock);
            next_number = next_number.saturating_add(1);
            routes.insert(Arc::clone(&route.name), shares.taking_over(self.routes.get(&route.name)));
        }
        Self { routes, next_number, clients: Arc::clone(&self.clients), clock: self.clock.clone() }
    }

    /// Forgets what was taken of limits that are not of this configuration, once it is in force.
    pub(crate) fn forget_others(&self) {
        let numbers: HashSet<u32> = self.routes.values().map(|shares| shares.number).collect();
        self.clients.forget_all_but(&numbers);
    }

    /// Lets a request of a client in, which announces so many bytes of body, if it does.
    ///
    /// # Errors
    /// It is over a limit; nothing was taken then. Of several limits the one that lasts longest is told.
    pub(crate) fn admit(&self, route: &str, client: &ClientKey, announced: Option<u64>) -> Result<Grant, Failure> {
        let Some(shares) = self.routes.get(route).filter(|shares| shares.limits_anything()) else {
            return Ok(Grant::default());
        };
        let now = self.clock.now();
        let bytes = announced.unwrap_or(0);
        let mut holds = Vec::with_capacity(2);
        let mut refused: Option<Refusal> = None;
        for (share, account) in shares.of(client, &self.clients, now) {
            if let Some(failure) = never_fits(share.quotas(), bytes) {
                return Err(failure);
            }
            match Hold::take(share, account, bytes, now) {
                Ok(hold) => holds.push(hold),
                Err(refusal) if refused.is_none_or(|other| refusal.wait > other.wait) => refused = Some(refusal),
                Err(_) => {}
            }
        }
        // Dropped without being kept, what was taken goes back.
        if let Some(refusal) = refused {
            shares.metrics.limited(refusal.scope, refusal.limit);
            return Err(refusal.failure());
        }
        Ok(Grant::new(holds, bytes, self.clock.clone(), shares.metrics.clone()))
    }

    /// The clock that the limits go by.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.clock
    }
}

impl RouteShares {
    fn new(number: u32, route: &Route, metrics: &Metrics, clock: &Clock) -> Self {
        let share = |scope, allowance: &rules::config::Allowance| {
            (!allowance.is_unlimited()).then(|| Arc::new(Share::new(scope, allowance.clone(), clock.clone())))
        };
        let all = share(Scope::Route, &route.limits.route);
        let all = all.map(|share| (Arc::clone(&share), Arc::new(Account::new(&share))));
        let each = share(Scope::Client, &route.limits.client);
        Self { number, all, each, metrics: metrics.route(&route.name) }
    }

    /// Goes on with the counts of the shares that are as they were.
    fn taking_over(self, before: Option<&Self>) -> Self {
        let Some(before) = before else { return self };
        let is_same = |one: Option<&Arc<Share>>, other: Option<&Arc<Share>>| match (one, other) {
            (Some(one), Some(other)) => one.is_same(other),
            _ => false,
        };
        let shares = |all: &Option<(Arc<Share>, Arc<Account>)>| all.as_ref().map(|(share, _)| Arc::clone(share));
        let keeps_all = is_same(shares(&self.all).as_ref(), shares(&before.all).as_ref());
        let keeps_each = is_same(self.each.as_ref(), before.each.as_ref());
        Self {
            number: if keeps_each { before.number } else { self.number },
            all: if keeps_all { before.all.clone() } else { self.all },
            each: if keeps_each { before.each.clone() } else { self.each },
            metrics: self.metrics,
        }
    }

    fn limits_anything(&self) -> bool {
        self.all.is_some() || self.each.is_some()
    }

    /// The client's share and the route's, each with what was taken of it.
    fn of(
        &self,
        client: &ClientKey,
        clients: &Table,
        now: std::time::Duration,
    ) -> impl Iterator<Item = (Arc<Share>, Arc<Account>)> {
        let each =
            self.each.as_ref().map(|share| (Arc::clone(share), clients.account(self.number, client, share, now)));
        each.into_iter().chain(self.all.clone())
    }
}
