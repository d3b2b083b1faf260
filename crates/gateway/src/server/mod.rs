//! The life of a gateway: sockets are bound, connections served, and at the end everything in flight is brought to its end.
//!
//! Signals, the environment and exit codes are the binary's business. An attacker here opens connections and says nothing, little
//! or too much: each connection has a place, a paid buffer and a timer before its first byte is read.

mod buffers;
mod connection;
mod drain;
mod http1;
mod http2;
pub(crate) mod listener;
mod per_client;
mod preface;
mod read_buffers;
mod skip;
#[cfg(test)]
pub(crate) mod tests;
mod tls;
mod turn_away;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::SystemTime;

use futures::future::BoxFuture;
use http::Request;
use rules::config::Config;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use drain::DrainReport;
pub use tls::TlsError;

use crate::access::{AccessError, Gatekeeper, Means};
use crate::admin::{self, Admin};
use crate::app::{App, ConnectionInfo};
use crate::budget::Budget;
use crate::fairuse::{Clock, FairUse};
use crate::ingress::ClientBody;
use crate::ingress::drain::Drains;
use crate::metrics::Metrics;
use crate::pipeline;
use crate::respond::Reply;
use crate::secrets::Secrets;
use crate::uploads::UploadTable;
use crate::upstream::{Resolve, Upstreams, UpstreamsError};
use connection::Speaks;
use http1::Http1Means;
use listener::{Bound, Listening};
use per_client::PerClient;
use read_buffers::ReadBuffers;
use turn_away::Doorkeeper;

/// Answers requests: `pipeline::handle` with its `App`.
type Handler = Arc<dyn Fn(Arc<ConnectionInfo>, Request<ClientBody>) -> BoxFuture<'static, Reply> + Send + Sync>;

/// A running gateway.
pub struct Gateway {
    app: Arc<App>,
    listening: Arc<Listening>,
    addresses: Vec<SocketAddr>,
    admin_address: SocketAddr,
    /// Uploads in flight when they were aborted.
    aborted: AtomicUsize,
    // Ends the admin listener when the gateway is dropped: it outlives drain, so that the last metrics can be read.
    _admin: tokio_util::sync::DropGuard,
}

/// What a gateway needs beside its configuration.
pub struct Dependencies {
    /// The values of the configuration's secrets.
    pub secrets: Arc<Secrets>,
    /// Turns host names into addresses.
    pub resolver: Arc<dyn Resolve>,
    /// For `tidegate_build_info`.
    pub version: &'static str,
    /// For `tidegate_build_info`.
    pub revision: &'static str,
}

/// Why a gateway did not start.
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
        Self::start_with(config, needs, |app| {
            Arc::new(move |connection, request| Box::pin(pipeline::handle(Arc::clone(&app), connection, request)))
        })
    }

    /// Starts with another handler of requests in the place of the pipeline.
    pub(crate) fn start_with(
        config: Arc<Config>,
        needs: Dependencies,
        handler: impl FnOnce(Arc<App>) -> Handler,
    ) -> Result<Self, StartError> {
        let app = Arc::new(assemble(config, needs)?);
        let listening = Arc::new(listening(&app, handler(Arc::clone(&app))));
        let admin_socket = bind(app.config.admin)?;
        let bound = bind_all(&app)?;
        let admin_address = local(&admin_socket, app.config.admin)?;
        let addresses = bound.iter().map(|bound| bound.address).collect();

        let admin_end = CancellationToken::new();
        tokio::spawn(admin::serve(admin_socket, Admin::new(Arc::clone(&app)), admin_end.clone()));
        for bound in bound {
            tracing::info!(address = %bound.address, tls = matches!(bound.speaks, Speaks::Tls(_)), "listening");
            // Ends when drain begins; a socket's task holds nothing that must be awaited.
            tokio::spawn(listener::accept(bound, Arc::clone(&listening)));
        }
        tracing::info!(address = %admin_address, "metrics and health are served");
        app.metrics.config_loaded(1, SystemTime::now());
        Ok(Self {
            app,
            listening,
            addresses,
            admin_address,
            aborted: AtomicUsize::new(0),
            _admin: admin_end.drop_guard(),
        })
    }

    /// Where uploads are accepted, in the order of the configuration.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Where metrics and health are served.
    #[must_use]
    pub fn admin_address(&self) -> SocketAddr {
        self.admin_address
    }

    /// What the parts of this gateway share.
    #[must_use]
    pub fn app(&self) -> &Arc<App> {
        &self.app
    }
}

fn assemble(config: Arc<Config>, needs: Dependencies) -> Result<App, StartError> {
    let budget = Budget::new(config.limits.memory);
    let metrics = Metrics::new(Arc::clone(&budget), needs.version, needs.revision)?;
    metrics.add_routes(&config.routes);
    metrics.watch_secrets(Arc::clone(&needs.secrets));
    let metrics = Arc::new(metrics);
    let tasks = TaskTracker::new();
    let upstreams = Arc::new(Upstreams::new(&config, Arc::clone(&needs.secrets), needs.resolver)?);
    let means =
        Means { secrets: &needs.secrets, upstreams: &upstreams, budget: &budget, metrics: &metrics, tasks: &tasks };
    Ok(App {
        access: Arc::new(Gatekeeper::new(&config, &means)?),
        fair_use: FairUse::new(&config, &metrics, Clock::default()),
        drains: Drains::default(),
        upstreams,
        metrics,
        budget,
        uploads: UploadTable::new(config.limits.uploads),
        tasks,
        draining: CancellationToken::new(),
        aborting: CancellationToken::new(),
        config,
    })
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

fn bind_all(app: &App) -> Result<Vec<Bound>, StartError> {
    let bind_one = |(index, listener): (usize, &rules::config::Listener)| {
        let address = listener.address;
        let speaks = match &listener.tls {
            Some(files) => Speaks::Tls(tls::acceptor(files).map_err(|source| StartError::Tls { address, source })?),
            None if listener.http2 => Speaks::Either,
            None => Speaks::Http1,
        };
        let socket = bind(address)?;
        let bound = local(&socket, address)?;
        // The label is what the configuration says, so that a chosen port makes no new series at every start.
        let open = app.metrics.connections(&address.to_string());
        Ok(Bound { socket, address: bound, index, speaks, open })
    };
    app.config.listeners.iter().enumerate().map(bind_one).collect()
}

fn bind(address: SocketAddr) -> Result<TcpListener, StartError> {
    listener::bind(address).map_err(|source| StartError::Bind { address, source })
}

fn local(socket: &TcpListener, configured: SocketAddr) -> Result<SocketAddr, StartError> {
    socket.local_addr().map_err(|source| StartError::Bind { address: configured, source })
}
