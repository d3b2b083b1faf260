//! Ways to cut an input. What a stream means must not hang on where the network cut it.

use bytes::Bytes;

/// The input whole, byte by byte, and in pieces whose sizes follow from the input itself, so that a file of the corpus says
/// everything about its case.
pub(crate) fn cuts(input: &[u8]) -> [Vec<Bytes>; 3] {
    let input = Bytes::copy_from_slice(input);
    let single = (0..input.len()).map(|at| input.slice(at..=at)).collect();
    [vec![input.clone()], single, by_sizes(&input)]
}

fn by_sizes(input: &Bytes) -> Vec<Bytes> {
    let mut random = Random::of(input);
    let mut rest = input.clone();
    let mut chunks = Vec::new();
    while !rest.is_empty() {
        let scale = [1, 4, 16, 80, 300][random.below(5)];
        chunks.push(rest.split_to(random.below(scale + 1).min(rest.len())));
    }
    chunks
}

/// Numbers that follow from an input (FNV-1a as the seed, then SplitMix64).
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn of(input: &[u8]) -> Self {
        let mix = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        Self(input.iter().fold(0xcbf2_9ce4_8422_2325, mix))
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`, which must not be zero.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        let bound = u64::try_from(bound).unwrap_or(1);
        usize::try_from(self.next() % bound).unwrap_or_default()
    }
}
