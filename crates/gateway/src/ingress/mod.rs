//! Ingress: from a request to an upload that may begin. The head is checked and routed here, a form is read up to its file.

pub(crate) mod body;
mod client_body;
pub(crate) mod drain;
mod form;
mod head;
mod read;
pub(crate) mod refused;
mod source;

use std::sync::Arc;
use std::time::Duration;

use http::request::Parts;
use http_body::Body as _;
use rules::access::Pass;
use rules::failure::{Failure, Problem};
use rules::routing::{Match, Routing};
use time::OffsetDateTime;

pub(crate) use body::BodyReader;
pub(crate) use client_body::{BodyTrouble, ClientBody, Http1Body};
pub(crate) use head::{awaits_100, check as check_head, split_query};
pub(crate) use read::{UploadRequest, read};
pub(crate) use source::ClientFile;

use crate::access::{self, Entry, TicketUse};
use crate::app::{App, ConnectionInfo};
use crate::cors::{self, Preflight};
use crate::fairuse::{ClientKey, Grant};
use crate::ledger::Ledger;
use crate::memory::UploadMemory;
use crate::uploads::Upload;

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
    /// Who sent it, and how far a ticket narrows it.
    pub(crate) pass: Pass,
    /// The use of a ticket that it takes.
    pub(crate) ticket: Option<TicketUse>,
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
    /// What it took of the limits of its route.
    pub(crate) grant: Grant,
}

/// When a client that was told "overloaded" or "draining" may come back.
const COME_BACK: Duration = Duration::from_secs(1);

/// A request that is not let in.
pub(crate) struct TurnedAway {
    why: NotLetIn,
    body: ClientBody,
    /// Whether its client sends nothing before it is asked to.
    awaits_100: bool,
    /// Whether the head itself is one that a strict server must not serve: what follows it on the connection is not trusted.
    is_dubious: bool,
}

/// Why a request is not let in.
pub(crate) enum NotLetIn {
    /// It is refused.
    Refused(Failure),
    /// It is a browser's question and no upload.
    Preflight(Preflight),
}

/// The head gate, routing, the page's origin, access and the limits: all that is decided before anything is asked of the body.
/// Credentials are taken out of the head first, so that nothing behind this sees them.
///
/// # Errors
/// Why the request is not let in, and its body.
pub(crate) async fn let_in(
    app: &Arc<App>,
    ledger: &mut Ledger,
    connection: &ConnectionInfo,
    mut head: Parts,
    body: ClientBody,
) -> Result<(Box<Arrival>, BodyReader), Box<TurnedAway>> {
    let awaits_100 = head::awaits_100(&head);
    let credential = access::take_credential(&mut head);
    if let Err(failure) = head::check(&head, &app.config.limits) {
        ledger.cors = cors::answer_fields_at(&app.config.routes, &head);
        return Err(Box::new(TurnedAway { why: NotLetIn::Refused(failure), body, awaits_100, is_dubious: true }));
    }
    if let Some(preflight) = cors::preflight(&app.config.routes, &head) {
        ledger.route = Some(Arc::clone(&preflight.route));
        ledger.cors = preflight.fields.clone();
        return Err(Box::new(TurnedAway { why: NotLetIn::Preflight(preflight), body, awaits_100, is_dubious: false }));
    }
    let admitted = async {
        let matched = find_route(app, ledger, &head)?;
        cors::check_origin(&matched.route, &head.headers)?;
        let entry = access::admit(app, &matched, credential, connection).await?;
        ledger.client = entry.name();
        let sizes = head::announced_sizes(&head.headers)?;
        let whole = read::whole_body_digests(&head)?;
        let proxies = app.config.clients.proxies.as_ref();
        let identity = entry.pass.client.identity();
        let client = ClientKey::of_request(connection.peer.ip(), &head.headers, proxies, identity);
        let place = find_place(app, ledger, &matched, &client, sizes.of_body())?;
        if !place.memory.grow(entry.pass.client.weight()) {
            place.grant.cancel();
            return Err(overloaded("no memory is left for what is known of this client"));
        }
        Ok((place, matched, entry, sizes, whole))
    };
    match admitted.await {
        Ok((place, matched, Entry { pass, ticket }, sizes, whole)) => {
            let timeouts = &app.config.timeouts;
            let body = BodyReader::new(body, awaits_100, sizes.content_length, whole, timeouts);
            let body = body.metered(place.grant.meter(&connection.held_back), connection.held_back.clone());
            let received = OffsetDateTime::now_utc();
            let arrival = Arrival { ledger: ledger.clone(), matched, head, received, pass, ticket, place };
            Ok((Box::new(arrival), body))
        }
        Err(failure) => {
            Err(Box::new(TurnedAway { why: NotLetIn::Refused(failure), body, awaits_100, is_dubious: false }))
        }
    }
}

impl TurnedAway {
    /// Listens to a client for a while that is sending, so that it hears the answer; one that waits for `100 Continue` has sent
    /// nothing. Gives why it is not let in, and whether the connection must be closed after the answer.
    pub(crate) fn hear_out(self, app: &App) -> (NotLetIn, bool) {
        let is_trusted = match &self.why {
            // Another reader of a malformed head might find its body to end elsewhere.
            NotLetIn::Refused(failure) => !self.is_dubious && failure.problem != Problem::MalformedRequest,
            // No browser sends a body with its question, so one that has a body is as good as dubious.
            NotLetIn::Preflight(_) => false,
        };
        let closes = match self.body {
            ClientBody::Empty => self.is_dubious,
            // The connection reads on by itself: over a short rest to the next request, or until it is closed.
            ClientBody::Http1(body) => !(is_trusted && body.leave()),
            ClientBody::Http2(body) => {
                let unread = !body.is_end_stream();
                // Too many at once: the body is dropped, and its stream reset after the answer. Other streams go on.
                if let Some(drain) = (unread && !self.awaits_100).then(|| app.drains.begin()).flatten() {
                    app.tasks.spawn(drain.read_and_discard(body));
                }
                unread || self.is_dubious
            }
        };
        (self.why, closes)
    }
}

fn find_route(app: &App, ledger: &mut Ledger, head: &Parts) -> Result<Match, Failure> {
    match rules::routing::route(&app.config.routes, &head.method, head.uri.path()) {
        Routing::Found(matched) => {
            ledger.found(&matched.route, &head.headers);
            Ok(matched)
        }
        Routing::WrongMethod { route, allow } => {
            ledger.found(&route, &head.headers);
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

/// The announced length of a body.
///
/// # Errors
/// `malformed-request` for anything but plain decimal digits.
pub(crate) fn content_length(head: &Parts) -> Result<Option<u64>, Failure> {
    Ok(head::announced_sizes(&head.headers)?.content_length)
}

fn overloaded(detail: &str) -> Failure {
    Failure { retry_after: Some(COME_BACK), ..Failure::new(Problem::Overloaded, detail) }
}

/// A place for an upload of a client, which announces so many bytes: under the limits of the route first, because what a client may not
/// have is refused however much room there is.
fn find_place(
    app: &Arc<App>,
    ledger: &Ledger,
    matched: &Match,
    client: &ClientKey,
    announced: Option<u64>,
) -> Result<Place, Failure> {
    if app.draining.is_cancelled() {
        let draining = Failure::new(Problem::Draining, "this gateway is shutting down");
        return Err(Failure { retry_after: Some(COME_BACK), ..draining });
    }
    let grant = app.fair_use.admit(&matched.route.name, client, announced)?;
    let Some(memory) = UploadMemory::take(&app.budget, &matched.route) else {
        grant.cancel();
        return Err(overloaded("no memory is left for another upload"));
    };
    let Some(entry) = app.uploads.enter(ledger.upload_id, &app.metrics.route(&matched.route.name)) else {
        grant.cancel();
        return Err(overloaded("too many uploads are in flight"));
    };
    Ok(Place { entry, memory, grant })
}
