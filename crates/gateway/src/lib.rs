//! What makes it happen: sockets, TLS, the upload pipeline, metrics and the admin side.
//!
//! Modules in reading order; `pipeline` is the page to read first.

// The pipeline and its stages, in the order of the flow.
mod attended;
mod pipeline;

mod cors;
mod ingress;

pub mod access;
mod steps;
pub mod transfer;
mod undo;

mod respond;

// What the stages pass on and share.
mod ledger;
mod stored;
mod surroundings;
mod trace;

// The process around them.
pub mod load;
pub mod server;

pub mod admin;
pub mod app;
pub mod budget;
pub mod fairuse;
mod files;
pub mod memory;
pub mod metrics;
pub mod problems;
pub mod secrets;
pub mod uploads;
pub mod upstream;
