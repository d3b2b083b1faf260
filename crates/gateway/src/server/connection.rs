//! One connection from its acceptance to its end: handshake, choice of protocol, hyper, and when to stop.

use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt as _;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use super::activity::Activity;
use super::buffers::{ConnectionBuffers, HYPERS_BUFFER, WindowBuffers};
use super::gate::{Gate, GateTimes, HeadTimes, Slot};
use super::listener::{Listening, Places};
use super::preface::Peeked;
use super::skip::Skip;
use super::stack::{Guard, request_stack};
use super::tls::{HTTP2, client_certificate};
use crate::app::ConnectionInfo;
use crate::fairuse::HeldBack;
use crate::metrics::Rejection;
use wire::http1::gate::HeadLimits;

/// Streams of one HTTP/2 connection that the gateway itself resets, because their client broke the protocol, before it ends the
/// connection. An honest client breaks it hardly ever.
const LOCAL_RESETS: usize = 128;
/// Answers are small: what HTTP/2 may hold of each until the client takes it.
const SEND_BUFFER: usize = 16 * 1024;
/// How often HTTP/2 asks whether a quiet client is still there, and how long it waits for the answer.
const PING: Duration = Duration::from_secs(20);

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

/// Serves a connection until it ends.
pub(super) async fn serve(accepted: Accepted, listener: usize, speaks: Speaks, listening: Arc<Listening>) {
    let Accepted { stream, peer, buffers, places } = accepted;
    let tls = matches!(speaks, Speaks::Tls(_));
    let (certificate, held_back) = (None, HeldBack::default());
    let info = ConnectionInfo { peer, listener, tls, http2: false, held_back, certificate };
    let connection = Connection { info, activity: Arc::default(), listening, _places: places };
    // Boxed apart: a task is as large as its largest branch, and thousands of slow uploads pay for it.
    match speaks {
        Speaks::Http1 => connection.http1(stream, buffers).boxed().await,
        Speaks::Either => connection.either(stream, buffers).boxed().await,
        Speaks::Tls(acceptor) => connection.tls(stream, buffers, acceptor).boxed().await,
    }
}

struct Connection {
    info: ConnectionInfo,
    activity: Arc<Activity>,
    listening: Arc<Listening>,
    _places: Places,
}

impl Connection {
    async fn either(self, stream: TcpStream, buffers: ConnectionBuffers) {
        let mut first = Vec::new();
        match timeout(self.listening.timeouts.head, Peeked::look(stream, &mut first)).await {
            Ok(Ok((io, true))) => self.http2(io, buffers).boxed().await,
            Ok(Ok((io, false))) => self.http1(io, buffers).boxed().await,
            Ok(Err(error)) => tracing::debug!(peer = %self.info.peer, %error, "connection ended"),
            // A silent connection is nothing worth counting.
            Err(_) if first.is_empty() => {}
            Err(_) => self.listening.metrics.rejected(Rejection::HeadTooSlow),
        }
    }

    async fn tls(mut self, stream: TcpStream, buffers: ConnectionBuffers, acceptor: TlsAcceptor) {
        let accepted = timeout(self.listening.timeouts.head, acceptor.accept(stream)).boxed().await;
        if let Ok(Ok(io)) = &accepted {
            self.info.certificate = client_certificate(io.get_ref().1);
        }
        match accepted {
            Ok(Ok(io)) if io.get_ref().1.alpn_protocol() == Some(HTTP2) => self.http2(io, buffers).boxed().await,
            Ok(Ok(io)) => self.http1(io, buffers).boxed().await,
            Ok(Err(error)) => {
                self.listening.metrics.rejected(Rejection::TlsHandshake);
                tracing::debug!(peer = %self.info.peer, %error, "TLS handshake failed");
            }
            Err(_) => self.listening.metrics.rejected(Rejection::TlsHandshake),
        }
    }

    async fn http1<I>(self, io: I, buffers: ConnectionBuffers)
    where
        I: Skip + AsyncWrite + Unpin + Send + std::fmt::Debug + 'static,
    {
        let listening = Arc::clone(&self.listening);
        let limits = &listening.limits;
        let times = HeadTimes { head: listening.timeouts.head, keep_alive: listening.timeouts.keep_alive };
        let heads = HeadLimits {
            bytes: limits.head_size,
            line: limits.head_line,
            fields: limits.head_fields,
            target: limits.target_size,
        };
        let slot = Slot::default();
        // Everything that an HTTP/1 client sends passes here.
        let times = GateTimes { heads: times, write: listening.timeouts.idle };
        let io = Gate::new(io, buffers, heads, times, listening.gate.clone(), slot.clone());
        let mut builder = hyper::server::conn::http1::Builder::new();
        builder
            // A client that has sent its body may shut its sending side and still wait for the answer.
            .half_close(true)
            // What hyper reads are the fixed heads of the gate.
            .max_buf_size(HYPERS_BUFFER)
            // The gate has both limits; hyper would use one for both.
            .header_read_timeout(None);
        let service = TowerToHyperService::new(self.stack(Guard::Gate(slot)));
        let served = self.until_end(pin!(builder.serve_connection(TokioIo::new(io), service)), None).await;
        self.note(served);
    }

    async fn http2<I>(mut self, io: I, buffers: ConnectionBuffers)
    where
        I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let listening = Arc::clone(&self.listening);
        let (paid, windows) = WindowBuffers::new(buffers, &listening.promises);
        self.info.http2 = true;
        let mut builder = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
        builder
            .timer(TokioTimer::new())
            .max_concurrent_streams(listening.limits.streams)
            .max_pending_accept_reset_streams(listening.limits.resets)
            .max_local_error_reset_streams(Some(LOCAL_RESETS))
            .initial_connection_window_size(windows.connection)
            .initial_stream_window_size(windows.stream)
            .max_header_list_size(u32::try_from(listening.limits.head_size).unwrap_or(u32::MAX))
            .max_send_buf_size(SEND_BUFFER)
            .keep_alive_interval(PING)
            .keep_alive_timeout(PING);
        let times = HeadTimes { head: listening.timeouts.head, keep_alive: listening.timeouts.keep_alive };
        let service = TowerToHyperService::new(self.stack(Guard::Windows(paid)));
        let served = self.until_end(pin!(builder.serve_connection(TokioIo::new(io), service)), Some(times)).await;
        self.note(served);
    }

    fn stack(&self, guard: Guard) -> super::stack::RequestStack {
        let handler = Arc::clone(&self.listening.handler);
        request_stack(handler, self.info.clone(), &self.activity, self.listening.draining.clone(), guard)
    }

    /// Drives a connection to its end: as its client wants, or from the moment when it shall take no further request, or at once
    /// when the process ends.
    async fn until_end<C: Served>(
        &self,
        mut connection: Pin<&mut C>,
        idle: Option<HeadTimes>,
    ) -> Result<(), hyper::Error> {
        tokio::select! {
            served = connection.as_mut() => return served,
            () = self.takes_no_more(idle) => {}
            () = self.listening.killing.cancelled() => return Ok(()),
        }
        connection.as_mut().finish();
        tokio::select! {
            served = connection => served,
            () = self.is_left_alone() => Ok(()),
            () = self.listening.killing.cancelled() => Ok(()),
        }
    }

    /// Returns when no request was under way for so long that a client which takes no further answers is not waited for: it may
    /// have closed its window and go on answering pings for ever.
    async fn is_left_alone(&self) {
        loop {
            let busy = self.activity.is_busy();
            tokio::select! {
                () = self.activity.changed() => {}
                () = tokio::time::sleep(self.listening.timeouts.head), if !busy => return,
            }
        }
    }

    /// Returns when the connection shall take no further request: at the end of a drain; during one, when a request is under way
    /// or came since, which thus is the last; and when it was idle for too long, if `idle` says how long that is.
    async fn takes_no_more(&self, idle: Option<HeadTimes>) {
        let Listening { draining, closing, .. } = &*self.listening;
        let mut begun_before_drain = None;
        loop {
            let busy = self.activity.is_busy();
            let begun = self.activity.begun();
            if draining.is_cancelled() {
                let before = *begun_before_drain.get_or_insert(begun);
                if busy || begun > before {
                    return;
                }
            }
            let limit = idle.map(|times| if begun == 0 { times.head } else { times.keep_alive });
            tokio::select! {
                () = closing.cancelled() => return,
                () = draining.cancelled(), if !draining.is_cancelled() => {}
                // Otherwise it makes no difference, and looking at it would cost each request.
                () = self.activity.changed(), if limit.is_some() || draining.is_cancelled() => {}
                () = tokio::time::sleep(limit.unwrap_or_default()), if limit.is_some() && !busy => return,
            }
        }
    }

    fn note(&self, served: Result<(), hyper::Error>) {
        let Err(error) = served else { return };
        if error.is_parse() {
            // The gate is stricter than hyper's parser; this is for what it might have missed.
            self.listening.metrics.rejected(Rejection::MalformedHead);
        }
        tracing::debug!(peer = %self.info.peer, %error, "connection ended");
    }
}

/// A connection of either protocol.
trait Served: Future<Output = Result<(), hyper::Error>> {
    /// Answers what was begun and takes nothing further.
    fn finish(self: Pin<&mut Self>);
}

type Service = TowerToHyperService<super::stack::RequestStack>;

impl<I> Served for hyper::server::conn::http1::Connection<I, Service>
where
    I: hyper::rt::Read + hyper::rt::Write + Unpin + 'static,
{
    fn finish(self: Pin<&mut Self>) {
        self.graceful_shutdown();
    }
}

impl<I> Served for hyper::server::conn::http2::Connection<I, Service, TokioExecutor>
where
    I: hyper::rt::Read + hyper::rt::Write + Unpin + 'static,
{
    fn finish(self: Pin<&mut Self>) {
        self.graceful_shutdown();
    }
}
