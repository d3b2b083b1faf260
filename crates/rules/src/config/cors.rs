//! Which pages may upload to a route from a browser.

use std::time::Duration;

use crate::url::OriginPattern;

/// What the pages of other origins may do (Fetch standard, "CORS protocol").
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cors {
    /// Whose pages may upload.
    pub origins: AllowedOrigins,
    /// Whether browsers may send cookies and client certificates along, and show the answer all the same.
    pub credentials: bool,
    /// How long browsers may keep the answer to a preflight.
    pub max_age: Duration,
    /// Request headers that pages may set: the contract's, then the rule's own.
    pub allow_headers: Vec<String>,
    /// Answer headers that pages may read: the contract's, then the rule's own.
    pub expose: Vec<String>,
    /// Whether pages of public sites may reach this gateway on a private network.
    pub private_network: bool,
}

/// Whose pages may upload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AllowedOrigins {
    /// Anybody's.
    Any,
    /// Those of these origins; of none, if the list is empty.
    Listed(Vec<AllowedOrigin>),
}

/// One entry of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AllowedOrigin {
    /// Pages without an origin of their own: sandboxed frames, files, some redirects.
    Null,
    /// Pages of `http` and `https` origins.
    Web(OriginPattern),
    /// Pages of an app or extension, such as `capacitor://localhost`, compared byte for byte.
    App(String),
}

impl AllowedOrigin {
    /// As a browser writes it, or as a pattern of that.
    #[must_use]
    pub fn text(&self) -> String {
        match self {
            Self::Null => "null".to_owned(),
            Self::Web(pattern) => pattern.to_string(),
            Self::App(text) => text.clone(),
        }
    }
}
