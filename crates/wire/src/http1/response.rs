//! Reading an answer, incrementally: interim answers are skipped, the head is parsed once when it is complete, the body is
//! handed out as it comes.

use bytes::{Bytes, BytesMut};

use super::chunked::{ChunkError, ChunkedDecoder};
use crate::length;

/// Bounds of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResponseLimits {
    /// Bytes of one head.
    pub head_bytes: usize,
    /// Fields of one head.
    pub fields: usize,
    /// Interim (1xx) answers before the final one.
    pub interim: usize,
}

impl Default for ResponseLimits {
    /// 32 KiB and 100 fields are what common servers write at most; an honest upstream sends one or two interim answers.
    fn default() -> Self {
        Self { head_bytes: 32 * 1024, fields: 100, interim: 16 }
    }
}

/// Why an answer cannot be used. The connection is of no further use either.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ResponseError {
    /// It does not begin with `HTTP/1.`.
    #[error("the answer is not HTTP/1")]
    NotHttp,
    /// The head is longer than allowed.
    #[error("the head of the answer is longer than {0} bytes")]
    HeadTooLarge(usize),
    /// The head has more fields than allowed.
    #[error("the answer has more than {0} header fields")]
    TooManyFields(usize),
    /// The head is malformed.
    #[error("the head of the answer is malformed")]
    Head,
    /// A line of the head ends without CR.
    #[error("a line of the answer's head ends with a bare line feed")]
    BareLineFeed,
    /// 101: nobody asked for another protocol.
    #[error("the upstream switches protocols without being asked")]
    SwitchingProtocols,
    /// More interim answers than allowed.
    #[error("the upstream sent more than {0} interim answers")]
    TooManyInterim(usize),
    /// `Content-Length` is no number of 64 bits, or several differ.
    #[error("the content length of the answer is malformed")]
    ContentLength,
    /// `Transfer-Encoding` stands beside `Content-Length`, or in an HTTP/1.0 answer (RFC 9112 section 6.1).
    #[error("the framing of the answer is ambiguous")]
    AmbiguousFraming,
    /// A transfer coding that is not exactly `chunked`.
    #[error("the transfer coding of the answer is not `chunked`")]
    TransferCoding,
    /// The chunked body is malformed.
    #[error("the chunked body of the answer is malformed")]
    Chunk(#[from] ChunkError),
    /// The connection ended within the answer.
    #[error("the connection ended before the answer did")]
    Truncated,
}

/// The head of a final answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResponseHead {
    /// The status code, 200 to 999.
    pub status: u16,
    /// The fields in order: names in lower case, values without surrounding whitespace.
    pub headers: Vec<(String, Bytes)>,
}

impl ResponseHead {
    /// The first value of a field, by its lower-case name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&Bytes> {
        self.headers.iter().find(|(candidate, _)| candidate == name).map(|(_, value)| value)
    }

    /// Every value of a field, by its lower-case name.
    pub fn header_all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Bytes> {
        self.headers.iter().filter(move |(candidate, _)| candidate == name).map(|(_, value)| value)
    }
}

/// Reads one answer. The caller appends what it received to one buffer and passes it in; consumed bytes are taken out of it.
/// What is left in the buffer after completion was not asked for: such a connection may not be used again.
#[derive(Debug)]
pub struct ResponseDecoder {
    limits: ResponseLimits,
    request_is_head: bool,
    state: State,
    /// Bytes of the unfinished head that were searched for its end, so that dribbled heads cost linear time.
    searched: usize,
    interim: usize,
    keep_alive: bool,
}

#[derive(Debug)]
enum State {
    Head,
    Length(u64),
    Chunked(ChunkedDecoder),
    UntilClose,
    Complete,
}

impl ResponseDecoder {
    /// A decoder of the answer to one request of that method.
    #[must_use]
    pub fn new(request_method: &str) -> Self {
        Self::with_limits(request_method, ResponseLimits::default())
    }

    /// The same with other bounds.
    #[must_use]
    pub fn with_limits(request_method: &str, limits: ResponseLimits) -> Self {
        let request_is_head = request_method == "HEAD";
        Self { limits, request_is_head, state: State::Head, searched: 0, interim: 0, keep_alive: false }
    }

    /// The head of the final answer, once it is complete; `None` when more input is needed or it was given out before.
    ///
    /// # Errors
    /// Whatever [`ResponseError`] lists.
    pub fn read_head(&mut self, input: &mut BytesMut) -> Result<Option<ResponseHead>, ResponseError> {
        if !matches!(self.state, State::Head) {
            return Ok(None);
        }
        while let Some(bytes) = self.split_head(input)? {
            let parsed = ParsedHead::parse(&bytes, self.limits.fields)?;
            match parsed.head.status {
                101 => return Err(ResponseError::SwitchingProtocols),
                100..=199 => self.count_interim()?,
                _ => {
                    self.keep_alive = parsed.keeps_connection();
                    self.state = self.body_state(&parsed)?;
                    return Ok(Some(parsed.head));
                }
            }
        }
        Ok(None)
    }

    /// The next piece of the body; `None` when more input is needed or the body is complete.
    ///
    /// # Errors
    /// Whatever [`ResponseError`] lists.
    pub fn read_body(&mut self, input: &mut BytesMut) -> Result<Option<Bytes>, ResponseError> {
        let piece = match &mut self.state {
            State::Head | State::Complete => None,
            State::UntilClose => Some(input.split().freeze()),
            State::Length(left) => {
                let piece = input.split_to(length::to_usize(*left).min(input.len())).freeze();
                *left = left.saturating_sub(length::of(&piece));
                Some(piece)
            }
            State::Chunked(decoder) => decoder.decode(input)?,
        };
        let is_complete = match &self.state {
            State::Length(left) => *left == 0,
            State::Chunked(decoder) => decoder.is_complete(),
            State::Head | State::UntilClose | State::Complete => false,
        };
        if is_complete {
            self.state = State::Complete;
        }
        Ok(piece.filter(|piece| !piece.is_empty()))
    }

    /// Says that the connection ended, which completes a body that has no other end. Call it after the last input was read.
    ///
    /// # Errors
    /// [`ResponseError::Truncated`] when the answer is not complete.
    pub fn end_of_input(&mut self) -> Result<(), ResponseError> {
        match self.state {
            State::UntilClose | State::Complete => {
                self.state = State::Complete;
                self.keep_alive = false;
                Ok(())
            }
            State::Head | State::Length(_) | State::Chunked(_) => Err(ResponseError::Truncated),
        }
    }

    /// Whether head and body were read to their end.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        matches!(self.state, State::Complete)
    }

    /// Whether the connection may carry another request as far as the answer tells: it is complete by its own framing and
    /// keeps the connection. The caller also demands that its buffer is empty and its request was written to the end.
    #[must_use]
    pub fn keep_alive(&self) -> bool {
        self.keep_alive && self.is_complete()
    }

    fn count_interim(&mut self) -> Result<(), ResponseError> {
        self.interim = self.interim.saturating_add(1);
        if self.interim > self.limits.interim {
            return Err(ResponseError::TooManyInterim(self.limits.interim));
        }
        Ok(())
    }

    /// Takes a complete head out of the input.
    fn split_head(&mut self, input: &mut BytesMut) -> Result<Option<Bytes>, ResponseError> {
        const END: &[u8] = b"\r\n\r\n";
        const START: &[u8] = b"HTTP/1.";
        if input.iter().zip(START).any(|(got, wanted)| got != wanted) {
            return Err(ResponseError::NotHttp);
        }
        let from = self.searched.saturating_sub(END.len().saturating_sub(1));
        let fresh = input.get(from..).unwrap_or_default();
        let end = memchr::memmem::find(fresh, END).map(|at| from.saturating_add(at).saturating_add(END.len()));
        let head_len = end.unwrap_or(input.len());
        if head_len > self.limits.head_bytes {
            return Err(ResponseError::HeadTooLarge(self.limits.head_bytes));
        }
        let lines = input.get(from..head_len).unwrap_or_default();
        if has_bare_line_feed(lines, from == 0) {
            return Err(ResponseError::BareLineFeed);
        }
        self.searched = if end.is_some() { 0 } else { input.len() };
        Ok(end.map(|end| input.split_to(end).freeze()))
    }

    /// RFC 9112 section 6.3.
    fn body_state(&mut self, parsed: &ParsedHead) -> Result<State, ResponseError> {
        let length = parsed.content_length()?;
        let chunked = parsed.is_chunked()?;
        if chunked && (length.is_some() || !parsed.is_http_11) {
            return Err(ResponseError::AmbiguousFraming);
        }
        let status = parsed.head.status;
        if status == 204 && (chunked || length.is_some_and(|len| len > 0)) {
            // It may be followed by a body that the rules say is not there.
            self.keep_alive = false;
        }
        Ok(match length {
            _ if self.request_is_head || status == 204 || status == 304 => State::Complete,
            _ if chunked => State::Chunked(ChunkedDecoder::new()),
            Some(0) => State::Complete,
            Some(len) => State::Length(len),
            None => {
                self.keep_alive = false;
                State::UntilClose
            }
        })
    }
}

/// `part` may begin within a line that was looked at before; only the first byte of the whole head has nothing before it.
fn has_bare_line_feed(part: &[u8], is_start: bool) -> bool {
    memchr::memchr_iter(b'\n', part).any(|at| match at.checked_sub(1) {
        Some(before) => part.get(before) != Some(&b'\r'),
        None => is_start,
    })
}

struct ParsedHead {
    head: ResponseHead,
    is_http_11: bool,
}

impl ParsedHead {
    fn parse(bytes: &Bytes, max_fields: usize) -> Result<Self, ResponseError> {
        let mut fields = vec![httparse::EMPTY_HEADER; max_fields];
        let mut response = httparse::Response::new(&mut fields);
        match response.parse(bytes) {
            Ok(httparse::Status::Complete(len)) if len == bytes.len() => {}
            Err(httparse::Error::TooManyHeaders) => return Err(ResponseError::TooManyFields(max_fields)),
            Ok(_) | Err(_) => return Err(ResponseError::Head),
        }
        let status = response.code.filter(|status| *status >= 100).ok_or(ResponseError::Head)?;
        let own = |field: &httparse::Header<'_>| (field.name.to_ascii_lowercase(), bytes.slice_ref(field.value));
        let headers = response.headers.iter().map(own).collect();
        Ok(Self { head: ResponseHead { status, headers }, is_http_11: response.version == Some(1) })
    }

    /// Several equal lengths are one; a list, a sign or 65 bits are refused (RFC 9112 section 6.3, 5).
    fn content_length(&self) -> Result<Option<u64>, ResponseError> {
        let mut length = None;
        for value in self.head.header_all("content-length") {
            if value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
                return Err(ResponseError::ContentLength);
            }
            let text = std::str::from_utf8(value).map_err(|_| ResponseError::ContentLength)?;
            let parsed: u64 = text.parse().map_err(|_| ResponseError::ContentLength)?;
            if length.is_some_and(|known| known != parsed) {
                return Err(ResponseError::ContentLength);
            }
            length = Some(parsed);
        }
        Ok(length)
    }

    fn is_chunked(&self) -> Result<bool, ResponseError> {
        let mut codings = self.head.header_all("transfer-encoding");
        match (codings.next(), codings.next()) {
            (None, _) => Ok(false),
            (Some(coding), None) if coding.eq_ignore_ascii_case(b"chunked") => Ok(true),
            _ => Err(ResponseError::TransferCoding),
        }
    }

    /// HTTP/1.1 without `Connection: close`. HTTP/1.0 connections are not worth keeping.
    fn keeps_connection(&self) -> bool {
        let closes = |value: &Bytes| {
            value.split(|byte| *byte == b',').any(|option| option.trim_ascii().eq_ignore_ascii_case(b"close"))
        };
        self.is_http_11 && !self.head.header_all("connection").any(closes)
    }
}
