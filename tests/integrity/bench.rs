//! A gateway, what stands behind it, and the questions that every test asks of both.

use std::time::Duration;

use harness::{RawConnection, Rig};
use sandbox::peer::{Reply, ScriptedPeer};
use sandbox::{Options, Sandbox, Step, System};

use crate::routes::{Route, chunked_rules, shipped_rules};
use crate::watch::{Watch, until};

/// So many failed cases tell enough: some fail only after a long wait.
const ENOUGH: usize = 5;

/// Tries named cases in turn.
///
/// # Panics
/// Some failed: the message names each.
pub(crate) async fn try_all<C>(
    cases: impl IntoIterator<Item = (String, C)>,
    mut try_one: impl AsyncFnMut(C) -> Result<(), String>,
) {
    let mut failures = Vec::new();
    for (name, case) in cases {
        if let Err(error) = try_one(case).await {
            failures.push(format!("{name}: {error}"));
        }
        if failures.len() == ENOUGH {
            failures.push("the rest was not tried".to_owned());
            break;
        }
    }
    assert!(failures.is_empty(), "failed:\n{}", failures.join("\n"));
}

/// A gateway with one upstream, watched.
pub(crate) struct Bench {
    pub(crate) rig: Rig,
    pub(crate) upstream: Upstream,
    pub(crate) watch: Watch,
}

/// What stands behind the gateway.
pub(crate) enum Upstream {
    Sandbox(Sandbox),
    /// And how many of its requests belong to the past.
    Peer(ScriptedPeer, usize),
}

impl Bench {
    /// The bench on which `route` can be tried.
    pub(crate) async fn of(route: Route) -> Self {
        match route.system {
            Some(_) => {
                let sandbox = Sandbox::start(Options::default()).await.expect("the sandbox starts");
                let rig = shipped_rules(&sandbox).start();
                Self { watch: Watch::new(rig.admin()), rig, upstream: Upstream::Sandbox(sandbox) }
            }
            None => {
                let peer = ScriptedPeer::start([]).await.expect("the peer starts");
                let rig = chunked_rules(&peer).start();
                Self { watch: Watch::new(rig.admin()), rig, upstream: Upstream::Peer(peer, 0) }
            }
        }
    }

    /// Ends the gateway, waits until the upstream has seen all that was ever on its way, and says what it has.
    pub(crate) async fn finish(self) -> Result<Vec<String>, String> {
        let Self { rig, upstream, watch } = self;
        match rig.drain(Duration::ZERO).await {
            0 => {}
            aborted => return Err(format!("{aborted} uploads were still in flight at the end")),
        }
        // Connections that the gateway keeps for later close with it.
        drop((rig, watch));
        for origin in upstream.origins() {
            fence(&origin).await.map_err(|error| format!("the fence at {origin}: {error}"))?;
        }
        until("the end of the upstream's connections", async || (upstream.connections() == 0).then_some(())).await?;
        Ok(upstream.committed())
    }
}

impl Upstream {
    /// Forgets what was asked up to now, and lets a peer take one more upload.
    pub(crate) fn next(&mut self) {
        match self {
            Self::Sandbox(sandbox) => sandbox.clear(),
            Self::Peer(peer, past) => {
                *past = peer.requests().len();
                if peer.unused() == 0 {
                    peer.push(Reply::empty(200));
                }
            }
        }
    }

    /// Every file that is or could be kept: those stored, and every whole request that carries one.
    pub(crate) fn committed(&self) -> Vec<String> {
        match self {
            Self::Sandbox(sandbox) => {
                let stored = sandbox.objects().into_iter();
                let stored = stored.map(|object| format!("{} of {} bytes stored", object.name, object.size));
                let carriers = sandbox.journal().into_iter();
                let carriers = carriers.filter(|exchange| exchange.step == Step::Store && exchange.body_complete);
                let carriers = carriers.filter(|exchange| exchange.target != FENCE);
                let whole = carriers.map(|exchange| format!("whole {} {}", exchange.method, exchange.target));
                stored.chain(whole).collect()
            }
            Self::Peer(peer, past) => {
                let whole = peer.requests().into_iter().skip(*past).filter(|request| request.complete);
                let whole = whole.filter(|request| request.target != FENCE);
                whole.map(|request| format!("whole {} {}", request.method, request.target)).collect()
            }
        }
    }

    /// The SHA-256 of the files that are kept; of a JSON or form body at a peer it is the body's.
    pub(crate) fn stored_digests(&self) -> Vec<String> {
        match self {
            Self::Sandbox(sandbox) => sandbox.objects().into_iter().map(|object| object.sha256).collect(),
            Self::Peer(peer, past) => {
                let whole = peer.requests().into_iter().skip(*past).filter(|request| request.complete);
                whole.map(|request| request.sha256).collect()
            }
        }
    }

    /// The files that a system knows of, with bytes or without.
    pub(crate) fn begun(&self, system: System) -> Vec<String> {
        match self {
            Self::Sandbox(sandbox) => {
                let begun = sandbox.announced().into_iter().filter(|announced| announced.system == system);
                begun.map(|announced| format!("{} {:?}", announced.name, announced.state)).collect()
            }
            Self::Peer(..) => Vec::new(),
        }
    }

    fn origins(&self) -> Vec<String> {
        match self {
            Self::Sandbox(sandbox) => {
                let systems = System::ALL.iter().map(|system| sandbox.origin(*system));
                systems.chain([sandbox.storage_origin()]).map(str::to_owned).collect()
            }
            Self::Peer(peer, _) => vec![peer.origin()],
        }
    }

    fn connections(&self) -> usize {
        match self {
            Self::Sandbox(sandbox) => sandbox.connections(),
            Self::Peer(peer, _) => peer.connections(),
        }
    }
}

/// What no gateway asks for.
const FENCE: &str = "/fence";

/// Asks for something unknown: when the answer is there, every connection made before was accepted.
async fn fence(origin: &str) -> std::io::Result<()> {
    let address = origin.trim_start_matches("http://").parse().map_err(std::io::Error::other)?;
    let mut connection = RawConnection::open(address).await?;
    connection.send(format!("GET {FENCE} HTTP/1.1\r\nhost: fence\r\nconnection: close\r\n\r\n")).await?;
    connection.answer().await.map(|_| ())
}
