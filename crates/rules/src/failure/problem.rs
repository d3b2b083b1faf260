//! The table itself: each problem's name, status, title, blame, and whether trying again may help.

use super::Blame;

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
    UploadCancelled,
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
        Self::UploadCancelled,
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
            Self::UploadCancelled => row("upload-cancelled", 503, "The upload was cancelled", Gateway, true),
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
        matches!(
            self,
            Self::Overloaded | Self::Draining | Self::UploadCancelled | Self::UpstreamBusy | Self::RateLimited
        )
    }
}
