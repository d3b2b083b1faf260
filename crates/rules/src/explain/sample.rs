//! An upload that is only imagined.

use time::OffsetDateTime;
use uuid::Uuid;
use wire::digest::ClientDigests;
use wire::name::{FileName, NameError};

use crate::access::Pass;
use crate::admission::Offer;
use crate::config::{PathSegment, Route};

/// What is said of a file that nobody sends.
#[derive(Debug, Clone, Default)]
pub struct Sample {
    /// Its name.
    pub name: Option<String>,
    /// Its media type.
    pub media_type: Option<String>,
    /// Its size in bytes.
    pub size: Option<u64>,
    /// Parameters, and what the route's path captures, in the order given.
    pub given: Vec<(String, String)>,
}

impl Sample {
    /// What a client would offer to the route at that time. Access is not looked at.
    ///
    /// # Errors
    /// No file can have this name.
    pub fn offer(self, route: &Route, upload_id: Uuid, received: OffsetDateTime) -> Result<Offer, NameError> {
        let (path, params) = self.given.into_iter().partition(|(name, _)| is_captured(route, name));
        Ok(Offer {
            upload_id,
            idempotency_key: None,
            received,
            path,
            params,
            name: self.name.as_deref().map(FileName::parse).transpose()?,
            declared_type: self.media_type,
            size: self.size,
            digests: ClientDigests::default(),
            pass: Pass::default(),
        })
    }
}

/// Whether the route's path has a part of that name.
fn is_captured(route: &Route, name: &str) -> bool {
    route.path.segments.iter().any(|segment| match segment {
        PathSegment::Literal(_) => false,
        PathSegment::Capture(known) | PathSegment::Rest(known) => known == name,
    })
}
