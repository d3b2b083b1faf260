//! Digests of the file: what is computed while it streams, and what the client said it must be.
//!
//! Digests are computed once per chunk for all algorithms of a set. The client's fields (RFC 9530, RFC 1864) are parsed
//! strictly: an attacker would send a malformed or contradictory field and hope that verification is skipped.

mod algorithm;
mod digester;
mod field;
mod structured;

pub use algorithm::{Algorithm, DigestSet};
pub use digester::{Digester, Digests, repr_digest_field};
pub use field::{ClientDigests, DigestField, DigestFieldError, DigestMismatch};
