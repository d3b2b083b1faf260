//! Whatever a client puts into a name, a type or a parameter is a value, and never syntax: not a header, a form boundary, a path
//! segment, JSON or XML, an expression, a line of the log or a label of a metric.
//!
//! `building` builds the requests of many random values in memory, `sockets` sends chosen ones through a gateway. Both ask the
//! sandbox's own parsers what arrived.

mod attacks;
mod building;
mod routes;
mod sockets;
