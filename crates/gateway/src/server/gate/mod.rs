//! Stands between an HTTP/1 connection and hyper: hands over only heads that passed `wire::http1::gate`, and of a body exactly
//! the bytes that its framing gives it. It also keeps the time until a head is complete, which hyper cannot: between two
//! requests the limit is `timeouts.keep-alive`, and from a request's first byte it is `timeouts.head`.
//!
//! A head that is refused never reaches hyper. A fixed one does in its place, so that the refusal is answered in its turn and
//! like any other, with problem and upload id; nothing that follows on the connection is read as a request. The bytes that the
//! client is still sending are discarded for a while when the connection closes, as it would lose the answer to a reset.

#[cfg(test)]
mod tests;

use std::io;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf as _, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};
use wire::http1::RequestFraming;
use wire::http1::gate::{BodyError, BodyFollower, HeadLimits, HeadReader, PassedHead};

use super::read_pace::ReadPace;
use crate::ingress::drain::{MAX_BYTES, MAX_TIME};
use crate::ingress::refused::RefusedHead;

/// Most bytes read while looking for the end of a head or of a chunked body: so many at most are held back because they belong
/// to the next request.
const AHEAD: usize = 16 * 1024;

/// Of the bytes held back, what the connection paid for when it was accepted: a head that came in two pieces, or the beginning of
/// the next request.
pub(super) const COVERED: usize = 4 * 1024;

/// What hyper reads in the place of a head that was refused. It is never routed.
const SUBSTITUTE: &[u8] = b"GET / HTTP/1.1\r\nHost: refused.invalid\r\nConnection: close\r\n\r\n";

/// Read at once of what is discarded.
const SCRATCH: usize = 4 * 1024;

/// How long a connection may wait.
#[derive(Debug, Clone, Copy)]
pub(super) struct HeadTimes {
    /// For the first byte of a connection, and from a head's first byte to its end.
    pub(super) head: Duration,
    /// For the first byte of a further request.
    pub(super) keep_alive: Duration,
}

/// Every limit in time that the gate keeps.
#[derive(Debug, Clone, Copy)]
pub(super) struct GateTimes {
    /// For heads.
    pub(super) heads: HeadTimes,
    /// For the client to take a part of what is written to it.
    pub(super) write: Duration,
}

/// Why the last head of a connection was refused, once it was.
pub(super) type Refusal = Arc<OnceLock<RefusedHead>>;

/// A connection's IO behind the gate.
#[derive(Debug)]
pub(super) struct Gate<I> {
    io: ReadPace<I>,
    limits: HeadLimits,
    times: HeadTimes,
    refusal: Refusal,
    write_limit: Duration,
    /// Set while the client takes nothing of what is written to it.
    stalled: Option<Pin<Box<Sleep>>>,
    stage: Stage,
    /// Bytes that were read and not handed over.
    held: BytesMut,
    /// How many of them, from the front, have passed.
    passed: usize,
    alarm: Pin<Box<Sleep>>,
    /// While closing: bytes that may still be discarded.
    lingering: Option<usize>,
}

#[derive(Debug)]
enum Stage {
    /// A head is awaited, or is coming in.
    Head { reader: HeadReader, timed: Timed },
    /// A request is under way; its body's bytes have time limits of their own.
    Body(BodyFollower),
    /// Nothing more is handed over but the head that stands for the refused one.
    Refused,
    /// No further request is read.
    Ended,
}

/// What the alarm is set for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Timed {
    /// Nothing yet: the request before is not known to have ended.
    Nothing,
    /// The first byte.
    FirstByte,
    /// The end of the head.
    End,
}

impl<I: AsyncRead> Gate<I> {
    /// Starts with the wait for the connection's first byte.
    pub(super) fn new(io: ReadPace<I>, limits: HeadLimits, times: GateTimes, refusal: Refusal) -> Self {
        let GateTimes { heads: times, write: write_limit } = times;
        Self {
            io,
            limits,
            times,
            refusal,
            write_limit,
            stalled: None,
            stage: Stage::Head { reader: HeadReader::new(limits), timed: Timed::FirstByte },
            held: BytesMut::new(),
            passed: 0,
            alarm: Box::pin(sleep(times.head)),
            lingering: None,
        }
    }
}

impl<I> Gate<I> {
    fn await_head(&mut self) {
        self.stage = Stage::Head { reader: HeadReader::new(self.limits), timed: Timed::Nothing };
    }

    /// A head has passed: its body comes next, or the next head where it has none.
    fn begin_body(&mut self, framing: RequestFraming) {
        self.stage = Stage::Body(BodyFollower::new(framing));
        self.end_body();
    }

    fn end_body(&mut self) {
        if matches!(&self.stage, Stage::Body(follower) if follower.is_complete()) {
            self.await_head();
        }
    }

    fn refuse(&mut self, why: RefusedHead) {
        // Set once: nothing is read as a head afterwards.
        let _first = self.refusal.set(why);
        self.stage = Stage::Refused;
        self.held = BytesMut::from(SUBSTITUTE);
        self.passed = self.held.len();
    }

    /// Hands over bytes that were held back and have passed.
    fn hand_over(&mut self, buf: &mut ReadBuf<'_>) {
        let len = self.passed.min(buf.remaining());
        buf.put_slice(self.held.get(..len).unwrap_or_default());
        self.held.advance(len);
        self.passed -= len;
        if self.held.is_empty() {
            self.held = BytesMut::new();
        }
    }

    /// Holds bytes back; false if the budget cannot pay for them.
    fn hold(&mut self, bytes: &[u8]) -> bool {
        let paid = self.io.hold(self.held.len().saturating_add(bytes.len()));
        if paid {
            self.held.extend_from_slice(bytes);
        }
        paid
    }

    /// Looks at what is held back for a head or for a body's bytes.
    fn follow_held(&mut self) -> io::Result<()> {
        match &mut self.stage {
            Stage::Head { reader, .. } => match reader.read(&self.held) {
                Ok(Some(PassedHead { len, framing })) => {
                    self.passed = len;
                    self.begin_body(framing);
                }
                Ok(None) => {}
                Err(refusal) => self.refuse(RefusedHead::Head(refusal)),
            },
            Stage::Body(follower) => {
                self.passed = follower.follow(&self.held).map_err(broken)?;
                self.end_body();
            }
            Stage::Refused | Stage::Ended => {}
        }
        Ok(())
    }

    /// Looks at bytes that were just read into hyper's own buffer, from `before` on, and takes out what must be held back.
    fn follow_read(&mut self, buf: &mut ReadBuf<'_>, before: usize) -> io::Result<()> {
        let read = buf.filled().get(before..).unwrap_or_default();
        let mut passed = 0;
        if let Stage::Head { reader, .. } = &mut self.stage
            && self.held.is_empty()
        {
            match reader.read(read) {
                Ok(Some(PassedHead { len, framing })) => {
                    passed = len;
                    self.begin_body(framing);
                }
                Ok(None) => {}
                Err(refusal) => {
                    buf.set_filled(before);
                    self.refuse(RefusedHead::Head(refusal));
                    return Ok(());
                }
            }
        }
        if let Stage::Body(follower) = &mut self.stage {
            passed += follower.follow(read.get(passed..).unwrap_or_default()).map_err(broken)?;
            self.end_body();
        }
        let rest = read.get(passed..).unwrap_or_default();
        if !self.hold(rest) {
            // What passed is the end of a request that will be answered; the one behind it is not.
            if passed > 0 { self.stage = Stage::Ended } else { self.refuse(RefusedHead::NoMemory) }
        }
        buf.set_filled(before + passed);
        Ok(())
    }

    /// Sets the alarm for what is awaited, and fires it.
    fn poll_alarm(&mut self, cx: &mut Context<'_>) -> Poll<Expired> {
        let Stage::Head { reader, timed } = &mut self.stage else { return Poll::Pending };
        let begun = reader.is_begun();
        let (limit, set_for) = match (&*timed, begun) {
            (Timed::Nothing, false) => (Some(self.times.keep_alive), Timed::FirstByte),
            (Timed::Nothing | Timed::FirstByte, true) => (Some(self.times.head), Timed::End),
            (unchanged, _) => (None, *unchanged),
        };
        *timed = set_for;
        if let Some(limit) = limit {
            self.alarm.as_mut().reset(Instant::now() + limit);
        }
        ready!(self.alarm.as_mut().poll(cx));
        Poll::Ready(if begun { Expired::Head } else { Expired::Silence })
    }
}

impl<I> Gate<I> {
    /// Lets a write that waits for too long fail: a client that takes no answers would keep its connection for ever.
    fn bound<T>(&mut self, written: Poll<io::Result<T>>, cx: &mut Context<'_>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.stalled = None;
            return written;
        }
        let limit = self.write_limit;
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(sleep(limit)));
        ready!(stalled.as_mut().poll(cx));
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the client takes no answers")))
    }
}

/// What the alarm says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expired {
    /// A head was begun and not ended.
    Head,
    /// Nothing was said.
    Silence,
}

/// hyper gives it on as an error of the body.
fn broken(error: BodyError) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

impl<I: AsyncRead + Unpin> AsyncRead for Gate<I> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        loop {
            if this.passed == 0 && !this.held.is_empty() {
                this.follow_held()?;
            }
            if this.passed > 0 {
                this.hand_over(buf);
                return Poll::Ready(Ok(()));
            }
            let most = match &this.stage {
                Stage::Head { .. } => AHEAD,
                Stage::Body(follower) => follower.readable(AHEAD),
                Stage::Refused => return Poll::Pending,
                Stage::Ended => return Poll::Ready(Ok(())),
            };
            let before = buf.filled().len();
            match this.io.poll_read_most(cx, buf, most) {
                Poll::Ready(read) => read?,
                Poll::Pending => match ready!(this.poll_alarm(cx)) {
                    // The client hears nothing: it said nothing.
                    Expired::Silence => return Poll::Ready(Ok(())),
                    Expired::Head => {
                        this.refuse(RefusedHead::TooSlow(this.times.head));
                        continue;
                    }
                },
            }
            if buf.filled().len() == before {
                return Poll::Ready(Ok(()));
            }
            this.follow_read(buf, before)?;
            if buf.filled().len() > before {
                return Poll::Ready(Ok(()));
            }
        }
    }
}

impl<I: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Gate<I> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.io).poll_write(cx, buf);
        this.bound(written, cx)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.io).poll_write_vectored(cx, bufs);
        this.bound(written, cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let flushed = Pin::new(&mut this.io).poll_flush(cx);
        this.bound(flushed, cx)
    }

    /// Closes; after a refusal only once the client has stopped sending, or within the bounds of a drain (RFC 9112 section 9.6).
    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.lingering.is_none() {
            ready!(Pin::new(&mut this.io).poll_shutdown(cx))?;
            let linger = matches!(this.stage, Stage::Refused);
            this.lingering = Some(if linger { MAX_BYTES } else { 0 });
            this.alarm.as_mut().reset(Instant::now() + MAX_TIME);
        }
        let mut scratch = [0; SCRATCH];
        while let Some(left) = this.lingering.filter(|left| *left > 0) {
            let mut buf = ReadBuf::new(&mut scratch);
            match this.io.poll_read_most(cx, &mut buf, SCRATCH) {
                Poll::Ready(Ok(())) if !buf.filled().is_empty() => {
                    this.lingering = Some(left.saturating_sub(buf.filled().len()));
                }
                Poll::Ready(_) => this.lingering = Some(0),
                Poll::Pending => {
                    ready!(this.alarm.as_mut().poll(cx));
                    this.lingering = Some(0);
                }
            }
        }
        Poll::Ready(Ok(()))
    }
}
