//! What the pure transforms cost per byte: a file into each kind of body, and a form taken apart.
//!
//! `cargo bench -p tidegate-benches`. They bound what the gateway could reach without a kernel below it.

use std::hint::black_box;

use benches::drive;
use bytes::Bytes;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use wire::envelope::{Encoding, Envelope, EnvelopeWriter};
use wire::form::{Boundary, FormEvent, FormLimits, FormParser, FormWriter};

/// Of one file: enough that what is done once does not show, little enough to stay in a cache.
const FILE_LEN: usize = 4 * 1024 * 1024;

/// Of one chunk: what a busy connection's buffer gives, and what a slow one does.
const CHUNK_LENS: [usize; 2] = [256 * 1024, 4 * 1024];

criterion_group!(wire, into_bodies, out_of_a_form);
criterion_main!(wire);

fn into_bodies(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("into a body");
    group.throughput(Throughput::Bytes(FILE_LEN as u64));
    let json = Envelope {
        prefix: Bytes::from_static(b"{\"name\":\"a.png\",\"data\":\""),
        encoding: Encoding::Base64,
        suffix: Bytes::from_static(b"\"}"),
    };
    for (name, envelope) in [("raw", Envelope::raw()), ("form", form_envelope()), ("base64 JSON", json)] {
        let body_len = envelope.body_len(FILE_LEN as u64).expect("it fits");
        for chunk_len in CHUNK_LENS {
            let chunks = chunks(&file(), chunk_len);
            group.bench_function(BenchmarkId::new(name, chunk_len), |bencher| {
                bencher.iter(|| {
                    let mut writer = envelope.open(Some(FILE_LEN as u64)).expect("it fits");
                    let written = drive(&mut writer, &chunks, EnvelopeWriter::release).expect("the length is right");
                    assert_eq!(written, body_len);
                });
            });
        }
    }
    group.finish();
}

fn out_of_a_form(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("out of a form");
    group.throughput(Throughput::Bytes(FILE_LEN as u64));
    let written = FormWriter::new(boundary()).file("file", Some("a.bin"), None).and_then(FormWriter::finish);
    let form = written.expect("a form with a file");
    // Where every line could begin the boundary, the parser has the most to do.
    let lines: Bytes = b"\r\n--bench".iter().copied().cycle().take(FILE_LEN).collect();
    for (name, content) in [("random", file()), ("near boundaries", lines)] {
        let whole: Bytes = [form.envelope.prefix.clone(), content, form.envelope.suffix.clone()].concat().into();
        for chunk_len in CHUNK_LENS {
            let chunks = chunks(&whole, chunk_len);
            group.bench_function(BenchmarkId::new(name, chunk_len), |bencher| {
                bencher.iter(|| assert_eq!(file_bytes(&form.content_type, &chunks), FILE_LEN));
            });
        }
    }
    group.finish();
}

/// Bytes of the file in a form.
fn file_bytes(content_type: &str, chunks: &[Bytes]) -> usize {
    let mut parser = FormParser::new(content_type, FormLimits::default()).expect("a form");
    let mut len = 0;
    for chunk in chunks {
        parser.push(chunk.clone());
        while let Some(event) = parser.next_event().expect("it is well-formed") {
            if let FormEvent::FileData(data) = event {
                len += black_box(data).len();
            }
        }
    }
    parser.finish().expect("it is complete");
    len
}

fn form_envelope() -> Envelope {
    let form = FormWriter::new(boundary()).field("key", None, b"uploads/a.bin");
    let form = form.and_then(|form| form.file("file", Some("a.bin"), Some("application/octet-stream")));
    form.and_then(FormWriter::finish).expect("a form with a file").envelope
}

fn boundary() -> Boundary {
    Boundary::parse("bench-d41d8cd98f00b204").expect("it is valid")
}

/// Random-looking bytes.
fn file() -> Bytes {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    std::iter::repeat_with(&mut next).take(FILE_LEN / 8).flatten().collect()
}

fn chunks(bytes: &Bytes, len: usize) -> Vec<Bytes> {
    let mut rest = bytes.clone();
    std::iter::from_fn(|| (!rest.is_empty()).then(|| rest.split_to(len.min(rest.len())))).collect()
}
