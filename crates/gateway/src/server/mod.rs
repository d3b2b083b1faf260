//! The life of a gateway: sockets are bound, connections served, and at the end everything in flight is brought to its end.
//!
//! Signals, the environment and exit codes are the binary's business. An attacker here opens connections and says nothing, little
//! or too much: each connection has a place, a paid buffer and a timer before its first byte is read.

mod buffers;
mod connection;
mod drain;
mod generation;
mod http1;
mod http2;
pub(crate) mod listener;
mod listeners;
mod per_client;
mod preface;
mod read_buffers;
mod reload;
mod skip;
#[cfg(test)]
pub(crate) mod tests;
mod tls;
mod turn_away;

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::future::BoxFuture;
use http::Request;
use rules::config::Config;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use drain::DrainReport;
pub use reload::Reloaded;
pub use tls::TlsError;

use crate::access::AccessError;
use crate::admin::{self, Admin, LogFilter};
use crate::app::{App, ConnectionInfo, Current};
use crate::budget::Budget;
use crate::ingress::ClientBody;
use crate::pipeline;
use crate::respond::Reply;
use crate::secrets::Secrets;
use crate::upstream::{Resolve, UpstreamsError};
use http1::Http1Means;
use listener::{Entrance, Listening};
use listeners::HandedOver;
use per_client::PerClient;
use read_buffers::ReadBuffers;
use turn_away::Doorkeeper;

/// Answers requests: `pipeline::handle` under the configuration in force.
pub(crate) type Handler =
    Arc<dyn Fn(Arc<ConnectionInfo>, Request<ClientBody>) -> BoxFuture<'static, Reply> + Send + Sync>;

/// A running gateway.
pub struct Gateway {
    current: Arc<Current>,
    running: Mutex<Running>,
    resolver: Arc<dyn Resolve>,
    /// Every connection of a client; shutdown waits for them.
    connections: TaskTracker,
    closing: CancellationToken,
    killing: CancellationToken,
    admin_address: SocketAddr,
    /// Uploads in flight when they were aborted.
    aborted: AtomicUsize,
    // Ends the admin listener when the gateway is dropped: it outlives drain, so that the last metrics can be read.
    _admin: tokio_util::sync::DropGuard,
}

/// What a reload changes; one at a time.
struct Running {
    /// What all listeners are served with.
    shared: Listening,
    /// In the order of the configuration.
    entrances: Vec<Arc<Entrance>>,
}

/// What a gateway needs beside its configuration.
pub struct Dependencies {
    /// The values of the configuration's secrets.
    pub secrets: Arc<Secrets>,
    /// Turns host names into addresses.
    pub resolver: Arc<dyn Resolve>,
    /// Sockets that are bound already and stay open afterwards; listeners at their addresses use them.
    pub sockets: Vec<std::net::TcpListener>,
    /// What decides what is logged, for the admin side to change.
    pub log: Option<Arc<dyn LogFilter>>,
    /// For `tidegate_build_info`.
    pub version: &'static str,
    /// For `tidegate_build_info`.
    pub revision: &'static str,
}

/// Why a gateway did not start, or not go on under another configuration.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// An address cannot be listened at.
    #[error("cannot listen at {address}")]
    Bind {
        /// The address as configured.
        address: SocketAddr,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A listener cannot speak TLS.
    #[error("the listener at {address} cannot speak TLS")]
    Tls {
        /// The address as configured.
        address: SocketAddr,
        /// Why.
        #[source]
        source: TlsError,
    },
    /// An upstream cannot be used.
    #[error("the upstreams cannot be used")]
    Upstreams(#[from] UpstreamsError),
    /// The keys of a provider cannot be used.
    #[error("nobody could be let in")]
    Access(#[from] AccessError),
    /// Metrics cannot be registered.
    #[error("the metrics cannot be registered")]
    Metrics(#[from] prometheus::Error),
}

impl Gateway {
    /// Binds every address of the configuration and begins to serve. Port 0 lets the system choose; the addresses are known
    /// afterwards. Must be called in a runtime.
    ///
    /// # Errors
    /// An address, a certificate or an upstream's certificate authorities cannot be used. Nothing is left behind then.
    pub fn start(config: Arc<Config>, needs: Dependencies) -> Result<Self, StartError> {
        Self::start_with(config, needs, |current| {
            Arc::new(move |connection, request| Box::pin(pipeline::handle(current.app(), connection, request)))
        })
    }

    /// Starts with another handler of requests in the place of the pipeline.
    pub(crate) fn start_with(
        config: Arc<Config>,
        mut needs: Dependencies,
        handler: impl FnOnce(Arc<Current>) -> Handler,
    ) -> Result<Self, StartError> {
        let resolver = Arc::clone(&needs.resolver);
        let mut handed_over = HandedOver::new(std::mem::take(&mut needs.sockets));
        let log = needs.log.take();
        let app = Arc::new(generation::first(config, needs)?);
        let current = Arc::new(Current::new(Arc::clone(&app)));
        let shared = listening(&app, handler(Arc::clone(&current)));
        let (connections, closing, killing) =
            (shared.connections.clone(), shared.closing.clone(), shared.killing.clone());
        let admin = listeners::bind(app.config.admin, &mut handed_over)?;
        let planned = listeners::plan(&app.config, &[], &mut handed_over)?;
        handed_over.warn_of_rest();
        let admin_address = admin.address;

        let admin_end = CancellationToken::new();
        tokio::spawn(admin::serve(
            admin.socket,
            Admin::new(Arc::clone(&current), log, Arc::clone(&shared.handler)),
            admin_end.clone(),
        ));
        let entrances = listeners::open(planned, &shared);
        tracing::info!(address = %admin_address, "metrics and health are served");
        app.loads.took_effect(app.generation);
        Ok(Self {
            current,
            running: Mutex::new(Running { shared, entrances }),
            resolver,
            connections,
            closing,
            killing,
            admin_address,
            aborted: AtomicUsize::new(0),
            _admin: admin_end.drop_guard(),
        })
    }

    /// Where uploads are accepted, in the order of the configuration.
    #[must_use]
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.running().entrances.iter().map(|entrance| entrance.address).collect()
    }

    /// Where metrics and health are served.
    #[must_use]
    pub fn admin_address(&self) -> SocketAddr {
        self.admin_address
    }

    /// What the parts of this gateway share, under the configuration in force.
    #[must_use]
    pub fn app(&self) -> Arc<App> {
        self.current.app()
    }

    fn running(&self) -> MutexGuard<'_, Running> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn listening(app: &App, handler: Handler) -> Listening {
    let limits = app.config.limits.clone();
    Listening {
        handler,
        timeouts: app.config.timeouts.clone(),
        budget: Arc::clone(&app.budget),
        http1: Http1Means { lender: ReadBuffers::new(&app.budget), drains: app.drains.clone() },
        per_client: PerClient::new(&app.config),
        promises: Budget::new(app.config.limits.memory),
        metrics: Arc::clone(&app.metrics),
        draining: app.draining.clone(),
        closing: CancellationToken::new(),
        killing: CancellationToken::new(),
        connections: TaskTracker::new(),
        free: Arc::new(Semaphore::new(limits.connections.min(Semaphore::MAX_PERMITS))),
        doorkeeper: Doorkeeper::new(),
        limits,
    }
}
