//! Tells cleartext HTTP/2 with prior knowledge from HTTP/1 by the client's first bytes (RFC 9113 section 3.4).
//!
//! The 24 bytes are read under a limit of our own: hyper-util's automatic builder waits for them for ever.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Buf as _, Bytes};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf};

use super::skip::Skip;

/// What every HTTP/2 client sends first.
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A connection whose first bytes were looked at; they are read again.
#[derive(Debug)]
pub(super) struct Peeked<I> {
    first: Bytes,
    io: I,
}

impl<I: AsyncRead + Unpin> Peeked<I> {
    /// Reads into `first` until the preface is there or cannot be any more, and says whether it is there. A connection that
    /// ends before is not HTTP/2. Who gives up waiting sees in `first` whether anything was said.
    ///
    /// # Errors
    /// Those of reading.
    pub(super) async fn look(mut io: I, first: &mut Vec<u8>) -> io::Result<(Self, bool)> {
        while first.len() < PREFACE.len() && PREFACE.starts_with(first) {
            let missing = PREFACE.len().saturating_sub(first.len());
            let most = u64::try_from(missing).unwrap_or(u64::MAX);
            if (&mut io).take(most).read_buf(first).await? == 0 {
                break;
            }
        }
        let http2 = first.as_slice() == PREFACE;
        Ok((Self { first: Bytes::from(std::mem::take(first)), io }, http2))
    }
}

impl<I: AsyncRead + Unpin> AsyncRead for Peeked<I> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.first.is_empty() {
            return Pin::new(&mut this.io).poll_read(cx, buf);
        }
        let taken = this.first.len().min(buf.remaining());
        buf.put_slice(&this.first.copy_to_bytes(taken));
        Poll::Ready(Ok(()))
    }
}

impl<I: Skip + Unpin> Skip for Peeked<I> {
    fn poll_skip(self: Pin<&mut Self>, cx: &mut Context<'_>, scratch: &mut [u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if this.first.is_empty() {
            return Pin::new(&mut this.io).poll_skip(cx, scratch);
        }
        let taken = this.first.len().min(scratch.len());
        this.first.advance(taken);
        Poll::Ready(Ok(taken))
    }
}

impl<I: AsyncWrite + Unpin> AsyncWrite for Peeked<I> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().io).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().io).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncWriteExt as _, duplex};

    use super::*;

    async fn looked_at(pieces: &[&[u8]]) -> (bool, Vec<u8>) {
        let (mut client, server) = duplex(1);
        let sent: Vec<Vec<u8>> = pieces.iter().map(|piece| piece.to_vec()).collect();
        let sending = async move {
            for piece in sent {
                client.write_all(&piece).await.expect("the server reads");
            }
        };
        let looking = async move {
            let (mut peeked, http2) = Peeked::look(server, &mut Vec::new()).await.expect("nothing fails");
            let mut all = Vec::new();
            peeked.read_to_end(&mut all).await.expect("nothing fails");
            (http2, all)
        };
        tokio::join!(sending, looking).1
    }

    #[tokio::test]
    async fn knows_the_preface_and_gives_every_byte_back() {
        let (http2, bytes) = looked_at(&[b"PRI * HTTP/2.0\r\n", b"\r\nSM\r\n\r\n", b"after"]).await;
        assert!(http2);
        assert_eq!(bytes, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nafter");
    }

    #[tokio::test]
    async fn takes_everything_else_for_http1() {
        for request in [&b"PUT /media/a HTTP/1.1\r\n\r\n"[..], b"PRI * HTTP/1.1\r\n\r\nabcdefgh", b"PRI", b""] {
            let (http2, bytes) = looked_at(&[request]).await;
            assert!(!http2, "{request:?}");
            assert_eq!(bytes, request);
        }
    }
}
