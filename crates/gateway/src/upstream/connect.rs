//! The one way out: every connection to an upstream is made here.
//!
//! An attacker would try a learned URL whose host is, or resolves to, an address inside (169.254.169.254, a literal, one public
//! and one private address, a name that changes between check and use). So literals are checked like names, a name is resolved
//! once per dial, every address must be permitted, and only addresses that were checked are dialled. One forbidden address
//! among permitted ones refuses the name: such an answer is a mistake or an attack. Nothing here knows of proxies or redirects.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use ipnet::IpNet;
use rules::egress::{self, RefusedAddress};
use rules::run::NoAnswer;
use rules::url::{Origin, Scheme};
use rustls_pki_types::ServerName;
use socket2::{SockRef, TcpKeepalive};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::resolve::Resolve;
use super::stream::UpstreamStream;

/// How long an address may take before the next one is tried beside it (RFC 8305 section 5 recommends 250 ms).
const HEAD_START: Duration = Duration::from_millis(250);

/// Addresses tried per dial; the rest of a longer list is not looked at beyond the egress check.
const MAX_DIALLED: usize = 8;

/// Addresses of a name. Large services answer with a dozen; a list beyond this is no honest answer, and each is checked.
const MAX_RESOLVED: usize = 64;

/// A silent connection is probed after this long. Far below the 350 s of common load balancers and NATs.
const KEEP_ALIVE_TIME: Duration = Duration::from_secs(15);

/// Between two probes.
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(5);

/// Bytes that a connection's kernel buffer holds unsent before it takes no more (`TCP_NOTSENT_LOWAT`). What is on its way does not
/// count, so a long way is no slower; half of it is the next write at least.
const MOST_UNSENT: u32 = 512 * 1024;

/// Dials the upstreams of targets that share networks, trust and time limit.
#[derive(Clone)]
pub(crate) struct Connector {
    pub(super) resolver: Arc<dyn Resolve>,
    pub(super) tls: TlsConnector,
    /// Private networks that may be dialled.
    pub(super) allowed: Arc<[IpNet]>,
    /// For all of it: resolution, TCP and TLS.
    pub(super) connect_timeout: Duration,
    /// How long sent data may stay unacknowledged before the kernel gives the connection up (`TCP_USER_TIMEOUT`).
    pub(super) user_timeout: Duration,
}

/// Why no connection could be made. Nothing was sent.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DialError {
    /// An address of the host may not be dialled.
    #[error("`{host}` may not be dialled: {refused}")]
    NotAllowed { host: String, refused: RefusedAddress },
    /// The name has no address.
    #[error("`{host}` cannot be resolved: {source}")]
    Resolve { host: String, source: io::Error },
    /// No address took the connection.
    #[error("no connection to `{host}`: {source}")]
    Connect { host: String, source: io::Error },
    /// The handshake failed, or the certificate is not the host's.
    #[error("no TLS connection to `{host}`: {source}")]
    Tls { host: String, source: io::Error },
    /// The time was up.
    #[error("no connection to `{host}` within {} ms", limit.as_millis())]
    Timeout { host: String, limit: Duration },
}

impl From<&DialError> for NoAnswer {
    fn from(error: &DialError) -> Self {
        match error {
            DialError::NotAllowed { .. } => Self::NotAllowed(error.to_string()),
            _ => Self::Unreachable(error.to_string()),
        }
    }
}

impl Connector {
    /// Makes one connection. The name is resolved once.
    pub(crate) async fn dial(&self, origin: &Origin) -> Result<UpstreamStream, DialError> {
        let host = || origin.host.clone();
        match timeout(self.connect_timeout, self.dial_untimed(origin)).await {
            Ok(result) => result,
            Err(_elapsed) => Err(DialError::Timeout { host: host(), limit: self.connect_timeout }),
        }
    }

    async fn dial_untimed(&self, origin: &Origin) -> Result<UpstreamStream, DialError> {
        let host = || origin.host.clone();
        let addresses = self.addresses(origin).await?;
        for address in &addresses {
            egress::permit(address.ip(), &self.allowed)
                .map_err(|refused| DialError::NotAllowed { host: host(), refused })?;
        }
        let tcp = self.race(&addresses).await.map_err(|source| DialError::Connect { host: host(), source })?;
        self.set_options(&tcp).map_err(|source| DialError::Connect { host: host(), source })?;
        match origin.scheme {
            Scheme::Http => Ok(UpstreamStream::plain(tcp)),
            Scheme::Https => self.encrypt(origin, tcp).await,
        }
    }

    async fn addresses(&self, origin: &Origin) -> Result<Vec<SocketAddr>, DialError> {
        if let Ok(literal) = origin.host.parse::<IpAddr>() {
            return Ok(vec![SocketAddr::new(literal, origin.port)]);
        }
        let failed = |source| DialError::Resolve { host: origin.host.clone(), source };
        let addresses = self.resolver.resolve(&origin.host, origin.port).await.map_err(failed)?;
        if addresses.is_empty() {
            return Err(failed(io::Error::other("it has no address")));
        }
        if addresses.len() > MAX_RESOLVED {
            return Err(failed(io::Error::other(format!("it has more than {MAX_RESOLVED} addresses"))));
        }
        Ok(addresses)
    }

    fn set_options(&self, tcp: &TcpStream) -> io::Result<()> {
        // Heads and tails are small writes of their own, which Nagle's algorithm would hold back for a round trip.
        tcp.set_nodelay(true)?;
        let socket = SockRef::from(tcp);
        socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(KEEP_ALIVE_TIME).with_interval(KEEP_ALIVE_INTERVAL))?;
        #[cfg(target_os = "linux")]
        socket.set_tcp_user_timeout(Some(self.user_timeout))?;
        // The kernel would take megabytes for an upstream that has stopped reading: memory beside the budget, and a stall that shows
        // late.
        #[cfg(any(target_os = "linux", target_os = "android"))]
        socket.set_tcp_notsent_lowat(MOST_UNSENT)?;
        Ok(())
    }

    async fn encrypt(&self, origin: &Origin, tcp: TcpStream) -> Result<UpstreamStream, DialError> {
        let failed = |source| DialError::Tls { host: origin.host.clone(), source };
        let name = ServerName::try_from(origin.host.clone()).map_err(|error| failed(io::Error::other(error)))?;
        let tls = self.tls.connect(name, tcp).await.map_err(failed)?;
        Ok(UpstreamStream::tls(tls))
    }

    /// Tries addresses in order, each with a head start over the next; the first connection wins, the others are dropped.
    async fn race(&self, addresses: &[SocketAddr]) -> io::Result<TcpStream> {
        let mut waiting = addresses.iter().take(MAX_DIALLED);
        let mut dialling = FuturesUnordered::new();
        loop {
            if let Some(address) = waiting.next() {
                dialling.push(self.resolver.connect(*address));
            }
            tokio::select! {
                Some(result) = dialling.next() => match result {
                    Ok(tcp) => return Ok(tcp),
                    Err(error) if dialling.is_empty() && waiting.len() == 0 => return Err(error),
                    Err(_the_others_may_do) => {}
                },
                () = tokio::time::sleep(HEAD_START), if waiting.len() > 0 => {}
                else => return Err(io::Error::other("no address to dial")),
            }
        }
    }
}
