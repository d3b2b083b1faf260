//! The client's side of the contract: one uniform upload, streamed over HTTP/1.1 or HTTP/2, with or without TLS.
//!
//! Shared by `upload`, `demo` and `test`. It is written from the contract alone, so that a mistake of the gateway's forms and digests
//! shows against it.

mod answer;
mod body;
mod connection;
mod form;
mod request;

pub(crate) use answer::Answer;
pub(crate) use body::{Body, Chunks, READ_SIZE, of_chunks, of_reader, whole};
pub(crate) use connection::{Connection, Protocol};
pub(crate) use form::frame;
pub(crate) use request::{Form, Length, Offer, boundary, encoded};
