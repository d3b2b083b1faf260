//! The boundary of a form (RFC 2046 section 5.1.1).

use std::fmt;

use super::error::FormError;
use crate::parameters::{self, Quoting};

/// RFC 2046 allows no more.
pub const MAX_BOUNDARY_BYTES: usize = 70;

/// What the boundaries that we write begin with, for people who read a capture.
const PREFIX: &str = "tidegate-";

/// Why a text is no boundary.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BoundaryError {
    /// Nothing at all.
    #[error("the boundary is empty")]
    Empty,
    /// More than [`MAX_BOUNDARY_BYTES`].
    #[error("the boundary has {0} characters, {MAX_BOUNDARY_BYTES} are allowed")]
    TooLong(usize),
    /// A character outside of RFC 2046's `bchars`, or a space at the end.
    #[error("the boundary contains a character that is not allowed")]
    BadCharacter,
}

/// A boundary: 1 to 70 of RFC 2046's `bchars`, no space at the end. It contains neither CR nor LF, on which the parser relies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Boundary(String);

impl Boundary {
    /// A boundary of 128 random bits that the caller brings. It is never searched for in the content: that a file contains it
    /// by chance is less likely than a wrong SHA-256, and nobody can aim at it.
    #[must_use]
    pub fn from_random(random: [u8; 16]) -> Self {
        Self(format!("{PREFIX}{:032x}", u128::from_be_bytes(random)))
    }

    /// Checks a boundary that someone else chose.
    ///
    /// # Errors
    /// Whatever [`BoundaryError`] lists.
    pub fn parse(text: &str) -> Result<Self, BoundaryError> {
        let is_boundary_byte = |byte: u8| byte.is_ascii_alphanumeric() || b"'()+_,-./:=? ".contains(&byte);
        match text.as_bytes() {
            [] => Err(BoundaryError::Empty),
            long if long.len() > MAX_BOUNDARY_BYTES => Err(BoundaryError::TooLong(long.len())),
            [.., b' '] => Err(BoundaryError::BadCharacter),
            bytes if !bytes.iter().copied().all(is_boundary_byte) => Err(BoundaryError::BadCharacter),
            _ => Ok(Self(text.to_owned())),
        }
    }

    /// The boundary without its dashes.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Boundary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The boundary of a content type. Most clients write it without quotes even where RFC 2045 asks for them; a comma without
/// quotes is where PHP ends it, so that one is refused.
pub(super) fn boundary_of(content_type: &str) -> Result<Boundary, FormError> {
    let (kind, parameters) = parameters::parse(content_type.as_bytes(), Quoting::Http).ok_or(FormError::NotFormData)?;
    if !kind.eq_ignore_ascii_case(b"multipart/form-data") {
        return Err(FormError::NotFormData);
    }
    let mut boundaries =
        parameters.iter().filter(|parameter| parameter.name == "boundary" || parameter.name.starts_with("boundary*"));
    let boundary = boundaries.next().ok_or(FormError::NoBoundary)?;
    if boundaries.next().is_some() || boundary.name != "boundary" {
        return Err(FormError::AmbiguousBoundary);
    }
    // Readers that search for the word find the one within quotes; readers that know no escapes keep the backslash.
    let lower = content_type.to_ascii_lowercase();
    if lower.matches("boundary=").count() > 1 {
        return Err(FormError::AmbiguousBoundary);
    }
    if lower.contains('\\') || (!boundary.is_quoted && boundary.value.contains(&b',')) {
        return Err(BoundaryError::BadCharacter.into());
    }
    let text = std::str::from_utf8(&boundary.value).map_err(|_| BoundaryError::BadCharacter)?;
    Ok(Boundary::parse(text)?)
}
