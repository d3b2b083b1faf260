//! Standard padded base64 (RFC 4648, section 4) over a stream, refusing everything that is not canonical.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;

/// The text is not canonical base64.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the text is not standard padded base64")]
pub(super) struct NotBase64;

/// Decodes as the text comes; at most three characters wait for the next piece.
#[derive(Debug, Default)]
pub(super) struct Base64Decoder {
    waiting: Vec<u8>,
    padded: bool,
}

impl Base64Decoder {
    /// Takes the next characters.
    pub(super) fn push(&mut self, text: &[u8], mut sink: impl FnMut(&[u8])) -> Result<(), NotBase64> {
        if text.is_empty() {
            return Ok(());
        }
        if self.padded {
            return Err(NotBase64);
        }
        self.waiting.extend_from_slice(text);
        let whole = self.waiting.len() - self.waiting.len() % 4;
        let groups = self.waiting.get(..whole).unwrap_or_default();
        self.padded = groups.ends_with(b"=");
        let bytes = BASE64_STANDARD.decode(groups).map_err(|_reason| NotBase64)?;
        self.waiting.drain(..whole);
        sink(&bytes);
        Ok(())
    }

    /// No more characters come.
    pub(super) fn finish(&self) -> Result<(), NotBase64> {
        if self.waiting.is_empty() { Ok(()) } else { Err(NotBase64) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn decode(text: &[u8], piece: usize) -> Result<Vec<u8>, NotBase64> {
        let mut decoder = Base64Decoder::default();
        let mut decoded = Vec::new();
        for part in text.chunks(piece) {
            decoder.push(part, |bytes| decoded.extend_from_slice(bytes))?;
        }
        decoder.finish().map(|()| decoded)
    }

    #[test]
    fn refuses_what_is_not_standard_padded_base64() {
        for bad in ["QQ", "QQ=", "Q===", "QQ==QQ==", "QR==", "Q Q=", "QQ\n=", "-_-_", "data:,QQ==", "===="] {
            for piece in 1..=bad.len() {
                assert_eq!(decode(bad.as_bytes(), piece), Err(NotBase64), "{bad:?} in pieces of {piece}");
            }
        }
    }

    proptest! {
        #[test]
        fn decodes_the_same_whatever_the_pieces(bytes: Vec<u8>, piece in 1_usize..9) {
            let text = BASE64_STANDARD.encode(&bytes);
            prop_assert_eq!(decode(text.as_bytes(), piece), Ok(bytes));
        }
    }
}
