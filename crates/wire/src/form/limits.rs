//! How large a client's form may be beside its file.
//!
//! Every advisory about form parsers of the last years is about one missing bound: parts without number, headers without
//! end, fields that are buffered whole, a preamble that is searched for ever. All are bounded here, a preamble is not taken
//! at all, and a boundary has at most [`MAX_BOUNDARY_BYTES`](super::MAX_BOUNDARY_BYTES).

/// Text fields of a form: they are parameters of a route, of which there are a handful. With the file there is one part more.
pub const MAX_FIELDS: usize = 128;

/// Bytes of a field's name. Names of parameters are words; this is room for the longest that anybody would write by hand.
pub const MAX_FIELD_NAME_BYTES: usize = 256;

/// Bytes of one field's value: a text of twenty pages.
pub const MAX_FIELD_VALUE_BYTES: usize = 64 * 1024;

/// Bytes of all names and values of fields together: what a form holds in memory before its file begins.
pub const MAX_FIELDS_BYTES: usize = 256 * 1024;

/// Bytes of the header lines of one part, line breaks included: a disposition with a name of 255 characters, each of them four
/// bytes in percent-encoding and given twice, and some digests.
pub const MAX_PART_HEADER_BYTES: usize = 8 * 1024;

/// Header lines of one part. Clients write two or three, with digests five.
pub const MAX_PART_HEADERS: usize = 16;

/// Bounds of a form. The file itself is bounded elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FormLimits {
    /// Text fields.
    pub fields: usize,
    /// Bytes of a field name.
    pub field_name: usize,
    /// Bytes of one field value.
    pub field_value: usize,
    /// Bytes of all field names and values together.
    pub total_field_bytes: usize,
    /// Bytes of the headers of one part.
    pub header_bytes: usize,
    /// Headers of one part.
    pub headers_per_part: usize,
}

impl Default for FormLimits {
    fn default() -> Self {
        Self {
            fields: MAX_FIELDS,
            field_name: MAX_FIELD_NAME_BYTES,
            field_value: MAX_FIELD_VALUE_BYTES,
            total_field_bytes: MAX_FIELDS_BYTES,
            header_bytes: MAX_PART_HEADER_BYTES,
            headers_per_part: MAX_PART_HEADERS,
        }
    }
}
