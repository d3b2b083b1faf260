//! What a connection may buffer, paid for when it is accepted: much while memory is plenty, little when it is short.

use std::sync::Arc;

use rules::config::Limits;

use super::gate::COVERED;
use crate::budget::{Budget, Permit};

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

/// The least that a connection reads with; a head must fit, so a larger `limits.head-size` raises it.
const LEAST: usize = 16 * KIB;
/// Records and handshake messages that rustls holds per connection: one incoming record of 16 KiB and as much to send.
const TLS: usize = 36 * KIB;

/// A size, and the eighths of the budget that may be in use after it was granted: connections leave the rest to uploads.
#[derive(Debug, Clone, Copy)]
struct Tier {
    size: usize,
    eighths: usize,
}

/// HTTP/1 read buffers. Bytes per system call decide what a transfer costs, up to about 256 KiB; 64 KiB is nearly as good.
const READ_BUFFERS: [Tier; 2] = [Tier { size: 256 * KIB, eighths: 4 }, Tier { size: 64 * KIB, eighths: 6 }];

/// HTTP/2 connection windows. Below 4 MiB a long way slows an upload down, and h2 takes many small DATA frames for an attack.
const WINDOWS: [Tier; 2] = [Tier { size: 4 * MIB, eighths: 4 }, Tier { size: MIB, eighths: 6 }];

/// RFC 9113 section 6.9.2: a connection's window cannot be smaller.
const LEAST_WINDOW: usize = 65_535;

/// The share of the budget that connections never exceed, in eighths.
const CONNECTIONS_SHARE: usize = 7;

/// A connection's share of the budget.
#[derive(Debug)]
pub(super) struct ConnectionBuffers {
    permit: Permit,
    least: usize,
    ceiling_unit: usize,
}

impl ConnectionBuffers {
    /// Pays for the least that a connection needs; nothing when not even that is left.
    pub(super) fn take(budget: &Arc<Budget>, limits: &Limits, tls: bool) -> Option<Self> {
        let least = LEAST.max(limits.head_size);
        let ceiling_unit = budget.limit() / 8;
        let charge = least.saturating_add(COVERED).saturating_add(if tls { TLS } else { 0 });
        let permit = budget.try_take_below(charge, ceiling_unit.saturating_mul(CONNECTIONS_SHARE))?;
        Some(Self { permit, least, ceiling_unit })
    }

    /// Pays for the read buffer of an HTTP/1 connection and says its size in bytes.
    pub(super) fn read_buffer(&mut self) -> usize {
        self.grow_to(READ_BUFFERS)
    }

    /// A permit of the same budget that holds nothing yet: for bytes of a head that comes in pieces.
    pub(super) fn nothing_yet(&self) -> Permit {
        self.permit.sibling()
    }

    /// Pays for the windows of an HTTP/2 connection; nothing when not even the least that the protocol demands is left.
    pub(super) fn windows(&mut self) -> Option<Windows> {
        let granted = self.grow_to(WINDOWS);
        if granted >= MIB {
            // One upload may take a fourth of a large window, so that four are fast at once.
            return Some(Windows { connection: to_u32(granted), stream: to_u32((granted / 4).max(512 * KIB)) });
        }
        let missing = LEAST_WINDOW.saturating_sub(granted);
        let least = u32::try_from(LEAST_WINDOW).unwrap_or(u32::MAX);
        let ceiling = self.ceiling_unit.saturating_mul(CONNECTIONS_SHARE);
        self.permit.grow_below(missing, ceiling).then_some(Windows { connection: least, stream: least })
    }

    fn grow_to(&mut self, tiers: [Tier; 2]) -> usize {
        for tier in tiers {
            let more = tier.size.saturating_sub(self.least);
            if tier.size > self.least && self.permit.grow_below(more, self.ceiling_unit.saturating_mul(tier.eighths)) {
                return tier.size;
            }
        }
        self.least
    }
}

/// Receive windows in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Windows {
    /// Of all streams together: what is charged.
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

    fn limits(head_size: usize) -> Limits {
        Limits { head_size, ..crate::server::tests::config().limits }
    }

    #[test]
    fn gives_large_buffers_while_memory_is_plenty_and_small_ones_later() {
        let budget = Budget::new(1024 * 1024);
        let mut sizes = Vec::new();
        let mut held = Vec::new();
        while let Some(mut buffers) = ConnectionBuffers::take(&budget, &limits(8 * KIB), false) {
            sizes.push(buffers.read_buffer() / KIB);
            held.push(buffers);
        }
        assert_eq!(
            sizes,
            [256, 64, 64, 64, 64, 64, 64, 64, 16, 16, 16, 16, 16, 16, 16, 16]
                .into_iter()
                .take(sizes.len())
                .collect::<Vec<_>>()
        );
        assert!(sizes.len() > 6, "{sizes:?}");
        assert!(budget.used() <= 7 * budget.limit() / 8, "connections leave an eighth to uploads");
        let sum: usize = sizes.iter().map(|size| size * KIB + COVERED).sum();
        assert_eq!(budget.used(), sum, "every buffer is paid for");
        drop(held);
        assert_eq!(budget.used(), 0);
    }

    #[test]
    fn funds_a_window_of_4_mib_and_shrinks_it_to_what_the_protocol_demands() {
        let budget = Budget::new(8 * 1024 * 1024 + 1024 * 1024);
        let mut first = ConnectionBuffers::take(&budget, &limits(8 * KIB), false).expect("memory is free");
        assert_eq!(first.windows(), Some(Windows { connection: 4 << 20, stream: 1 << 20 }));
        let mut rest = Vec::new();
        loop {
            let Some(mut buffers) = ConnectionBuffers::take(&budget, &limits(8 * KIB), false) else { break };
            let Some(windows) = buffers.windows() else { break };
            rest.push((windows.connection, buffers));
        }
        let sizes: Vec<_> = rest.iter().map(|(size, _)| *size).collect();
        assert_eq!(sizes.first(), Some(&(1 << 20)));
        assert_eq!(sizes.last(), Some(&65_535));
        assert!(budget.used() <= 7 * (budget.limit() / 8));
    }

    #[test]
    fn a_head_always_fits_the_least_buffer() {
        let budget = Budget::new(u64::MAX);
        let buffers = ConnectionBuffers::take(&budget, &limits(100 * KIB), false).expect("memory is free");
        assert_eq!(buffers.permit.held(), 100 * KIB + COVERED);
    }

    #[test]
    fn charges_a_tls_connection_for_its_records() {
        let budget = Budget::new(1024 * 1024);
        let _buffers = ConnectionBuffers::take(&budget, &limits(8 * KIB), true).expect("memory is free");
        assert_eq!(budget.used(), LEAST + COVERED + TLS);
    }
}
