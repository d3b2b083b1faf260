//! URLs as the gateway uses them: scheme, host, port, path with query, and nothing that could hide a destination.

use std::fmt;

/// `http` or `https`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// Cleartext.
    Http,
    /// TLS.
    Https,
}

/// Scheme, host and port.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Origin {
    /// `http` or `https`.
    pub scheme: Scheme,
    /// Lower case; an IPv6 literal without brackets.
    pub host: String,
    /// Always there, the scheme's default where the text has none.
    pub port: u16,
}

/// A parsed URL. Its `Display` hides the query, which may be a signature.
#[derive(Clone, PartialEq, Eq)]
pub struct Url {
    /// Scheme, host and port.
    pub origin: Origin,
    /// Path and query as sent on the wire; begins with `/`.
    pub path_and_query: String,
}

/// Which origins a learned URL may have: an origin whose host may be `*.` and a suffix, matching whole labels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OriginPattern {
    /// `http` or `https`.
    pub scheme: Scheme,
    /// Lower case; `*.example.com` matches one or more labels before `example.com`.
    pub host: String,
    /// Always there.
    pub port: u16,
}

/// Why a text is no URL or origin that may be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct UrlError(pub String);

impl Origin {
    /// Parses `https://host[:port]`; a single trailing slash is allowed.
    ///
    /// # Errors
    /// Another scheme, user information, a path, a query, a fragment, a malformed host or port.
    pub fn parse(text: &str) -> Result<Self, UrlError> {
        todo!("{text}")
    }
    /// The `Host` field: without the port where it is the scheme's default; IPv6 in brackets.
    pub fn authority(&self) -> String {
        todo!()
    }
}

impl Url {
    /// Parses an absolute URL; a fragment is refused, spaces and control characters are refused.
    ///
    /// # Errors
    /// As for [`Origin::parse`], with path and query allowed.
    pub fn parse(text: &str) -> Result<Self, UrlError> {
        todo!("{text}")
    }
}

impl OriginPattern {
    /// Parses `https://*.example.com[:port]`.
    ///
    /// # Errors
    /// As for [`Origin::parse`]; a wildcard elsewhere than as the first label, or before a public suffix of one label.
    pub fn parse(text: &str) -> Result<Self, UrlError> {
        todo!("{text}")
    }
    /// Whether an origin matches.
    pub fn matches(&self, origin: &Origin) -> bool {
        todo!("{origin:?}")
    }
}

impl fmt::Debug for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let _ = f;
        todo!()
    }
}
