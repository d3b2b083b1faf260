//! One upload from its head to its end: the page to read first.
//!
//! Data flows one way: ingress, admit, plan, prepare, transfer, finalize, respond. Each stage gives a value that only it can
//! make, so none can be skipped. An upload ends exactly once, here: completed, refused, failed or cancelled; one metric, one
//! log line.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures::FutureExt as _;
use http::Request;
use rules::admission::admit;
use rules::config::Route;
use rules::failure::{Committed, Failure, Problem};
use rules::plan::{TransferPlan, check_needs, plan};
use rules::run::Run;
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use crate::access;
use crate::app::{App, ConnectionInfo};
use crate::attended::Attended;
use crate::cors::Preflight;
use crate::ingress::refused::RefusedHead;
use crate::ingress::{self, Arrival, BodyReader, ClientBody, ClientFile, NotLetIn, Place, UploadRequest};
use crate::ledger::Ledger;
use crate::metrics::PreflightVerdict;
use crate::respond::{self, Reply};
use crate::steps::{self, Broken};
use crate::stored::{FileFacts, Stored};
use crate::surroundings::Surroundings;
use crate::transfer::{self, Leftover, Streamed, Verification};
use crate::undo::Begun;

/// Answers one request. The upload outlives the client's connection once its last bytes were released.
pub(crate) async fn handle(app: Arc<App>, connection: Arc<ConnectionInfo>, request: Request<ClientBody>) -> Reply {
    let (head, body) = request.into_parts();
    let mut ledger = Ledger::open(&head);
    if let Some(refused) = head.extensions.get::<RefusedHead>() {
        return reject(&app, &ledger, &connection, *refused);
    }
    if access::is_mint(&head) {
        return access::mint(&app, &connection, &ledger, head, body).boxed().await;
    }
    // Boxed, as its memory would stay with the upload for as long as that takes.
    let (arrival, body) = match ingress::let_in(&app, &mut ledger, &connection, head, body).boxed().await {
        Ok(inside) => inside,
        Err(refused) => {
            let (why, closes) = refused.hear_out(&app);
            return match why {
                NotLetIn::Refused(failure) => settle(&app, &ledger, Err(failure), 0, closes),
                NotLetIn::Preflight(preflight) => answer_preflight(&app, &ledger, &preflight, closes),
            };
        }
    };
    let client_gone = CancellationToken::new();
    let upload = run(Arc::clone(&app), arrival, body, client_gone.clone()).boxed();
    Attended::new(upload, client_gone, app.tasks.clone()).await
}

/// Carries one upload through every stage; gives its answer, which a client that went away does not hear.
#[expect(clippy::manual_async_fn, reason = "an async fn keeps its arguments twice, in the memory of each open upload")]
fn run(
    app: Arc<App>,
    mut arrival: Box<Arrival>,
    mut body: BodyReader,
    client_gone: CancellationToken,
) -> impl Future<Output = Reply> + Send {
    async move {
        let ledger = arrival.ledger.clone();
        let ticket = arrival.ticket.take();
        let around = Surroundings::new(&app, &arrival, client_gone);
        let span = tracing::info_span!("upload", id = %ledger.upload_id, route = &*around.route.name);
        let stages = AssertUnwindSafe(stages(arrival, &mut body, &around)).catch_unwind().instrument(span);
        let mut end = stages.await.unwrap_or_else(|_| Err(Failure::internal("a bug ended this upload")));
        if let Err(failure) = &mut end
            && failure.problem == Problem::ClientGone
        {
            let why = Failure::before_transfer(&around.route, body.why_gone());
            *failure = Failure { committed: failure.committed, step: failure.step.take().or(why.step.clone()), ..why };
        }
        // An upload that stored nothing for certain gives its use of a ticket back.
        if let Some(ticket) = ticket.filter(|_| may_be_stored(&end)) {
            ticket.spend();
        }
        let answer = settle(&app, &ledger, end, around.live.progress().received(), !body.is_ended());
        if let (Some(rest), Some(drain)) = (body.into_rest(), app.drains.begin()) {
            app.tasks.spawn(drain.read_and_discard(rest));
        }
        answer
    }
}

/// The end of a request whose head did not pass the gate: it was never an upload.
fn reject(app: &App, ledger: &Ledger, connection: &ConnectionInfo, refused: RefusedHead) -> Reply {
    let failure = refused.failure();
    app.metrics.rejected(refused.rejection());
    ledger.note_rejection(&failure, connection.peer);
    app.problems.note(ledger, &failure);
    respond::problem(ledger, &failure, true)
}

/// The one end of a request: counted, logged, answered. `received` are file bytes read; `unread` says that a part of the body
/// was not, and that nobody reads over it.
fn settle(app: &App, ledger: &Ledger, end: Result<Stored, Failure>, received: u64, unread: bool) -> Reply {
    // Texts of others are in it, and it is about to be logged and answered.
    let end = end.map_err(|failure| app.upstreams.without_secrets(failure));
    let metrics = ledger.route.as_deref().map_or_else(|| app.metrics.unmatched(), |route| app.metrics.route(route));
    ledger.close(&metrics, &end, received);
    match &end {
        Ok(stored) => respond::receipt(ledger, stored),
        Err(failure) => {
            app.problems.note(ledger, failure);
            respond::problem(ledger, failure, unread)
        }
    }
}

/// A browser's question is no upload: it is counted apart, and not logged as one.
fn answer_preflight(app: &App, ledger: &Ledger, preflight: &Preflight, unread: bool) -> Reply {
    app.metrics.route(&preflight.route).asked(PreflightVerdict::of(preflight.refusal.is_none()));
    match &preflight.refusal {
        None => respond::preflight(ledger, unread),
        Some(refusal) => respond::problem(ledger, refusal, unread),
    }
}

/// Whether the file is stored, or may be.
fn may_be_stored(end: &Result<Stored, Failure>) -> bool {
    end.as_ref().err().is_none_or(|failure| failure.committed != Committed::No)
}

async fn stages(arrival: Box<Arrival>, body: &mut BodyReader, around: &Surroundings) -> Result<Stored, Failure> {
    // Held to the end: the upload's memory, and its entry in the table.
    let (plan, mut file, _place) = tokio::select! {
        biased;
        planned = read_and_plan(arrival, body, around) => planned?,
        why = around.live.interrupted() => return Err(Failure::before_transfer(&around.route, why)),
    };

    let verify = Verification::of(&plan);
    let facts = FileFacts::of(&plan);
    let run = Run::begin(&plan, random_seed()?).withholding(around.app.upstreams.own_secrets());
    let begun = Begun::new(around, run);
    let transferred = match prepare_and_transfer(begun, &mut file, &verify, around).await {
        Ok(transferred) => transferred,
        Err(broken) => return Err(take_back(*broken, around).boxed().await),
    };
    match steps::finalize(transferred.begun, around).await {
        Ok(receipt) => Ok(Stored { receipt, file: facts.complete(&transferred.file) }),
        Err(broken) => Err(take_back(*broken, around).boxed().await),
    }
}

/// Reads as far as it takes to say what is to be done.
async fn read_and_plan<'a>(
    arrival: Box<Arrival>,
    body: &'a mut BodyReader,
    around: &Surroundings,
) -> Result<(TransferPlan, ClientFile<'a>, Place), Failure> {
    let (UploadRequest { offer, mut file }, place) = ingress::read(arrival, body).await?;
    Ok((admit_and_plan(offer, &mut file, &around.route).await?, file, place))
}

/// All that an upload needs of chance: form boundaries, pauses, an idempotency key.
fn random_seed() -> Result<[u8; 16], Failure> {
    let mut seed = [0; 16];
    getrandom::fill(&mut seed).map_err(|error| Failure::internal(format!("no randomness: {error}")))?;
    Ok(seed)
}

async fn admit_and_plan(
    offer: rules::admission::Offer,
    file: &mut ClientFile<'_>,
    route: &Arc<Route>,
) -> Result<TransferPlan, Failure> {
    let mut admission = admit(route, offer)?;
    if let Some(wanted) = admission.first_bytes_wanted() {
        check_needs(&admission)?;
        let first = file.peek(wanted).await.map_err(|trouble| Failure::before_transfer(route, trouble))?;
        admission.detect(&first)?;
    }
    plan(admission)
}

/// Prepares and streams; both again where a URL had expired or a dead connection took nothing with it.
async fn prepare_and_transfer(
    mut begun: Begun,
    file: &mut ClientFile<'_>,
    verify: &Verification,
    around: &Surroundings,
) -> Result<transfer::FileArrived, Box<Broken>> {
    let mut leftover = Leftover::default();
    loop {
        let prepared = steps::prepare(begun, around).await?;
        match transfer::stream(prepared, &mut leftover, file, verify, around).await {
            Streamed::Done(transferred) => return Ok(*transferred),
            Streamed::Again(again) => begun = *again,
        }
    }
}

/// Takes back what a failed upload began, so that its answer can say truly whether the file exists.
async fn take_back(broken: Broken, around: &Surroundings) -> Failure {
    let Broken { mut failure, begun } = broken;
    around.live.enter(crate::uploads::Stage::Undo, None);
    if let Some(committed) = begun.take_back().await {
        failure.committed = committed;
    }
    failure
}
