//! The clients that are remembered, a bounded number.
//!
//! An attacker would come from many addresses: to fill the memory, or to push out its own count and begin anew. So nobody is forgotten
//! whose count means anything. A client that finds no place gets one of a few shared ones, chosen by a keyed hash, in which it
//! has the share of one client together with all others there; so a flood of addresses takes at most `clients` and those few shares,
//! and those who were known before it keep theirs. Addresses fill at most a part, so that clients who proved who they are find a place.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use prometheus::IntGauge;

use super::account::{Account, Share};
use super::client::ClientKey;

/// Shared places for each route, for clients that find none of their own.
const SHARED: u64 = 64;
/// The part of all places that addresses may fill: three quarters.
const FOR_ADDRESSES: (usize, usize) = (3, 4);
/// Looking through a table takes about a millisecond, so it happens no more often than this, however many strangers come.
const SWEEP_EVERY: Duration = Duration::from_secs(1);
/// Below this size a table is looked through only now and then, to give back memory.
const SWEEP_SMALL_EVERY: Duration = Duration::from_secs(60);

/// All clients that are remembered, over all routes.
#[derive(Debug)]
pub(super) struct Table {
    limit: usize,
    places: Mutex<Places>,
    size: IntGauge,
}

#[derive(Debug, Default)]
struct Places {
    accounts: HashMap<(u32, ClientKey), (Arc<Share>, Arc<Account>)>,
    /// By route and place; there are at most [`SHARED`] for each route.
    shared: HashMap<(u32, ClientKey), Arc<Account>>,
    addresses: usize,
    swept: Duration,
}

impl Table {
    /// A table for so many clients, which shows their number in a gauge.
    pub(super) fn new(limit: usize, size: IntGauge) -> Self {
        Self { limit, places: Mutex::default(), size }
    }

    /// What a client took of its share of a route.
    pub(super) fn account(&self, route: u32, client: &ClientKey, share: &Arc<Share>, now: Duration) -> Arc<Account> {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, account)) = places.accounts.get(&(route, *client)) {
            return Arc::clone(account);
        }
        let mut has_room = self.has_room(&places, client);
        if now.saturating_sub(places.swept) >= if has_room { SWEEP_SMALL_EVERY } else { SWEEP_EVERY } {
            places.sweep(now);
            has_room = self.has_room(&places, client);
        }
        let account = if has_room {
            let account = Arc::new(Account::new(share));
            places.accounts.insert((route, *client), (Arc::clone(share), Arc::clone(&account)));
            places.addresses += usize::from(client.is_address());
            account
        } else {
            let place = places.shared.entry((route, client.shared(SHARED)));
            Arc::clone(place.or_insert_with(|| Arc::new(Account::new(share))))
        };
        self.size.set(i64::try_from(places.accounts.len()).unwrap_or(i64::MAX));
        account
    }

    /// Forgets the clients of routes that are gone. Whoever is being served there keeps the account for as long.
    pub(super) fn forget_all_but(&self, routes: &HashSet<u32>) {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        places.accounts.retain(|(route, _), _| routes.contains(route));
        places.shared.retain(|(route, _), _| routes.contains(route));
        places.addresses = places.accounts.keys().filter(|(_, client)| client.is_address()).count();
        self.size.set(i64::try_from(places.accounts.len()).unwrap_or(i64::MAX));
    }

    fn has_room(&self, places: &Places, client: &ClientKey) -> bool {
        let (part, whole) = FOR_ADDRESSES;
        let for_addresses = self.limit.saturating_mul(part) / whole;
        places.accounts.len() < self.limit && (!client.is_address() || places.addresses < for_addresses)
    }
}

impl Places {
    /// Forgets those whose forgetting changes nothing. An account is handed out under the table's lock only, so one that nobody else
    /// holds cannot be taken from meanwhile.
    fn sweep(&mut self, now: Duration) {
        self.accounts.retain(|_, (share, account)| Arc::strong_count(account) > 1 || !account.is_idle(share, now));
        self.addresses = self.accounts.keys().filter(|(_, client)| client.is_address()).count();
        self.swept = now;
    }
}
