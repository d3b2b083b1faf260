//! `multipart/form-data` (RFC 7578, RFC 2046 section 5.1), both ways: [`FormWriter`] builds the envelope of a body that carries
//! the file, [`FormParser`] reads a client's form as it streams.

mod boundary;
mod decode;
mod delimiter;
mod encode;
mod error;
mod part;

pub use boundary::{Boundary, BoundaryError, MAX_BOUNDARY_BYTES};
pub use decode::{FormEvent, FormLimits, FormParser, Trailing};
pub use encode::{FormBody, FormWriteError, FormWriter};
pub use error::FormError;
pub use part::FilePart;
