//! What an HTTP/2 connection may receive ahead of its uploads.

use std::sync::{Arc, Mutex, PoisonError};

use crate::budget::{Budget, Permit};
use crate::server::buffers::{BASE, ConnectionBuffers};

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

/// What h2 holds of every connection: a buffer of 8 KiB for the frames that come and one of 16 KiB for those that go.
const FRAMES: usize = 24 * KIB;

/// Connection windows, and the eighths of the budget's size that may be promised after one was granted. Below 4 MiB a long way slows
/// an upload down, and h2 takes many small DATA frames for an attack.
const WINDOWS: [(usize, usize); 2] = [(4 * MIB, 4), (MIB, 6)];

/// RFC 9113 section 6.9.2: a connection's window cannot be smaller.
const LEAST_WINDOW: usize = 65_535;

/// What an HTTP/2 connection may receive ahead. Its size is promised when the connection begins, because it cannot be changed
/// later; it is paid for while a request is under way, because an idle connection has nothing to receive. So connections that do
/// nothing cost little, and what was promised to all of them can be paid.
#[derive(Debug)]
pub(super) struct WindowBuffers {
    size: usize,
    used: Mutex<WindowsInUse>,
    /// A share of what is promised, not of memory.
    _promise: Option<Permit>,
}

#[derive(Debug)]
struct WindowsInUse {
    buffers: ConnectionBuffers,
    requests: usize,
}

/// A request's part in its connection's window, until dropped.
#[derive(Debug)]
pub(super) struct WindowUse(Arc<WindowBuffers>);

impl WindowBuffers {
    /// Pays for the connection's frames and chooses its windows; `promises` counts those of all connections. Nothing when the budget
    /// cannot pay.
    pub(super) fn new(mut buffers: ConnectionBuffers, promises: &Arc<Budget>) -> Option<(Arc<Self>, Windows)> {
        if !buffers.grow(FRAMES.saturating_sub(BASE)) {
            return None;
        }
        let promised = WINDOWS.into_iter().find_map(|(size, eighths)| {
            let ceiling = (promises.limit() / 8).saturating_mul(eighths);
            Some((size, promises.try_take_below(size, ceiling)?))
        });
        let windows = match &promised {
            // One upload may take a fourth of a large window, so that four are fast at once.
            Some((size, _)) => Windows { connection: to_u32(*size), stream: to_u32((size / 4).max(512 * KIB)) },
            None => Windows { connection: to_u32(LEAST_WINDOW), stream: to_u32(LEAST_WINDOW) },
        };
        let (size, promise) = promised.map_or((LEAST_WINDOW, None), |(size, promise)| (size, Some(promise)));
        let used = Mutex::new(WindowsInUse { buffers, requests: 0 });
        Some((Arc::new(Self { size, used, _promise: promise }), windows))
    }

    /// A request begins: the first of several pays for the window. Nothing when the budget cannot.
    pub(super) fn begin(self: &Arc<Self>) -> Option<WindowUse> {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        if used.requests == 0 && !used.buffers.grow(self.size) {
            return None;
        }
        used.requests = used.requests.saturating_add(1);
        Some(WindowUse(Arc::clone(self)))
    }
}

impl Drop for WindowUse {
    fn drop(&mut self) {
        let mut used = self.0.used.lock().unwrap_or_else(PoisonError::into_inner);
        used.requests = used.requests.saturating_sub(1);
        if used.requests == 0 {
            used.buffers.shrink(self.0.size);
        }
    }
}

/// Receive windows in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Windows {
    /// Of all streams together.
    pub(super) connection: u32,
    /// Of one stream.
    pub(super) stream: u32,
}

fn to_u32(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connect(budget: &Arc<Budget>, promises: &Arc<Budget>) -> (Arc<WindowBuffers>, Windows) {
        let buffers = ConnectionBuffers::take(budget, false).expect("memory is free");
        WindowBuffers::new(buffers, promises).expect("memory is free")
    }

    #[test]
    fn promises_large_windows_to_the_first_and_the_least_to_all() {
        let (budget, promises) = (Budget::new(16 << 20), Budget::new(9 << 20));
        let connections: Vec<_> = (0..20).map(|_| connect(&budget, &promises)).collect();
        let sizes: Vec<_> = connections.iter().map(|(_, windows)| windows.connection).collect();
        assert_eq!(sizes[..4], [4 << 20, 1 << 20, 1 << 20, 65_535]);
        assert!(sizes[4..].iter().all(|size| *size == 65_535), "{sizes:?}");
        drop(connections);
        assert_eq!(promises.used(), 0);
    }

    #[test]
    fn an_idle_connection_costs_little_whatever_window_it_was_promised() {
        let (budget, promises) = (Budget::new(16 << 20), Budget::new(16 << 20));
        let (windows, _) = connect(&budget, &promises);
        assert_eq!(budget.used(), FRAMES);
        let (first, second) = (windows.begin().expect("memory is free"), windows.begin().expect("it is paid"));
        assert_eq!(budget.used(), FRAMES + (4 << 20), "two requests use one window");
        drop(first);
        assert_eq!(budget.used(), FRAMES + (4 << 20));
        drop(second);
        assert_eq!(budget.used(), FRAMES);
    }

    #[test]
    fn a_request_is_refused_where_its_window_cannot_be_paid() {
        let (budget, promises) = (Budget::new(5 << 20), Budget::new(64 << 20));
        let (first, second) = (connect(&budget, &promises).0, connect(&budget, &promises).0);
        let paid = first.begin();
        assert!(paid.is_some() && second.begin().is_none());
        drop(paid);
        assert!(second.begin().is_some());
    }
}
