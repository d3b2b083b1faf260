//! The one table of problems: name, status, title, blame. No other file chooses a status for a failure.

use std::time::Duration;

use serde::Serialize;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::config::Route;
use crate::run::TransferTrouble;

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

/// One row of the table.
struct Row {
    name: &'static str,
    status: u16,
    title: &'static str,
    blame: Blame,
    /// Whether sending the same again may succeed.
    retryable: bool,
}

const fn row(name: &'static str, status: u16, title: &'static str, blame: Blame, retryable: bool) -> Row {
    Row { name, status, title, blame, retryable }
}

impl Problem {
    /// Every problem, in the order of the contract's table.
    pub const ALL: &[Self] = &[
        Self::MalformedRequest,
        Self::MalformedForm,
        Self::UnknownParameter,
        Self::MissingParameter,
        Self::InvalidParameter,
        Self::DigestMismatch,
        Self::LengthMismatch,
        Self::EmptyFile,
        Self::FileTooSmall,
        Self::Unauthenticated,
        Self::Forbidden,
        Self::NoSuchRoute,
        Self::MethodNotAllowed,
        Self::ClientTooSlow,
        Self::IdempotencyConflict,
        Self::LengthRequired,
        Self::FileTooLarge,
        Self::TypeRefused,
        Self::TypeMismatch,
        Self::ExtensionRefused,
        Self::NameRefused,
        Self::UpstreamRefusedFile,
        Self::TargetTooLong,
        Self::ExpectationUnknown,
        Self::RateLimited,
        Self::HeadTooLarge,
        Self::Internal,
        Self::CodingNotSupported,
        Self::UpstreamRefused,
        Self::UpstreamFailed,
        Self::UpstreamMisbehaved,
        Self::UpstreamUnreachable,
        Self::UpstreamNotAllowed,
        Self::Overloaded,
        Self::Draining,
        Self::UpstreamBusy,
        Self::UpstreamTimeout,
        Self::ClientGone,
    ];

    fn row(self) -> Row {
        use Blame::{Client, Gateway, Upstream};
        match self {
            Self::MalformedRequest => row("malformed-request", 400, "The request is malformed", Client, false),
            Self::MalformedForm => row("malformed-form", 400, "The form is malformed", Client, false),
            Self::UnknownParameter => row("unknown-parameter", 400, "This parameter is not known", Client, false),
            Self::MissingParameter => row("missing-parameter", 400, "A parameter is missing", Client, false),
            Self::InvalidParameter => row("invalid-parameter", 400, "A parameter has a wrong value", Client, false),
            Self::DigestMismatch => row("digest-mismatch", 400, "The file does not match its digest", Client, true),
            Self::LengthMismatch => {
                row("length-mismatch", 400, "The file does not have its announced size", Client, true)
            }
            Self::EmptyFile => row("empty-file", 400, "The file is empty", Client, false),
            Self::FileTooSmall => row("file-too-small", 400, "The file is too small", Client, false),
            Self::Unauthenticated => row("unauthenticated", 401, "Credentials are missing or wrong", Client, false),
            Self::Forbidden => row("forbidden", 403, "This is not allowed", Client, false),
            Self::NoSuchRoute => row("no-such-route", 404, "There is no such route", Client, false),
            Self::MethodNotAllowed => row("method-not-allowed", 405, "This method is not allowed here", Client, false),
            Self::ClientTooSlow => row("client-too-slow", 408, "The request was too slow", Client, true),
            Self::IdempotencyConflict => {
                row("idempotency-conflict", 409, "This idempotency key is in use", Client, false)
            }
            Self::LengthRequired => row("length-required", 411, "The size of the file must be known", Client, false),
            Self::FileTooLarge => row("file-too-large", 413, "The file is too large", Client, false),
            Self::TypeRefused => row("type-refused", 415, "This type of file is not accepted", Client, false),
            Self::TypeMismatch => row("type-mismatch", 415, "The file is not of its declared type", Client, false),
            Self::ExtensionRefused => {
                row("extension-refused", 422, "This file extension is not accepted", Client, false)
            }
            Self::NameRefused => row("name-refused", 422, "This file name is not accepted", Client, false),
            Self::UpstreamRefusedFile => {
                row("upstream-refused-file", 422, "The upstream refused the file", Client, false)
            }
            Self::TargetTooLong => row("target-too-long", 414, "The request target is too long", Client, false),
            Self::ExpectationUnknown => row("expectation-unknown", 417, "This expectation is not known", Client, false),
            Self::RateLimited => row("rate-limited", 429, "Too many requests", Client, true),
            Self::HeadTooLarge => row("head-too-large", 431, "The request head is too large", Client, false),
            Self::Internal => row("internal", 500, "The gateway failed", Gateway, false),
            Self::CodingNotSupported => row("coding-not-supported", 501, "This coding is not supported", Client, false),
            Self::UpstreamRefused => row("upstream-refused", 502, "The upstream refused the request", Upstream, false),
            Self::UpstreamFailed => row("upstream-failed", 502, "The upstream failed", Upstream, true),
            Self::UpstreamMisbehaved => {
                row("upstream-misbehaved", 502, "The upstream's answer makes no sense", Upstream, false)
            }
            Self::UpstreamUnreachable => {
                row("upstream-unreachable", 502, "The upstream cannot be reached", Upstream, true)
            }
            Self::UpstreamNotAllowed => {
                row("upstream-not-allowed", 502, "The upstream pointed to a place that is not allowed", Upstream, false)
            }
            Self::Overloaded => row("overloaded", 503, "The gateway is overloaded", Gateway, true),
            Self::Draining => row("draining", 503, "The gateway is shutting down", Gateway, true),
            Self::UpstreamBusy => row("upstream-busy", 503, "The upstream is busy", Upstream, true),
            Self::UpstreamTimeout => {
                row("upstream-timeout", 504, "The upstream did not answer in time", Upstream, true)
            }
            // Never sent. 499 is what the field logs for it; it must only stay apart from every status that is sent.
            Self::ClientGone => row("client-gone", 499, "The client went away", Client, true),
        }
    }

    /// The kebab-case name: the last part of `type` and the metric reason.
    pub fn name(self) -> &'static str {
        self.row().name
    }

    /// The HTTP status.
    pub fn status(self) -> u16 {
        self.row().status
    }

    /// The short text for people, the same for every occurrence.
    pub fn title(self) -> &'static str {
        self.row().title
    }

    /// Who is usually to blame.
    pub fn blame(self) -> Blame {
        self.row().blame
    }

    /// Whether the same request may succeed later or when sent again.
    pub fn retryable(self) -> bool {
        self.row().retryable
    }

    /// Whether its answer always carries `Retry-After`.
    pub fn wants_retry_after(self) -> bool {
        matches!(self, Self::Overloaded | Self::Draining | Self::UpstreamBusy | Self::RateLimited)
    }

    /// How the upload ended: the `outcome` label. A problem that is the client's alone is a refusal as long as no byte of the
    /// file was used; the other outcomes are `failed` and `cancelled`.
    pub fn outcome(self) -> &'static str {
        match self.blame() {
            _ if self == Self::ClientGone => "cancelled",
            Blame::Client => "refused",
            Blame::Gateway if matches!(self, Self::Overloaded | Self::Draining) => "refused",
            Blame::Gateway | Blame::Upstream => "failed",
        }
    }
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
        }
    }

    /// A fault of this gateway; `cause` goes to the log, the client is told no more than that it is one.
    pub fn internal(cause: impl Into<String>) -> Self {
        Self::new(Problem::Internal, "the gateway made a mistake; its log tells more").with_cause(cause)
    }

    /// Trouble with the client's body before the transfer began (reading a form's fields or the first bytes).
    pub fn before_transfer(route: &Route, trouble: TransferTrouble) -> Self {
        let failure = crate::run::failure_of(trouble);
        match failure.problem {
            // The contract: digest and length failures name the transfer.
            Problem::LengthMismatch | Problem::DigestMismatch => match route.steps.get(route.transfer) {
                Some(step) => failure.at_step(&step.id),
                None => failure,
            },
            _ => failure,
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
    pub fn problem_json(&self, upload_id: &Uuid, route: Option<&str>) -> Value {
        let mut body = Map::new();
        let mut put = |name: &str, value: Value| body.insert(name.to_owned(), value);
        put("type", format!("urn:tidegate:problem:{}", self.problem.name()).into());
        put("title", self.problem.title().into());
        put("status", self.problem.status().into());
        put("detail", self.detail.clone().into());
        put("upload_id", upload_id.to_string().into());
        put("route", route.into());
        put("step", self.step.clone().into());
        put("blame", json!(self.blame));
        put("retryable", self.retryable().into());
        put("committed", json!(self.committed));
        if let Some(upstream) = &self.upstream {
            put("upstream", json!(upstream));
        }
        if !self.violations.is_empty() {
            put("violations", json!(self.violations));
        }
        Value::Object(body)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_problem_has_the_contracts_status_and_a_name_of_its_own() {
        let contract = [
            (
                400,
                "malformed-request malformed-form unknown-parameter missing-parameter invalid-parameter digest-mismatch length-mismatch empty-file file-too-small",
            ),
            (401, "unauthenticated"),
            (403, "forbidden"),
            (404, "no-such-route"),
            (405, "method-not-allowed"),
            (408, "client-too-slow"),
            (409, "idempotency-conflict"),
            (411, "length-required"),
            (413, "file-too-large"),
            (414, "target-too-long"),
            (415, "type-refused type-mismatch"),
            (417, "expectation-unknown"),
            (422, "extension-refused name-refused upstream-refused-file"),
            (429, "rate-limited"),
            (431, "head-too-large"),
            (499, "client-gone"),
            (500, "internal"),
            (501, "coding-not-supported"),
            (502, "upstream-refused upstream-failed upstream-misbehaved upstream-unreachable upstream-not-allowed"),
            (503, "overloaded draining upstream-busy"),
            (504, "upstream-timeout"),
        ];
        let mut expected: Vec<_> =
            contract.iter().flat_map(|(status, names)| names.split(' ').map(|name| (*status, name))).collect();
        let mut table: Vec<_> = Problem::ALL.iter().map(|problem| (problem.status(), problem.name())).collect();
        expected.sort_unstable();
        table.sort_unstable();
        assert_eq!(table, expected);
    }

    #[test]
    fn writes_the_contracts_members_in_their_order() {
        let mut failure = Failure::new(Problem::UpstreamRefused, "step `store` was refused").at_step("store");
        failure.upstream = Some(UpstreamError { status: 403, code: Some("AccessDenied".to_owned()), message: None });
        failure.violations.push(Violation { field: "name".to_owned(), message: "is taken".to_owned() });
        let text = failure.problem_json(&Uuid::nil(), Some("r")).to_string();
        assert_eq!(
            text,
            r#"{"type":"urn:tidegate:problem:upstream-refused","title":"The upstream refused the request","status":502,"detail":"step `store` was refused","upload_id":"00000000-0000-0000-0000-000000000000","route":"r","step":"store","blame":"upstream","retryable":false,"committed":"no","upstream":{"status":403,"code":"AccessDenied"},"violations":[{"field":"name","message":"is taken"}]}"#
        );
        let bare = Failure::new(Problem::NoSuchRoute, "x").problem_json(&Uuid::nil(), None);
        assert_eq!((&bare["route"], &bare["step"]), (&Value::Null, &Value::Null));
        assert!(bare.get("upstream").is_none() && bare.get("violations").is_none());
    }

    #[test]
    fn a_file_that_may_exist_is_never_called_retryable() {
        let failure = Failure::new(Problem::UpstreamTimeout, "x");
        assert!(failure.retryable());
        assert!(!failure.committed(Committed::Unknown).retryable());
    }

    #[test]
    fn retry_after_is_rounded_up() {
        let mut failure = Failure::new(Problem::Overloaded, "x");
        assert_eq!(failure.retry_after_seconds(), Some(5));
        failure.retry_after = Some(Duration::from_millis(1001));
        assert_eq!(failure.retry_after_seconds(), Some(2));
        failure.retry_after = Some(Duration::ZERO);
        assert_eq!(failure.retry_after_seconds(), Some(1));
    }
}
