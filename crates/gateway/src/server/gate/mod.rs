//! Stands between an HTTP/1 connection and hyper: reads heads and bodies itself, after the rules of `wire::http1::gate`, and
//! keeps the time until a head is complete, which hyper cannot: between two requests the limit is `timeouts.keep-alive`, and
//! from a request's first byte it is `timeouts.head`.
//!
//! hyper sees no byte that a client sent. It reads a fixed head for each request, and answers that; the request itself waits in a
//! [`Slot`] for the service. A body goes from the connection to its upload ([`intake`]), in reads as large as memory allows.
//! Framing has one reader, so nobody behind it can disagree.
//!
//! A head that is refused is answered in its turn and like any other, with problem and upload id; nothing that follows on the
//! connection is read as a request. The bytes that the client is still sending are discarded for a while when the connection
//! closes, as it would lose the answer to a reset.

mod intake;
mod line;
mod request;
#[cfg(test)]
mod tests;

use std::fmt::Debug;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use http::Request;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};
use wire::http1::gate::HeadLimits;

use super::buffers::ConnectionBuffers;
use super::read_buffers::ReadBuffers;
use super::skip::Skip;
use crate::ingress::ClientBody;
use crate::ingress::drain::{Drain, Drains, MAX_BYTES, MAX_TIME};
use crate::ingress::refused::RefusedHead;
use intake::Intake;
use line::{Head, Line, Shared, lock};

pub(super) use line::HeadTimes;

/// Every limit in time that the gate keeps.
#[derive(Debug, Clone, Copy)]
pub(super) struct GateTimes {
    /// For heads.
    pub(super) heads: HeadTimes,
    /// For the client to take a part of what is written to it.
    pub(super) write: Duration,
}

/// What all connections share.
#[derive(Debug, Clone)]
pub(super) struct GateMeans {
    /// Lends what bytes are read into.
    pub(super) lender: Arc<ReadBuffers>,
    /// Bounds how many clients are listened to after their last answer.
    pub(super) drains: Drains,
}

/// What arrived on a connection, until the service takes it: hyper holds another request in its place.
#[derive(Debug, Clone, Default)]
pub(super) struct Slot(Arc<Mutex<Option<Arrived>>>);

/// A request, or what came in the place of one.
#[derive(Debug)]
pub(super) enum Arrived {
    /// Its head passed.
    Request(Box<Request<ClientBody>>),
    /// Its head did not.
    Refused(RefusedHead),
}

impl Slot {
    fn put(&self, arrived: Arrived) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(arrived);
    }

    /// What hyper's request stands for.
    pub(super) fn take(&self) -> Option<Arrived> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// A connection's IO as hyper sees it.
#[derive(Debug)]
pub(super) struct Gate<I> {
    line: Shared<I>,
    slot: Slot,
    /// What hyper has still to read of a head.
    substitute: &'static [u8],
    write_limit: Duration,
    /// Set while the client takes nothing of what is written to it.
    stalled: Option<Pin<Box<Sleep>>>,
    /// hyper has an answer that is not written to its end: the next head waits, because its body may be asked for by a `100
    /// Continue` that must not come in between.
    is_answering: bool,
    /// hyper asked for the next head meanwhile.
    head_waits: bool,
    drains: Drains,
    closing: Closing,
}

/// How far the end of a connection is.
#[derive(Debug)]
enum Closing {
    NotYet,
    /// The client is listened to, for so many bytes more.
    Lingering {
        left: usize,
        alarm: Pin<Box<Sleep>>,
        _place: Drain,
    },
    Done,
}

impl<I: AsyncRead> Gate<I> {
    /// Starts with the wait for the connection's first byte.
    pub(super) fn new(
        io: I,
        buffers: ConnectionBuffers,
        limits: HeadLimits,
        times: GateTimes,
        means: GateMeans,
        slot: Slot,
    ) -> Self {
        let line = Line::new(io, means.lender, buffers, limits, times.heads);
        Self {
            line: Arc::new(Mutex::new(line)),
            slot,
            substitute: &[],
            write_limit: times.write,
            stalled: None,
            is_answering: false,
            head_waits: false,
            drains: means.drains,
            closing: Closing::NotYet,
        }
    }
}

impl<I: Skip + AsyncWrite + Unpin + Send + Debug + 'static> Gate<I> {
    /// Puts what arrived where the service finds it, and hyper's part of it where hyper does.
    fn take(&mut self, head: Head) {
        let (arrived, substitute) = match head {
            Head::Refused(why) => (Arrived::Refused(why), request::LAST),
            Head::Passed { parts, has_body } => {
                let substitute = request::substitute(&parts);
                let body = match has_body {
                    true => ClientBody::Http1(Box::new(Intake::new(Arc::clone(&self.line)))),
                    false => ClientBody::Empty,
                };
                (Arrived::Request(Box::new(Request::from_parts(*parts, body))), substitute)
            }
        };
        self.slot.put(arrived);
        self.substitute = substitute;
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

impl<I: Skip + AsyncWrite + Unpin + Send + Debug + 'static> AsyncRead for Gate<I> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.substitute.is_empty() {
            if this.is_answering {
                this.head_waits = true;
                return Poll::Pending;
            }
            let head = ready!(lock(&this.line).poll_head(cx))?;
            match head {
                Some(head) => this.take(head),
                None => return Poll::Ready(Ok(())),
            }
        }
        let len = this.substitute.len().min(buf.remaining());
        let (now, later) = this.substitute.split_at(len);
        buf.put_slice(now);
        this.substitute = later;
        Poll::Ready(Ok(()))
    }
}

impl<I: Skip + AsyncWrite + Unpin> AsyncWrite for Gate<I> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        this.is_answering = true;
        let written = Pin::new(&mut lock(&this.line).io).poll_write(cx, buf);
        this.bound(written, cx)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        this.is_answering = true;
        let written = Pin::new(&mut lock(&this.line).io).poll_write_vectored(cx, bufs);
        this.bound(written, cx)
    }

    fn is_write_vectored(&self) -> bool {
        lock(&self.line).io.is_write_vectored()
    }

    /// hyper flushes when it has written all that it had.
    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let flushed = Pin::new(&mut lock(&this.line).io).poll_flush(cx);
        if flushed.is_ready() {
            this.is_answering = false;
            if std::mem::take(&mut this.head_waits) {
                cx.waker().wake_by_ref();
            }
        }
        this.bound(flushed, cx)
    }

    /// Closes; where the client may be in the middle of sending, only once it has stopped, or within the bounds of a drain
    /// (RFC 9112 section 9.6).
    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let mut line = lock(&this.line);
        loop {
            match &mut this.closing {
                Closing::Done => return Poll::Ready(Ok(())),
                Closing::NotYet => {
                    ready!(Pin::new(&mut line.io).poll_shutdown(cx))?;
                    let place = line.is_left_in_the_middle().then(|| this.drains.begin()).flatten();
                    this.closing = place.map_or(Closing::Done, |place| Closing::Lingering {
                        left: MAX_BYTES,
                        alarm: Box::pin(sleep(MAX_TIME)),
                        _place: place,
                    });
                }
                Closing::Lingering { left, alarm, .. } => match line.poll_discard(cx) {
                    Poll::Ready(Ok(read)) if read > 0 && read < *left => *left = left.saturating_sub(read),
                    Poll::Ready(_) => this.closing = Closing::Done,
                    Poll::Pending => {
                        ready!(alarm.as_mut().poll(cx));
                        this.closing = Closing::Done;
                    }
                },
            }
        }
    }
}
