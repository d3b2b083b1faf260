//! What trouble with a body or an upstream means for the client.

use super::{NoAnswer, TransferTrouble};
use crate::failure::{Failure, Problem};

/// The failure that trouble with the client's body is; nothing was committed.
pub(crate) fn failure_of(trouble: TransferTrouble) -> Failure {
    match trouble {
        TransferTrouble::ClientGone => {
            Failure::new(Problem::ClientGone, "the client went away before the end of its request")
        }
        TransferTrouble::ClientTooSlow(what) => Failure::new(Problem::ClientTooSlow, what),
        TransferTrouble::EndedShort { expected, received } => Failure::new(
            Problem::LengthMismatch,
            format!("the file ended after {received} of the {expected} bytes that were announced"),
        ),
        TransferTrouble::RanOver { expected } => Failure::new(
            Problem::LengthMismatch,
            format!("the file goes on after the {expected} bytes that were announced"),
        ),
        TransferTrouble::WrongLength(what) => Failure::new(Problem::LengthMismatch, what),
        TransferTrouble::OverLimit(refusal) => refusal.failure(),
        TransferTrouble::TooLarge { limit } => too_large(limit),
        TransferTrouble::TooSmall { limit, received } => too_small(limit, received),
        TransferTrouble::Digest(what) => Failure::new(Problem::DigestMismatch, what),
        TransferTrouble::MalformedForm(what) => Failure::new(Problem::MalformedForm, what),
        TransferTrouble::MalformedRequest(what) => Failure::new(Problem::MalformedRequest, what),
        TransferTrouble::Cancelled => {
            Failure::new(Problem::UploadCancelled, "an operator of the gateway cancelled this upload")
        }
        TransferTrouble::Draining => Failure::new(Problem::Draining, "the gateway is shutting down"),
        TransferTrouble::EarlyAnswer(answer) => Failure::new(
            Problem::UpstreamMisbehaved,
            format!("the upstream answered {} before the file was sent", answer.status),
        ),
        TransferTrouble::Upstream(why) => no_answer(why, "the upstream"),
    }
}

/// More bytes than the route takes.
pub(crate) fn too_large(limit: u64) -> Failure {
    Failure::new(Problem::FileTooLarge, format!("files of at most {limit} bytes are accepted here"))
}

/// Fewer bytes than the route takes.
pub(crate) fn too_small(limit: u64, received: u64) -> Failure {
    if limit == 1 {
        return Failure::new(Problem::EmptyFile, "empty files are not accepted here");
    }
    Failure::new(Problem::FileTooSmall, format!("the file has {received} bytes, at least {limit} are expected here"))
}

/// No answer came from `whom`.
pub(crate) fn no_answer(why: NoAnswer, whom: &str) -> Failure {
    match why {
        NoAnswer::Unreachable(cause) => {
            Failure::new(Problem::UpstreamUnreachable, format!("no connection to {whom} could be made"))
                .with_cause(cause)
        }
        NoAnswer::NotAllowed(cause) => {
            Failure::new(Problem::UpstreamNotAllowed, format!("the address of {whom} is not allowed")).with_cause(cause)
        }
        NoAnswer::StaleConnection => {
            Failure::new(Problem::UpstreamFailed, format!("{whom} closed the connection before it took the request"))
        }
        NoAnswer::Broken(cause) => {
            Failure::new(Problem::UpstreamFailed, format!("the connection to {whom} broke off")).with_cause(cause)
        }
        NoAnswer::NoMemory => Failure::new(Problem::Overloaded, format!("no memory is left for the answer of {whom}")),
        NoAnswer::Timeout => Failure::new(Problem::UpstreamTimeout, format!("{whom} did not answer in time")),
        NoAnswer::Misbehaved(cause) => {
            Failure::new(Problem::UpstreamMisbehaved, format!("the answer of {whom} makes no sense")).with_cause(cause)
        }
        NoAnswer::NoCredentials(cause) => {
            Failure::new(Problem::Internal, format!("the gateway has no credentials for {whom}")).with_cause(cause)
        }
    }
}
