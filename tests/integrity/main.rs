//! What must hold whatever goes wrong: nothing is committed that was not verified, what was begun is undone, every upload
//! ends once, and the client hears the right problem.
//!
//! Read `shape` (how a client can send a file), `bench` (a gateway and what stands behind it) and then any topic.

mod bench;
mod routes;
mod shape;
mod watch;

mod connections;
mod drain;
mod expectation;
mod faults;
mod gate;
mod truncation;
