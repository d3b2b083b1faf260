//! The jobs that are measured.

mod crowd_sink;
mod latency;
mod overload;
mod pressure;
mod proof;
mod slow;
mod start;
pub mod throughput;

use crate::job::Job;

/// Every job, in the order of the report.
#[must_use]
pub fn all() -> Vec<Box<dyn Job>> {
    let throughput = throughput::ALL.into_iter().map(|job| Box::new(job) as Box<dyn Job>);
    let crowds = slow::ALL.into_iter().map(|job| Box::new(job) as Box<dyn Job>);
    let others: [Box<dyn Job>; 4] = [
        Box::new(pressure::Pressure),
        Box::new(latency::Latency),
        Box::new(overload::Overload),
        Box::new(start::Start),
    ];
    throughput.chain(crowds).chain(others).collect()
}
