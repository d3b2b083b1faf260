//! A strict streaming reader of `multipart/form-data` (RFC 7578, RFC 2046 section 5.1).
//!
//! Strict means: no preamble, CRLF everywhere, no padding after a delimiter, `Content-Disposition: form-data` with a
//! name on each part, the closing delimiter present, and nothing but one CRLF after it. Servers in the field forgive
//! some of this; a client that needs their forgiveness should find out here.

use bytes::{Bytes, BytesMut};
use memchr::memmem;

use super::{Body, BodyError, Head};

/// The head of one part may have so many bytes.
const PART_HEAD_LIMIT: usize = 16 * 1024;
/// RFC 2046 allows boundaries of 1 to 70 characters.
const BOUNDARY_LIMIT: usize = 70;

/// Why a form could not be read on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FormError {
    #[error(transparent)]
    Body(#[from] BodyError),
    #[error("the form is malformed: {0}")]
    Malformed(&'static str),
}

/// What the head of a part says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct PartHead {
    /// The field's name, byte for byte.
    pub(crate) name: String,
    /// The file name, when the part has one; `%22`, `%0D` and `%0A` stay as sent.
    pub(crate) filename: Option<String>,
    /// The part's own type.
    pub(crate) content_type: Option<String>,
}

/// The boundary that a request's `Content-Type` names.
pub(crate) fn boundary_of(head: &Head) -> Option<String> {
    if !head.has_type("multipart/form-data") {
        return None;
    }
    let (_, parameters) = parameters(head.header("content-type")?)?;
    let (_, boundary) = parameters.into_iter().find(|(name, _)| name.eq_ignore_ascii_case("boundary"))?;
    (1..=BOUNDARY_LIMIT).contains(&boundary.len()).then_some(boundary)
}

/// Reads parts one after the other.
#[derive(Debug)]
pub(crate) struct FormReader<'b, 'c> {
    body: &'b mut Body<'c>,
    /// CRLF, two hyphens and the boundary.
    delimiter: Vec<u8>,
    buffer: BytesMut,
    in_part: bool,
    started: bool,
}

impl<'b, 'c> FormReader<'b, 'c> {
    /// A reader at the very beginning of a body.
    pub(crate) fn new(body: &'b mut Body<'c>, boundary: &str) -> FormReader<'b, 'c> {
        let delimiter = format!("\r\n--{boundary}").into_bytes();
        FormReader { body, delimiter, buffer: BytesMut::new(), in_part: false, started: false }
    }

    /// The next part's head; `None` after the closing delimiter and the proven end of the body. What is left of the
    /// part before is skipped.
    pub(crate) async fn next_part(&mut self) -> Result<Option<PartHead>, FormError> {
        while self.chunk().await?.is_some() {}
        if !self.started {
            self.started = true;
            self.opening().await?;
        }
        self.need(2, "the form ends after a delimiter").await?;
        let tail = self.buffer.split_to(2);
        match tail.as_ref() {
            b"--" => self.epilogue().await.map(|()| None),
            b"\r\n" => {
                self.in_part = true;
                self.part_head().await.map(Some)
            }
            _ => Err(FormError::Malformed("a delimiter is followed by something else than CRLF or two hyphens")),
        }
    }

    /// The next bytes of the current part; `None` at its end.
    pub(crate) async fn chunk(&mut self) -> Result<Option<Bytes>, FormError> {
        if !self.in_part {
            return Ok(None);
        }
        loop {
            if let Some(end) = memmem::find(&self.buffer, &self.delimiter) {
                if end > 0 {
                    return Ok(Some(self.buffer.split_to(end).freeze()));
                }
                let _delimiter = self.buffer.split_to(self.delimiter.len());
                self.in_part = false;
                return Ok(None);
            }
            // Bytes that could be the beginning of a delimiter stay until more is known.
            let safe = self.buffer.len().saturating_sub(self.delimiter.len().saturating_sub(1));
            if safe > 0 {
                return Ok(Some(self.buffer.split_to(safe).freeze()));
            }
            self.more("the form ends inside a part").await?;
        }
    }

    /// The rest of the current part as text.
    pub(crate) async fn text(&mut self, limit: usize) -> Result<Option<String>, FormError> {
        let mut all = Vec::new();
        while let Some(data) = self.chunk().await? {
            if all.len().saturating_add(data.len()) > limit {
                return Ok(None);
            }
            all.extend_from_slice(&data);
        }
        String::from_utf8(all).map(Some).map_err(|_not_utf8| FormError::Malformed("a field is not UTF-8"))
    }

    /// The first delimiter stands at the very beginning, without the CRLF that belongs to the later ones.
    async fn opening(&mut self) -> Result<(), FormError> {
        let wanted = self.delimiter.len().saturating_sub(2);
        self.need(wanted, "the form ends before its first delimiter").await?;
        let found = self.buffer.split_to(wanted);
        let same = self.delimiter.get(2..).is_some_and(|delimiter| delimiter == found.as_ref());
        if same { Ok(()) } else { Err(FormError::Malformed("the form does not begin with its boundary")) }
    }

    async fn part_head(&mut self) -> Result<PartHead, FormError> {
        loop {
            if let Some(end) = memmem::find(&self.buffer, b"\r\n\r\n") {
                let head = self.buffer.split_to(end);
                let _end_of_head = self.buffer.split_to(4);
                return parse_part_head(&head);
            }
            if self.buffer.len() > PART_HEAD_LIMIT {
                return Err(FormError::Malformed("the head of a part is too long"));
            }
            self.more("the form ends inside the head of a part").await?;
        }
    }

    async fn epilogue(&mut self) -> Result<(), FormError> {
        while let Some(data) = self.body.chunk().await? {
            self.buffer.extend_from_slice(&data);
            if self.buffer.len() > 2 {
                break;
            }
        }
        let clean = self.buffer.is_empty() || self.buffer.as_ref() == b"\r\n";
        if clean { Ok(()) } else { Err(FormError::Malformed("something follows the closing delimiter")) }
    }

    async fn need(&mut self, length: usize, missing: &'static str) -> Result<(), FormError> {
        while self.buffer.len() < length {
            self.more(missing).await?;
        }
        Ok(())
    }

    async fn more(&mut self, missing: &'static str) -> Result<(), FormError> {
        let data = self.body.chunk().await?.ok_or(FormError::Malformed(missing))?;
        self.buffer.extend_from_slice(&data);
        Ok(())
    }
}

/// A part of a form that was read whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WholePart {
    /// The field's name; `%22`, `%0D` and `%0A` stay as sent.
    pub name: String,
    /// The file name, when the part has one.
    pub filename: Option<String>,
    /// The part's own type.
    pub content_type: Option<String>,
    /// The content.
    pub content: Vec<u8>,
}

/// Reads a form that is in memory, as strictly as one that streams.
pub(crate) fn read_form(content_type: &str, body: &[u8]) -> Option<Vec<WholePart>> {
    let (kind, found) = parameters(content_type)?;
    let boundaries: Vec<_> = found.iter().filter(|(name, _)| name.eq_ignore_ascii_case("boundary")).collect();
    let [(_, boundary)] = boundaries.as_slice() else { return None };
    if !kind.eq_ignore_ascii_case("multipart/form-data") || !(1..=BOUNDARY_LIMIT).contains(&boundary.len()) {
        return None;
    }
    let delimiter = format!("\r\n--{boundary}").into_bytes();
    let mut rest = body.strip_prefix(delimiter.get(2..)?)?;
    let mut parts = Vec::new();
    loop {
        if let Some(after) = rest.strip_prefix(b"--") {
            return matches!(after, b"" | b"\r\n").then_some(parts);
        }
        rest = rest.strip_prefix(b"\r\n")?;
        let (head, after) = rest.split_at_checked(memmem::find(rest, b"\r\n\r\n")?)?;
        let after = after.strip_prefix(b"\r\n\r\n")?;
        let (content, after) = after.split_at_checked(memmem::find(after, &delimiter)?)?;
        let PartHead { name, filename, content_type } = parse_part_head(head).ok()?;
        parts.push(WholePart { name, filename, content_type, content: content.to_vec() });
        rest = after.strip_prefix(delimiter.as_slice())?;
    }
}

fn parse_part_head(head: &[u8]) -> Result<PartHead, FormError> {
    let text = std::str::from_utf8(head).map_err(|_not_utf8| FormError::Malformed("a part's head is not UTF-8"))?;
    let mut part = PartHead::default();
    let mut disposition = None;
    for line in text.split("\r\n") {
        let (name, value) = line.split_once(':').ok_or(FormError::Malformed("a part's field has no colon"))?;
        match name.to_ascii_lowercase().as_str() {
            "content-disposition" if disposition.is_none() => disposition = parameters(value.trim()),
            "content-type" if part.content_type.is_none() => part.content_type = Some(value.trim().to_owned()),
            _ => return Err(FormError::Malformed("a part has a field that forms do not have, or one twice")),
        }
    }
    let (kind, parameters) = disposition.ok_or(FormError::Malformed("a part has no readable content-disposition"))?;
    if !kind.eq_ignore_ascii_case("form-data") {
        return Err(FormError::Malformed("a part is not form-data"));
    }
    let mut name = None;
    for (parameter, value) in parameters {
        match parameter.as_str() {
            "name" if name.is_none() => name = Some(value),
            "filename" if part.filename.is_none() => part.filename = Some(value),
            _ => return Err(FormError::Malformed("a content-disposition parameter is unknown or stands twice")),
        }
    }
    part.name = name.ok_or(FormError::Malformed("a part has no name"))?;
    Ok(part)
}

/// Splits `kind; a=b; c="d;e"` into the kind and its parameters. A backslash in a quoted string escapes the next
/// character; a raw CR, LF or NUL is refused.
fn parameters(value: &str) -> Option<(String, Vec<(String, String)>)> {
    let (kind, mut rest) = value.split_once(';').unwrap_or((value, ""));
    let mut found = Vec::new();
    while !rest.trim().is_empty() {
        let (name, after) = rest.split_once('=')?;
        let (text, left) = match after.strip_prefix('"') {
            Some(quoted) => unquote(quoted)?,
            None => after.split_once(';').map_or((after.trim().to_owned(), ""), |(text, _)| {
                (text.trim().to_owned(), after.get(text.len()..).unwrap_or(""))
            }),
        };
        if text.contains(['\r', '\n', '\0']) {
            return None;
        }
        found.push((name.trim().to_owned(), text));
        rest = match left.trim_start() {
            "" => "",
            left => left.strip_prefix(';')?,
        };
    }
    Some((kind.trim().to_owned(), found))
}

fn unquote(quoted: &str) -> Option<(String, &str)> {
    let mut text = String::new();
    let mut characters = quoted.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Some((text, quoted.get(at.saturating_add(1)..)?)),
            '\\' => text.push(characters.next()?.1),
            other => text.push(other),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_quoted_parameters_with_separators_and_escapes() {
        let (kind, found) = parameters(r#"form-data; name="a;b=\"c\""; filename=plain"#).expect("well formed");
        assert_eq!(kind, "form-data");
        assert_eq!(found, [("name".into(), r#"a;b="c""#.to_owned()), ("filename".into(), "plain".to_owned())]);
    }

    #[test]
    fn refuses_part_heads_that_forms_do_not_have() {
        for bad in [
            "Content-Type: a/b",
            "Content-Disposition: attachment; name=\"a\"",
            "Content-Disposition: form-data; filename=\"a\"",
            "Content-Disposition: form-data; name=\"a\"; name=\"b\"",
            "Content-Disposition: form-data; name=\"a",
            "Content-Disposition: form-data; name=\"a\"\r\nContent-Transfer-Encoding: base64",
            "no colon",
        ] {
            assert!(parse_part_head(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
