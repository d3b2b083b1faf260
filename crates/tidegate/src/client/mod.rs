//! The client's side of the contract: one uniform upload, streamed over HTTP/1.1 or HTTP/2, with or without TLS.
//!
//! Shared by `upload` and `demo`. It is written from the contract alone, so that a mistake of the gateway's forms and digests
//! shows against it.

mod answer;
mod body;
mod connection;
mod form;
mod request;

pub(crate) use answer::Answer;
pub(crate) use body::{Chunks, of_chunks, of_reader};
pub(crate) use connection::{Connection, Protocol};
pub(crate) use request::{Form, Length, Offer};
