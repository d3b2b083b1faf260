//! Randomness of one upload, all derived from one seed: the same seed gives the same run, byte for byte.

use wire::digest::{Algorithm, DigestSet, Digester};

/// 128 random bits, brought by the caller.
#[derive(Debug, Clone)]
pub(super) struct Seed(pub(super) [u8; 16]);

impl Seed {
    /// 128 bits for one purpose; different purposes tell nothing about each other.
    pub(super) fn bytes(&self, purpose: &str) -> [u8; 16] {
        let mut digester = Digester::new(DigestSet::default().with(Algorithm::Sha256));
        digester.update(&self.0);
        digester.update(purpose.as_bytes());
        let digests = digester.finish();
        let digest = digests.get(Algorithm::Sha256).unwrap_or_default();
        digest.get(..16).and_then(|half| half.try_into().ok()).unwrap_or(self.0)
    }

    /// A number from 0 (with) to 1 (without).
    pub(super) fn fraction(&self, purpose: &str) -> f64 {
        let [a, b, c, d, ..] = self.bytes(purpose);
        f64::from(u32::from_be_bytes([a, b, c, d])) / (f64::from(u32::MAX) + 1.0)
    }
}
