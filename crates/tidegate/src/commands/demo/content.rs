//! Files that need no room: their content is a function of their size, made while it is sent.

use bytes::Bytes;
use sha2::{Digest as _, Sha256};

/// Bytes of one chunk.
const CHUNK: usize = 256 * 1024;

/// Random-looking bytes that all chunks are cut from.
const BLOCK: usize = 2 * CHUNK;

/// A prime: chunk after chunk begins at another place of the block, so that one that is lost, doubled or misplaced changes the
/// digest.
const STRIDE: usize = 40_503;

/// A file.
#[derive(Debug, Clone)]
pub(super) struct Content {
    block: Bytes,
    size: u64,
}

impl Content {
    /// The file of that many bytes.
    pub(super) fn new(size: u64) -> Self {
        let mut state = 0x9e37_79b9_7f4a_7c15 ^ size;
        let words = std::iter::repeat_with(|| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_le_bytes()
        });
        Self { block: words.take(BLOCK / 8).flatten().collect(), size }
    }

    /// Its chunks, which share one block of memory.
    pub(super) fn chunks(&self) -> impl Iterator<Item = Bytes> + Send + 'static {
        self.pieces(CHUNK)
    }

    /// The same bytes in pieces of at most `len` bytes.
    pub(super) fn pieces(&self, len: usize) -> impl Iterator<Item = Bytes> + Send + 'static {
        let Self { block, mut size } = self.clone();
        let mut starts = (0..CHUNK).cycle().step_by(STRIDE);
        let chunks = std::iter::from_fn(move || {
            let len = usize::try_from(size).unwrap_or(usize::MAX).min(CHUNK);
            let start = starts.next().filter(|_| len > 0)?;
            size = size.saturating_sub(u64::try_from(len).ok()?);
            Some(block.slice(start..start.checked_add(len)?))
        });
        chunks.flat_map(move |mut chunk| {
            std::iter::from_fn(move || (!chunk.is_empty()).then(|| chunk.split_to(len.min(chunk.len()))))
        })
    }

    /// Its SHA-256.
    pub(super) fn sha256(&self) -> [u8; 32] {
        let mut hash = Sha256::new();
        self.chunks().for_each(|chunk| hash.update(&chunk));
        hash.finalize().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(size: u64, piece: usize) -> Vec<u8> {
        Content::new(size).pieces(piece).flatten().collect()
    }

    #[test]
    fn is_as_long_as_it_says() {
        for size in [0, 1, 70, CHUNK - 1, CHUNK, CHUNK + 1, 5 * CHUNK + 7] {
            assert_eq!(whole(size as u64, CHUNK).len(), size);
        }
    }

    #[test]
    fn is_the_same_in_pieces_of_any_length() {
        let size = 3 * CHUNK as u64 + 11;
        assert_eq!(whole(size, CHUNK), whole(size, 1000));
    }

    #[test]
    fn no_two_chunks_and_no_two_sizes_are_alike() {
        let chunks: Vec<_> = Content::new(20 * CHUNK as u64).chunks().collect();
        for (at, chunk) in chunks.iter().enumerate() {
            assert!(chunks.iter().skip(at + 1).all(|other| other != chunk));
        }
        assert_ne!(Content::new(70).sha256(), Content::new(71).sha256());
    }
}
