//! Lengths in one unit: bytes as `u64`.

/// The length of something in memory. `usize` has at most 64 bits on every target Rust knows, so this never saturates.
pub(crate) fn of(bytes: &[u8]) -> u64 {
    from_usize(bytes.len())
}

/// See [`of`].
pub(crate) fn from_usize(len: usize) -> u64 {
    u64::try_from(len).unwrap_or(u64::MAX)
}

/// As many of `len` bytes as memory can address; used to cut a chunk by a counter.
pub(crate) fn to_usize(len: u64) -> usize {
    usize::try_from(len).unwrap_or(usize::MAX)
}
