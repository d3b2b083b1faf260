//! What the client said the digests are: `Repr-Digest`, `Content-Digest` (RFC 9530) and `Content-MD5` (RFC 1864).

use std::fmt;

use base64::engine::{DecodePaddingMode, Engine as _, GeneralPurpose, GeneralPurposeConfig};

use super::algorithm::{Algorithm, DigestSet};
use super::digester::Digests;
use super::structured;

/// The field that a digest came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DigestField {
    /// RFC 9530 section 3.
    ReprDigest,
    /// RFC 9530 section 2.
    ContentDigest,
    /// RFC 1864.
    ContentMd5,
}

impl DigestField {
    /// The field of that name, without regard to case.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::ReprDigest, Self::ContentDigest, Self::ContentMd5]
            .into_iter()
            .find(|field| field.name().eq_ignore_ascii_case(name))
    }

    /// The name as it is usually written.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::ReprDigest => "Repr-Digest",
            Self::ContentDigest => "Content-Digest",
            Self::ContentMd5 => "Content-MD5",
        }
    }
}

impl fmt::Display for DigestField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A digest field that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DigestFieldError {
    /// It is no dictionary of byte sequences, or no base64.
    #[error("the field `{0}` is malformed")]
    Malformed(DigestField),
    /// The value has not the length that the algorithm produces.
    #[error("the {algorithm} value in `{field}` has {len} bytes instead of {}", .algorithm.output_len())]
    WrongLength {
        /// Where it stood.
        field: DigestField,
        /// What it claims to be.
        algorithm: Algorithm,
        /// Its bytes.
        len: usize,
    },
    /// The same field names two values for one algorithm; only one of them could be verified.
    #[error("the field `{field}` gives two {algorithm} values")]
    Contradiction {
        /// Where they stood.
        field: DigestField,
        /// Of what.
        algorithm: Algorithm,
    },
}

/// The file has another digest than the client said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the {algorithm} digest of the file is not the one given in `{field}`")]
pub struct DigestMismatch {
    /// Which digest.
    pub algorithm: Algorithm,
    /// Where the client gave it.
    pub field: DigestField,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Expected {
    field: DigestField,
    algorithm: Algorithm,
    value: Vec<u8>,
}

/// The digests that the client demands.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ClientDigests(Vec<Expected>);

impl ClientDigests {
    /// Reads every digest field among `headers`; other headers are skipped, algorithms other than SHA-256, SHA-512 and
    /// MD5 (in `Content-MD5`) are ignored.
    ///
    /// # Errors
    /// When a digest field is malformed or contradicts itself.
    pub fn parse<N, V>(headers: impl IntoIterator<Item = (N, V)>) -> Result<Self, DigestFieldError>
    where
        N: AsRef<str>,
        V: AsRef<[u8]>,
    {
        let mut digests = Self::default();
        for (name, value) in headers {
            match DigestField::from_name(name.as_ref()) {
                None => {}
                Some(DigestField::ContentMd5) => digests.add_md5(value.as_ref())?,
                Some(field) => digests.add_dictionary(field, value.as_ref())?,
            }
        }
        Ok(digests)
    }

    /// What must be computed to verify them.
    #[must_use]
    pub fn algorithms(&self) -> DigestSet {
        self.0.iter().map(|expected| expected.algorithm).collect()
    }

    /// Whether the client demands none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The demanded value of an algorithm, known before the file was read.
    #[must_use]
    pub fn get(&self, algorithm: Algorithm) -> Option<&[u8]> {
        self.0.iter().find(|expected| expected.algorithm == algorithm).map(|expected| expected.value.as_slice())
    }

    /// Compares all of them with what was computed. A digest that was not computed does not match.
    ///
    /// # Errors
    /// The first that differs.
    pub fn verify(&self, computed: &Digests) -> Result<(), DigestMismatch> {
        let differs = |expected: &&Expected| computed.get(expected.algorithm) != Some(expected.value.as_slice());
        match self.0.iter().find(differs) {
            None => Ok(()),
            Some(Expected { field, algorithm, .. }) => Err(DigestMismatch { algorithm: *algorithm, field: *field }),
        }
    }

    fn add_dictionary(&mut self, field: DigestField, value: &[u8]) -> Result<(), DigestFieldError> {
        let members = structured::byte_sequences(value).ok_or(DigestFieldError::Malformed(field))?;
        for (key, encoded) in members {
            let value = decode(encoded).ok_or(DigestFieldError::Malformed(field))?;
            match key {
                b"sha-256" => self.add(field, Algorithm::Sha256, value)?,
                b"sha-512" => self.add(field, Algorithm::Sha512, value)?,
                _ => {}
            }
        }
        Ok(())
    }

    fn add_md5(&mut self, value: &[u8]) -> Result<(), DigestFieldError> {
        let field = DigestField::ContentMd5;
        let value = decode(value.trim_ascii()).ok_or(DigestFieldError::Malformed(field))?;
        self.add(field, Algorithm::Md5, value)
    }

    fn add(&mut self, field: DigestField, algorithm: Algorithm, value: Vec<u8>) -> Result<(), DigestFieldError> {
        if value.len() != algorithm.output_len() {
            return Err(DigestFieldError::WrongLength { field, algorithm, len: value.len() });
        }
        match self.0.iter().find(|known| known.field == field && known.algorithm == algorithm) {
            Some(known) if known.value != value => Err(DigestFieldError::Contradiction { field, algorithm }),
            Some(_) => Ok(()),
            None => {
                self.0.push(Expected { field, algorithm, value });
                Ok(())
            }
        }
    }
}

/// RFC 9651 section 4.2.7: missing padding and stray last bits are tolerated.
fn decode(encoded: &[u8]) -> Option<Vec<u8>> {
    const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true);
    GeneralPurpose::new(&base64::alphabet::STANDARD, LENIENT).decode(encoded).ok()
}
