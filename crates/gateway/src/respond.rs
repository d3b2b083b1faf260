//! The answer: a receipt, or a problem (RFC 9457). Its status comes from the one table in `rules::failure`.

use bytes::Bytes;
use http::header::{
    ALLOW, CACHE_CONTROL, CONNECTION, CONTENT_TYPE, HeaderName, LOCATION, RETRY_AFTER, WWW_AUTHENTICATE,
};
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use rules::failure::Failure;
use serde::{Serialize, Serializer};
use wire::digest::{Digests, repr_digest_field};

use crate::ledger::{Ledger, X_REQUEST_ID};
use crate::stored::Stored;

/// What a client is answered with.
pub(crate) type Reply = Response<Bytes>;

/// The upload's id, in every answer.
const UPLOAD_ID: HeaderName = HeaderName::from_static("tidegate-upload-id");
/// RFC 9530.
const REPR_DIGEST: HeaderName = HeaderName::from_static("repr-digest");

/// What an upload that ended well is answered with.
#[derive(Serialize)]
struct Receipt<'a> {
    upload_id: String,
    route: Option<&'a str>,
    status: &'static str,
    file: File<'a>,
    result: &'a serde_json::Value,
}

#[derive(Serialize)]
struct File<'a> {
    name: &'a str,
    #[serde(rename = "type")]
    media_type: &'a str,
    size: u64,
    digests: HexDigests<'a>,
}

/// By name, in lower-case hexadecimal.
struct HexDigests<'a>(&'a Digests);

impl Serialize for HexDigests<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let algorithms = self.0.iter().map(|(algorithm, _)| algorithm);
        serializer.collect_map(algorithms.filter_map(|one| Some((one.name(), self.0.hex(one)?))))
    }
}

/// The answer to an upload that ended well.
pub(crate) fn receipt(ledger: &Ledger, stored: &Stored) -> Reply {
    let body = Receipt {
        upload_id: ledger.upload_id.to_string(),
        route: ledger.route.as_deref(),
        status: if stored.receipt.processing { "processing" } else { "stored" },
        file: File {
            name: &stored.file.name,
            media_type: &stored.file.media_type,
            size: stored.file.size,
            digests: HexDigests(&stored.file.digests),
        },
        result: &stored.receipt.result,
    };
    let mut headers = HeaderMap::new();
    if let Some(url) = stored.receipt.result.get("url").and_then(serde_json::Value::as_str) {
        // A result that is no URL is still a result; it is only no `Location`.
        if rules::url::Url::parse(url).is_ok() {
            insert(&mut headers, LOCATION, url);
        }
    }
    if let Some(field) = repr_digest_field(&stored.file.digests) {
        insert(&mut headers, REPR_DIGEST, &field);
    }
    answer(ledger, stored.status(), "application/json", &body, headers)
}

/// The answer to an upload that ended badly. `unread` says that a part of its body was not read, and that nobody reads over it.
pub(crate) fn problem(ledger: &Ledger, failure: &Failure, unread: bool) -> Reply {
    let mut headers = HeaderMap::new();
    if let Some(seconds) = failure.retry_after_seconds() {
        insert(&mut headers, RETRY_AFTER, &seconds.to_string());
    }
    if let Some(allow) = failure.allow {
        insert(&mut headers, ALLOW, allow);
    }
    if let Some(challenge) = &failure.challenge {
        insert(&mut headers, WWW_AUTHENTICATE, challenge);
    }
    // What was not read may still be on its way: nothing after it on this connection can be trusted to be a request.
    if ledger.http1 && unread {
        insert(&mut headers, CONNECTION, "close");
    }
    let body = failure.document(&ledger.upload_id, ledger.route.as_deref());
    answer(ledger, failure.problem.status(), "application/problem+json", &body, headers)
}

/// The answer to a preflight that may go on.
pub(crate) fn preflight(ledger: &Ledger, unread: bool) -> Reply {
    let mut headers = ledger.cors.clone();
    if ledger.http1 && unread {
        insert(&mut headers, CONNECTION, "close");
    }
    insert(&mut headers, UPLOAD_ID, &ledger.upload_id.to_string());
    let mut reply = Response::new(Bytes::new());
    *reply.status_mut() = StatusCode::NO_CONTENT;
    *reply.headers_mut() = headers;
    reply
}

/// The answer to a request that made something of the gateway's own.
pub(crate) fn created(ledger: &Ledger, body: &serde_json::Value) -> Reply {
    answer(ledger, StatusCode::CREATED.as_u16(), "application/json", body, HeaderMap::new())
}

fn answer(
    ledger: &Ledger,
    status: u16,
    media_type: &'static str,
    body: &impl Serialize,
    mut headers: HeaderMap,
) -> Reply {
    headers.extend(ledger.cors.clone());
    insert(&mut headers, UPLOAD_ID, &ledger.upload_id.to_string());
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Some(id) = &ledger.request_id {
        headers.insert(X_REQUEST_ID, id.clone());
    }
    let mut text = serde_json::to_vec(body).unwrap_or_default();
    text.push(b'\n');
    let mut reply = Response::new(Bytes::from(text));
    *reply.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    *reply.headers_mut() = headers;
    reply
}

/// Sets a field whose value is text of ours or checked text; one that is not fit for a header is left out.
fn insert(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}
