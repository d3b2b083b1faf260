//! From a request's head (and a form's fields) to what admission asks for: the offer and the file.

use std::sync::Arc;

use futures::FutureExt as _;
use http::Method;
use http::request::Parts;
use rules::access::Pass;
use rules::admission::Offer;
use rules::config::Route;
use rules::failure::{Failure, Problem};
use time::OffsetDateTime;
use uuid::Uuid;
use wire::digest::ClientDigests;

use super::body::BodyReader;
use super::form::{self, FormTrouble};
use super::source::ClientFile;
use super::{Arrival, Place, head};
use crate::memory::UploadMemory;

/// The parameter that names the file of a raw `POST`.
const FILENAME: &str = "filename";

/// Everything that is known of an upload before its file is read, and the file.
#[derive(Debug)]
pub(crate) struct UploadRequest<'a> {
    /// For admission.
    pub(crate) offer: Offer,
    /// The file's bytes.
    pub(crate) file: ClientFile<'a>,
}

/// Whether a request is a form. A `PUT` names its file by its path, so its body is always the file.
pub(crate) fn form_type(head: &Parts) -> Option<&str> {
    let value = head.headers.get(http::header::CONTENT_TYPE)?.to_str().ok()?;
    let essence = value.split(';').next().unwrap_or_default().trim();
    (head.method == Method::POST && essence.eq_ignore_ascii_case("multipart/form-data")).then_some(value)
}

/// Reads as far as the file's first byte.
///
/// # Errors
/// Anything malformed in the head or in a form's fields, and names that could never be one.
pub(crate) async fn read(arrival: Box<Arrival>, body: &mut BodyReader) -> Result<(UploadRequest<'_>, Place), Failure> {
    let Arrival { ledger, matched, head, received, pass, place, .. } = *arrival;
    let route = Arc::clone(&matched.route);
    let upload_id = ledger.upload_id;
    let origin = Origin { upload_id, route: matched.route, captures: matched.captures, received, pass };
    let request = match form_type(&head) {
        Some(content_type) => read_form(&head, origin, body, content_type, &place.memory).boxed().await,
        None => read_raw(&head, matched.name.as_deref(), origin, body),
    };
    let request = request.map_err(|failure| failure.naming_transfer(&route))?;
    place.entry.live().announce(request.offer.size);
    Ok((request, place))
}

/// What is known of a request beside its head.
struct Origin {
    upload_id: Uuid,
    route: Arc<Route>,
    captures: Vec<(String, String)>,
    received: OffsetDateTime,
    pass: Pass,
}

fn read_raw<'a>(
    request: &Parts,
    named_in_path: Option<&[u8]>,
    origin: Origin,
    body: &'a mut BodyReader,
) -> Result<UploadRequest<'a>, Failure> {
    let headers = &request.headers;
    let sizes = head::announced_sizes(headers)?;
    let mut params = head::query_pairs(request.uri.query())?;
    let named_in_query = take_filename(&mut params)?;
    let name = head::file_name(headers, named_in_path, named_in_query.as_deref())?;
    if let (Some(content), Some(upload)) = (sizes.content_length, sizes.upload_length)
        && content != upload
    {
        let detail = format!("Content-Length says {content} bytes, Upload-Length says {upload}");
        return Err(Failure::new(Problem::LengthMismatch, detail));
    }
    let size = sizes.content_length.or(sizes.upload_length);
    let declared_type = head::content_type(headers)?;
    let digests = head::digests(headers)?;
    let offer = Offer { params, name, declared_type, size, digests, ..offer_of(request, origin)? };
    Ok(UploadRequest { offer, file: ClientFile::raw(body, size) })
}

async fn read_form<'a>(
    request: &Parts,
    origin: Origin,
    body: &'a mut BodyReader,
    content_type: &str,
    memory: &UploadMemory,
) -> Result<UploadRequest<'a>, Failure> {
    let sizes = head::announced_sizes(&request.headers)?;
    let mut params = head::query_pairs(request.uri.query())?;
    if take_filename(&mut params)?.is_some() {
        let detail = "a form names its file in the file's part: `filename` is no parameter";
        return Err(Failure::new(Problem::InvalidParameter, detail));
    }
    // A proxy that took another of two fields would see another form.
    head::content_type(&request.headers)?;
    let parser = form::parser(content_type, &origin.route.accept.form)?;
    let opened = form::open(parser, body, sizes, memory).await.map_err(|trouble| match trouble {
        FormTrouble::Refused(failure) => failure,
        FormTrouble::Unreadable(trouble) => Failure::before_transfer(&origin.route, trouble),
    })?;
    params.extend(opened.fields);
    let part = opened.part;
    let name = head::checked_name(part.filename.as_bytes())?;
    let offer = Offer {
        params,
        name: Some(name),
        declared_type: part.content_type,
        size: opened.size,
        digests: part.digests,
        ..offer_of(request, origin)?
    };
    Ok(UploadRequest { offer, file: opened.file })
}

/// What both forms of upload have in common.
fn offer_of(request: &Parts, origin: Origin) -> Result<Offer, Failure> {
    let idempotency_key = head::single(&request.headers, &http::HeaderName::from_static("idempotency-key"))?;
    Ok(Offer {
        upload_id: origin.upload_id,
        idempotency_key: idempotency_key.filter(|key| !key.is_empty()).map(str::to_owned),
        received: origin.received,
        path: origin.captures,
        params: Vec::new(),
        name: None,
        declared_type: None,
        size: None,
        digests: ClientDigests::default(),
        pass: origin.pass,
    })
}

/// Takes `filename` out of the query's pairs: it is no parameter of a rule.
fn take_filename(params: &mut Vec<(String, String)>) -> Result<Option<String>, Failure> {
    let mut names = params.extract_if(.., |(name, _)| name == FILENAME).map(|(_, value)| value);
    let first = names.next();
    match names.next() {
        Some(_) => Err(Failure::new(Problem::InvalidParameter, "`filename` stands more than once in the query")),
        None => Ok(first),
    }
}

/// The digests that speak of the whole body: a form's `Content-Digest` and `Content-MD5`; a raw body is the file itself.
///
/// # Errors
/// `malformed-request` for a malformed field.
pub(crate) fn whole_body_digests(head: &Parts) -> Result<ClientDigests, Failure> {
    if form_type(head).is_none() {
        return Ok(ClientDigests::default());
    }
    let of_body = [http::HeaderName::from_static("content-digest"), http::HeaderName::from_static("content-md5")];
    let fields = head.headers.iter().filter(|(name, _)| of_body.contains(name));
    ClientDigests::parse(fields.map(|(name, value)| (name.as_str(), value.as_bytes())))
        .map_err(|error| Failure::new(Problem::MalformedRequest, error.to_string()))
}
