//! The gate in front of the HTTP/1 server. The input is what a client sends on one connection.

use bytes::Bytes;
use wire::http1::RequestFraming;
use wire::http1::gate::{BodyError, BodyFollower, HeadLimits, HeadReader, HeadRefusal};

use crate::chunked::strictly;
use crate::chunks::cuts;

/// The gateway's own defaults.
const USUAL: HeadLimits = HeadLimits { bytes: 32 * 1024, line: 16 * 1024, fields: 64, target: 8 * 1024 };

/// Bounds that short inputs can reach.
const TIGHT: HeadLimits = HeadLimits { bytes: 200, line: 80, fields: 4, target: 40 };

/// One request of a connection.
#[derive(Debug, PartialEq, Eq)]
struct Message {
    head: Vec<u8>,
    framing: RequestFraming,
    /// Its coded bytes, framing included.
    body: Vec<u8>,
    is_whole: bool,
}

/// How a connection went.
#[derive(Debug, PartialEq, Eq)]
struct Connection {
    messages: Vec<Message>,
    refusal: Option<HeadRefusal>,
    body_error: Option<BodyError>,
}

/// A connection is the same requests however it is cut; each head that passes is one that the server behind the gate reads
/// to the same end and with the same framing, in RFC 9112's strictest reading; each body ends where a reader that has all of
/// it says.
pub fn head_gate(input: &[u8]) {
    for limits in [USUAL, TIGHT] {
        let [whole, single, pieces] = cuts(input).map(|chunks| read(&chunks, limits));
        assert_eq!(whole, single, "byte by byte");
        assert_eq!(whole, pieces, "in pieces");
        let mut consumed = 0;
        for message in &whole.messages {
            check_head(message, limits);
            consumed += message.head.len();
            check_body(message, &input[consumed..], whole.body_error.is_some());
            consumed += message.body.len();
        }
    }
}

fn read(chunks: &[Bytes], limits: HeadLimits) -> Connection {
    let mut connection = Connection { messages: Vec::new(), refusal: None, body_error: None };
    let mut reader = HeadReader::new(limits);
    let mut head = Vec::new();
    let mut follower: Option<BodyFollower> = None;
    for chunk in chunks {
        let mut rest = chunk.as_ref();
        loop {
            if let (Some(body), Some(message)) = (&mut follower, connection.messages.last_mut()) {
                match body.step(rest) {
                    Ok(step) => {
                        let taken = step.framing + step.data;
                        message.body.extend_from_slice(&rest[..taken]);
                        message.is_whole = body.is_complete();
                        rest = &rest[taken..];
                        if !message.is_whole && !rest.is_empty() {
                            assert!(taken > 0, "a body that goes on takes all that came");
                            continue;
                        }
                    }
                    Err(error) => {
                        // How much of a broken body went before its fault hangs on the cuts.
                        message.body.clear();
                        connection.body_error = Some(error);
                        return connection;
                    }
                }
                if !body.is_complete() {
                    assert!(rest.is_empty(), "a body that goes on takes all that came");
                    break;
                }
                follower = None;
                reader = HeadReader::new(limits);
                head.clear();
            }
            if rest.is_empty() {
                break;
            }
            let before = head.len();
            head.extend_from_slice(rest);
            match reader.read(&head) {
                Ok(None) => break,
                Ok(Some(passed)) => {
                    let is_whole = BodyFollower::new(passed.framing).is_complete();
                    let head = head[..passed.len].to_vec();
                    connection.messages.push(Message { head, framing: passed.framing, body: Vec::new(), is_whole });
                    rest = &rest[passed.len - before..];
                    follower = Some(BodyFollower::new(passed.framing));
                }
                Err(refusal) => {
                    connection.refusal = Some(refusal);
                    return connection;
                }
            }
        }
    }
    connection
}

/// What hyper's parser makes of the head.
fn check_head(message: &Message, limits: HeadLimits) {
    let head = &message.head;
    assert!(head.len() <= limits.bytes && head.ends_with(b"\r\n\r\n"));
    assert!(!head.iter().any(|byte| byte.is_ascii_control() && !b"\r\n\t".contains(byte)), "no control character");
    let line_feeds = head.iter().filter(|byte| **byte == b'\n').count();
    let line_ends = head.windows(2).filter(|pair| pair == b"\r\n").count();
    let returns = head.iter().filter(|byte| **byte == b'\r').count();
    assert!(line_feeds == line_ends && returns == line_ends, "lines end with CRLF");
    let mut fields = vec![httparse::EMPTY_HEADER; limits.fields];
    let mut request = httparse::Request::new(&mut fields);
    let parsed = request.parse(head).expect("the server behind the gate takes it");
    assert_eq!(parsed, httparse::Status::Complete(head.len()), "and sees the same end");
    let method = request.method.unwrap_or_default();
    assert!(!matches!(method, "CONNECT" | "TRACE"));
    assert!(request.path.is_some_and(|target| target.len() <= limits.target && !target.contains('#')));
    let all = |name: &str| -> Vec<&[u8]> {
        let same = |field: &&httparse::Header<'_>| field.name.eq_ignore_ascii_case(name);
        request.headers.iter().filter(same).map(|field| field.value).collect()
    };
    let framing = match (all("content-length").as_slice(), all("transfer-encoding").as_slice()) {
        ([], []) => RequestFraming::None,
        ([], [coding]) if coding.eq_ignore_ascii_case(b"chunked") && request.version == Some(1) => {
            RequestFraming::Chunked
        }
        ([length], []) => {
            let text = std::str::from_utf8(length).expect("digits");
            let number: u64 = text.parse().expect("64 bits");
            assert_eq!(number.to_string(), text, "a length has one spelling");
            RequestFraming::Length(number)
        }
        other => panic!("ambiguous framing passed: {other:?}"),
    };
    assert_eq!(message.framing, framing, "the framing is what the server behind the gate sees");
}

fn check_body(message: &Message, rest: &[u8], is_broken: bool) {
    match message.framing {
        RequestFraming::None => assert!(message.is_whole && message.body.is_empty()),
        RequestFraming::Length(len) => {
            assert_eq!(message.is_whole, message.body.len() as u64 == len);
        }
        RequestFraming::Chunked if message.is_whole => {
            let (_, len) = strictly(rest).expect("a strict reader takes it");
            assert_eq!(message.body.len(), len, "the body ends where a strict reader says");
        }
        RequestFraming::Chunked => assert!(is_broken || strictly(rest).is_none(), "a strict reader needs more, too"),
    }
}
