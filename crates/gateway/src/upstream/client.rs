//! The client of prepare, finalize and undo steps: small requests, bounded answers, no redirect, no retry of its own.

use std::error::Error as StdError;
use std::io;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures::future::BoxFuture;
use http::Uri;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rules::run::{Answer, NoAnswer};
use rules::url::{Origin, Scheme};
use tower::Service;

use crate::memory::UploadMemory;

use super::connect::{Connector, DialError};
use super::stream::{UpstreamStream, Usage};
use super::{MAX_ANSWER_BODY, MAX_ANSWER_FIELDS, MAX_ANSWER_HEAD, POOL_IDLE};

/// hyper's pooled client over the one connector.
pub(super) type StepClient = Client<Connector, Full<Bytes>>;

/// A client with a pool of its own, of at most `max_idle` connections per origin.
pub(super) fn step_client(connector: Connector, max_idle: usize) -> StepClient {
    Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(POOL_IDLE)
        .pool_max_idle_per_host(max_idle)
        .http1_max_buf_size(MAX_ANSWER_HEAD)
        .http1_max_headers(MAX_ANSWER_FIELDS)
        // Whether a request may be sent again is decided by the rule's run, which also counts the attempts.
        .retry_canceled_requests(false)
        .build(connector)
}

impl Service<Uri> for Connector {
    type Response = TokioIo<UpstreamStream>;
    type Error = DialError;
    type Future = BoxFuture<'static, Result<Self::Response, DialError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), DialError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let connector = self.clone();
        Box::pin(async move { Ok(TokioIo::new(connector.dial(&origin_of(&uri)).await?)) })
    }
}

/// The inverse of how [`super::head::OutgoingHead`] wrote the URL.
pub(super) fn origin_of(uri: &Uri) -> Origin {
    let (scheme, default_port) = match uri.scheme_str() {
        Some("https") => (Scheme::Https, 443),
        _ => (Scheme::Http, 80),
    };
    let host = uri.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
    Origin { scheme, host: host.to_owned(), port: uri.port_u16().unwrap_or(default_port) }
}

/// Reads the whole answer, in bounds.
///
/// # Errors
/// [`NoAnswer::Misbehaved`] when the body is longer than [`MAX_ANSWER_BODY`], [`NoAnswer::Broken`] when it breaks off.
pub(super) async fn read_answer(response: http::Response<Incoming>, memory: &UploadMemory) -> Result<Answer, NoAnswer> {
    let usage = response.extensions().get::<Usage>().cloned().unwrap_or_default();
    let then = usage.now();
    let (head, mut incoming) = response.into_parts();
    // The head is kept as long as the body: until the upload ends.
    let head_len: usize = head.headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    if !memory.grow(head_len) {
        return Err(NoAnswer::NoMemory);
    }
    let mut body = BytesMut::new();
    while let Some(frame) = incoming.frame().await {
        let frame = frame.map_err(|error| hyper_failure(&error))?;
        let data = frame.into_data().unwrap_or_default();
        if body.len().saturating_add(data.len()) > MAX_ANSWER_BODY {
            return Err(NoAnswer::Misbehaved(format!("its answer is longer than {MAX_ANSWER_BODY} bytes")));
        }
        if !memory.grow(data.len()) {
            return Err(NoAnswer::NoMemory);
        }
        body.extend_from_slice(&data);
    }
    usage.answered(then);
    let headers = head.headers.iter().map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec()));
    Ok(Answer { status: head.status.as_u16(), headers: headers.collect(), body: body.freeze() })
}

/// Says why the client has no answer. Only when nothing was written to a connection since its last answer, it is
/// [`NoAnswer::StaleConnection`].
pub(super) fn no_answer(error: &hyper_util::client::legacy::Error) -> NoAnswer {
    if let Some(dial) = find::<DialError>(error) {
        return NoAnswer::from(dial);
    }
    if died_idle(error) {
        return NoAnswer::StaleConnection;
    }
    match find::<hyper::Error>(error) {
        Some(cause) => hyper_failure(cause),
        None => NoAnswer::Broken(error.to_string()),
    }
}

fn died_idle(error: &hyper_util::client::legacy::Error) -> bool {
    let mut extensions = http::Extensions::new();
    if let Some(connected) = error.connect_info() {
        connected.get_extras(&mut extensions);
    }
    extensions.get::<Usage>().is_some_and(Usage::died_idle)
}

fn hyper_failure(error: &hyper::Error) -> NoAnswer {
    // Chunks that are malformed or beyond the library's bounds come as errors of these kinds, a lost connection does not.
    let is_malformed = |io: &io::Error| matches!(io.kind(), io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput);
    if error.is_parse() || error.source().and_then(find::<io::Error>).is_some_and(is_malformed) {
        return NoAnswer::Misbehaved(format!("its answer is malformed: {error}"));
    }
    let cause = error.source().map(|source| format!(": {source}")).unwrap_or_default();
    NoAnswer::Broken(format!("{error}{cause}"))
}

/// The first error of a kind among an error and its causes.
fn find<'a, E: StdError + 'static>(error: &'a (dyn StdError + 'static)) -> Option<&'a E> {
    match error.downcast_ref() {
        Some(found) => Some(found),
        None => find(error.source()?),
    }
}

/// A request and the time that its whole answer may take, dialling included.
pub(super) struct StepCall {
    /// Whom the request goes to, for the log.
    pub(super) target: Arc<str>,
    pub(super) request: http::Request<Full<Bytes>>,
    pub(super) limit: Duration,
    /// Pays for the answer.
    pub(super) memory: Arc<UploadMemory>,
}
