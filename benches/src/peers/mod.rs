//! The programs that are measured.

pub mod tidegate;

use crate::peer::Peer;
use crate::run::Options;

/// Every peer, in the order of the report: Tidegate first, then what it is compared to, then the physical limits.
#[must_use]
pub fn all(options: &Options) -> Vec<Box<dyn Peer>> {
    let mut peers: Vec<Box<dyn Peer>> = vec![Box::new(tidegate::Tidegate::released(options.tidegate.clone()))];
    if let Some(program) = &options.baseline {
        peers.push(Box::new(tidegate::Tidegate::baseline(program.clone())));
    }
    peers
}
