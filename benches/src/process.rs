//! What processes cost, read from `/proc` and the kernel's CPU clocks; and where threads may run.
//!
//! CPU time is read from the CPU clock of each process (`clock_getcpuclockid`): nanoseconds, of all its threads, those that
//! have ended included. `/proc/PID/stat` counts the same in ticks of 10 ms, and `/proc/PID/task/*/schedstat` forgets a
//! thread when it ends. A process that ends takes its time along in all three, so peers must not end workers while measured.

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use anyhow::Context;
use nix::time::{ClockId, clock_gettime};
use nix::unistd::Pid;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// A process and all below it.
#[derive(Debug, Clone)]
pub struct Group {
    ids: Vec<u32>,
}

/// Memory of a group, in KiB.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Memory {
    /// Resident now.
    pub resident: u64,
    /// The most that was resident since the peak was reset, summed over the processes.
    pub peak: u64,
}

impl Group {
    /// The process and all below it as of now.
    ///
    /// # Errors
    /// There is no such process.
    pub fn of(root: u32) -> anyhow::Result<Self> {
        fs::metadata(format!("/proc/{root}")).context("the process has ended")?;
        let mut children: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
        for entry in fs::read_dir("/proc")?.flatten() {
            let Some(id) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
            if let Some(parent) = status(id, "PPid:").and_then(|parent| u32::try_from(parent).ok()) {
                children.entry(parent).or_default().push(id);
            }
        }
        let mut ids = vec![root];
        let mut next = 0;
        while let Some(id) = ids.get(next) {
            ids.extend(children.remove(id).unwrap_or_default());
            next += 1;
        }
        Ok(Self { ids })
    }

    /// How many processes it has.
    #[must_use]
    pub fn count(&self) -> usize {
        self.ids.len()
    }

    /// User and system time of all its threads since it began.
    ///
    /// # Errors
    /// One of its processes has ended.
    pub fn cpu(&self) -> anyhow::Result<Duration> {
        self.ids.iter().try_fold(Duration::ZERO, |sum, &id| {
            let clock = ClockId::pid_cpu_clock_id(Pid::from_raw(i32::try_from(id)?))?;
            Ok(sum + Duration::from(clock_gettime(clock)?))
        })
    }

    /// Resident memory, `VmRSS` and `VmHWM` of `/proc/PID/status`. Pages that processes share count for each.
    #[must_use]
    pub fn memory(&self) -> Memory {
        self.ids.iter().fold(Memory::default(), |sum, &id| Memory {
            resident: sum.resident + status(id, "VmRSS:").unwrap_or(0),
            peak: sum.peak + status(id, "VmHWM:").unwrap_or(0),
        })
    }

    /// Lets the peak begin anew at what is resident now.
    ///
    /// # Errors
    /// The kernel does not allow it.
    pub fn reset_peak(&self) -> anyhow::Result<()> {
        self.ids.iter().try_for_each(|id| {
            fs::write(format!("/proc/{id}/clear_refs"), "5").with_context(|| format!("cannot reset the peak of {id}"))
        })
    }
}

/// User and system time of this process, which holds load generator and sink.
///
/// # Errors
/// The kernel has no such clock.
pub fn own_cpu() -> anyhow::Result<Duration> {
    Ok(clock_gettime(ClockId::CLOCK_PROCESS_CPUTIME_ID)?.into())
}

/// Calls `act` on a core; a process that it starts stays there. The calling thread returns to where it may run now.
///
/// # Errors
/// There is no such core.
pub fn pinned<T>(core: Option<usize>, act: impl FnOnce() -> T) -> anyhow::Result<T> {
    let before = sched_getaffinity(None)?;
    pin(core)?;
    let result = act();
    sched_setaffinity(None, &before)?;
    Ok(result)
}

/// Keeps the calling thread, and those that it starts, on a core.
///
/// # Errors
/// There is no such core.
pub fn pin(core: Option<usize>) -> anyhow::Result<()> {
    if let Some(core) = core {
        let mut set = CpuSet::new();
        set.set(core);
        sched_setaffinity(None, &set).with_context(|| format!("cannot run on core {core}"))?;
    }
    Ok(())
}

/// The cores on which this process may run, the first ones first.
///
/// # Errors
/// The kernel does not tell.
pub fn cores() -> anyhow::Result<Vec<usize>> {
    let set = sched_getaffinity(None)?;
    Ok((0..CpuSet::MAX_CPU).filter(|&core| set.is_set(core)).collect())
}

/// Waits without work.
pub fn pause(time: Duration) {
    #[expect(clippy::disallowed_methods, reason = "no runtime runs on this thread")]
    std::thread::sleep(time);
}

/// A number of `/proc/PID/status`.
fn status(id: u32, field: &str) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{id}/status")).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(field))?;
    line.split_whitespace().next()?.parse().ok()
}
