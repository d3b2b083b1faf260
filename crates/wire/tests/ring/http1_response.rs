//! The response decoder.

use bytes::{Bytes, BytesMut};
use proptest::prelude::*;
use wire::http1::{ResponseDecoder, ResponseError, ResponseHead, ResponseLimits};

use crate::chunking;

/// An answer as far as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Answer {
    head: Option<ResponseHead>,
    body: Vec<u8>,
    is_complete: bool,
    keep_alive: bool,
    rest: Vec<u8>,
}

fn read(method: &str, chunks: Vec<Bytes>, closes: bool) -> Result<Answer, ResponseError> {
    let mut decoder = ResponseDecoder::new(method);
    let mut input = BytesMut::new();
    let (mut head, mut body) = (None, Vec::new());
    for chunk in chunks {
        input.extend_from_slice(&chunk);
        head = head.or(decoder.read_head(&mut input)?);
        while let Some(piece) = decoder.read_body(&mut input)? {
            assert!(!piece.is_empty());
            body.extend_from_slice(&piece);
        }
    }
    if closes {
        decoder.end_of_input()?;
    }
    let rest = input.to_vec();
    Ok(Answer { head, body, is_complete: decoder.is_complete(), keep_alive: decoder.keep_alive(), rest })
}

fn read_every_way(method: &str, input: &str, closes: bool) -> Result<Answer, ResponseError> {
    let input = input.as_bytes();
    let whole = read(method, vec![Bytes::copy_from_slice(input)], closes);
    for chunks in chunking::every_split(input).chain([chunking::in_chunks_of(1, input)]) {
        assert_eq!(read(method, chunks.clone(), closes), whole, "{chunks:?}");
    }
    whole
}

fn complete(method: &str, input: &str) -> Answer {
    let answer = read_every_way(method, input, false).expect(input);
    assert!(answer.is_complete && answer.head.is_some(), "{input}");
    answer
}

fn refused(input: &str) -> ResponseError {
    read_every_way("PUT", input, false).expect_err(input)
}

#[test]
fn reads_a_body_with_a_length() {
    let answer =
        complete("PUT", "HTTP/1.1 201 Created\r\nContent-Length: 5\r\nETag:  \"x\" \r\netag: y\r\n\r\nhello!!");
    let head = answer.head.expect("complete");
    assert_eq!(head.status, 201);
    assert_eq!(head.header("etag").map(|value| &value[..]), Some(b"\"x\"".as_slice()));
    assert_eq!(head.header_all("etag").count(), 2);
    assert_eq!(head.header("missing"), None);
    assert_eq!((answer.body.as_slice(), answer.rest.as_slice()), (b"hello".as_slice(), b"!!".as_slice()));
    assert!(answer.keep_alive);
}

#[test]
fn reads_chunks_trailers_and_interim_answers_at_every_split() {
    let input = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n\
        HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nX-Sum: 1\r\n\r\n";
    let answer = complete("PUT", input);
    assert_eq!(answer.body, b"abcde");
    assert!(answer.keep_alive && answer.rest.is_empty());
}

#[test]
fn reads_answers_that_have_no_body() {
    for (method, head) in [
        ("HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"),
        ("HEAD", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
        ("PUT", "HTTP/1.1 204 No Content\r\n\r\n"),
        ("GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n"),
        ("PUT", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
    ] {
        let answer = complete(method, head);
        assert!(answer.body.is_empty() && answer.keep_alive, "{head}");
    }
}

#[test]
fn a_204_that_promises_a_body_ends_its_connection() {
    for framing in ["Content-Length: 5", "Transfer-Encoding: chunked"] {
        let answer = complete("PUT", &format!("HTTP/1.1 204 No Content\r\n{framing}\r\n\r\n"));
        assert!(!answer.keep_alive);
    }
}

#[test]
fn a_body_without_framing_ends_with_its_connection() {
    let input = "HTTP/1.1 200 OK\r\n\r\nhello";
    let open = read_every_way("PUT", input, false).expect("well-formed");
    assert!(!open.is_complete);
    let closed = read_every_way("PUT", input, true).expect("well-formed");
    assert!(closed.is_complete && !closed.keep_alive);
    assert_eq!(closed.body, b"hello");
}

#[test]
fn a_connection_that_ends_early_truncates_the_answer() {
    for input in [
        "",
        "HTTP/1.1 200 OK\r\n",
        "HTTP/1.1 100 Continue\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n",
    ] {
        assert_eq!(read_every_way("PUT", input, true), Err(ResponseError::Truncated), "{input:?}");
    }
}

#[test]
fn keeps_only_connections_that_want_to_be_kept() {
    for (head, keeps) in [
        ("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", false),
        ("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: x, Close\r\n\r\n", false),
        ("HTTP/1.0 200 OK\r\nContent-Length: 0\r\nConnection: keep-alive\r\n\r\n", false),
        ("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: closed\r\n\r\n", true),
    ] {
        assert_eq!(complete("PUT", head).keep_alive, keeps, "{head}");
    }
    let unread = read("PUT", vec![Bytes::from_static(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhe")], false);
    assert!(!unread.expect("well-formed").keep_alive);
}

#[test]
fn refuses_ambiguous_framing() {
    let with = |fields: &str| refused(&format!("HTTP/1.1 200 OK\r\n{fields}\r\n\r\n"));
    for fields in ["Content-Length: 5\r\nTransfer-Encoding: chunked", "Transfer-Encoding: chunked\r\nContent-Length: 0"]
    {
        assert_eq!(with(fields), ResponseError::AmbiguousFraming);
    }
    for value in ["5\r\nContent-Length: 6", "-1", "+5", "5, 5", "5 5", "0x5", "", "18446744073709551616", "5a"] {
        assert_eq!(with(&format!("Content-Length: {value}")), ResponseError::ContentLength, "{value}");
    }
    for value in ["gzip", "gzip, chunked", "chunked, chunked", "identity", "chunked\r\nTransfer-Encoding: chunked", ""]
    {
        assert_eq!(with(&format!("Transfer-Encoding: {value}")), ResponseError::TransferCoding, "{value}");
    }
    assert_eq!(refused("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"), ResponseError::AmbiguousFraming);
    let equal = complete("PUT", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nok");
    assert_eq!(equal.body, b"ok");
}

#[test]
fn refuses_malformed_heads() {
    for input in ["SSH-2.0-OpenSSH", "HTTP/2 200\r\n\r\n", "\r\nHTTP/1.1 200 OK\r\n\r\n", "http/1.1 200 OK\r\n\r\n"] {
        assert_eq!(refused(input), ResponseError::NotHttp, "{input:?}");
    }
    for input in ["HTTP/1.1 200 OK\n\n", "HTTP/1.1 200 OK\r\nA: b\nC: d\r\n\r\n", "HTTP/1.1 200 OK\r\n\n"] {
        assert_eq!(refused(input), ResponseError::BareLineFeed, "{input:?}");
    }
    for head in [
        "HTTP/1.1 2000 OK",
        "HTTP/1.1 099 Low",
        "HTTP/1.7 200 OK",
        "HTTP/1.1 200 OK\r\nA : b",
        "HTTP/1.1 200 OK\r\nA: b\r\n c",
        "HTTP/1.1 200 OK\r\nno field",
        "HTTP/1.1 200 OK\r\nA: \0",
    ] {
        assert_eq!(refused(&format!("{head}\r\n\r\n")), ResponseError::Head, "{head:?}");
    }
}

#[test]
fn refuses_another_protocol_and_floods_of_interim_answers() {
    let switching = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n";
    assert_eq!(refused(switching), ResponseError::SwitchingProtocols);
    let flood = "HTTP/1.1 102 Processing\r\n\r\n".repeat(17);
    assert_eq!(refused(&flood), ResponseError::TooManyInterim(16));
}

#[test]
fn bounds_the_head() {
    let limits = ResponseLimits { head_bytes: 100, fields: 2, interim: 1 };
    let read = |input: &str| {
        let mut decoder = ResponseDecoder::with_limits("PUT", limits);
        let mut buffer = BytesMut::new();
        for byte in input.bytes() {
            buffer.extend_from_slice(&[byte]);
            decoder.read_head(&mut buffer)?;
        }
        Ok(())
    };
    assert_eq!(read(&format!("HTTP/1.1 200 OK\r\nA: {}", "x".repeat(200))), Err(ResponseError::HeadTooLarge(100)));
    assert_eq!(read("HTTP/1.1 200 OK\r\nA: 1\r\nB: 2\r\nC: 3\r\n\r\n"), Err(ResponseError::TooManyFields(2)));
    assert_eq!(read("HTTP/1.1 200 OK\r\nA: 1\r\nB: 2\r\n\r\n"), Ok(()));
}

#[test]
fn malformed_chunks_are_told() {
    let input = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n";
    assert!(matches!(refused(input), ResponseError::Chunk(_)));
}

proptest! {
    #![proptest_config(chunking::seeded(3000))]

    #[test]
    fn reads_the_same_in_every_chunking_whatever_comes(
        pieces in proptest::collection::vec(proptest::sample::select(vec![
            "HTTP/1.1 200 OK\r\n", "HTTP/1.1 100 Continue\r\n\r\n", "HTTP/1.0 404 x\r\n", "Content-Length: 3\r\n",
            "Transfer-Encoding: chunked\r\n", "Connection: close\r\n", "\r\n", "3\r\nabc\r\n", "0\r\n\r\n", "abc", "\r", "\n", "X:",
            "\0", "\r\n\r\n",
        ]), 0..10),
        sizes in chunking::sizes(),
        closes: bool,
        is_head: bool,
    ) {
        let input = format!("HTTP/1.1 {}", pieces.concat()).replacen("HTTP/1.1 HTTP", "HTTP", 1);
        let method = if is_head { "HEAD" } else { "PUT" };
        let whole = read(method, vec![Bytes::from(input.clone())], closes);
        prop_assert_eq!(read(method, chunking::by_sizes(input.as_bytes(), &sizes), closes), whole);
    }
}
