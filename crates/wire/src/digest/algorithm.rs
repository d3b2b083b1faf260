//! The algorithms by name, and sets of them.

use std::fmt;

/// A digest or checksum that the gateway computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Algorithm {
    /// FIPS 180-4.
    Sha256,
    /// FIPS 180-4.
    Sha512,
    /// FIPS 180-4; for upstreams that still ask for it, no proof against forgery.
    Sha1,
    /// RFC 1321; as SHA-1.
    Md5,
    /// CRC-32/ISCSI, as S3 and GCS use it.
    Crc32c,
    /// CRC-64/NVME, S3's default.
    Crc64Nvme,
}

impl Algorithm {
    /// Every algorithm, in the order of receipts.
    pub const ALL: [Self; 6] = [Self::Sha256, Self::Sha512, Self::Sha1, Self::Md5, Self::Crc32c, Self::Crc64Nvme];

    /// The name in configuration, receipts and digest fields (RFC 9530 where it has one).
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Sha256 => "sha-256",
            Self::Sha512 => "sha-512",
            Self::Sha1 => "sha-1",
            Self::Md5 => "md5",
            Self::Crc32c => "crc32c",
            Self::Crc64Nvme => "crc64nvme",
        }
    }

    /// The algorithm of a [`Algorithm::name`], without regard to case.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.name().eq_ignore_ascii_case(name))
    }

    /// Bytes of its output.
    #[must_use]
    pub fn output_len(self) -> usize {
        match self {
            Self::Sha256 => 32,
            Self::Sha512 => 64,
            Self::Sha1 => 20,
            Self::Md5 => 16,
            Self::Crc32c => 4,
            Self::Crc64Nvme => 8,
        }
    }

    fn bit(self) -> u8 {
        match self {
            Self::Sha256 => 1,
            Self::Sha512 => 2,
            Self::Sha1 => 4,
            Self::Md5 => 8,
            Self::Crc32c => 16,
            Self::Crc64Nvme => 32,
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A set of algorithms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DigestSet(u8);

impl DigestSet {
    /// No algorithm.
    pub const EMPTY: Self = Self(0);

    /// Adds one.
    pub fn insert(&mut self, algorithm: Algorithm) {
        self.0 |= algorithm.bit();
    }

    /// This set and one more.
    #[must_use]
    pub fn with(self, algorithm: Algorithm) -> Self {
        Self(self.0 | algorithm.bit())
    }

    /// Whatever is in either.
    #[must_use]
    pub fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether it is in.
    #[must_use]
    pub fn contains(self, algorithm: Algorithm) -> bool {
        self.0 & algorithm.bit() != 0
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The members, in the order of [`Algorithm::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Algorithm> {
        Algorithm::ALL.into_iter().filter(move |algorithm| self.contains(*algorithm))
    }
}

impl FromIterator<Algorithm> for DigestSet {
    fn from_iter<I: IntoIterator<Item = Algorithm>>(algorithms: I) -> Self {
        algorithms.into_iter().fold(Self::EMPTY, Self::with)
    }
}
