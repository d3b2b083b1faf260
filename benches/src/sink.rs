//! The upstream: takes every kind of request that the jobs send on, counts what arrives or keeps its digest.

use std::net::SocketAddr;

/// How the sink treats bodies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Discards and counts them; costs next to nothing.
    Count,
    /// Reads them, takes the file out of form or JSON, and keeps length and digest.
    Keep,
}

/// What arrived since the last reset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// Whole requests that carry a file.
    pub files: u64,
    /// Bytes of the bodies of these, decoded from chunks, framing of forms and JSON included.
    pub body_bytes: u64,
    /// Whole requests of other kinds: prepare steps and completions.
    pub calls: u64,
}

/// A file that arrived while the sink kept them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// Method and target of the request.
    pub request: String,
    /// Of the file, not of the body around it.
    pub len: u64,
    /// Of the file.
    pub sha256: [u8; 32],
}

/// A running upstream; its threads end when it is dropped.
#[derive(Debug)]
pub struct Sink {
    address: SocketAddr,
}

impl Sink {
    /// Listens on a port that the system chooses, its threads on `core`.
    ///
    /// # Errors
    /// No port can be had.
    pub fn start(core: Option<usize>) -> anyhow::Result<Self> {
        let _ = core;
        anyhow::bail!("the sink is being written")
    }

    /// Where peers send to.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Forgets what arrived, and treats bodies so from the next request on.
    pub fn reset(&self, mode: Mode) {
        let _ = mode;
    }

    /// Lets each connection read no more than this many bytes per second; `None` lifts it.
    pub fn pace(&self, bytes_per_second: Option<u64>) {
        let _ = bytes_per_second;
    }

    /// What arrived.
    #[must_use]
    pub fn tally(&self) -> Tally {
        Tally::default()
    }

    /// The files that arrived in [`Mode::Keep`].
    #[must_use]
    pub fn stored(&self) -> Vec<Stored> {
        Vec::new()
    }
}
