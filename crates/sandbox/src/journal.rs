//! What the sandbox was asked, in the order in which it was answered.

use bytes::Bytes;

use crate::system::{Step, System};

/// The journal remembers so many exchanges; older ones are forgotten, so that a long-running sandbox stays small.
pub(crate) const JOURNAL_LIMIT: usize = 8192;

/// One request and what became of it. It is written down before the answer goes out, so whoever has the answer finds
/// the entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exchange {
    /// The system, as far as it can be told: on the storage endpoint it is the bucket's owner.
    pub system: Option<System>,
    /// The part of an upload that the request plays.
    pub step: Step,
    /// The connection's number, from 1, over all listeners.
    pub connection: u64,
    /// The method as sent.
    pub method: String,
    /// Path and query as sent.
    pub target: String,
    /// The fields as sent: order, case and values. They hold the credentials.
    pub headers: Vec<(String, String)>,
    /// The status answered; `None` when there was no answer.
    pub status: Option<u16>,
    /// Content bytes of the body that were read.
    pub body_bytes: u64,
    /// Whether the end of the body was seen.
    pub body_complete: bool,
    /// The body's content, when at most 16 KiB were read.
    pub body: Option<Bytes>,
    /// Whether a scripted fault had a hand in it.
    pub faulted: bool,
}

impl Exchange {
    /// The first field of that name, compared without case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The path without the query.
    pub fn path(&self) -> &str {
        self.target.split_once('?').map_or(self.target.as_str(), |(path, _)| path)
    }
}
