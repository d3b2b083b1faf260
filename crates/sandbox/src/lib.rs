//! The other side: strict stand-ins of the systems that Tidegate uploads to, with faults on cue.
//!
//! A [`Sandbox`] listens on loopback, one port per system plus one for the S3 endpoint that three of them hand out
//! URLs for. The stand-ins are written from the vendors' pages alone and share no code with the gateway, so that an
//! error of one shows against the other: they verify signatures, policies, lengths, digests, types and order for real.
//! Files of any size pass; only their size and digests are kept.
//!
//! [`Fault`]s make single requests go wrong. For rules that none of the systems fits there is the [`peer`], a server
//! that answers from a script.

pub mod peer;
pub mod reading;
pub mod sigv4;

mod clock;
mod connect;
mod faults;
mod fields;
mod flowkiwi;
mod http;
mod journal;
mod klinkcx;
mod kustomer;
mod objects;
mod options;
mod policy;
mod s3;
mod sandbox;
mod server;
mod state;
mod system;
mod teamwork;
#[cfg(test)]
mod tests;

pub use faults::{Fault, FaultKind};
pub use journal::Exchange;
pub use objects::{Announced, ObjectState, StoredObject};
pub use options::Options;
pub use sandbox::Sandbox;
pub use system::{Step, System};
