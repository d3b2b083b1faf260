//! The head of a request as it goes out, the same for steps and for the transfer: what the rule says, the credentials of the
//! target, and the few fields that this gateway adds.

use std::time::SystemTime;

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, HeaderName, HeaderValue};
use http_body_util::Full;
use rules::run::{NoAnswer, StepRequest};
use rules::url::Scheme;
use wire::http1::{RequestFraming, RequestHead};

use super::auth;
use crate::secrets::Secrets;

/// Sent unless the rule says otherwise.
pub(super) const USER_AGENT_TEXT: &str = concat!("tidegate/", env!("CARGO_PKG_VERSION"));

/// Most APIs answer with JSON anyway; some answer with an HTML page when they are not asked. Learned URLs are not asked: their
/// signature may forbid fields that it does not know.
const ACCEPT: &str = "application/json, */*;q=0.5";

/// A head with its credentials in it; therefore it cannot be printed.
pub(crate) struct OutgoingHead {
    pub(super) method: http::Method,
    pub(super) scheme: Scheme,
    pub(super) authority: String,
    /// Path and query.
    pub(super) target: String,
    pub(super) fields: Vec<(String, Vec<u8>)>,
}

/// What a signature has to cover.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Payload<'a> {
    /// The whole body.
    Known(&'a [u8]),
    /// A body that is not there yet.
    Streamed,
}

impl OutgoingHead {
    /// Puts the head together. `now` dates signatures.
    ///
    /// # Errors
    /// [`NoAnswer::NoCredentials`] when a secret is missing or cannot stand in a header.
    pub(crate) fn new(
        request: &StepRequest,
        payload: Payload<'_>,
        traceparent: Option<&str>,
        secrets: &Secrets,
        now: SystemTime,
    ) -> Result<Self, NoAnswer> {
        let mut head = Self {
            method: request.method.clone(),
            scheme: request.url.origin.scheme,
            authority: request.url.origin.authority(),
            target: request.url.path_and_query.clone(),
            fields: Vec::with_capacity(request.headers.len().saturating_add(6)),
        };
        head.fields.push(("Host".to_owned(), head.authority.clone().into_bytes()));
        for (name, value) in &request.headers {
            head.fields.push((name.clone(), auth::field_value(value, secrets)?));
        }
        head.set_default("User-Agent", USER_AGENT_TEXT);
        if !request.learned_url {
            head.set_default("Accept", ACCEPT);
            if let Some(traceparent) = traceparent {
                head.set("traceparent", traceparent.into());
            }
        }
        if let Some(kind) = &request.target.auth {
            auth::authorize(kind, &mut head, payload, secrets, now)?;
        }
        Ok(head)
    }

    /// Sets a field in place of any of the same name.
    pub(super) fn set(&mut self, name: &str, value: Vec<u8>) {
        self.fields.retain(|(other, _)| !other.eq_ignore_ascii_case(name));
        self.fields.push((name.to_owned(), value));
    }

    fn set_default(&mut self, name: &str, value: &str) {
        if !self.fields.iter().any(|(other, _)| other.eq_ignore_ascii_case(name)) {
            self.fields.push((name.to_owned(), value.as_bytes().to_vec()));
        }
    }

    /// The bytes of the head for the transfer's own writer.
    ///
    /// # Errors
    /// [`NoAnswer::Misbehaved`] when a value (learned from an answer, as rules check their own) cannot stand in a head.
    pub(crate) fn to_bytes(&self, framing: RequestFraming) -> Result<Bytes, NoAnswer> {
        let headers: Vec<(&str, &[u8])> =
            self.fields.iter().map(|(name, value)| (name.as_str(), value.as_slice())).collect();
        RequestHead { method: self.method.as_str(), target: &self.target, headers: &headers, framing }
            .write()
            .map_err(|error| NoAnswer::Misbehaved(format!("the request cannot be written: {error}")))
    }

    /// The request for hyper's client. Without a body, only methods that usually have one say `Content-Length: 0`.
    ///
    /// # Errors
    /// As for [`OutgoingHead::to_bytes`].
    pub(super) fn into_request(self, body: Option<Bytes>) -> Result<http::Request<Full<Bytes>>, NoAnswer> {
        // The same check as for the transfer: hyper would take more than one `Host`.
        self.to_bytes(RequestFraming::None)?;
        let scheme = match self.scheme {
            Scheme::Http => "http",
            Scheme::Https => "https",
        };
        let has_body =
            body.is_some() || matches!(self.method, http::Method::POST | http::Method::PUT | http::Method::PATCH);
        let body = body.unwrap_or_default();
        let body_len = body.len();
        let mut request = http::Request::builder()
            .method(self.method)
            .uri(format!("{scheme}://{}{}", self.authority, self.target))
            .body(Full::new(body))
            .map_err(|error| NoAnswer::Misbehaved(format!("the request cannot be written: {error}")))?;
        for (name, value) in self.fields {
            let unfit = |_: http::Error| NoAnswer::Misbehaved(format!("the header `{name}` cannot be written"));
            let mut value = HeaderValue::from_bytes(&value).map_err(|error| unfit(error.into()))?;
            value.set_sensitive(true);
            let name = HeaderName::from_bytes(name.as_bytes()).map_err(|error| unfit(error.into()))?;
            request.headers_mut().append(name, value);
        }
        if has_body {
            // hyper says nothing about an empty body, and some servers answer that with 411.
            request.headers_mut().insert(CONTENT_LENGTH, body_len.into());
        }
        Ok(request)
    }
}
