//! A form taken apart, and one written.

use std::hint::black_box;

use bytes::Bytes;
use wire::form::{FormEvent, FormLimits, FormParser, FormWriter};

use super::bodies::boundary;
use super::{CHUNK_LENS, Case, FILE_LEN, chunks, file};

pub(super) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for chunk_len in CHUNK_LENS {
        for (name, content) in [("random", file as fn() -> Bytes), ("near-boundaries", near_boundaries)] {
            let parse = move || parsing(&content(), chunk_len);
            cases.push(Case::new(format!("form-parser/{name}/{chunk_len}"), Some(FILE_LEN), parse));
        }
    }
    cases.push(Case::new("form-writer/policy", None, || writing));
    cases
}

/// Where every line could begin the boundary, the parser has the most to do.
fn near_boundaries() -> Bytes {
    b"\r\n--bench".iter().copied().cycle().take(FILE_LEN).collect()
}

fn parsing(content: &Bytes, chunk_len: usize) -> impl FnMut() + use<> {
    let written = FormWriter::new(boundary()).file("file", Some("a.bin"), None).and_then(FormWriter::finish);
    let form = written.expect("a form with a file");
    let whole: Bytes = [&form.envelope.prefix, content, &form.envelope.suffix].map(AsRef::as_ref).concat().into();
    let (content_type, chunks) = (form.content_type, chunks(&whole, chunk_len));
    move || assert_eq!(file_bytes(&content_type, &chunks), FILE_LEN)
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

/// The fields that a POST policy asks for.
fn writing() {
    const FIELDS: [(&str, &[u8]); 8] = [
        ("key", b"media/5ec4/red-pixel.png"),
        ("acl", b"private"),
        ("Content-Type", b"image/png"),
        ("bucket", b"media-prod1"),
        ("X-Amz-Algorithm", b"AWS4-HMAC-SHA256"),
        ("X-Amz-Credential", b"AKIAIOSFODNN7EXAMPLE/20300101/us-east-1/s3/aws4_request"),
        ("X-Amz-Date", b"20300101T000000Z"),
        ("X-Amz-Signature", b"5d41402abc4b2a76b9719d911017c5925d41402abc4b2a76b9719d911017c592"),
    ];
    let written =
        FIELDS.iter().try_fold(FormWriter::new(boundary()), |form, (name, value)| form.field(name, None, value));
    let written = written.and_then(|form| form.file("file", Some("red pixel.png"), Some("image/png")));
    black_box(written.and_then(FormWriter::finish).expect("a form with a file"));
}
