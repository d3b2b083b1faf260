//! An upload under way, as a state machine without IO: it says what to send next and is told what came back.
//!
//! All decisions about retries, polling, expiry, predicates, error texts and undo are made here; the gateway only carries
//! them out: `loop { match run.next(now) { Action::Send(request) => run.answered(send(request).await), … } }`.

mod body;
mod errors;
mod facts;
mod headers;
mod judge;
mod learned;
mod machine;
mod preview;
mod request;
mod retry;
mod seed;
mod settle;
mod trouble;
mod unbuildable;
mod xml;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use time::OffsetDateTime;
use wire::digest::Digests;
use wire::envelope::Envelope;

use crate::config::{SecretRef, Target};
use crate::failure::Failure;
use crate::fair_use::Refusal;
use crate::url::Url;

pub use facts::Facts;
pub(crate) use facts::{FileFacts, IdempotencyKey, UploadFacts, algorithm, hex, map_of};
pub(crate) use headers::is_header_text;
pub use machine::Run;
pub(crate) use preview::{BodyLengths, body_lengths};
pub(crate) use trouble::{failure_of, too_large, too_small};
pub(crate) use unbuildable::unfit_credentials;

/// Two clocks: wall time for signatures and expiry, monotonic time (since any fixed point) for polling and retries.
#[derive(Debug, Clone, Copy)]
pub struct Now {
    /// UTC.
    pub wall: OffsetDateTime,
    /// Time since any fixed point.
    pub monotonic: Duration,
}

/// What to do next.
#[derive(Debug)]
pub enum Action {
    /// Send this and report with [`Run::answered`] or [`Run::not_answered`].
    Send(StepRequest),
    /// Call [`Run::next`] again after this long; a retry says why (`metrics: tidegate_retries_total`).
    Wait {
        /// How long.
        pause: Duration,
        /// The step.
        step: Arc<str>,
        /// Why; none when polling.
        retry: Option<RetryReason>,
    },
    /// Stream the file and report with [`Run::transferred`] or [`Run::not_transferred`].
    Transfer(TransferRequest),
    /// All steps are done.
    Finish(Receipt),
    /// The upload failed; what was begun upstream is in [`Run::take_undo`].
    Fail(Failure),
}

/// Why a request is sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RetryReason {
    /// The upstream said 429 or 503.
    Busy,
    /// It answered 5xx.
    Failed,
    /// No connection could be made.
    Unreachable,
    /// The connection died.
    Broken,
    /// No answer in time.
    Timeout,
    /// A learned URL or policy had expired.
    Expired,
}

/// A request of a prepare, finalize or undo step.
#[derive(Debug, Clone)]
pub struct StepRequest {
    /// The step's id.
    pub step: Arc<str>,
    /// Where it goes and with which credentials.
    pub target: Arc<Target>,
    /// Whether the URL was learned from an answer (no `traceparent` then).
    pub learned_url: bool,
    /// Method.
    pub method: http::Method,
    /// URL.
    pub url: Url,
    /// Header fields in order, without Host, framing and credentials.
    pub headers: Vec<(String, HeaderText)>,
    /// The body; none means that no body is sent (and no `Content-Length` but for POST, PUT and PATCH).
    pub body: Option<Bytes>,
    /// Time limit for the answer; none: the process's.
    pub timeout: Option<Duration>,
    /// From 1.
    pub attempt: u32,
}

/// A header's value.
#[derive(Debug, Clone)]
pub enum HeaderText {
    /// Plain.
    Plain(String),
    /// The value of a secret.
    Secret(SecretRef),
}

/// The request whose body holds the file.
#[derive(Debug, Clone)]
pub struct TransferRequest {
    /// As for every step; its body is none.
    pub request: StepRequest,
    /// The body around and over the file.
    pub envelope: Envelope,
    /// Exact length of the body; none: `Transfer-Encoding: chunked`.
    pub body_len: Option<u64>,
    /// Exact length of the file, if known.
    pub file_len: Option<u64>,
}

/// An upstream's answer, its body bounded by the gateway.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Status.
    pub status: u16,
    /// Header fields in order, names in lower case.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The body.
    pub body: Bytes,
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoAnswer {
    /// No connection could be made: nothing was sent.
    Unreachable(String),
    /// The address or host is not allowed: nothing was sent.
    NotAllowed(String),
    /// A reused connection turned out to be closed before a byte of the request was written: any step may be sent again.
    StaleConnection,
    /// The connection was closed or reset, and the upstream may have the request: only a retryable step may be sent again.
    Broken(String),
    /// No answer in time.
    Timeout,
    /// The memory budget could not pay for the answer.
    NoMemory,
    /// The answer is no HTTP, too large, or makes no sense.
    Misbehaved(String),
    /// A secret that the target needs has no value.
    NoCredentials(String),
}

/// A finished transfer: every proof stood and the last bytes were released.
#[derive(Debug, Clone)]
pub struct Transferred {
    /// Bytes of the file.
    pub file_len: u64,
    /// Digests over them.
    pub digests: Digests,
    /// The upstream's answer.
    pub answer: Answer,
}

/// Why a transfer did not finish.
#[derive(Debug, Clone)]
pub enum TransferTrouble {
    /// The client closed or reset before its announced end.
    ClientGone,
    /// The client's body was too slow or stood still.
    ClientTooSlow(String),
    /// The body ended before its announced size.
    EndedShort {
        /// Announced.
        expected: u64,
        /// Received.
        received: u64,
    },
    /// More bytes came than announced.
    RanOver {
        /// Announced.
        expected: u64,
    },
    /// The length is not what was announced or derived, in words for the client.
    WrongLength(String),
    /// A body of unknown size came to the end of a quota (`limits`).
    OverLimit(Refusal),
    /// More bytes came than the route takes.
    TooLarge {
        /// The limit.
        limit: u64,
    },
    /// Fewer bytes came than the route takes.
    TooSmall {
        /// The limit.
        limit: u64,
        /// Received.
        received: u64,
    },
    /// A client digest did not match.
    Digest(String),
    /// The form broke its own rules.
    MalformedForm(String),
    /// The request's framing broke HTTP's rules.
    MalformedRequest(String),
    /// An operator cancelled the upload.
    Cancelled,
    /// The gateway is shutting down.
    Draining,
    /// The upstream answered before the body was finished.
    EarlyAnswer(Answer),
    /// The upstream did not answer or take bytes as it should.
    Upstream(NoAnswer),
}

/// Where a transfer stood when trouble came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TransferStage {
    /// No byte of the request was sent.
    NothingSent,
    /// Bytes were sent on a reused connection, no answer byte came, and every byte sent is still held: one fresh dial may follow.
    Replayable,
    /// Bytes were sent, the last ones are withheld: the upstream has no complete message.
    Withheld,
    /// The last bytes were released.
    Released,
}

/// The good end of an upload.
#[derive(Debug, Clone)]
pub struct Receipt {
    /// Whether the rule ended in `processing` (202) and not in `stored` (201).
    pub processing: bool,
    /// The rule's `result`.
    pub result: serde_json::Value,
}

/// A request that takes a step back.
#[derive(Debug, Clone)]
pub struct UndoRequest {
    /// The request; sent up to 3 times.
    pub request: StepRequest,
    /// Inclusive status ranges that mean it worked.
    pub statuses: Vec<(u16, u16)>,
    /// Whether its success means that the file does not exist upstream any more.
    pub removes_file: bool,
}

#[cfg(test)]
pub(crate) use tests::flows::{example as example_offer, shipped as shipped_route};

#[cfg(test)]
mod tests;
