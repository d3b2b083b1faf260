//! The request of an example, as its client sends it.

use std::net::SocketAddr;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_TYPE, HeaderValue};
use http::{Method, Request, Uri};
use rules::config::{ApiKey, ApiKeys, ExampleContent, ExampleRequest, RequestForm};
use sha2::{Digest as _, Sha256};

use crate::client::{Body, boundary, encoded, frame, whole};

/// What the client of an example shows: a key that is made up for it.
pub(super) struct Credentials {
    key: String,
}

impl Credentials {
    /// A new key.
    pub(super) fn new() -> anyhow::Result<Self> {
        let mut random = [0; 32];
        getrandom::fill(&mut random)?;
        Ok(Self { key: BASE64_URL_SAFE_NO_PAD.encode(random) })
    }

    /// The one list of keys that the route takes: that of the example's client, if it has one.
    pub(super) fn known_for(&self, request: &ExampleRequest) -> ApiKeys {
        let keys = request.client.iter().map(|client| ApiKey {
            id: client.subject.clone(),
            sha256: Sha256::digest(self.key.as_bytes()).into(),
            not_after: None,
            claims: client.claims.clone(),
        });
        ApiKeys { file: None, keys: keys.collect() }
    }
}

/// The bytes of an example's file.
pub(super) fn content(content: &ExampleContent) -> Bytes {
    match content {
        ExampleContent::Written(bytes) => bytes.clone().into(),
        ExampleContent::Generated(size) => {
            // Bytes of no meaning that no type is detected in: each the low byte of a sum of squares.
            (0..*size).map(|at| at.wrapping_mul(at).wrapping_add(at >> 3).to_le_bytes()[0]).collect()
        }
    }
}

/// The request to a gateway that listens at `gateway`.
///
/// # Errors
/// Something in it cannot be sent.
pub(super) fn request(
    example: &ExampleRequest,
    file: &Bytes,
    credentials: &Credentials,
    gateway: SocketAddr,
) -> anyhow::Result<Request<Body>> {
    let (mut request, length) = match example.form {
        RequestForm::Form => form(example, file)?,
        RequestForm::Put | RequestForm::Post => (raw(example, file)?, file.len()),
    };
    *request.uri_mut() = target(example, gateway)?;
    let headers = request.headers_mut();
    headers.insert(CONTENT_LENGTH, length.into());
    for (name, value) in &example.headers {
        headers.append(name, value.clone());
    }
    if example.client.is_some() {
        headers.insert(AUTHORIZATION, format!("Bearer {}", credentials.key).parse()?);
    }
    Ok(request)
}

fn target(example: &ExampleRequest, gateway: SocketAddr) -> anyhow::Result<Uri> {
    let mut target = example.path.clone();
    if let (RequestForm::Put, Some(name)) = (example.form, &example.filename) {
        target = format!("{}/{}", target.trim_end_matches('/'), encoded(name));
    }
    if example.form != RequestForm::Form && !example.params.is_empty() {
        let pairs = example.params.iter().map(|(name, value)| format!("{}={}", encoded(name), encoded(value)));
        target = format!("{target}?{}", pairs.collect::<Vec<_>>().join("&"));
    }
    Ok(format!("http://{gateway}{target}").parse()?)
}

fn raw(example: &ExampleRequest, file: &Bytes) -> anyhow::Result<Request<Body>> {
    let mut request = Request::new(whole(file.clone()));
    if example.form == RequestForm::Put {
        *request.method_mut() = Method::PUT;
    } else {
        *request.method_mut() = Method::POST;
        if let Some(name) = &example.filename {
            let disposition = format!("attachment; filename*=UTF-8''{}", encoded(name));
            request.headers_mut().insert(CONTENT_DISPOSITION, disposition.parse()?);
        }
    }
    if let Some(media_type) = &example.media_type {
        request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_str(media_type)?);
    }
    Ok(request)
}

fn form(example: &ExampleRequest, file: &Bytes) -> anyhow::Result<(Request<Body>, usize)> {
    let part_fields: Vec<_> = example.media_type.iter().map(|text| ("Content-Type", text.clone())).collect();
    let frame = frame(&boundary()?, &example.params, example.filename.as_deref(), &part_fields);
    let body = Bytes::from([frame.before, file.clone(), frame.after].concat());
    let length = body.len();
    let mut request = Request::new(whole(body));
    *request.method_mut() = Method::POST;
    request.headers_mut().insert(CONTENT_TYPE, frame.content_type.parse()?);
    Ok((request, length))
}
