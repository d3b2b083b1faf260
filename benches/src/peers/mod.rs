//! The programs that are measured.

pub mod tidegate;

pub mod nginx;

pub mod haproxy;

pub mod node;

pub mod relay;

mod config;

use std::process::Command;

use crate::job::JobKind;
use crate::peer::{Peer, find_program};
use crate::run::Options;

/// Every peer, in the order of the report: Tidegate first, then what it is compared to, then the physical limits.
#[must_use]
pub fn all(options: &Options) -> Vec<Box<dyn Peer>> {
    let mut peers: Vec<Box<dyn Peer>> = vec![Box::new(tidegate::Tidegate::released(options.tidegate.clone()))];
    if let Some(program) = &options.baseline {
        peers.push(Box::new(tidegate::Tidegate::baseline(program.clone())));
    }
    peers.extend(nginx::Nginx::ALL.map(|nginx| Box::new(nginx) as Box<dyn Peer>));
    peers.extend(haproxy::Haproxy::ALL.map(|haproxy| Box::new(haproxy) as Box<dyn Peer>));
    peers.extend(node::Node::ALL.map(|node| Box::new(node) as Box<dyn Peer>));
    peers.extend(relay::Relay::ALL.map(|relay| Box::new(relay) as Box<dyn Peer>));
    peers
}

/// Whether a program that only passes bodies on can do that job.
fn passes_bodies_on(job: JobKind) -> bool {
    match job {
        JobKind::RawToForm | JobKind::RawToJson | JobKind::FormToRaw | JobKind::PostPolicy | JobKind::PresignedPut => {
            false
        }
        JobKind::Raw
        | JobKind::Small
        | JobKind::Chunked
        | JobKind::TlsIn
        | JobKind::Http2In
        | JobKind::Slow2000
        | JobKind::Slow5000
        | JobKind::Pressure
        | JobKind::Latency
        | JobKind::Overload
        | JobKind::Start => true,
    }
}

/// The first line that a program says of itself; nginx says it on its error output.
fn version(program: &str, flag: &str) -> String {
    let said = find_program(program).and_then(|path| Command::new(path).arg(flag).output().ok());
    let text = said.map(|said| [said.stdout, said.stderr].concat()).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let line = text.lines().next().unwrap_or("of unknown version");
    line.strip_prefix("nginx version: ").unwrap_or(line).to_owned()
}
