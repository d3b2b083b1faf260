//! An answer in the form that its request wants.

use std::fmt::Display;
use std::time::SystemTime;

use bytes::{BufMut as _, Bytes, BytesMut};
use http::header::{CONNECTION, CONTENT_LENGTH, DATE, HeaderMap, HeaderName, TRANSFER_ENCODING};
use http::{Method, StatusCode, Version, request, response};

/// How a request is to be answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Form {
    /// The answer has no content, whatever it announces (RFC 9110 section 9.3.2).
    is_head: bool,
    /// Its connection ends unless the answer says otherwise.
    is_http10: bool,
    /// The client may send a further request.
    persists: bool,
}

/// The fields that say where an answer ends and when it was made: they are written here and nowhere else.
const OURS: [HeaderName; 4] = [CONNECTION, CONTENT_LENGTH, DATE, TRANSFER_ENCODING];

/// A status line, and the fields of ours.
const USUAL_HEAD: usize = 192;

impl Form {
    /// For a head that was refused: nothing after it is read.
    pub(super) const LAST: Self = Self { is_head: false, is_http10: false, persists: false };

    /// As a request's head wants it (RFC 9112 section 9.3).
    pub(super) fn of(head: &request::Parts) -> Self {
        let is_http10 = head.version == Version::HTTP_10;
        let persists = !says(&head.headers, "close") && (!is_http10 || says(&head.headers, "keep-alive"));
        Self { is_head: head.method == Method::HEAD, is_http10, persists }
    }

    /// Whether neither the request nor its answer ends the connection.
    pub(super) fn goes_on_after(self, answer: &response::Parts) -> bool {
        self.persists && !says(&answer.headers, "close")
    }

    /// The bytes of an answer's head, of which `len` bytes are the content.
    pub(super) fn head(self, answer: &response::Parts, len: usize, goes_on: bool) -> Bytes {
        let fields: usize = answer.headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum();
        let mut head = BytesMut::with_capacity(fields.saturating_add(USUAL_HEAD));
        put(&mut head, format_args!("HTTP/1.1 {} ", answer.status.as_str()));
        head.put_slice(answer.status.canonical_reason().unwrap_or_default().as_bytes());
        head.put_slice(b"\r\n");
        for (name, value) in answer.headers.iter().filter(|(name, _)| !OURS.contains(name)) {
            head.put_slice(name.as_str().as_bytes());
            head.put_slice(b": ");
            head.put_slice(value.as_bytes());
            head.put_slice(b"\r\n");
        }
        // RFC 9110 section 8.6: never in an answer that has no content by its status.
        if answer.status != StatusCode::NO_CONTENT {
            put(&mut head, format_args!("content-length: {len}\r\n"));
        }
        match (goes_on, self.is_http10) {
            (false, _) => head.put_slice(b"connection: close\r\n"),
            (true, true) => head.put_slice(b"connection: keep-alive\r\n"),
            (true, false) => {}
        }
        put(&mut head, format_args!("date: {}\r\n\r\n", httpdate::HttpDate::from(SystemTime::now())));
        head.freeze()
    }

    /// What follows the head.
    pub(super) fn content(self, body: Bytes) -> Bytes {
        if self.is_head { Bytes::new() } else { body }
    }
}

/// Whether `Connection` has an option.
fn says(fields: &HeaderMap, option: &str) -> bool {
    let options = fields.get_all(CONNECTION).into_iter().filter_map(|value| value.to_str().ok());
    options.flat_map(|value| value.split(',')).any(|said| said.trim().eq_ignore_ascii_case(option))
}

fn put(head: &mut BytesMut, text: impl Display) {
    use std::fmt::Write as _;
    // Memory grows as it must; nothing else can fail.
    let _always_fits = write!(head, "{text}");
}
