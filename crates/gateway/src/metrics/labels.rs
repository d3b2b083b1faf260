//! The label values that do not come from the configuration: closed enums, so their number is bounded.

use rules::run::{NoAnswer, RetryReason};

use crate::transfer::Side;

/// How an upload ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// With a receipt.
    Completed,
    /// By a problem that the client is to blame for.
    Refused,
    /// By any other problem.
    Failed,
    /// The client went away, or an operator ended it.
    Cancelled,
}

/// How one attempt of a step ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepStatus {
    /// A status of 2xx.
    Success,
    /// A status of 3xx, which is never followed.
    Redirect,
    /// A status of 4xx.
    ClientError,
    /// A status of 5xx.
    ServerError,
    /// No answer in time.
    Timeout,
    /// No answer for any other reason, or one with a status outside 200 to 599.
    Error,
    /// Given up because the upload had failed or its client had gone.
    Cancelled,
}

/// How taking back a step ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UndoOutcome {
    /// The upstream confirmed it.
    Done,
    /// All attempts failed, or shutdown did not wait for it.
    Failed,
}

/// What a browser was told that asked before a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PreflightVerdict {
    /// To go on.
    Allowed,
    /// That the page may not.
    Refused,
}

/// Why a request was refused before its head was handed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rejection {
    /// The process has as many connections as it may.
    ConnectionLimit,
    /// The client has as many connections as it may.
    ClientConnectionLimit,
    /// The budget could not pay for the connection's buffer.
    MemoryLimit,
    /// The TLS handshake failed or took too long.
    TlsHandshake,
    /// The head did not end in time.
    HeadTooSlow,
    /// The head breaks the rules of HTTP.
    MalformedHead,
    /// The framing of the body can be read in two ways.
    AmbiguousFraming,
    /// The head is larger than the limits.
    HeadTooLarge,
    /// The request target is longer than the limit.
    TargetTooLong,
    /// A transfer coding other than `chunked`.
    CodingNotSupported,
    /// An `Expect` other than `100-continue`.
    ExpectationUnknown,
}

impl Outcome {
    /// All, in order of declaration.
    pub const ALL: [Self; 4] = [Self::Completed, Self::Refused, Self::Failed, Self::Cancelled];

    /// The metric label and log field.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Refused => "refused",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}

impl StepStatus {
    /// How many there are.
    pub const COUNT: usize = Self::Cancelled as usize + 1;

    /// The class of a status.
    #[must_use]
    pub const fn of(status: u16) -> Self {
        match status {
            200..=299 => Self::Success,
            300..=399 => Self::Redirect,
            400..=499 => Self::ClientError,
            500..=599 => Self::ServerError,
            _ => Self::Error,
        }
    }

    /// How an attempt ended that got this status or no answer.
    #[must_use]
    pub fn of_answer(answer: Result<u16, &NoAnswer>) -> Self {
        match answer {
            Ok(status) => Self::of(status),
            Err(NoAnswer::Timeout) => Self::Timeout,
            Err(_) => Self::Error,
        }
    }

    /// The metric label.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Success => "2xx",
            Self::Redirect => "3xx",
            Self::ClientError => "4xx",
            Self::ServerError => "5xx",
            Self::Timeout => "timeout",
            Self::Error => "error",
            Self::Cancelled => "cancelled",
        }
    }
}

impl UndoOutcome {
    /// All, in order of declaration.
    pub const ALL: [Self; 2] = [Self::Done, Self::Failed];

    /// The metric label.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed => "failed",
        }
    }
}

impl PreflightVerdict {
    /// All, in order of declaration.
    pub const ALL: [Self; 2] = [Self::Allowed, Self::Refused];

    /// The verdict by whether the page may go on.
    #[must_use]
    pub const fn of(allowed: bool) -> Self {
        if allowed { Self::Allowed } else { Self::Refused }
    }

    /// The metric label.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Allowed => "allowed",
            Self::Refused => "refused",
        }
    }
}

impl Rejection {
    /// All, in order of declaration.
    pub const ALL: [Self; 11] = [
        Self::ConnectionLimit,
        Self::ClientConnectionLimit,
        Self::MemoryLimit,
        Self::TlsHandshake,
        Self::HeadTooSlow,
        Self::MalformedHead,
        Self::AmbiguousFraming,
        Self::HeadTooLarge,
        Self::TargetTooLong,
        Self::CodingNotSupported,
        Self::ExpectationUnknown,
    ];

    /// The metric label.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::ConnectionLimit => "connection-limit",
            Self::ClientConnectionLimit => "client-connection-limit",
            Self::MemoryLimit => "memory-limit",
            Self::TlsHandshake => "tls-handshake",
            Self::HeadTooSlow => "head-too-slow",
            Self::MalformedHead => "malformed-head",
            Self::AmbiguousFraming => "ambiguous-framing",
            Self::HeadTooLarge => "head-too-large",
            Self::TargetTooLong => "target-too-long",
            Self::CodingNotSupported => "coding-not-supported",
            Self::ExpectationUnknown => "expectation-unknown",
        }
    }
}

/// The metric label of a reason to send again.
pub(super) const fn retry_label(reason: RetryReason) -> &'static str {
    match reason {
        RetryReason::Busy => "busy",
        RetryReason::Failed => "failed",
        RetryReason::Unreachable => "unreachable",
        RetryReason::Broken => "broken",
        RetryReason::Timeout => "timeout",
        RetryReason::Expired => "expired",
    }
}

/// The metric label of a side.
pub(crate) const fn side_label(side: Side) -> &'static str {
    match side {
        Side::Client => "client",
        Side::Upstream => "upstream",
        Side::Gateway => "gateway",
    }
}
