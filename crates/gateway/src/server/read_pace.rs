//! Lets a connection's reads grow slowly, so that large buffers go to uploads that are fast for a while.
//!
//! HTTP/1 only. hyper doubles its read buffer with each read that fills it, so that a client which sends one burst and then
//! nothing holds eight times what it needs; 200 of them were measured at 45 MiB, and at 30 MiB with this. Here a read gives
//! more only after several full ones: some twenty reads more for an upload of any size.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf, Take};

/// What a read gives at first, in bytes: a head and a small file.
const FIRST: u64 = 16 * 1024;
/// What a read gives at most; hyper's own limit is not above it.
const MOST: u64 = 256 * 1024;
/// Full reads before they grow.
const FULL_READS: u8 = 4;

/// A connection's IO.
#[derive(Debug)]
pub(super) struct ReadPace<I> {
    io: Take<I>,
    allowance: u64,
    full_reads: u8,
}

impl<I: AsyncRead> ReadPace<I> {
    /// Begins small.
    pub(super) fn new(io: I) -> Self {
        Self { io: io.take(FIRST), allowance: FIRST, full_reads: 0 }
    }
}

impl<I> ReadPace<I> {
    fn follow(&mut self, read: u64) {
        if read < self.allowance {
            self.full_reads = 0;
            // One that is nearly full says nothing: a network gives what has come.
            if read < self.allowance / 4 {
                self.allowance = (self.allowance / 2).max(FIRST);
            }
            return;
        }
        self.full_reads = self.full_reads.saturating_add(1);
        if self.full_reads >= FULL_READS {
            self.full_reads = 0;
            self.allowance = self.allowance.saturating_mul(2).min(MOST);
        }
    }
}

impl<I: AsyncRead + Unpin> ReadPace<I> {
    /// Reads at most `most` bytes, and no more than the pace allows.
    pub(super) fn poll_read_most(
        &mut self,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
        most: usize,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let limit = self.allowance.min(most as u64);
        self.io.set_limit(limit);
        ready!(Pin::new(&mut self.io).poll_read(cx, buf))?;
        let read = buf.filled().len().saturating_sub(before) as u64;
        // A read that was cut short by its caller says nothing of the client.
        if limit == self.allowance || read < limit {
            self.follow(read);
        }
        Poll::Ready(Ok(()))
    }
}

impl<I: AsyncRead + AsyncWrite + Unpin> AsyncWrite for ReadPace<I> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(self.get_mut().io.get_mut()).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(self.get_mut().io.get_mut()).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.get_ref().is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(self.get_mut().io.get_mut()).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(self.get_mut().io.get_mut()).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    /// What each read of a stream gives that has as many bytes at once as it is asked for.
    async fn reads(pace: &mut ReadPace<impl AsyncRead + Unpin>, count: usize) -> Vec<u64> {
        let mut buffer = vec![0; 1024 * 1024];
        let mut reads = Vec::new();
        for _ in 0..count {
            let mut buf = ReadBuf::new(&mut buffer);
            poll_fn(|cx| pace.poll_read_most(cx, &mut buf, usize::MAX)).await.expect("it never fails");
            reads.push(buf.filled().len() as u64);
        }
        reads
    }

    #[tokio::test]
    async fn a_fast_client_gets_large_reads_after_half_a_megabyte() {
        let mut pace = ReadPace::new(tokio::io::repeat(7));
        let kib: Vec<_> = reads(&mut pace, 20).await.into_iter().map(|read| read / 1024).collect();
        assert_eq!(kib, [16, 16, 16, 16, 32, 32, 32, 32, 64, 64, 64, 64, 128, 128, 128, 128, 256, 256, 256, 256]);
    }

    #[tokio::test]
    async fn a_burst_does_not_make_reads_grow() {
        let (mut client, server) = tokio::io::duplex(64 * 1024);
        let mut pace = ReadPace::new(server);
        for _ in 0..8 {
            tokio::io::AsyncWriteExt::write_all(&mut client, &[7; 40 * 1024]).await.expect("there is room");
            assert_eq!(reads(&mut pace, 3).await, [16 * 1024, 16 * 1024, 8 * 1024]);
        }
    }

    #[tokio::test]
    async fn reads_shrink_for_a_client_that_became_slow() {
        let (mut client, server) = tokio::io::duplex(1024 * 1024);
        let mut pace = ReadPace::new(server);
        tokio::io::AsyncWriteExt::write_all(&mut client, &[7; 192 * 1024]).await.expect("there is room");
        reads(&mut pace, 8).await;
        assert_eq!(pace.allowance, 64 * 1024);
        for _ in 0..2 {
            tokio::io::AsyncWriteExt::write_all(&mut client, &[7; 1024]).await.expect("there is room");
            reads(&mut pace, 1).await;
        }
        assert_eq!(pace.allowance, FIRST);
    }

    #[tokio::test]
    async fn the_end_is_the_end() {
        let mut pace = ReadPace::new(tokio::io::empty());
        assert_eq!(reads(&mut pace, 2).await, [0, 0]);
    }
}
