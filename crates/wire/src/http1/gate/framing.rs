//! What a head's fields say of where its body ends (RFC 9112 section 6), read in the one way that nobody doubts.

use super::HeadRefusal;
use crate::http1::RequestFraming;
use crate::text::is_token;

/// What the framing fields said so far.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Framing {
    length: Option<u64>,
    chunked: bool,
}

impl Framing {
    /// Notes one field, if it is one that decides about the message; `name` as sent, `value` without white space around it.
    pub(super) fn note(&mut self, name: &[u8], value: &[u8]) -> Result<(), HeadRefusal> {
        if DECIDING.iter().any(|field| name.eq_ignore_ascii_case(field)) && !value.is_ascii() {
            return Err(HeadRefusal::NotAscii);
        }
        if name.eq_ignore_ascii_case(b"content-length") {
            let length = parse_length(value).ok_or(HeadRefusal::ContentLength)?;
            if self.length.replace(length).is_some() {
                return Err(HeadRefusal::RepeatedContentLength);
            }
        }
        if name.eq_ignore_ascii_case(b"transfer-encoding") {
            check_coding(value)?;
            if std::mem::replace(&mut self.chunked, true) {
                return Err(HeadRefusal::AmbiguousCoding);
            }
        }
        Ok(())
    }

    /// The verdict when all fields were seen.
    pub(super) fn settle(self, is_http10: bool) -> Result<RequestFraming, HeadRefusal> {
        match (self.length, self.chunked) {
            (Some(_), true) => Err(HeadRefusal::LengthBesideCoding),
            (None, true) if is_http10 => Err(HeadRefusal::CodingInHttp10),
            (None, true) => Ok(RequestFraming::Chunked),
            (Some(length), false) => Ok(RequestFraming::Length(length)),
            (None, false) => Ok(RequestFraming::None),
        }
    }
}

/// Fields that decide about framing, routing or the connection. In others, bytes beyond ASCII are let through: raw UTF-8 is
/// common in cookies and file names.
const DECIDING: [&[u8]; 8] =
    [b"content-length", b"transfer-encoding", b"host", b"connection", b"expect", b"upgrade", b"te", b"trailer"];

/// HTTP libraries keep the last two numbers of 64 bits for bodies without a length.
const MAX_LENGTH: u64 = u64::MAX - 2;

/// `1*DIGIT` that fits 64 bits, without the leading zeros that some read as octal.
fn parse_length(value: &[u8]) -> Option<u64> {
    let plain = matches!(value, [b'0'] | [b'1'..=b'9', ..]) && value.iter().all(u8::is_ascii_digit);
    let length = if plain { std::str::from_utf8(value).ok()?.parse().ok() } else { None };
    length.filter(|length| *length <= MAX_LENGTH)
}

/// Passes exactly `chunked`. A list of well-formed codings that ends in one `chunked`, or has none, is a coding that is not
/// supported; anything else could be read in two ways.
fn check_coding(value: &[u8]) -> Result<(), HeadRefusal> {
    let is_chunked = |coding: &[u8]| coding.eq_ignore_ascii_case(b"chunked");
    if is_chunked(value) {
        return Ok(());
    }
    let codings: Vec<_> = value.split(|byte| *byte == b',').map(crate::text::trim_ows).collect();
    let (last, before) = codings.split_last().ok_or(HeadRefusal::AmbiguousCoding)?;
    let all_tokens = codings.iter().all(|coding| is_token(coding));
    let chunked_before = before.iter().any(|coding| is_chunked(coding));
    let looks_chunked = |coding: &[u8]| coding.to_ascii_lowercase().windows(CHUNKED.len()).any(|part| part == CHUNKED);
    let disguised = codings.iter().any(|coding| looks_chunked(coding) && !is_chunked(coding));
    if !all_tokens || chunked_before || disguised || last.is_empty() {
        return Err(HeadRefusal::AmbiguousCoding);
    }
    Err(HeadRefusal::UnknownCoding)
}

/// A coding that only looks like this one (`xchunked`) is meant to be taken for it by somebody.
const CHUNKED: &[u8] = b"chunked";

#[cfg(test)]
mod tests {
    use super::*;

    fn of(fields: &[(&str, &str)]) -> Result<RequestFraming, HeadRefusal> {
        let mut framing = Framing::default();
        for (name, value) in fields {
            framing.note(name.as_bytes(), value.as_bytes())?;
        }
        framing.settle(false)
    }

    #[test]
    fn one_length_or_one_chunked_or_nothing() {
        assert_eq!(of(&[]), Ok(RequestFraming::None));
        assert_eq!(of(&[("Content-Length", "0")]), Ok(RequestFraming::Length(0)));
        assert_eq!(of(&[("content-length", "18446744073709551613")]), Ok(RequestFraming::Length(u64::MAX - 2)));
        assert_eq!(of(&[("Transfer-Encoding", "Chunked")]), Ok(RequestFraming::Chunked));
    }

    #[test]
    fn a_length_is_a_plain_number() {
        for value in [
            "",
            "+1",
            "-1",
            "01",
            "00",
            "1 1",
            "1,1",
            "0x1",
            "1.0",
            "1e3",
            "18446744073709551614",
            "18446744073709551615",
            "18446744073709551616",
            "\u{663}",
            "1;",
            "1_0",
        ] {
            let refusal = of(&[("content-length", value)]).expect_err(value);
            assert!(matches!(refusal, HeadRefusal::ContentLength | HeadRefusal::NotAscii), "{value:?}: {refusal:?}");
        }
        assert_eq!(of(&[("content-length", "1"), ("Content-Length", "1")]), Err(HeadRefusal::RepeatedContentLength));
    }

    #[test]
    fn a_coding_is_one_chunked() {
        for (value, refusal) in [
            ("gzip", HeadRefusal::UnknownCoding),
            ("identity", HeadRefusal::UnknownCoding),
            ("gzip, chunked", HeadRefusal::UnknownCoding),
            ("", HeadRefusal::AmbiguousCoding),
            (",chunked", HeadRefusal::AmbiguousCoding),
            ("chunked,", HeadRefusal::AmbiguousCoding),
            ("chunked, chunked", HeadRefusal::AmbiguousCoding),
            ("chunked, gzip", HeadRefusal::AmbiguousCoding),
            ("xchunked", HeadRefusal::AmbiguousCoding),
            ("chunked;q=1", HeadRefusal::AmbiguousCoding),
            ("\"chunked\"", HeadRefusal::AmbiguousCoding),
            ("chun ked", HeadRefusal::AmbiguousCoding),
            ("chunked\u{a0}", HeadRefusal::NotAscii),
        ] {
            assert_eq!(of(&[("transfer-encoding", value)]), Err(refusal), "{value:?}");
        }
        let chunked = ("transfer-encoding", "chunked");
        assert_eq!(of(&[chunked, chunked]), Err(HeadRefusal::AmbiguousCoding));
        assert_eq!(of(&[chunked, ("content-length", "0")]), Err(HeadRefusal::LengthBesideCoding));
        let mut framing = Framing::default();
        framing.note(b"transfer-encoding", b"chunked").expect("it is one chunked");
        assert_eq!(framing.settle(true), Err(HeadRefusal::CodingInHttp10));
    }
}
