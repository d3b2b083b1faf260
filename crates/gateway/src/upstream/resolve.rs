//! Host names to addresses and addresses to connections: all that the connector asks of the network, behind a trait so that
//! tests can play a hostile name server and see what is dialled.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs as _};

use futures::future::BoxFuture;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;

/// Look-ups at once in the process. Each blocks a thread of its own for as long as the system's resolver likes, also when nobody
/// waits for it any more; without a bound, learned hosts whose name servers never answer would take all of the runtime's 512.
const MAX_LOOKUPS: usize = 64;

static LOOKUPS: Semaphore = Semaphore::const_new(MAX_LOOKUPS);

/// Turns a host name into addresses, and an address that was checked into a connection.
pub trait Resolve: Send + Sync {
    /// The addresses of a host, in the order in which they shall be tried.
    ///
    /// # Errors
    /// When the name cannot be resolved.
    fn resolve<'a>(&'a self, host: &'a str, port: u16) -> BoxFuture<'a, io::Result<Vec<SocketAddr>>>;

    /// Connects to an address. Only the connector calls this, and only after the egress check.
    ///
    /// # Errors
    /// When the address does not take the connection.
    fn connect(&self, address: SocketAddr) -> BoxFuture<'static, io::Result<TcpStream>> {
        Box::pin(TcpStream::connect(address))
    }
}

/// The system's resolver (`getaddrinfo`).
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemResolver;

impl Resolve for SystemResolver {
    fn resolve<'a>(&'a self, host: &'a str, port: u16) -> BoxFuture<'a, io::Result<Vec<SocketAddr>>> {
        let host = host.to_owned();
        Box::pin(async move {
            let permit = LOOKUPS.acquire().await.map_err(io::Error::other)?;
            let lookup = tokio::task::spawn_blocking(move || {
                // Held until the thread is free, and not only until the caller lost its patience.
                let _permit = permit;
                (host.as_str(), port).to_socket_addrs().map(Iterator::collect)
            });
            lookup.await.map_err(io::Error::other)?
        })
    }
}
