//! Fair use over real sockets: every limit, for a client and for a route, over HTTP/1.1 and HTTP/2; shaping; overload.

mod kept;
mod limits;
mod overload;
mod pacing;
mod stage;
