//! A connection to a gateway, driven by a task that ends with it.

use std::sync::Arc;

use anyhow::{Context as _, bail};
use http::header::HOST;
use http::{HeaderValue, Request, Uri, Version};
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_util::task::AbortOnDropHandle;

use super::answer::Answer;
use super::body::{self, Body};

/// What is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// HTTP/1.1.
    Http1,
    /// HTTP/2: by ALPN over TLS, with prior knowledge otherwise.
    Http2,
}

/// An open connection.
pub(crate) struct Connection {
    sender: Sender,
    _driver: AbortOnDropHandle<()>,
}

enum Sender {
    Http1(http1::SendRequest<Body>),
    Http2(http2::SendRequest<Body>),
}

impl Connection {
    /// Connects to the origin of `url`.
    ///
    /// # Errors
    /// The URL names no origin, nobody listens there, or TLS and HTTP do not come about.
    pub(crate) async fn open(url: &Uri, protocol: Protocol) -> anyhow::Result<Self> {
        let host = url.host().context("the URL names no host")?;
        let secure = match url.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => bail!("the URL must begin with http:// or https://"),
        };
        let port = url.port_u16().unwrap_or(if secure { 443 } else { 80 });
        let address = host.trim_start_matches('[').trim_end_matches(']');
        let stream = TcpStream::connect((address, port)).await;
        let stream = stream.with_context(|| format!("cannot connect to {host}:{port}"))?;
        stream.set_nodelay(true)?;
        if !secure {
            return Self::speak(stream, protocol).await;
        }
        let name = ServerName::try_from(address.to_owned()).context("the host's name cannot be verified")?;
        let stream = TlsConnector::from(Arc::new(tls(protocol)?)).connect(name, stream).await;
        Self::speak(stream.with_context(|| format!("no TLS with {host}:{port}"))?, protocol).await
    }

    async fn speak<S>(stream: S, protocol: Protocol) -> anyhow::Result<Self>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let stream = TokioIo::new(stream);
        // The drivers end with their connections; what went wrong shows in the answer that is awaited.
        let (sender, driver) = match protocol {
            Protocol::Http1 => {
                let (sender, connection) = http1::handshake(stream).await.context("no HTTP/1.1")?;
                let driver = tokio::spawn(async move { drop(connection.await) });
                (Sender::Http1(sender), driver)
            }
            Protocol::Http2 => {
                let handshake = http2::Builder::new(TokioExecutor::new()).handshake(stream);
                let (sender, connection) = handshake.await.context("no HTTP/2")?;
                let driver = tokio::spawn(async move { drop(connection.await) });
                (Sender::Http2(sender), driver)
            }
        };
        Ok(Self { sender, _driver: AbortOnDropHandle::new(driver) })
    }

    /// Sends a request and waits for its answer, which may come before the request's end.
    ///
    /// # Errors
    /// The connection failed before the answer was complete, or the answer is no JSON.
    pub(crate) async fn send(&mut self, request: Request<Body>) -> anyhow::Result<Answer> {
        let response = match &mut self.sender {
            Sender::Http1(sender) => sender.send_request(in_origin_form(request)?).await,
            Sender::Http2(sender) => sender.send_request(of_http2(request)).await,
        };
        Answer::read(response.context("no answer came")?).await
    }

    /// Asks for a document.
    ///
    /// # Errors
    /// As [`Connection::send`].
    pub(crate) async fn get(&mut self, url: Uri) -> anyhow::Result<Answer> {
        let mut request = Request::new(body::none());
        *request.uri_mut() = url;
        self.send(request).await
    }
}

/// What HTTP/1.1 sends to an origin: the path alone, and the authority in `Host` (RFC 9112, 3.2.1).
fn in_origin_form(mut request: Request<Body>) -> anyhow::Result<Request<Body>> {
    let uri = std::mem::take(request.uri_mut());
    let authority = uri.authority().context("the URL names no host")?;
    request.headers_mut().insert(HOST, HeaderValue::from_str(authority.as_str())?);
    let path = uri.path_and_query().context("the URL has no path")?.clone();
    *request.uri_mut() = Uri::from(path);
    Ok(request)
}

fn of_http2(mut request: Request<Body>) -> Request<Body> {
    *request.version_mut() = Version::HTTP_2;
    request
}

/// Certificates are checked against the system's roots.
///
/// # Errors
/// The system has none that can be used.
fn tls(protocol: Protocol) -> anyhow::Result<ClientConfig> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = rustls::RootCertStore::empty();
    let (taken, _unreadable) = roots.add_parsable_certificates(found.certs);
    if taken == 0 {
        bail!("this system has no root certificates; SSL_CERT_FILE can name some");
    }
    let mut config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = match protocol {
        Protocol::Http1 => vec![b"http/1.1".to_vec()],
        Protocol::Http2 => vec![b"h2".to_vec()],
    };
    Ok(config)
}
