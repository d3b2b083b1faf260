//! Bytes that nobody wants, taken out of a connection without a look at them.
//!
//! In a flood of refused uploads their bodies are most of what comes. The kernel can drop what lies in a TCP socket without copying
//! it; TLS must be read, as only its end tells where the next request begins.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, Interest, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

/// A connection of which a part can be passed over.
pub(super) trait Skip: AsyncRead {
    /// Passes over what has come, as much of it as the scratch is long, whose bytes mean nothing before and after; 0 at the end.
    fn poll_skip(self: Pin<&mut Self>, cx: &mut Context<'_>, scratch: &mut [u8]) -> Poll<io::Result<usize>>;
}

impl Skip for TcpStream {
    #[cfg(target_os = "linux")]
    fn poll_skip(self: Pin<&mut Self>, cx: &mut Context<'_>, scratch: &mut [u8]) -> Poll<io::Result<usize>> {
        use rustix::net::{RecvFlags, recv};
        loop {
            ready!(self.poll_read_ready(cx))?;
            // With MSG_TRUNC, Linux drops the bytes in place of copying them (tcp(7)).
            let skipped = self.try_io(Interest::READABLE, || {
                let (_, skipped) = recv(&*self, &mut *scratch, RecvFlags::TRUNC)?;
                Ok(skipped)
            });
            match skipped {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                skipped => return Poll::Ready(skipped),
            }
        }
    }

    #[cfg(not(target_os = "linux"))]
    fn poll_skip(self: Pin<&mut Self>, cx: &mut Context<'_>, scratch: &mut [u8]) -> Poll<io::Result<usize>> {
        poll_read_over(self, cx, scratch)
    }
}

impl Skip for TlsStream<TcpStream> {
    fn poll_skip(self: Pin<&mut Self>, cx: &mut Context<'_>, scratch: &mut [u8]) -> Poll<io::Result<usize>> {
        poll_read_over(self, cx, scratch)
    }
}

#[cfg(test)]
impl Skip for tokio::io::DuplexStream {
    fn poll_skip(self: Pin<&mut Self>, cx: &mut Context<'_>, scratch: &mut [u8]) -> Poll<io::Result<usize>> {
        poll_read_over(self, cx, scratch)
    }
}

fn poll_read_over<I: AsyncRead>(io: Pin<&mut I>, cx: &mut Context<'_>, scratch: &mut [u8]) -> Poll<io::Result<usize>> {
    let mut into = ReadBuf::new(scratch);
    ready!(io.poll_read(cx, &mut into))?;
    Poll::Ready(Ok(into.filled().len()))
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::net::Ipv4Addr;

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn passes_over_so_many_bytes_of_a_socket_and_not_one_more() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
        let client = TcpStream::connect(listener.local_addr().expect("it is bound"));
        let (client, server) = tokio::join!(client, listener.accept());
        let (mut client, mut server) = (client.expect("a connection"), server.expect("a connection").0);
        client.write_all(b"refused-body").await.expect("there is room");
        client.write_all(b"NEXT").await.expect("there is room");
        let mut left = "refused-body".len();
        while left > 0 {
            let scratch = &mut [0; 5][..left.min(5)];
            let skipped = poll_fn(|cx| Pin::new(&mut server).poll_skip(cx, scratch)).await.expect("it is open");
            assert!(skipped > 0 && skipped <= scratch.len());
            left -= skipped;
        }
        let mut next = [0; 4];
        server.read_exact(&mut next).await.expect("it is open");
        assert_eq!(&next, b"NEXT");
        let mut waiting = Box::pin(poll_fn(|cx| Pin::new(&mut server).poll_skip(cx, &mut [0; 5])));
        assert!(futures::poll!(&mut waiting).is_pending(), "nothing came");
        drop(client);
        assert_eq!(waiting.await.expect("it ended well"), 0);
    }
}
