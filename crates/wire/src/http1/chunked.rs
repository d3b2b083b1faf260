//! The chunked transfer coding (RFC 9112 section 7.1), both ways.
//!
//! The decoder is strict where lenience has been used to smuggle requests: no bare LF, no spaces around a size, no more than
//! 64 bits of it, bounded extensions and trailers.

use bytes::{Buf as _, Bytes, BytesMut};

use crate::length;
use crate::text::{is_token, is_value_byte};

/// Ends a chunked body without trailers.
pub const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

/// Frames one chunk: its size line, its bytes, its CRLF. An empty chunk would end the body, so it gives `None`.
#[must_use]
pub fn frame(chunk: Bytes) -> Option<[Bytes; 3]> {
    if chunk.is_empty() {
        return None;
    }
    let size = Bytes::from(format!("{:x}\r\n", chunk.len()));
    Some([size, chunk, Bytes::from_static(b"\r\n")])
}

/// Bytes of chunk extensions in one body. Nobody needs any; unbounded ones make tiny chunks an amplifier.
const MAX_EXTENSION_BYTES: usize = 16 * 1024;

/// Bytes of the trailer section; it holds a checksum or two.
const MAX_TRAILER_BYTES: usize = 8 * 1024;

/// Hexadecimal digits of a chunk size that fit 64 bits.
const MAX_SIZE_DIGITS: u8 = 16;

/// Why a chunked body cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ChunkError {
    /// The size line is no hexadecimal number with optional extensions.
    #[error("a chunk size is malformed")]
    Size,
    /// The size does not fit 64 bits.
    #[error("a chunk size is too large")]
    SizeOverflow,
    /// A line or a chunk does not end with CRLF.
    #[error("a chunk is not followed by CRLF")]
    LineEnd,
    /// More extension bytes than any honest body has.
    #[error("the chunk extensions are too long")]
    Extensions,
    /// The trailer section is malformed.
    #[error("the trailer section is malformed")]
    Trailer,
    /// The trailer section is too long.
    #[error("the trailer section is too long")]
    TrailerTooLong,
}

/// What the next bytes of the input are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChunkStep {
    /// Bytes of framing to skip.
    pub framing: usize,
    /// Bytes of content right behind them.
    pub data: usize,
}

/// Follows the framing of a chunked body.
#[derive(Debug, Default)]
pub struct ChunkedDecoder {
    state: State,
    /// Of the current chunk.
    size: u64,
    digits: u8,
    extension_bytes: usize,
    trailers: Vec<u8>,
    line_start: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum State {
    #[default]
    Size,
    Extension,
    SizeLf,
    Data,
    DataCr,
    DataLf,
    Trailer,
    TrailerLf,
    Done,
}

impl ChunkedDecoder {
    /// A decoder at the beginning of a body.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether the last chunk and the trailers were read.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.state == State::Done
    }

    /// The trailer section read so far: field lines, each with its CRLF.
    #[must_use]
    pub fn trailers(&self) -> &[u8] {
        &self.trailers
    }

    /// Bytes of content that the current chunk still has.
    #[must_use]
    pub fn chunk_left(&self) -> u64 {
        if self.state == State::Data { self.size } else { 0 }
    }

    /// Looks at input without consuming it: says what its first bytes are. The caller skips `framing` and takes or follows
    /// `data` before the next call. Both are zero when the body is complete or the input is empty.
    ///
    /// # Errors
    /// Whatever [`ChunkError`] lists.
    pub fn step(&mut self, input: &[u8]) -> Result<ChunkStep, ChunkError> {
        let mut framing = 0_usize;
        for byte in input {
            if matches!(self.state, State::Data | State::Done) {
                break;
            }
            self.state = self.framing_byte(*byte)?;
            framing = framing.saturating_add(1);
        }
        if self.state != State::Data {
            return Ok(ChunkStep { framing, data: 0 });
        }
        let data = length::to_usize(self.size).min(input.len().saturating_sub(framing));
        self.size = self.size.saturating_sub(length::from_usize(data));
        if self.size == 0 {
            self.state = State::DataCr;
        }
        Ok(ChunkStep { framing, data })
    }

    /// Consumes input up to the next content and returns that; `None` when more input is needed or the body is complete.
    ///
    /// # Errors
    /// Whatever [`ChunkError`] lists.
    pub fn decode(&mut self, input: &mut BytesMut) -> Result<Option<Bytes>, ChunkError> {
        let step = self.step(input)?;
        input.advance(step.framing);
        Ok((step.data > 0).then(|| input.split_to(step.data).freeze()))
    }

    fn framing_byte(&mut self, byte: u8) -> Result<State, ChunkError> {
        match (self.state, byte) {
            (State::Size, _) => self.size_byte(byte),
            (State::Extension, b'\r') => Ok(State::SizeLf),
            (State::Extension, _) => self.extension_byte(byte),
            (State::SizeLf, b'\n') => Ok(self.begin_chunk()),
            (State::DataCr, b'\r') => Ok(State::DataLf),
            (State::DataLf, b'\n') => Ok(State::Size),
            (State::Trailer, _) => self.trailer_byte(byte),
            (State::TrailerLf, b'\n') => self.end_trailer_line(),
            (State::Data | State::Done | State::SizeLf | State::DataCr | State::DataLf | State::TrailerLf, _) => {
                Err(ChunkError::LineEnd)
            }
        }
    }

    fn size_byte(&mut self, byte: u8) -> Result<State, ChunkError> {
        let digit = match byte {
            b'0'..=b'9' => byte.wrapping_sub(b'0'),
            b'a'..=b'f' => byte.wrapping_sub(b'a').wrapping_add(10),
            b'A'..=b'F' => byte.wrapping_sub(b'A').wrapping_add(10),
            b';' if self.digits > 0 => return Ok(State::Extension),
            b'\r' if self.digits > 0 => return Ok(State::SizeLf),
            _ => return Err(ChunkError::Size),
        };
        if self.digits >= MAX_SIZE_DIGITS {
            return Err(ChunkError::SizeOverflow);
        }
        self.digits = self.digits.saturating_add(1);
        self.size = (self.size << 4) | u64::from(digit);
        Ok(State::Size)
    }

    fn extension_byte(&mut self, byte: u8) -> Result<State, ChunkError> {
        if !is_value_byte(byte) {
            return Err(ChunkError::Size);
        }
        self.extension_bytes = self.extension_bytes.saturating_add(1);
        if self.extension_bytes > MAX_EXTENSION_BYTES { Err(ChunkError::Extensions) } else { Ok(State::Extension) }
    }

    fn begin_chunk(&mut self) -> State {
        self.digits = 0;
        if self.size == 0 { State::Trailer } else { State::Data }
    }

    fn trailer_byte(&mut self, byte: u8) -> Result<State, ChunkError> {
        if self.trailers.len() >= MAX_TRAILER_BYTES {
            return Err(ChunkError::TrailerTooLong);
        }
        match byte {
            b'\r' => Ok(State::TrailerLf),
            _ if is_value_byte(byte) => {
                self.trailers.push(byte);
                Ok(State::Trailer)
            }
            _ => Err(ChunkError::Trailer),
        }
    }

    /// An empty line ends the body; any other must be a field (RFC 9112 section 5).
    fn end_trailer_line(&mut self) -> Result<State, ChunkError> {
        let line = self.trailers.get(self.line_start..).unwrap_or_default();
        if line.is_empty() {
            return Ok(State::Done);
        }
        let colon = memchr::memchr(b':', line).ok_or(ChunkError::Trailer)?;
        if !line.get(..colon).is_some_and(is_token) {
            return Err(ChunkError::Trailer);
        }
        self.trailers.extend_from_slice(b"\r\n");
        self.line_start = self.trailers.len();
        Ok(State::Trailer)
    }
}
