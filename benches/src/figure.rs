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
/// The same where the upstream's window is small, so that less fits into the kernel.
pub const MEMORY_PER_UPLOAD_SMALL_WINDOW: Figure = less("memory-each-small-window", "KiB");
/// The most that the peer said of its own budget for buffers, of what the budget is.
pub const BUDGET_USED: Figure = less("budget", "% of limit");
/// User and system time per second while slow uploads trickle.
pub const CPU_PER_SECOND: Figure = less("cpu-per-second", "ms CPU/s");
/// How long a small upload takes while many slow ones are open, the median.
pub const MEANWHILE_P50: Figure = less("meanwhile-p50", "ms");
/// The same, 99 of 100.
pub const MEANWHILE_P99: Figure = less("meanwhile-p99", "ms");
/// Uploads per second at which latency was measured.
pub const RATE: Figure = more("rate", "1/s");
/// Latency of an upload beyond that of the same upload without a peer between, the median.
pub const ADDED_P50: Figure = less("added-p50", "ms");
/// The same, 99 of 100.
pub const ADDED_P99: Figure = less("added-p99", "ms");
/// The same, 999 of 1000.
pub const ADDED_P999: Figure = less("added-p99.9", "ms");
/// `added-p50` at a rate that is the same for all peers.
pub const ADDED_P50_COMMON: Figure = less("added-p50-common", "ms");
/// `added-p99` at a rate that is the same for all peers.
pub const ADDED_P99_COMMON: Figure = less("added-p99-common", "ms");
/// How much of a core the load generator took: near 100 it measured itself.
pub const GENERATOR: Figure = less("generator", "% of a core");
/// Uploads per second that were sent under overload, as a multiple of those that can be carried.
pub const OFFERED: Figure = more("offered", "× peak");
/// Uploads per second that end well under overload, of those at the best load.
pub const GOODPUT: Figure = more("goodput", "% of peak");
/// How soon a refusal is answered under overload, the median.
pub const REFUSAL_P50: Figure = less("refusal-p50", "ms");
/// How soon a refusal is answered under overload, 99 of 100.
pub const REFUSAL_P99: Figure = less("refusal-p99", "ms");
/// From the start of the process to the first answer.
pub const COLD_START: Figure = less("cold-start", "ms");
/// From the start of the process to the answer to an upload that was sent as soon as it was ready.
pub const FIRST_UPLOAD: Figure = less("first-upload", "ms");
/// Resident memory before the first upload.
pub const IDLE_RSS: Figure = less("idle-rss", "MiB");
/// Resident memory after the first upload.
pub const RSS_AFTER_UPLOAD: Figure = less("rss-after-upload", "MiB");
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
    MEMORY_PER_UPLOAD_SMALL_WINDOW,
    MEMORY_OF_UPLOADS,
    BUDGET_USED,
    CPU_PER_SECOND,
    MEANWHILE_P50,
    MEANWHILE_P99,
    RATE,
    ADDED_P50,
    ADDED_P99,
    ADDED_P999,
    ADDED_P50_COMMON,
    ADDED_P99_COMMON,
    OFFERED,
    GOODPUT,
    REFUSAL_P50,
    REFUSAL_P99,
    GENERATOR,
    COLD_START,
    FIRST_UPLOAD,
    IDLE_RSS,
    RSS_AFTER_UPLOAD,
    BINARY_SIZE,
];
