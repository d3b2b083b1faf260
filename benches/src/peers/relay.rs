//! The relays of `src/relay`: what moving the bytes costs at least, and what hyper costs as it comes.

use std::path::PathBuf;
use std::process::Command;

use crate::job::JobKind;
use crate::peer::{Peer, Running, Setting, free_address};

/// The program beside this one.
const PROGRAM: &str = "bench-relay";

/// One mode of the relay.
#[derive(Debug, Clone, Copy)]
pub struct Relay {
    mode: &'static str,
    about: &'static str,
}

impl Relay {
    /// hyper as it comes, the limit of copying, and the limit of not copying.
    pub const ALL: [Self; 3] = [
        Self {
            mode: "hyper",
            about: "hyper's server and hyper-util's pooled client with their defaults, one thread, no log",
        },
        Self {
            mode: "copy",
            about: "heads passed on as they come, bodies through one buffer of 1 MiB, one thread, no log: the limit of copying",
        },
        Self {
            mode: "splice",
            about: "heads passed on as they come, bodies through pipes of 1 MiB, one thread, no log: the limit",
        },
    ];
}

impl Peer for Relay {
    fn name(&self) -> &'static str {
        self.mode
    }

    fn about(&self) -> String {
        self.about.to_owned()
    }

    /// The limits know no chunks, and none of the three knows TLS.
    fn supports(&self, job: JobKind) -> bool {
        super::passes_bodies_on(job) && !job.tls() && (self.mode == "hyper" || job != JobKind::Chunked)
    }

    fn installed(&self) -> Result<(), String> {
        match program() {
            Some(path) if path.is_file() => Ok(()),
            _ => Err(format!("the program {PROGRAM} beside this one, which `cargo bench -p tidegate-benches` builds")),
        }
    }

    fn start(&self, setting: &Setting) -> anyhow::Result<Running> {
        let address = free_address()?;
        let mut command = Command::new(program().ok_or_else(|| anyhow::anyhow!("{PROGRAM} is not there"))?);
        command.arg(self.mode).arg(address.to_string()).arg(setting.upstream.to_string());
        Running::spawn(setting, command, address)
    }
}

/// Cargo puts programs into the folder above that of benchmarks.
fn program() -> Option<PathBuf> {
    let this = std::env::current_exe().ok()?;
    let folder = this.parent()?;
    let above = if folder.ends_with("deps") { folder.parent()? } else { folder };
    Some(above.join(PROGRAM))
}
