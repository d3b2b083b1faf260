//! The listeners of a configuration: which are kept, which are bound anew.

use std::net::SocketAddr;
use std::sync::Arc;

use rules::config::{Config, Listener};
use tokio::net::TcpListener;

use super::StartError;
use super::connection::Speaks;
use super::listener::{self, Entrance, Listening};
use super::tls;

/// A listener that could be opened.
pub(super) enum Planned {
    /// It is open, and goes on.
    Kept(Arc<Entrance>, Speaks),
    /// It is bound, and nobody accepts yet.
    Bound { socket: TcpListener, address: SocketAddr, configured: SocketAddr, speaks: Speaks },
}

/// Looks for every listener of a configuration among those that are open, and binds the others. Listeners are the same when their
/// configured addresses are; of several at one address, which only port 0 allows, the first is the first.
///
/// # Errors
/// A certificate cannot be used, or an address not be bound. Nothing has changed then.
pub(super) fn plan(config: &Config, open: &[Arc<Entrance>]) -> Result<Vec<Planned>, StartError> {
    let mut open: Vec<_> = open.iter().collect();
    config.listeners.iter().map(|listener| plan_one(listener, &mut open)).collect()
}

fn plan_one(listener: &Listener, open: &mut Vec<&Arc<Entrance>>) -> Result<Planned, StartError> {
    let configured = listener.address;
    let speaks = match &listener.tls {
        Some(files) => {
            Speaks::Tls(tls::acceptor(files).map_err(|source| StartError::Tls { address: configured, source })?)
        }
        None if listener.http2 => Speaks::Either,
        None => Speaks::Http1,
    };
    if let Some(index) = open.iter().position(|entrance| entrance.configured == configured) {
        return Ok(Planned::Kept(Arc::clone(open.remove(index)), speaks));
    }
    let socket = bind(configured)?;
    let address = local(&socket, configured)?;
    Ok(Planned::Bound { socket, address, configured, speaks })
}

/// Serves at every listener of a plan.
pub(super) fn open(planned: Vec<Planned>, shared: &Listening) -> Vec<Arc<Entrance>> {
    let open_one = |(index, planned)| match planned {
        Planned::Kept(entrance, speaks) => {
            entrance.serve_so(index, speaks, shared);
            entrance
        }
        Planned::Bound { socket, address, configured, speaks } => {
            tracing::info!(%address, tls = matches!(speaks, Speaks::Tls(_)), "listening");
            let entrance = Entrance::new(address, configured, index, speaks, shared);
            // Ends when drain begins, or the listener; its task holds nothing that must be awaited.
            tokio::spawn(listener::accept(socket, Arc::clone(&entrance)));
            entrance
        }
    };
    planned.into_iter().enumerate().map(open_one).collect()
}

pub(super) fn bind(address: SocketAddr) -> Result<TcpListener, StartError> {
    listener::bind(address).map_err(|source| StartError::Bind { address, source })
}

pub(super) fn local(socket: &TcpListener, configured: SocketAddr) -> Result<SocketAddr, StartError> {
    socket.local_addr().map_err(|source| StartError::Bind { address: configured, source })
}
