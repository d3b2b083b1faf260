//! Which connections are held back by limits.
//!
//! The streams of an HTTP/2 connection share a window. Bodies whose bytes wait for their time fill it, and then another stream cannot send:
//! its client is not idle, it must wait as well.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Notes of one connection. Clones are the same.
#[derive(Debug, Clone, Default)]
pub struct HeldBack(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    begun: AtomicU64,
    ended: AtomicU64,
}

/// A body waits. Dropped when it does no longer.
#[derive(Debug)]
pub(crate) struct HeldBackNow(HeldBack);

impl HeldBack {
    /// A body of this connection waits from now on.
    pub(crate) fn begin(&self) -> HeldBackNow {
        self.0.begun.fetch_add(1, Ordering::Relaxed);
        HeldBackNow(self.clone())
    }

    /// A moment to compare with.
    pub(crate) fn moment(&self) -> u64 {
        self.0.ended.load(Ordering::Relaxed)
    }

    /// Whether a body of this connection has waited at any time since that moment.
    pub(crate) fn since(&self, moment: u64) -> bool {
        // One that began before and has not ended counts, one that had ended does not.
        self.0.begun.load(Ordering::Relaxed) > moment
    }
}

impl Drop for HeldBackNow {
    fn drop(&mut self) {
        self.0.0.ended.fetch_add(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_whether_anybody_waited_since_a_moment() {
        let held_back = HeldBack::default();
        let before = held_back.moment();
        assert!(!held_back.since(before));
        let first = held_back.clone().begin();
        let during = held_back.moment();
        assert!(held_back.since(before) && held_back.since(during));
        drop(first);
        let after = held_back.moment();
        assert!(held_back.since(before) && held_back.since(during) && !held_back.since(after));
        drop(held_back.begin());
        assert!(held_back.since(after) && !held_back.since(held_back.moment()));
    }
}
