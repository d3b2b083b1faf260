//! The jobs that are measured.

pub mod throughput;

use crate::job::Job;

/// Every job, in the order of the report.
#[must_use]
pub fn all() -> Vec<Box<dyn Job>> {
    throughput::ALL.into_iter().map(|job| Box::new(job) as Box<dyn Job>).collect()
}
