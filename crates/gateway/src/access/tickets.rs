//! Upload tickets: their keys, and `POST /-/tickets`, where an authenticated client has one signed.

use std::sync::Arc;

use bytes::BytesMut;
use futures::future::poll_fn;
use http::Method;
use http::request::Parts;
use rules::access::{Client, MAX_TICKET_LEN, MintRequest, Ticket, TicketError, key_id, open, seal, url_of};
use rules::config::{MIN_TICKET_SECRET, Route, SecretRef, Tickets, weakness_of_ticket_secret};
use rules::failure::{Failure, Problem};
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use uuid::Uuid;
use wire::digest::ClientDigests;

use super::Keeper;
use super::credentials::Credential;
use super::refusal::{Reason, Shown};
use crate::app::{App, ConnectionInfo};
use crate::ingress::{self, BodyReader, ClientBody};
use crate::ledger::Ledger;
use crate::memory::UploadMemory;
use crate::respond::{self, Reply};
use crate::secrets::{SecretValue, Secrets};

/// Where tickets are minted. Paths below `/-/` are the gateway's own.
const PATH: &str = "/-/tickets";

/// Bytes of a request for a ticket: a dozen short members.
const MAX_REQUEST: usize = 16 * 1024;

/// The keys of one provider of tickets. Secrets are looked up for each use, so that a file's new content counts.
pub(super) struct TicketKeys {
    keys: Vec<(Arc<str>, SecretRef)>,
    secrets: Arc<Secrets>,
}

impl TicketKeys {
    pub(super) fn new(tickets: &Tickets, secrets: Arc<Secrets>) -> Self {
        let keys = tickets.keys.iter().map(|key| (Arc::clone(&key.id), key.secret.clone())).collect();
        let keys = Self { keys, secrets };
        for (id, _) in keys.keys.iter().filter(|(_, secret)| keys.secret(secret).is_none()) {
            tracing::warn!(
                key = &**id,
                "a ticket key has no secret of {MIN_TICKET_SECRET} random bytes or more: it neither signs nor verifies"
            );
        }
        keys
    }

    /// Verifies a ticket.
    pub(super) fn open(&self, text: &str, now: OffsetDateTime) -> Result<Ticket, Reason> {
        let id = key_id(text).map_err(reason)?;
        let secret = self.keys.iter().find(|(known, _)| **known == *id).and_then(|(_, secret)| self.secret(secret));
        open(text, secret.as_ref().map(|secret| secret.expose().as_bytes()), now).map_err(reason)
    }

    /// Signs a ticket with the first key.
    fn seal(&self, ticket: &Ticket) -> Result<String, Failure> {
        let first = self.keys.first().and_then(|(id, secret)| Some((id, self.secret(secret)?)));
        let (id, secret) =
            first.ok_or_else(|| Failure::internal("the first ticket key has no secret of 32 bytes or more"))?;
        Ok(seal(ticket, id, secret.expose().as_bytes()))
    }

    /// A secret that is long enough: a short one could be found by trying, with any ticket as the proof.
    fn secret(&self, secret: &SecretRef) -> Option<SecretValue> {
        self.secrets.get(secret).filter(|value| weakness_of_ticket_secret(value.expose()).is_none())
    }
}

fn reason(error: TicketError) -> Reason {
    match error {
        TicketError::Malformed => Reason::Malformed,
        TicketError::UnknownKey => Reason::UnknownKey,
        TicketError::Signature => Reason::Signature,
        TicketError::Expired => Reason::Expired,
    }
}

/// Whether a request is for this endpoint.
pub(crate) fn is_mint(head: &Parts) -> bool {
    head.uri.path() == PATH
}

/// Answers a request for a ticket. It is no upload: nothing of it counts as one.
pub(crate) async fn mint(
    app: &App,
    connection: &ConnectionInfo,
    ledger: &Ledger,
    mut head: Parts,
    body: ClientBody,
) -> Reply {
    let credential = super::credentials::take(&mut head);
    let awaits_100 = ingress::awaits_100(&head);
    let checked = ingress::check_head(&head, &app.config.limits);
    let checked = checked.and_then(|()| ingress::content_length(&head));
    let length = checked.as_ref().ok().copied().flatten();
    let none = ClientDigests::default();
    let mut body = BodyReader::new(body, awaits_100, length, none, &app.config.timeouts);
    let minted = match checked {
        Ok(_) => mint_for(app, connection, &head, credential, &mut body).await,
        Err(failure) => Err(failure),
    };
    note(app, ledger, &minted);
    let answer = match &minted {
        Ok(minted) => respond::created(ledger, &minted.answer),
        Err(failure) => respond::problem(ledger, failure, !body.is_ended()),
    };
    if let (Some(rest), Some(drain)) = (body.into_rest(), app.drains.begin()) {
        app.tasks.spawn(drain.read_and_discard(rest));
    }
    answer
}

/// Counts and logs what became of a request. The ticket itself is in no line, its id is.
fn note(app: &App, ledger: &Ledger, minted: &Result<Minted, Failure>) {
    match minted {
        Ok(Minted { id, route, minter, .. }) => {
            app.metrics.ticket_minted();
            tracing::info!(
                target: "tidegate::ticket",
                request_id = %ledger.upload_id,
                route,
                provider = minter.provider.as_deref(),
                subject = minter.subject.as_deref(),
                ticket_id = id,
                "ticket minted"
            );
        }
        Err(failure) => tracing::info!(
            target: "tidegate::ticket",
            request_id = %ledger.upload_id,
            reason = failure.problem.name(),
            cause = failure.cause.as_deref(),
            "no ticket minted"
        ),
    }
}

/// A ticket, and for whom it was signed.
struct Minted {
    answer: Value,
    id: String,
    route: String,
    minter: Client,
}

async fn mint_for(
    app: &App,
    connection: &ConnectionInfo,
    head: &Parts,
    credential: Result<Option<Credential>, Failure>,
    body: &mut BodyReader,
) -> Result<Minted, Failure> {
    let keeper = &app.access;
    let unknown = || Failure::new(Problem::NoSuchRoute, "no route of this gateway has this path");
    let minters = keeper.minters.as_ref().ok_or_else(unknown)?;
    if head.method != Method::POST {
        let detail = format!("tickets are asked for with POST, not {}", head.method);
        return Err(Failure { allow: Some("POST"), ..Failure::new(Problem::MethodNotAllowed, detail) });
    }
    if app.draining.is_cancelled() {
        return Err(Failure::new(Problem::Draining, "this gateway is shutting down"));
    }
    let now = OffsetDateTime::now_utc();
    let shown = keeper.who(minters, credential?, connection, now).await.map_err(|why| keeper.refuse(minters, why))?;
    // No provider among the minters is one of tickets, which `check` sees to.
    let Shown::Client(minter) = shown else { return Err(Failure::new(Problem::Forbidden, "a ticket mints no ticket")) };
    let asked = read_request(app, body).await?;
    let (route, tickets, keys) = find(app, &asked, &minter.client).ok_or_else(|| {
        keeper.metrics.access_refused("client", Reason::NotTaken);
        let detail = "there is no route of this name that takes tickets of yours";
        Failure::new(Problem::Forbidden, detail)
    })?;
    let id = Uuid::new_v4().simple().to_string();
    let ticket = rules::access::mint(&asked, route, tickets, &minter, id, now)?;
    let rule = route.access.rule().ok_or_else(|| Failure::internal("a route without access takes tickets"))?;
    let allowed = rules::access::judge(rule, &minter.client, &ticket.captures, &route.env);
    let allowed = allowed.and_then(|()| rules::access::fits(route, &minter.client, &ticket.captures));
    allowed.inspect_err(|_| {
        keeper.metrics.access_refused("client", Reason::Forbidden);
    })?;
    let sealed = keys.seal(&ticket)?;
    if sealed.len() > MAX_TICKET_LEN {
        let detail = format!("such a ticket would have more than {MAX_TICKET_LEN} bytes: bind less");
        return Err(Failure::new(Problem::InvalidParameter, detail));
    }
    let answer = answer(route, tickets, &ticket, &sealed);
    Ok(Minted { answer, id: ticket.id, route: ticket.route, minter: minter.client })
}

/// Reads the body, which begins with the `100 Continue` if the client waits for one: it has shown who it is by now.
async fn read_request(app: &App, body: &mut BodyReader) -> Result<MintRequest, Failure> {
    let overloaded = || Failure::new(Problem::Overloaded, "no memory is left for this request");
    let memory = UploadMemory::nothing_yet(&app.budget).ok_or_else(overloaded)?;
    let mut text = BytesMut::new();
    while let Some(chunk) = poll_fn(|cx| body.poll_data(cx)).await.map_err(Failure::of_body)? {
        if text.len().saturating_add(chunk.len()) > MAX_REQUEST {
            let detail = format!("a request for a ticket has at most {MAX_REQUEST} bytes");
            return Err(Failure::new(Problem::MalformedRequest, detail));
        }
        if !memory.grow(chunk.len()) {
            return Err(overloaded());
        }
        text.extend_from_slice(&chunk);
    }
    MintRequest::parse(&text)
        .map_err(|why| Failure::new(Problem::MalformedRequest, format!("this is no request for a ticket: {why}")))
}

/// The route, and the first of its providers of tickets that this client may mint for.
fn find<'a>(
    app: &'a App,
    asked: &MintRequest,
    minter: &Client,
) -> Option<(&'a Arc<Route>, &'a Tickets, &'a TicketKeys)> {
    let route = app.config.routes.iter().find(|route| *route.name == *asked.route)?;
    let provider = minter.provider.as_ref()?;
    app.access.of(route.access.rule()?).find_map(|(_, keeper)| match keeper {
        Keeper::Tickets(tickets, keys) if tickets.mint.contains(provider) => Some((route, tickets, keys)),
        _ => None,
    })
}

/// The ticket and everything that it binds.
fn answer(route: &Route, tickets: &Tickets, ticket: &Ticket, sealed: &str) -> Value {
    let (method, path) = url_of(route, ticket, sealed);
    let origin = tickets.origin.as_ref().map(ToString::to_string).unwrap_or_default();
    let expires = OffsetDateTime::from_unix_timestamp(ticket.expires).ok().and_then(|end| end.format(&Rfc3339).ok());
    let pairs = |pairs: &[(String, String)]| -> Value {
        pairs
            .iter()
            .map(|(name, value)| (name.clone(), Value::from(value.as_str())))
            .collect::<serde_json::Map<_, _>>()
            .into()
    };
    json!({
        "url": format!("{origin}{path}"),
        "method": method,
        "ticket": sealed,
        "expires_at": expires,
        "route": ticket.route,
        "path": pairs(&ticket.captures),
        "max_size": ticket.max_size,
        "types": ticket.types,
        "name": ticket.name,
        "uses": ticket.uses,
        "params": pairs(&ticket.params),
    })
}
