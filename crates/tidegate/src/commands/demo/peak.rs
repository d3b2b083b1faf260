//! The memory of a process as the kernel counts it. Systems without `/proc` have no figures.

use std::fs;

/// Whose memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Process {
    /// This one.
    Own,
    /// The one with this number.
    Numbered(u32),
}

/// Resident memory in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Resident {
    /// Now.
    pub(super) now: u64,
    /// At most since [`reset`].
    pub(super) peak: u64,
}

/// Sets the peak back to what is resident now, and tells that; none where the system cannot.
pub(super) fn reset(process: Process) -> Option<Resident> {
    // proc_pid_clear_refs(5): 5 sets the peak resident set back.
    fs::write(path(process, "clear_refs"), "5").ok()?;
    resident(process)
}

/// What is resident; none where the system does not tell.
pub(super) fn resident(process: Process) -> Option<Resident> {
    let status = fs::read_to_string(path(process, "status")).ok()?;
    Some(Resident { now: field(&status, "VmRSS:")?, peak: field(&status, "VmHWM:")? })
}

fn path(process: Process, file: &str) -> String {
    match process {
        Process::Own => format!("/proc/self/{file}"),
        Process::Numbered(id) => format!("/proc/{id}/{file}"),
    }
}

/// A line such as `VmHWM:     12345 kB`; the kernel's kB are KiB.
fn field(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.trim().strip_suffix(" kB")?.parse::<u64>().ok()?.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_kernels_lines() {
        let status = "Name:\ttidegate\nVmHWM:\t   20480 kB\nVmRSS:\t   10240 kB\n";
        assert_eq!(field(status, "VmHWM:"), Some(20 << 20));
        assert_eq!(field(status, "VmSwap:"), None);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_peak_is_never_below_what_is_resident() {
        let before = reset(Process::Own).expect("Linux tells");
        assert!(before.now > 0 && before.peak >= before.now);
    }
}
