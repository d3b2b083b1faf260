//! Reads a JSON object as a stream and lets the string at its member `data` run out to the side.
//!
//! What remains, the same document with `data` empty, is kept and parsed by `serde_json` at the end, so all of JSON's
//! grammar is checked there and this reader need only know where strings and nesting begin and end.

use serde_json::{Map, Value};

/// The document without `data` may have so many bytes.
const REST_LIMIT: usize = 64 * 1024;

/// Why a document was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum DocumentError {
    #[error("the document is not one JSON object")]
    Malformed,
    #[error("the document without its data is larger than {REST_LIMIT} bytes")]
    TooLarge,
    #[error("the data holds an escape that base64 has no use for")]
    Escape,
    #[error("the data is given twice")]
    Twice,
}

/// Where in the document the next byte stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Place {
    #[default]
    Outside,
    /// In a string that is kept; `start` is the place of its opening quote.
    String {
        start: usize,
    },
    /// After a backslash in such a string.
    Escaped {
        start: usize,
    },
    Data,
    DataEscaped,
}

/// Takes a document piece by piece.
#[derive(Debug, Default)]
pub(super) struct DocumentReader {
    rest: Vec<u8>,
    place: Place,
    depth: u32,
    /// The last string at depth one, which is a key if a colon follows.
    last_string: Option<(usize, usize)>,
    /// Whether the value of the member `data` comes next.
    data_next: bool,
    data_seen: bool,
}

impl DocumentReader {
    /// Takes the next bytes; `sink` gets the characters of `data`, unescaped.
    pub(super) fn push(&mut self, bytes: &[u8], mut sink: impl FnMut(&[u8])) -> Result<(), DocumentError> {
        let mut bytes = bytes;
        while let Some((&byte, after)) = bytes.split_first() {
            if self.place == Place::Data {
                let end = memchr::memchr2(b'"', b'\\', bytes).unwrap_or(bytes.len());
                let (text, left) = bytes.split_at(end);
                sink(text);
                bytes = left;
                if let Some((&byte, left)) = bytes.split_first() {
                    self.place = if byte == b'"' { self.keep(byte, Place::Outside)? } else { Place::DataEscaped };
                    bytes = left;
                }
                continue;
            }
            self.place = match (self.place, byte) {
                // A slash is the one character of base64 that JSON may escape by itself.
                (Place::DataEscaped, b'/') => {
                    sink(b"/");
                    Place::Data
                }
                (Place::DataEscaped, _) => return Err(DocumentError::Escape),
                (place, byte) => self.step(place, byte)?,
            };
            bytes = after;
        }
        Ok(())
    }

    /// The members; `data`, when it is a string, is an empty one.
    pub(super) fn finish(self) -> Result<Map<String, Value>, DocumentError> {
        serde_json::from_slice(&self.rest).map_err(|_reason| DocumentError::Malformed)
    }

    fn step(&mut self, place: Place, byte: u8) -> Result<Place, DocumentError> {
        let start = self.rest.len();
        let next = match (place, byte) {
            (Place::String { start }, b'\\') => Place::Escaped { start },
            (Place::String { start: key }, b'"') => {
                self.last_string = (self.depth == 1).then_some((key, start));
                Place::Outside
            }
            (Place::Escaped { start }, _) => Place::String { start },
            (Place::Outside, b'"') if self.data_next => {
                self.data_next = false;
                Place::Data
            }
            (Place::Outside, b'"') => Place::String { start },
            (Place::Outside, _) => {
                self.outside(byte)?;
                Place::Outside
            }
            (place, _) => place,
        };
        self.keep(byte, next)
    }

    fn outside(&mut self, byte: u8) -> Result<(), DocumentError> {
        match byte {
            b'{' | b'[' => self.depth = self.depth.saturating_add(1),
            b'}' | b']' => self.depth = self.depth.checked_sub(1).ok_or(DocumentError::Malformed)?,
            b':' if self.depth == 1 && self.last_key_is_data() => {
                if self.data_seen {
                    return Err(DocumentError::Twice);
                }
                self.data_seen = true;
                self.data_next = true;
                return Ok(());
            }
            _ => {}
        }
        // Anything but white space before the value's quote: `data` is no string, and `serde_json` will show it.
        self.data_next = self.data_next && byte.is_ascii_whitespace();
        Ok(())
    }

    fn last_key_is_data(&mut self) -> bool {
        let Some((start, end)) = self.last_string.take() else { return false };
        let quoted = self.rest.get(start..=end).unwrap_or_default();
        serde_json::from_slice::<String>(quoted).is_ok_and(|key| key == "data")
    }

    fn keep(&mut self, byte: u8, next: Place) -> Result<Place, DocumentError> {
        if self.rest.len() >= REST_LIMIT {
            return Err(DocumentError::TooLarge);
        }
        self.rest.push(byte);
        Ok(next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(text: &str, piece: usize) -> Result<(Value, String), DocumentError> {
        let mut reader = DocumentReader::default();
        let mut data = Vec::new();
        for part in text.as_bytes().chunks(piece) {
            reader.push(part, |bytes| data.extend_from_slice(bytes))?;
        }
        let members = reader.finish()?;
        Ok((Value::Object(members), String::from_utf8_lossy(&data).into_owned()))
    }

    #[test]
    fn finds_the_data_wherever_it_stands_and_however_it_is_cut() {
        let rest = json!({ "a": { "data": "inner" }, "data": "", "title": "x\"data\":\\" });
        for text in [
            r#"{"a":{"data":"inner"},"data":"QUJD\/+==","title":"x\"data\":\\"}"#,
            r#" { "title" : "x\"data\":\\" , "a" : {"data":"inner"} , "d\u0061ta" : "QUJD/+==" } "#,
            r#"{"data":"QUJD/+==","a":{"data":"inner"},"title":"x\"data\":\\"}"#,
        ] {
            for piece in 1..=text.len() {
                assert_eq!(read(text, piece), Ok((rest.clone(), "QUJD/+==".to_owned())), "{text} by {piece}");
            }
        }
    }

    #[test]
    fn leaves_data_of_another_type_in_place() {
        assert_eq!(read(r#"{"data":null,"b":"data"}"#, 1), Ok((json!({ "data": null, "b": "data" }), String::new())));
        assert_eq!(read(r#"{"data":["x"]}"#, 3), Ok((json!({ "data": ["x"] }), String::new())));
    }

    #[test]
    fn refuses_what_is_not_one_object() {
        use DocumentError::{Escape, Malformed, TooLarge, Twice};
        let long = format!("{{\"title\":\"{}\"}}", "x".repeat(70_000));
        let cases = [
            ("", Malformed),
            ("{", Malformed),
            ("[]", Malformed),
            ("}", Malformed),
            (r#"{"data":"QQ=="}x"#, Malformed),
            (r#"{"data":"QQ==""#, Malformed),
            (r#"{"data":"QQ=="#, Malformed),
            (r#"{"data":"QQ\u003d="}"#, Escape),
            (r#"{"data":"QQ==","data":"QQ=="}"#, Twice),
            (long.as_str(), TooLarge),
        ];
        for (text, error) in cases {
            assert_eq!(read(text, 7), Err(error), "{text:.40}");
        }
    }
}
