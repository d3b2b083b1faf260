//! HTTP/2 towards clients (RFC 9113): hyper's server, its windows paid for, and when a connection takes no more.

mod activity;
mod stack;
mod windows;

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};

use super::buffers::ConnectionBuffers;
use super::connection::Connection;
use super::listener::Listening;
use crate::metrics::Rejection;
use activity::Activity;
use stack::{RequestStack, request_stack};
use windows::WindowBuffers;

/// Streams of one HTTP/2 connection that the gateway itself resets, because their client broke the protocol, before it ends the
/// connection. An honest client breaks it hardly ever.
const LOCAL_RESETS: usize = 128;
/// Answers are small: what HTTP/2 may hold of each until the client takes it.
const SEND_BUFFER: usize = 16 * 1024;
/// How often HTTP/2 asks whether a quiet client is still there, and how long it waits for the answer.
const PING: Duration = Duration::from_secs(20);

/// Serves a connection until it ends.
pub(super) async fn serve<I>(connection: Connection, io: I, buffers: ConnectionBuffers)
where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let Connection { mut info, listening, places } = connection;
    let Some((paid, windows)) = WindowBuffers::new(buffers, &listening.promises) else {
        return listening.metrics.rejected(Rejection::MemoryLimit);
    };
    info.http2 = true;
    let peer = info.peer;
    let mut builder = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .max_concurrent_streams(listening.limits.streams)
        .max_pending_accept_reset_streams(listening.limits.resets)
        .max_local_error_reset_streams(Some(LOCAL_RESETS))
        .initial_connection_window_size(windows.connection)
        .initial_stream_window_size(windows.stream)
        .max_header_list_size(u32::try_from(listening.limits.head_size).unwrap_or(u32::MAX))
        .max_send_buf_size(SEND_BUFFER)
        .keep_alive_interval(PING)
        .keep_alive_timeout(PING);
    let activity = Arc::default();
    let stack = request_stack(Arc::clone(&listening.handler), info, &activity, paid);
    let served = builder.serve_connection(TokioIo::new(io), TowerToHyperService::new(stack));
    if let Err(error) = until_end(pin!(served), &activity, &listening).await {
        if error.is_parse() {
            listening.metrics.rejected(Rejection::MalformedHead);
        }
        tracing::debug!(%peer, %error, "connection ended");
    }
    drop(places);
}

/// A connection that hyper serves.
type Served<I> = hyper::server::conn::http2::Connection<TokioIo<I>, TowerToHyperService<RequestStack>, TokioExecutor>;

/// Drives a connection to its end: as its client wants, or from the moment when it shall take no further request, or at once
/// when the process ends.
async fn until_end<I>(
    mut served: Pin<&mut Served<I>>,
    activity: &Activity,
    listening: &Listening,
) -> Result<(), hyper::Error>
where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    tokio::select! {
        ended = served.as_mut() => return ended,
        () = takes_no_more(activity, listening) => {}
        () = listening.killing.cancelled() => return Ok(()),
    }
    // What was begun is answered; GOAWAY tells the client to ask elsewhere.
    served.as_mut().graceful_shutdown();
    tokio::select! {
        ended = served => ended,
        () = is_left_alone(activity, listening) => Ok(()),
        () = listening.killing.cancelled() => Ok(()),
    }
}

/// Returns when no request was under way for so long that a client which takes no further answers is not waited for: it may
/// have closed its window and go on answering pings for ever.
async fn is_left_alone(activity: &Activity, listening: &Listening) {
    loop {
        let busy = activity.is_busy();
        tokio::select! {
            () = activity.changed() => {}
            () = tokio::time::sleep(listening.timeouts.head), if !busy => return,
        }
    }
}

/// Returns when the connection shall take no further request: at the end of a drain; during one, when a request is under way
/// or came since, which thus is the last; and when it was idle for too long.
async fn takes_no_more(activity: &Activity, listening: &Listening) {
    let Listening { draining, closing, timeouts, .. } = listening;
    let mut begun_before_drain = None;
    loop {
        let busy = activity.is_busy();
        let begun = activity.begun();
        if draining.is_cancelled() {
            let before = *begun_before_drain.get_or_insert(begun);
            if busy || begun > before {
                return;
            }
        }
        let limit = if begun == 0 { timeouts.head } else { timeouts.keep_alive };
        tokio::select! {
            () = closing.cancelled() => return,
            () = draining.cancelled(), if !draining.is_cancelled() => {}
            () = activity.changed() => {}
            () = tokio::time::sleep(limit), if !busy => return,
        }
    }
}
