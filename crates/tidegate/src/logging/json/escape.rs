//! Strings of JSON (RFC 8259, section 7): what may stand in one as it is, and what must be escaped.

use std::fmt;

/// For each byte whether it cannot stand in a string: control characters, the quotation mark and the backslash.
const MUST_BE_ESCAPED: [bool; 256] = {
    let mut table = [false; 256];
    let mut control = 0;
    while control < b' ' as usize {
        table[control] = true;
        control += 1;
    }
    table[b'"' as usize] = true;
    table[b'\\' as usize] = true;
    table
};

const HEX_DIGITS: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'];

/// Appends a text as a string.
pub(super) fn push_string(json: &mut String, text: &str) {
    json.push('"');
    push_escaped(json, text);
    json.push('"');
}

/// Appends a text that stands within a string.
pub(super) fn push_escaped(json: &mut String, text: &str) {
    // Nearly every text needs nothing, and most are shorter than what wider steps would save.
    if text.bytes().any(|byte| MUST_BE_ESCAPED[usize::from(byte)]) {
        text.chars().for_each(|c| push_char(json, c));
    } else {
        json.push_str(text);
    }
}

fn push_char(json: &mut String, c: char) {
    match c {
        '"' => json.push_str("\\\""),
        '\\' => json.push_str("\\\\"),
        '\n' => json.push_str("\\n"),
        '\r' => json.push_str("\\r"),
        '\t' => json.push_str("\\t"),
        '\u{8}' => json.push_str("\\b"),
        '\u{c}' => json.push_str("\\f"),
        '\0'..' ' => {
            let code = u32::from(c);
            json.push_str(if code < 0x10 { "\\u000" } else { "\\u001" });
            json.extend(HEX_DIGITS.get(code as usize % 0x10));
        }
        _ => json.push(c),
    }
}

/// The inside of a string, for values that print themselves piece by piece.
pub(super) struct WithinString<'a>(pub(super) &'a mut String);

impl fmt::Write for WithinString<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        push_escaped(self.0, text);
        Ok(())
    }
}
