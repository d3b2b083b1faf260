//! Where and when a run took place.

use std::fs;
use std::process::Command;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// What a reader must know to compare figures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Machine {
    /// RFC 3339, UTC, to the second.
    pub date: String,
    /// Of the source tree; with `+` when something was changed since.
    pub commit: String,
    /// Of the project.
    pub version: String,
    /// Model and number of processors.
    pub processor: String,
    /// In GiB.
    pub memory: String,
    /// Name and release.
    pub kernel: String,
    /// Processes that wanted to run in the last minute, as of the start.
    pub load: String,
}

impl Machine {
    /// This one, now.
    #[must_use]
    pub fn here() -> Self {
        let processors = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let model = field(&processors, "model name").unwrap_or("a processor that tells no model");
        let count = processors.lines().filter(|line| line.starts_with("processor")).count();
        let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
        let memory = field(&memory, "MemTotal").and_then(|text| text.split(' ').next()?.parse::<f64>().ok());
        let now = OffsetDateTime::now_utc();
        Self {
            date: now.replace_nanosecond(0).unwrap_or(now).format(&Rfc3339).unwrap_or_default(),
            commit: commit(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            processor: format!("{model}, {count} processors"),
            memory: format!("{:.0} GiB", memory.unwrap_or_default() / 1024.0 / 1024.0),
            kernel: format!("Linux {}", first_line("/proc/sys/kernel/osrelease")),
            load: first_line("/proc/loadavg").split(' ').next().unwrap_or_default().to_owned(),
        }
    }
}

fn commit() -> String {
    let git = |arguments: &[&str]| {
        let output = Command::new("git").args(arguments).current_dir(env!("CARGO_MANIFEST_DIR")).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let Some(commit) = git(&["rev-parse", "--short=10", "HEAD"]) else { return "unknown".to_owned() };
    // What the harness itself writes is no change of what is measured.
    let changed = git(&["status", "--porcelain", "--untracked-files=no", "--", "../crates", "../Cargo.lock"]);
    if changed.is_some_and(|files| !files.is_empty()) { commit + "+" } else { commit }
}

fn field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let line = text.lines().find(|line| line.starts_with(name))?;
    Some(line.split(':').nth(1)?.trim())
}

fn first_line(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default().lines().next().unwrap_or_default().to_owned()
}
