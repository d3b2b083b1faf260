//! Targets: every place that a rule may talk to.

use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;

use super::HeaderItem;
use crate::expr::Template;
use crate::url::{Origin, OriginPattern};

/// A place that a rule may talk to.
#[derive(Debug, Clone)]
pub struct Target {
    /// Its name in the rule; a metric label.
    pub name: Arc<str>,
    /// Where its own paths live; none for a target that only takes learned URLs.
    pub origin: Option<Origin>,
    /// Which learned URLs may be used.
    pub allow: Vec<OriginPattern>,
    /// Credentials.
    pub auth: Option<Auth>,
    /// Headers of every request to it.
    pub headers: Vec<HeaderItem>,
    /// Where this API keeps its error texts.
    pub errors: ErrorRules,
    /// Time limit for an answer, in place of the process's.
    pub timeout: Option<Duration>,
    /// Time limit for dialling, in place of the process's.
    pub connect_timeout: Option<Duration>,
    /// PEM file with the certificate authorities to trust in place of the system's.
    pub ca_file: Option<String>,
    /// Private networks that this target may live in, beside the process's.
    pub allow_private: Vec<IpNet>,
    /// Whether it takes bodies of unknown size (`Transfer-Encoding: chunked`).
    pub chunked: bool,
}

/// A reference to a secret. Its value is read by the gateway and never stands in the configuration.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum SecretRef {
    /// An environment variable.
    Env(String),
    /// A file; a trailing line break is not part of the secret.
    File(String),
}

/// How requests to a target are authenticated.
#[derive(Debug, Clone)]
pub enum Auth {
    /// `Authorization: Bearer …` (RFC 6750).
    Bearer(SecretRef),
    /// `Authorization: Basic …` (RFC 7617).
    Basic {
        /// User name.
        username: TextOrSecret,
        /// Password.
        password: SecretRef,
    },
    /// A header of its own.
    Header {
        /// Header name.
        name: String,
        /// Text before the secret, such as `Token `.
        prefix: String,
        /// The secret.
        value: SecretRef,
    },
    /// A query parameter.
    Query {
        /// Parameter name.
        name: String,
        /// The secret.
        value: SecretRef,
    },
    /// AWS Signature Version 4.
    SigV4 {
        /// Signing name, such as `connect`. The path is encoded twice for every service but `s3`.
        service: String,
        /// Region.
        region: String,
        /// Access key id.
        access_key_id: SecretRef,
        /// Secret access key.
        secret_access_key: SecretRef,
        /// Session token, used if it has a value.
        session_token: Option<SecretRef>,
    },
}

/// A text that may or may not be a secret.
#[derive(Debug, Clone)]
pub enum TextOrSecret {
    /// Plain text.
    Text(String),
    /// A secret.
    Secret(SecretRef),
}

/// Where an API keeps its error texts; the first alternative that evaluates to something wins.
#[derive(Debug, Clone, Default)]
pub struct ErrorRules {
    /// Machine-readable code.
    pub code: Vec<Template>,
    /// Text for people.
    pub detail: Vec<Template>,
    /// A list of maps, or a map of lists, of complaints about fields.
    pub violations: Vec<Template>,
    /// Which answers blame the file and not the operator.
    pub refuses_file: Vec<FileRefusal>,
}

/// An answer that blames the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileRefusal {
    /// The status, if it matters.
    pub status: Option<u16>,
    /// The codes; empty: any.
    pub codes: Vec<String>,
}
