//! Tidegate as shipped: commit gate, budget, CRC64, metrics and log on.

use std::path::PathBuf;

use crate::job::JobKind;
use crate::peer::{Peer, Running, Setting};

/// A program of Tidegate.
#[derive(Debug)]
pub struct Tidegate {
    name: &'static str,
    program: PathBuf,
}

impl Tidegate {
    /// The one to measure.
    #[must_use]
    pub fn released(program: PathBuf) -> Self {
        Self { name: "tidegate", program }
    }

    /// The one to compare it with.
    #[must_use]
    pub fn baseline(program: PathBuf) -> Self {
        Self { name: "tidegate-base", program }
    }
}

impl Peer for Tidegate {
    fn name(&self) -> &'static str {
        self.name
    }

    fn about(&self) -> String {
        self.program.display().to_string()
    }

    fn supports(&self, _: JobKind) -> bool {
        true
    }

    fn installed(&self) -> Result<(), String> {
        if self.program.is_file() { Ok(()) } else { Err(format!("there is no {}", self.program.display())) }
    }

    fn start(&self, _: &Setting) -> anyhow::Result<Running> {
        anyhow::bail!("being written")
    }
}
