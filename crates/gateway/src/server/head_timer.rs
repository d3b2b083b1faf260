//! Ends connections whose next head does not come: silent ones, idle ones, and those that send a head byte by byte.
//!
//! HTTP/1 only. It stands where bytes come in, because between two requests the limit is `timeouts.keep-alive`, and from a
//! request's first byte it is `timeouts.head`; hyper knows one limit for both.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};

use super::activity::Activity;

/// How long a connection may wait.
#[derive(Debug, Clone, Copy)]
pub(super) struct HeadLimits {
    /// For the first byte of a connection, and from a head's first byte to its end.
    pub(super) head: Duration,
    /// For the first byte of a further request.
    pub(super) keep_alive: Duration,
}

/// Why a connection was ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum HeadTimeout {
    /// Nothing was said.
    #[error("the connection was silent")]
    Silent,
    /// A head was begun and not ended.
    #[error("the head did not end in time")]
    HeadTooSlow,
}

/// A connection's IO under these limits.
#[derive(Debug)]
pub(super) struct HeadTimer<I> {
    io: I,
    limits: HeadLimits,
    activity: Arc<Activity>,
    phase: Phase,
    deadline: Pin<Box<Sleep>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// The next byte begins a head.
    Awaiting,
    /// A head is coming in.
    Head,
    /// A request is under way: bytes are its body's and have limits of their own.
    Serving,
}

impl<I> HeadTimer<I> {
    /// Starts with the wait for the connection's first byte.
    pub(super) fn new(io: I, limits: HeadLimits, activity: Arc<Activity>) -> Self {
        Self { io, limits, activity, phase: Phase::Awaiting, deadline: Box::pin(sleep(limits.head)) }
    }

    fn enter(&mut self, phase: Phase, limit: Duration) {
        self.phase = phase;
        self.deadline.as_mut().reset(Instant::now() + limit);
    }

    fn follow_requests(&mut self) {
        if self.activity.is_busy() {
            self.phase = Phase::Serving;
        } else if self.phase == Phase::Serving {
            self.enter(Phase::Awaiting, self.limits.keep_alive);
        }
    }

    fn poll_deadline(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        let why = match self.phase {
            Phase::Serving => return Poll::Pending,
            Phase::Awaiting => HeadTimeout::Silent,
            Phase::Head => HeadTimeout::HeadTooSlow,
        };
        ready!(self.deadline.as_mut().poll(cx));
        Poll::Ready(io::Error::new(io::ErrorKind::TimedOut, why))
    }
}

impl<I: AsyncRead + Unpin> AsyncRead for HeadTimer<I> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.follow_requests();
        let before = buf.filled().len();
        match Pin::new(&mut this.io).poll_read(cx, buf) {
            Poll::Ready(Ok(())) => {
                if this.phase == Phase::Awaiting && buf.filled().len() > before {
                    this.enter(Phase::Head, this.limits.head);
                }
                Poll::Ready(Ok(()))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending => this.poll_deadline(cx).map(Err),
        }
    }
}

impl<I: AsyncWrite + Unpin> AsyncWrite for HeadTimer<I> {
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
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
    use tokio::time::advance;

    use super::*;

    const LIMITS: HeadLimits = HeadLimits { head: Duration::from_secs(10), keep_alive: Duration::from_secs(60) };

    fn connection() -> (DuplexStream, HeadTimer<DuplexStream>, Arc<Activity>) {
        let (client, server) = duplex(1024);
        let activity = Arc::new(Activity::default());
        (client, HeadTimer::new(server, LIMITS, Arc::clone(&activity)), activity)
    }

    async fn why_it_ends(timer: &mut HeadTimer<DuplexStream>) -> (HeadTimeout, Duration) {
        let began = Instant::now();
        let error = timer.read_u8().await.expect_err("nothing is sent");
        let why = error.get_ref().and_then(|inner| inner.downcast_ref::<HeadTimeout>());
        (*why.expect("the timer ended it"), began.elapsed())
    }

    #[tokio::test(start_paused = true)]
    async fn ends_a_silent_connection_after_the_head_limit() {
        let (_client, mut timer, _) = connection();
        let (why, waited) = why_it_ends(&mut timer).await;
        assert_eq!(why, HeadTimeout::Silent);
        assert!(waited >= LIMITS.head && waited < LIMITS.head + Duration::from_secs(1), "{waited:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn counts_a_head_from_its_first_byte_and_not_from_its_last() {
        let (mut client, mut timer, _) = connection();
        advance(Duration::from_secs(8)).await;
        client.write_all(b"PU").await.expect("the buffer has room");
        timer.read_u8().await.expect("the first byte is there");
        advance(Duration::from_secs(8)).await;
        timer.read_u8().await.expect("the second byte is there");
        let (why, waited) = why_it_ends(&mut timer).await;
        assert_eq!(why, HeadTimeout::HeadTooSlow);
        assert!(waited <= Duration::from_secs(2) + Duration::from_millis(10), "{waited:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn lets_a_body_take_its_time_and_an_idle_connection_the_keep_alive_limit() {
        let (mut client, mut timer, activity) = connection();
        let request = activity.begin();
        let reading = async {
            timer.read_u8().await.expect("the body comes at last");
            timer
        };
        let sending = async {
            tokio::time::sleep(Duration::from_secs(500)).await;
            client.write_all(b"x").await.expect("the buffer has room");
        };
        let (mut timer, ()) = tokio::join!(reading, sending);
        drop(request);
        let (why, waited) = why_it_ends(&mut timer).await;
        assert_eq!(why, HeadTimeout::Silent);
        assert!(waited >= LIMITS.keep_alive, "{waited:?}");
    }
}
