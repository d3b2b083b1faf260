//! `; name=value` parameters, as `Content-Type` and `Content-Disposition` carry them (RFC 9110 section 5.6.6).

use crate::text::{is_token, is_value_byte, trim_ows};

/// Parameters of one field. Nobody writes more than five, and each is compared with all others to find one given twice.
pub(crate) const MAX_PARAMETERS: usize = 16;

/// What a backslash in a quoted value means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Quoting {
    /// It quotes whatever follows (RFC 9110 section 5.6.4).
    Http,
    /// It quotes only `"` and itself: browsers write Windows paths without doubling it.
    Form,
}

/// One parameter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Parameter {
    /// In lower case.
    pub(crate) name: String,
    /// Without its quotes.
    pub(crate) value: Vec<u8>,
    pub(crate) is_quoted: bool,
}

impl Parameter {
    /// The value, if it may stand as it stands: in quotes or as a token.
    pub(crate) fn checked_value(&self) -> Option<&[u8]> {
        (self.is_quoted || is_token(&self.value)).then_some(self.value.as_slice())
    }
}

/// Splits a field value into what stands before the first `;` and its parameters; `None` when it is malformed or has more
/// than [`MAX_PARAMETERS`]. Empty parameters (`;;`, a final `;`) are skipped, but not in a form, where busboy drops such a part.
pub(crate) fn parse(field: &[u8], quoting: Quoting) -> Option<(&[u8], Vec<Parameter>)> {
    let end = memchr::memchr(b';', field).unwrap_or(field.len());
    let (head, mut rest) = field.split_at_checked(end)?;
    let mut parameters = Vec::new();
    while let Some(after) = rest.strip_prefix(b";") {
        let after = trim_ows(after);
        if after.is_empty() || after.starts_with(b";") {
            if quoting == Quoting::Form {
                return None;
            }
            rest = after;
            continue;
        }
        let (parameter, after) = one(after, quoting)?;
        if parameters.len() == MAX_PARAMETERS {
            return None;
        }
        parameters.push(parameter);
        rest = trim_ows(after);
    }
    rest.is_empty().then(|| (trim_ows(head), parameters))
}

fn one(input: &[u8], quoting: Quoting) -> Option<(Parameter, &[u8])> {
    let (name, after) = input.split_at_checked(memchr::memchr(b'=', input)?)?;
    if !is_token(name) {
        return None;
    }
    let name = String::from_utf8_lossy(name).to_ascii_lowercase();
    let after = after.strip_prefix(b"=")?;
    if let Some(quoted) = after.strip_prefix(b"\"") {
        let (value, rest) = quoted_string(quoted, quoting)?;
        return Some((Parameter { name, value, is_quoted: true }, rest));
    }
    let ends = |byte: &u8| matches!(byte, b';' | b' ' | b'\t' | b'"');
    let (value, rest) = after.split_at_checked(after.iter().position(ends).unwrap_or(after.len()))?;
    if value.is_empty() || !value.iter().copied().all(is_value_byte) {
        return None;
    }
    Some((Parameter { name, value: value.to_vec(), is_quoted: false }, rest))
}

/// Returns the text up to the closing quote, and what follows that.
fn quoted_string(mut input: &[u8], quoting: Quoting) -> Option<(Vec<u8>, &[u8])> {
    let mut value = Vec::new();
    loop {
        let (byte, rest) = match input {
            [b'"', rest @ ..] => return Some((value, rest)),
            [b'\\', quoted @ (b'"' | b'\\'), rest @ ..] => (*quoted, rest),
            [b'\\', quoted, rest @ ..] if quoting == Quoting::Http => (*quoted, rest),
            [byte, rest @ ..] => (*byte, rest),
            [] => return None,
        };
        value.push(byte);
        input = rest;
    }
}
