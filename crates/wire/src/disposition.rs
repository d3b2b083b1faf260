//! `Content-Disposition`: of an upload request (RFC 6266, with RFC 8187's `filename*`) and of a form part (RFC 7578).
//!
//! Two parsers that read one header differently are how a name passes a check under one form and arrives under another, so
//! whatever has two readings is refused: parameters given twice, RFC 2231 continuations, and on form parts a `filename*` that
//! contradicts `filename`.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode, utf8_percent_encode};

use crate::parameters::{self, Parameter, Quoting};
use crate::text::{is_token, is_value_byte};

/// Where the header stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Context {
    /// On a request or answer: `filename*` wins over `filename`, which is a fallback for old software.
    Http,
    /// On a part of a form: `%22` and `\"` mean a quote, `%0D` and `%0A` a line break, the two names must agree.
    FormPart,
}

/// A header that was understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disposition {
    /// `attachment`, `inline`, `form-data`…, in lower case.
    pub kind: String,
    /// The `name` parameter.
    pub name: Option<String>,
    /// The file name, decoded, not yet checked as a name.
    pub filename: Option<String>,
}

/// Why a header is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DispositionError {
    /// It does not follow the grammar.
    #[error("`Content-Disposition` is malformed")]
    Malformed,
    /// A parameter is given twice.
    #[error("`Content-Disposition` gives the parameter `{0}` twice")]
    Duplicate(String),
    /// RFC 2231's `filename*0`, which hardly anything reads in the same way.
    #[error("`Content-Disposition` has the continued parameter `{0}`")]
    Continuation(String),
    /// `name*`, which RFC 7578 does not know; a parser that does would read another name.
    #[error("`Content-Disposition` of a form part has the parameter `name*`")]
    ExtendedName,
    /// A single quote or percent sign outside of double quotes: PHP takes the one for a quote, Werkzeug the other for an escape.
    #[error("`Content-Disposition` of a form part has `{0}` outside of double quotes")]
    Unquoted(char),
    /// A backslash in the name of a part, an escape to some parsers and itself to others.
    #[error("the name of a form part has a backslash")]
    Backslash,
    /// `filename*` is not `charset'language'percent-encoded` in UTF-8 or ISO-8859-1 (RFC 8187 section 3.2).
    #[error("`filename*` in `Content-Disposition` is malformed")]
    ExtValue,
    /// That parameter is no valid UTF-8. For `filename` this is a refused name rather than a malformed header.
    #[error("`{0}` in `Content-Disposition` is not valid UTF-8")]
    NotUtf8(String),
    /// `filename` and `filename*` of a form part differ.
    #[error("`filename` and `filename*` in `Content-Disposition` differ")]
    Contradiction,
}

/// Reads the value of a `Content-Disposition` header.
///
/// # Errors
/// Whatever [`DispositionError`] lists.
pub fn parse(value: &[u8], context: Context) -> Result<Disposition, DispositionError> {
    let quoting = match context {
        Context::Http => Quoting::Http,
        Context::FormPart => Quoting::Form,
    };
    if !value.iter().copied().all(is_value_byte) {
        return Err(DispositionError::Malformed);
    }
    let (kind, parameters) = parameters::parse(value, quoting).ok_or(DispositionError::Malformed)?;
    if !is_token(kind) {
        return Err(DispositionError::Malformed);
    }
    refuse_ambiguous(&parameters, context)?;
    Ok(Disposition {
        kind: String::from_utf8_lossy(kind).to_ascii_lowercase(),
        name: plain(&parameters, "name", context)?,
        filename: filename(&parameters, context)?,
    })
}

/// Writes a text as RFC 8187's `ext-value`: `UTF-8''` and percent-encoding, for `filename*=`.
#[must_use]
pub fn ext_value(text: &str) -> String {
    format!("UTF-8''{}", utf8_percent_encode(text, NOT_ATTR_CHAR))
}

/// Everything but `attr-char` (RFC 8187 section 3.2.1).
const NOT_ATTR_CHAR: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'!')
    .remove(b'#')
    .remove(b'$')
    .remove(b'&')
    .remove(b'+')
    .remove(b'-')
    .remove(b'.')
    .remove(b'^')
    .remove(b'_')
    .remove(b'`')
    .remove(b'|')
    .remove(b'~');

fn refuse_ambiguous(parameters: &[Parameter], context: Context) -> Result<(), DispositionError> {
    for (index, parameter) in parameters.iter().enumerate() {
        let is_continued = |name: &str| {
            let rest = parameter.name.strip_prefix(name).and_then(|rest| rest.strip_prefix('*'));
            rest.is_some_and(|rest| !rest.is_empty())
        };
        if is_continued("filename") || is_continued("name") {
            return Err(DispositionError::Continuation(parameter.name.clone()));
        }
        if parameters.iter().take(index).any(|earlier| earlier.name == parameter.name) {
            return Err(DispositionError::Duplicate(parameter.name.clone()));
        }
        if context == Context::FormPart {
            refuse_in_form(parameter)?;
        }
    }
    Ok(())
}

fn refuse_in_form(parameter: &Parameter) -> Result<(), DispositionError> {
    if parameter.name == "name*" {
        return Err(DispositionError::ExtendedName);
    }
    let is_extended = parameter.name.ends_with('*');
    if !parameter.is_quoted && !is_extended {
        let odd = parameter.value.iter().copied().find(|byte| matches!(byte, b'\'' | b'%'));
        return odd.map_or(Ok(()), |byte| Err(DispositionError::Unquoted(char::from(byte))));
    }
    // In a file name it is a separator of paths, and refused where names are checked.
    if parameter.name == "name" && parameter.value.contains(&b'\\') {
        return Err(DispositionError::Backslash);
    }
    Ok(())
}

fn find<'a>(parameters: &'a [Parameter], name: &str) -> Option<&'a Parameter> {
    parameters.iter().find(|parameter| parameter.name == name)
}

fn plain(parameters: &[Parameter], name: &str, context: Context) -> Result<Option<String>, DispositionError> {
    let Some(parameter) = find(parameters, name) else { return Ok(None) };
    let value = parameter.checked_value().ok_or(DispositionError::Malformed)?;
    let text = std::str::from_utf8(value).map_err(|_| DispositionError::NotUtf8(name.to_owned()))?;
    Ok(Some(match context {
        Context::FormPart if parameter.is_quoted => unescaped(text),
        Context::FormPart | Context::Http => text.to_owned(),
    }))
}

/// Takes back what browsers escape (WHATWG HTML, "multipart/form-data encoding algorithm"), once: `%2522` is `%2522`. What they
/// do not escape is as ambiguous there as here: a file that is really called `a%22.txt` comes as `a".txt`.
fn unescaped(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut pieces = text.split('%');
    plain.push_str(pieces.next().unwrap_or_default());
    for piece in pieces {
        let (escape, rest) = piece.split_at_checked(2).unwrap_or((piece, ""));
        match escape {
            "22" => plain.push('"'),
            "0D" | "0d" => plain.push('\r'),
            "0A" | "0a" => plain.push('\n'),
            other => {
                plain.push('%');
                plain.push_str(other);
            }
        }
        plain.push_str(rest);
    }
    plain
}

fn filename(parameters: &[Parameter], context: Context) -> Result<Option<String>, DispositionError> {
    let plain = plain(parameters, "filename", context)?;
    let Some(extended) = find(parameters, "filename*") else { return Ok(plain) };
    let extended = decode_ext_value(extended)?;
    if context == Context::FormPart && plain.is_some_and(|plain| plain != extended) {
        return Err(DispositionError::Contradiction);
    }
    Ok(Some(extended))
}

/// RFC 8187 section 3.2; ISO-8859-1 is what its predecessor RFC 5987 also asked for.
fn decode_ext_value(parameter: &Parameter) -> Result<String, DispositionError> {
    let malformed = DispositionError::ExtValue;
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$&+-.^_`|~%'".contains(&byte);
    if parameter.is_quoted || !parameter.value.iter().copied().all(is_allowed) {
        return Err(malformed);
    }
    let mut pieces = parameter.value.splitn(3, |byte| *byte == b'\'');
    let (Some(charset), Some(_language), Some(encoded)) = (pieces.next(), pieces.next(), pieces.next()) else {
        return Err(malformed);
    };
    let hex_pair = |rest: &[u8]| rest.get(..2).is_some_and(|pair| pair.iter().all(u8::is_ascii_hexdigit));
    if encoded.contains(&b'\'') || !encoded.split(|byte| *byte == b'%').skip(1).all(hex_pair) {
        return Err(malformed);
    }
    let bytes: Vec<u8> = percent_decode(encoded).collect();
    if charset.eq_ignore_ascii_case(b"utf-8") {
        String::from_utf8(bytes).map_err(|_| DispositionError::NotUtf8("filename*".to_owned()))
    } else if charset.eq_ignore_ascii_case(b"iso-8859-1") {
        Ok(bytes.into_iter().map(char::from).collect())
    } else {
        Err(malformed)
    }
}
