//! A body that nobody takes: read over to the next request where that is cheap and sure.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

use bytes::Bytes;
use tokio::time::Instant;

use super::{Continue, Line, Stage};
use crate::ingress::drain::MAX_TIME;
use crate::server::read_buffers::GOOD_READ;
use crate::server::skip::Skip;

/// The longest rest of a refused body that is read over so that its connection can be kept: as much as one read brings. To read over
/// more costs more than the new connection that it saves.
const MOST_LEFT: u64 = 64 * 1024;

impl<I: Skip + Unpin> Line<I> {
    /// Nobody reads the rest of the body. Whether the next head may follow it: where the rest is short, announced, and on its way.
    /// A client that waits for `100 Continue` may send it or not (RFC 9110 section 10.1.1), so what it sends next is anybody's guess.
    pub(in super::super) fn leave_body(&mut self) -> bool {
        let Stage::Body { follower, continues: Continue::Told } = &self.stage else { return false };
        let Some(bytes) = follower.announced_left().filter(|left| *left <= MOST_LEFT) else { return false };
        let Ok(bytes) = usize::try_from(bytes) else { return false };
        self.stage = Stage::Left { bytes, timed: false };
        self.is_wary = true;
        // What has come goes before the answer: many a client that hears a refusal while it sends gives its connection up. The
        // task is not woken for what is still to come, as nobody waits for it before the answer is written.
        let _goes_on_later = self.poll_read_over(&mut Context::from_waker(Waker::noop()));
        true
    }

    /// Reads over a body that was left, for as long as a drain may take. What follows it is a head again; the connection of a client
    /// that is too slow ends: it has had its answer all the while.
    pub(super) fn poll_read_over(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Stage::Left { bytes: left @ 1.., .. } = self.stage {
            let over = match self.rest.len().min(left) {
                0 => match self.poll_skip(cx, left) {
                    Poll::Ready(skipped) => skipped?,
                    Poll::Pending => {
                        ready!(self.poll_left_too_long(cx));
                        0
                    }
                },
                read => self.take_rest(read).len(),
            };
            match &mut self.stage {
                Stage::Left { bytes, .. } if over > 0 => *bytes = left.saturating_sub(over),
                _ => self.stage = Stage::Ended { in_the_middle: false },
            }
        }
        if let Stage::Left { .. } = self.stage {
            self.await_head();
        }
        Poll::Ready(Ok(()))
    }

    /// Passes over what has come, at most `most` bytes of it; 0 at the end.
    fn poll_skip(&mut self, cx: &mut Context<'_>, most: usize) -> Poll<io::Result<usize>> {
        let wanted = most.min(GOOD_READ);
        let mut scratch = self.lender.lend(wanted);
        Pin::new(&mut self.io).poll_skip(cx, scratch.room(wanted))
    }

    /// Counts from when the body was first waited for.
    fn poll_left_too_long(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let Stage::Left { timed, .. } = &mut self.stage
            && !std::mem::replace(timed, true)
        {
            self.alarm.as_mut().reset(Instant::now() + MAX_TIME);
        }
        self.alarm.as_mut().poll(cx)
    }

    /// Reads on after the last answer, for a client that would lose it; nothing at the end.
    pub(in super::super) fn poll_discard(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        self.rest = Bytes::new();
        self.poll_skip(cx, GOOD_READ)
    }
}
