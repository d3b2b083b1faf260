//! What is measured, by name and unit. Reports, targets and the history know figures by these names.

/// One kind of figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Figure {
    /// Unique; also the name in the history.
    pub name: &'static str,
    /// As readers want it.
    pub unit: &'static str,
    /// Whether a smaller value is the better one.
    pub less_is_better: bool,
}

const fn less(name: &'static str, unit: &'static str) -> Figure {
    Figure { name, unit, less_is_better: true }
}

const fn more(name: &'static str, unit: &'static str) -> Figure {
    Figure { name, unit, less_is_better: false }
}

/// User and system time of the peer's processes per GiB of file.
pub const CPU_PER_GIB: Figure = less("cpu", "CPU-s/GiB");
/// User and system time of the peer's processes per upload.
pub const CPU_PER_UPLOAD: Figure = less("cpu-each", "µs CPU");
/// The largest resident memory of the peer's processes while it worked.
pub const PEAK_RSS: Figure = less("peak-rss", "MiB");
/// File bytes per second of wall time. Shared machines make it mean little.
pub const THROUGHPUT: Figure = more("throughput", "MiB/s");
/// Uploads per second of wall time. Shared machines make it mean little.
pub const UPLOADS_PER_SECOND: Figure = more("uploads", "1/s");
/// User and system time of load generator and sink, of the peer's: beyond 100, the peer had to wait for them.
pub const LOAD_CPU: Figure = less("load-cpu", "% of the peer's");
/// Resident memory that one more open upload takes.
pub const MEMORY_PER_UPLOAD: Figure = less("memory-each", "KiB");
/// The most that all open uploads together took beyond the idle process.
pub const MEMORY_OF_UPLOADS: Figure = less("memory", "MiB");
/// Latency of an upload beyond that of the same upload without a peer between, the median.
pub const ADDED_P50: Figure = less("added-p50", "ms");
/// The same, 99 of 100.
pub const ADDED_P99: Figure = less("added-p99", "ms");
/// The same, 999 of 1000.
pub const ADDED_P999: Figure = less("added-p99.9", "ms");
/// Uploads per second that end well under overload, of those at the best load.
pub const GOODPUT: Figure = more("goodput", "% of peak");
/// How soon a refusal is answered under overload, 99 of 100.
pub const REFUSAL_P99: Figure = less("refusal-p99", "ms");
/// From the start of the process to the first answer.
pub const COLD_START: Figure = less("cold-start", "ms");
/// Resident memory before the first upload.
pub const IDLE_RSS: Figure = less("idle-rss", "MiB");
/// The stripped binary.
pub const BINARY_SIZE: Figure = less("binary", "MB");

/// Every figure.
pub const ALL: &[Figure] = &[
    CPU_PER_GIB,
    CPU_PER_UPLOAD,
    PEAK_RSS,
    THROUGHPUT,
    UPLOADS_PER_SECOND,
    LOAD_CPU,
    MEMORY_PER_UPLOAD,
    MEMORY_OF_UPLOADS,
    ADDED_P50,
    ADDED_P99,
    ADDED_P999,
    GOODPUT,
    REFUSAL_P99,
    COLD_START,
    IDLE_RSS,
    BINARY_SIZE,
];
