//! From the bytes of a head that passed to the request that they are.

use bytes::Bytes;
use http::header::{HeaderMap, HeaderName, HeaderValue};
use http::request::Parts;
use http::{Method, Request, Uri, Version};

/// Fields for which room is kept on the stack; a head with more is parsed a second time.
const USUAL_FIELDS: usize = 32;

/// Reads a head of which `wire::http1::gate` said that it is well-formed. None where the HTTP library's types cannot hold it.
pub(super) fn parse(head: &Bytes) -> Option<Parts> {
    let mut fields = [httparse::EMPTY_HEADER; USUAL_FIELDS];
    match parse_into(head, &mut fields) {
        Err(httparse::Error::TooManyHeaders) => {
            // A line is two bytes at least.
            let mut fields = vec![httparse::EMPTY_HEADER; head.len() / 2];
            parse_into(head, &mut fields).ok()?
        }
        parsed => parsed.ok()?,
    }
}

fn parse_into<'a>(head: &'a Bytes, fields: &mut [httparse::Header<'a>]) -> Result<Option<Parts>, httparse::Error> {
    let mut request = httparse::Request::new(fields);
    let status = request.parse(head)?;
    if !status.is_complete() {
        return Ok(None);
    }
    let (Some(method), Some(target), Some(version)) = (request.method, request.path, request.version) else {
        return Ok(None);
    };
    Ok(build(head, method, target, version, request.headers))
}

/// Values share the head's bytes.
fn build(head: &Bytes, method: &str, target: &str, version: u8, fields: &[httparse::Header<'_>]) -> Option<Parts> {
    let mut headers = HeaderMap::with_capacity(fields.len());
    for field in fields {
        let name = HeaderName::from_bytes(field.name.as_bytes()).ok()?;
        let value = HeaderValue::from_maybe_shared(head.slice_ref(field.value)).ok()?;
        headers.append(name, value);
    }
    let (mut parts, ()) = Request::new(()).into_parts();
    parts.method = Method::from_bytes(method.as_bytes()).ok()?;
    parts.uri = Uri::from_maybe_shared(head.slice_ref(target.as_bytes())).ok()?;
    parts.version = if version == 0 { Version::HTTP_10 } else { Version::HTTP_11 };
    parts.headers = headers;
    Some(parts)
}
