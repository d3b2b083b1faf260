//! The admin side: metrics, health, and what the gateway is doing, on a listener of its own.
//!
//! It is for operators: loopback by default, reads but for ending an upload, trying a route out and changing what is logged, and its
//! answers name no client, file or secret. Its few places for connections are its own, so that a scraper is served while clients are
//! refused.

mod browser;
mod cancel;
mod events;
mod history;
mod log;
mod page;
mod plan;
mod relay;
mod respond;
mod routes;
mod state;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use http::Request;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

pub use log::LogFilter;

use crate::app::Current;
use crate::server::Handler;
use history::History;
use relay::Ends;

/// Connections at once: a few scrapers, probes and people.
const CONNECTIONS: usize = 64;
/// Of these, for open pages, which keep theirs.
const VIEWERS: usize = 16;
/// For a head, and between two requests: longer than the usual scrape interval of 15 seconds to a minute.
const HEAD: Duration = Duration::from_secs(75);
/// Scrapers' heads are small, and so are the buffers for them.
const BUFFER: usize = 16 * 1024;
/// After an error of `accept`, nearly always a shortage of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// What the admin side shows.
pub struct Admin {
    current: Arc<Current>,
    log: Option<Arc<dyn LogFilter>>,
    /// What becomes of an upload that comes this way.
    uploads: Handler,
    history: History,
    /// Places for open pages.
    viewers: Arc<Semaphore>,
}

impl Admin {
    /// The admin side of this gateway. Without `log` it neither shows nor changes what is logged.
    #[must_use]
    pub(crate) fn new(current: Arc<Current>, log: Option<Arc<dyn LogFilter>>, uploads: Handler) -> Self {
        Self { current, log, uploads, history: History::new(), viewers: Arc::new(Semaphore::new(VIEWERS)) }
    }
}

/// Serves until `end`.
pub(crate) async fn serve(socket: TcpListener, admin: Admin, end: CancellationToken) {
    let admin = Arc::new(admin);
    tokio::spawn({
        let (admin, end) = (Arc::clone(&admin), end.clone());
        async move { end.run_until_cancelled(admin.history.keep(&admin.current)).await }
    });
    let free = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let accepted = tokio::select! {
            () = end.cancelled() => return,
            accepted = socket.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                // With every place taken the connection is closed: the next scrape tries again.
                let Ok(place) = Arc::clone(&free).try_acquire_owned() else { continue };
                let Ok(own) = stream.local_addr() else { continue };
                let connection = connection(stream, Ends { peer, own }, Arc::clone(&admin));
                let end = end.clone();
                tokio::spawn(async move {
                    end.run_until_cancelled(connection).await;
                    drop(place);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept admin connections");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn connection(stream: TcpStream, ends: Ends, admin: Arc<Admin>) {
    let service = service_fn(move |request: Request<Incoming>| {
        let admin = Arc::clone(&admin);
        async move {
            let answer = if relay::takes(request.uri().path()) {
                relay::upload(&admin, ends, request).await
            } else {
                respond::answer(&admin, request.method(), request.uri(), request.headers())
            };
            Ok::<_, Infallible>(answer)
        }
    });
    let served = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_buf_size(BUFFER)
        .serve_connection(TokioIo::new(stream), service)
        .await;
    if let Err(error) = served {
        tracing::debug!(%error, "admin connection ended");
    }
}

#[cfg(test)]
mod tests;
