//! Listening sockets: bound with our options, accepted from until drain, each connection in a task that shutdown tracks.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use prometheus::IntGauge;
use rules::config::{Limits, Timeouts};
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

/// What all listeners of the process share.
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
    /// No new connections; a further request is a connection's last.
    pub(super) draining: CancellationToken,
    /// No further requests.
    pub(super) closing: CancellationToken,
    /// Connections are dropped.
    pub(super) killing: CancellationToken,
    pub(super) connections: TaskTracker,
    pub(super) free: Arc<Semaphore>,
    pub(super) per_client: Arc<PerClient>,
    pub(super) doorkeeper: Doorkeeper,
}

/// One listener, bound.
pub(super) struct Bound {
    pub(super) socket: TcpListener,
    pub(super) address: SocketAddr,
    /// Its place in the configuration.
    pub(super) index: usize,
    pub(super) speaks: Speaks,
    pub(super) open: IntGauge,
}

/// Binds an address. Needs the runtime's context.
///
/// # Errors
/// The address is taken or not ours.
pub(super) fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // A restart must not wait for old connections to time out. Two gateways at one address stay an error.
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

/// Accepts connections until drain begins, then closes the socket.
pub(super) async fn accept(bound: Bound, listening: Arc<Listening>) {
    loop {
        let accepted = tokio::select! {
            biased;
            () = listening.draining.cancelled() => return take_waiting(&bound, &listening),
            accepted = bound.socket.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => take(stream, peer, &bound, &listening),
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => {
                tracing::warn!(%error, listener = %bound.address, "cannot accept connections");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Takes the connections that wait in the kernel: their clients think them open, and closing the socket would reset them.
fn take_waiting(bound: &Bound, listening: &Arc<Listening>) {
    let socket = SockRef::from(&bound.socket);
    for _ in 0..BACKLOG {
        let Ok((stream, peer)) = socket.accept() else { return };
        let stream = stream.set_nonblocking(true).and_then(|()| TcpStream::from_std(stream.into()));
        if let (Ok(stream), Some(peer)) = (stream, peer.as_socket()) {
            take(stream, peer, bound, listening);
        }
    }
}

/// The connection failed before it was accepted; the next one is not affected.
fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionRefused | ConnectionAborted | ConnectionReset)
}

/// Takes a connection if there is a place and memory for it, else turns it away.
fn take(stream: TcpStream, peer: SocketAddr, bound: &Bound, listening: &Arc<Listening>) {
    prepare(&stream);
    let tls = matches!(bound.speaks, Speaks::Tls(_));
    let Some(of_client) = listening.per_client.take(peer.ip()) else {
        return turn_away(stream, Rejection::ClientConnectionLimit, bound, listening);
    };
    let place = Arc::clone(&listening.free).try_acquire_owned().ok();
    let Some(place) = place else { return turn_away(stream, Rejection::ConnectionLimit, bound, listening) };
    let buffers = ConnectionBuffers::take(&listening.budget, tls);
    let Some(buffers) = buffers else { return turn_away(stream, Rejection::MemoryLimit, bound, listening) };
    let open = OpenConnection::new(bound.open.clone(), place);
    let accepted = Accepted { stream, peer, buffers, places: Places { _open: open, _of_client: of_client } };
    listening.connections.spawn(serve(accepted, bound.index, bound.speaks.clone(), Arc::clone(listening)));
}

fn turn_away(stream: TcpStream, why: Rejection, bound: &Bound, listening: &Arc<Listening>) {
    listening.metrics.rejected(why);
    let doorkeeper = listening.doorkeeper.clone();
    let speaks = bound.speaks.clone();
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
