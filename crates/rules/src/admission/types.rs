//! Media types: parsing, matching against a route's patterns.

use std::fmt;

use crate::config::{TypePattern, TypeRules};
use crate::failure::{Failure, Problem};

/// The type and subtype of a media type, in lower case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct MediaType {
    kind: String,
    subtype: String,
}

impl MediaType {
    /// Parses `type/subtype` and leaves parameters aside (RFC 9110, 8.3.1).
    pub(super) fn parse(text: &str) -> Result<Self, Failure> {
        let malformed = || Failure::new(Problem::MalformedRequest, "the Content-Type of the file is no media type");
        if text.chars().any(char::is_control) {
            return Err(malformed());
        }
        let essence = text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        let (kind, subtype) = essence.split_once('/').ok_or_else(malformed)?;
        let is_token = |text: &str| {
            !text.is_empty()
                && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
        };
        if !is_token(kind) || !is_token(subtype) || kind == "*" || subtype == "*" {
            return Err(malformed());
        }
        Ok(Self { kind: kind.to_owned(), subtype: subtype.to_owned() })
    }

    pub(super) fn essence(&self) -> String {
        self.to_string()
    }

    pub(super) fn matches(&self, pattern: &TypePattern) -> bool {
        let fits = |pattern: &str, part: &str| pattern == "*" || pattern == part;
        fits(&pattern.kind, &self.kind) && fits(&pattern.subtype, &self.subtype)
    }
}

impl fmt::Display for MediaType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind, self.subtype)
    }
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
