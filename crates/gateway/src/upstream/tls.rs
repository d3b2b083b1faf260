//! Whom to trust: the system's certificate authorities, or those of a target's own file.

use std::io;
use std::sync::Arc;

use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use tokio_rustls::TlsConnector;

use super::UpstreamsError;

/// The authorities of the system; `SSL_CERT_FILE` and `SSL_CERT_DIR` stand in for them. Entries that no TLS library would take
/// are skipped, as everywhere.
pub(super) fn system_roots() -> RootCertStore {
    let found = rustls_native_certs::load_native_certs();
    for error in &found.errors {
        tracing::warn!(%error, "some certificate authorities of the system cannot be read");
    }
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        tracing::warn!("the system has no certificate authorities: https upstreams without a ca-file will be refused");
    }
    roots
}

/// The authorities of a PEM file, in place of the system's.
///
/// # Errors
/// The file cannot be read, or holds no certificate that can be trusted.
pub(super) fn roots_from_file(path: &str) -> Result<RootCertStore, UpstreamsError> {
    let failed = |source| UpstreamsError::CaFile { path: path.to_owned(), source };
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(path).map_err(|error| failed(io::Error::other(error)))? {
        let certificate = certificate.map_err(|error| failed(io::Error::other(error)))?;
        roots.add(certificate).map_err(|error| failed(io::Error::other(error)))?;
    }
    if roots.is_empty() {
        return Err(failed(io::Error::other("it holds no certificate")));
    }
    Ok(roots)
}

/// A connector that trusts these authorities and offers HTTP/1.1 alone.
pub(super) fn connector(roots: RootCertStore) -> Result<TlsConnector, UpstreamsError> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsConnector::from(Arc::new(config)))
}
