//! The reader of upstreams' answers. The input: a byte for the method, one for whether the connection ends, and the bytes
//! that the upstream sent.

use bytes::{Bytes, BytesMut};
use wire::http1::{ResponseDecoder, ResponseError, ResponseHead, ResponseLimits};

use crate::chunks::cuts;
use crate::fields::Fields;

/// Bounds that short inputs can reach.
const TIGHT: ResponseLimits = ResponseLimits { head_bytes: 120, fields: 4, interim: 2 };

/// What a decoder made of an input.
#[derive(Debug, PartialEq, Eq)]
struct Read {
    head: Option<ResponseHead>,
    body: Vec<u8>,
    is_complete: bool,
    keep_alive: bool,
    rest: Vec<u8>,
}

/// An answer reads the same however it is cut, is refused in every cut or in none, and gives no more than came.
pub fn answer_reader(input: &[u8]) {
    let mut fields = Fields::of(input);
    let method = fields.choice(&["GET", "HEAD", "PUT"]);
    let ends = fields.choice(&[false, true]);
    let answer = fields.rest();
    for limits in [ResponseLimits::default(), TIGHT] {
        // Which of two faults is met first hangs on the cuts; that there is one does not.
        let [whole, single, pieces] = cuts(answer).map(|chunks| read(method, limits, &chunks, ends).ok());
        assert_eq!(whole, single, "byte by byte");
        assert_eq!(whole, pieces, "in pieces");
        if let Some(read) = whole {
            check(&read, answer, method, limits);
        }
    }
}

fn read(method: &str, limits: ResponseLimits, chunks: &[Bytes], ends: bool) -> Result<Read, ResponseError> {
    let mut decoder = ResponseDecoder::with_limits(method, limits);
    let mut input = BytesMut::new();
    let mut head = None;
    let mut body = Vec::new();
    for chunk in chunks {
        input.extend_from_slice(chunk);
        if head.is_none() {
            head = decoder.read_head(&mut input)?;
        }
        while let Some(piece) = decoder.read_body(&mut input)? {
            assert!(!piece.is_empty(), "no piece is empty");
            body.extend_from_slice(&piece);
        }
    }
    if ends {
        decoder.end_of_input()?;
        assert!(decoder.is_complete() && !decoder.keep_alive(), "a closed connection is not kept");
    }
    let (is_complete, keep_alive) = (decoder.is_complete(), decoder.keep_alive());
    Ok(Read { head, body, is_complete, keep_alive, rest: input.to_vec() })
}

fn check(read: &Read, answer: &[u8], method: &str, limits: ResponseLimits) {
    assert!(read.body.len() + read.rest.len() <= answer.len(), "nothing is made up");
    assert!(!read.keep_alive || read.is_complete);
    let Some(head) = &read.head else {
        assert!(!read.is_complete && read.body.is_empty(), "a body has a head");
        assert!(read.rest.len() <= limits.head_bytes, "a head without end is not kept");
        return;
    };
    assert!((200..1000).contains(&head.status) && head.headers.len() <= limits.fields);
    for (name, value) in &head.headers {
        assert_eq!(*name, name.to_ascii_lowercase());
        assert!(!value.iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0)), "a value ends before its line does");
    }
    let has_length = head.header("content-length").is_some();
    let lengths: std::collections::BTreeSet<_> = head.header_all("content-length").collect();
    assert!(lengths.iter().all(|len| number(len) == number(lengths.first().expect("there is one"))), "one length");
    assert!(!(has_length && head.header("transfer-encoding").is_some()), "ambiguous framing is refused");
    if method == "HEAD" || matches!(head.status, 204 | 304) {
        assert!(read.body.is_empty() && read.is_complete, "there is no body");
    } else if has_length && read.is_complete {
        let announced = head.header("content-length").and_then(number);
        assert_eq!(announced, Some(read.body.len() as u64), "the body is as long as announced");
    }
}

fn number(text: &Bytes) -> Option<u64> {
    std::str::from_utf8(text).ok()?.parse().ok()
}
