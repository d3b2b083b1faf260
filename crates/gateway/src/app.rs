//! What every part of a running gateway shares, under one configuration after the other.

use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, PoisonError, RwLock};

use rules::config::Config;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::access::{ClientCertificate, Gatekeeper};
use crate::budget::Budget;
use crate::fairuse::{FairUse, HeldBack};
use crate::ingress::drain::Drains;
use crate::load::LatestLoad;
use crate::metrics::Metrics;
use crate::problems::RecentProblems;
use crate::uploads::UploadTable;
use crate::upstream::Upstreams;

/// What every part of a running gateway shares. A reload makes another one, with what belongs to the process taken over; an upload
/// keeps the one with which it began.
pub struct App {
    /// The checked configuration.
    pub config: Arc<Config>,
    /// The version of the program.
    pub version: &'static str,
    /// Which configuration it is, from 1.
    pub generation: i64,
    /// Who may send what.
    pub access: Arc<Gatekeeper>,
    /// Connections to the upstreams.
    pub upstreams: Arc<Upstreams>,
    /// Every metric.
    pub metrics: Arc<Metrics>,
    /// The memory that all body buffers come out of.
    pub budget: Arc<Budget>,
    /// What became of the latest attempt to load a configuration.
    pub loads: Arc<LatestLoad>,
    /// What went wrong in the last hour.
    pub problems: Arc<RecentProblems>,
    /// Uploads in flight.
    pub uploads: Arc<UploadTable>,
    /// What clients may take, and took.
    pub fair_use: FairUse,
    /// Bodies that are read on after an early answer.
    pub(crate) drains: Drains,
    /// Every spawned task; shutdown waits for them.
    pub tasks: TaskTracker,
    /// Set at the first SIGTERM: no new uploads.
    pub draining: CancellationToken,
    /// Set when the grace time is over: uploads in flight end now.
    pub aborting: CancellationToken,
}

/// The configuration under which the next request is served.
#[derive(Debug)]
pub struct Current(RwLock<Arc<App>>);

impl Current {
    pub(crate) fn new(app: Arc<App>) -> Self {
        Self(RwLock::new(app))
    }

    /// What requests that come now are served under.
    #[must_use]
    pub fn app(&self) -> Arc<App> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn replace(&self, next: Arc<App>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = next;
    }
}

/// What is known of a client's connection.
#[derive(Debug, Clone)]
pub struct ConnectionInfo {
    /// The client's address.
    pub peer: SocketAddr,
    /// Index of the listener in the configuration.
    pub listener: usize,
    /// Whether it is encrypted.
    pub tls: bool,
    /// Whether it speaks HTTP/2.
    pub http2: bool,
    /// Whether bodies on it wait for limits.
    pub held_back: HeldBack,
    /// The client's certificate, which was verified in the handshake.
    pub certificate: Option<Arc<ClientCertificate>>,
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("App").field("uploads", &self.uploads.len()).finish_non_exhaustive()
    }
}
