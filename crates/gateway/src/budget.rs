//! The process-wide byte budget: every body buffer is paid for here before it is filled.
//!
//! A budget never waits: who cannot be paid takes less or answers 503. An attacker would open many connections and let each
//! buffer as much as it may; the sum stays below the limit whatever they do.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Bytes that all body buffers of the process may take together (`limits.memory`).
#[derive(Debug)]
pub struct Budget {
    limit: AtomicUsize,
    used: AtomicUsize,
}

/// Bytes taken from a [`Budget`]; dropping it gives them back.
#[derive(Debug)]
pub struct Permit {
    budget: Arc<Budget>,
    held: usize,
}

impl Budget {
    /// A budget of `limit` bytes.
    #[must_use]
    pub fn new(limit: u64) -> Arc<Self> {
        Arc::new(Self { limit: AtomicUsize::new(in_memory(limit)), used: AtomicUsize::new(0) })
    }

    /// Changes the limit. Where more is in use than it allows, nothing is handed out until enough came back.
    pub fn resize(&self, limit: u64) {
        self.limit.store(in_memory(limit), Ordering::Relaxed);
    }

    /// Takes `bytes`, or nothing when fewer are left.
    #[must_use]
    pub fn try_take(self: &Arc<Self>, bytes: usize) -> Option<Permit> {
        self.reserve(bytes, self.limit()).then(|| Permit { budget: Arc::clone(self), held: bytes })
    }

    /// Takes `bytes` if afterwards no more than `ceiling` bytes are in use: for what must leave room to others.
    #[must_use]
    pub fn try_take_below(self: &Arc<Self>, bytes: usize, ceiling: usize) -> Option<Permit> {
        self.reserve(bytes, ceiling.min(self.limit())).then(|| Permit { budget: Arc::clone(self), held: bytes })
    }

    /// Bytes in use.
    #[must_use]
    pub fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    /// Bytes in all.
    #[must_use]
    pub fn limit(&self) -> usize {
        self.limit.load(Ordering::Relaxed)
    }

    // Relaxed order is enough: the counter guards an amount and no other memory.
    fn reserve(&self, bytes: usize, ceiling: usize) -> bool {
        let take = |used: usize| used.checked_add(bytes).filter(|sum| *sum <= ceiling);
        self.used.try_update(Ordering::Relaxed, Ordering::Relaxed, take).is_ok()
    }

    fn give_back(&self, bytes: usize) {
        self.used.fetch_sub(bytes, Ordering::Relaxed);
    }
}

fn in_memory(limit: u64) -> usize {
    usize::try_from(limit).unwrap_or(usize::MAX)
}

impl Permit {
    /// Bytes held.
    #[must_use]
    pub fn held(&self) -> usize {
        self.held
    }

    /// Takes `bytes` more; false, and nothing taken, when fewer are left.
    #[must_use]
    pub fn grow(&mut self, bytes: usize) -> bool {
        let grown = self.budget.reserve(bytes, self.budget.limit());
        if grown {
            self.held = self.held.saturating_add(bytes);
        }
        grown
    }

    /// Takes `bytes` more if afterwards no more than `ceiling` bytes of the budget are in use.
    #[must_use]
    pub fn grow_below(&mut self, bytes: usize, ceiling: usize) -> bool {
        let grown = self.budget.reserve(bytes, ceiling.min(self.budget.limit()));
        if grown {
            self.held = self.held.saturating_add(bytes);
        }
        grown
    }

    /// Gives `bytes` back, at most what is held.
    pub fn shrink(&mut self, bytes: usize) {
        let given = bytes.min(self.held);
        self.held = self.held.saturating_sub(given);
        self.budget.give_back(given);
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.budget.give_back(self.held);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_that_became_smaller_hands_out_nothing_until_enough_came_back() {
        let budget = Budget::new(100);
        let (first, second) = (budget.try_take(60).expect("it is free"), budget.try_take(30).expect("it is free"));
        budget.resize(50);
        assert!(budget.try_take(1).is_none());
        drop(first);
        assert!(budget.try_take(21).is_none() && budget.try_take(20).is_some());
        budget.resize(100);
        drop(second);
        assert!(budget.try_take(100).is_some());
    }

    #[test]
    fn never_hands_out_more_than_its_limit() {
        let budget = Budget::new(100);
        let first = budget.try_take(60).expect("60 of 100 are free");
        assert!(budget.try_take(41).is_none());
        let second = budget.try_take(40).expect("40 of 100 are free");
        assert_eq!(budget.used(), 100);
        drop((first, second));
        assert_eq!(budget.used(), 0);
    }

    #[test]
    fn grows_and_shrinks_a_permit_within_the_limit() {
        let budget = Budget::new(100);
        let mut permit = budget.try_take(10).expect("there is room");
        assert!(permit.grow(90));
        assert!(!permit.grow(1));
        permit.shrink(50);
        assert_eq!((permit.held(), budget.used()), (50, 50));
        permit.shrink(usize::MAX);
        assert_eq!((permit.held(), budget.used()), (0, 0));
    }

    #[test]
    fn keeps_what_is_above_a_ceiling_for_others() {
        let budget = Budget::new(100);
        let mut connection = budget.try_take_below(50, 75).expect("50 is below 75");
        assert!(budget.try_take_below(26, 75).is_none());
        assert!(!connection.grow_below(26, 75));
        assert!(budget.try_take(50).is_some());
    }

    #[test]
    fn does_not_overflow_on_absurd_requests() {
        let budget = Budget::new(u64::MAX);
        let _all_but_one = budget.try_take(usize::MAX - 1).expect("there is room");
        assert!(budget.try_take(usize::MAX).is_none());
    }

    #[test]
    fn stays_exact_when_threads_compete() {
        let budget = Budget::new(1000);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..2000 {
                        if let Some(mut permit) = budget.try_take(300) {
                            let _ = permit.grow(300);
                            assert!(budget.used() <= 1000);
                        }
                    }
                });
            }
        });
        assert_eq!(budget.used(), 0);
    }
}
