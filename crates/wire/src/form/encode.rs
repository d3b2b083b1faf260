//! Writing a form: everything but the file becomes the prefix and suffix of an [`Envelope`], so its length is exact.
//!
//! Names come from clients and answers. They are escaped by the rules that browsers follow (WHATWG HTML, "multipart/form-data
//! encoding algorithm"): `"`, CR and LF become `%22`, `%0D` and `%0A`, everything else stays raw UTF-8, so that no name can end
//! its quotes or begin a header. Two things that browsers let pass are refused. A backslash: half of the parsers take it for an
//! escape, and one at the end of a name would take the closing quote along (`name="x\\"; filename="; name=evil"`). And other
//! control characters: NUL ends a name in C.

use bytes::{BufMut, Bytes, BytesMut};

use super::boundary::Boundary;
use crate::envelope::{Encoding, Envelope};
use crate::text::is_value_byte;

/// Why a form cannot be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FormWriteError {
    /// A content type with control characters would write headers of its own.
    #[error("the content type of a form part contains a control character")]
    ControlInContentType,
    /// A name with a backslash or a control character has no reading that all parsers share.
    #[error("a name in the form contains a backslash or a control character")]
    UnsafeName,
    /// A part that is a multipart itself would be read as several.
    #[error("the content type of a form part is a multipart")]
    Nested,
    /// The form has its file already.
    #[error("a form carries one streamed file")]
    SecondFile,
    /// [`FormWriter::finish`] was called without a file.
    #[error("the form has no file")]
    NoFile,
    /// [`FormWriter::finish_without_file`] was called with a file.
    #[error("the form has a file")]
    UnexpectedFile,
}

/// Collects the parts of a form, in order.
#[derive(Debug)]
pub struct FormWriter {
    boundary: Boundary,
    /// The bytes since the beginning or since the file.
    written: BytesMut,
    /// The bytes before the file, once the file's place is known.
    prefix: Option<Bytes>,
}

/// A form around one streamed file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FormBody {
    /// The value of the request's `Content-Type`.
    pub content_type: String,
    /// The body.
    pub envelope: Envelope,
}

impl FormWriter {
    /// An empty form.
    #[must_use]
    pub fn new(boundary: Boundary) -> Self {
        Self { boundary, written: BytesMut::new(), prefix: None }
    }

    /// Adds a field; after the file is as good as before.
    ///
    /// # Errors
    /// [`FormWriteError::UnsafeName`], [`FormWriteError::ControlInContentType`] and [`FormWriteError::Nested`].
    pub fn field(mut self, name: &str, content_type: Option<&str>, value: &[u8]) -> Result<Self, FormWriteError> {
        self.part_head(name, None, content_type)?;
        self.written.put_slice(value);
        Ok(self)
    }

    /// Says that the file stands here, in a part of this name.
    ///
    /// # Errors
    /// [`FormWriteError::SecondFile`], and whatever [`FormWriter::field`] lists.
    pub fn file(
        mut self,
        part_name: &str,
        filename: Option<&str>,
        content_type: Option<&str>,
    ) -> Result<Self, FormWriteError> {
        if self.prefix.is_some() {
            return Err(FormWriteError::SecondFile);
        }
        self.part_head(part_name, filename, content_type)?;
        self.prefix = Some(self.written.split().freeze());
        Ok(self)
    }

    /// The form around its file.
    ///
    /// # Errors
    /// [`FormWriteError::NoFile`].
    pub fn finish(mut self) -> Result<FormBody, FormWriteError> {
        self.close();
        let prefix = self.prefix.take().ok_or(FormWriteError::NoFile)?;
        let suffix = self.written.split().freeze();
        let envelope = Envelope { prefix, encoding: Encoding::Identity, suffix };
        Ok(FormBody { content_type: self.content_type(), envelope })
    }

    /// The content type and the whole body of a form that carries only fields.
    ///
    /// # Errors
    /// [`FormWriteError::UnexpectedFile`].
    pub fn finish_without_file(mut self) -> Result<(String, Bytes), FormWriteError> {
        if self.prefix.is_some() {
            return Err(FormWriteError::UnexpectedFile);
        }
        self.close();
        Ok((self.content_type(), self.written.split().freeze()))
    }

    fn content_type(&self) -> String {
        format!("multipart/form-data; boundary={}", Quoted(self.boundary.as_str()))
    }

    fn part_head(
        &mut self,
        name: &str,
        filename: Option<&str>,
        content_type: Option<&str>,
    ) -> Result<(), FormWriteError> {
        if content_type.is_some_and(|value| !value.bytes().all(is_value_byte)) {
            return Err(FormWriteError::ControlInContentType);
        }
        if content_type.is_some_and(is_multipart) {
            return Err(FormWriteError::Nested);
        }
        if !is_safe_name(name) || !filename.is_none_or(is_safe_name) {
            return Err(FormWriteError::UnsafeName);
        }
        self.delimiter();
        self.written.put_slice(b"\r\nContent-Disposition: form-data; name=");
        self.quoted(name);
        if let Some(filename) = filename {
            self.written.put_slice(b"; filename=");
            self.quoted(filename);
        }
        if let Some(content_type) = content_type {
            self.written.put_slice(b"\r\nContent-Type: ");
            self.written.put_slice(content_type.as_bytes());
        }
        self.written.put_slice(b"\r\n\r\n");
        Ok(())
    }

    fn close(&mut self) {
        self.delimiter();
        self.written.put_slice(b"--\r\n");
    }

    /// The CRLF before a delimiter belongs to it; the first delimiter of a form has none.
    fn delimiter(&mut self) {
        let is_first = self.written.is_empty() && self.prefix.is_none();
        self.written.put_slice(if is_first { b"--" } else { b"\r\n--" });
        self.written.put_slice(self.boundary.as_str().as_bytes());
    }

    fn quoted(&mut self, name: &str) {
        self.written.put_u8(b'"');
        for byte in name.bytes() {
            match byte {
                b'"' => self.written.put_slice(b"%22"),
                b'\r' => self.written.put_slice(b"%0D"),
                b'\n' => self.written.put_slice(b"%0A"),
                byte => self.written.put_u8(byte),
            }
        }
        self.written.put_u8(b'"');
    }
}

/// Whether every parser reads the name as it is written; line breaks are escaped.
#[must_use]
pub fn is_safe_name(name: &str) -> bool {
    !name.chars().any(|c| c == '\\' || (c.is_control() && !matches!(c, '\r' | '\n')))
}

/// Whether a content type is one of several parts (RFC 2046 section 5.1).
#[must_use]
pub fn is_multipart(content_type: &str) -> bool {
    content_type.trim_start().as_bytes().get(..MULTIPART.len()).is_some_and(|kind| kind.eq_ignore_ascii_case(MULTIPART))
}

/// What the type of a multipart begins with.
const MULTIPART: &[u8] = b"multipart/";

/// A boundary as a parameter value: in quotes only when it is no token (RFC 2046 section 5.1.1). It contains no quote.
struct Quoted<'a>(&'a str);

impl std::fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let quote = if crate::text::is_token(self.0.as_bytes()) { "" } else { "\"" };
        write!(f, "{quote}{}{quote}", self.0)
    }
}
