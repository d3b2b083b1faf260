//! The S3 endpoint: POST-policy forms and presigned PUTs, path-style (`/bucket/key`).
//!
//! Everything is proven from the request itself, with the vendor's signing secret: signature, expiry, every condition,
//! every signed header, the length. Errors are S3's XML with S3's codes.

mod form_grant;
mod post;
mod presign;
mod put;

use crate::http::{Answer, BodyError};
use crate::objects::{Name, ObjectState, Received};
use crate::state::{Request, Shared};
use crate::system::System;

pub(crate) use form_grant::FormGrant;
pub(crate) use presign::UrlGrant;

/// Answers one request.
pub(crate) async fn serve(shared: &Shared, request: &mut Request<'_>) -> Result<Answer, BodyError> {
    let segments = request.head.segments();
    let (bucket, key) = segments.split_first().map(|(bucket, key)| (bucket.clone(), key.join("/"))).unwrap_or_default();
    let Some(system) = System::of_bucket(&bucket) else {
        return Ok(error(404, "NoSuchBucket", "The specified bucket does not exist"));
    };
    match (request.head.method.as_str(), key.as_str()) {
        ("POST", "") => post::receive(shared, request, system, &bucket).await,
        ("PUT", key) if !key.is_empty() => put::receive(shared, request, system, key).await,
        _ => Ok(error(405, "MethodNotAllowed", "The specified method is not allowed against this resource.")),
    }
}

/// An error without a particular reason.
pub(crate) fn failure(status: u16) -> Answer {
    match status {
        400 => error(400, "InvalidRequest", "The request is not valid."),
        403 => error(403, "AccessDenied", "Access Denied"),
        404 => error(404, "NoSuchKey", "The specified key does not exist."),
        413 => error(413, "EntityTooLarge", "Your proposed upload exceeds the maximum allowed size"),
        429 | 503 => error(status, "SlowDown", "Please reduce your request rate."),
        _ => error(status, "InternalError", "We encountered an internal error. Please try again."),
    }
}

/// S3's error document.
fn error(status: u16, code: &str, message: &str) -> Answer {
    let request_id: String = uuid::Uuid::new_v4().simple().to_string().to_uppercase().chars().take(16).collect();
    let document = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{code}</Code><Message>{}</Message>\
         <RequestId>{request_id}</RequestId><HostId>sandbox</HostId></Error>",
        escape(message)
    );
    Answer::new(status, "application/xml", document).with("x-amz-request-id", request_id)
}

/// Escapes a text for XML.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// Puts the bytes under their key. False when the key was never announced (or forgotten meanwhile).
fn commit(shared: &Shared, system: System, key: &str, content_type: Option<String>, received: Received) -> bool {
    let mut uploads = shared.uploads();
    let Some(upload) = uploads.find(system, Name::Key(key.to_owned())) else {
        return false;
    };
    upload.received = Some(received);
    upload.writes = upload.writes.saturating_add(1);
    upload.content_type = content_type.or(upload.content_type.take());
    if upload.state == ObjectState::Announced {
        upload.state = ObjectState::Stored;
    }
    true
}
