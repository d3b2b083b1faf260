//! Writing the head of a request.

use bytes::{BufMut, Bytes, BytesMut};

use crate::text::{is_token, is_value_byte};

/// How the body of a request ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestFraming {
    /// There is no body and no field that says so: GET, HEAD, DELETE.
    None,
    /// `Content-Length`; zero for a POST without a body.
    Length(u64),
    /// `Transfer-Encoding: chunked`.
    Chunked,
}

/// Why a head cannot be written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HeadError {
    /// The method is no token.
    #[error("the request method is not a token")]
    Method,
    /// The target is empty or contains anything but visible ASCII.
    #[error("the request target contains a character that is not visible ASCII")]
    Target,
    /// A field name that is no token.
    #[error("the header name {0:?} is not a token")]
    Name(String),
    /// A field value with CR, LF, NUL or another control character.
    #[error("the value of header `{0}` contains a control character")]
    Value(String),
    /// There must be exactly one `Host` (RFC 9112 section 3.2).
    #[error("the request has {0} `Host` headers instead of one")]
    Host(usize),
    /// `Content-Length` and `Transfer-Encoding` follow from the framing and may not be given.
    #[error("the header `{0}` is written by the framing")]
    Framing(String),
}

/// The head of one request.
#[derive(Debug, Clone, Copy)]
pub struct RequestHead<'a> {
    /// The method.
    pub method: &'a str,
    /// The target in origin form, encoded: `/path?query`.
    pub target: &'a str,
    /// The fields in the order in which they are written, `Host` among them.
    pub headers: &'a [(&'a str, &'a [u8])],
    /// How the body ends.
    pub framing: RequestFraming,
}

impl RequestHead<'_> {
    /// The bytes of the head, up to and with the empty line.
    ///
    /// # Errors
    /// Whatever [`HeadError`] lists; nothing that could break out of its place is ever written.
    pub fn write(&self) -> Result<Bytes, HeadError> {
        self.check()?;
        let fields: usize = self.headers.iter().map(|(name, value)| field_len(name, value)).sum();
        let line = self.method.len().saturating_add(self.target.len());
        let mut head = BytesMut::with_capacity(fields.saturating_add(line).saturating_add(FRAMING_BYTES));
        head.put_slice(self.method.as_bytes());
        head.put_u8(b' ');
        head.put_slice(self.target.as_bytes());
        head.put_slice(b" HTTP/1.1\r\n");
        for (name, value) in self.headers {
            put_field(&mut head, name, value);
        }
        match self.framing {
            RequestFraming::None => {}
            RequestFraming::Length(len) => put_field(&mut head, "Content-Length", len.to_string().as_bytes()),
            RequestFraming::Chunked => put_field(&mut head, "Transfer-Encoding", b"chunked"),
        }
        head.put_slice(b"\r\n");
        Ok(head.freeze())
    }

    fn check(&self) -> Result<(), HeadError> {
        if !is_token(self.method.as_bytes()) {
            return Err(HeadError::Method);
        }
        if self.target.is_empty() || !self.target.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(HeadError::Target);
        }
        self.headers.iter().try_for_each(|(name, value)| check_field(name, value))?;
        match self.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("host")).count() {
            1 => Ok(()),
            count => Err(HeadError::Host(count)),
        }
    }
}

/// Room for the rest of the request line and the longest framing field.
const FRAMING_BYTES: usize = 64;

fn check_field(name: &str, value: &[u8]) -> Result<(), HeadError> {
    if !is_token(name.as_bytes()) {
        return Err(HeadError::Name(name.to_owned()));
    }
    if !value.iter().copied().all(is_value_byte) {
        return Err(HeadError::Value(name.to_owned()));
    }
    if name.eq_ignore_ascii_case("content-length") || name.eq_ignore_ascii_case("transfer-encoding") {
        return Err(HeadError::Framing(name.to_owned()));
    }
    Ok(())
}

fn field_len(name: &str, value: &[u8]) -> usize {
    name.len().saturating_add(value.len()).saturating_add(b": \r\n".len())
}

fn put_field(head: &mut BytesMut, name: &str, value: &[u8]) {
    head.put_slice(name.as_bytes());
    head.put_slice(b": ");
    head.put_slice(value);
    head.put_slice(b"\r\n");
}
