//! Admission: may this file go this way? Decided from what the request head (or a form's fields) tells, and from the first bytes.

//!
//! Nothing is sent upstream for a file that does not pass here. A client may lie about its type: what the first bytes show
//! is looked at where the route says so, and what it denies is denied by either.

mod names;
mod params;
mod types;

use std::sync::Arc;

use time::OffsetDateTime;
use uuid::Uuid;
use wire::digest::ClientDigests;
use wire::name::FileName;
use wire::sniff;

use crate::access::Pass;
use crate::config::{Detect, Route};
use crate::failure::{Failure, Problem, Violation};
use crate::run::{too_large, too_small};
pub(crate) use types::MediaType;

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
    /// With what it was let in.
    pub pass: Pass,
}

/// An upload that may go on.
#[derive(Debug)]
pub struct Admission {
    pub(crate) route: Arc<Route>,
    pub(crate) offer: Offer,
    pub(crate) name: FileName,
    pub(crate) media_type: String,
    /// What of it decides.
    essence: MediaType,
    pub(crate) detected_type: Option<String>,
    pub(crate) params: Vec<(String, serde_json::Value)>,
}

/// What a client that says nothing about the type means (RFC 9110, 8.3).
const UNKNOWN_TYPE: &str = "application/octet-stream";

/// Decides what can be decided before the file's first byte.
///
/// # Errors
/// Any problem with parameters, name, extension, type or size.
pub fn admit(route: &Arc<Route>, offer: Offer) -> Result<Admission, Failure> {
    let grant = offer.pass.grant.clone().unwrap_or_default();
    let params = params::check(&route.params, &grant.params(&offer.params)?)?;
    let declared = offer.declared_type.as_deref().map(str::trim).filter(|declared| !declared.is_empty());
    let declared = declared.unwrap_or(UNKNOWN_TYPE).to_owned();
    let media_type = MediaType::parse(&declared)?;
    if let Some(transfer) = route.steps.get(route.transfer) {
        types::check_parts(&transfer.request, &media_type)?;
    }
    let name = match grant.name(offer.name.clone())? {
        Some(name) => name,
        None => names::unnamed(&media_type)?,
    };
    grant.check_size(offer.size)?;
    names::check(&route.accept, &route.name, &name)?;
    let admission = Admission {
        route: Arc::clone(route),
        offer,
        name,
        media_type: declared,
        essence: media_type,
        detected_type: None,
        params,
    };
    // What takes the place of the declared type decides later.
    if route.accept.types.detect != Detect::PreferDetected {
        types::check(&route.accept.types, &admission.essence)?;
        grant.check_type(&admission.essence)?;
        admission.check_size()?;
    }
    Ok(admission)
}

/// Whether a route would take a name.
pub(crate) fn check_name(route: &Route, name: &FileName) -> Result<(), Failure> {
    names::check(&route.accept, &route.name, name)
}

/// What is wrong with some of a route's parameters, the rest of which may still come.
pub(crate) fn check_params(route: &Route, given: &[(String, String)]) -> Vec<Violation> {
    params::check_some(&route.params, given)
}

impl Admission {
    /// How many of the file's first bytes must be there before the plan; none: none. With detection
    /// [`wire::sniff::PREFIX_LEN`], else 1 where a prepared URL could expire while a slow client has not begun.
    pub fn first_bytes_wanted(&self) -> Option<usize> {
        if self.route.accept.types.detect != Detect::Ignore {
            return Some(sniff::PREFIX_LEN);
        }
        self.route.needs.first_bytes.as_ref().map(|_| 1)
    }

    /// Takes the first bytes of the file: the first [`wire::sniff::PREFIX_LEN`], or all of a shorter file.
    ///
    /// # Errors
    /// The type that they show is refused or contradicts the declared one.
    pub fn detect(&mut self, first_bytes: &[u8]) -> Result<(), Failure> {
        let rules = &self.route.accept.types;
        if rules.detect == Detect::Ignore {
            return Ok(());
        }
        let detected = sniff::detect(first_bytes);
        self.detected_type = detected.map(ToOwned::to_owned);
        match (rules.detect, detected) {
            (Detect::Ignore, _) | (Detect::MustMatch, None) => Ok(()),
            (Detect::MustMatch, Some(detected)) => {
                types::check_denied(rules, &MediaType::parse(detected)?)?;
                let declared = self.essence.essence();
                if declared == UNKNOWN_TYPE || sniff::agrees(detected, &declared) {
                    return Ok(());
                }
                let detail = format!("the file was declared as `{declared}`, its first bytes show `{detected}`");
                Err(Failure::new(Problem::TypeMismatch, detail))
            }
            (Detect::PreferDetected, detected) => {
                if let Some(detected) = detected
                    && !sniff::is_container_for(detected, &self.essence.essence())
                {
                    detected.clone_into(&mut self.media_type);
                    self.essence = MediaType::parse(detected)?;
                    if self.offer.name.is_none() && !self.is_named_by_grant() {
                        self.name = names::unnamed(&self.essence)?;
                        names::check(&self.route.accept, &self.route.name, &self.name)?;
                    }
                }
                types::check(rules, &self.essence)?;
                self.offer.pass.grant.as_ref().map_or(Ok(()), |grant| grant.check_type(&self.essence))?;
                self.check_size()
            }
        }
    }

    /// The largest size for this type of file.
    pub(crate) fn max_len(&self) -> Option<u64> {
        let size = &self.route.accept.size;
        let of_type = size.by_type.iter().find(|(pattern, _)| self.essence.matches(pattern));
        let of_route = of_type.map(|(_, max)| *max).or(size.max);
        let of_grant = self.offer.pass.grant.as_ref().and_then(|grant| grant.max_size);
        of_route.into_iter().chain(of_grant).min()
    }

    fn is_named_by_grant(&self) -> bool {
        self.offer.pass.grant.as_ref().is_some_and(|grant| grant.name.is_some())
    }

    fn check_size(&self) -> Result<(), Failure> {
        let Some(size) = self.offer.size else { return Ok(()) };
        if let Some(max) = self.max_len().filter(|max| size > *max) {
            return Err(too_large(max));
        }
        match self.route.accept.size.min.filter(|min| size < *min) {
            Some(min) => Err(too_small(min, size)),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
