//! What a connection may buffer, paid out of the budget when it is accepted. Bytes of bodies are read into buffers that are lent
//! (`read_buffers`).
//!
//! An attacker would open as many connections as the process takes and say next to nothing on each: such a connection costs
//! [`BASE`], so that the budget holds more of them than `limits.connections` allows by default.

use std::sync::{Arc, Mutex, PoisonError};

use super::read_buffers::LEAST_READ;
use crate::budget::{Budget, Permit};

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

/// hyper's least buffer: the fixed heads of the gate come through it.
pub(super) const HYPERS_BUFFER: usize = 8 * KIB;
/// Of a head that came in pieces, what the connection paid for when it was accepted.
const COVERED: usize = 4 * KIB;
/// What every connection is charged: hyper's buffer, a read when the budget pays for nothing more, and the beginning of a head.
const BASE: usize = HYPERS_BUFFER + LEAST_READ + COVERED;
/// Records and handshake messages that rustls holds per connection: one incoming record of 16 KiB and as much to send.
const TLS: usize = 36 * KIB;

/// HTTP/2 connection windows, and the eighths of the budget's size that may be promised after one was granted. Below 4 MiB a long way slows an upload down, and h2 takes many small DATA frames for an attack.
const WINDOWS: [(usize, usize); 2] = [(4 * MIB, 4), (MIB, 6)];

/// RFC 9113 section 6.9.2: a connection's window cannot be smaller.
const LEAST_WINDOW: usize = 65_535;

/// The share of the budget that connections never exceed, in eighths.
const CONNECTIONS_SHARE: usize = 7;

/// A connection's share of the budget. It grows and never shrinks: a client that sent a large head may send another.
#[derive(Debug)]
pub(super) struct ConnectionBuffers {
    permit: Permit,
    ceiling_unit: usize,
    /// Bytes of heads that were paid for beside [`COVERED`].
    held: usize,
}

impl ConnectionBuffers {
    /// Pays for the least that a connection needs; nothing when not even that is left.
    pub(super) fn take(budget: &Arc<Budget>, tls: bool) -> Option<Self> {
        let ceiling_unit = budget.limit() / 8;
        let charge = if tls { BASE.saturating_add(TLS) } else { BASE };
        let permit = budget.try_take_below(charge, ceiling_unit.saturating_mul(CONNECTIONS_SHARE))?;
        Some(Self { permit, ceiling_unit, held: 0 })
    }

    /// Pays for a head of which `len` bytes came.
    pub(super) fn hold(&mut self, len: usize) -> bool {
        let wanted = len.saturating_sub(COVERED);
        let more = wanted.saturating_sub(self.held);
        let paid = self.grow(more, CONNECTIONS_SHARE);
        if paid {
            self.held = self.held.saturating_add(more);
        }
        paid
    }

    fn grow(&mut self, more: usize, eighths: usize) -> bool {
        more == 0 || self.permit.grow_below(more, self.ceiling_unit.saturating_mul(eighths))
    }
}

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
    /// Chooses the windows; `promises` counts those of all connections.
    pub(super) fn new(buffers: ConnectionBuffers, promises: &Arc<Budget>) -> (Arc<Self>, Windows) {
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
        (Arc::new(Self { size, used, _promise: promise }), windows)
    }

    /// A request begins: the first of several pays for the window. Nothing when the budget cannot.
    pub(super) fn begin(self: &Arc<Self>) -> Option<WindowUse> {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        if used.requests == 0 && !used.buffers.grow(self.size.saturating_sub(BASE), CONNECTIONS_SHARE) {
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
            used.buffers.permit.shrink(self.0.size.saturating_sub(BASE));
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

    #[test]
    fn connections_leave_an_eighth_to_uploads() {
        let budget = Budget::new(1024 * 1024);
        let held: Vec<_> = std::iter::from_fn(|| ConnectionBuffers::take(&budget, false)).collect();
        assert_eq!(held.len(), 7 * 128 / 20);
        assert!(budget.used() <= 7 * budget.limit() / 8);
    }

    #[test]
    fn the_default_budget_holds_more_silent_connections_than_the_default_limit() {
        let budget = Budget::new(256 << 20);
        let held: Vec<_> = std::iter::from_fn(|| ConnectionBuffers::take(&budget, false)).collect();
        assert!(held.len() > 10_000, "{}", held.len());
    }

    fn connect(budget: &Arc<Budget>, promises: &Arc<Budget>) -> (Arc<WindowBuffers>, Windows) {
        WindowBuffers::new(ConnectionBuffers::take(budget, false).expect("memory is free"), promises)
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
        assert_eq!(budget.used(), BASE);
        let (first, second) = (windows.begin().expect("memory is free"), windows.begin().expect("it is paid"));
        assert_eq!(budget.used(), 4 << 20, "two requests use one window");
        drop(first);
        assert_eq!(budget.used(), 4 << 20);
        drop(second);
        assert_eq!(budget.used(), BASE);
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

    #[test]
    fn what_the_gate_holds_back_is_paid_for_once() {
        let budget = Budget::new(1024 * 1024);
        let mut buffers = ConnectionBuffers::take(&budget, false).expect("memory is free");
        for len in [COVERED / 2, 10 * KIB, 4 * KIB, 10 * KIB] {
            assert!(buffers.hold(len));
        }
        assert_eq!(budget.used(), BASE + 10 * KIB - COVERED);
        assert!(!buffers.hold(10 * MIB));
    }

    #[test]
    fn charges_a_tls_connection_for_its_records() {
        let budget = Budget::new(1024 * 1024);
        let _buffers = ConnectionBuffers::take(&budget, true).expect("memory is free");
        assert_eq!(budget.used(), BASE + TLS);
    }
}
