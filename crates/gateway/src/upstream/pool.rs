//! Idle connections of transfers, by origin. Whoever takes one may find it closed a moment later: the check before reuse makes
//! that rare, and the transfer's stages say what may be done about it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use rules::url::Origin;
use tokio::time::{Instant, sleep};

use super::stream::UpstreamStream;
use super::{MAX_IDLE_PER_ORIGIN, POOL_IDLE};

/// Idle connections over all origins: learned URLs can name any number of hosts, file descriptors are not endless.
const MAX_IDLE: usize = 256;

/// The pool of the targets that share networks, trust and time limit.
#[derive(Debug, Default)]
pub(super) struct TransferPool {
    idle: Mutex<Idle>,
}

#[derive(Debug, Default)]
struct Idle {
    by_origin: HashMap<Origin, Vec<Parked>>,
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

    /// Keeps a connection whose last answer was read completely; drops it when there are enough.
    pub(super) fn put(self: &Arc<Self>, origin: &Origin, stream: UpstreamStream) {
        let mut idle = self.lock();
        if idle.push(origin, Parked { stream, since: Instant::now() }) && !idle.has_reaper {
            idle.has_reaper = true;
            tokio::spawn(reap(Arc::downgrade(self)));
        }
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
        let parked = self.by_origin.get_mut(origin)?.pop();
        self.count = self.count.saturating_sub(usize::from(parked.is_some()));
        parked
    }

    fn push(&mut self, origin: &Origin, parked: Parked) -> bool {
        if self.count >= MAX_IDLE {
            return false;
        }
        match self.by_origin.get_mut(origin) {
            Some(known) if known.len() >= MAX_IDLE_PER_ORIGIN => return false,
            Some(known) => known.push(parked),
            None => {
                self.by_origin.insert(origin.clone(), vec![parked]);
            }
        }
        self.count = self.count.saturating_add(1);
        true
    }

    fn close_expired(&mut self) {
        self.by_origin.retain(|_, parked| {
            parked.retain(|parked| parked.since.elapsed() < POOL_IDLE);
            !parked.is_empty()
        });
        self.count = self.by_origin.values().map(Vec::len).sum();
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
