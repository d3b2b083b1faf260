//! Listening sockets: bound with our options, accepted from until drain, each connection in a task that shutdown tracks.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use prometheus::IntGauge;
use rules::config::{Config, Limits, Timeouts};
use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::Handler;
use super::buffers::ConnectionBuffers;
use super::connection::{Accepted, Speaks, serve};
use super::http1::Http1Means;
use super::per_client::{ClientPlace, PerClient};
use super::turn_away::Doorkeeper;
use crate::budget::Budget;
use crate::metrics::{Metrics, Rejection};

/// Connections that the kernel holds until they are accepted; it caps this at `net.core.somaxconn`.
const BACKLOG: i32 = 4096;
/// After this silence the kernel asks whether the peer still lives: a client whose network vanished frees its connection.
const PROBE_AFTER: Duration = Duration::from_secs(60);
/// After an error of `accept`, which is nearly always a shortage of descriptors: trying again at once would only burn time.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// What the connections of a listener are served with. All listeners share it, but for what ends them.
#[derive(Clone)]
pub(super) struct Listening {
    pub(super) handler: Handler,
    pub(super) limits: Limits,
    pub(super) timeouts: Timeouts,
    pub(super) budget: Arc<Budget>,
    /// What HTTP/1 connections share.
    pub(super) http1: Http1Means,
    /// What is promised to HTTP/2 connections as windows, in the size of the budget.
    pub(super) promises: Arc<Budget>,
    pub(super) metrics: Arc<Metrics>,
    /// No new connections; a further request is a connection's last. The end of one listener, or of all.
    pub(super) draining: CancellationToken,
    /// No further requests. Likewise.
    pub(super) closing: CancellationToken,
    /// Connections are dropped.
    pub(super) killing: CancellationToken,
    pub(super) connections: TaskTracker,
    pub(super) free: Arc<Semaphore>,
    pub(super) per_client: Arc<PerClient>,
    pub(super) doorkeeper: Doorkeeper,
}

/// One listener beside its socket, which belongs to the task that accepts.
pub(super) struct Entrance {
    /// As the configuration says it, where port 0 lets the system choose.
    pub(super) configured: SocketAddr,
    pub(super) address: SocketAddr,
    pub(super) open: IntGauge,
    /// No new connections here; a further request is a connection's last.
    pub(super) draining: CancellationToken,
    /// No further requests here.
    pub(super) closing: CancellationToken,
    /// For the next connection.
    serving: RwLock<Serving>,
}

/// How a listener serves under the configuration in force.
#[derive(Clone)]
pub(super) struct Serving {
    /// Its place in the configuration.
    pub(super) index: usize,
    pub(super) speaks: Speaks,
    pub(super) listening: Arc<Listening>,
}

impl Listening {
    /// The same under another configuration.
    pub(super) fn under(&self, config: &Config) -> Self {
        let (limits, timeouts) = (config.limits.clone(), config.timeouts.clone());
        Self { limits, timeouts, per_client: self.per_client.under(config), ..self.clone() }
    }
}

impl Entrance {
    /// A listener at this address, `configured` so. It ends with all others, or alone.
    pub(super) fn new(
        address: SocketAddr,
        configured: SocketAddr,
        index: usize,
        speaks: Speaks,
        shared: &Listening,
    ) -> Arc<Self> {
        let (draining, closing) = (shared.draining.child_token(), shared.closing.child_token());
        // The label is what the configuration says, so that a chosen port makes no new series at every start.
        let open = shared.metrics.connections(&configured.to_string());
        let listening = Arc::new(Self::listening(shared, &draining, &closing));
        let serving = RwLock::new(Serving { index, speaks, listening });
        Arc::new(Self { configured, address, open, draining, closing, serving })
    }

    fn listening(shared: &Listening, draining: &CancellationToken, closing: &CancellationToken) -> Listening {
        Listening { draining: draining.clone(), closing: closing.clone(), ..shared.clone() }
    }

    /// Serves connections that come from now on so.
    pub(super) fn serve_so(&self, index: usize, speaks: Speaks, shared: &Listening) {
        let listening = Arc::new(Self::listening(shared, &self.draining, &self.closing));
        *self.serving.write().unwrap_or_else(PoisonError::into_inner) = Serving { index, speaks, listening };
    }

    /// Takes no further connection, and no further request on those that are open; what is under way is answered.
    pub(super) fn end(&self) {
        self.draining.cancel();
        self.closing.cancel();
    }

    fn serving(&self) -> Serving {
        self.serving.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// A socket that listens, and whose it is.
pub(super) struct Bound {
    pub(super) socket: TcpListener,
    pub(super) address: SocketAddr,
    /// It stays open when this process ends, and the next one accepts what waits in it.
    pub(super) is_handed_over: bool,
}

impl Bound {
    /// Binds an address. Needs the runtime's context.
    ///
    /// # Errors
    /// The address is taken or not ours.
    pub(super) fn new(address: SocketAddr) -> io::Result<Self> {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
        // A restart must not wait for old connections to time out. Two gateways at one address stay an error.
        socket.set_reuse_address(true)?;
        socket.bind(&address.into())?;
        socket.listen(BACKLOG)?;
        Self::of(socket.into(), false)
    }

    /// A socket that somebody else bound.
    ///
    /// # Errors
    /// It is none of TCP that listens.
    pub(super) fn handed_over(socket: std::net::TcpListener) -> io::Result<Self> {
        Self::of(socket, true)
    }

    fn of(socket: std::net::TcpListener, is_handed_over: bool) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        let socket = TcpListener::from_std(socket)?;
        Ok(Self { address: socket.local_addr()?, socket, is_handed_over })
    }
}

/// Accepts connections until drain begins or the listener ends, then closes the socket.
pub(super) async fn accept(bound: Bound, entrance: Arc<Entrance>) {
    let Bound { socket, is_handed_over, .. } = bound;
    loop {
        let accepted = tokio::select! {
            biased;
            // Who waits in a socket that stays open is the next process's.
            () = entrance.draining.cancelled(), if is_handed_over => return,
            () = entrance.draining.cancelled() => return take_waiting(&socket, &entrance),
            accepted = socket.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => take(stream, peer, &entrance),
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => {
                tracing::warn!(%error, listener = %entrance.address, "cannot accept connections");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Takes the connections that wait in the kernel: their clients think them open, and closing the socket would reset them.
fn take_waiting(socket: &TcpListener, entrance: &Entrance) {
    let socket = SockRef::from(socket);
    for _ in 0..BACKLOG {
        let Ok((stream, peer)) = socket.accept() else { return };
        let stream = stream.set_nonblocking(true).and_then(|()| TcpStream::from_std(stream.into()));
        if let (Ok(stream), Some(peer)) = (stream, peer.as_socket()) {
            take(stream, peer, entrance);
        }
    }
}

/// The connection failed before it was accepted; the next one is not affected.
fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionRefused | ConnectionAborted | ConnectionReset)
}

/// Takes a connection if there is a place and memory for it, else turns it away.
fn take(stream: TcpStream, peer: SocketAddr, entrance: &Entrance) {
    prepare(&stream);
    let Serving { index, speaks, listening } = entrance.serving();
    let tls = matches!(speaks, Speaks::Tls(_));
    let Some(of_client) = listening.per_client.take(peer.ip()) else {
        return turn_away(stream, Rejection::ClientConnectionLimit, speaks, &listening);
    };
    let place = Arc::clone(&listening.free).try_acquire_owned().ok();
    let Some(place) = place else { return turn_away(stream, Rejection::ConnectionLimit, speaks, &listening) };
    let buffers = ConnectionBuffers::take(&listening.budget, tls);
    let Some(buffers) = buffers else { return turn_away(stream, Rejection::MemoryLimit, speaks, &listening) };
    let open = OpenConnection::new(entrance.open.clone(), place);
    let accepted = Accepted { stream, peer, buffers, places: Places { _open: open, _of_client: of_client } };
    let connections = listening.connections.clone();
    connections.spawn(serve(accepted, index, speaks, listening));
}

fn turn_away(stream: TcpStream, why: Rejection, speaks: Speaks, listening: &Listening) {
    listening.metrics.rejected(why);
    let doorkeeper = listening.doorkeeper.clone();
    listening.connections.spawn(async move { doorkeeper.turn_away(stream, &speaks).await });
}

/// Sets what concerns latency and vanished peers. A socket that cannot is served without.
fn prepare(stream: &TcpStream) {
    // Answers are written whole, so there is nothing to wait for.
    let _slower = stream.set_nodelay(true);
    let _unprobed = SockRef::from(stream).set_tcp_keepalive(&TcpKeepalive::new().with_time(PROBE_AFTER));
}

/// A connection's places, given back when dropped, also by a panic.
pub(super) struct Places {
    _open: OpenConnection,
    _of_client: ClientPlace,
}

/// A place among the connections of a listener.
struct OpenConnection {
    open: IntGauge,
    _place: OwnedSemaphorePermit,
}

impl OpenConnection {
    fn new(open: IntGauge, place: OwnedSemaphorePermit) -> Self {
        open.inc();
        Self { open, _place: place }
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.open.dec();
    }
}
