//! Why a client's form is refused. Every text may be shown to the client.

use super::boundary::BoundaryError;
use crate::digest::DigestFieldError;
use crate::disposition::DispositionError;

/// Why a form is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FormError {
    /// The content type is not `multipart/form-data`, or malformed.
    #[error("the content type is not a well-formed `multipart/form-data`")]
    NotFormData,
    /// The content type has no `boundary` parameter.
    #[error("the content type has no boundary")]
    NoBoundary,
    /// The content type has more than one `boundary` parameter, or one in pieces (RFC 2231).
    #[error("the content type has more than one boundary")]
    AmbiguousBoundary,
    /// The boundary breaks RFC 2046.
    #[error("the content type is malformed")]
    Boundary(#[from] BoundaryError),
    /// Something stands before the first boundary.
    #[error("the form does not begin with its boundary")]
    Preamble,
    /// A part's content begins with `--` and the boundary; parsers differ on whether the part is empty.
    #[error("the content of a part begins with the boundary")]
    BoundaryBeginsContent,
    /// Spaces stand behind a boundary; parsers differ on whether that still is one.
    #[error("a boundary is followed by spaces")]
    Padding,
    /// Something other than one CRLF stands behind the closing boundary.
    #[error("the closing boundary is followed by something else")]
    Epilogue,
    /// A header line ends without CR, or contains a bare CR.
    #[error("a header line of a form part does not end with CRLF")]
    LineEnd,
    /// A header line goes on in the next (RFC 9112 section 5.2).
    #[error("a header line of a form part is folded")]
    FoldedHeader,
    /// A header line is no field.
    #[error("a header line of a form part is malformed")]
    MalformedHeader,
    /// A header that may stand once stands twice.
    #[error("a form part has the header `{0}` twice")]
    DuplicateHeader(&'static str),
    /// The part is encoded in a way that form data must not be (RFC 7578 section 4.7).
    #[error("a form part has a `{0}`, which is not supported")]
    Encoded(&'static str),
    /// The part is a multipart of its own (RFC 2388 section 4.2, which RFC 7578 took back): a file to one parser, files to another.
    #[error("a form part is a multipart itself")]
    Nested,
    /// A part of type `application/octet-stream` without a file name: a field to most parsers, a file to busboy.
    #[error("a form part of type `application/octet-stream` has no file name")]
    NamelessFile,
    /// The part's own `Content-Length` is malformed, stands twice, or is not the length of the part.
    #[error("the `Content-Length` of a form part is not the part's length")]
    PartLength,
    /// `_charset_` or the `charset` of a text field names an encoding other than UTF-8.
    #[error("the text fields of a form must be UTF-8")]
    Charset,
    /// `Content-Disposition` is missing or not `form-data`.
    #[error("a form part has no `Content-Disposition: form-data`")]
    NoDisposition,
    /// `Content-Disposition` cannot be read.
    #[error("the header of a form part is malformed")]
    Disposition(#[source] DispositionError),
    /// The file name is not UTF-8: a refused name rather than a malformed form.
    #[error("the file name is not valid UTF-8")]
    FileNameNotUtf8,
    /// A part without a name, or with an empty one.
    #[error("a form part has no name")]
    NoName,
    /// A digest field of the file part cannot be read.
    #[error("a digest of the file part is malformed")]
    Digest(#[from] DigestFieldError),
    /// More bytes of headers in one part than allowed.
    #[error("the headers of a form part are longer than {0} bytes")]
    HeaderBytes(usize),
    /// More headers in one part than allowed.
    #[error("a form part has more than {0} headers")]
    HeaderCount(usize),
    /// More fields than allowed.
    #[error("the form has more than {0} fields")]
    FieldCount(usize),
    /// A longer field name than allowed.
    #[error("a field name is longer than {0} bytes")]
    FieldName(usize),
    /// A longer field value than allowed.
    #[error("the value of field `{name}` is longer than {max} bytes")]
    FieldValue {
        /// The field.
        name: String,
        /// Bytes that are allowed.
        max: usize,
    },
    /// All field names and values together are longer than allowed.
    #[error("the fields of the form are longer than {0} bytes together")]
    TotalFieldBytes(usize),
    /// A text field that is not UTF-8.
    #[error("the value of field `{0}` is not valid UTF-8")]
    FieldNotUtf8(String),
    /// A text field that its part declares to be ISO-8859-1 and that has more than ASCII, on which its readings would differ.
    #[error("the value of field `{0}` is declared to be ISO-8859-1; send it as UTF-8")]
    FieldNotAscii(String),
    /// A second file, or a field after the file.
    #[error("the file is not the last part of the form")]
    PartAfterFile,
    /// The form ended before its closing boundary.
    #[error("the form ends before its closing boundary")]
    Truncated,
    /// The closing boundary came before the expected end of the file.
    #[error("the file in the form has {received} bytes instead of {expected}")]
    FileEndsEarly {
        /// Bytes that were announced or derived.
        expected: u64,
        /// Bytes that came.
        received: u64,
    },
    /// The file goes on behind its expected end.
    #[error("the file in the form is longer than {expected} bytes")]
    FileRunsOver {
        /// Bytes that were announced or derived.
        expected: u64,
    },
    /// The length was derived on the assumption of a final CRLF, which did not come.
    #[error("the form does not end with a line break behind its closing boundary")]
    MissingFinalLineBreak,
}

impl FormError {
    /// Whether the form is well-formed, but its file is not as long as it was announced or derived to be.
    #[must_use]
    pub fn is_length_mismatch(&self) -> bool {
        matches!(self, Self::FileEndsEarly { .. } | Self::FileRunsOver { .. } | Self::MissingFinalLineBreak)
    }
}
