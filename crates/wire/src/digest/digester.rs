//! Computing: one pass over the file for all algorithms of a set.

use base64::engine::{Engine as _, general_purpose::STANDARD};
use crc_fast::CrcAlgorithm;
use sha2::Digest as _;

use super::algorithm::{Algorithm, DigestSet};

/// Computes a set of digests over a stream.
pub struct Digester {
    states: Vec<(Algorithm, State)>,
}

enum State {
    Sha256(sha2::Sha256),
    Sha512(sha2::Sha512),
    Sha1(sha1::Sha1),
    Md5(md5::Md5),
    /// Either CRC; the algorithm beside it says how many bytes count.
    Crc(Box<crc_fast::Digest>),
}

impl Digester {
    /// A digester of every algorithm in `set`.
    #[must_use]
    pub fn new(set: DigestSet) -> Self {
        Self { states: set.iter().map(|algorithm| (algorithm, State::new(algorithm))).collect() }
    }

    /// Takes the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        for (_, state) in &mut self.states {
            state.update(bytes);
        }
    }

    /// The digests of all bytes taken.
    #[must_use]
    pub fn finish(self) -> Digests {
        Digests(self.states.into_iter().map(|(algorithm, state)| (algorithm, state.finish(algorithm))).collect())
    }
}

impl std::fmt::Debug for Digester {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.states.iter().map(|(algorithm, _)| algorithm)).finish()
    }
}

impl State {
    fn new(algorithm: Algorithm) -> Self {
        match algorithm {
            Algorithm::Sha256 => Self::Sha256(sha2::Sha256::new()),
            Algorithm::Sha512 => Self::Sha512(sha2::Sha512::new()),
            Algorithm::Sha1 => Self::Sha1(sha1::Sha1::new()),
            Algorithm::Md5 => Self::Md5(md5::Md5::new()),
            Algorithm::Crc32c => Self::Crc(Box::new(crc_fast::Digest::new(CrcAlgorithm::Crc32Iscsi))),
            Algorithm::Crc64Nvme => Self::Crc(Box::new(crc_fast::Digest::new(CrcAlgorithm::Crc64Nvme))),
        }
    }

    fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Sha256(state) => state.update(bytes),
            Self::Sha512(state) => state.update(bytes),
            Self::Sha1(state) => state.update(bytes),
            Self::Md5(state) => state.update(bytes),
            Self::Crc(state) => state.update(bytes),
        }
    }

    fn finish(self, algorithm: Algorithm) -> Vec<u8> {
        match self {
            Self::Sha256(state) => state.finalize().to_vec(),
            Self::Sha512(state) => state.finalize().to_vec(),
            Self::Sha1(state) => state.finalize().to_vec(),
            Self::Md5(state) => state.finalize().to_vec(),
            Self::Crc(state) => {
                let value = state.finalize().to_be_bytes();
                let skip = value.len().saturating_sub(algorithm.output_len());
                value.get(skip..).unwrap_or(&value).to_vec()
            }
        }
    }
}

/// Finished digests, each as raw bytes (CRCs big-endian).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Digests(Vec<(Algorithm, Vec<u8>)>);

impl Digests {
    /// The raw bytes of one.
    #[must_use]
    pub fn get(&self, algorithm: Algorithm) -> Option<&[u8]> {
        self.iter().find_map(|(candidate, value)| (candidate == algorithm).then_some(value))
    }

    /// One in lower-case hexadecimal.
    #[must_use]
    pub fn hex(&self, algorithm: Algorithm) -> Option<String> {
        self.get(algorithm).map(hex)
    }

    /// One in padded base64.
    #[must_use]
    pub fn base64(&self, algorithm: Algorithm) -> Option<String> {
        self.get(algorithm).map(|value| STANDARD.encode(value))
    }

    /// All that were computed, in the order of [`Algorithm::ALL`].
    pub fn iter(&self) -> impl Iterator<Item = (Algorithm, &[u8])> {
        self.0.iter().map(|(algorithm, value)| (*algorithm, value.as_slice()))
    }
}

/// The value of a `Repr-Digest` answer field (RFC 9530 section 3) with the SHA-2 digests among `digests`; `None` if none is.
#[must_use]
pub fn repr_digest_field(digests: &Digests) -> Option<String> {
    let members: Vec<String> = [Algorithm::Sha256, Algorithm::Sha512]
        .into_iter()
        .filter_map(|algorithm| Some(format!("{algorithm}=:{}:", digests.base64(algorithm)?)))
        .collect();
    (!members.is_empty()).then(|| members.join(", "))
}

fn hex(bytes: &[u8]) -> String {
    let digit = |nibble: u8| char::from_digit(u32::from(nibble), 16).unwrap_or_default();
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 0xf)]).collect()
}
