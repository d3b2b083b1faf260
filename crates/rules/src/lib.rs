//! What should happen: the rule language and every decision about an upload.
//!
//! This crate reads no file, no clock and no environment variable, and it opens no socket: texts, the time and answers of
//! upstreams are handed in, verdicts come out. So each decision is a table test, and `check` and `explain` need nothing else.

pub mod access;
pub mod admission;
pub mod check;
pub mod config;
pub mod cors;
pub mod diagnostics;
pub mod egress;
pub mod explain;
pub mod expr;
pub mod failure;
pub mod fair_use;
pub mod openapi;
pub mod plan;
pub mod policy;
pub mod routing;
pub mod run;
pub mod schema;
pub mod shown;
pub mod source;
pub mod url;
mod when;
pub mod withheld;
