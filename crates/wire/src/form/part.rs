//! The headers of one part.

use super::encode::is_multipart;
use super::error::FormError;
use crate::digest::{ClientDigests, DigestField};
use crate::disposition::{self, Context, DispositionError};
use crate::fields::is_disguised;
use crate::media_type::MediaType;
use crate::text::{is_token, is_value_byte, trim_ows};

/// The head of the file part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilePart {
    /// The name of the form field.
    pub field: String,
    /// The file name as sent, decoded but not checked; empty when a browser had no file to send.
    pub filename: String,
    /// The declared type, if the part has one.
    pub content_type: Option<String>,
    /// The digests that the part demands of the file.
    pub digests: ClientDigests,
}

/// The headers of a part while its lines come in.
#[derive(Debug, Default)]
pub(super) struct PartHead {
    disposition: Option<disposition::Disposition>,
    content_type: Option<String>,
    told: Option<u64>,
    digests: Vec<(&'static str, Vec<u8>)>,
    count: usize,
}

/// A finished head.
#[derive(Debug)]
pub(super) enum Part {
    Field(FieldPart),
    File {
        part: FilePart,
        /// What the part's own `Content-Length` says.
        told: Option<u64>,
    },
}

/// The head of a text field.
#[derive(Debug)]
pub(super) struct FieldPart {
    pub(super) name: String,
    pub(super) content_type: Option<String>,
    pub(super) charset: Charset,
    /// What the part's own `Content-Length` says.
    pub(super) told: Option<u64>,
}

/// How a text field is to be read. Nothing but UTF-8 is decoded: a value that is read in two encodings is two values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Charset {
    Utf8,
    /// Some clients declare ISO-8859-1 whatever they send; ASCII is the same in both.
    Ascii,
}

impl PartHead {
    /// Takes one header line without its CRLF.
    pub(super) fn add_line(&mut self, line: &[u8], max_headers: usize) -> Result<(), FormError> {
        if line.starts_with(b" ") || line.starts_with(b"\t") {
            return Err(FormError::FoldedHeader);
        }
        self.count = self.count.saturating_add(1);
        if self.count > max_headers {
            return Err(FormError::HeaderCount(max_headers));
        }
        let colon = memchr::memchr(b':', line).ok_or(FormError::MalformedHeader)?;
        let (name, value) = line.split_at_checked(colon).ok_or(FormError::MalformedHeader)?;
        let value = trim_ows(value.strip_prefix(b":").unwrap_or_default());
        if is_disguised(name) || !is_token(name) || !value.iter().copied().all(is_value_byte) {
            return Err(FormError::MalformedHeader);
        }
        self.add(&String::from_utf8_lossy(name).to_ascii_lowercase(), value)
    }

    /// Headers that RFC 7578 does not define are ignored, as its section 4.8 demands.
    fn add(&mut self, name: &str, value: &[u8]) -> Result<(), FormError> {
        match name {
            "content-disposition" => self.add_disposition(value),
            "content-type" => self.add_content_type(value),
            "content-length" => self.add_length(value),
            "content-transfer-encoding" => {
                let is_plain = |plain: &&[u8]| value.eq_ignore_ascii_case(plain);
                let plain = [b"binary".as_slice(), b"8bit", b"7bit"].iter().any(is_plain);
                if plain { Ok(()) } else { Err(FormError::Encoded("Content-Transfer-Encoding")) }
            }
            "content-encoding" if !value.eq_ignore_ascii_case(b"identity") => {
                Err(FormError::Encoded("Content-Encoding"))
            }
            other => {
                if let Some(field) = DigestField::from_name(other) {
                    self.digests.push((field.name(), value.to_vec()));
                }
                Ok(())
            }
        }
    }

    fn add_disposition(&mut self, value: &[u8]) -> Result<(), FormError> {
        if self.disposition.is_some() {
            return Err(FormError::DuplicateHeader("Content-Disposition"));
        }
        let disposition = disposition::parse(value, Context::FormPart).map_err(|error| match error {
            DispositionError::NotUtf8(parameter) if parameter.starts_with("filename") => FormError::FileNameNotUtf8,
            error => FormError::Disposition(error),
        })?;
        self.disposition = Some(disposition);
        Ok(())
    }

    fn add_content_type(&mut self, value: &[u8]) -> Result<(), FormError> {
        if self.content_type.is_some() {
            return Err(FormError::DuplicateHeader("Content-Type"));
        }
        let text = std::str::from_utf8(value).map_err(|_| FormError::MalformedHeader)?;
        // Any kind of multipart: what is no media type is refused with the file, but a prefix is what lenient parsers look at.
        if is_multipart(text) {
            return Err(FormError::Nested);
        }
        self.content_type = (!text.is_empty()).then(|| text.to_owned());
        Ok(())
    }

    /// RFC 7578 section 4.8 ignores it and some clients write it. Parsers that believe it end the part there, so it must be
    /// true; signs, spaces and a second one have no true reading.
    fn add_length(&mut self, value: &[u8]) -> Result<(), FormError> {
        let is_plain = !value.is_empty() && value.iter().all(u8::is_ascii_digit);
        let text = std::str::from_utf8(value).ok().filter(|_| is_plain && self.told.is_none());
        self.told = Some(text.and_then(|text| text.parse().ok()).ok_or(FormError::PartLength)?);
        Ok(())
    }

    /// The headers are complete. A part with a file name, even an empty one, is the file.
    pub(super) fn finish(self, max_name: usize) -> Result<Part, FormError> {
        let disposition = self.disposition.filter(|known| known.kind == "form-data");
        let disposition = disposition.ok_or(FormError::NoDisposition)?;
        let name = disposition.name.filter(|name| !name.is_empty()).ok_or(FormError::NoName)?;
        if name.len() > max_name {
            return Err(FormError::FieldName(max_name));
        }
        let Some(filename) = disposition.filename else {
            let charset = charset_of(self.content_type.as_deref())?;
            return Ok(Part::Field(FieldPart { name, content_type: self.content_type, charset, told: self.told }));
        };
        let digests = ClientDigests::parse(self.digests)?;
        let part = FilePart { field: name, filename, content_type: self.content_type, digests };
        Ok(Part::File { part, told: self.told })
    }
}

/// The encoding that a text field's type names; none named is UTF-8 (RFC 7578 section 5.1.2).
fn charset_of(content_type: Option<&str>) -> Result<Charset, FormError> {
    let Some(content_type) = content_type else { return Ok(Charset::Utf8) };
    let media_type = MediaType::parse(content_type).ok_or(FormError::MalformedHeader)?;
    if (media_type.kind(), media_type.subtype()) == ("application", "octet-stream") {
        return Err(FormError::NamelessFile);
    }
    match media_type.parameter("charset").map(str::to_ascii_lowercase).as_deref() {
        None | Some("utf-8" | "utf8") => Ok(Charset::Utf8),
        Some("us-ascii" | "iso-8859-1") => Ok(Charset::Ascii),
        Some(_) => Err(FormError::Charset),
    }
}
