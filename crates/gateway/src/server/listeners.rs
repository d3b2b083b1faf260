//! The listeners of a configuration: which are kept, which are bound anew.

use std::net::SocketAddr;
use std::sync::Arc;

use super::StartError;
use super::connection::Speaks;
use super::listener::{self, Bound, Entrance, Listening};
use super::tls;
use rules::config::{Config, Listener};

/// A listener that could be opened.
pub(super) enum Planned {
    /// It is open, and goes on.
    Kept(Arc<Entrance>, Speaks),
    /// It is bound, and nobody accepts yet.
    Bound { socket: Bound, configured: SocketAddr, speaks: Speaks },
}

/// Sockets that whoever started the process bound and handed over: connections wait in them while one process takes the place of
/// another.
#[derive(Debug, Default)]
pub(super) struct HandedOver(Vec<(SocketAddr, std::net::TcpListener)>);

impl HandedOver {
    /// Those that listen; anything else is of no use here.
    pub(super) fn new(sockets: Vec<std::net::TcpListener>) -> Self {
        Self(sockets.into_iter().filter_map(|socket| Some((socket.local_addr().ok()?, socket))).collect())
    }

    /// The one at this address.
    fn take(&mut self, address: SocketAddr) -> Option<std::net::TcpListener> {
        let index = self.0.iter().position(|(other, _)| *other == address)?;
        Some(self.0.swap_remove(index).1)
    }

    /// Tells of those that no listener wanted. They are closed.
    pub(super) fn warn_of_rest(self) {
        for (address, _) in self.0 {
            tracing::warn!(%address, "a socket was handed over at which nothing listens");
        }
    }
}

/// Looks for every listener of a configuration among those that are open, and binds the others. Listeners are the same when their
/// configured addresses are; of several at one address, which only port 0 allows, the first is the first.
///
/// # Errors
/// A certificate cannot be used, or an address not be bound. Nothing has changed then.
pub(super) fn plan(
    config: &Config,
    open: &[Arc<Entrance>],
    handed_over: &mut HandedOver,
) -> Result<Vec<Planned>, StartError> {
    let mut open: Vec<_> = open.iter().collect();
    config.listeners.iter().map(|listener| plan_one(listener, &mut open, handed_over)).collect()
}

fn plan_one(
    listener: &Listener,
    open: &mut Vec<&Arc<Entrance>>,
    handed_over: &mut HandedOver,
) -> Result<Planned, StartError> {
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
    Ok(Planned::Bound { socket: bind(configured, handed_over)?, configured, speaks })
}

/// Serves at every listener of a plan.
pub(super) fn open(planned: Vec<Planned>, shared: &Listening) -> Vec<Arc<Entrance>> {
    let open_one = |(index, planned)| match planned {
        Planned::Kept(entrance, speaks) => {
            entrance.serve_so(index, speaks, shared);
            entrance
        }
        Planned::Bound { socket, configured, speaks } => {
            let address = socket.address;
            let handed_over = socket.is_handed_over;
            tracing::info!(%address, tls = matches!(speaks, Speaks::Tls(_)), handed_over, "listening");
            let entrance = Entrance::new(address, configured, index, speaks, shared);
            // Ends when drain begins, or the listener; its task holds nothing that must be awaited.
            tokio::spawn(listener::accept(socket, Arc::clone(&entrance)));
            entrance
        }
    };
    planned.into_iter().enumerate().map(open_one).collect()
}

/// Listens at an address: with the socket that was handed over for it, or a new one.
pub(super) fn bind(configured: SocketAddr, handed_over: &mut HandedOver) -> Result<Bound, StartError> {
    let bound = match handed_over.take(configured) {
        Some(socket) => Bound::handed_over(socket),
        None => Bound::new(configured),
    };
    bound.map_err(|source| StartError::Bind { address: configured, source })
}
