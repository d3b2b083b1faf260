//! Where a message ends, which is all that a relay must know of it.

use thiserror::Error;

/// More fields than any client of the benchmark sends.
const FIELDS: usize = 64;

/// Lengths of a message whose head is complete.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Framing {
    pub(crate) head_len: usize,
    pub(crate) body_len: u64,
}

/// Why a message cannot be relayed.
#[derive(Debug, Error)]
pub(crate) enum HeadError {
    #[error("the head is malformed")]
    Malformed(#[from] httparse::Error),
    #[error("the body's length is not a number")]
    BadLength,
    #[error("only bodies with Content-Length are relayed")]
    NoLength,
    #[error("nobody would answer with 100 Continue")]
    Expectation,
}

/// Reads a request's head; `None` when there is more to come of it.
pub(crate) fn request(bytes: &[u8]) -> Result<Option<Framing>, HeadError> {
    let mut fields = [httparse::EMPTY_HEADER; FIELDS];
    let mut head = httparse::Request::new(&mut fields);
    match head.parse(bytes)? {
        httparse::Status::Partial => Ok(None),
        httparse::Status::Complete(head_len) => {
            Ok(Some(Framing { head_len, body_len: body_len(head.headers)?.unwrap_or(0) }))
        }
    }
}

/// Reads an answer's head; `None` when there is more to come of it.
pub(crate) fn answer(bytes: &[u8]) -> Result<Option<Framing>, HeadError> {
    let mut fields = [httparse::EMPTY_HEADER; FIELDS];
    let mut head = httparse::Response::new(&mut fields);
    let httparse::Status::Complete(head_len) = head.parse(bytes)? else { return Ok(None) };
    let body_len = match head.code {
        Some(204 | 304) => 0,
        _ => body_len(head.headers)?.ok_or(HeadError::NoLength)?,
    };
    Ok(Some(Framing { head_len, body_len }))
}

fn body_len(fields: &[httparse::Header<'_>]) -> Result<Option<u64>, HeadError> {
    let mut len = None;
    for field in fields {
        if field.name.eq_ignore_ascii_case("transfer-encoding") {
            return Err(HeadError::NoLength);
        }
        if field.name.eq_ignore_ascii_case("expect") {
            return Err(HeadError::Expectation);
        }
        if field.name.eq_ignore_ascii_case("content-length") {
            let text = std::str::from_utf8(field.value).map_err(|_| HeadError::BadLength)?;
            len = Some(text.parse().map_err(|_| HeadError::BadLength)?);
        }
    }
    Ok(len)
}
