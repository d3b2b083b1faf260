//! The relays that stand beside the gateway in a comparison: `bench-relay MODE LISTEN UPSTREAM`.
//!
//! `copy` moves every body through one buffer of 1 MiB and `splice` through a pipe, without a look at it: no program that
//! copies, or that does not, can be cheaper by much. `hyper` is hyper's server and client joined with their defaults, which
//! is what one gets without effort. None of them is fit for use: they check nothing, have no limit on time, and trust both sides.

mod carrier;
mod event_loop;
mod exchange;
mod head;
mod plain_hyper;

use std::net::SocketAddr;

use anyhow::{Context as _, bail};
use rustix::process::{Resource, Rlimit};

const USAGE: &str = "usage: bench-relay copy|splice|hyper LISTEN UPSTREAM (two socket addresses)";

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [mode, listen, upstream] = arguments.as_slice() else { bail!(USAGE) };
    let listen: SocketAddr = listen.parse().context(USAGE)?;
    let upstream: SocketAddr = upstream.parse().context(USAGE)?;
    raise_open_files()?;
    match mode.as_str() {
        "copy" => event_loop::run(listen, upstream, carrier::Copier::new()),
        "splice" => event_loop::run(listen, upstream, carrier::Splicer::default()),
        "hyper" => plain_hyper::run(listen, upstream),
        _ => bail!(USAGE),
    }
}

/// Every upload holds two sockets, and the usual soft limit is 1,024.
fn raise_open_files() -> anyhow::Result<()> {
    let limit = rustix::process::getrlimit(Resource::Nofile);
    rustix::process::setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit })
        .context("cannot raise the limit of open files")
}
