//! Media types (RFC 9110 section 8.3.1): a checked type, because what a client says of its file's type becomes a header.
//!
//! An attacker would try to have one server read another type than the next: by a comma, which some take for a list, by a
//! parameter given twice, by quotes that do not close.

use crate::parameters::{self, Parameter, Quoting};
use crate::text::is_token;

/// A well-formed media type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MediaType {
    kind: String,
    subtype: String,
    parameters: Vec<(String, String)>,
}

impl MediaType {
    /// Reads `type/subtype; name=value…`; `None` when it is malformed, is not ASCII or gives a parameter twice.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let is_plain = |byte: u8| byte == b'\t' || byte == b' ' || byte.is_ascii_graphic();
        if !text.bytes().all(is_plain) {
            return None;
        }
        let (essence, found) = parameters::parse(text.as_bytes(), Quoting::Http)?;
        let essence = std::str::from_utf8(essence).ok()?.to_ascii_lowercase();
        let (kind, subtype) = essence.split_once('/')?;
        if !is_token(kind.as_bytes()) || !is_token(subtype.as_bytes()) {
            return None;
        }
        let mut parameters = Vec::new();
        for parameter in found {
            if !is_sound(&parameter) || parameters.iter().any(|(name, _)| *name == parameter.name) {
                return None;
            }
            parameters.push((parameter.name, String::from_utf8(parameter.value).ok()?));
        }
        Some(Self { kind: kind.to_owned(), subtype: subtype.to_owned(), parameters })
    }

    /// `image` of `image/png`, in lower case.
    #[must_use]
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// `png` of `image/png`, in lower case.
    #[must_use]
    pub fn subtype(&self) -> &str {
        &self.subtype
    }

    /// The value of a parameter, its name in lower case.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// In quotes, or a token, or tokens with commas between: browsers say `video/webm;codecs=vp8,opus` of what they recorded. No
/// slash without quotes, so that nothing behind a comma can be taken for another type.
fn is_sound(parameter: &Parameter) -> bool {
    parameter.is_quoted || parameter.value.split(|byte| *byte == b',').all(is_token)
}
