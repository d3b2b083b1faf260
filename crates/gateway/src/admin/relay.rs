//! `/try/…`: an upload through the admin side, for the page that tries a route out.
//!
//! Behind the prefix it is the upload request of the contract, and goes through the same pipeline under the same access and limits as one
//! that came to a listener. An attacker would come this way to a route that asks for nothing because its listener is loopback, so such
//! routes can be tried only where the admin side is loopback too.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use futures::{Stream as _, StreamExt as _};
use http::header::ORIGIN;
use http::request::Parts;
use http::uri::PathAndQuery;
use http::{Request, StatusCode, Uri};
use http_body::Body as _;
use http_body_util::{BodyDataStream, BodyExt as _, Full};
use hyper::body::Incoming;
use rules::config::Access;
use rules::routing::{Routing, route};
use tokio::sync::oneshot;

use super::respond::{Answer, text};
use super::{Admin, BUFFER, browser};
use crate::app::{App, ConnectionInfo};
use crate::fairuse::HeldBack;
use crate::ingress::{BodyTrouble, ClientBody, Http1Body};

/// In front of the path of a route.
pub(super) const PREFIX: &str = "/try";

/// What an upload holds here beside what the pipeline pays for: what hyper reads at once, and what it has handed over.
const MEMORY: usize = 2 * BUFFER;

/// For the rest of a file that was answered early: a browser tells its page of no answer before it has sent everything.
const REST: Duration = Duration::from_secs(30);

/// Both ends of the connection.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ends {
    /// The client's address.
    pub(super) peer: SocketAddr,
    /// Ours.
    pub(super) own: SocketAddr,
}

/// Whether a request is one to try a route out.
pub(super) fn takes(path: &str) -> bool {
    path.strip_prefix(PREFIX).is_some_and(|rest| rest.starts_with('/'))
}

/// Sends an upload through the pipeline, and answers what it answers.
pub(super) async fn upload(admin: &Admin, ends: Ends, request: Request<Incoming>) -> Answer {
    if let Some(refusal) = browser::refuse(request.headers()) {
        return refusal;
    }
    let app = admin.current.app();
    let (mut head, body) = request.into_parts();
    // The page is the operator's own: `cors` speaks of the pages of others.
    head.headers.remove(ORIGIN);
    head.uri = behind_prefix(&head.uri);
    if let Some(refusal) = refuse(&app, ends, &head) {
        return refusal;
    }
    let Some(paid) = app.budget.try_take(MEMORY) else {
        return text(StatusCode::SERVICE_UNAVAILABLE, "no memory is left; try again\n");
    };
    let (body, mut unread) = Relayed::of(body);
    let connection = ConnectionInfo {
        peer: ends.peer,
        listener: 0,
        tls: false,
        http2: false,
        held_back: HeldBack::default(),
        certificate: None,
    };
    let reply = (admin.uploads)(Arc::new(connection), Request::from_parts(head, body)).await;
    if let Ok(rest) = unread.try_recv() {
        // Whoever does not end in this time loses the connection, and perhaps the answer with it.
        let _ended = tokio::time::timeout(REST, discard(rest)).await;
    }
    drop(paid);
    reply.map(|body| Full::new(body).boxed_unsync())
}

/// The URI that the same request has at a listener.
fn behind_prefix(uri: &Uri) -> Uri {
    let path = uri.path_and_query().map_or("/", PathAndQuery::as_str);
    // What is left of a path that was valid is valid.
    path.strip_prefix(PREFIX).and_then(|path| path.parse().ok()).unwrap_or_default()
}

/// The refusal of an upload from outside this host to a route that is open to this host only; none if there is nothing to refuse.
fn refuse(app: &App, ends: Ends, head: &Parts) -> Option<Answer> {
    let is_open = match route(&app.config.routes, &head.method, head.uri.path()) {
        Routing::Found(found) => matches!(found.route.access, Access::Unsaid),
        Routing::NoSuchRoute | Routing::WrongMethod { .. } | Routing::BrokenEncoding => false,
    };
    let refusal = "a route without access can be tried only where the admin side listens on loopback\n";
    (is_open && !ends.own.ip().is_loopback()).then(|| text(StatusCode::FORBIDDEN, refusal))
}

async fn discard(mut body: Data) {
    while let Some(Ok(_)) = body.next().await {}
}

/// The bytes of a body. Its trailers carry nothing that Tidegate uses.
type Data = BodyDataStream<Incoming>;

/// A body that hyper reads. What the pipeline does not read comes back.
#[derive(Debug)]
struct Relayed {
    body: Option<Data>,
    unread: Option<oneshot::Sender<Data>>,
}

impl Relayed {
    fn of(body: Incoming) -> (ClientBody, oneshot::Receiver<Data>) {
        let (unread, rest) = oneshot::channel();
        let is_empty = body.is_end_stream();
        let relayed = Self { body: Some(body.into_data_stream()), unread: Some(unread) };
        (if is_empty { ClientBody::Empty } else { ClientBody::Http1(Box::new(relayed)) }, rest)
    }
}

impl Http1Body for Relayed {
    fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, BodyTrouble>>> {
        loop {
            let Some(body) = &mut self.body else { return Poll::Ready(None) };
            match ready!(Pin::new(body).poll_next(cx)) {
                // hyper has proved the end by the framing.
                None => self.body = None,
                Some(Err(_)) => {
                    self.body = None;
                    return Poll::Ready(Some(Err(BodyTrouble::Gone)));
                }
                Some(Ok(data)) if data.is_empty() => {}
                Some(Ok(data)) => return Poll::Ready(Some(Ok(data))),
            }
        }
    }

    fn has_at_hand(&self) -> bool {
        false
    }

    fn slow_down(&mut self) {}

    fn leave(self: Box<Self>) -> bool {
        true
    }
}

impl Drop for Relayed {
    fn drop(&mut self) {
        if let (Some(body), Some(unread)) = (self.body.take(), self.unread.take()) {
            // Nobody waits for it once the client has gone.
            let _gone = unread.send(body);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::Gateway;
    use crate::server::tests::needs;
    use crate::upstream::tests::config;

    #[test]
    fn only_what_is_below_the_prefix_is_tried() {
        for (path, tried) in
            [("/try/a", true), ("/try/", true), ("/try", false), ("/tryout/a", false), ("/a/try/", false)]
        {
            assert_eq!(takes(path), tried, "{path}");
        }
    }

    #[tokio::test]
    async fn a_route_that_is_open_to_this_host_stays_so() {
        let gateway = Gateway::start(Arc::new(config(&[])), needs()).expect("the gateway starts");
        let app = gateway.app();
        let (head, ()) = Request::put("/a.pdf").body(()).expect("a request").into_parts();
        let (other, ()) = Request::put("/no/where").body(()).expect("a request").into_parts();
        let cases = [("127.0.0.1:9464", &head, false), ("[::1]:9464", &head, false), ("192.0.2.1:9464", &head, true)];
        for (own, head, refused) in cases.into_iter().chain([("192.0.2.1:9464", &other, false)]) {
            let ends =
                Ends { peer: "192.0.2.7:50000".parse().expect("an address"), own: own.parse().expect("an address") };
            assert_eq!(super::refuse(&app, ends, head).is_some(), refused, "{own} {}", head.uri);
        }
    }

    #[test]
    fn the_rest_of_the_path_and_the_query_stay_as_they_are() {
        let uri = behind_prefix(&"/try/klinkcx/file/a%20b.pdf?title=x%26y".parse().expect("a URI"));
        assert_eq!(uri, "/klinkcx/file/a%20b.pdf?title=x%26y");
    }
}
