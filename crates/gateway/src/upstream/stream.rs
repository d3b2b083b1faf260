//! A connection to an upstream, with or without TLS, that knows how it was used.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use futures::task::noop_waker_ref;
use hyper_util::client::legacy::connect::{Connected, Connection};
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

/// A connection to an upstream.
#[derive(Debug)]
pub(crate) struct UpstreamStream {
    channel: Channel,
    usage: Usage,
}

#[derive(Debug)]
enum Channel {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl UpstreamStream {
    pub(super) fn plain(tcp: TcpStream) -> Self {
        Self { channel: Channel::Plain(tcp), usage: Usage::default() }
    }

    pub(super) fn tls(tls: TlsStream<TcpStream>) -> Self {
        Self { channel: Channel::Tls(Box::new(tls)), usage: Usage::default() }
    }

    /// Whether an idle connection can carry another request: it is open and holds no unread byte. Bytes that came while
    /// it was idle would be read as the next answer, so such a connection is as good as closed.
    pub(super) fn is_alive(&mut self) -> bool {
        match &mut self.channel {
            Channel::Plain(tcp) => is_silent(tcp),
            Channel::Tls(tls) => {
                // Session tickets may lie in the socket; only TLS can tell them from data and from a closure.
                let mut byte = [0_u8; 1];
                let mut context = Context::from_waker(noop_waker_ref());
                is_open(tls.get_ref().0)
                    && Pin::new(tls).poll_read(&mut context, &mut ReadBuf::new(&mut byte)).is_pending()
            }
        }
    }

    /// The first write after an answer asks the kernel whether the peer has closed in the meantime: then nothing is written, and
    /// any request may be sent again elsewhere.
    fn poll_write_checked(
        mut self: Pin<&mut Self>,
        write: impl FnOnce(Pin<&mut dyn Io>) -> Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        if self.usage.is_idle() && !is_open(self.tcp()) {
            self.usage.found_closed();
            return Poll::Ready(Err(io::ErrorKind::NotConnected.into()));
        }
        let written = write(self.as_mut().channel());
        if matches!(written, Poll::Ready(Ok(_))) {
            self.usage.wrote();
        }
        written
    }

    fn tcp(&self) -> &TcpStream {
        match &self.channel {
            Channel::Plain(tcp) => tcp,
            Channel::Tls(tls) => tls.get_ref().0,
        }
    }

    fn channel(self: Pin<&mut Self>) -> Pin<&mut dyn Io> {
        match &mut self.get_mut().channel {
            Channel::Plain(tcp) => Pin::new(tcp),
            Channel::Tls(tls) => Pin::new(tls),
        }
    }
}

trait Io: AsyncRead + AsyncWrite + Unpin {}
impl Io for TcpStream {}
impl Io for Box<TlsStream<TcpStream>> {}

/// Asks the kernel and not tokio's readiness, which may not have heard of a closure yet.
fn peek(tcp: &TcpStream) -> io::Result<usize> {
    SockRef::from(tcp).peek(&mut [std::mem::MaybeUninit::uninit(); 1])
}

/// Open, and nothing unread.
fn is_silent(tcp: &TcpStream) -> bool {
    peek(tcp).is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
}

/// Open, or with unread bytes before its end.
fn is_open(tcp: &TcpStream) -> bool {
    match peek(tcp) {
        Ok(unread) => unread > 0,
        Err(error) => error.kind() == io::ErrorKind::WouldBlock,
    }
}

impl AsyncRead for UpstreamStream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.channel().poll_read(cx, buf)
    }
}

impl AsyncWrite for UpstreamStream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_checked(|channel| channel.poll_write(cx, buf))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_checked(|channel| channel.poll_write_vectored(cx, bufs))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.channel().poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.channel().poll_shutdown(cx)
    }
}

impl Connection for UpstreamStream {
    fn connected(&self) -> Connected {
        Connected::new().extra(self.usage.clone())
    }
}

/// What is known of a connection's use, readable when the client library has already thrown the connection away. It tells a
/// connection that died in the pool, before a byte of the next request was written, from one that died with a request on it.
///
/// The number of writes in the upper bits, [`IDLE`] and [`STALE`] in the lower: an answer that was read to its end makes the
/// connection idle only if nobody has written to it since the answer's head came.
#[derive(Debug, Clone, Default)]
pub(super) struct Usage(Arc<AtomicU64>);

/// The last answer was read to its end, and nothing was written since.
const IDLE: u64 = 1;

/// The connection was found closed while it was idle.
const STALE: u64 = 2;

/// One write.
const WRITE: u64 = 4;

impl Usage {
    /// The state when an answer's head came, for [`Usage::answered`].
    pub(super) fn now(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// The answer whose head came at `then` was read to its end.
    pub(super) fn answered(&self, then: u64) {
        // When another request already writes, the connection is not idle, and nothing is to be noted.
        let _noted = self.0.compare_exchange(then, then | IDLE, Ordering::Relaxed, Ordering::Relaxed);
    }

    /// Whether nothing was written since the last complete answer: a request that failed here was never sent.
    pub(super) fn died_idle(&self) -> bool {
        self.now() & (IDLE | STALE) != 0
    }

    fn is_idle(&self) -> bool {
        self.now() & IDLE != 0
    }

    fn found_closed(&self) {
        self.0.fetch_or(STALE, Ordering::Relaxed);
    }

    fn wrote(&self) {
        let count = |value: u64| Some((value & !(IDLE | STALE)).wrapping_add(WRITE));
        let _always = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, count);
    }
}
