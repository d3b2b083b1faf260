//! TLS on the way in: certificate and key from PEM files, ALPN for HTTP/2 and HTTP/1.1.

use std::sync::Arc;

use rules::config::{ClientCa, ListenerTls};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

use crate::access::ClientCertificate;

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
    /// The authorities of clients cannot be used.
    #[error("the authorities in `{path}` cannot verify certificates of clients")]
    Authorities {
        /// The file.
        path: String,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
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

/// The certificate that a client showed in the handshake, as rustls verified it.
pub(super) fn client_certificate(connection: &ServerConnection) -> Option<Arc<ClientCertificate>> {
    let chain = connection.peer_certificates()?;
    ClientCertificate::read(chain.first()?).map(Arc::new)
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
    let builder = ServerConfig::builder();
    let builder = match &files.client_ca {
        Some(authorities) => builder.with_client_cert_verifier(verifier(authorities)?),
        None => builder.with_no_client_auth(),
    };
    let mut config = builder.with_single_cert(chain, key).map_err(|source| TlsError::Unusable {
        cert: files.cert.clone(),
        key: files.key.clone(),
        source,
    })?;
    config.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).to_vec();
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// Verifies certificates of clients by these authorities. A client may come without one unless it is required, so that routes
/// with other ways of access live at the same listener; one that is shown must be valid.
fn verifier(files: &ClientCa) -> Result<Arc<dyn ClientCertVerifier>, TlsError> {
    let failed =
        |source: Box<dyn std::error::Error + Send + Sync>| TlsError::Authorities { path: files.file.clone(), source };
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(&files.file).map_err(|error| failed(error.into()))? {
        let certificate = certificate.map_err(|error| failed(error.into()))?;
        roots.add(certificate).map_err(|error| failed(error.into()))?;
    }
    if roots.is_empty() {
        return Err(TlsError::NoCertificate { path: files.file.clone() });
    }
    let builder = WebPkiClientVerifier::builder(Arc::new(roots));
    let builder = if files.required { builder } else { builder.allow_unauthenticated() };
    let verifier: Arc<dyn ClientCertVerifier> = builder.build().map_err(|error| failed(error.into()))?;
    Ok(verifier)
}
