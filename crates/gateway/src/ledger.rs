//! What is counted and logged of one request: each ends exactly once, as completed, refused, failed or cancelled.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use http::header::HeaderName;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Version};
use rules::config::Route;
use rules::failure::{Blame, Failure, Problem};
use uuid::Uuid;

use crate::cors;
use crate::metrics::{Outcome, RouteMetrics};
use crate::stored::Stored;

/// The client's own name for the request, echoed.
pub(crate) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// What is known of a request from its first line on, for its log line and its answer.
#[derive(Debug, Clone)]
pub(crate) struct Ledger {
    /// UUIDv7.
    pub(crate) upload_id: Uuid,
    /// The client's `X-Request-Id`, if it was one.
    pub(crate) request_id: Option<HeaderValue>,
    /// The route's name, once the request matched one.
    pub(crate) route: Option<Arc<str>>,
    /// What every answer to it says to browsers, once its path was found to be a route with `cors`.
    pub(crate) cors: HeaderMap,
    /// Who sent it, if the route asked: `provider/subject`.
    pub(crate) client: Option<Arc<str>>,
    /// Whether the connection is to be closed after a refusal (HTTP/1).
    pub(crate) http1: bool,
    method: Method,
    begun: Instant,
}

impl Ledger {
    /// Opens the page of one request.
    pub(crate) fn open(head: &Parts) -> Self {
        Self {
            upload_id: Uuid::now_v7(),
            request_id: head.headers.get(X_REQUEST_ID).cloned(),
            route: None,
            cors: HeaderMap::new(),
            client: None,
            http1: head.version < Version::HTTP_2,
            method: head.method.clone(),
            begun: Instant::now(),
        }
    }

    /// The request's path is a route's.
    pub(crate) fn found(&mut self, route: &Route, headers: &HeaderMap) {
        self.route = Some(Arc::clone(&route.name));
        self.cors = cors::answer_fields(route.cors.as_ref(), headers);
    }

    /// Counts and logs the end. `received` are file bytes read.
    pub(crate) fn close(&self, metrics: &RouteMetrics, end: &Result<Stored, Failure>, received: u64) {
        let took = self.begun.elapsed();
        let outcome = outcome(end);
        let problem = end.as_ref().err().map(|failure| failure.problem);
        let size = end.as_ref().ok().map(|stored| stored.file.size);
        metrics.ended(outcome, problem.map(Problem::name), took, size);
        self.log(outcome, end, received, took);
    }

    /// Logs a head that did not pass the gate: its first line is not trusted, so nothing of it is said.
    pub(crate) fn note_rejection(&self, failure: &Failure, peer: SocketAddr) {
        tracing::info!(
            target: "tidegate::upload",
            upload_id = %self.upload_id,
            reason = failure.problem.name(),
            status = failure.problem.status(),
            detail = failure.detail.as_str(),
            %peer,
            "request rejected"
        );
    }

    fn log(&self, outcome: Outcome, end: &Result<Stored, Failure>, received: u64, took: std::time::Duration) {
        let failure = end.as_ref().err();
        let stored = end.as_ref().ok();
        let status = failure.map_or_else(|| stored.map_or(0, Stored::status), |failure| failure.problem.status());
        tracing::info!(
            target: "tidegate::upload",
            upload_id = %self.upload_id,
            route = self.route.as_deref().unwrap_or("none"),
            client = self.client.as_deref(),
            method = %self.method,
            outcome = outcome.label(),
            reason = failure.map_or("none", |failure| failure.problem.name()),
            status,
            size = stored.map(|stored| stored.file.size),
            received_bytes = received,
            duration_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
            step = failure.and_then(|failure| failure.step.as_deref()),
            committed = failure.map(|failure| failure.committed.as_str()),
            upstream_status = failure.and_then(|failure| failure.upstream.as_ref()).map(|upstream| upstream.status),
            detail = failure.map(|failure| failure.detail.as_str()),
            cause = failure.and_then(|failure| failure.cause.as_deref()),
            request_id = self.request_id.as_ref().and_then(|id| id.to_str().ok()),
            "upload ended"
        );
    }
}

/// How an upload ended: what was turned away for what it is, or for lack of room, is `refused`; what broke is `failed`.
fn outcome(end: &Result<Stored, Failure>) -> Outcome {
    match end {
        Ok(_) => Outcome::Completed,
        Err(Failure { problem: Problem::ClientGone | Problem::UploadCancelled, .. }) => Outcome::Cancelled,
        Err(failure) if failure.blame == Blame::Client => Outcome::Refused,
        // Nothing was begun for it. An upload that a drain aborted has a step and failed.
        Err(Failure { problem: Problem::Overloaded | Problem::Draining, step: None, .. }) => Outcome::Refused,
        Err(_) => Outcome::Failed,
    }
}
