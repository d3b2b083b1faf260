//! The certificate of a client's TLS connection: rustls has verified it, here it is read for names.

use std::fmt::Write as _;
use std::sync::Arc;

use rules::config::CertificateName;
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};
use time::OffsetDateTime;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::refusal::Reason;

/// Longest name that becomes a subject, in bytes.
const MAX_NAME: usize = 256;

/// What a client's certificate says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientCertificate {
    common_names: Vec<String>,
    dns: Vec<String>,
    uris: Vec<String>,
    emails: Vec<String>,
    /// SHA-256 of the certificate, in hex.
    fingerprint: String,
    /// Unix seconds.
    not_after: i64,
}

impl ClientCertificate {
    /// Reads a certificate that was verified; none if its names cannot be read.
    pub(crate) fn read(der: &[u8]) -> Option<Self> {
        let (_, certificate) = X509Certificate::from_der(der).ok()?;
        let common_names = certificate.subject().iter_common_name().filter_map(|name| name.as_str().ok());
        let common_names = common_names.map(ToOwned::to_owned).collect();
        let mut read = Self {
            common_names,
            dns: Vec::new(),
            uris: Vec::new(),
            emails: Vec::new(),
            fingerprint: hex(&Sha256::digest(der)),
            not_after: certificate.validity().not_after.timestamp(),
        };
        let names = certificate.subject_alternative_name().ok()?;
        for name in names.iter().flat_map(|names| &names.value.general_names) {
            match name {
                GeneralName::DNSName(name) => read.dns.push((*name).to_owned()),
                GeneralName::URI(uri) => read.uris.push((*uri).to_owned()),
                GeneralName::RFC822Name(mail) => read.emails.push((*mail).to_owned()),
                _ => {}
            }
        }
        Some(read)
    }

    /// The name of one kind. A long connection outlives its handshake, so the certificate's end is looked at again.
    pub(super) fn subject(&self, kind: CertificateName, now: OffsetDateTime) -> Result<Arc<str>, Reason> {
        if self.not_after < now.unix_timestamp() {
            return Err(Reason::Expired);
        }
        let names = match kind {
            CertificateName::CommonName => &self.common_names,
            CertificateName::Dns => &self.dns,
            CertificateName::Uri => &self.uris,
            CertificateName::Email => &self.emails,
        };
        // Two names of a kind would let whoever reads them choose.
        match names.as_slice() {
            [name] if !name.is_empty() && name.len() <= MAX_NAME && !name.chars().any(char::is_control) => {
                Ok(name.as_str().into())
            }
            _ => Err(Reason::Subject),
        }
    }

    /// `client.claims`.
    pub(super) fn claims(&self) -> Map<String, Value> {
        let claims = json!({
            "common_name": self.common_names.first(),
            "dns": self.dns,
            "uri": self.uris,
            "email": self.emails,
            "sha256": self.fingerprint,
            "not_after": self.not_after,
        });
        claims.as_object().cloned().unwrap_or_default()
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _infallible = write!(text, "{byte:02x}");
        text
    })
}
