//! The main file: listeners, limits, time limits, egress and logs.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;

use super::{Clients, Provider, Route};

/// A configuration that passed `check`.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where uploads are accepted; at least one.
    pub listeners: Vec<Listener>,
    /// Where metrics and health are served.
    pub admin: SocketAddr,
    /// Size and count limits of the process.
    pub limits: Limits,
    /// What is known of clients: `fair-use`.
    pub clients: Clients,
    /// Time limits that hold for every route.
    pub timeouts: Timeouts,
    /// Networks that are neither public nor refused: what `egress.allow-private` says.
    pub allow_private: Vec<IpNet>,
    /// How to log.
    pub log: Log,
    /// Ways of showing who one is, in the order of the file.
    pub access: Vec<Arc<Provider>>,
    /// The routes, in the order of their files.
    pub routes: Vec<Arc<Route>>,
}

/// One address at which uploads are accepted.
#[derive(Debug, Clone)]
pub struct Listener {
    /// Address and port; port 0 lets the system choose.
    pub address: SocketAddr,
    /// Certificate and key, when the listener speaks TLS (ALPN offers `h2` and `http/1.1`).
    pub tls: Option<ListenerTls>,
    /// Whether cleartext connections may speak HTTP/2 with prior knowledge.
    pub http2: bool,
}

/// PEM files of a TLS listener.
#[derive(Debug, Clone)]
pub struct ListenerTls {
    /// Certificate chain, PEM.
    pub cert: String,
    /// Private key, PEM.
    pub key: String,
    /// Whose certificates clients may show.
    pub client_ca: Option<ClientCa>,
}

/// Certificates of clients.
#[derive(Debug, Clone)]
pub struct ClientCa {
    /// Certificate authorities, PEM.
    pub file: String,
    /// Whether a client without a certificate is refused in the handshake.
    pub required: bool,
}

/// Limits of the process.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Bytes of all body buffers together.
    pub memory: u64,
    /// Open client connections.
    pub connections: usize,
    /// Open connections of one client, if they are limited: an address, or a network of IPv6.
    pub connections_per_client: Option<usize>,
    /// Uploads at once.
    pub uploads: usize,
    /// Bytes of a request head.
    pub head_size: usize,
    /// Header fields of a request head.
    pub head_fields: usize,
    /// Bytes of one line of a request head.
    pub head_line: usize,
    /// Bytes of a request target.
    pub target_size: usize,
    /// Requests of one HTTP/2 connection at once.
    pub streams: u32,
    /// Streams of one HTTP/2 connection that its client reset and that wait to be noticed; one more ends the connection.
    pub resets: usize,
}

/// Time limits that hold for every route.
#[derive(Debug, Clone)]
pub struct Timeouts {
    /// From the first byte of a connection or request to the end of its head.
    pub head: Duration,
    /// A body that does not move, on either side.
    pub idle: Duration,
    /// Bytes per second below which a client's body is too slow, on average, after `min_rate_grace`.
    pub min_rate: u64,
    /// How long a body may be slower than `min_rate`.
    pub min_rate_grace: Duration,
    /// An idle connection of a client.
    pub keep_alive: Duration,
    /// Dialling an upstream.
    pub connect: Duration,
    /// An upstream's answer, after the request was sent.
    pub answer: Duration,
    /// How long uploads in flight may go on after SIGTERM.
    pub drain: Duration,
}

/// How to log.
#[derive(Debug, Clone)]
pub struct Log {
    /// Layout of a line.
    pub format: LogFormat,
    /// A level or a `tracing` filter.
    pub level: String,
}

/// Layout of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// Pretty on a terminal, JSON otherwise.
    Auto,
    /// For people.
    Pretty,
    /// One JSON object a line.
    Json,
}
