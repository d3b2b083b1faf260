//! The one table of problems: name, status, title, blame. No other file chooses a status for a failure.

mod problem;

use std::time::Duration;

use serde::{Serialize, Serializer};
use serde_json::Value;
use uuid::Uuid;

use crate::config::Route;
use crate::run::TransferTrouble;
pub use problem::Problem;

/// Who can do something about a problem.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Blame {
    /// The caller.
    Client,
    /// The operator of this gateway.
    Gateway,
    /// The upstream.
    Upstream,
}

/// Whether the file may exist upstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Committed {
    /// It does not.
    No,
    /// It does.
    Yes,
    /// Nobody can tell.
    Unknown,
}

/// One complaint about one field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Violation {
    /// Which field, such as `name` or `params.title`.
    pub field: String,
    /// What is wrong with it.
    pub message: String,
}

/// What the upstream said, sanitised.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UpstreamError {
    /// Its status.
    pub status: u16,
    /// Its machine-readable code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Its text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// An upload that ended badly: what client, log and metrics are told.
#[derive(Debug, Clone)]
pub struct Failure {
    /// Which problem.
    pub problem: Problem,
    /// For the client, in a full sentence.
    pub detail: String,
    /// For the operator's log only; never a secret.
    pub cause: Option<String>,
    /// The failing step.
    pub step: Option<String>,
    /// Who is to blame, where it differs from the problem's usual blame.
    pub blame: Blame,
    /// Whether the file may exist upstream.
    pub committed: Committed,
    /// What the upstream said.
    pub upstream: Option<UpstreamError>,
    /// Complaints about fields.
    pub violations: Vec<Violation>,
    /// For `Retry-After`.
    pub retry_after: Option<Duration>,
    /// For `Allow` (405).
    pub allow: Option<&'static str>,
    /// For `WWW-Authenticate` (401).
    pub challenge: Option<String>,
}

impl Committed {
    /// `no`, `yes` or `unknown`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::No => "no",
            Self::Yes => "yes",
            Self::Unknown => "unknown",
        }
    }
}

/// What `Retry-After` says where nobody told: long enough for a burst to pass, short enough to try by hand.
pub const DEFAULT_RETRY_AFTER: Duration = Duration::from_secs(5);

impl Failure {
    /// A failure before or outside any step; nothing was committed.
    pub fn new(problem: Problem, detail: impl Into<String>) -> Self {
        Self {
            problem,
            detail: detail.into(),
            cause: None,
            step: None,
            blame: problem.blame(),
            committed: Committed::No,
            upstream: None,
            violations: Vec::new(),
            retry_after: problem.wants_retry_after().then_some(DEFAULT_RETRY_AFTER),
            allow: None,
            challenge: None,
        }
    }

    /// A fault of this gateway; `cause` goes to the log, the client is told no more than that it is one.
    pub fn internal(cause: impl Into<String>) -> Self {
        Self::new(Problem::Internal, "the gateway made a mistake; its log tells more").with_cause(cause)
    }

    /// Trouble with the client's body before the transfer began (reading a form's fields or the first bytes).
    pub fn before_transfer(route: &Route, trouble: TransferTrouble) -> Self {
        crate::run::failure_of(trouble).naming_transfer(route)
    }

    /// Trouble with a body that belongs to no route.
    pub fn of_body(trouble: TransferTrouble) -> Self {
        crate::run::failure_of(trouble)
    }

    /// The same failure; one of digest or length names the transfer, wherever it was found.
    #[must_use]
    pub fn naming_transfer(self, route: &Route) -> Self {
        match (self.problem, route.steps.get(route.transfer)) {
            (Problem::LengthMismatch | Problem::DigestMismatch, Some(step)) => self.at_step(&step.id),
            _ => self,
        }
    }

    /// The same failure, of a step.
    #[must_use]
    pub fn at_step(mut self, step: &str) -> Self {
        self.step = Some(step.to_owned());
        self
    }

    /// The same failure, with a text for the operator's log.
    #[must_use]
    pub fn with_cause(mut self, cause: impl Into<String>) -> Self {
        self.cause = Some(cause.into());
        self
    }

    /// The same failure, with another one to blame.
    #[must_use]
    pub fn blaming(mut self, blame: Blame) -> Self {
        self.blame = blame;
        self
    }

    /// The same failure, where the file may exist upstream.
    #[must_use]
    pub fn committed(mut self, committed: Committed) -> Self {
        self.committed = committed;
        self
    }

    /// The same failure, with complaints about fields.
    #[must_use]
    pub fn with_violations(mut self, violations: Vec<Violation>) -> Self {
        self.violations = violations;
        self
    }

    /// Whether sending the same request again may succeed: never when the file may already exist upstream.
    pub fn retryable(&self) -> bool {
        self.problem.retryable() && self.committed == Committed::No
    }

    /// Seconds for `Retry-After`, rounded up, at least one.
    pub fn retry_after_seconds(&self) -> Option<u64> {
        let pause = self.retry_after?;
        Some(pause.as_secs().saturating_add(u64::from(pause.subsec_nanos() > 0)).max(1))
    }

    /// The body of the answer: `application/problem+json` (RFC 9457), members in the contract's order.
    pub fn document<'a>(&'a self, upload_id: &'a Uuid, route: Option<&'a str>) -> ProblemDocument<'a> {
        ProblemDocument {
            urn: Urn(self.problem.name()),
            title: self.problem.title(),
            status: self.problem.status(),
            detail: &self.detail,
            upload_id: AsText(upload_id),
            route,
            step: self.step.as_deref(),
            blame: self.blame,
            retryable: self.retryable(),
            committed: self.committed,
            upstream: self.upstream.as_ref(),
            violations: &self.violations,
        }
    }

    /// The same as a value.
    pub fn problem_json(&self, upload_id: &Uuid, route: Option<&str>) -> Value {
        // Maps with keys that are text cannot fail to be one.
        serde_json::to_value(self.document(upload_id, route)).unwrap_or_default()
    }
}

/// What a client is told, ready to be written: in a flood of refusals each is one, so none is built up as a map first.
#[derive(Debug, Serialize)]
pub struct ProblemDocument<'a> {
    #[serde(rename = "type")]
    urn: Urn,
    title: &'static str,
    status: u16,
    detail: &'a str,
    upload_id: AsText<'a>,
    route: Option<&'a str>,
    step: Option<&'a str>,
    blame: Blame,
    retryable: bool,
    committed: Committed,
    #[serde(skip_serializing_if = "Option::is_none")]
    upstream: Option<&'a UpstreamError>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    violations: &'a [Violation],
}

/// `urn:tidegate:problem:` and a problem's name.
#[derive(Debug)]
struct Urn(&'static str);

/// An id in its usual spelling.
#[derive(Debug)]
struct AsText<'a>(&'a Uuid);

impl Serialize for Urn {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("urn:tidegate:problem:{}", self.0))
    }
}

impl Serialize for AsText<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.hyphenated().encode_lower(&mut Uuid::encode_buffer()))
    }
}

#[cfg(test)]
mod tests;
