//! The certificate of a client's TLS connection: rustls has verified it, here it is read for names.

use std::fmt::Write as _;
use std::sync::Arc;

use rules::config::CertificateName;
use rules::shown::is_plain_name;
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
            [name] if name.len() <= MAX_NAME && is_plain_name(name) => Ok(name.as_str().into()),
            _ => Err(Reason::Subject),
        }
    }

    /// When it ends.
    pub(super) fn ends(&self) -> Option<OffsetDateTime> {
        OffsetDateTime::from_unix_timestamp(self.not_after).ok()
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

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair, SanType};

    use super::*;

    /// A certificate with this common name, which ends at the beginning of 2030.
    fn certificate(common_name: &str) -> ClientCertificate {
        let mut params = CertificateParams::new(Vec::<String>::new()).expect("parameters");
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, common_name);
        params.subject_alt_names = vec![SanType::DnsName("a.example.com".try_into().expect("a name"))];
        params.not_after = rcgen::date_time_ymd(2030, 1, 1);
        let key = KeyPair::generate().expect("a key");
        let der = params.self_signed(&key).expect("a certificate").der().clone();
        ClientCertificate::read(&der).expect("it can be read")
    }

    fn subject(common_name: &str, now: i64) -> Result<String, Reason> {
        let now = OffsetDateTime::from_unix_timestamp(now).expect("a time");
        certificate(common_name).subject(CertificateName::CommonName, now).map(|name| name.to_string())
    }

    /// 2030-01-01T00:00:00Z.
    const END: i64 = 1_893_456_000;

    #[test]
    fn a_certificate_ends_for_its_connection_too() {
        assert_eq!(subject("device-7", END), Ok("device-7".to_owned()));
        assert_eq!(subject("device-7", END + 1), Err(Reason::Expired));
    }

    #[test]
    fn a_name_that_could_break_a_line_is_none() {
        for name in ["", "a\nb", "a\0b", " a", "a ", "a\u{202e}b", "a\u{200b}b", &"x".repeat(257)] {
            assert_eq!(subject(name, END), Err(Reason::Subject), "{name:?}");
        }
    }

    #[test]
    fn its_names_are_claims() {
        let claims = certificate("device-7").claims();
        assert_eq!(
            (&claims["common_name"], &claims["dns"], &claims["uri"]),
            (&json!("device-7"), &json!(["a.example.com"]), &json!([]))
        );
        assert_eq!(claims["sha256"].as_str().map(str::len), Some(64));
        assert_eq!(claims["not_after"], END);
    }

    #[test]
    fn what_is_no_certificate_is_read_as_none() {
        assert_eq!(ClientCertificate::read(b""), None);
        assert_eq!(ClientCertificate::read(&[0x30; 64]), None);
    }
}
