//! One connection from its acceptance to its end: handshake, and choice of protocol.

use std::net::SocketAddr;
use std::sync::Arc;

use futures::FutureExt as _;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use super::buffers::ConnectionBuffers;
use super::listener::{Listening, Places};
use super::preface::Peeked;
use super::tls::{HTTP2, client_certificate};
use super::{http1, http2};
use crate::app::ConnectionInfo;
use crate::fairuse::HeldBack;
use crate::metrics::Rejection;

/// A connection that was accepted.
pub(super) struct Accepted {
    pub(super) stream: TcpStream,
    pub(super) peer: SocketAddr,
    pub(super) buffers: ConnectionBuffers,
    pub(super) places: Places,
}

/// How a listener speaks.
#[derive(Clone)]
pub(super) enum Speaks {
    /// HTTP/1 in cleartext.
    Http1,
    /// Either, in cleartext: the first bytes decide.
    Either,
    /// TLS: ALPN decides.
    Tls(TlsAcceptor),
}

/// A connection beside its IO.
pub(super) struct Connection {
    pub(super) info: ConnectionInfo,
    pub(super) listening: Arc<Listening>,
    pub(super) places: Places,
}

/// Serves a connection until it ends.
pub(super) async fn serve(accepted: Accepted, listener: usize, speaks: Speaks, listening: Arc<Listening>) {
    let Accepted { stream, peer, buffers, places } = accepted;
    let tls = matches!(speaks, Speaks::Tls(_));
    let (certificate, held_back) = (None, HeldBack::default());
    let info = ConnectionInfo { peer, listener, tls, http2: false, held_back, certificate };
    let connection = Connection { info, listening, places };
    // Boxed apart: a task is as large as its largest branch, and thousands of slow uploads pay for it.
    match speaks {
        Speaks::Http1 => http1::serve(connection, stream, buffers).boxed().await,
        Speaks::Either => either(connection, stream, buffers).boxed().await,
        Speaks::Tls(acceptor) => tls_first(connection, stream, buffers, acceptor).boxed().await,
    }
}

async fn either(connection: Connection, stream: TcpStream, buffers: ConnectionBuffers) {
    let mut first = Vec::new();
    match timeout(connection.listening.timeouts.head, Peeked::look(stream, &mut first)).await {
        Ok(Ok((io, true))) => http2::serve(connection, io, buffers).boxed().await,
        Ok(Ok((io, false))) => http1::serve(connection, io, buffers).boxed().await,
        Ok(Err(error)) => tracing::debug!(peer = %connection.info.peer, %error, "connection ended"),
        // A silent connection is nothing worth counting.
        Err(_) if first.is_empty() => {}
        Err(_) => connection.listening.metrics.rejected(Rejection::HeadTooSlow),
    }
}

async fn tls_first(mut connection: Connection, stream: TcpStream, buffers: ConnectionBuffers, acceptor: TlsAcceptor) {
    let accepted = timeout(connection.listening.timeouts.head, acceptor.accept(stream)).boxed().await;
    if let Ok(Ok(io)) = &accepted {
        connection.info.certificate = client_certificate(io.get_ref().1);
    }
    match accepted {
        Ok(Ok(io)) if io.get_ref().1.alpn_protocol() == Some(HTTP2) => {
            http2::serve(connection, io, buffers).boxed().await;
        }
        Ok(Ok(io)) => http1::serve(connection, io, buffers).boxed().await,
        Ok(Err(error)) => {
            connection.listening.metrics.rejected(Rejection::TlsHandshake);
            tracing::debug!(peer = %connection.info.peer, %error, "TLS handshake failed");
        }
        Err(_) => connection.listening.metrics.rejected(Rejection::TlsHandshake),
    }
}
