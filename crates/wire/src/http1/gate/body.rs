//! Following a body to its end, so that the next head is looked for where the body ended and nowhere else.

use super::super::chunked::{ChunkError, ChunkStep, ChunkedDecoder};
use crate::fields::is_forbidden_trailer;
use crate::http1::RequestFraming;
use crate::length;

/// Why a body's framing is refused. The connection is of no further use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// The chunked framing is malformed.
    #[error("the body's chunked framing is malformed: {0}")]
    Chunk(ChunkError),
    /// The trailer section has a field that decides about framing, routing, access or content (RFC 9110 section 6.5.1).
    #[error("the trailer section has a field that must stand in the head")]
    ForbiddenTrailer,
}

/// What the next bytes of a body are: framing first, content right behind it.
pub type BodyStep = ChunkStep;

/// Follows the bytes of one body.
#[derive(Debug)]
pub struct BodyFollower(State);

#[derive(Debug)]
enum State {
    Length(u64),
    Chunked(ChunkedDecoder),
}

impl BodyFollower {
    /// At the beginning of a body with this framing.
    #[must_use]
    pub fn new(framing: RequestFraming) -> Self {
        Self(match framing {
            RequestFraming::None => State::Length(0),
            RequestFraming::Length(len) => State::Length(len),
            RequestFraming::Chunked => State::Chunked(ChunkedDecoder::new()),
        })
    }

    /// Whether the body has ended.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        match &self.0 {
            State::Length(left) => *left == 0,
            State::Chunked(decoder) => decoder.is_complete(),
        }
    }

    /// How many bytes are still to come, where the head announced it; none for chunks, which end where they please.
    #[must_use]
    pub fn announced_left(&self) -> Option<u64> {
        match &self.0 {
            State::Length(left) => Some(*left),
            State::Chunked(_) => None,
        }
    }

    /// How many bytes may be read now so that at most `ahead` of them lie behind the body.
    #[must_use]
    pub fn readable(&self, ahead: usize) -> usize {
        match &self.0 {
            State::Length(left) => length::to_usize(*left),
            State::Chunked(decoder) => length::to_usize(decoder.chunk_left()).saturating_add(ahead),
        }
    }

    /// Looks at the next bytes without consuming them: says what the first of them are. The caller takes those before the next
    /// call. Nothing is taken only when the body is complete or the input is empty.
    ///
    /// # Errors
    /// Whatever [`BodyError`] lists; none of `input` may be used then.
    pub fn step(&mut self, input: &[u8]) -> Result<BodyStep, BodyError> {
        match &mut self.0 {
            State::Length(left) => {
                let data = length::to_usize(*left).min(input.len());
                *left = left.saturating_sub(length::from_usize(data));
                Ok(BodyStep { framing: 0, data })
            }
            State::Chunked(decoder) => {
                let step = decoder.step(input).map_err(BodyError::Chunk)?;
                if decoder.is_complete() && has_forbidden_field(decoder.trailers()) {
                    return Err(BodyError::ForbiddenTrailer);
                }
                Ok(step)
            }
        }
    }
}

fn has_forbidden_field(trailers: &[u8]) -> bool {
    let names = trailers.split(|byte| *byte == b'\n').filter_map(|line| line.split(|byte| *byte == b':').next());
    names.into_iter().any(is_forbidden_trailer)
}
