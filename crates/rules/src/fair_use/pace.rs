//! Shaping: at which moment bytes may pass. Whoever has bytes reserves a time for them and waits until then, so that many
//! uploads under one limit get their turns in order and nobody wakes in vain.

use std::time::Duration;

/// How much time that was not used is made up for: timers fire a millisecond late and tasks are not run at once. More would let a
/// burst pass after a quiet time.
const CREDIT: Duration = Duration::from_millis(10);

/// Pieces in a second: an upload that is slowed down still moves evenly, so that no upstream takes it for dead.
const PIECES_PER_SECOND: u64 = 16;
/// The largest piece: with it, an abandoned reservation wastes little, and more gain nothing.
const LARGEST_PIECE: u64 = 64 * 1024;

/// The smallest: less would be more framing than file.
const SMALLEST_PIECE: u64 = 256;

/// The longest piece to be reserved at once by one of so many uploads that share a rate, in bytes.
#[must_use]
pub fn longest_piece(bytes_per_second: u64, uploads: u32) -> usize {
    let share = bytes_per_second / u64::from(uploads.max(1));
    let piece = (share / PIECES_PER_SECOND).clamp(SMALLEST_PIECE, LARGEST_PIECE);
    usize::try_from(piece).unwrap_or(usize::MAX)
}

/// The time up to which bytes have been let through.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pace {
    taken_until: Duration,
}

impl Pace {
    /// Reserves the time that `bytes` take, and says from when on they may pass: now, or later. In any `T`, no more than what
    /// the rate gives in `T` and `CREDIT` passes, and one piece.
    pub fn reserve(&mut self, bytes: usize, bytes_per_second: u64, now: Duration) -> Duration {
        let from = self.taken_until.max(now.saturating_sub(CREDIT));
        let nanos = (bytes as u128).saturating_mul(1_000_000_000) / u128::from(bytes_per_second.max(1));
        let takes = Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
        self.taken_until = from.saturating_add(takes);
        from.max(now)
    }

    /// Whether forgetting it changes nothing.
    #[must_use]
    pub fn is_idle(&self, now: Duration) -> bool {
        self.taken_until <= now.saturating_sub(CREDIT)
    }
}
