//! The gate at the edge: what a strict server must refuse, over real sockets, and what the upstream then has seen.

#![expect(clippy::expect_used, clippy::panic, reason = "a test ends where something is not as it must be")]

mod cases;
mod corpus;
mod frames;
mod http2;
mod kills;
mod slow;
mod stage;
