//! A request whose head did not pass the gate: what its client hears, and how it is counted.
//!
//! Such a request matched no route and was not even read as one, so it does not count as an upload.

use std::time::Duration;

use rules::failure::{Failure, Problem};
use wire::http1::gate::HeadRefusal;

use super::COME_BACK;
use crate::metrics::Rejection;

/// Why a head was not handed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RefusedHead {
    /// It breaks the rules.
    Head(HeadRefusal),
    /// It did not end within this time.
    TooSlow(Duration),
    /// The budget could not pay for the part that came.
    NoMemory,
}

impl RefusedHead {
    /// What the client hears.
    pub(crate) fn failure(self) -> Failure {
        match self {
            Self::Head(refusal) => Failure::new(problem(refusal), refusal.to_string()),
            Self::TooSlow(limit) => {
                Failure::new(Problem::ClientTooSlow, format!("the request head did not end within {limit:?}"))
            }
            Self::NoMemory => Failure {
                retry_after: Some(COME_BACK),
                ..Failure::new(Problem::Overloaded, "no memory is left for a large request head")
            },
        }
    }

    /// The label under which it is counted.
    pub(crate) fn rejection(self) -> Rejection {
        match self {
            Self::TooSlow(_) => Rejection::HeadTooSlow,
            Self::NoMemory => Rejection::MemoryLimit,
            Self::Head(refusal) => match problem(refusal) {
                Problem::HeadTooLarge => Rejection::HeadTooLarge,
                Problem::TargetTooLong => Rejection::TargetTooLong,
                Problem::CodingNotSupported => Rejection::CodingNotSupported,
                _ if is_about_framing(refusal) => Rejection::AmbiguousFraming,
                _ => Rejection::MalformedHead,
            },
        }
    }
}

fn problem(refusal: HeadRefusal) -> Problem {
    match refusal {
        HeadRefusal::HeadTooLong(_) | HeadRefusal::LineTooLong(_) | HeadRefusal::TooManyFields(_) => {
            Problem::HeadTooLarge
        }
        HeadRefusal::TargetTooLong(_) => Problem::TargetTooLong,
        HeadRefusal::UnknownCoding => Problem::CodingNotSupported,
        _ => Problem::MalformedRequest,
    }
}

fn is_about_framing(refusal: HeadRefusal) -> bool {
    matches!(
        refusal,
        HeadRefusal::ContentLength
            | HeadRefusal::RepeatedContentLength
            | HeadRefusal::LengthBesideCoding
            | HeadRefusal::AmbiguousCoding
            | HeadRefusal::CodingInHttp10
    )
}
