//! An answer, before it is written.

use bytes::Bytes;
use serde_json::Value;

/// Status, fields and body of one answer. Framing fields are added when it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    /// The status code.
    pub(crate) status: u16,
    /// The fields in the order and case to be written.
    pub(crate) headers: Vec<(String, String)>,
    /// The body.
    pub(crate) body: Bytes,
    /// So many spaces follow the body and count as part of it: a huge answer that costs no memory here.
    pub(crate) padding: u64,
}

impl Answer {
    /// An answer without a body.
    pub(crate) fn empty(status: u16) -> Answer {
        Answer { status, headers: Vec::new(), body: Bytes::new(), padding: 0 }
    }

    /// An answer with a body of that type.
    pub(crate) fn new(status: u16, content_type: &str, body: impl Into<Bytes>) -> Answer {
        Answer { body: body.into(), ..Answer::empty(status) }.with("Content-Type", content_type)
    }

    /// A JSON answer.
    pub(crate) fn json(status: u16, body: &Value) -> Answer {
        Answer::new(status, "application/json", body.to_string())
    }

    /// The same answer with one more field.
    pub(crate) fn with(mut self, name: &str, value: impl Into<String>) -> Answer {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// The same answer with another `Content-Type`.
    pub(crate) fn with_type(mut self, content_type: &str) -> Answer {
        self.headers.retain(|(name, _)| !name.eq_ignore_ascii_case("content-type"));
        self.with("Content-Type", content_type)
    }

    /// The head's bytes. A 204 has no length (RFC 9110, section 8.6); `close` announces the end of the connection.
    pub(crate) fn head_bytes(&self, close: bool) -> Vec<u8> {
        let mut head = format!("HTTP/1.1 {} {}\r\n", self.status, reason(self.status));
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        if self.status != 204 && self.status >= 200 {
            let length = self.padding.saturating_add(u64::try_from(self.body.len()).unwrap_or(u64::MAX));
            head.push_str(&format!("Content-Length: {length}\r\n"));
        }
        if close {
            head.push_str("Connection: close\r\n");
        }
        head.push_str("\r\n");
        head.into_bytes()
    }
}

/// The reason phrase; clients ignore it, people who read traces do not.
fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        204 => "No Content",
        302 => "Found",
        400 => "Bad Request",
        401 => "Unauthorized",
        402 => "Payment Required",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        409 => "Conflict",
        411 => "Length Required",
        412 => "Precondition Failed",
        413 => "Content Too Large",
        415 => "Unsupported Media Type",
        422 => "Unprocessable Content",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        503 => "Service Unavailable",
        _ => "Status",
    }
}
