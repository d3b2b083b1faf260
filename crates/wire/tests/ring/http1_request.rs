//! Request heads and chunk frames.

use bytes::{Bytes, BytesMut};
use proptest::prelude::*;
use wire::http1::chunked::{ChunkError, ChunkedDecoder, LAST_CHUNK, frame};
use wire::http1::{HeadError, RequestFraming, RequestHead};

use crate::chunking;

fn write(method: &str, target: &str, headers: &[(&str, &[u8])], framing: RequestFraming) -> Result<Bytes, HeadError> {
    RequestHead { method, target, headers, framing }.write()
}

#[test]
fn writes_heads_with_each_framing() {
    let headers: [(&str, &[u8]); 2] = [("Host", b"example.com"), ("X-Name", "ü\t1".as_bytes())];
    let head = write("PUT", "/a?b=%20", &headers, RequestFraming::Length(70)).expect("well-formed");
    assert_eq!(head, "PUT /a?b=%20 HTTP/1.1\r\nHost: example.com\r\nX-Name: ü\t1\r\nContent-Length: 70\r\n\r\n");
    let head = write("POST", "/", &headers[..1], RequestFraming::Chunked).expect("well-formed");
    assert_eq!(head, "POST / HTTP/1.1\r\nHost: example.com\r\nTransfer-Encoding: chunked\r\n\r\n");
    let head = write("GET", "/", &headers[..1], RequestFraming::None).expect("well-formed");
    assert_eq!(head, "GET / HTTP/1.1\r\nHost: example.com\r\n\r\n");
    let head = write("POST", "/", &headers[..1], RequestFraming::Length(u64::MAX)).expect("well-formed");
    assert!(head.ends_with(b"Content-Length: 18446744073709551615\r\n\r\n"));
}

#[test]
fn refuses_everything_that_could_break_out_of_its_place() {
    let with = |name: &str, value: &[u8]| write("PUT", "/", &[("Host", b"h"), (name, value)], RequestFraming::None);
    for value in [b"a\r\nX: y".as_slice(), b"a\n", b"a\rb", b"\0", b"\x7f", b"\x1b[0m"] {
        assert_eq!(with("X", value), Err(HeadError::Value("X".to_owned())));
    }
    for name in ["", "a b", "a:", "a\r\n", "ü", "a\0"] {
        assert_eq!(with(name, b"x"), Err(HeadError::Name(name.to_owned())), "{name:?}");
    }
    for target in ["", "/a b", "/\r\nX: y", "/ü", "/\0", "/\t"] {
        assert_eq!(write("PUT", target, &[("Host", b"h")], RequestFraming::None), Err(HeadError::Target), "{target:?}");
    }
    for method in ["", "P T", "PUT\r\n"] {
        assert_eq!(write(method, "/", &[("Host", b"h")], RequestFraming::None), Err(HeadError::Method), "{method:?}");
    }
}

#[test]
fn refuses_ambiguous_hosts_and_framing() {
    assert_eq!(write("PUT", "/", &[], RequestFraming::None), Err(HeadError::Host(0)));
    let two: [(&str, &[u8]); 2] = [("Host", b"a"), ("hOST", b"a")];
    assert_eq!(write("PUT", "/", &two, RequestFraming::None), Err(HeadError::Host(2)));
    for name in ["content-length", "Transfer-Encoding"] {
        let headers: [(&str, &[u8]); 2] = [("Host", b"a"), (name, b"0")];
        assert_eq!(write("PUT", "/", &headers, RequestFraming::Length(0)), Err(HeadError::Framing(name.to_owned())));
    }
}

#[test]
fn an_empty_chunk_is_not_written() {
    assert_eq!(frame(Bytes::new()), None);
    assert_eq!(
        frame(Bytes::from(vec![b'x'; 26])).expect("bytes").concat(),
        [b"1a\r\n", &[b'x'; 26][..], b"\r\n"].concat()
    );
}

fn decode(chunks: Vec<Bytes>) -> Result<(Vec<u8>, bool, Vec<u8>), ChunkError> {
    let (mut decoder, mut input, mut content) = (ChunkedDecoder::new(), BytesMut::new(), Vec::new());
    for chunk in chunks {
        input.extend_from_slice(&chunk);
        while let Some(piece) = decoder.decode(&mut input)? {
            content.extend_from_slice(&piece);
        }
    }
    Ok((content, decoder.is_complete(), input.to_vec()))
}

proptest! {
    #![proptest_config(chunking::seeded(256))]

    #[test]
    fn reads_back_the_chunks_that_it_writes(
        pieces in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..50), 0..6),
        sizes in chunking::sizes(),
    ) {
        let mut body: Vec<u8> = pieces.iter().filter_map(|piece| frame(piece.clone().into())).flatten().flatten().collect();
        body.extend_from_slice(LAST_CHUNK);
        body.extend_from_slice(b"next");
        let (content, is_complete, rest) = decode(chunking::by_sizes(&body, &sizes)).expect("well-formed");
        prop_assert_eq!(content, pieces.concat());
        prop_assert!(is_complete);
        prop_assert_eq!(rest, b"next");
    }
}

#[test]
fn reads_extensions_and_trailers_at_every_split() {
    let body = b"3;a=b;c=\"d\"\r\nabc\r\n0002\r\nde\r\n0;x\r\nX-Sum: 1\r\nY:\r\n\r\n";
    for chunks in chunking::every_split(body).chain([chunking::in_chunks_of(1, body)]) {
        assert_eq!(decode(chunks), Ok((b"abcde".to_vec(), true, Vec::new())));
    }
    let mut decoder = ChunkedDecoder::new();
    decoder.step(b"0\r\nX-Sum: 1\r\n\r\n").expect("well-formed");
    assert_eq!(decoder.trailers(), b"X-Sum: 1\r\n");
}

#[test]
fn refuses_malformed_chunks() {
    let malformed: [(&str, ChunkError); 16] = [
        ("\r\n", ChunkError::Size),
        ("g\r\n", ChunkError::Size),
        ("-1\r\n", ChunkError::Size),
        ("0x1\r\n", ChunkError::Size),
        (" 1\r\n", ChunkError::Size),
        ("1 \r\n", ChunkError::Size),
        (";a\r\n", ChunkError::Size),
        ("1\n", ChunkError::Size),
        ("1;a\nb\r\n", ChunkError::Size),
        ("1\rx", ChunkError::LineEnd),
        ("11111111111111111\r\n", ChunkError::SizeOverflow),
        ("1\r\nab", ChunkError::LineEnd),
        ("1\r\na\n", ChunkError::LineEnd),
        ("0\r\nno field\r\n", ChunkError::Trailer),
        ("0\r\na b: c\r\n", ChunkError::Trailer),
        ("0\r\nX: y\nZ: 1\r\n", ChunkError::Trailer),
    ];
    for (body, error) in malformed {
        for chunks in chunking::every_split(body.as_bytes()) {
            assert_eq!(decode(chunks), Err(error), "{body:?}");
        }
    }
}

#[test]
fn bounds_extensions_over_all_chunks_and_trailers() {
    let tiny = format!("1;{}\r\na\r\n", "x".repeat(100));
    let error = decode(vec![Bytes::from(tiny.repeat(170))]).expect_err("17,000 bytes of extensions");
    assert_eq!(error, ChunkError::Extensions);
    let trailers = format!("0\r\n{}", "X: y\r\n".repeat(2_000));
    assert_eq!(decode(vec![Bytes::from(trailers)]), Err(ChunkError::TrailerTooLong));
}

#[test]
fn follows_framing_without_consuming_it() {
    let mut decoder = ChunkedDecoder::new();
    let step = decoder.step(b"5\r\nabc").expect("well-formed");
    assert_eq!((step.framing, step.data), (3, 3));
    let step = decoder.step(b"de\r\n0\r\n\r\nGET").expect("well-formed");
    assert_eq!((step.framing, step.data), (0, 2));
    let step = decoder.step(b"\r\n0\r\n\r\nGET").expect("well-formed");
    assert_eq!((step.framing, step.data), (7, 0));
    assert!(decoder.is_complete());
    assert_eq!(decoder.step(b"GET").map(|step| (step.framing, step.data)), Ok((0, 0)));
}
