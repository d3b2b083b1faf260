//! The one writer of every body that carries the file. The input: a byte for the encoding, one for what is announced, the
//! prefix, the suffix, and the file.

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE, BASE64_URL_SAFE_NO_PAD};
use bytes::Bytes;
use wire::envelope::{Encoding, Envelope, EnvelopeWriter, LengthError};
use wire::transform::Transform as _;

use crate::chunks::cuts;
use crate::fields::Fields;

/// What the announced length is, measured against the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Announced {
    Exact,
    Nothing,
    OneMore,
    OneLess,
}

/// Whatever the chunks: the body is prefix, encoded file and suffix, exactly as long as promised; its end is withheld until
/// the release, and for ever when the lengths disagree.
pub fn envelope(input: &[u8]) {
    let mut fields = Fields::of(input);
    let encoding = fields.choice(&[
        Encoding::Identity,
        Encoding::Base64,
        Encoding::Base64Url { padding: true },
        Encoding::Base64Url { padding: false },
    ]);
    let announced = fields.choice(&[Announced::Exact, Announced::Nothing, Announced::OneMore, Announced::OneLess]);
    let prefix = Bytes::copy_from_slice(fields.bytes());
    let suffix = Bytes::copy_from_slice(fields.bytes());
    let envelope = Envelope { prefix, encoding, suffix };
    let file = fields.rest();
    for chunks in cuts(file) {
        drive(&envelope, file, &chunks, announced);
    }
}

fn drive(envelope: &Envelope, file: &[u8], chunks: &[Bytes], announced: Announced) {
    let file_len = file.len() as u64;
    let announced_len = match announced {
        Announced::Exact => Some(file_len),
        Announced::Nothing => None,
        Announced::OneMore => Some(file_len + 1),
        Announced::OneLess => file_len.checked_sub(1),
    };
    let is_true = announced_len.is_none_or(|len| len == file_len);
    let body = body(envelope, file);
    assert_eq!(envelope.body_len(file_len), Some(body.len() as u64), "the length is known beforehand");
    let promised = announced_len.and_then(|len| envelope.body_len(len));

    let mut writer = envelope.open(announced_len).expect("the length is countable");
    assert_eq!(writer.output_len(), promised);
    let mut written = Vec::new();
    let outcome = feed(&mut writer, chunks, &mut written, promised);
    if !is_true {
        assert!(outcome.is_err(), "a false length is found");
        writer.release();
        pull(&mut writer, &mut written, promised);
        // Of a body that was promised to be empty not a byte may come; its head is the whole message and is held elsewhere.
        let is_short = promised.is_some_and(|len| (written.len() as u64) < len.max(1));
        assert!(!writer.is_released() && is_short, "never completed");
        return;
    }
    assert_eq!(outcome, Ok(()));
    pull(&mut writer, &mut written, promised);
    assert!(body.starts_with(&written), "what leaves early is the beginning of the body");
    assert!(written.len() <= may_leave_early(envelope, file.len()), "the end is withheld");
    writer.release();
    pull(&mut writer, &mut written, promised);
    assert_eq!(written, body, "the whole body, once");
    assert!(writer.output_len().is_none_or(|left| left == 0));
    assert_eq!(writer.push(Bytes::from_static(b"x")), Err(LengthError::AfterEnd));
}

/// Prefix, file and suffix, encoded at once.
fn body(envelope: &Envelope, file: &[u8]) -> Vec<u8> {
    let encoded = match envelope.encoding {
        Encoding::Identity => file.to_vec(),
        Encoding::Base64 => BASE64_STANDARD.encode(file).into_bytes(),
        Encoding::Base64Url { padding: true } => BASE64_URL_SAFE.encode(file).into_bytes(),
        Encoding::Base64Url { padding: false } => BASE64_URL_SAFE_NO_PAD.encode(file).into_bytes(),
    };
    [&envelope.prefix, encoded.as_slice(), &envelope.suffix].concat()
}

/// The last file byte stays (in base64: its group), and an empty file's whole body.
fn may_leave_early(envelope: &Envelope, file_len: usize) -> usize {
    let Some(before_last) = file_len.checked_sub(1) else { return 0 };
    let encoded = if envelope.encoding == Encoding::Identity { before_last } else { before_last / 3 * 4 };
    envelope.prefix.len() + encoded
}

fn feed(
    writer: &mut EnvelopeWriter,
    chunks: &[Bytes],
    written: &mut Vec<u8>,
    promised: Option<u64>,
) -> Result<(), LengthError> {
    for chunk in chunks {
        writer.push(chunk.clone())?;
        // A release before the end must do nothing.
        writer.release();
        pull(writer, written, promised);
    }
    writer.finish()
}

fn pull(writer: &mut EnvelopeWriter, written: &mut Vec<u8>, promised: Option<u64>) {
    while let Some(piece) = writer.pull() {
        assert!(!piece.is_empty(), "no piece is empty");
        written.extend_from_slice(&piece);
        let left = promised.map(|len| len.checked_sub(written.len() as u64).expect("never longer than promised"));
        assert_eq!(writer.output_len(), left, "the length counts down");
    }
}
