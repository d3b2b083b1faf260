//! Problems of a configuration, and the report that shows them: all at once, each with its place and what to do about it.
//!
//! A problem never holds the value of an environment variable, and no excerpt a credential that was written out: reports end up
//! in logs and tickets.

mod hidden;
mod problem;
mod render;
mod report;
mod suggest;

pub(crate) use hidden::{is_credential, is_written_credential};
pub use problem::{Problem, Problems, Severity};
pub use render::Colours;
pub use report::Report;
pub(crate) use suggest::{did_you_mean, listing};

#[cfg(test)]
mod tests;
