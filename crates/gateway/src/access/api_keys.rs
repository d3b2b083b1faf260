//! API keys: random texts of which only the SHA-256 is known here.
//!
//! A key has at least 128 random bits, so a plain hash is enough: there is nothing to guess. The look-up is by the hash of what
//! the client sent, which an attacker cannot steer byte by byte, and what was found is compared in constant time all the same.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use rules::config::{ApiKey, ApiKeys};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use time::OffsetDateTime;

use super::refusal::Reason;
use super::watched::Watched;

/// Longest key in bytes; longer ones are not hashed.
const MAX_KEY: usize = 512;

type ByHash = HashMap<[u8; 32], Arc<ApiKey>>;

/// The keys of one provider.
pub(super) struct KeyRing {
    written: ByHash,
    file: Option<Watched<ByHash>>,
}

impl KeyRing {
    /// Reads the keys.
    ///
    /// # Errors
    /// In words, what is wrong with the file.
    pub(super) fn open(keys: &ApiKeys) -> Result<Self, String> {
        let file = keys.file.as_ref().map(|path| Watched::open(path, parse)).transpose()?;
        Ok(Self { written: by_hash(keys.keys.clone()), file })
    }

    /// The entry of a key that counts now.
    pub(super) fn find(&self, key: &str, now: OffsetDateTime) -> Result<Arc<ApiKey>, Reason> {
        if key.len() > MAX_KEY {
            return Err(Reason::Malformed);
        }
        let hash: [u8; 32] = Sha256::digest(key.as_bytes()).into();
        let in_file = || self.file.as_ref()?.value(Instant::now()).get(&hash).cloned();
        let found = self.written.get(&hash).cloned().or_else(in_file);
        let found = found.filter(|found| bool::from(found.sha256.ct_eq(&hash))).ok_or(Reason::UnknownKey)?;
        match found.not_after {
            Some(end) if end <= now => Err(Reason::Expired),
            _ => Ok(found),
        }
    }
}

impl KeyRing {
    /// Whether a holder has a key that counts now. A look at each key: only tickets ask, and there are few thousand keys.
    pub(super) fn knows(&self, id: &str, now: OffsetDateTime) -> bool {
        let counts =
            |keys: &ByHash| keys.values().any(|key| *key.id == *id && key.not_after.is_none_or(|end| end > now));
        counts(&self.written) || self.file.as_ref().is_some_and(|file| counts(&file.value(Instant::now())))
    }
}

fn parse(path: &str, text: &str) -> Result<ByHash, String> {
    rules::check::key_file(path, text).map(by_hash).map_err(|report| report.to_string())
}

fn by_hash(keys: Vec<ApiKey>) -> ByHash {
    keys.into_iter().map(|key| (key.sha256, Arc::new(key))).collect()
}
