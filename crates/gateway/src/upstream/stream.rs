//! A connection to an upstream, with or without TLS, that knows how it was used.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
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

fn is_silent(tcp: &TcpStream) -> bool {
    peek(tcp).is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
}

fn is_open(tcp: &TcpStream) -> bool {
    match peek(tcp) {
        Ok(unread) => unread > 0,
        Err(error) => error.kind() == io::ErrorKind::WouldBlock,
    }
}

impl AsyncRead for UpstreamStream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let result = self.as_mut().channel().poll_read(cx, buf);
        if buf.filled().len() > before {
            self.usage.0.store(true, Ordering::Relaxed);
        }
        result
    }
}

impl AsyncWrite for UpstreamStream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.channel().poll_write(cx, buf)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.channel().poll_write_vectored(cx, bufs)
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

/// Whether a connection ever gave an answer byte, readable when the client library has already thrown the connection away: a
/// request that was never written to a connection with an earlier answer met a connection that died in the pool.
#[derive(Debug, Clone, Default)]
pub(super) struct Usage(Arc<AtomicBool>);

impl Usage {
    pub(super) fn has_answered(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
