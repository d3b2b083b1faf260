//! A request's body as its connection gives it: HTTP/1 by the intake of `server::http1`, HTTP/2 by hyper.

use std::fmt::Debug;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body as _, Frame};
use hyper::body::Incoming;
use wire::fields::is_forbidden_trailer;
use wire::http1::gate::BodyError;

/// A body, unread.
#[derive(Debug)]
pub(crate) enum ClientBody {
    /// There is none.
    Empty,
    /// Of an HTTP/1 request.
    Http1(Box<dyn Http1Body>),
    /// Of an HTTP/2 stream.
    Http2(Incoming),
}

/// A body that an HTTP/1 connection reads.
pub(crate) trait Http1Body: Debug + Send {
    /// The next bytes of content, never none of them; nothing behind the end, which the framing has proved.
    fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, BodyTrouble>>>;

    /// Whether the next bytes were read already.
    fn has_at_hand(&self) -> bool;

    /// The bytes are taken slower than they come: large reads would only fill memory.
    fn slow_down(&mut self);

    /// Leaves what was not read to the connection. Whether that reads over it, so that the next request can follow; otherwise the
    /// connection must be closed after the answer.
    fn leave(self: Box<Self>) -> bool;
}

/// Why a body ended before its end.
#[derive(Debug)]
pub(crate) enum BodyTrouble {
    /// It breaks HTTP/1's framing.
    Framing(BodyError),
    /// The client went away.
    Gone,
    /// Whatever hyper says of an HTTP/2 stream.
    Http2(hyper::Error),
}

impl ClientBody {
    /// The next bytes; nothing when no more come, which on HTTP/2 is no proof of the end.
    pub(crate) fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, BodyTrouble>>> {
        let body = match self {
            Self::Empty => return Poll::Ready(None),
            Self::Http1(body) => return body.poll_data(cx),
            Self::Http2(body) => body,
        };
        loop {
            let frame = match ready!(Pin::new(&mut *body).poll_frame(cx)) {
                None => return Poll::Ready(None),
                Some(Err(error)) => return Poll::Ready(Some(Err(BodyTrouble::Http2(error)))),
                Some(Ok(frame)) => frame,
            };
            match frame.into_data() {
                Ok(data) if !data.is_empty() => return Poll::Ready(Some(Ok(data))),
                Ok(_) => {}
                // Trailers carry nothing that Tidegate uses.
                Err(trailers) if has_forbidden_field(&trailers) => {
                    return Poll::Ready(Some(Err(BodyTrouble::Framing(BodyError::ForbiddenTrailer))));
                }
                Err(_) => {}
            }
        }
    }

    /// Whether the next bytes were read already.
    pub(crate) fn has_at_hand(&self) -> bool {
        matches!(self, Self::Http1(body) if body.has_at_hand())
    }

    /// Whoever takes the bytes is slower than the client.
    pub(crate) fn slow_down(&mut self) {
        if let Self::Http1(body) = self {
            body.slow_down();
        }
    }
}

fn has_forbidden_field(frame: &Frame<Bytes>) -> bool {
    let trailers = frame.trailers_ref().into_iter().flat_map(http::HeaderMap::keys);
    trailers.into_iter().any(|name| is_forbidden_trailer(name.as_str().as_bytes()))
}
