//! The chunked transfer coding. The input is a coded body and whatever follows it.

use bytes::{Bytes, BytesMut};
use wire::http1::chunked::{ChunkError, ChunkedDecoder, LAST_CHUNK, frame};

use crate::chunks::cuts;

/// What a decoder made of an input.
#[derive(Debug, PartialEq, Eq)]
struct Decoded {
    content: Vec<u8>,
    trailers: Vec<u8>,
    /// Bytes behind the body, if it is complete.
    rest: Option<Vec<u8>>,
    error: Option<ChunkError>,
}

/// Decoding does not hang on the cuts, takes what RFC 9112 (section 7.1) says and nothing else, never gives more than came,
/// and undoes the encoding.
pub fn chunked(input: &[u8]) {
    let [whole, single, pieces] = cuts(input).map(|chunks| decode(&chunks));
    assert_eq!(whole, single, "byte by byte");
    assert_eq!(whole, pieces, "in pieces");
    assert!(whole.content.len() <= input.len() && whole.trailers.len() <= input.len());
    let strict = strictly(input);
    if let Some(rest) = &whole.rest {
        assert_eq!(strict, Some((whole.content.clone(), input.len() - rest.len())), "as a strict reader takes it");
    } else {
        assert_eq!(strict.filter(|_| whole.error.is_none()), None, "a strict reader needs more, too");
    }
    check_round_trip(input);
}

fn decode(chunks: &[Bytes]) -> Decoded {
    let mut decoder = ChunkedDecoder::new();
    let mut buffer = BytesMut::new();
    let mut decoded = Decoded { content: Vec::new(), trailers: Vec::new(), rest: None, error: None };
    for chunk in chunks {
        buffer.extend_from_slice(chunk);
        loop {
            match decoder.decode(&mut buffer) {
                Ok(Some(data)) => {
                    assert!(!data.is_empty(), "no piece is empty");
                    decoded.content.extend_from_slice(&data);
                }
                Ok(None) => break,
                Err(error) => {
                    decoded.error = Some(error);
                    return decoded;
                }
            }
        }
        assert!(decoder.is_complete() || buffer.is_empty(), "nothing is left lying");
    }
    decoded.trailers = decoder.trailers().to_vec();
    decoded.rest = decoder.is_complete().then(|| buffer.to_vec());
    decoded
}

/// The content of a body and its coded length, by a reader that has it whole and knows no bounds.
pub(crate) fn strictly(input: &[u8]) -> Option<(Vec<u8>, usize)> {
    let mut content = Vec::new();
    let mut at = 0;
    loop {
        let line = line(input, at)?;
        at += line.len() + 2;
        let digits = line.split(|byte| *byte == b';').next().unwrap_or_default();
        let is_hex = !digits.is_empty() && digits.iter().all(u8::is_ascii_hexdigit);
        let size = is_hex.then(|| u64::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()).flatten()?;
        if size == 0 {
            break;
        }
        let end = at.checked_add(usize::try_from(size).ok()?)?;
        content.extend_from_slice(input.get(at..end)?);
        (input.get(end..end.checked_add(2)?)? == b"\r\n").then_some(())?;
        at = end + 2;
    }
    loop {
        let line = line(input, at)?;
        at += line.len() + 2;
        if line.is_empty() {
            return Some((content, at));
        }
        let name = &line[..line.iter().position(|byte| *byte == b':')?];
        let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
        (!name.is_empty() && name.iter().all(is_name)).then_some(())?;
    }
}

/// A line without its CRLF; none if it has control characters but tabs in it.
fn line(input: &[u8], from: usize) -> Option<&[u8]> {
    let rest = input.get(from..)?;
    let line = &rest[..rest.iter().position(|byte| *byte == b'\r')?];
    let is_sound = line.iter().all(|byte| *byte == b'\t' || !byte.is_ascii_control());
    (is_sound && rest.get(line.len() + 1) == Some(&b'\n')).then_some(line)
}

fn check_round_trip(content: &[u8]) {
    for chunks in cuts(content) {
        let mut coded: Vec<u8> = chunks.into_iter().filter_map(frame).flatten().flatten().collect();
        coded.extend_from_slice(LAST_CHUNK);
        coded.extend_from_slice(b"next");
        let decoded = decode(&[Bytes::from(coded)]);
        assert_eq!(decoded.content, content, "what was framed comes out");
        assert_eq!((decoded.rest.as_deref(), decoded.error), (Some(b"next".as_slice()), None));
    }
}
