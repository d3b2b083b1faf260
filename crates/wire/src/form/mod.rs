//! `multipart/form-data` (RFC 7578, RFC 2046 section 5.1), both ways: [`FormWriter`] builds the envelope of a body that carries
//! the file, [`FormParser`] reads a client's form as it streams.

mod boundary;
mod decode;
mod delimiter;
mod encode;
mod error;
mod limits;
mod opening;
mod part;
#[cfg(test)]
mod work;

pub use boundary::{Boundary, BoundaryError, MAX_BOUNDARY_BYTES};
pub use decode::{FormEvent, FormParser, Trailing};
pub use encode::{FormBody, FormWriteError, FormWriter, is_multipart, is_safe_name};
pub use error::FormError;
pub use limits::{
    FormLimits, MAX_FIELD_NAME_BYTES, MAX_FIELD_VALUE_BYTES, MAX_FIELDS, MAX_FIELDS_BYTES, MAX_PART_HEADER_BYTES,
    MAX_PART_HEADERS,
};
pub use part::FilePart;
