//! Every upstream body that carries the file is an envelope: `prefix + encode(file) + suffix`.
//!
//! A form, base64 inside JSON and the raw file differ only in these three parts, so there is one writer, one exact length and
//! one commit gate for all. The gate: everything from the last file byte on is withheld until [`EnvelopeWriter::release`], so
//! that an upstream never has a complete message before every proof about the file stands. Without the gate, a client could
//! have a file stored whose digest, length or type it lied about.

use std::collections::VecDeque;
use std::mem;

use bytes::{BufMut, Bytes, BytesMut};

use crate::base64_stream::{Alphabet, Base64Stream};
use crate::length;
use crate::transform::Transform;

/// How the file stands inside the body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// As it is.
    Identity,
    /// RFC 4648 section 4, padded.
    Base64,
    /// RFC 4648 section 5.
    Base64Url {
        /// Whether the last group is filled up with `=`.
        padding: bool,
    },
}

impl Encoding {
    /// The exact length of an encoded file in bytes; `None` when it does not fit 64 bits.
    #[must_use]
    pub fn encoded_len(self, file_len: u64) -> Option<u64> {
        match self {
            Self::Identity => Some(file_len),
            Self::Base64 | Self::Base64Url { padding: true } => file_len.div_ceil(3).checked_mul(4),
            Self::Base64Url { padding: false } => {
                let last_group = match file_len % 3 {
                    0 => 0,
                    rest => rest.checked_add(1)?,
                };
                (file_len / 3).checked_mul(4)?.checked_add(last_group)
            }
        }
    }

    fn alphabet(self) -> Option<Alphabet> {
        match self {
            Self::Identity => None,
            Self::Base64 => Some(Alphabet::Standard),
            Self::Base64Url { padding: true } => Some(Alphabet::UrlPadded),
            Self::Base64Url { padding: false } => Some(Alphabet::Url),
        }
    }
}

/// What stands around the file in a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    /// The bytes before the file.
    pub prefix: Bytes,
    /// How the file is written.
    pub encoding: Encoding,
    /// The bytes after the file.
    pub suffix: Bytes,
}

impl Envelope {
    /// The file alone.
    #[must_use]
    pub fn raw() -> Self {
        Self { prefix: Bytes::new(), encoding: Encoding::Identity, suffix: Bytes::new() }
    }

    /// The exact length of the body in bytes; `None` when it does not fit 64 bits.
    #[must_use]
    pub fn body_len(&self, file_len: u64) -> Option<u64> {
        let around = length::of(&self.prefix).checked_add(length::of(&self.suffix))?;
        self.encoding.encoded_len(file_len)?.checked_add(around)
    }

    /// The transform of one upload. With an announced `file_len`, more or fewer bytes are errors; without one, the body has
    /// no known length either.
    ///
    /// # Errors
    /// [`LengthError::Overflow`] when the body's length does not fit 64 bits.
    pub fn open(&self, file_len: Option<u64>) -> Result<EnvelopeWriter, LengthError> {
        let body_len = match file_len {
            Some(len) => Some(self.body_len(len).ok_or(LengthError::Overflow { file_len: len })?),
            None => None,
        };
        let encoder = match self.encoding.alphabet() {
            None => Encoder::Identity(Identity::default()),
            Some(alphabet) => Encoder::Base64(Base64Stream::new(alphabet)),
        };
        let mut writer = EnvelopeWriter {
            prefix: self.prefix.clone(),
            encoder,
            suffix: self.suffix.clone(),
            ready: VecDeque::new(),
            announced: file_len,
            taken: 0,
            body_left: body_len,
            gate: Gate::Open,
        };
        if file_len.is_some_and(|len| len > 0) {
            writer.begin();
        }
        Ok(writer)
    }
}

/// What was announced and what came do not agree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LengthError {
    /// The file went on after its announced length.
    #[error("the file is longer than the announced {announced} bytes")]
    TooLong {
        /// Bytes that were announced.
        announced: u64,
    },
    /// The file ended early.
    #[error("the file ended after {received} of the announced {announced} bytes")]
    TooShort {
        /// Bytes that were announced.
        announced: u64,
        /// Bytes that came.
        received: u64,
    },
    /// The file or the body around it is longer than 64 bits can count.
    #[error("a body around {file_len} file bytes is too long to count")]
    Overflow {
        /// Bytes of the file.
        file_len: u64,
    },
    /// A chunk came after the end, or after an error.
    #[error("the file was already at its end")]
    AfterEnd,
}

/// The transform that writes one [`Envelope`]. Chunks are split and passed on; only base64 is written into a buffer.
///
/// What [`Transform::pull`] holds back until [`EnvelopeWriter::release`]: the last file byte (for base64 its whole group) and
/// the suffix; for an empty file the prefix as well. Of a file of unknown length the last byte seen is always held back.
#[derive(Debug)]
pub struct EnvelopeWriter {
    /// Empty once it went to `ready`.
    prefix: Bytes,
    encoder: Encoder,
    /// Empty once it was pulled.
    suffix: Bytes,
    ready: VecDeque<Bytes>,
    announced: Option<u64>,
    taken: u64,
    body_left: Option<u64>,
    gate: Gate,
}

#[derive(Debug)]
enum Encoder {
    Identity(Identity),
    Base64(Base64Stream),
}

/// The commit gate, in the order of its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Gate {
    /// File bytes are taken.
    Open,
    /// The file is complete by its own count; the tail is withheld.
    Withholding,
    /// The tail may leave.
    Released,
    /// The lengths disagreed: the tail never leaves.
    Failed,
}

impl EnvelopeWriter {
    /// Lets the withheld bytes go: the commit point. Call it only when every proof about the file stands. It does nothing
    /// before a successful [`Transform::finish`] and after an error, so that no mistake of a caller completes a broken body.
    pub fn release(&mut self) {
        if self.gate == Gate::Withholding {
            self.gate = Gate::Released;
        }
    }

    /// Whether the tail may leave.
    #[must_use]
    pub fn is_released(&self) -> bool {
        self.gate == Gate::Released
    }

    /// File bytes taken so far.
    #[must_use]
    pub fn file_bytes(&self) -> u64 {
        self.taken
    }

    fn begin(&mut self) {
        let prefix = mem::take(&mut self.prefix);
        if !prefix.is_empty() {
            self.ready.push_back(prefix);
        }
    }

    fn count(&mut self, chunk: &Bytes) -> Result<(), LengthError> {
        if self.gate != Gate::Open {
            return Err(LengthError::AfterEnd);
        }
        let sum = self.taken.checked_add(length::of(chunk));
        self.taken = sum.ok_or(LengthError::Overflow { file_len: u64::MAX })?;
        match self.announced {
            Some(announced) if self.taken > announced => Err(LengthError::TooLong { announced }),
            _ => Ok(()),
        }
    }

    /// What stands behind the gate, in order; the prefix is among it only when the file is empty.
    fn pull_withheld(&mut self) -> Option<Bytes> {
        if self.gate != Gate::Released {
            return None;
        }
        if !self.prefix.is_empty() {
            return Some(mem::take(&mut self.prefix));
        }
        let last = match &mut self.encoder {
            Encoder::Identity(identity) => identity.take_held(),
            Encoder::Base64(stream) => stream.take_last_group(),
        };
        last.or_else(|| Some(mem::take(&mut self.suffix)).filter(|suffix| !suffix.is_empty()))
    }
}

impl Transform for EnvelopeWriter {
    type Error = LengthError;

    fn push(&mut self, chunk: Bytes) -> Result<(), LengthError> {
        if let Err(error) = self.count(&chunk) {
            self.gate = Gate::Failed;
            return Err(error);
        }
        if chunk.is_empty() {
            return Ok(());
        }
        self.begin();
        let may_be_last = self.announced.is_none_or(|announced| announced == self.taken);
        match &mut self.encoder {
            Encoder::Identity(identity) => identity.push(chunk, may_be_last, &mut self.ready),
            Encoder::Base64(stream) => {
                // Nothing to do for callers that pull before they push.
                self.ready.extend(std::iter::from_fn(|| stream.pull()));
                stream.push(chunk);
            }
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<(), LengthError> {
        if self.gate != Gate::Open {
            return Err(LengthError::AfterEnd);
        }
        if let Some(announced) = self.announced.filter(|announced| *announced != self.taken) {
            self.gate = Gate::Failed;
            return Err(LengthError::TooShort { announced, received: self.taken });
        }
        self.gate = Gate::Withholding;
        Ok(())
    }

    fn pull(&mut self) -> Option<Bytes> {
        let output = self
            .ready
            .pop_front()
            .or_else(|| match &mut self.encoder {
                Encoder::Identity(_) => None,
                Encoder::Base64(stream) => stream.pull(),
            })
            .or_else(|| self.pull_withheld())?;
        self.body_left = self.body_left.map(|left| left.saturating_sub(length::of(&output)));
        Some(output)
    }

    fn output_len(&self) -> Option<u64> {
        self.body_left
    }
}

/// The identity encoding: only the byte that may be the last one is taken out of its chunk. It is copied, because a slice of
/// one byte would keep a whole read buffer alive while the proofs are awaited.
#[derive(Debug, Default)]
struct Identity {
    held: Option<u8>,
    /// Where held bytes are written when they leave; one allocation serves many.
    scratch: BytesMut,
}

/// How many held bytes share one allocation.
const HELD_BLOCK: usize = 64;

impl Identity {
    fn push(&mut self, mut chunk: Bytes, may_be_last: bool, ready: &mut VecDeque<Bytes>) {
        ready.extend(self.take_held());
        if may_be_last {
            self.held = chunk.last().copied();
            chunk.truncate(chunk.len().saturating_sub(1));
        }
        if !chunk.is_empty() {
            ready.push_back(chunk);
        }
    }

    fn take_held(&mut self) -> Option<Bytes> {
        let byte = self.held.take()?;
        if self.scratch.capacity() == 0 {
            self.scratch.reserve(HELD_BLOCK);
        }
        self.scratch.put_u8(byte);
        Some(self.scratch.split().freeze())
    }
}
