//! Just as much of HTTP/1.1 as it takes to tell answers apart and to know where they end.

/// Header fields of an answer that are looked at.
const MAX_FIELDS: usize = 64;

/// The end of a body in chunks without trailers. An answer of a few lines has it nowhere else.
const LAST_CHUNK: &[u8] = b"\r\n0\r\n\r\n";

/// A whole answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) status: u16,
    /// Whether the connection may carry another request.
    pub(super) keeps: bool,
}

/// What was received is no HTTP, or ends in a way that is not understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Malformed;

/// The answer in `received`, if it is whole; interim answers are passed over.
pub(super) fn read(received: &[u8]) -> Result<Option<Answer>, Malformed> {
    let mut fields = [httparse::EMPTY_HEADER; MAX_FIELDS];
    let mut response = httparse::Response::new(&mut fields);
    let httparse::Status::Complete(head_len) = response.parse(received).map_err(|_| Malformed)? else {
        return Ok(None);
    };
    let status = response.code.ok_or(Malformed)?;
    let body = received.get(head_len..).unwrap_or_default();
    if (100..200).contains(&status) {
        return read(body);
    }
    let field = |name: &str| response.headers.iter().find(|field| field.name.eq_ignore_ascii_case(name));
    let is_whole = match (field("content-length"), field("transfer-encoding")) {
        (Some(len), None) => {
            let len: usize = std::str::from_utf8(len.value).ok().and_then(|len| len.parse().ok()).ok_or(Malformed)?;
            body.len() >= len
        }
        (None, Some(_)) => body.ends_with(LAST_CHUNK) || body == LAST_CHUNK.get(2..).unwrap_or_default(),
        (None, None) if status == 204 => true,
        _ => return Err(Malformed),
    };
    let keeps = !field("connection").is_some_and(|field| field.value.eq_ignore_ascii_case(b"close"));
    Ok(is_whole.then_some(Answer { status, keeps }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_whole_at_its_last_byte_and_not_before() {
        for (answer, status, keeps) in [
            ("HTTP/1.1 201 Created\r\nContent-Length: 3\r\n\r\nabc", 201, true),
            ("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", 200, true),
            ("HTTP/1.1 503 Busy\r\nConnection: Close\r\nContent-Length: 1\r\n\r\nx", 503, false),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", 200, true),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 200, true),
            ("HTTP/1.1 204 No Content\r\n\r\n", 204, true),
        ] {
            for len in 0..answer.len() {
                assert_eq!(read(&answer.as_bytes()[..len]), Ok(None), "{len} bytes of {answer}");
            }
            assert_eq!(read(answer.as_bytes()), Ok(Some(Answer { status, keeps })), "{answer}");
        }
    }

    #[test]
    fn refuses_what_it_cannot_tell_the_end_of() {
        assert_eq!(read(b"HTTP/1.1 200 OK\r\n\r\n"), Err(Malformed));
        assert_eq!(read(b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n"), Err(Malformed));
        assert_eq!(read(b"nonsense\r\n\r\n"), Err(Malformed));
    }
}
