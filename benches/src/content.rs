//! What is uploaded.

use std::sync::Arc;

/// Of the piece of which measured files consist. It fits into the second cache, so that reading it costs the load generator
/// little.
const TILE_LEN: usize = 256 * 1024;

/// A file to upload: a tile, repeated and cut. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Content {
    tile: Arc<[u8]>,
    len: u64,
}

impl Content {
    /// A file that repeats itself: costs the sender little memory traffic. For measurements.
    #[must_use]
    pub fn repeated(len: u64) -> Self {
        Self { tile: noise(TILE_LEN), len }
    }

    /// A file that does not repeat itself, so that bytes swapped, lost or doubled change its digest. For proofs.
    #[must_use]
    pub fn unique(len: usize) -> Self {
        Self { tile: noise(len), len: len as u64 }
    }

    /// In bytes.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether there is nothing in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Its pieces in order.
    pub fn pieces(&self) -> impl Iterator<Item = &[u8]> {
        let mut left = self.len;
        std::iter::from_fn(move || {
            let len = usize::try_from(left).unwrap_or(usize::MAX).min(self.tile.len());
            left -= len as u64;
            self.tile.get(..len).filter(|piece| !piece.is_empty())
        })
    }
}

/// Random-looking bytes, the same each time, of all values.
pub(crate) fn noise(len: usize) -> Arc<[u8]> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    std::iter::repeat_with(&mut next).take(len.div_ceil(8)).flatten().take(len).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_add_up_to_the_length() {
        for len in [0, 1, TILE_LEN as u64, TILE_LEN as u64 + 1, 5 * TILE_LEN as u64 - 1] {
            assert_eq!(Content::repeated(len).pieces().map(<[u8]>::len).sum::<usize>() as u64, len);
        }
        assert_eq!(Content::unique(70_001).pieces().map(<[u8]>::len).collect::<Vec<_>>(), [70_001]);
        assert_eq!(Content::unique(0).pieces().count(), 0);
    }
}
