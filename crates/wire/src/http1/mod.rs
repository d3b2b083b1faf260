//! HTTP/1.1 as bytes (RFC 9112): the gate that a client's requests must pass, and the pure half of the writer that carries
//! the file to an upstream.
//!
//! An attacker on the client side would smuggle a field or a second request through a value; one on the upstream side would
//! answer with ambiguous framing, endless heads or endless interim answers. Both are refused here.

pub mod chunked;
pub mod gate;
mod request;
mod response;

pub use request::{HeadError, RequestFraming, RequestHead};
pub use response::{ResponseDecoder, ResponseError, ResponseHead, ResponseLimits};
