//! Values as a difference shows them: on one line, and no longer than a screen.

use std::fmt::Write as _;

use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// Characters of one value. More is not read; what differs in a JSON document is told by its place anyway.
const MOST: usize = 1000;

/// A text; in quotes if it could not be told from its surroundings.
pub(super) fn shown_text(text: &str) -> String {
    let plain = !text.is_empty() && text.trim() == text && !text.chars().any(is_odd);
    if plain {
        return cut(text);
    }
    let mut quoted = String::from("\"");
    for character in text.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            odd if is_odd(odd) => {
                // A String takes whatever is written.
                let _never_fails = write!(quoted, "\\u{{{:x}}}", u32::from(odd));
            }
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    cut(&quoted)
}

/// What a terminal does not show as itself: control characters, and those that turn a line around.
fn is_odd(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// JSON in one line.
pub(super) fn shown_json(value: &Value) -> String {
    match value {
        Value::String(text) => shown_text(text),
        // JSON escapes control characters itself.
        other => cut(&other.to_string().chars().map(|c| if is_odd(c) { '\u{fffd}' } else { c }).collect::<String>()),
    }
}

/// Bytes: as text if they are some.
pub(super) fn shown_bytes(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok("") => "nothing".to_owned(),
        Ok(text) if bytes.len() <= MOST => shown_text(text),
        _ => {
            let digest = Sha256::digest(bytes);
            let digest: String = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
            format!("{} bytes, whose SHA-256 begins with {digest}", bytes.len())
        }
    }
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(MOST) {
        Some((at, _)) => format!("{}…", text.get(..at).unwrap_or_default()),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_quoted_only_where_they_could_be_misread() {
        let table = [
            ("plain text", "plain text"),
            ("", "\"\""),
            (" a ", "\" a \""),
            ("a\r\nb\"\\", "\"a\\r\\nb\\\"\\\\\""),
            ("\u{1b}[31m", "\"\\u{1b}[31m\""),
            ("\u{202e}x", "\"\\u{202e}x\""),
        ];
        for (text, expected) in table {
            assert_eq!(shown_text(text), expected);
        }
    }

    #[test]
    fn long_values_are_cut_and_bytes_that_are_no_text_are_counted() {
        assert_eq!(shown_text(&"x".repeat(2000)).chars().count(), MOST + 1);
        assert_eq!(shown_bytes(&[255; 3]), "3 bytes, whose SHA-256 begins with 5ae7e6a42304dc6e");
        assert_eq!(shown_bytes(b""), "nothing");
    }
}
