//! The one table of problems: name, status, title, blame. No other file chooses a status for a failure.

use std::time::Duration;

use serde::Serialize;

/// Every problem that a client can see; the kebab-case name ends the `type` URN and is the metric reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names are the contract's, and `docs/errors.md` explains each")]
pub enum Problem {
    MalformedRequest,
    MalformedForm,
    UnknownParameter,
    MissingParameter,
    InvalidParameter,
    DigestMismatch,
    LengthMismatch,
    EmptyFile,
    FileTooSmall,
    Unauthenticated,
    Forbidden,
    NoSuchRoute,
    MethodNotAllowed,
    ClientTooSlow,
    IdempotencyConflict,
    LengthRequired,
    FileTooLarge,
    TypeRefused,
    TypeMismatch,
    ExtensionRefused,
    NameRefused,
    UpstreamRefusedFile,
    TargetTooLong,
    ExpectationUnknown,
    RateLimited,
    HeadTooLarge,
    Internal,
    CodingNotSupported,
    UpstreamRefused,
    UpstreamFailed,
    UpstreamMisbehaved,
    UpstreamUnreachable,
    UpstreamNotAllowed,
    Overloaded,
    Draining,
    UpstreamBusy,
    UpstreamTimeout,
    /// The client went away: never sent, counted as outcome `cancelled`.
    ClientGone,
}

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
}

impl Problem {
    /// The kebab-case name: the end of the `type` URN and the metric reason.
    pub fn name(self) -> &'static str {
        todo!()
    }
    /// The HTTP status.
    pub fn status(self) -> u16 {
        todo!()
    }
}

impl Committed {
    /// `no`, `yes` or `unknown`.
    pub fn as_str(self) -> &'static str {
        todo!()
    }
}

impl Failure {
    /// A failure outside any step, with the problem's usual blame; nothing is committed.
    pub fn new(problem: Problem, detail: impl Into<String>) -> Self {
        todo!("{problem:?} {}", detail.into())
    }
    /// A fault of this gateway; `cause` goes to the log, the client is told no more than that it is one.
    pub fn internal(cause: impl Into<String>) -> Self {
        todo!("{}", cause.into())
    }
    /// Trouble with the client's body before the transfer began (reading a form's fields or the first bytes).
    pub fn before_transfer(route: &crate::config::Route, trouble: crate::run::TransferTrouble) -> Self {
        todo!("{route:?} {trouble:?}")
    }
    /// The body of the answer, in the contract's shape and order.
    pub fn problem_json(&self, upload_id: &uuid::Uuid, route: Option<&str>) -> serde_json::Value {
        todo!("{upload_id} {route:?}")
    }
}
