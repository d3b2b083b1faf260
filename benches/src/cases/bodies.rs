//! A file into each kind of body.

use bytes::Bytes;
use wire::envelope::{Encoding, Envelope, EnvelopeWriter};
use wire::form::{Boundary, FormWriter};
use wire::http1::chunked::{LAST_CHUNK, frame};

use super::{CHUNK_LENS, Case, FILE_LEN, chunks, file};
use crate::drive;

pub(super) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for chunk_len in CHUNK_LENS {
        for (name, envelope) in [
            ("raw", Envelope::raw as fn() -> Envelope),
            ("form", form),
            ("base64-json", json),
            ("base64url", base64url),
        ] {
            cases.push(Case::new(format!("body/{name}/{chunk_len}"), Some(FILE_LEN), move || {
                writing(&envelope(), chunk_len)
            }));
        }
        cases.push(Case::new(format!("body/chunked/{chunk_len}"), Some(FILE_LEN), move || framing(chunk_len)));
    }
    cases
}

fn writing(envelope: &Envelope, chunk_len: usize) -> impl FnMut() + use<> {
    let (envelope, chunks) = (envelope.clone(), chunks(&file(), chunk_len));
    let body_len = envelope.body_len(FILE_LEN as u64).expect("it fits");
    move || {
        let mut writer = envelope.open(Some(FILE_LEN as u64)).expect("it fits");
        let written = drive(&mut writer, &chunks, EnvelopeWriter::release).expect("the length is right");
        assert_eq!(written, body_len);
    }
}

/// The chunked coding, as a body of unknown size is sent.
fn framing(chunk_len: usize) -> impl FnMut() {
    let chunks = chunks(&file(), chunk_len);
    move || {
        let framed = chunks.iter().cloned().filter_map(frame).flatten();
        let written = framed.map(|bytes| bytes.len()).sum::<usize>() + LAST_CHUNK.len();
        assert!(written > FILE_LEN);
    }
}

fn form() -> Envelope {
    let form = FormWriter::new(boundary()).field("key", None, b"uploads/a.bin");
    let form = form.and_then(|form| form.file("file", Some("a.bin"), Some("application/octet-stream")));
    form.and_then(FormWriter::finish).expect("a form with a file").envelope
}

fn json() -> Envelope {
    Envelope {
        prefix: Bytes::from_static(b"{\"name\":\"a.png\",\"data\":\""),
        encoding: Encoding::Base64,
        suffix: Bytes::from_static(b"\"}"),
    }
}

fn base64url() -> Envelope {
    Envelope { encoding: Encoding::Base64Url { padding: false }, ..json() }
}

pub(super) fn boundary() -> Boundary {
    Boundary::parse("bench-d41d8cd98f00b204").expect("it is valid")
}
