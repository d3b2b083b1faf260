//! The clients: they send uploads over connections that they keep, and check every answer.
//!
//! Plain threads with blocking sockets cost least per byte here. All run on the core that the peer does not have.

use std::net::SocketAddr;
use std::time::Duration;

use crate::content::Content;
use crate::job::JobKind;

/// What the clients do.
#[derive(Debug, Clone)]
pub struct Load {
    /// Which kind of request.
    pub job: JobKind,
    /// What is uploaded each time.
    pub content: Content,
    /// How many uploads in all.
    pub uploads: usize,
    /// Over how many connections, each sending one upload after another.
    pub connections: usize,
    /// The core to run on.
    pub core: Option<usize>,
}

impl Load {
    /// Sends all uploads and tells how long that took.
    ///
    /// # Errors
    /// A connection failed, or an answer was none of success; all connections end then.
    pub fn run(&self, address: SocketAddr) -> anyhow::Result<Duration> {
        let _ = address;
        anyhow::bail!("the load generator is being written")
    }
}
