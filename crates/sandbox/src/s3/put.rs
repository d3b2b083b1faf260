//! `PUT /bucket/key` with a presigned URL.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use time::OffsetDateTime;

use super::{commit, error, presign};
use crate::http::{Answer, BodyError, Framing, decode_query};
use crate::sigv4::hex;
use crate::state::{Request, Shared};
use crate::system::System;

/// Takes the raw bytes of one object.
pub(super) async fn receive(
    shared: &Shared,
    request: &mut Request<'_>,
    system: System,
    key: &str,
) -> Result<Answer, BodyError> {
    if let Some(refusal) = refuse_head(request, system) {
        return Ok(refusal);
    }
    let mut receiver = shared.receiver(true);
    while let Some(data) = request.body.chunk().await? {
        receiver.push(&data);
    }
    let received = receiver.finish();
    let etag = received.md5.clone();
    if let Some(claimed) = request.head.header("content-md5") {
        let claimed = BASE64_STANDARD.decode(claimed).map(|digest| hex(&digest)).unwrap_or_default();
        if claimed.len() != 32 {
            return Ok(error(400, "InvalidDigest", "The Content-MD5 you specified was invalid."));
        }
        if claimed != etag {
            let message = "The Content-MD5 you specified did not match what we received.";
            return Ok(error(400, "BadDigest", message));
        }
    }
    let content_type = request.head.header("content-type").map(str::to_owned);
    if !commit(shared, system, key, content_type, received) {
        return Ok(error(403, "AccessDenied", "Access Denied"));
    }
    Ok(Answer::empty(200).with("ETag", format!("\"{etag}\"")))
}

fn refuse_head(request: &Request<'_>, system: System) -> Option<Answer> {
    let by_query = decode_query(request.head.query()).iter().any(|(name, _)| name == "X-Amz-Algorithm");
    if by_query && request.head.header("authorization").is_some() {
        let message = "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query string parameter or the Authorization header should be specified";
        return Some(error(400, "InvalidArgument", message));
    }
    if !by_query {
        return Some(error(403, "AccessDenied", "Access Denied"));
    }
    match request.framing {
        Framing::Chunked => {
            let message = "A header you provided implies functionality that is not implemented";
            Some(error(501, "NotImplemented", message))
        }
        Framing::Absent => Some(error(411, "MissingContentLength", "You must provide the Content-Length HTTP header.")),
        Framing::Length(_) => presign::verify(&request.head, system, OffsetDateTime::now_utc()).err(),
    }
}
