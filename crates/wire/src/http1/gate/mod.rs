//! The gate in front of an HTTP/1.1 server: reads a client's heads byte by byte and follows the framing of its bodies
//! (RFC 9112), so that nothing passes which two servers could read in two ways.
//!
//! An attacker wants this gateway and a proxy beside it to disagree on where a request ends, so that the rest of one body is
//! read as the next request. Wherever the RFC lets a recipient repair or guess, this gate refuses.

mod body;
mod framing;
mod head;
mod refusal;
mod target;

pub use body::{BodyError, BodyFollower, BodyStep};
pub use head::{HeadLimits, HeadReader, PassedHead};
pub use refusal::HeadRefusal;
pub use target::{is_authority, is_path_and_query};
