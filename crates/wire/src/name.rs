//! File names: a checked type, so that no other code has to ask whether a name is safe to pass on.
//!
//! A name is one component, never a path. An attacker tries separators and `..` to leave a folder, NUL to cut the name in C,
//! control characters to forge header and log lines, and bidirectional overrides to make `gpj.exe` read as `exe.jpg`.
//! Names are otherwise kept as sent: no case or Unicode folding, Windows device names stay.

use std::borrow::Cow;
use std::fmt;

use percent_encoding::percent_decode_str;

/// The longest name in bytes that common file systems can hold; a rule may say less or more.
pub const MAX_NAME_BYTES: usize = 255;

/// Why a text is no file name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Nothing at all.
    #[error("the file name is empty")]
    Empty,
    /// More bytes of UTF-8 than allowed.
    #[error("the file name has {len} bytes, {max} are allowed")]
    TooLong {
        /// Bytes of the name.
        len: usize,
        /// Bytes that are allowed.
        max: usize,
    },
    /// `/` or `\`.
    #[error("the file name contains the path separator `{0}`")]
    Separator(char),
    /// A C0 or C1 control character, DEL or NUL.
    #[error("the file name contains the control character U+{:04X}", u32::from(*.0))]
    Control(char),
    /// A character that changes the direction of the text around it.
    #[error("the file name contains the bidirectional control U+{:04X}", u32::from(*.0))]
    BidiOverride(char),
    /// `.`, `..`, or only dots and spaces, which some systems cut to one of these.
    #[error("the file name consists of dots and spaces")]
    OnlyDots,
    /// Bytes that are not UTF-8.
    #[error("the file name is not valid UTF-8")]
    NotUtf8,
    /// A `%` without two hexadecimal digits. This is a malformed request rather than a refused name.
    #[error("the file name has a broken percent-encoding")]
    BrokenPercentEncoding,
}

/// The name of one file: valid UTF-8, one path component, free of control characters and of bidirectional overrides.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FileName(String);

impl FileName {
    /// Checks a name of at most [`MAX_NAME_BYTES`].
    ///
    /// # Errors
    /// Whatever [`NameError`] lists.
    pub fn parse(name: &str) -> Result<Self, NameError> {
        Self::parse_with_max(name, MAX_NAME_BYTES)
    }

    /// Checks a name of at most `max` bytes.
    ///
    /// # Errors
    /// Whatever [`NameError`] lists.
    pub fn parse_with_max(name: &str, max: usize) -> Result<Self, NameError> {
        if name.is_empty() {
            return Err(NameError::Empty);
        }
        if name.len() > max {
            return Err(NameError::TooLong { len: name.len(), max });
        }
        name.chars().try_for_each(check_char)?;
        if trimmed(name).is_empty() {
            return Err(NameError::OnlyDots);
        }
        Ok(Self(name.to_owned()))
    }

    /// Checks a name that is still percent-encoded, as a path segment or query value is: decoded once, then checked.
    ///
    /// # Errors
    /// [`NameError::BrokenPercentEncoding`], and whatever else [`NameError`] lists.
    pub fn parse_percent_encoded(encoded: &str, max: usize) -> Result<Self, NameError> {
        Self::parse_with_max(&percent_decode(encoded)?, max)
    }

    /// The name as it was sent.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What stands before the last suffix: `a.tar` of `a.tar.gz`, all of a name that has no suffix.
    #[must_use]
    pub fn stem(&self) -> &str {
        trimmed(&self.0).rsplit_once('.').map_or(self.as_str(), |(stem, _)| stem)
    }

    /// The last suffix without its dot, after trailing dots and spaces are cut: `exe` of `a.pdf.exe` and of `a.exe. .`.
    /// A leading dot counts (`.exe` is `exe`), because Windows takes it so. Case is kept; compare without it.
    #[must_use]
    pub fn extension(&self) -> Option<&str> {
        trimmed(&self.0).rsplit_once('.').map(|(_, suffix)| suffix)
    }

    /// Every suffix from left to right, each cut as in [`FileName::extension`]: `pdf`, `exe` of `a.pdf .exe`.
    pub fn suffixes(&self) -> impl Iterator<Item = &str> {
        self.0.split('.').skip(1).map(trimmed).filter(|suffix| !suffix.is_empty())
    }
}

impl fmt::Display for FileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl AsRef<str> for FileName {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

/// Decodes percent-encoding strictly: each `%` needs two hexadecimal digits, the outcome must be UTF-8. `+` stays `+`.
///
/// # Errors
/// [`NameError::BrokenPercentEncoding`] and [`NameError::NotUtf8`].
pub fn percent_decode(encoded: &str) -> Result<Cow<'_, str>, NameError> {
    let complete = |rest: &str| rest.as_bytes().get(..2).is_some_and(|pair| pair.iter().all(u8::is_ascii_hexdigit));
    if !encoded.split('%').skip(1).all(complete) {
        return Err(NameError::BrokenPercentEncoding);
    }
    percent_decode_str(encoded).decode_utf8().map_err(|_| NameError::NotUtf8)
}

fn trimmed(name: &str) -> &str {
    name.trim_end_matches(['.', ' '])
}

/// Directional marks (U+200E, U+200F) are part of honest Hebrew and Arabic names; embeddings, overrides and isolates
/// (Unicode TR 36, 3.2) are what spoofing needs.
fn check_char(c: char) -> Result<(), NameError> {
    match c {
        '/' | '\\' => Err(NameError::Separator(c)),
        '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' => Err(NameError::BidiOverride(c)),
        _ if c.is_control() => Err(NameError::Control(c)),
        _ => Ok(()),
    }
}
