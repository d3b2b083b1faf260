//! What the stages of an upload share beside the upload itself.

use std::sync::Arc;

use rules::config::Route;
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::ingress::Arrival;
use crate::memory::UploadMemory;
use crate::trace;
use crate::uploads::Live;

/// Everything around an upload that its stages need.
#[derive(Debug)]
pub(crate) struct Surroundings {
    /// What the gateway shares.
    pub(crate) app: Arc<App>,
    /// The route.
    pub(crate) route: Arc<Route>,
    /// What the table of uploads in flight shows of it.
    pub(crate) live: Arc<Live>,
    /// The upload's share of the memory budget.
    pub(crate) memory: Arc<UploadMemory>,
    /// `traceparent` for targets with their own URL.
    pub(crate) traceparent: Option<String>,
    /// Set when the client went away.
    pub(crate) client_gone: CancellationToken,
}

impl Surroundings {
    /// Of one arrival.
    pub(crate) fn new(app: &Arc<App>, arrival: &Arrival, client_gone: CancellationToken) -> Self {
        Self {
            app: Arc::clone(app),
            route: Arc::clone(&arrival.matched.route),
            live: Arc::clone(arrival.place.entry.live()),
            memory: Arc::clone(&arrival.place.memory),
            traceparent: trace::continued(&arrival.head.headers),
            client_gone,
        }
    }
}
