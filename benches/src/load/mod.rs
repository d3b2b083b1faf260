//! The clients: they send uploads over connections that they keep, and check every answer.
//!
//! Plain threads with blocking sockets cost least per byte here. All run on the core that the peer does not have.

pub mod connection;
mod http2;
pub mod message;

use std::net::SocketAddr;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

use crate::content::Content;
use crate::job::JobKind;
use crate::peer::TlsFiles;
use crate::process;
use connection::Connection;
use message::{Message, Request};

/// Up to this size an upload fits into the sockets between, so one thread can send several before it reads an answer.
/// That saves the load generator a switch of threads per upload.
const SMALL: u64 = 64 * 1024;

/// What the clients do.
#[derive(Debug, Clone)]
pub struct Load {
    /// Which kind of request, and whether over TLS or HTTP/2.
    pub job: JobKind,
    /// What is uploaded each time.
    pub content: Content,
    /// How many uploads in all.
    pub uploads: usize,
    /// Over how many connections, each sending one upload after another.
    pub connections: usize,
    /// The core to run on.
    pub core: Option<usize>,
    /// The certificate to trust, where the job comes over TLS.
    pub tls: TlsFiles,
}

impl Load {
    /// Sends all uploads and tells how long that took.
    ///
    /// # Errors
    /// A connection failed, or an answer was none of success.
    pub fn run(&self, address: SocketAddr) -> anyhow::Result<Duration> {
        let tls = self.job.tls().then(|| trusting(&self.tls, self.job)).transpose()?;
        let started = Instant::now();
        if self.job == JobKind::Http2In {
            let tls = tls.context("HTTP/2 comes over TLS here")?;
            process::pinned(self.core, || http2::run(self, address, tls))??;
            return Ok(started.elapsed());
        }
        let message = Message::new(&Request::of(self.job), &self.content);
        let per_thread = if self.content.len() <= SMALL { self.connections } else { 1 };
        let shares = shares(self.uploads, self.connections);
        thread::scope(|scope| {
            let threads: Vec<_> = shares
                .chunks(per_thread.max(1))
                .map(|shares| {
                    let (message, tls) = (&message, tls.as_ref());
                    scope.spawn(move || {
                        process::pin(self.core)?;
                        in_turn(address, tls, message, shares)
                    })
                })
                .collect();
            threads.into_iter().try_for_each(|thread| thread.join().map_err(|_| anyhow!("a client panicked"))?)
        })?;
        Ok(started.elapsed())
    }
}

/// One thread's connections: each sends its next upload as soon as its answer was read.
fn in_turn(
    address: SocketAddr,
    tls: Option<&Arc<ClientConfig>>,
    message: &Message,
    shares: &[usize],
) -> anyhow::Result<()> {
    let mut clients: Vec<(Connection, usize)> =
        shares.iter().map(|&share| (Connection::new(address, tls.cloned()), share)).collect();
    for (connection, _) in &mut clients {
        connection.send(message)?;
    }
    while !clients.is_empty() {
        for (connection, left) in &mut clients {
            connection.success()?;
            *left = left.saturating_sub(1);
            if *left > 0 {
                connection.send(message)?;
            }
        }
        clients.retain(|(_, left)| *left > 0);
    }
    Ok(())
}

/// How many uploads each connection sends; none sends nothing.
fn shares(uploads: usize, connections: usize) -> Vec<usize> {
    let connections = connections.clamp(1, uploads.max(1));
    let each = uploads / connections;
    let more = uploads % connections;
    (0..connections).map(|index| each + usize::from(index < more)).filter(|&share| share > 0).collect()
}

/// A client that trusts the peer's certificate and asks for the job's protocol.
fn trusting(files: &TlsFiles, job: JobKind) -> anyhow::Result<Arc<ClientConfig>> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(&files.certificate).context("no certificate")?)?;
    let mut config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![if job == JobKind::Http2In { b"h2".to_vec() } else { b"http/1.1".to_vec() }];
    Ok(Arc::new(config))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_upload_is_some_connections_share() {
        assert_eq!(shares(10, 4), [3, 3, 2, 2]);
        assert_eq!(shares(2, 4), [1, 1]);
        assert!(shares(0, 4).is_empty());
    }
}
