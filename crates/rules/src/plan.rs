//! The plan of one upload: which steps, which lengths, what must be known.

use std::sync::Arc;

use minijinja::Value;
use wire::digest::{ClientDigests, DigestSet};

use crate::admission::Admission;
use crate::config::Route;
use crate::expr::from_json;
use crate::failure::{Failure, Problem};
use crate::run::{Facts, FileFacts, IdempotencyKey, UploadFacts, map_of};

/// What will be done with one admitted upload.
#[derive(Debug)]
pub struct TransferPlan {
    pub(crate) route: Arc<Route>,
    pub(crate) file: Arc<FileFacts>,
    pub(crate) upload: UploadFacts,
    pub(crate) params: Value,
    pub(crate) path: Value,
    client: Value,
    max_len: Option<u64>,
}

/// Makes the plan.
///
/// # Errors
/// `length-required` when a step needs the size and the client did not give it; a missing required digest.
pub fn plan(admission: Admission) -> Result<TransferPlan, Failure> {
    check_needs(&admission)?;
    let max_len = admission.max_len();
    let Admission { route, offer, name, media_type, detected_type, params, .. } = admission;
    let file = FileFacts {
        name,
        content_type: media_type,
        detected_type,
        size: offer.size,
        digests: None,
        announced: offer.digests,
    };
    let idempotency_key = offer.idempotency_key.map(IdempotencyKey::Text);
    let upload = UploadFacts { id: offer.upload_id, idempotency_key, received: offer.received };
    let params = map_of(params.iter().map(|(name, value)| (name.clone(), from_json(value))));
    let path = map_of(offer.path.into_iter().map(|(name, value)| (name, value.into())));
    let client = offer.pass.client.facts();
    Ok(TransferPlan { route, file: Arc::new(file), upload, params, path, client, max_len })
}

/// What the plan needs of the client and no byte of the file can tell. Asked before the first bytes are read, a refusal comes
/// instead of the `100 Continue` that reading sends.
///
/// # Errors
/// Those of [`plan`].
pub fn check_needs(admission: &Admission) -> Result<(), Failure> {
    check_size(admission)?;
    check_digests(&admission.route, &admission.offer.digests)
}

fn check_size(admission: &Admission) -> Result<(), Failure> {
    let (None, Some(need)) = (admission.offer.size, &admission.route.needs.size) else { return Ok(()) };
    let detail = format!(
        "the exact size of the file is needed: {}; send `Content-Length` (a form's size is derived from it), or announce the \
         size of the file with `Upload-Length`",
        need.why
    );
    Err(Failure::new(Problem::LengthRequired, detail))
}

fn check_digests(route: &Route, brought: &ClientDigests) -> Result<(), Failure> {
    let why = route.needs.digest.as_ref().map(|need| format!(": {}", need.why)).unwrap_or_default();
    let missing = |what: &str| {
        let how = "send `Repr-Digest` (RFC 9530) or `Content-MD5` before the file";
        Failure::new(Problem::MalformedRequest, format!("this route needs {what}{why}; {how}"))
    };
    if let Some(early) = route.needs.early_digests.iter().find(|algorithm| brought.get(*algorithm).is_none()) {
        return Err(missing(&format!("the {} digest of the file", early.name())));
    }
    if route.require_digest && brought.is_empty() {
        return Err(missing("a digest of the file"));
    }
    Ok(())
}

impl TransferPlan {
    /// The route.
    pub fn route(&self) -> &Arc<Route> {
        &self.route
    }

    /// The file's name as rules see it.
    pub fn file_name(&self) -> &str {
        self.file.name.as_str()
    }

    /// The file's media type as rules see it.
    pub fn file_type(&self) -> &str {
        &self.file.content_type
    }

    /// The smallest size that the route takes.
    pub fn min_len(&self) -> Option<u64> {
        self.route.accept.size.min
    }

    /// The file's size in bytes, if known.
    pub fn file_len(&self) -> Option<u64> {
        self.file.size
    }

    /// Digests to compute while streaming: the route's and the client's.
    pub fn digests(&self) -> DigestSet {
        self.route.digests.union(self.file.announced.algorithms())
    }

    /// Digests to verify at the end.
    pub fn client_digests(&self) -> &ClientDigests {
        &self.file.announced
    }

    /// The largest size that the route takes for this file: more bytes are `file-too-large` (a body of unknown size).
    pub fn max_len(&self) -> Option<u64> {
        self.max_len
    }

    /// What expressions can see before the first step.
    pub(crate) fn facts(&self, missing_key: IdempotencyKey) -> Facts {
        let mut facts = Facts::of_environment(Arc::clone(&self.route.env));
        facts.file = Some(Arc::clone(&self.file));
        facts.params = self.params.clone();
        facts.path = self.path.clone();
        facts.client = self.client.clone();
        let mut upload = self.upload.clone();
        upload.idempotency_key.get_or_insert(missing_key);
        facts.upload = Some(Arc::new(upload));
        facts
    }
}
