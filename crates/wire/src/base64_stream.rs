//! Base64 over a stream (RFC 4648): 0 to 3 bytes are carried from chunk to chunk, the last group is always held back.
//!
//! Whole groups are encoded straight from the chunk into one output buffer, which is used again as soon as its last output was
//! dropped. A chunk is encoded block by block as it is pulled, so a large chunk never meets an equally large image of itself.

use std::mem;
use std::sync::LazyLock;

use base64::engine::{Engine as _, GeneralPurposeConfig};
use bytes::{Bytes, BytesMut};

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
use base64::engine::GeneralPurpose;
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
use base64::engine::Simd;

/// Groups that one output holds at most: 256 KiB of base64, which still fits a second-level cache beside its input.
const BLOCK_GROUPS: usize = 64 * 1024;

/// Bytes of input that make one group of four characters.
const GROUP: usize = 3;

/// The alphabets of RFC 4648 and whether the last group is filled up.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Alphabet {
    Standard,
    UrlPadded,
    Url,
}

#[derive(Debug)]
pub(crate) struct Base64Stream {
    engine: &'static FastEngine,
    /// Bytes that do not fill a group yet, or that fill what may be the last one.
    carry: Vec<u8>,
    pending: Bytes,
    /// The last output; its memory comes back when the consumer has dropped its share.
    spare: Bytes,
}

impl Base64Stream {
    pub(crate) fn new(alphabet: Alphabet) -> Self {
        let carry = Vec::with_capacity(GROUP);
        Self { engine: alphabet.engine(), carry, pending: Bytes::new(), spare: Bytes::new() }
    }

    /// Takes a chunk; everything of the one before must have been pulled.
    pub(crate) fn push(&mut self, chunk: Bytes) {
        debug_assert!(self.pending.is_empty(), "pull before push");
        self.pending = chunk;
    }

    /// The next block of whole groups, never the group that may be the last one.
    pub(crate) fn pull(&mut self) -> Option<Bytes> {
        let available = self.carry.len().saturating_add(self.pending.len());
        let groups = (available.saturating_sub(1) / GROUP).min(BLOCK_GROUPS);
        if groups == 0 {
            self.carry.extend_from_slice(&mem::take(&mut self.pending));
            return None;
        }
        let mut output = self.output_buffer(groups.saturating_mul(4));
        let mut input_len = groups.saturating_mul(GROUP);
        let mut rest: &mut [u8] = &mut output;
        if !self.carry.is_empty() {
            let fill = GROUP.saturating_sub(self.carry.len());
            self.carry.extend_from_slice(&self.pending.split_to(fill));
            rest = encode_into(self.engine, &self.carry, rest);
            self.carry.clear();
            input_len = input_len.saturating_sub(GROUP);
        }
        encode_into(self.engine, &self.pending.split_to(input_len), rest);
        let output = output.freeze();
        self.spare = output.clone();
        Some(output)
    }

    /// The last group, 1 to 3 bytes encoded and filled up; `None` after an empty file or a second call.
    pub(crate) fn take_last_group(&mut self) -> Option<Bytes> {
        debug_assert!(self.pending.is_empty(), "pull before the last group");
        let carry = mem::take(&mut self.carry);
        if carry.is_empty() { None } else { Some(Bytes::from(self.engine.encode(carry))) }
    }

    fn output_buffer(&mut self, len: usize) -> BytesMut {
        match mem::take(&mut self.spare).try_into_mut() {
            Ok(mut buffer) => {
                buffer.resize(len, 0);
                buffer
            }
            Err(_still_read) => BytesMut::zeroed(len),
        }
    }
}

/// Encodes whole groups and returns what is left of the output.
fn encode_into<'a>(engine: &FastEngine, groups: &[u8], output: &'a mut [u8]) -> &'a mut [u8] {
    let (here, rest) = output.split_at_mut((groups.len() / GROUP).saturating_mul(4));
    engine.encode_slice(groups, here).expect("whole groups take four characters each, as just split off");
    rest
}

#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
type FastEngine = Simd;
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
type FastEngine = GeneralPurpose;

impl Alphabet {
    /// Built once: an engine holds its decoding table.
    fn engine(self) -> &'static FastEngine {
        static STANDARD: LazyLock<FastEngine> = LazyLock::new(|| standard(GeneralPurposeConfig::new()));
        static URL_PADDED: LazyLock<FastEngine> = LazyLock::new(|| url_safe(GeneralPurposeConfig::new()));
        static URL: LazyLock<FastEngine> =
            LazyLock::new(|| url_safe(GeneralPurposeConfig::new().with_encode_padding(false)));
        match self {
            Self::Standard => &STANDARD,
            Self::UrlPadded => &URL_PADDED,
            Self::Url => &URL,
        }
    }
}

#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
fn standard(config: GeneralPurposeConfig) -> FastEngine {
    Simd::standard(config)
}
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
fn url_safe(config: GeneralPurposeConfig) -> FastEngine {
    Simd::url_safe(config)
}
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn standard(config: GeneralPurposeConfig) -> FastEngine {
    GeneralPurpose::new(&base64::alphabet::STANDARD, config)
}
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn url_safe(config: GeneralPurposeConfig) -> FastEngine {
    GeneralPurpose::new(&base64::alphabet::URL_SAFE, config)
}
