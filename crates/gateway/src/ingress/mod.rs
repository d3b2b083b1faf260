//! Ingress: a request in, its answer out. The head is checked and routed here; the upload itself runs in a task of its own, so
//! that it outlives the client's connection once its last bytes were released.

pub(crate) mod body;
pub(crate) mod drain;
mod form;
mod head;
mod read;
mod source;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::request::Parts;
use http::{Request, Response};
use http_body::Body as _;
use http_body_util::Full;
use hyper::body::Incoming;
use rules::failure::{Failure, Problem};
use rules::routing::{Match, Routing};
use time::OffsetDateTime;
use tokio::sync::oneshot;

pub(crate) use body::BodyReader;
pub(crate) use read::{UploadRequest, read};
pub(crate) use source::ClientFile;

use crate::app::{App, ConnectionInfo};
use crate::ledger::Ledger;
use crate::memory::UploadMemory;
use crate::uploads::Upload;
use crate::{pipeline, respond};

/// A request that matched a route and was let in.
#[derive(Debug)]
pub(crate) struct Arrival {
    /// Its id, and who counts and logs its end.
    pub(crate) ledger: Ledger,
    /// Its route, and what the path gave.
    pub(crate) matched: Match,
    /// Its head.
    pub(crate) head: Parts,
    /// When it came.
    pub(crate) received: OffsetDateTime,
    /// Its place among the uploads in flight.
    pub(crate) place: Place,
}

/// An upload's place in the gateway: given back when it ends.
#[derive(Debug)]
pub(crate) struct Place {
    /// Its entry in the table of uploads in flight.
    pub(crate) entry: Upload,
    /// Its share of the memory budget.
    pub(crate) memory: Arc<UploadMemory>,
}

/// When a client that was told "overloaded" or "draining" may come back.
const COME_BACK: Duration = Duration::from_secs(1);

/// Answers one request.
pub async fn handle(
    app: Arc<App>,
    connection: Arc<ConnectionInfo>,
    request: Request<Incoming>,
) -> Response<Full<Bytes>> {
    let (head, body) = request.into_parts();
    let mut ledger = Ledger::open(&head);
    let (matched, place, body) = match let_in(&app, &mut ledger, &connection, &head, body) {
        Ok(inside) => inside,
        Err(refused) => return turn_away(&app, &ledger, *refused, &head),
    };
    let arrival = Arrival { ledger: ledger.clone(), matched, head, received: OffsetDateTime::now_utc(), place };
    let (reply, answer) = oneshot::channel();
    app.tasks.spawn(pipeline::run(Arc::clone(&app), arrival, body, reply));
    match answer.await {
        Ok(answer) => answer,
        Err(_) => respond::problem(&ledger, &Failure::internal("the upload's task ended without an answer"), true),
    }
}

type LetIn = Result<(Match, Place, BodyReader), Box<TurnedAway>>;

/// A request that is not let in.
struct TurnedAway {
    failure: Failure,
    body: Incoming,
    /// Whether the head itself is one that a strict server must not serve: what follows it on the connection is not trusted.
    is_dubious: bool,
}

/// The head gate, routing and the limits: all that is decided before anything is asked of the body.
fn let_in(app: &Arc<App>, ledger: &mut Ledger, connection: &ConnectionInfo, head: &Parts, body: Incoming) -> LetIn {
    if let Err(failure) = head::check(head) {
        return Err(Box::new(TurnedAway { failure, body, is_dubious: true }));
    }
    let admitted = (|| {
        let matched = find_route(app, ledger, head)?;
        let sizes = head::announced_sizes(&head.headers)?;
        let whole = read::whole_body_digests(head)?;
        Ok((find_place(app, ledger, &matched)?, matched, sizes, whole))
    })();
    match admitted {
        Ok((place, matched, sizes, whole)) => {
            let reader = BodyReader::new(body, connection.http2, sizes.content_length, whole, &app.config.timeouts);
            Ok((matched, place, reader))
        }
        Err(failure) => Err(Box::new(TurnedAway { failure, body, is_dubious: false })),
    }
}

fn find_route(app: &App, ledger: &mut Ledger, head: &Parts) -> Result<Match, Failure> {
    match rules::routing::route(&app.config.routes, &head.method, head.uri.path()) {
        Routing::Found(matched) => {
            ledger.route = Some(Arc::clone(&matched.route.name));
            Ok(matched)
        }
        Routing::WrongMethod { route, allow } => {
            ledger.route = Some(Arc::clone(&route.name));
            let detail = format!("route `{}` takes {allow} here, not {}", route.name, head.method);
            Err(Failure { allow: Some(allow), ..Failure::new(Problem::MethodNotAllowed, detail) })
        }
        Routing::NoSuchRoute => Err(Failure::new(Problem::NoSuchRoute, "no route of this gateway has this path")),
        Routing::BrokenEncoding => {
            let detail = "the path has a `%` that is not followed by two hexadecimal digits";
            Err(Failure::new(Problem::MalformedRequest, detail))
        }
    }
}

fn find_place(app: &Arc<App>, ledger: &Ledger, matched: &Match) -> Result<Place, Failure> {
    let refused = |problem, detail: &str| Failure { retry_after: Some(COME_BACK), ..Failure::new(problem, detail) };
    if app.draining.is_cancelled() {
        return Err(refused(Problem::Draining, "this gateway is shutting down"));
    }
    let memory = UploadMemory::take(&app.budget, &matched.route);
    let memory = memory.ok_or_else(|| refused(Problem::Overloaded, "no memory is left for another upload"))?;
    let entry = app.uploads.enter(ledger.upload_id, &app.metrics.route(&matched.route.name));
    let entry = entry.ok_or_else(|| refused(Problem::Overloaded, "too many uploads are in flight"))?;
    Ok(Place { entry, memory })
}

/// Answers a refused request. A client that waits for `100 Continue` has sent nothing; any other is listened to for a while,
/// so that it hears the answer.
fn turn_away(app: &Arc<App>, ledger: &Ledger, refused: TurnedAway, head: &Parts) -> Response<Full<Bytes>> {
    let TurnedAway { failure, body, is_dubious } = refused;
    let unread = !body.is_end_stream();
    if unread && !head.headers.contains_key(http::header::EXPECT) {
        app.tasks.spawn(drain::read_and_discard(body));
    }
    pipeline::settle(app, ledger, &Err(failure), 0, unread || is_dubious)
}
