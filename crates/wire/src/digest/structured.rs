//! As much of structured fields (RFC 9651) as digests need: a dictionary whose values are byte sequences.
//!
//! Parameters are parsed and dropped. Members of any other type make the field malformed, since RFC 9530 allows none.

/// The members of a dictionary as `(key, base64 text)`, in order; `None` when the field is malformed. An empty field has no
/// members.
pub(super) fn byte_sequences(field: &[u8]) -> Option<Vec<(&[u8], &[u8])>> {
    let mut rest = trim_spaces(field);
    let mut members = Vec::new();
    while !rest.is_empty() {
        let (key, after) = key(rest)?;
        let (value, after) = byte_sequence(after.strip_prefix(b"=")?)?;
        members.push((key, value));
        let after = trim_start(parameters(after)?, b" \t");
        if after.is_empty() {
            break;
        }
        rest = trim_start(after.strip_prefix(b",")?, b" \t");
        if rest.is_empty() {
            return None;
        }
    }
    Some(members)
}

/// RFC 9651 section 4.2.3.3.
fn key(input: &[u8]) -> Option<(&[u8], &[u8])> {
    let first = input.first()?;
    if !first.is_ascii_lowercase() && *first != b'*' {
        return None;
    }
    let is_key = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-.*".contains(byte);
    input.split_at_checked(input.iter().position(|byte| !is_key(byte)).unwrap_or(input.len()))
}

fn byte_sequence(input: &[u8]) -> Option<(&[u8], &[u8])> {
    let inner = input.strip_prefix(b":")?;
    let (value, rest) = inner.split_at_checked(memchr::memchr(b':', inner)?)?;
    Some((value, rest.strip_prefix(b":")?))
}

/// RFC 9651 section 4.2.3.2; returns what follows the parameters.
fn parameters(mut input: &[u8]) -> Option<&[u8]> {
    while let Some(after) = input.strip_prefix(b";") {
        let (_, after) = key(trim_start(after, b" "))?;
        input = match after.strip_prefix(b"=") {
            None => after,
            Some(value) => bare_item(value)?,
        };
    }
    Some(input)
}

/// Skips a string, a byte sequence, or anything that is made of the characters of numbers, tokens and booleans.
fn bare_item(input: &[u8]) -> Option<&[u8]> {
    match input.first()? {
        b'"' => string(input),
        b':' => byte_sequence(input).map(|(_, rest)| rest),
        _ => {
            let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~:/?@".contains(byte);
            let len = input.iter().position(|byte| !is_plain(byte)).unwrap_or(input.len());
            if len == 0 { None } else { input.get(len..) }
        }
    }
}

fn string(input: &[u8]) -> Option<&[u8]> {
    let mut rest = input.strip_prefix(b"\"")?;
    loop {
        match rest {
            [b'"', after @ ..] => return Some(after),
            [b'\\', b'"' | b'\\', after @ ..] | [b' '..=b'[' | b']'..=b'~', after @ ..] => rest = after,
            _ => return None,
        }
    }
}

fn trim_start<'a>(mut input: &'a [u8], spaces: &[u8]) -> &'a [u8] {
    while let [first, rest @ ..] = input {
        if !spaces.contains(first) {
            break;
        }
        input = rest;
    }
    input
}

/// Only spaces stand around a whole field (RFC 9651 section 4.2); HTTP itself has taken tabs away before.
fn trim_spaces(field: &[u8]) -> &[u8] {
    field.trim_ascii()
}
