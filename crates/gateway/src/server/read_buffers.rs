//! The buffers into which HTTP/1 connections read: lent for one read, paid out of the budget while bytes lie in them, and used
//! again by whoever reads next.
//!
//! A connection that waits holds none. Large ones go to clients that filled several reads in a row, and only while memory is plenty:
//! bytes per system call decide what a transfer costs, and a large buffer behind a slow upstream would be memory that does nothing.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;

use crate::budget::{Budget, Permit};

const KIB: usize = 1024;

/// What a read gives at most while a client is not known to be fast: a head with a small file behind it, in one system call. It is
/// also what an upload holds behind an upstream that has stopped.
pub(super) const GOOD_READ: usize = 32 * KIB;
/// What a read of a fast client gives at most. Twice as much was measured to be no cheaper.
pub(super) const MOST_READ: usize = 512 * KIB;
/// What a read gives where the budget pays for nothing: each connection paid for so much when it was accepted.
pub(super) const LEAST_READ: usize = 8 * KIB;

/// Reads that bring no more than this are copied, so that they do not hold a buffer that is much larger.
const COPIED: usize = 8 * KIB;

/// Shares of the budget in eighths that may be in use after a buffer of each size was lent. What is left is for connections and
/// uploads that are still to come.
const GOOD_SHARE: usize = 6;
const MOST_SHARE: usize = 4;

/// Buffers of each size that are kept for the next read. As many as there are usually workers that read at the same moment; those
/// that are lent and not yet given back are beside these.
const SPARES: usize = 2;

/// Reads of [`GOOD_READ`] after which a client counts as fast; one of [`LITTLE`] takes a fourth of them back. Their bytes are more than the sockets
/// towards an upstream take that does not read, so that one which never read is known before a large read is made.
const FULL_READS: u8 = 24;
/// A read that brought less shows a client that is slow, or became so. One between the two says nothing: a network gives what has
/// come.
const LITTLE: usize = 16 * KIB;

/// Lends buffers.
#[derive(Debug)]
pub(super) struct ReadBuffers {
    budget: Arc<Budget>,
    good: Mutex<Vec<Box<[u8]>>>,
    most: Mutex<Vec<Box<[u8]>>>,
}

/// A buffer, lent until it is dropped.
#[derive(Debug)]
pub(super) struct ReadBuffer {
    bytes: Box<[u8]>,
    home: Arc<ReadBuffers>,
    /// None where nothing could be paid.
    _paid: Option<Permit>,
}

/// A buffer with bytes in it.
struct Filled {
    buffer: ReadBuffer,
    len: usize,
}

impl ReadBuffers {
    /// Buffers out of a budget.
    pub(super) fn new(budget: &Arc<Budget>) -> Arc<Self> {
        Arc::new(Self { budget: Arc::clone(budget), good: Mutex::default(), most: Mutex::default() })
    }

    /// Lends a buffer for a read of at most `wanted` bytes, or a smaller one where memory is short.
    pub(super) fn lend(self: &Arc<Self>, wanted: usize) -> ReadBuffer {
        let sizes = [(MOST_READ, MOST_SHARE), (GOOD_READ, GOOD_SHARE)];
        for (size, eighths) in sizes.into_iter().filter(|(size, _)| wanted > GOOD_READ || *size == GOOD_READ) {
            let ceiling = (self.budget.limit() / 8).saturating_mul(eighths);
            if let Some(paid) = self.budget.try_take_below(size, ceiling) {
                let spare = self.spares(size).and_then(|spares| lock(spares).pop());
                let bytes = spare.unwrap_or_else(|| vec![0; size].into_boxed_slice());
                return ReadBuffer { bytes, home: Arc::clone(self), _paid: Some(paid) };
            }
        }
        ReadBuffer { bytes: vec![0; LEAST_READ].into_boxed_slice(), home: Arc::clone(self), _paid: None }
    }

    fn spares(&self, size: usize) -> Option<&Mutex<Vec<Box<[u8]>>>> {
        match size {
            MOST_READ => Some(&self.most),
            GOOD_READ => Some(&self.good),
            _ => None,
        }
    }
}

fn lock(spares: &Mutex<Vec<Box<[u8]>>>) -> std::sync::MutexGuard<'_, Vec<Box<[u8]>>> {
    spares.lock().unwrap_or_else(PoisonError::into_inner)
}

impl ReadBuffer {
    /// Room for at most `wanted` bytes, with whatever an earlier read left there.
    pub(super) fn room(&mut self, wanted: usize) -> &mut [u8] {
        let len = wanted.min(self.bytes.len());
        self.bytes.get_mut(..len).unwrap_or_default()
    }

    /// Its first `len` bytes, which hold it unless they are few.
    pub(super) fn into_bytes(self, len: usize) -> Bytes {
        let filled = self.bytes.get(..len).unwrap_or_default();
        if len <= COPIED { Bytes::copy_from_slice(filled) } else { Bytes::from_owner(Filled { buffer: self, len }) }
    }
}

impl AsRef<[u8]> for Filled {
    fn as_ref(&self) -> &[u8] {
        self.buffer.bytes.get(..self.len).unwrap_or_default()
    }
}

impl Drop for ReadBuffer {
    fn drop(&mut self) {
        let bytes = std::mem::take(&mut self.bytes);
        if let Some(spares) = self.home.spares(bytes.len()) {
            let mut spares = lock(spares);
            if spares.len() < SPARES {
                spares.push(bytes);
            }
        }
    }
}

/// How much a client's reads are to give.
#[derive(Debug, Default)]
pub(super) struct Pace {
    full_reads: u8,
}

impl Pace {
    /// What the next read gives at most.
    pub(super) fn read(&self) -> usize {
        if self.full_reads >= FULL_READS { MOST_READ } else { GOOD_READ }
    }

    /// A read of at most `most` bytes brought `read`.
    pub(super) fn follow(&mut self, read: usize, most: usize) {
        if read >= GOOD_READ {
            self.full_reads = self.full_reads.saturating_add(1).min(FULL_READS);
        } else if read < most.min(LITTLE) {
            self.full_reads = self.full_reads.saturating_sub(FULL_READS / 4);
        }
    }

    /// Whoever takes the bytes is slower than the client: large reads would only fill memory.
    pub(super) fn slow_down(&mut self) {
        self.full_reads = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1024 * 1024;

    #[test]
    fn a_buffer_is_paid_while_it_is_lent_and_used_again() {
        let budget = Budget::new(8 * MIB);
        let buffers = ReadBuffers::new(&budget);
        let mut lent = buffers.lend(MOST_READ);
        assert_eq!((lent.room(usize::MAX).len(), budget.used()), (MOST_READ, MOST_READ));
        let address = lent.room(1).as_ptr();
        let bytes = lent.into_bytes(100 * KIB);
        assert_eq!(budget.used(), MOST_READ, "bytes hold the buffer in which they lie");
        let part = bytes.slice(1000..2000);
        drop(bytes);
        assert_eq!(budget.used(), MOST_READ);
        drop(part);
        assert_eq!(budget.used(), 0);
        assert_eq!(buffers.lend(MOST_READ).room(1).as_ptr(), address);
    }

    #[test]
    fn few_bytes_do_not_hold_a_buffer() {
        let budget = Budget::new(8 * MIB);
        let mut lent = ReadBuffers::new(&budget).lend(GOOD_READ);
        lent.room(5).copy_from_slice(b"abcde");
        let bytes = lent.into_bytes(3);
        assert_eq!((&bytes[..], budget.used()), (&b"abc"[..], 0));
    }

    #[test]
    fn large_buffers_leave_memory_to_smaller_ones_and_those_to_uploads() {
        let budget = Budget::new(4 * MIB);
        let buffers = ReadBuffers::new(&budget);
        let mut lent: Vec<_> = (0..40).map(|_| buffers.lend(MOST_READ)).collect();
        let sizes: Vec<_> = lent.iter_mut().map(|buffer| buffer.room(usize::MAX).len()).collect();
        let count = |size| sizes.iter().filter(|other| **other == size).count();
        assert_eq!((count(MOST_READ), count(GOOD_READ), count(LEAST_READ)), (4, 32, 4));
        assert_eq!(budget.used(), 3 * 1024 * KIB);
        drop(lent);
        assert_eq!(budget.used(), 0);
    }

    #[test]
    fn only_a_few_are_kept() {
        let buffers = ReadBuffers::new(&Budget::new(64 * MIB));
        let lent: Vec<_> = (0..8).map(|_| buffers.lend(MOST_READ)).collect();
        drop(lent);
        assert_eq!(lock(&buffers.most).len(), SPARES);
    }

    #[test]
    fn reads_become_large_for_a_fast_client_only_and_small_again_behind_a_slow_upstream() {
        let mut pace = Pace::default();
        for _ in 0..FULL_READS {
            assert_eq!(pace.read(), GOOD_READ);
            pace.follow(GOOD_READ, GOOD_READ);
        }
        assert_eq!(pace.read(), MOST_READ);
        pace.follow(200 * KIB, MOST_READ);
        assert_eq!(pace.read(), MOST_READ, "not all of it is there each time");
        pace.follow(LITTLE, MOST_READ);
        assert_eq!(pace.read(), MOST_READ);
        pace.follow(LITTLE - 1, MOST_READ);
        assert_eq!(pace.read(), GOOD_READ);
        pace.slow_down();
        for _ in 0..FULL_READS {
            pace.follow(GOOD_READ, GOOD_READ);
        }
        pace.slow_down();
        assert_eq!(pace.read(), GOOD_READ);
        for _ in 0..FULL_READS {
            pace.follow(GOOD_READ, GOOD_READ);
        }
        pace.follow(100, 100);
        assert_eq!(pace.read(), MOST_READ, "the end of a body says nothing of its client");
    }
}
