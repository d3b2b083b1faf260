//! Idle connections of transfers, by origin. Whoever takes one may find it closed a moment later: the check before reuse makes
//! that rare, and the transfer's stages say what may be done about it.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use rules::url::Origin;
use tokio::time::{Instant, sleep};

use super::stream::UpstreamStream;
use super::{MAX_IDLE_PER_ORIGIN, POOL_IDLE};

/// Idle connections over all origins: learned URLs can name any number of hosts, and file descriptors are not endless. Four origins in
/// full burst, and no more than an eighth of the descriptors that uploads may take by default (`limits.uploads`).
const MAX_IDLE: usize = 512;

/// The pool of the targets that share networks, trust and time limit.
#[derive(Debug, Default)]
pub(super) struct TransferPool {
    idle: Mutex<Idle>,
    bounds: Bounds,
}

/// How many connections are kept.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    pub(super) per_origin: usize,
    pub(super) in_all: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { per_origin: MAX_IDLE_PER_ORIGIN, in_all: MAX_IDLE }
    }
}

#[derive(Debug, Default)]
struct Idle {
    /// Those of an origin in the order in which they were last used.
    by_origin: HashMap<Origin, VecDeque<Parked>>,
    count: usize,
    /// A task closes connections whose time is up; it ends when the pool is empty.
    has_reaper: bool,
}

#[derive(Debug)]
struct Parked {
    stream: UpstreamStream,
    since: Instant,
}

impl TransferPool {
    /// The connection that was used last, if one is still alive.
    pub(super) fn take(&self, origin: &Origin) -> Option<UpstreamStream> {
        let mut idle = self.lock();
        while let Some(mut parked) = idle.pop(origin) {
            if parked.since.elapsed() < POOL_IDLE && parked.stream.is_alive() {
                return Some(parked.stream);
            }
        }
        None
    }

    /// Keeps a connection whose last answer was read completely.
    pub(super) fn put(self: &Arc<Self>, origin: &Origin, stream: UpstreamStream) {
        let mut idle = self.lock();
        idle.push(origin, Parked { stream, since: Instant::now() }, self.bounds);
        if !idle.has_reaper {
            idle.has_reaper = true;
            tokio::spawn(reap(Arc::downgrade(self)));
        }
    }

    #[cfg(test)]
    pub(super) fn bounded(bounds: Bounds) -> Self {
        Self { bounds, ..Self::default() }
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.lock().count
    }

    /// A panic while the lock is held leaves at worst a wrong count behind, never a connection in use.
    fn lock(&self) -> MutexGuard<'_, Idle> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Idle {
    fn pop(&mut self, origin: &Origin) -> Option<Parked> {
        // An origin without connections is forgotten by `close_expired`: the next connection is likely to come back soon.
        let parked = self.by_origin.get_mut(origin)?.pop_back();
        self.count = self.count.saturating_sub(usize::from(parked.is_some()));
        parked
    }

    /// Keeps a connection. Where there are enough, the one that was idle for longest goes in its place: it is the nearest to being
    /// closed by its peer, and hosts that are not asked again must not keep out those that are.
    fn push(&mut self, origin: &Origin, parked: Parked, bounds: Bounds) {
        let full = self.by_origin.get(origin).is_some_and(|known| known.len() >= bounds.per_origin);
        let crowded = if full {
            self.by_origin.get_mut(origin)
        } else if self.count >= bounds.in_all {
            let occupied = self.by_origin.values_mut().filter(|known| !known.is_empty());
            occupied.min_by_key(|known| known.front().map(|first| first.since))
        } else {
            None
        };
        let gone = crowded.and_then(VecDeque::pop_front).is_some();
        match self.by_origin.get_mut(origin) {
            Some(known) => known.push_back(parked),
            None => {
                self.by_origin.insert(origin.clone(), VecDeque::from([parked]));
            }
        }
        self.count = self.count.saturating_add(usize::from(!gone));
    }

    fn close_expired(&mut self) {
        self.by_origin.retain(|_, parked| {
            parked.retain(|parked| parked.since.elapsed() < POOL_IDLE);
            !parked.is_empty()
        });
        self.count = self.by_origin.values().map(VecDeque::len).sum();
    }
}

async fn reap(pool: Weak<TransferPool>) {
    loop {
        sleep(POOL_IDLE).await;
        let Some(pool) = pool.upgrade() else { return };
        let mut idle = pool.lock();
        idle.close_expired();
        if idle.count == 0 {
            idle.has_reaper = false;
            return;
        }
    }
}
