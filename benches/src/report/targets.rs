//! What the project promises itself, and whether a run keeps it.

use crate::figure::{
    ADDED_P50, ADDED_P99, BINARY_SIZE, COLD_START, CPU_PER_GIB, CPU_PER_UPLOAD, Figure, GOODPUT, IDLE_RSS,
    MEMORY_PER_UPLOAD, REFUSAL_P99,
};
use crate::job::JobKind;
use crate::run::Results;
use crate::stats::short;

/// The peer that keeps or breaks a target.
pub const SUBJECT: &str = "tidegate";

/// The peer that most targets compare with: nginx at buffers that suit it.
pub const REFERENCE: &str = "nginx-512k";

/// One promise.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// Of which job.
    pub job: JobKind,
    /// Of which figure.
    pub figure: Figure,
    /// All of these must hold.
    pub must: &'static [Bound],
    /// All of these should.
    pub aim: &'static [Bound],
}

/// What a figure is held against. Comparisons are of medians within one run.
#[derive(Debug, Clone, Copy)]
pub enum Bound {
    /// At most so many times that peer's figure of the same job.
    TimesPeer(f64, &'static str),
    /// At most so many times the subject's own figure of that job.
    TimesOwn(f64, JobKind),
    /// At most the subject's own figure of a job and so many times a peer's of it.
    OwnPlusPeer(JobKind, f64, &'static str),
    /// At most this.
    AtMost(f64),
    /// At least this.
    AtLeast(f64),
}

/// What a run says about a bound.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Verdict {
    /// It holds; the bound's value in the figure's unit.
    Holds(f64),
    /// It does not.
    Fails(f64),
    /// Something that it needs was not measured.
    Unknown,
}

const fn target(job: JobKind, figure: Figure, must: &'static [Bound], aim: &'static [Bound]) -> Target {
    Target { job, figure, must, aim }
}

/// Every promise, in the order of the report.
pub const ALL: [Target; 16] = [
    target(JobKind::Raw, CPU_PER_GIB, &[Bound::TimesPeer(0.90, REFERENCE)], &[Bound::TimesPeer(0.80, REFERENCE)]),
    target(JobKind::Small, CPU_PER_UPLOAD, &[Bound::TimesPeer(1.0, REFERENCE)], &[Bound::TimesPeer(0.85, REFERENCE)]),
    target(JobKind::Chunked, CPU_PER_GIB, &[Bound::TimesPeer(0.90, REFERENCE)], &[Bound::TimesPeer(0.80, REFERENCE)]),
    target(
        JobKind::RawToForm,
        CPU_PER_GIB,
        &[Bound::TimesOwn(1.10, JobKind::Raw)],
        &[Bound::TimesOwn(1.05, JobKind::Raw)],
    ),
    target(
        JobKind::RawToJson,
        CPU_PER_GIB,
        &[Bound::TimesPeer(0.50, "node"), Bound::OwnPlusPeer(JobKind::Raw, 0.45, REFERENCE)],
        &[Bound::TimesOwn(1.35, JobKind::Raw)],
    ),
    target(
        JobKind::FormToRaw,
        CPU_PER_GIB,
        &[Bound::TimesPeer(0.40, "node"), Bound::TimesOwn(1.30, JobKind::Raw)],
        &[Bound::TimesOwn(1.15, JobKind::Raw)],
    ),
    target(JobKind::TlsIn, CPU_PER_GIB, &[Bound::TimesPeer(1.10, REFERENCE)], &[Bound::TimesPeer(1.0, REFERENCE)]),
    target(JobKind::Slow2000, MEMORY_PER_UPLOAD, &[Bound::AtMost(14.0)], &[Bound::AtMost(6.0)]),
    target(JobKind::Pressure, MEMORY_PER_UPLOAD, &[Bound::AtMost(128.0)], &[Bound::AtMost(64.0)]),
    target(JobKind::Start, IDLE_RSS, &[Bound::AtMost(15.0)], &[Bound::AtMost(8.0)]),
    target(JobKind::Start, COLD_START, &[Bound::AtMost(50.0)], &[Bound::AtMost(15.0)]),
    target(JobKind::Start, BINARY_SIZE, &[Bound::AtMost(15.0)], &[Bound::AtMost(10.0)]),
    target(JobKind::Latency, ADDED_P50, &[], &[Bound::AtMost(0.2)]),
    target(JobKind::Latency, ADDED_P99, &[Bound::AtMost(3.0)], &[Bound::AtMost(1.0)]),
    target(JobKind::Overload, GOODPUT, &[Bound::AtLeast(80.0)], &[Bound::AtLeast(90.0)]),
    target(JobKind::Overload, REFUSAL_P99, &[Bound::AtMost(10.0)], &[]),
];

impl Bound {
    /// Whether it holds in that run.
    #[must_use]
    pub fn verdict(self, target: &Target, results: &Results) -> Verdict {
        let own = |job| results.median(job, SUBJECT, target.figure);
        let peer = |job, peer| results.median(job, peer, target.figure);
        let limit = match self {
            Self::TimesPeer(times, name) => peer(target.job, name).map(|value| value * times),
            Self::TimesOwn(times, job) => own(job).map(|value| value * times),
            Self::OwnPlusPeer(job, times, name) => own(job).zip(peer(job, name)).map(|(own, peer)| own + peer * times),
            Self::AtMost(limit) | Self::AtLeast(limit) => Some(limit),
        };
        let Some((value, limit)) = own(target.job).zip(limit) else { return Verdict::Unknown };
        let holds = if matches!(self, Self::AtLeast(_)) { value >= limit } else { value <= limit };
        if holds { Verdict::Holds(limit) } else { Verdict::Fails(limit) }
    }

    /// As the report writes it.
    #[must_use]
    pub fn text(self) -> String {
        match self {
            Self::TimesPeer(times, peer) => format!("≤ {times:.2} × {peer}"),
            Self::TimesOwn(times, job) => format!("≤ {times:.2} × own {}", job.name()),
            Self::OwnPlusPeer(job, times, peer) => {
                format!("≤ own {0} + {times:.2} × {peer}'s {0}", job.name())
            }
            Self::AtMost(limit) => format!("≤ {}", short(limit)),
            Self::AtLeast(limit) => format!("≥ {}", short(limit)),
        }
    }
}

impl Verdict {
    /// As the report writes it.
    #[must_use]
    pub fn text(self) -> String {
        match self {
            Self::Holds(limit) => format!("holds ({})", short(limit)),
            Self::Fails(limit) => format!("**fails** ({})", short(limit)),
            Self::Unknown => "not measured".to_owned(),
        }
    }
}
