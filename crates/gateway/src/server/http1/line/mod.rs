//! One HTTP/1 connection's bytes, read in two places: heads for the conversation, bodies for their uploads.

mod left;

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf as _, Bytes, BytesMut};
use http::request::Parts;
use tokio::io::{AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};
use wire::http1::RequestFraming;
use wire::http1::gate::{BodyFollower, HeadLimits, HeadReader, HeadRefusal};

use super::request;
use crate::ingress::refused::RefusedHead;
use crate::ingress::{BodyTrouble, awaits_100};
use crate::server::buffers::ConnectionBuffers;
use crate::server::read_buffers::{GOOD_READ, MOST_READ, Pace, ReadBuffers};
use crate::server::skip::Skip;

/// RFC 9110 section 15.2.1.
const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// What the read of a head brings at most behind a refusal: a head, and little of a body that is copied in vain. In a flood of
/// refused uploads, copying their bodies was a sixth of all work.
const WARY_READ: usize = 4 * 1024;

/// How long a connection may wait.
#[derive(Debug, Clone, Copy)]
pub(super) struct HeadTimes {
    /// For the first byte of a connection, and from a head's first byte to its end.
    pub(super) head: Duration,
    /// For the first byte of a further request.
    pub(super) keep_alive: Duration,
}

/// A connection's IO, and how far its bytes are understood.
#[derive(Debug)]
pub(super) struct Line<I> {
    pub(super) io: I,
    lender: Arc<ReadBuffers>,
    pace: Pace,
    buffers: ConnectionBuffers,
    limits: HeadLimits,
    times: HeadTimes,
    stage: Stage,
    /// The last request was refused, so the body of the next is perhaps not wanted either.
    is_wary: bool,
    /// Read, and not yet looked at: what came behind a head or behind a body.
    rest: Bytes,
    /// The beginning of a head that came in pieces.
    begun: BytesMut,
    alarm: Pin<Box<Sleep>>,
}

#[derive(Debug)]
enum Stage {
    /// A head is awaited, or is coming in.
    Head { reader: HeadReader, timed: Timed },
    /// A body is under way; its bytes have time limits of their own.
    Body { follower: BodyFollower, continues: Continue },
    /// A body that nobody takes is read over, so many bytes of it. `timed` says that the alarm is set.
    Left { bytes: usize, timed: bool },
    /// Nothing more is understood: a head was refused, a body broke its framing, or the client went.
    Ended { in_the_middle: bool },
}

/// Whether the client is still to be told that it may send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Continue {
    /// It sends unasked, or was told, or has begun.
    Told,
    /// It waits, and so many bytes of the 100 were written.
    Awaited { written: usize },
}

/// What comes of a head.
#[derive(Debug)]
pub(super) enum Head {
    /// It passed.
    Passed {
        /// What it says.
        parts: Box<Parts>,
        /// Whether a body follows it.
        has_body: bool,
    },
    /// It did not.
    Refused(RefusedHead),
}

/// What the alarm says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expired {
    /// A head was begun and not ended.
    Head,
    /// Nothing was said.
    Silence,
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

/// A line that the conversation and the intake of a body share. Both run for one connection and hardly ever at once.
pub(super) type Shared<I> = Arc<Mutex<Line<I>>>;

pub(super) fn lock<I>(shared: &Shared<I>) -> MutexGuard<'_, Line<I>> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<I> Line<I> {
    /// Starts with the wait for the connection's first byte.
    pub(super) fn new(
        io: I,
        lender: Arc<ReadBuffers>,
        buffers: ConnectionBuffers,
        limits: HeadLimits,
        times: HeadTimes,
    ) -> Self {
        Self {
            io,
            lender,
            pace: Pace::default(),
            buffers,
            limits,
            times,
            stage: Stage::Head { reader: HeadReader::new(limits), timed: Timed::FirstByte },
            is_wary: false,
            rest: Bytes::new(),
            begun: BytesMut::new(),
            alarm: Box::pin(sleep(times.head)),
        }
    }

    /// Whether bytes of the body were read and not given.
    pub(super) fn has_at_hand(&self) -> bool {
        matches!(self.stage, Stage::Body { .. }) && !self.rest.is_empty()
    }

    /// Whoever takes the body is slower than its client.
    pub(super) fn slow_down(&mut self) {
        self.pace.slow_down();
    }

    /// Whether the client may be sending what nobody will read: it would lose its answer to a reset.
    pub(super) fn is_left_in_the_middle(&self) -> bool {
        match &self.stage {
            Stage::Ended { in_the_middle } => *in_the_middle,
            Stage::Body { continues, .. } => *continues == Continue::Told,
            Stage::Left { .. } => true,
            Stage::Head { .. } => false,
        }
    }

    /// Whether the request that was last taken was read to its end, or will be read over: what comes next is a head.
    pub(super) fn is_behind_request(&self) -> bool {
        matches!(self.stage, Stage::Head { .. } | Stage::Left { .. })
    }

    /// Whether a part of the next head came.
    pub(super) fn has_begun(&self) -> bool {
        matches!(&self.stage, Stage::Head { reader, .. } if reader.is_begun())
    }

    fn await_head(&mut self) {
        self.stage = Stage::Head { reader: HeadReader::new(self.limits), timed: Timed::Nothing };
    }

    /// The first `len` bytes of `rest`, or all of it. Without any bytes left it would still hold its buffer, so then it is let go.
    fn take_rest(&mut self, len: usize) -> Bytes {
        if len < self.rest.len() { self.rest.split_to(len) } else { std::mem::take(&mut self.rest) }
    }

    fn refuse(&mut self, why: RefusedHead) -> Head {
        self.stage = Stage::Ended { in_the_middle: true };
        self.rest = Bytes::new();
        self.begun = BytesMut::new();
        Head::Refused(why)
    }

    fn refuse_head(&mut self, why: HeadRefusal) -> Head {
        self.refuse(RefusedHead::Head(why))
    }

    /// Looks at bytes that go on where `begun` ended. What is behind the head's end stays for the body.
    fn look(&mut self, input: Bytes) -> Option<Head> {
        let Stage::Head { reader, .. } = &mut self.stage else { return None };
        let in_pieces = !self.begun.is_empty();
        if in_pieces {
            self.begun.extend_from_slice(&input);
        }
        match reader.read(if in_pieces { &self.begun } else { &input }) {
            Err(refusal) => Some(self.refuse_head(refusal)),
            Ok(Some(passed)) => {
                self.rest = if in_pieces { std::mem::take(&mut self.begun).freeze() } else { input };
                let head = self.take_rest(passed.len);
                Some(self.take_head(&head, passed.framing))
            }
            Ok(None) => {
                if !in_pieces {
                    self.begun.extend_from_slice(&input);
                }
                (!self.buffers.hold(self.begun.len())).then(|| self.refuse(RefusedHead::NoMemory))
            }
        }
    }

    fn take_head(&mut self, head: &Bytes, framing: RequestFraming) -> Head {
        // A copy of its own length: the fields live as long as the upload, and a lent buffer is larger than they are.
        let Some(parts) = request::parse(&Bytes::copy_from_slice(head)) else {
            return self.refuse_head(HeadRefusal::RequestLine);
        };
        let follower = BodyFollower::new(framing);
        let has_body = !follower.is_complete();
        if has_body {
            let continues = if awaits_100(&parts) { Continue::Awaited { written: 0 } } else { Continue::Told };
            self.stage = Stage::Body { follower, continues };
        } else {
            self.await_head();
        }
        Head::Passed { parts: Box::new(parts), has_body }
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

impl<I: Skip + Unpin> Line<I> {
    /// Reads what has come, at most `most` bytes of it; nothing at the end.
    fn poll_read(&mut self, cx: &mut Context<'_>, most: usize) -> Poll<io::Result<Bytes>> {
        let wanted = self.pace.read().min(most);
        let mut buffer = self.lender.lend(wanted);
        let room = buffer.room(wanted);
        let wanted = room.len();
        let mut into = ReadBuf::new(room);
        ready!(Pin::new(&mut self.io).poll_read(cx, &mut into))?;
        let read = into.filled().len();
        self.pace.follow(read, wanted);
        Poll::Ready(Ok(buffer.into_bytes(read)))
    }

    /// The next head, or nothing when no further request comes.
    pub(super) fn poll_head(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Option<Head>>> {
        loop {
            match &self.stage {
                Stage::Head { .. } => {}
                Stage::Left { .. } => {
                    ready!(self.poll_read_over(cx))?;
                    continue;
                }
                // What was not read of a body is followed by nothing that could be trusted to be a request.
                Stage::Body { .. } | Stage::Ended { .. } => return Poll::Ready(Ok(None)),
            }
            let mut input = std::mem::take(&mut self.rest);
            if input.is_empty() {
                let most = if self.is_wary { WARY_READ } else { GOOD_READ };
                input = match self.poll_read(cx, most) {
                    Poll::Ready(read) => read?,
                    Poll::Pending => match ready!(self.poll_alarm(cx)) {
                        // The client hears nothing: it said nothing.
                        Expired::Silence => return Poll::Ready(Ok(None)),
                        Expired::Head => {
                            return Poll::Ready(Ok(Some(self.refuse(RefusedHead::TooSlow(self.times.head)))));
                        }
                    },
                };
                if input.is_empty() {
                    return Poll::Ready(Ok(None));
                }
            }
            if let Some(head) = self.look(input) {
                return Poll::Ready(Ok(Some(head)));
            }
        }
    }
}

impl<I: Skip + AsyncWrite + Unpin> Line<I> {
    /// The body's next bytes, or nothing behind its end.
    pub(super) fn poll_body(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, BodyTrouble>>> {
        loop {
            let Stage::Body { follower, continues } = &mut self.stage else {
                return Poll::Ready(match &self.stage {
                    Stage::Ended { .. } => Some(Err(BodyTrouble::Gone)),
                    _ => None,
                });
            };
            if self.rest.is_empty() {
                // What lies behind a chunked body waits, paid for, until the next head is asked for.
                let most = follower.readable(MOST_READ);
                if let Continue::Awaited { .. } = continues {
                    ready!(self.poll_continue(cx));
                }
                match ready!(self.poll_read(cx, most)) {
                    Ok(read) if !read.is_empty() => self.rest = read,
                    _ => {
                        self.stage = Stage::Ended { in_the_middle: false };
                        return Poll::Ready(Some(Err(BodyTrouble::Gone)));
                    }
                }
                continue;
            }
            *continues = Continue::Told;
            self.is_wary = false;
            let step = match follower.step(&self.rest) {
                Ok(step) => step,
                Err(error) => {
                    self.stage = Stage::Ended { in_the_middle: true };
                    return Poll::Ready(Some(Err(BodyTrouble::Framing(error))));
                }
            };
            let is_complete = follower.is_complete();
            let mut data = self.take_rest(step.framing.saturating_add(step.data));
            data.advance(step.framing.min(data.len()));
            if is_complete {
                self.await_head();
            }
            if !data.is_empty() {
                return Poll::Ready(Some(Ok(data)));
            }
        }
    }

    /// Ends the `100 Continue` of which the client may have heard the beginning: an answer must not stand in its middle.
    pub(super) fn poll_end_continue(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match &self.stage {
            Stage::Body { continues: Continue::Awaited { written: 1.. }, .. } => self.poll_continue(cx),
            _ => Poll::Ready(()),
        }
    }

    /// Tells the client that it may send. A write that fails is met again by whoever reads.
    fn poll_continue(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while let Stage::Body { continues: Continue::Awaited { written }, .. } = &mut self.stage {
            let left = CONTINUE.get(*written..).unwrap_or_default();
            match Pin::new(&mut self.io).poll_write(cx, left) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok(len)) if len > 0 && len < left.len() => *written = written.saturating_add(len),
                Poll::Ready(_) => break,
            }
        }
        let _met_by_reading = ready!(Pin::new(&mut self.io).poll_flush(cx));
        if let Stage::Body { continues, .. } = &mut self.stage {
            *continues = Continue::Told;
        }
        Poll::Ready(())
    }
}
