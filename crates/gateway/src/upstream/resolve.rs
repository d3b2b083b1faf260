//! Host names to addresses, behind a trait so that tests can play a hostile name server.

use std::io;
use std::net::SocketAddr;

use futures::future::BoxFuture;

/// Turns a host name into addresses.
pub trait Resolve: Send + Sync {
    /// The addresses of a host, in the order in which they shall be tried.
    ///
    /// # Errors
    /// When the name cannot be resolved.
    fn resolve<'a>(&'a self, host: &'a str, port: u16) -> BoxFuture<'a, io::Result<Vec<SocketAddr>>>;
}

/// The system's resolver (`getaddrinfo`).
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemResolver;

impl Resolve for SystemResolver {
    fn resolve<'a>(&'a self, host: &'a str, port: u16) -> BoxFuture<'a, io::Result<Vec<SocketAddr>>> {
        Box::pin(async move { Ok(tokio::net::lookup_host((host, port)).await?.collect()) })
    }
}
