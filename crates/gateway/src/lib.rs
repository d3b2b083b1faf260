//! What makes it happen: sockets, TLS, the upload pipeline, metrics and the admin side.
//!
//! Modules in reading order; `pipeline` is the page to read first.

mod pipeline;

pub mod admin;
pub mod load;
pub mod server;

pub mod ingress;
mod ledger;
mod respond;
mod steps;
mod trace;
mod undo;

pub mod transfer;

pub mod upstream;

pub mod app;
pub mod budget;
pub mod memory;

pub mod metrics;

pub mod secrets;

pub mod uploads;
