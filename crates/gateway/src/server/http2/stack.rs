//! What stands between an HTTP/2 connection and the pipeline, once per request.
//!
//! Read from top to bottom: the first layer sees a request first and its answer last. Nothing here touches a body: limits on
//! uploads at once and on memory are taken in `ingress`, after routing, because a refusal counts for its route.

use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::future::{BoxFuture, FutureExt as _};
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use tower::util::BoxCloneService;
use tower::{Layer, Service, ServiceBuilder, ServiceExt as _};

use super::activity::Activity;
use super::windows::WindowBuffers;
use crate::app::ConnectionInfo;
use crate::ingress::ClientBody;
use crate::ingress::refused::RefusedHead;
use crate::server::Handler;

/// One connection's way to the pipeline.
pub(super) type RequestStack = BoxCloneService<Request<Incoming>, Response<Full<Bytes>>, Infallible>;

/// Builds the stack of one connection.
pub(super) fn request_stack(
    handler: Handler,
    connection: ConnectionInfo,
    activity: &Arc<Activity>,
    windows: Arc<WindowBuffers>,
) -> RequestStack {
    let connection = Arc::new(connection);
    ServiceBuilder::new()
        // Outermost, so that the connection counts as busy until its answer is ready: its timer rests and drain waits.
        .layer(CountActive(Arc::clone(activity)))
        // Innermost, so that the pipeline learns why a request must be refused, and the window is paid for until the answer: the
        // first request of several pays.
        .service_fn(move |request: Request<Incoming>| {
            let paid = windows.begin();
            let request = match &paid {
                Some(_) => request.map(ClientBody::Http2),
                None => {
                    let mut request = request.map(|_| ClientBody::Empty);
                    request.extensions_mut().insert(RefusedHead::NoMemory);
                    request
                }
            };
            handler(Arc::clone(&connection), request).map(move |answer| {
                drop(paid);
                Ok(answer.map(Full::new))
            })
        })
        .boxed_clone()
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
