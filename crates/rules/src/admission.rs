//! Admission: may this file go this way? Decided from what the request head (or a form's fields) tells, and from the first bytes.

use std::sync::Arc;

use time::OffsetDateTime;
use uuid::Uuid;
use wire::digest::ClientDigests;
use wire::name::FileName;

use crate::config::Route;
use crate::failure::Failure;

/// What is known of an upload before its file is read.
#[derive(Debug, Clone)]
pub struct Offer {
    /// UUIDv7.
    pub upload_id: Uuid,
    /// The client's `Idempotency-Key`.
    pub idempotency_key: Option<String>,
    /// When the request came.
    pub received: OffsetDateTime,
    /// Captures of the route's path, percent-decoded.
    pub path: Vec<(String, String)>,
    /// Parameters in the order given, from query and form, percent-decoded; duplicates included.
    pub params: Vec<(String, String)>,
    /// The file's name, if any was given.
    pub name: Option<FileName>,
    /// The declared media type.
    pub declared_type: Option<String>,
    /// The exact size in bytes, if it can be known.
    pub size: Option<u64>,
    /// Digests that the client brought.
    pub digests: ClientDigests,
}

/// An upload that may go on.
#[derive(Debug)]
pub struct Admission {}

/// Decides what can be decided before the file's first byte.
///
/// # Errors
/// Any problem with parameters, name, extension, type or size.
pub fn admit(route: &Arc<Route>, offer: Offer) -> Result<Admission, Failure> {
    todo!("{route:?} {offer:?}")
}

impl Admission {
    /// How many of the file's first bytes must be there before the plan; none: none. With detection
    /// [`wire::sniff::PREFIX_LEN`], else 1 where a prepared URL could expire while a slow client has not begun.
    pub fn first_bytes_wanted(&self) -> Option<usize> {
        todo!()
    }
    /// Takes the first bytes of the file: the first [`wire::sniff::PREFIX_LEN`], or all of a shorter file.
    ///
    /// # Errors
    /// The type that they show is refused or contradicts the declared one.
    pub fn detect(&mut self, first_bytes: &[u8]) -> Result<(), Failure> {
        todo!("{first_bytes:?}")
    }
}
