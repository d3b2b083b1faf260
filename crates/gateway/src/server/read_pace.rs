//! Lets a connection's reads grow slowly, and only as far as the budget pays, so that large buffers go to uploads that are fast for
//! a while.
//!
//! HTTP/1 only. hyper doubles its read buffer with each read that fills it, so that a client which sends one burst and then
//! nothing holds eight times what it needs; 200 of them were measured at 45 MiB, and at 30 MiB with this. Here a read gives
//! more only after several full ones: some twenty reads more for an upload of any size.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf, Take};

use super::buffers::{ConnectionBuffers, FIRST_READ, MOST_READ};

/// Full reads before they grow. The first is different: it is a head and the beginning of a small file.
const FULL_READS: u8 = 4;

/// A connection's IO.
#[derive(Debug)]
pub(super) struct ReadPace<I> {
    io: Take<I>,
    buffers: ConnectionBuffers,
    allowance: usize,
    /// The largest allowance that was paid for.
    paid: usize,
    full_reads: u8,
}

impl<I: AsyncRead> ReadPace<I> {
    /// Begins small.
    pub(super) fn new(io: I, buffers: ConnectionBuffers) -> Self {
        Self { io: io.take(0), buffers, allowance: FIRST_READ, paid: FIRST_READ, full_reads: 0 }
    }
}

impl<I> ReadPace<I> {
    /// Pays for bytes that are held back; false if the budget cannot.
    pub(super) fn hold(&mut self, len: usize) -> bool {
        self.buffers.hold(len)
    }

    fn follow(&mut self, read: usize) {
        if read < self.allowance {
            self.full_reads = 0;
            // One that is nearly full says nothing: a network gives what has come.
            if read < self.allowance / 4 {
                self.allowance = (self.allowance / 2).max(FIRST_READ);
            }
            return;
        }
        self.full_reads = self.full_reads.saturating_add(1);
        if self.full_reads >= FULL_READS || self.allowance == FIRST_READ {
            self.full_reads = 0;
            self.grow();
        }
    }

    fn grow(&mut self) {
        let wanted = self.allowance.saturating_mul(2).min(MOST_READ);
        if wanted > self.paid {
            if !self.buffers.grow_reads(self.paid, wanted) {
                return;
            }
            self.paid = wanted;
        }
        self.allowance = wanted;
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
        let limit = self.allowance.min(most);
        self.io.set_limit(limit as u64);
        ready!(Pin::new(&mut self.io).poll_read(cx, buf))?;
        let read = buf.filled().len().saturating_sub(before);
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
    use std::sync::Arc;

    use super::*;
    use crate::budget::Budget;

    fn pace<I: AsyncRead>(io: I, budget: &Arc<Budget>) -> ReadPace<I> {
        ReadPace::new(io, ConnectionBuffers::take(budget, false).expect("memory is free"))
    }

    /// What each read of a stream gives that has as many bytes at once as it is asked for, in KiB.
    async fn reads(pace: &mut ReadPace<impl AsyncRead + Unpin>, count: usize) -> Vec<usize> {
        let mut buffer = vec![0; 1024 * 1024];
        let mut reads = Vec::new();
        for _ in 0..count {
            let mut buf = ReadBuf::new(&mut buffer);
            poll_fn(|cx| pace.poll_read_most(cx, &mut buf, usize::MAX)).await.expect("it never fails");
            reads.push(buf.filled().len() / 1024);
        }
        reads
    }

    #[tokio::test]
    async fn a_fast_client_gets_large_reads_after_half_a_megabyte() {
        let mut pace = pace(tokio::io::repeat(7), &Budget::new(1 << 20));
        let reads = reads(&mut pace, 20).await;
        assert_eq!(reads, [8, 16, 16, 16, 16, 32, 32, 32, 32, 64, 64, 64, 64, 128, 128, 128, 128, 256, 256, 256]);
    }

    #[tokio::test]
    async fn reads_grow_only_as_far_as_the_budget_pays() {
        let budget = Budget::new(160 << 10);
        let mut pace = pace(tokio::io::repeat(7), &budget);
        assert_eq!(reads(&mut pace, 40).await.last(), Some(&32));
        assert_eq!(budget.used(), (64 + 4) << 10);
        drop(pace);
        assert_eq!(budget.used(), 0);
    }

    #[tokio::test]
    async fn a_burst_does_not_make_reads_grow() {
        let (mut client, server) = tokio::io::duplex(64 * 1024);
        let mut pace = pace(server, &Budget::new(1 << 20));
        for round in 0..8 {
            tokio::io::AsyncWriteExt::write_all(&mut client, &[7; 36 * 1024]).await.expect("there is room");
            let expected: &[usize] = if round == 0 { &[8, 16, 12] } else { &[16, 16, 4] };
            assert_eq!(reads(&mut pace, 3).await, expected);
        }
    }

    #[tokio::test]
    async fn reads_shrink_for_a_client_that_became_slow() {
        let (mut client, server) = tokio::io::duplex(1024 * 1024);
        let mut pace = pace(server, &Budget::new(1 << 20));
        tokio::io::AsyncWriteExt::write_all(&mut client, &[7; 200 * 1024]).await.expect("there is room");
        reads(&mut pace, 9).await;
        assert_eq!(pace.allowance, 64 * 1024);
        for _ in 0..3 {
            tokio::io::AsyncWriteExt::write_all(&mut client, &[7; 1024]).await.expect("there is room");
            reads(&mut pace, 1).await;
        }
        assert_eq!(pace.allowance, FIRST_READ);
    }

    #[tokio::test]
    async fn the_end_is_the_end() {
        let mut pace = pace(tokio::io::empty(), &Budget::new(1 << 20));
        assert_eq!(reads(&mut pace, 2).await, [0, 0]);
    }
}
