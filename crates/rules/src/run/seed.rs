//! Randomness of one upload, all derived from one seed: the same seed gives the same run, byte for byte.

use sha2::{Digest as _, Sha256};

/// 128 random bits, brought by the caller.
#[derive(Debug, Clone)]
pub(crate) struct Seed(pub(super) [u8; 16]);

impl Seed {
    /// 128 bits for one purpose; different purposes tell nothing about each other.
    pub(super) fn bytes(&self, purpose: &str) -> [u8; 16] {
        let digest = Sha256::new().chain_update(self.0).chain_update(purpose).finalize();
        digest.first_chunk().copied().unwrap_or(self.0)
    }

    /// A number from 0 (with) to 1 (without).
    pub(super) fn fraction(&self, purpose: &str) -> f64 {
        let [a, b, c, d, ..] = self.bytes(purpose);
        f64::from(u32::from_be_bytes([a, b, c, d])) / (f64::from(u32::MAX) + 1.0)
    }
}
