//! Ways to cut an input into chunks.

use bytes::Bytes;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

/// Every run tries the same cases: a failure elsewhere is a failure here.
pub(crate) fn seeded(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases,
        rng_seed: RngSeed::Fixed(0x7464_6761_7465),
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

/// The input in two chunks, at every place.
pub(crate) fn every_split(input: &[u8]) -> impl Iterator<Item = Vec<Bytes>> {
    (0..=input.len()).map(|at| {
        let (left, right) = input.split_at(at);
        vec![Bytes::copy_from_slice(left), Bytes::copy_from_slice(right)]
    })
}

/// The input in chunks of one size.
pub(crate) fn in_chunks_of(size: usize, input: &[u8]) -> Vec<Bytes> {
    input.chunks(size).map(Bytes::copy_from_slice).collect()
}

/// The input in chunks whose sizes follow `sizes` in a circle; zero is an empty chunk.
pub(crate) fn by_sizes(input: &[u8], sizes: &[usize]) -> Vec<Bytes> {
    let mut rest = input;
    let mut chunks = Vec::new();
    let mut sizes = sizes.iter().copied().chain([1]).cycle();
    while !rest.is_empty() {
        let (chunk, after) = rest.split_at(sizes.next().unwrap_or(1).min(rest.len()));
        chunks.push(Bytes::copy_from_slice(chunk));
        rest = after;
    }
    chunks
}

/// Sizes for [`by_sizes`].
pub(crate) fn sizes() -> impl Strategy<Value = Vec<usize>> {
    proptest::collection::vec(0_usize..40, 0..12)
}
