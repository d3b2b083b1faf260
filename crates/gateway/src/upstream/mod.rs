//! Everything that leaves for an upstream: one connector for all of it, a client for steps, a pool for transfers.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use futures::future::BoxFuture;
use rules::config::Config;
use rules::run::{Answer, NoAnswer, StepRequest};

use crate::secrets::Secrets;

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

/// Every upstream of one configuration.
pub struct Upstreams {}

/// Why the upstreams of a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum UpstreamsError {
    /// A CA file cannot be read.
    #[error("cannot read the certificate authorities in `{path}`")]
    CaFile {
        /// The file.
        path: String,
        /// Why.
        #[source]
        source: io::Error,
    },
}

impl Upstreams {
    /// Prepares the upstreams of a configuration; no connection is made yet.
    ///
    /// # Errors
    /// A CA file of a target cannot be used.
    pub fn new(config: &Config, secrets: Arc<Secrets>, resolver: Arc<dyn Resolve>) -> Result<Self, UpstreamsError> {
        let _ = (config, secrets, resolver);
        todo!()
    }

    /// Sends a step's request and reads its answer, whose head and body are bounded.
    ///
    /// # Errors
    /// Why there is no answer; the request was not sent again.
    pub async fn send(&self, request: &StepRequest, traceparent: Option<&str>) -> Result<Answer, NoAnswer> {
        let _ = (request, traceparent);
        todo!()
    }
}
