//! Media types: parsing, matching against a route's patterns.

use std::fmt;

use crate::config::{Body, RequestRule, TypePattern, TypeRules};
use crate::failure::{Failure, Problem};

/// The type and subtype of a media type, in lower case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MediaType {
    kind: String,
    subtype: String,
}

impl MediaType {
    /// Parses `type/subtype`; parameters must be well-formed and are left aside (RFC 9110, 8.3.1).
    pub(super) fn parse(text: &str) -> Result<Self, Failure> {
        let parsed =
            wire::media_type::MediaType::parse(text).filter(|found| found.kind() != "*" && found.subtype() != "*");
        let parsed = parsed.ok_or_else(|| {
            Failure::new(Problem::MalformedRequest, "the Content-Type of the file is no well-formed media type")
        })?;
        Ok(Self { kind: parsed.kind().to_owned(), subtype: parsed.subtype().to_owned() })
    }

    pub(super) fn essence(&self) -> String {
        self.to_string()
    }

    pub(crate) fn matches(&self, pattern: &TypePattern) -> bool {
        let fits = |pattern: &str, part: &str| pattern == "*" || pattern == part;
        fits(&pattern.kind, &self.kind) && fits(&pattern.subtype, &self.subtype)
    }
}

impl fmt::Display for MediaType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind, self.subtype)
    }
}

/// A file must not be of a type that would make the upstream read it as several parts: inside of a form any `multipart/*`,
/// which some parsers descend into, and as a whole body `multipart/form-data`. The upstream would then see names, fields and
/// files that nothing here has looked at.
pub(super) fn check_parts(transfer: &RequestRule, media_type: &MediaType) -> Result<(), Failure> {
    let is_read_as_parts = media_type.kind == "multipart"
        && match &transfer.body {
            Body::Form(_) => true,
            Body::File => media_type.subtype == "form-data",
            Body::None | Body::Json(_) | Body::Urlencoded(_) | Body::Text(_) => false,
        };
    if is_read_as_parts { Err(refused(media_type)) } else { Ok(()) }
}

pub(super) fn check(rules: &TypeRules, media_type: &MediaType) -> Result<(), Failure> {
    if !rules.allow.is_empty() && !rules.allow.iter().any(|pattern| media_type.matches(pattern)) {
        return Err(refused(media_type));
    }
    check_denied(rules, media_type)
}

pub(super) fn check_denied(rules: &TypeRules, media_type: &MediaType) -> Result<(), Failure> {
    if rules.deny.iter().any(|pattern| media_type.matches(pattern)) { Err(refused(media_type)) } else { Ok(()) }
}

fn refused(media_type: &MediaType) -> Failure {
    Failure::new(Problem::TypeRefused, format!("files of type `{media_type}` are not accepted here"))
}
