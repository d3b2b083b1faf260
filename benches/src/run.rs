//! One run of everything that was asked for: proofs first, then the measurements, peers in turn.

use std::path::PathBuf;

use crate::job::Scale;

/// What is measured.
#[derive(Debug, Clone)]
pub struct Options {
    /// Names of jobs; none means all.
    pub jobs: Vec<String>,
    /// Names of peers; none means all.
    pub peers: Vec<String>,
    /// How often each is measured.
    pub runs: usize,
    /// How much is measured at once.
    pub scale: Scale,
    /// Tidegate's program.
    pub tidegate: PathBuf,
    /// A second one to compare it with, as the peer `tidegate-base`.
    pub baseline: Option<PathBuf>,
    /// Where report, plots and history go.
    pub output: PathBuf,
}
