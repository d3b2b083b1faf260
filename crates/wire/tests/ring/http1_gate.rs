//! The gate in front of an HTTP/1.1 server: heads are read alike at every split, and bodies are followed to their exact end.

use proptest::prelude::*;
use wire::http1::RequestFraming;
use wire::http1::gate::{BodyError, BodyFollower, HeadLimits, HeadReader, HeadRefusal, PassedHead};

const LIMITS: HeadLimits = HeadLimits { bytes: 2048, line: 512, fields: 8, target: 256 };

fn read(head: &[u8]) -> Result<Option<PassedHead>, HeadRefusal> {
    HeadReader::new(LIMITS).read(head)
}

/// What is said when bytes come one by one.
fn dribbled(head: &[u8]) -> Result<Option<PassedHead>, HeadRefusal> {
    let mut reader = HeadReader::new(LIMITS);
    for len in 1..=head.len() {
        let read = reader.read(&head[..len]);
        if !matches!(read, Ok(None)) {
            return read;
        }
    }
    Ok(None)
}

const HEADS: &[(&str, Result<RequestFraming, HeadRefusal>)] = &[
    ("PUT /a HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n", Ok(RequestFraming::Length(3))),
    ("POST /a HTTP/1.1\r\nHost:a\r\ntransfer-encoding:\tchunked \r\n\r\n", Ok(RequestFraming::Chunked)),
    ("GET / HTTP/1.0\r\n\r\n", Ok(RequestFraming::None)),
    ("\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", Ok(RequestFraming::None)),
    ("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", Ok(RequestFraming::None)),
    ("PUT /a HTTP/1.1\r\nCookie: gr\u{fc}n\r\n\r\n", Ok(RequestFraming::None)),
    ("\r\n\r\nGET / HTTP/1.1\r\n\r\n", Err(HeadRefusal::RequestLine)),
    ("\nGET / HTTP/1.1\r\n\r\n", Err(HeadRefusal::BareLineFeed)),
    ("GET / HTTP/1.1\nHost: a\r\n\r\n", Err(HeadRefusal::BareLineFeed)),
    ("GET / HTTP/1.1\r\nHost: a\n\r\n", Err(HeadRefusal::BareLineFeed)),
    ("GET / HTTP/1.1\r\nHost: a\r\n\n", Err(HeadRefusal::BareLineFeed)),
    ("GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n", Err(HeadRefusal::BareCarriageReturn)),
    ("GET / HTTP/1.1\r\r\nHost: a\r\n\r\n", Err(HeadRefusal::BareCarriageReturn)),
    ("GET / HTTP/1.1\r\nX: a\0b\r\n\r\n", Err(HeadRefusal::ControlCharacter)),
    ("GET / HTTP/1.1\r\nX: a\u{7f}b\r\n\r\n", Err(HeadRefusal::ControlCharacter)),
    ("\u{16}\u{3}\u{1}", Err(HeadRefusal::ControlCharacter)),
    ("GET  / HTTP/1.1\r\n\r\n", Err(HeadRefusal::RequestLine)),
    ("GET / HTTP/1.1 \r\n\r\n", Err(HeadRefusal::RequestLine)),
    (" GET / HTTP/1.1\r\n\r\n", Err(HeadRefusal::RequestLine)),
    ("GET\t/\tHTTP/1.1\r\n\r\n", Err(HeadRefusal::RequestLine)),
    ("GET /\r\n\r\n", Err(HeadRefusal::RequestLine)),
    ("GET\r\n\r\n", Err(HeadRefusal::RequestLine)),
    ("G(T / HTTP/1.1\r\n\r\n", Err(HeadRefusal::Method)),
    ("AVERYLONGMETHODTHATNOBODYHASEVERREGISTERED / HTTP/1.1\r\n\r\n", Err(HeadRefusal::Method)),
    ("CONNECT a:443 HTTP/1.1\r\n\r\n", Err(HeadRefusal::ForbiddenMethod)),
    ("TRACE / HTTP/1.1\r\n\r\n", Err(HeadRefusal::ForbiddenMethod)),
    ("GET /a#b HTTP/1.1\r\n\r\n", Err(HeadRefusal::Target)),
    ("GET / HTTP/1.2\r\n\r\n", Err(HeadRefusal::Version)),
    ("GET / HTTP/01.1\r\n\r\n", Err(HeadRefusal::Version)),
    ("GET / http/1.1\r\n\r\n", Err(HeadRefusal::Version)),
    ("PRI * HTTP/2.0\r\n\r\n", Err(HeadRefusal::Target)),
    ("GET / HTTP/1.1\r\nX\r\n\r\n", Err(HeadRefusal::Field)),
    ("GET / HTTP/1.1\r\n: a\r\n\r\n", Err(HeadRefusal::Field)),
    ("GET / HTTP/1.1\r\nX : a\r\n\r\n", Err(HeadRefusal::Field)),
    ("GET / HTTP/1.1\r\nX\t: a\r\n\r\n", Err(HeadRefusal::Field)),
    ("GET / HTTP/1.1\r\nX\u{e4}: a\r\n\r\n", Err(HeadRefusal::Field)),
    ("GET / HTTP/1.1\r\nHost: a\r\n b\r\n\r\n", Err(HeadRefusal::FoldedField)),
    ("GET / HTTP/1.1\r\n\tHost: a\r\n\r\n", Err(HeadRefusal::FoldedField)),
    ("GET / HTTP/1.1\r\nHost: \u{e4}\r\n\r\n", Err(HeadRefusal::NotAscii)),
    ("PUT / HTTP/1.1\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\n", Err(HeadRefusal::RepeatedContentLength)),
    ("PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n", Err(HeadRefusal::LengthBesideCoding)),
    ("PUT / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", Err(HeadRefusal::CodingInHttp10)),
];

#[test]
fn reads_a_head_alike_whole_and_byte_by_byte() {
    for (head, expected) in HEADS {
        let expected = expected.map(|framing| Some(PassedHead { len: head.len(), framing }));
        assert_eq!(read(head.as_bytes()), expected, "{head:?}");
        assert_eq!(dribbled(head.as_bytes()), expected, "{head:?}, byte by byte");
    }
}

#[test]
fn stops_where_the_head_ends() {
    let head = b"PUT /a HTTP/1.1\r\nContent-Length: 3\r\n\r\n";
    let all = [head.as_slice(), b"abc\n\0GET"].concat();
    assert_eq!(read(&all), Ok(Some(PassedHead { len: head.len(), framing: RequestFraming::Length(3) })));
}

#[test]
fn refuses_at_the_bound_and_does_not_wait_for_more() {
    let target = |len: usize| format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "a".repeat(len - 1));
    assert!(read(target(LIMITS.target).as_bytes()).is_ok());
    assert_eq!(read(target(LIMITS.target + 1).as_bytes()), Err(HeadRefusal::TargetTooLong(LIMITS.target)));
    let endless = format!("GET /{}", "a".repeat(LIMITS.target + 64));
    assert_eq!(read(endless.as_bytes()), Err(HeadRefusal::TargetTooLong(LIMITS.target)));

    let line = |len: usize| format!("GET / HTTP/1.1\r\nX: {}\r\n\r\n", "a".repeat(len - 3));
    assert!(read(line(LIMITS.line).as_bytes()).is_ok());
    assert_eq!(read(line(LIMITS.line + 1).as_bytes()), Err(HeadRefusal::LineTooLong(LIMITS.line)));
    assert_eq!(read(&line(LIMITS.line + 9).as_bytes()[..LIMITS.line + 18]), Err(HeadRefusal::LineTooLong(LIMITS.line)));

    let fields = |count: usize| format!("GET / HTTP/1.1\r\n{}\r\n", "X: a\r\n".repeat(count));
    assert!(read(fields(LIMITS.fields).as_bytes()).is_ok());
    assert_eq!(read(fields(LIMITS.fields + 1).as_bytes()), Err(HeadRefusal::TooManyFields(LIMITS.fields)));

    let whole = |len: usize| {
        let field = format!("X: {}\r\n", "a".repeat(505));
        let fixed = "GET / HTTP/1.1\r\n".len() + 3 * field.len() + "X: \r\n\r\n".len();
        format!("GET / HTTP/1.1\r\n{}X: {}\r\n\r\n", field.repeat(3), "a".repeat(len - fixed))
    };
    assert_eq!(whole(LIMITS.bytes).len(), LIMITS.bytes);
    assert!(read(whole(LIMITS.bytes).as_bytes()).is_ok());
    assert_eq!(read(whole(LIMITS.bytes + 1).as_bytes()), Err(HeadRefusal::HeadTooLong(LIMITS.bytes)));
}

/// Follows `input` in pieces of `piece` bytes; how many bytes were the body's.
fn follow(framing: RequestFraming, input: &[u8], piece: usize) -> Result<(usize, bool), BodyError> {
    let mut follower = BodyFollower::new(framing);
    let mut taken = 0;
    for part in input.chunks(piece) {
        let mut rest = part;
        while let step = follower.step(rest)?
            && step.framing + step.data > 0
        {
            taken += step.framing + step.data;
            rest = &rest[step.framing + step.data..];
        }
    }
    Ok((taken, follower.is_complete()))
}

#[test]
fn follows_a_body_to_its_exact_end_at_every_split() {
    let chunked = b"3\r\nabc\r\n1;x=y\r\nd\r\n0\r\nX-Checksum: 1\r\n\r\n";
    let cases: [(RequestFraming, &[u8]); 3] =
        [(RequestFraming::None, b""), (RequestFraming::Length(5), b"abcde"), (RequestFraming::Chunked, chunked)];
    for (framing, body) in cases {
        let input = [body, b"GET /smuggled HTTP/1.1\r\n\r\n"].concat();
        for piece in 1..=input.len() {
            assert_eq!(follow(framing, &input, piece), Ok((body.len(), true)), "{framing:?} by {piece}");
        }
        if let Some(short) = body.len().checked_sub(1) {
            assert_eq!(follow(framing, &body[..short], 2), Ok((short, false)), "{framing:?}");
        }
    }
}

#[test]
fn refuses_broken_chunks_and_trailers_that_decide() {
    for body in [
        "zz\r\n",
        "-1\r\n",
        "+1\r\n",
        "0x1\r\n",
        " 1\r\n",
        "1 \r\na\r\n",
        "1\na\r\n",
        "1\r\nab\r\n",
        "1\r\na\n0\r\n\r\n",
        "\r\n",
        ";\r\n",
        "11111111111111111\r\n",
        "0\r\nX y: z\r\n\r\n",
        "0\r\n X: y\r\n\r\n",
        "0\r\nX\r\n\r\n",
        "0\r\nX: \0\r\n\r\n",
        "0\n\n",
        "0\r\nContent-Length: 1\r\n\r\n",
        "0\r\nX: y\r\nauthorization: a\r\n\r\n",
        "0\r\nTransfer_Encoding: chunked\r\n\r\n",
    ] {
        for piece in 1..=body.len() {
            assert!(follow(RequestFraming::Chunked, body.as_bytes(), piece).is_err(), "{body:?} by {piece}");
        }
    }
}

#[test]
fn says_how_far_may_be_read() {
    let mut length = BodyFollower::new(RequestFraming::Length(10));
    assert_eq!(length.readable(4), 10);
    length.step(b"abc").expect("it is content");
    assert_eq!((length.readable(4), length.announced_left()), (7, Some(7)));
    let mut chunked = BodyFollower::new(RequestFraming::Chunked);
    assert_eq!(chunked.readable(4), 4);
    chunked.step(b"a\r\nabc").expect("it is a chunk");
    assert_eq!((chunked.readable(4), chunked.announced_left()), (7 + 4, None));
}

proptest! {
    /// Whatever comes, however it is split: the same verdict, and never one that looks past the end of what came.
    #[test]
    fn any_bytes_get_one_verdict(head in "[GETPUH/:abc 01\r\n\t\0.-]{0,80}", whole in any::<bool>()) {
        let bytes = if whole { format!("PUT /a HTTP/1.1\r\n{head}\r\n\r\n") } else { head };
        let verdict = read(bytes.as_bytes());
        prop_assert_eq!(verdict, dribbled(bytes.as_bytes()));
        if let Ok(Some(passed)) = verdict {
            prop_assert!(passed.len <= bytes.len());
            prop_assert!(bytes.as_bytes()[..passed.len].ends_with(b"\r\n\r\n"));
        }
    }

    /// A parser that is used everywhere takes every head that passes, and reads as many fields.
    #[test]
    fn what_passes_is_plain_to_other_parsers(fields in prop::collection::vec(("[A-Za-z-]{1,12}", "[ -~\u{a0}-\u{ff}]{0,20}"), 0..8)) {
        let lines: String = fields.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let head = format!("PUT /a?b=c HTTP/1.1\r\n{lines}\r\n");
        if let Ok(Some(passed)) = read(head.as_bytes()) {
            let mut slots = [httparse::EMPTY_HEADER; 16];
            let mut request = httparse::Request::new(&mut slots);
            prop_assert_eq!(request.parse(head.as_bytes()), Ok(httparse::Status::Complete(passed.len)));
            prop_assert_eq!(request.headers.len(), fields.len());
        }
    }
}
