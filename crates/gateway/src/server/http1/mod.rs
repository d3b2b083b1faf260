//! HTTP/1 towards clients (RFC 9112): each connection's requests are taken and answered one after the other, by the rules of
//! `wire::http1::gate`.
//!
//! hyper has no part in it. Its server dispatches what a strict proxy must refuse, and holds two buffers for each connection's
//! life. Here a body goes from the connection to its upload ([`intake`]) in reads as large as memory allows, framing has one reader
//! with which nobody can disagree, and the time until a head is complete is kept: between two requests the limit is
//! `timeouts.keep-alive`, and from a request's first byte it is `timeouts.head`.
//!
//! A head that is refused is answered in its turn and like any other, with problem and upload id; nothing that follows on the
//! connection is read as a request. The bytes that the client is still sending are discarded for a while when the connection
//! closes, as it would lose the answer to a reset.

mod answer;
mod closing;
mod intake;
mod line;
mod request;
#[cfg(test)]
mod tests;

use std::fmt::Debug;
use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use bytes::{Buf, Bytes};
use http::{Request, Response};
use tokio::io::AsyncWrite;
use tokio::time::timeout;
use tokio_util::io::poll_write_buf;
use tokio_util::sync::CancellationToken;
use wire::http1::gate::HeadLimits;

use super::buffers::ConnectionBuffers;
use super::connection::Connection;
use super::listener::Listening;
use super::read_buffers::ReadBuffers;
use super::skip::Skip;
use crate::ingress::ClientBody;
use crate::ingress::drain::Drains;
use answer::Form;
use intake::Intake;
use line::{Head, HeadTimes, Line, Shared, lock};

/// What all connections share.
#[derive(Debug, Clone)]
pub(super) struct Http1Means {
    /// Lends what bytes are read into.
    pub(super) lender: Arc<ReadBuffers>,
    /// Bounds how many clients are listened to after their last answer.
    pub(super) drains: Drains,
}

/// One connection's requests and their answers.
#[derive(Debug)]
struct Conversation<I> {
    line: Shared<I>,
    /// For the client to take a part of what is written to it.
    write_limit: Duration,
    drains: Drains,
    /// Whether a request was answered.
    has_answered: bool,
}

/// A request, and how it is to be answered. One whose head was refused stands for that alone, and says why in its extensions.
#[derive(Debug)]
struct Asked {
    request: Request<ClientBody>,
    form: Form,
}

/// Serves a connection until it ends.
pub(super) async fn serve<I>(connection: Connection, io: I, buffers: ConnectionBuffers)
where
    I: Skip + AsyncWrite + Unpin + Send + Debug + 'static,
{
    let Connection { info, listening, places } = connection;
    let peer = info.peer;
    let conversation = Conversation::new(io, buffers, &listening);
    let handler = &listening.handler;
    let info = Arc::new(info);
    let handle = |request| handler(Arc::clone(&info), request);
    let held = conversation.hold(&listening.draining, &listening.closing, handle);
    let held = tokio::select! {
        held = held => held,
        () = listening.killing.cancelled() => Ok(()),
    };
    if let Err(error) = held {
        tracing::debug!(%peer, %error, "connection ended");
    }
    drop(places);
}

impl<I: Skip + AsyncWrite + Unpin + Send + Debug + 'static> Conversation<I> {
    /// Starts with the wait for the connection's first byte.
    fn new(io: I, buffers: ConnectionBuffers, listening: &Listening) -> Self {
        let (limits, timeouts) = (&listening.limits, &listening.timeouts);
        let heads = HeadLimits {
            bytes: limits.head_size,
            line: limits.head_line,
            fields: limits.head_fields,
            target: limits.target_size,
        };
        let times = HeadTimes { head: timeouts.head, keep_alive: timeouts.keep_alive };
        Self::with(
            Line::new(io, Arc::clone(&listening.http1.lender), buffers, heads, times),
            timeouts.idle,
            &listening.http1,
        )
    }

    fn with(line: Line<I>, write_limit: Duration, means: &Http1Means) -> Self {
        let drains = means.drains.clone();
        Self { line: Arc::new(Mutex::new(line)), write_limit, drains, has_answered: false }
    }

    /// Takes and answers requests for as long as the client wants and the process does, then closes.
    async fn hold<F: Future<Output = Response<Bytes>>>(
        mut self,
        draining: &CancellationToken,
        closing: &CancellationToken,
        handle: impl Fn(Request<ClientBody>) -> F,
    ) -> io::Result<()> {
        let mut closing = pin!(closing.cancelled());
        while let Some(Asked { request, form }) = self.next(closing.as_mut()).await? {
            let answer = handle(request).await;
            // A client that is told `draining`, or whose upload ends while draining, must not send its next request here.
            let is_last = draining.is_cancelled();
            if !self.answer(form, answer, is_last).await? {
                break;
            }
        }
        self.close().await
    }

    /// The next request. None when no further one comes: the client ended, was silent for too long or left a body in the middle,
    /// or it had its answers and is `closing` before anything of a further one came.
    async fn next(&mut self, mut closing: Pin<&mut impl Future<Output = ()>>) -> io::Result<Option<Asked>> {
        let head = poll_fn(|cx| {
            let mut line = lock(&self.line);
            match line.poll_head(cx) {
                Poll::Pending if self.has_answered && !line.has_begun() => closing.as_mut().poll(cx).map(|()| Ok(None)),
                head => head,
            }
        });
        Ok(head.await?.map(|head| self.asked(head)))
    }

    fn asked(&self, head: Head) -> Asked {
        match head {
            Head::Refused(why) => {
                let mut request = Request::new(ClientBody::Empty);
                request.extensions_mut().insert(why);
                Asked { request, form: Form::LAST }
            }
            Head::Passed { parts, has_body } => {
                let form = Form::of(&parts);
                let body = match has_body {
                    true => ClientBody::Http1(Box::new(Intake::new(Arc::clone(&self.line)))),
                    false => ClientBody::Empty,
                };
                Asked { request: Request::from_parts(*parts, body), form }
            }
        }
    }

    /// Writes an answer. Whether a further request may follow.
    async fn answer(&mut self, form: Form, answer: Response<Bytes>, is_last: bool) -> io::Result<bool> {
        self.has_answered = true;
        let (parts, body) = answer.into_parts();
        let goes_on = !is_last && form.goes_on_after(&parts) && lock(&self.line).is_behind_request();
        let head = form.head(&parts, body.len(), goes_on);
        // The client may have heard the beginning of a `100 Continue`.
        let end_of_interim = poll_fn(|cx| lock(&self.line).poll_end_continue(cx).map(Ok));
        self.bounded(end_of_interim).await?;
        self.write(head.chain(form.content(body))).await?;
        Ok(goes_on)
    }

    async fn write(&self, mut bytes: impl Buf) -> io::Result<()> {
        while bytes.has_remaining() {
            let written = poll_fn(|cx| poll_write_buf(Pin::new(&mut lock(&self.line).io), cx, &mut bytes));
            if self.bounded(written).await? == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
        }
        self.bounded(poll_fn(|cx| Pin::new(&mut lock(&self.line).io).poll_flush(cx))).await
    }

    /// Lets what waits for the client for too long fail: one that takes no answers would keep its connection for ever.
    async fn bounded<T>(&self, writing: impl Future<Output = io::Result<T>>) -> io::Result<T> {
        let stalled = |_| io::Error::new(io::ErrorKind::TimedOut, "the client takes no answers");
        timeout(self.write_limit, writing).await.map_err(stalled)?
    }
}
