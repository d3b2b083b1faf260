//! What the bytes mean: names, forms, base64, digests, HTTP/1.1 framing and small documents, as pure values without IO.
//!
//! Nothing here opens a socket, reads a clock or the environment, or knows a rule. Everything that comes from a client or an
//! upstream is hostile until it went through one of these parsers: each is bounded, linear in its input, correct at every
//! split point of a stream, and has no panic that input can reach.

#![warn(clippy::arithmetic_side_effects, clippy::indexing_slicing, clippy::as_conversions)]

pub mod name;

pub mod envelope;
pub mod transform;

pub mod digest;
pub mod disposition;
pub mod media_type;

pub mod fields;
pub mod form;
pub mod http1;

pub mod sniff;
pub mod xml;

mod base64_stream;
mod length;
mod parameters;
mod text;
