//! The plan of one upload: which steps, which lengths, what must be known.

use std::sync::Arc;

use wire::digest::{ClientDigests, DigestSet};

use crate::admission::Admission;
use crate::config::Route;
use crate::failure::Failure;

/// What will be done with one admitted upload.
#[derive(Debug)]
pub struct TransferPlan {}

/// Makes the plan.
///
/// # Errors
/// `length-required` when a step needs the size and the client did not give it; a missing required digest.
pub fn plan(admission: Admission) -> Result<TransferPlan, Failure> {
    todo!("{admission:?}")
}

impl TransferPlan {
    /// The route.
    pub fn route(&self) -> &Arc<Route> {
        todo!()
    }
    /// The file's name as rules see it.
    pub fn file_name(&self) -> &str {
        todo!()
    }
    /// The file's media type as rules see it.
    pub fn file_type(&self) -> &str {
        todo!()
    }
    /// The smallest size that the route takes.
    pub fn min_len(&self) -> Option<u64> {
        todo!()
    }
    /// The file's size in bytes, if known.
    pub fn file_len(&self) -> Option<u64> {
        todo!()
    }
    /// Digests to compute while streaming: the route's and the client's.
    pub fn digests(&self) -> DigestSet {
        todo!()
    }
    /// Digests to verify at the end.
    pub fn client_digests(&self) -> &ClientDigests {
        todo!()
    }
    /// The largest size that the route takes for this file: more bytes are `file-too-large` (a body of unknown size).
    pub fn max_len(&self) -> Option<u64> {
        todo!()
    }
}
