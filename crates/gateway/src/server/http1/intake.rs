//! A body on its way from the connection to its upload.

use std::task::{Context, Poll, ready};

use bytes::Bytes;
use tokio::io::AsyncWrite;

use super::line::{Shared, lock};
use crate::ingress::{BodyTrouble, Http1Body};
use crate::server::skip::Skip;

/// Reads the body of the request that is under way. Once it is dropped before the end, the connection takes no further request,
/// unless the rest was left to it.
#[derive(Debug)]
pub(super) struct Intake<I> {
    line: Shared<I>,
    ended: bool,
}

impl<I> Intake<I> {
    /// The body of the head that was just taken.
    pub(super) fn new(line: Shared<I>) -> Self {
        Self { line, ended: false }
    }
}

impl<I: Skip + AsyncWrite + Unpin + Send + std::fmt::Debug> Http1Body for Intake<I> {
    fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, BodyTrouble>>> {
        // The line goes on with the next request after the end.
        if self.ended {
            return Poll::Ready(None);
        }
        let data = ready!(lock(&self.line).poll_body(cx));
        self.ended = data.is_none();
        Poll::Ready(data)
    }

    fn has_at_hand(&self) -> bool {
        !self.ended && lock(&self.line).has_at_hand()
    }

    fn slow_down(&mut self) {
        if !self.ended {
            lock(&self.line).slow_down();
        }
    }

    fn leave(self: Box<Self>) -> bool {
        self.ended || lock(&self.line).leave_body()
    }
}
