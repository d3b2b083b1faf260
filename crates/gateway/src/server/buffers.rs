//! What a connection may buffer, paid out of the budget when it is accepted. Bytes of bodies are read into buffers that are lent
//! (`read_buffers`).
//!
//! An attacker would open as many connections as the process takes and say next to nothing on each: such a connection costs
//! [`BASE`], so that the budget holds more of them than `limits.connections` allows by default.

use std::sync::Arc;

use super::read_buffers::LEAST_READ;
use crate::budget::{Budget, Permit};

const KIB: usize = 1024;

/// Of a head that came in pieces, what the connection paid for when it was accepted.
const COVERED: usize = 4 * KIB;
/// What every connection is charged: a read when the budget pays for nothing more, and the beginning of a head.
pub(super) const BASE: usize = LEAST_READ + COVERED;
/// Records and handshake messages that rustls holds per connection: one incoming record of 16 KiB and as much to send.
const TLS: usize = 36 * KIB;

/// The share of the budget that connections never exceed, in eighths.
const CONNECTIONS_SHARE: usize = 7;

/// A connection's share of the budget. What a large head took stays: its client may send another.
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
        let paid = self.grow(more);
        if paid {
            self.held = self.held.saturating_add(more);
        }
        paid
    }

    /// Pays for so many bytes more.
    pub(super) fn grow(&mut self, more: usize) -> bool {
        more == 0 || self.permit.grow_below(more, self.ceiling_unit.saturating_mul(CONNECTIONS_SHARE))
    }

    /// Gives so many bytes back.
    pub(super) fn shrink(&mut self, less: usize) {
        self.permit.shrink(less);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_leave_an_eighth_to_uploads() {
        let budget = Budget::new(1024 * 1024);
        let held: Vec<_> = std::iter::from_fn(|| ConnectionBuffers::take(&budget, false)).collect();
        assert_eq!(held.len(), 7 * 128 / 12);
        assert!(budget.used() <= 7 * budget.limit() / 8);
    }

    #[test]
    fn the_default_budget_holds_more_silent_connections_than_the_default_limit() {
        let budget = Budget::new(256 << 20);
        let held: Vec<_> = std::iter::from_fn(|| ConnectionBuffers::take(&budget, false)).collect();
        assert!(held.len() > 10_000, "{}", held.len());
    }

    #[test]
    fn what_the_gate_holds_back_is_paid_for_once() {
        let budget = Budget::new(1024 * 1024);
        let mut buffers = ConnectionBuffers::take(&budget, false).expect("memory is free");
        for len in [COVERED / 2, 10 * KIB, 4 * KIB, 10 * KIB] {
            assert!(buffers.hold(len));
        }
        assert_eq!(budget.used(), BASE + 10 * KIB - COVERED);
        assert!(!buffers.hold(10 * 1024 * KIB));
    }

    #[test]
    fn charges_a_tls_connection_for_its_records() {
        let budget = Budget::new(1024 * 1024);
        let _buffers = ConnectionBuffers::take(&budget, true).expect("memory is free");
        assert_eq!(budget.used(), BASE + TLS);
    }
}
