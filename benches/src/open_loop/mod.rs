//! Uploads at a rate that does not depend on how fast they are answered, or as many as are answered.
//!
//! Each upload of a fixed rate has a time at which it is due, and its latency counts from there: one that had to wait, because
//! the peer was slow with those before it, shows as slow. The generator shares the machine with who is measured, so it is one
//! thread with one `epoll`, sends the same bytes again and again, and keeps connections as long as they are kept for it. How
//! late it was itself, and how busy, is told with the figures.

mod answer;
mod connection;
mod driver;
mod latencies;
#[cfg(test)]
mod tests;
mod timer;

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use driver::Driver;

pub use latencies::Latencies;

/// What is sent, and how fast.
#[derive(Debug, Clone, Copy)]
pub struct Load<'a> {
    /// To whom.
    pub address: SocketAddr,
    /// A whole request, head and body.
    pub request: &'a [u8],
    /// When.
    pub pace: Pace,
    /// For how long. What was due by then is sent and waited for, 5 seconds at most.
    pub lasts: Duration,
    /// Connections at once. An upload that is due while all are busy waits for one, and its latency counts.
    pub connections: usize,
}

/// When uploads begin.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Pace {
    /// So many in each second, whatever becomes of them.
    Fixed {
        /// Not zero.
        per_second: f64,
    },
    /// One on each connection as soon as the one before has ended: the peak.
    Closed,
}

/// What became of the uploads.
#[derive(Debug, Default)]
pub struct Tally {
    /// Answered 2xx, from when they were due.
    pub completed: Latencies,
    /// How many of them before the time was over.
    pub completed_in_time: u64,
    /// Answered 503, from when they were sent: that they were sent late is nothing that a peer could help.
    pub refused: Latencies,
    /// Answered otherwise.
    pub failed: u64,
    /// Ended without a whole answer: reset, or no connection.
    pub broken: u64,
    /// Not answered within 5 seconds of the end, or not even begun for want of a connection.
    pub unanswered: u64,
    /// Of those that were begun: how late, for which the generator or a want of connections is to blame.
    pub late: Latencies,
    /// From the first upload that was due to the last.
    pub lasted: Duration,
    /// CPU time of the generator's thread meanwhile.
    pub busy: Duration,
}

impl Tally {
    /// Uploads that were due.
    #[must_use]
    pub fn offered(&self) -> u64 {
        self.completed.count() + self.refused.count() + self.failed + self.broken + self.unanswered
    }

    /// Uploads that ended well within the time, per second.
    #[must_use]
    pub fn goodput(&self) -> f64 {
        per_second(self.completed_in_time, self.lasted)
    }

    /// Uploads that were begun, per second. Fewer than were due when the generator or the peer's places for connections are at
    /// their end.
    #[must_use]
    pub fn begun_per_second(&self) -> f64 {
        per_second(self.late.count(), self.lasted)
    }

    /// The share of a core that the generator took, from 0 to 1.
    #[must_use]
    pub fn generator_load(&self) -> f64 {
        if self.lasted.is_zero() { 0.0 } else { self.busy.as_secs_f64() / self.lasted.as_secs_f64() }
    }

    /// What went wrong in words, if anything but a refusal did.
    #[must_use]
    pub fn trouble(&self) -> Option<String> {
        let Self { failed, broken, unanswered, .. } = self;
        (failed + broken + unanswered > 0)
            .then(|| format!("{failed} uploads failed, {broken} broke off, {unanswered} were not answered"))
    }
}

/// Sends until the time is over.
///
/// # Errors
/// No `epoll`, no timer, or no connection at all can be had.
pub fn run(load: &Load<'_>) -> io::Result<Tally> {
    Driver::new(*load)?.run()
}

#[expect(clippy::cast_precision_loss, reason = "counts of a few seconds are far below 2^52")]
fn per_second(count: u64, time: Duration) -> f64 {
    if time.is_zero() { 0.0 } else { count as f64 / time.as_secs_f64() }
}
