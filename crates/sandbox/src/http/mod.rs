//! A small HTTP/1.1 server side over a plain socket.
//!
//! It is our own because the faults must be exact: a library would hide a premature FIN, read ahead of a stall, tidy
//! up header case, or turn a reset into a close. It is strict about framing, so a careless client is seen here and not
//! forgiven: two lengths, a length beside a transfer coding or a missing `Host` are answered with 400.

mod answer;
mod body;
mod connection;
mod form;
mod head;

pub(crate) use answer::Answer;
pub(crate) use body::{Body, BodyError, Cut, Seen};
pub(crate) use connection::{Connection, HeadError};
pub use form::WholePart;
pub(crate) use form::{FormError, FormReader, PartHead, boundary_of, read_form};
pub(crate) use head::{Framing, Head, decode_query};
