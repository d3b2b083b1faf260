//! Accepts connections and leads each through its exchanges: head, fault, stand-in, journal, answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::faults::FaultKind;
use crate::http::{Answer, Body, BodyError, Connection, Framing, Head, HeadError, Seen};
use crate::journal::Exchange;
use crate::state::{Request, Shared};
use crate::system::{Step, System};
use crate::{connect, flowkiwi, klinkcx, kustomer, s3, teamwork};

/// Who listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Site {
    /// A vendor's API.
    System(System),
    /// The S3 endpoint of all.
    Storage,
}

/// What becomes of the connection after an exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum After {
    NextRequest,
    Linger,
    Close,
    Reset,
    Stall,
}

/// Accepts until told to stop.
pub(crate) async fn accept(
    listener: TcpListener,
    site: Site,
    shared: Arc<Shared>,
    numbers: Arc<AtomicU64>,
    stop: CancellationToken,
    tasks: TaskTracker,
) {
    while let Some(accepted) = stop.run_until_cancelled(listener.accept()).await {
        let (stream, _) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::task::yield_now().await;
                continue;
            }
        };
        let number = numbers.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        let (shared, stop) = (Arc::clone(&shared), stop.clone());
        tasks.spawn(async move {
            stop.run_until_cancelled(converse(stream, site, &shared, number)).await;
        });
    }
}

async fn converse(stream: TcpStream, site: Site, shared: &Shared, number: u64) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "the socket was gone at once");
    }
    let mut connection = Connection::new(stream);
    loop {
        let after = match connection.head().await {
            Ok(Some(head)) => exchange(&mut connection, head, site, shared, number).await,
            Ok(None) | Err(HeadError::Ended | HeadError::Socket(_)) => After::Close,
            Err(error) => {
                tracing::debug!(%error, "a head was refused");
                let written = connection.answer(&failure(site, 400), true, true).await;
                if written.is_ok() { After::Linger } else { After::Close }
            }
        };
        match after {
            After::NextRequest => {}
            After::Close => return,
            After::Linger => return connection.linger().await,
            After::Reset => return connection.reset(),
            After::Stall => return connection.stall().await,
        }
    }
}

async fn exchange(connection: &mut Connection, head: Head, site: Site, shared: &Shared, number: u64) -> After {
    let (system, step) = locate(site, &head);
    let fault = shared.take_fault(system, step);
    let mut scribe = Scribe { shared, system, step, number, faulted: fault.is_some(), head: head.clone() };
    let framing = match Framing::of(&head) {
        Ok(framing) => framing,
        Err(error) => {
            tracing::debug!(%error, "a request's framing was refused");
            scribe.record(Some(400), Seen::default());
            let written = connection.answer(&failure(site, 400), true, true).await;
            return if written.is_ok() { After::Linger } else { After::Close };
        }
    };
    let expects = head.header("expect").is_some_and(|value| value.eq_ignore_ascii_case("100-continue"));
    let body = Body::new(connection, framing, expects, fault.as_ref().and_then(FaultKind::cut));
    let mut request = Request { head, framing, body, fault };
    let answer = match work(site, shared, &mut request).await {
        Ok(answer) => answer,
        Err(BodyError::Cut) => return interrupted(site, &mut request, &mut scribe).await,
        Err(BodyError::TooLarge(_)) => failure(site, 413),
        Err(BodyError::Chunking) => failure(site, 400),
        Err(error @ (BodyError::Ended | BodyError::Socket(_))) => {
            tracing::debug!(%error, "a client was lost");
            scribe.record(None, request.body.seen());
            return After::Close;
        }
    };
    deliver(answer, &mut request, &mut scribe).await
}

/// Lets the stand-in do its work, or a fault what it does instead.
async fn work(site: Site, shared: &Shared, request: &mut Request<'_>) -> Result<Answer, BodyError> {
    request.body.checkpoint().await?;
    if let Some(fault) = request.fault.clone().filter(FaultKind::replaces_work) {
        while request.body.chunk().await?.is_some() {}
        return Ok(replacement(site, &fault));
    }
    match site {
        Site::Storage => s3::serve(shared, request).await,
        Site::System(System::Kustomer) => kustomer::serve(shared, request).await,
        Site::System(System::Flowkiwi) => flowkiwi::serve(shared, request).await,
        Site::System(System::KlinkCx) => klinkcx::serve(shared, request).await,
        Site::System(System::TeamworkDesk) => teamwork::serve(shared, request).await,
        Site::System(System::AmazonConnect) => connect::serve(shared, request).await,
    }
}

fn replacement(site: Site, fault: &FaultKind) -> Answer {
    match fault {
        FaultKind::Redirect { location } => Answer::empty(302).with("Location", location),
        FaultKind::Fail { status, retry_after } => {
            let answer = failure(site, *status);
            match retry_after {
                Some(seconds) => answer.with("Retry-After", seconds.to_string()),
                None => answer,
            }
        }
        _ => failure(site, 500),
    }
}

/// A fault took hold inside the body.
async fn interrupted(site: Site, request: &mut Request<'_>, scribe: &mut Scribe<'_>) -> After {
    let seen = request.body.seen();
    let Some(FaultKind::AnswerEarly { status, keep_reading, .. }) = request.fault else {
        scribe.record(None, seen);
        return match request.fault {
            Some(FaultKind::Reset { .. }) => After::Reset,
            Some(FaultKind::Stall { .. }) => After::Stall,
            _ => After::Close,
        };
    };
    let answer = match (status, site) {
        (204, _) | (200..=299, Site::Storage) => Answer::empty(status),
        (200..=299, _) => Answer::new(status, "application/json", "{}"),
        _ => failure(site, status),
    };
    scribe.record(Some(status), seen);
    if request.body.connection().answer(&answer, !keep_reading, true).await.is_err() {
        return After::Close;
    }
    let goes_on = keep_reading && request.body.discard().await.is_ok() && request.head.keep_alive;
    match (keep_reading, goes_on) {
        (_, true) => After::NextRequest,
        (true, false) => After::Close,
        (false, _) => After::Linger,
    }
}

/// Writes the journal, then the answer, the way the fault wants it.
async fn deliver(mut answer: Answer, request: &mut Request<'_>, scribe: &mut Scribe<'_>) -> After {
    let seen = request.body.seen();
    let close = !request.head.keep_alive || !seen.complete;
    let with_body = request.head.method != "HEAD";
    match request.fault.clone() {
        Some(FaultKind::DropReply) => {
            scribe.record(None, seen);
            return After::Close;
        }
        Some(FaultKind::CutAnswer) => {
            scribe.record(Some(answer.status), seen);
            let mut bytes = answer.head_bytes(false);
            bytes.extend_from_slice(answer.body.get(..answer.body.len() / 2).unwrap_or_default());
            if answer.body.is_empty() {
                bytes.truncate(bytes.len() / 2);
            }
            let written = request.body.connection().write(&bytes).await;
            return if written.is_ok() { After::Linger } else { After::Close };
        }
        Some(FaultKind::MalformedJson) => answer = Answer::new(answer.status, "application/json", "{\"data\": [1,"),
        Some(FaultKind::HtmlAnswer) => {
            answer = Answer::new(200, "text/html; charset=UTF-8", "<!doctype html><title>Just a moment…</title>");
        }
        Some(FaultKind::HugeAnswer { bytes }) => answer.padding = bytes,
        _ => {}
    }
    scribe.record(Some(answer.status), seen);
    if let Some(FaultKind::SlowAnswer { delay }) = request.fault {
        tokio::time::sleep(delay).await;
    }
    match request.body.connection().answer(&answer, close, with_body).await {
        Err(_gone) => After::Close,
        Ok(()) if close => After::Linger,
        Ok(()) => After::NextRequest,
    }
}

/// Whose request it is, and which part of an upload.
fn locate(site: Site, head: &Head) -> (Option<System>, Step) {
    let step = match site {
        Site::Storage => {
            let bucket = head.segments().into_iter().next().unwrap_or_default();
            return (System::of_bucket(&bucket), Step::Store);
        }
        Site::System(System::Kustomer) => kustomer::step(head),
        Site::System(System::Flowkiwi) => flowkiwi::step(head),
        Site::System(System::KlinkCx) => klinkcx::step(head),
        Site::System(System::TeamworkDesk) => teamwork::step(head),
        Site::System(System::AmazonConnect) => connect::step(head),
    };
    match site {
        Site::System(system) => (Some(system), step),
        Site::Storage => (None, step),
    }
}

/// An error without a particular reason, in the vendor's shape.
fn failure(site: Site, status: u16) -> Answer {
    match site {
        Site::Storage => s3::failure(status),
        Site::System(System::Kustomer) => kustomer::failure(status),
        Site::System(System::Flowkiwi) => flowkiwi::failure(status),
        Site::System(System::KlinkCx) => klinkcx::failure(status),
        Site::System(System::TeamworkDesk) => teamwork::failure(status),
        Site::System(System::AmazonConnect) => connect::failure(status),
    }
}

/// Writes one exchange into the journal.
struct Scribe<'a> {
    shared: &'a Shared,
    system: Option<System>,
    step: Step,
    number: u64,
    faulted: bool,
    head: Head,
}

impl Scribe<'_> {
    fn record(&mut self, status: Option<u16>, seen: Seen) {
        self.shared.record(Exchange {
            system: self.system,
            step: self.step,
            connection: self.number,
            method: std::mem::take(&mut self.head.method),
            target: std::mem::take(&mut self.head.target),
            headers: std::mem::take(&mut self.head.headers),
            status,
            body_bytes: seen.bytes,
            body_complete: seen.complete,
            body: seen.content,
            faulted: self.faulted,
        });
    }
}
