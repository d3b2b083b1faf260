//! Envelopes: exact lengths, base64 against the `base64` crate, and the commit gate.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE, URL_SAFE_NO_PAD};
use bytes::Bytes;
use proptest::prelude::*;
use wire::envelope::{Encoding, Envelope, EnvelopeWriter, LengthError};
use wire::transform::Transform;

use crate::chunking;

const ENCODINGS: [Encoding; 4] = [
    Encoding::Identity,
    Encoding::Base64,
    Encoding::Base64Url { padding: true },
    Encoding::Base64Url { padding: false },
];

fn envelope(encoding: Encoding) -> Envelope {
    Envelope { prefix: Bytes::from_static(b"{\"data\":\""), encoding, suffix: Bytes::from_static(b"\"}") }
}

fn encoded(encoding: Encoding, file: &[u8]) -> Vec<u8> {
    match encoding {
        Encoding::Identity => file.to_vec(),
        Encoding::Base64 => STANDARD.encode(file).into_bytes(),
        Encoding::Base64Url { padding: true } => URL_SAFE.encode(file).into_bytes(),
        Encoding::Base64Url { padding: false } => URL_SAFE_NO_PAD.encode(file).into_bytes(),
    }
}

fn whole(envelope: &Envelope, file: &[u8]) -> Vec<u8> {
    [&envelope.prefix[..], &encoded(envelope.encoding, file), &envelope.suffix].concat()
}

fn drain(writer: &mut EnvelopeWriter) -> Vec<u8> {
    let mut output = Vec::new();
    while let Some(piece) = writer.pull() {
        assert!(!piece.is_empty(), "an empty piece says nothing");
        output.extend_from_slice(&piece);
    }
    output
}

/// What leaves before and after the release.
fn write(envelope: &Envelope, chunks: Vec<Bytes>, announced: Option<u64>) -> (Vec<u8>, Vec<u8>) {
    let mut writer = envelope.open(announced).expect("a small body");
    let total = writer.output_len();
    let mut before = drain(&mut writer);
    for chunk in chunks {
        writer.push(chunk).expect("as announced");
        before.extend(drain(&mut writer));
    }
    writer.finish().expect("as announced");
    before.extend(drain(&mut writer));
    if let Some(total) = total {
        assert_eq!(writer.output_len(), Some(total - before.len() as u64), "the length is counted down");
    }
    writer.release();
    let after = drain(&mut writer);
    if total.is_some() {
        assert_eq!(writer.output_len(), Some(0));
    }
    (before, after)
}

/// The bytes that must not leave before the release.
fn withheld(envelope: &Envelope, file: &[u8]) -> usize {
    let group = match (envelope.encoding, file.len()) {
        (_, 0) => return whole(envelope, file).len(),
        (Encoding::Identity, _) => 1,
        (Encoding::Base64Url { padding: false }, len) if len % 3 != 0 => len % 3 + 1,
        _ => 4,
    };
    group + envelope.suffix.len()
}

fn assert_gate_and_bytes(envelope: &Envelope, file: &[u8], chunks: Vec<Bytes>, announced: Option<u64>) {
    let (before, after) = write(envelope, chunks, announced);
    let expected = whole(envelope, file);
    assert_eq!(after.len(), withheld(envelope, file), "the tail, and nothing but the tail, is withheld");
    assert_eq!([before, after].concat(), expected);
    assert_eq!(envelope.body_len(file.len() as u64), Some(expected.len() as u64));
}

#[test]
fn writes_every_small_size_in_chunks_of_every_size() {
    for encoding in ENCODINGS {
        for len in 0..32_u8 {
            let file: Vec<u8> = (0..len).map(|byte| byte.wrapping_mul(37)).collect();
            for announced in [Some(u64::from(len)), None] {
                for size in [1, 2, 3, 4, 5, 31] {
                    let chunks = chunking::in_chunks_of(size, &file);
                    assert_gate_and_bytes(&envelope(encoding), &file, chunks, announced);
                }
            }
        }
    }
}

#[test]
fn writes_files_longer_than_a_block_of_base64() {
    let file: Vec<u8> = (0..500_001_u32).map(|index| index.wrapping_mul(2_654_435_761).to_be_bytes()[0]).collect();
    for encoding in ENCODINGS {
        for size in [1_000, 65_536, 500_001] {
            let chunks = chunking::in_chunks_of(size, &file);
            assert_gate_and_bytes(&envelope(encoding), &file, chunks, Some(file.len() as u64));
        }
    }
}

proptest! {
    #![proptest_config(chunking::seeded(256))]

    #[test]
    fn writes_any_file_in_any_chunking(
        file in proptest::collection::vec(any::<u8>(), 0..300),
        sizes in chunking::sizes(),
        index in 0_usize..4,
        is_announced: bool,
        prefix in proptest::collection::vec(any::<u8>(), 0..9),
        suffix in proptest::collection::vec(any::<u8>(), 0..9),
    ) {
        let envelope = Envelope { prefix: prefix.into(), encoding: ENCODINGS[index], suffix: suffix.into() };
        let announced = is_announced.then_some(file.len() as u64);
        assert_gate_and_bytes(&envelope, &file, chunking::by_sizes(&file, &sizes), announced);
    }

    #[test]
    fn before_release_no_prefix_of_the_output_is_a_complete_body(
        file in proptest::collection::vec(any::<u8>(), 0..100),
        sizes in chunking::sizes(),
        index in 0_usize..4,
    ) {
        let envelope = envelope(ENCODINGS[index]);
        let complete = envelope.body_len(file.len() as u64).expect("small");
        let (before, _) = write(&envelope, chunking::by_sizes(&file, &sizes), Some(file.len() as u64));
        prop_assert!((before.len() as u64) < complete);
        prop_assert!(!before.ends_with(&envelope.suffix) || before.len() < envelope.prefix.len());
    }
}

#[test]
fn sends_nothing_of_an_empty_file_before_release() {
    for encoding in ENCODINGS {
        for announced in [Some(0), None] {
            let (before, after) = write(&envelope(encoding), Vec::new(), announced);
            assert!(before.is_empty());
            assert_eq!(after, b"{\"data\":\"\"}");
        }
    }
    assert_eq!(write(&Envelope::raw(), Vec::new(), Some(0)), (Vec::new(), Vec::new()));
}

#[test]
fn sends_the_prefix_at_once_when_file_bytes_are_announced() {
    let mut writer = envelope(Encoding::Base64).open(Some(5)).expect("small");
    assert_eq!(drain(&mut writer), b"{\"data\":\"");
    let mut writer = envelope(Encoding::Base64).open(None).expect("small");
    assert_eq!(drain(&mut writer), b"");
}

#[test]
fn a_release_before_the_end_opens_nothing() {
    let mut writer = Envelope::raw().open(Some(3)).expect("small");
    writer.release();
    writer.push(Bytes::from_static(b"abc")).expect("as announced");
    assert_eq!(drain(&mut writer), b"ab");
    assert!(!writer.is_released());
}

#[test]
fn a_file_that_runs_over_is_never_completed() {
    for encoding in ENCODINGS {
        let mut writer = envelope(encoding).open(Some(3)).expect("small");
        writer.push(Bytes::from_static(b"ab")).expect("as announced");
        assert_eq!(writer.push(Bytes::from_static(b"cd")), Err(LengthError::TooLong { announced: 3 }));
        assert_eq!(writer.push(Bytes::new()), Err(LengthError::AfterEnd));
        assert_eq!(writer.finish(), Err(LengthError::AfterEnd));
        writer.release();
        let output = drain(&mut writer);
        assert!(output.len() < whole(&envelope(encoding), b"abc").len() - 2, "{output:?}");
    }
}

#[test]
fn a_file_that_ends_early_is_never_completed() {
    for encoding in ENCODINGS {
        let mut writer = envelope(encoding).open(Some(3)).expect("small");
        writer.push(Bytes::from_static(b"ab")).expect("as announced");
        assert_eq!(writer.finish(), Err(LengthError::TooShort { announced: 3, received: 2 }));
        writer.release();
        assert!(!writer.is_released());
        assert!(!drain(&mut writer).ends_with(b"}"));
    }
}

#[test]
fn passes_chunks_on_without_copying_them() {
    let chunk = Bytes::from(vec![7_u8; 1000]);
    let start = chunk.as_ptr();
    let mut writer = Envelope::raw().open(Some(2000)).expect("small");
    writer.push(chunk.clone()).expect("as announced");
    let first = writer.pull().expect("the chunk");
    assert_eq!((first.as_ptr(), first.len()), (start, 1000));
    writer.push(chunk).expect("as announced");
    let second = writer.pull().expect("the chunk but its last byte");
    assert_eq!((second.as_ptr(), second.len()), (start, 999));
}

#[test]
fn uses_the_output_buffer_again_once_the_output_was_dropped() {
    let mut writer = envelope(Encoding::Base64).open(None).expect("no length");
    let mut places = std::collections::HashSet::new();
    // Whatever the writer gave back to the allocator is taken by these.
    let mut greedy = Vec::new();
    for _ in 0..50 {
        writer.push(Bytes::from(vec![1; 3_000])).expect("any length");
        while let Some(piece) = writer.pull() {
            if piece.len() > 100 {
                places.insert(piece.as_ptr());
            }
            let len = piece.len();
            drop(piece);
            greedy.push(vec![0_u8; len]);
        }
    }
    assert!(places.len() <= 3, "{} buffers for 50 chunks", places.len());
}

#[test]
fn keeps_output_intact_while_it_is_still_read() {
    let mut writer = envelope(Encoding::Base64).open(None).expect("no length");
    let mut pieces = Vec::new();
    for byte in 0..20_u8 {
        writer.push(Bytes::from(vec![byte; 300])).expect("any length");
        pieces.extend(std::iter::from_fn(|| writer.pull()));
    }
    writer.finish().expect("any length");
    writer.release();
    pieces.extend(std::iter::from_fn(|| writer.pull()));
    let file: Vec<u8> = (0..20_u8).flat_map(|byte| vec![byte; 300]).collect();
    assert_eq!(pieces.concat(), whole(&envelope(Encoding::Base64), &file));
}

#[test]
fn computes_lengths_without_overflow() {
    assert_eq!(Encoding::Base64.encoded_len(u64::MAX), None);
    assert_eq!(Encoding::Base64Url { padding: false }.encoded_len(u64::MAX), None);
    assert_eq!(Encoding::Identity.encoded_len(u64::MAX), Some(u64::MAX));
    assert_eq!(envelope(Encoding::Identity).body_len(u64::MAX - 5), None);
    let error = envelope(Encoding::Base64).open(Some(u64::MAX)).map(|_| ()).expect_err("too long");
    assert_eq!(error, LengthError::Overflow { file_len: u64::MAX });
    let three_quarters = u64::MAX / 4 * 3;
    assert_eq!(Encoding::Base64.encoded_len(three_quarters), Some(u64::MAX - 3));
}

#[test]
fn transforms_and_parsers_move_between_threads() {
    fn moves<T: Send + 'static>() {}
    moves::<EnvelopeWriter>();
    moves::<wire::form::FormParser>();
    moves::<wire::http1::ResponseDecoder>();
    moves::<wire::digest::Digester>();
}
