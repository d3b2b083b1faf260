//! TLS on the way in: certificate and key from PEM files, ALPN for HTTP/2 and HTTP/1.1.

use std::sync::Arc;

use rules::config::ListenerTls;
use rustls::ServerConfig;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

/// In the order of preference.
const PROTOCOLS: [&[u8]; 2] = [HTTP2, b"http/1.1"];
/// The ALPN name of HTTP/2 (RFC 9113 section 3.2).
pub(super) const HTTP2: &[u8] = b"h2";

/// Why a listener cannot speak TLS.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A PEM file cannot be read or holds nothing of its kind.
    #[error("cannot read `{path}`")]
    File {
        /// The file.
        path: String,
        /// Why.
        #[source]
        source: rustls_pki_types::pem::Error,
    },
    /// The file holds no certificate.
    #[error("`{path}` holds no certificate")]
    NoCertificate {
        /// The file.
        path: String,
    },
    /// Certificate and key do not belong together, or the key's kind is not supported.
    #[error("the certificate in `{cert}` and the key in `{key}` cannot be used together")]
    Unusable {
        /// The certificate's file.
        cert: String,
        /// The key's file.
        key: String,
        /// Why.
        #[source]
        source: rustls::Error,
    },
}

/// Reads the files and makes the acceptor.
///
/// # Errors
/// The files cannot be read or do not fit each other.
pub(super) fn acceptor(files: &ListenerTls) -> Result<TlsAcceptor, TlsError> {
    let unreadable = |path: &String| {
        let path = path.clone();
        move |source| TlsError::File { path, source }
    };
    let chain: Vec<_> = CertificateDer::pem_file_iter(&files.cert)
        .and_then(Iterator::collect::<Result<_, _>>)
        .map_err(unreadable(&files.cert))?;
    if chain.is_empty() {
        return Err(TlsError::NoCertificate { path: files.cert.clone() });
    }
    let key = PrivateKeyDer::from_pem_file(&files.key).map_err(unreadable(&files.key))?;
    let mut config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(|source| TlsError::Unusable { cert: files.cert.clone(), key: files.key.clone(), source })?;
    config.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).to_vec();
    Ok(TlsAcceptor::from(Arc::new(config)))
}
