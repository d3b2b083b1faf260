//! Who may upload from a browser: the verdict on a request's `Origin`.
//!
//! A browser writes an origin in one way (HTML standard, "serialization of an origin"). Anything else in the field was not
//! written by a browser for a page of that origin, so it is not allowed: an attacker would try case, default ports, trailing
//! dots, user information and names that merely begin or end like an allowed one.

use crate::config::{AllowedOrigin, AllowedOrigins, Cors};
use crate::url::Origin;

/// Request headers that every client of the contract may send. Browsers send some of them without asking; naming them is
/// harmless and keeps the list whole.
pub const ALLOWED_HEADERS: [&str; 12] = [
    "Content-Type",
    "Content-Disposition",
    "Upload-Length",
    "Repr-Digest",
    "Content-Digest",
    "Content-MD5",
    "Idempotency-Key",
    "Authorization",
    "X-Api-Key",
    "X-Request-Id",
    "traceparent",
    "tracestate",
];

/// Answer headers of the contract that a page cannot read unless they are exposed.
pub const EXPOSED_HEADERS: [&str; 5] = ["Tidegate-Upload-Id", "Location", "Repr-Digest", "Retry-After", "X-Request-Id"];

/// What becomes of a request for what its `Origin` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OriginVerdict<'o> {
    /// No page sent it: there is no `Origin`.
    NoPage,
    /// A page sent it that may upload; this is for `Access-Control-Allow-Origin`.
    Allowed(&'o str),
    /// A page sent it that may not.
    Refused,
}

impl Cors {
    /// Judges the `Origin` of a request.
    #[must_use]
    pub fn judge<'o>(&self, origin: Option<&'o str>) -> OriginVerdict<'o> {
        let Some(origin) = origin else { return OriginVerdict::NoPage };
        match &self.origins {
            AllowedOrigins::Any => OriginVerdict::Allowed("*"),
            AllowedOrigins::Listed(list) if list.iter().any(|allowed| allowed.matches(origin)) => {
                OriginVerdict::Allowed(origin)
            }
            AllowedOrigins::Listed(_) => OriginVerdict::Refused,
        }
    }
}

impl AllowedOrigin {
    fn matches(&self, origin: &str) -> bool {
        match self {
            Self::Null => origin == "null",
            Self::App(text) => origin == text,
            Self::Web(pattern) => as_browsers_write(origin).is_some_and(|origin| pattern.matches(&origin)),
        }
    }
}

/// An origin from its only spelling.
fn as_browsers_write(text: &str) -> Option<Origin> {
    Origin::parse(text).ok().filter(|origin| origin.to_string() == text)
}

#[cfg(test)]
mod tests;
