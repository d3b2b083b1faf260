//! What stands between a connection and the pipeline, once per request.
//!
//! Read from top to bottom: the first layer sees a request first and its answer last. Nothing here touches a body: limits on
//! uploads at once and on memory are taken in `ingress`, after routing, because a refusal counts for its route.

use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::future::{BoxFuture, FutureExt as _};
use http::header::{CONNECTION, HeaderValue};
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use tokio_util::sync::CancellationToken;
use tower::util::BoxCloneService;
use tower::{Layer, Service, ServiceBuilder, ServiceExt as _};

use super::activity::Activity;
use super::buffers::{WindowBuffers, WindowUse};
use super::gate::{Arrived, Slot};
use crate::app::ConnectionInfo;
use crate::ingress::ClientBody;
use crate::ingress::refused::RefusedHead;

/// Answers requests: `pipeline::handle` with its `App`.
pub(super) type Handler =
    Arc<dyn Fn(Arc<ConnectionInfo>, Request<ClientBody>) -> BoxFuture<'static, Response<Full<Bytes>>> + Send + Sync>;

/// One connection's way to the pipeline.
pub(super) type RequestStack = BoxCloneService<Request<Incoming>, Response<Full<Bytes>>, Infallible>;

/// Builds the stack of one connection.
pub(super) fn request_stack(
    handler: Handler,
    connection: ConnectionInfo,
    activity: &Arc<Activity>,
    draining: CancellationToken,
    guard: Guard,
) -> RequestStack {
    let http2 = connection.http2;
    let connection = Arc::new(connection);
    ServiceBuilder::new()
        // Outermost, so that the connection counts as busy until its answer is ready: its head timer rests and drain waits.
        .layer(CountActive(Arc::clone(activity)))
        // After the pipeline has answered, so that no path through it can forget it: a client that is told `draining`, or whose
        // upload ends while draining, must not send its next request here. HTTP/2 has GOAWAY for this.
        .map_response(move |answer| if draining.is_cancelled() && !http2 { closing(answer) } else { answer })
        // Innermost, so that the pipeline learns why a request must be refused, and a window is paid for until its answer.
        .service_fn(move |request| {
            let (request, paid) = guard.admit(request);
            handler(Arc::clone(&connection), request).map(move |answer| {
                drop(paid);
                Ok(answer)
            })
        })
        .boxed_clone()
}

/// What a connection knows of its requests before they are looked at.
#[derive(Debug, Clone)]
pub(super) enum Guard {
    /// HTTP/1: hyper's request only stands for the one that the gate took.
    Gate(Slot),
    /// HTTP/2: the first request of several pays for the connection's window.
    Windows(Arc<WindowBuffers>),
}

impl Guard {
    /// The request as the pipeline gets it, which learns from it if it must be refused; and what is held until the answer.
    fn admit(&self, by_hyper: Request<Incoming>) -> (Request<ClientBody>, Option<WindowUse>) {
        let (refused, paid) = match self {
            Self::Gate(slot) => match slot.take() {
                Some(Arrived::Request(request)) => return (*request, None),
                Some(Arrived::Refused(why)) => (Some(why), None),
                None => (None, None),
            },
            Self::Windows(windows) => match windows.begin() {
                Some(paid) => return (by_hyper.map(ClientBody::Http2), Some(paid)),
                None => (Some(RefusedHead::NoMemory), None),
            },
        };
        let mut request = by_hyper.map(|_| ClientBody::Empty);
        if let Some(refused) = refused {
            request.extensions_mut().insert(refused);
        }
        (request, paid)
    }
}

fn closing(mut answer: Response<Full<Bytes>>) -> Response<Full<Bytes>> {
    answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    answer
}

/// Notes in the connection's [`Activity`] that a request is under way.
#[derive(Debug, Clone)]
struct CountActive(Arc<Activity>);

#[derive(Debug, Clone)]
struct CountedActive<S> {
    activity: Arc<Activity>,
    inner: S,
}

impl<S> Layer<S> for CountActive {
    type Service = CountedActive<S>;

    fn layer(&self, inner: S) -> Self::Service {
        CountedActive { activity: Arc::clone(&self.0), inner }
    }
}

impl<S, R> Service<R> for CountedActive<S>
where
    S: Service<R>,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<S::Response, S::Error>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: R) -> Self::Future {
        let active = self.activity.begin();
        self.inner.call(request).inspect(|_| drop(active)).boxed()
    }
}
