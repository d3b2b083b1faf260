//! HTTP/1.1 on both sides: the gate in front of the server, and what an upstream is told and answers.

use std::fmt::Write as _;
use std::hint::black_box;

use bytes::{Bytes, BytesMut};
use wire::http1::chunked::{ChunkedDecoder, LAST_CHUNK, frame};
use wire::http1::gate::{BodyFollower, HeadLimits, HeadReader};
use wire::http1::{RequestFraming, RequestHead, ResponseDecoder};

use super::{CHUNK_LENS, Case, FILE_LEN, chunks, file};

/// As the main file's defaults say.
const LIMITS: HeadLimits = HeadLimits { bytes: 32 * 1024, line: 16 * 1024, fields: 64, target: 8 * 1024 };

/// What curl sends.
const SMALL_HEAD: &str = "PUT /flowkiwi/media/red%20pixel.png HTTP/1.1\r\nHost: uploads.example.com\r\nUser-Agent: curl/8.5.0\r\nAccept: */*\r\nContent-Type: image/png\r\nContent-Length: 1048576\r\n\r\n";

const ANSWER_HEAD: &str = "HTTP/1.1 201 Created\r\nDate: Tue, 01 Jan 2030 00:00:00 GMT\r\nServer: nginx\r\nContent-Type: application/ld+json; charset=utf-8\r\nConnection: keep-alive\r\nCache-Control: no-cache, private\r\nX-Content-Type-Options: nosniff\r\nLocation: /rest/api/medias/1\r\n";

pub(super) fn cases() -> Vec<Case> {
    let browser = browser_head();
    let mut cases = vec![
        Case::new("gate/head/curl", Some(SMALL_HEAD.len()), || passing(SMALL_HEAD.to_owned())),
        Case::new("gate/head/browser", Some(browser.len()), move || passing(browser.clone())),
        Case::new("request-head/put", None, || writing),
        Case::new("response/json", Some(ANSWER_HEAD.len()), || reading(answer())),
        Case::new("response/chunked", Some(FILE_LEN), || reading(chunked_answer())),
    ];
    for chunk_len in CHUNK_LENS {
        cases.push(Case::new(format!("gate/body-chunked/{chunk_len}"), Some(FILE_LEN), move || following(chunk_len)));
        cases.push(Case::new(format!("chunked-decoder/{chunk_len}"), Some(FILE_LEN), move || decoding(chunk_len)));
    }
    cases
}

/// What a browser behind a proxy sends: a long head.
fn browser_head() -> String {
    let mut head = String::from(
        "POST /kustomer/media?folder=a HTTP/1.1\r\nHost: uploads.example.com\r\nContent-Length: 1048576\r\n",
    );
    for index in 0..20 {
        let _infallible =
            write!(head, "X-Header-{index:02}: {}\r\n", "value of some length; ".repeat(index % 5 + 1).trim_end());
    }
    head.push_str("\r\n");
    head
}

fn passing(head: String) -> impl FnMut() {
    move || {
        let passed = HeadReader::new(LIMITS).read(black_box(head.as_bytes())).expect("it passes");
        assert_eq!(passed.map(|passed| passed.len), Some(head.len()));
    }
}

/// A chunked body, and how it is cut by reads: at other places than its chunks.
fn chunked(chunk_len: usize) -> Bytes {
    let framed = chunks(&file(), chunk_len).into_iter().filter_map(frame).flatten();
    framed.chain([Bytes::from_static(LAST_CHUNK)]).flatten().collect()
}

/// Of one read, in which chunks lie as they come.
const READ_LEN: usize = 64 * 1024;

fn following(chunk_len: usize) -> impl FnMut() {
    let reads = chunks(&chunked(chunk_len), READ_LEN);
    move || {
        let mut follower = BodyFollower::new(RequestFraming::Chunked);
        for read in &reads {
            let mut rest: &[u8] = read;
            while !rest.is_empty() {
                let step = follower.step(black_box(rest)).expect("it is well-formed");
                rest = &rest[step.framing + step.data..];
            }
        }
        assert!(follower.is_complete());
    }
}

fn decoding(chunk_len: usize) -> impl FnMut() {
    let reads = chunks(&chunked(chunk_len), READ_LEN);
    move || {
        let mut decoder = ChunkedDecoder::new();
        let mut len = 0;
        let mut input = BytesMut::with_capacity(READ_LEN * 2);
        for read in &reads {
            input.extend_from_slice(read);
            while let Some(data) = decoder.decode(&mut input).expect("it is well-formed") {
                len += data.len();
            }
        }
        assert!(decoder.is_complete() && len == FILE_LEN);
    }
}

/// The head of a transfer.
fn writing() {
    let headers: [(&str, &[u8]); 6] = [
        ("Host", b"media.s3.eu-central-1.amazonaws.com"),
        ("Content-Type", b"image/png"),
        ("Authorization", b"Bearer 0123456789abcdef0123456789abcdef"),
        ("Accept", b"application/ld+json, application/problem+json"),
        ("X-Flowkiwi-Organization-Id", b"42"),
        ("User-Agent", b"tidegate"),
    ];
    let head = RequestHead {
        method: "PUT",
        target: "/media/5ec4/red%20pixel.png?X-Amz-Expires=300",
        headers: black_box(&headers),
        framing: RequestFraming::Length(FILE_LEN as u64),
    };
    black_box(head.write().expect("it can be written"));
}

fn answer() -> Bytes {
    let body = r#"{"id":1,"contentUrl":"https://cdn.example.com/x"}"#;
    format!("{ANSWER_HEAD}Content-Length: {}\r\n\r\n{body}", body.len()).into()
}

fn chunked_answer() -> Bytes {
    let head = format!("{ANSWER_HEAD}Transfer-Encoding: chunked\r\n\r\n");
    [head.as_bytes(), &chunked(4 * 1024)].concat().into()
}

fn reading(answer: Bytes) -> impl FnMut() {
    move || {
        let mut input = BytesMut::from(answer.as_ref());
        let mut decoder = ResponseDecoder::new("PUT");
        let head = decoder.read_head(&mut input).expect("it is well-formed").expect("it is whole");
        assert_eq!(head.status, 201);
        while let Some(data) = decoder.read_body(&mut input).expect("it is well-formed") {
            black_box(data);
        }
        assert!(decoder.is_complete() && decoder.keep_alive());
    }
}
