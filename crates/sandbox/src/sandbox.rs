//! The sandbox itself: starts the listeners, tells where they are, shows what happened, stops.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::faults::Fault;
use crate::journal::Exchange;
use crate::objects::{Announced, StoredObject};
use crate::options::Options;
use crate::server::{self, Site};
use crate::state::{self, Origins, Shared};
use crate::system::System;

/// Running stand-ins. Dropping it stops them as [`stop`](Sandbox::stop) does, without waiting.
#[derive(Debug)]
pub struct Sandbox {
    shared: Arc<Shared>,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Sandbox {
    /// Starts all listeners on loopback. Must be called within a tokio runtime.
    ///
    /// # Errors
    ///
    /// When a port cannot be had, or when the address is not a loopback address.
    pub async fn start(options: Options) -> io::Result<Sandbox> {
        let mut listeners = Vec::new();
        let mut origins = Origins { systems: Vec::new(), storage: String::new() };
        for (number, site) in sites() {
            let listener = TcpListener::bind(address(options.address, number)?).await?;
            origins.add(site, listener.local_addr()?);
            listeners.push((listener, site));
        }
        let shared = Arc::new(Shared::new(options, origins));
        let (stop, tasks, numbers) = (CancellationToken::new(), TaskTracker::new(), Arc::new(AtomicU64::new(0)));
        for (listener, site) in listeners {
            let (shared, numbers) = (Arc::clone(&shared), Arc::clone(&numbers));
            tasks.spawn(server::accept(listener, site, shared, numbers, stop.clone(), tasks.clone()));
        }
        Ok(Sandbox { shared, stop, tasks })
    }

    /// The environment of a sandbox with these options, without starting it: for a shell beside it.
    ///
    /// # Errors
    ///
    /// When the options leave the ports to the system, or when the address is not a loopback address.
    pub fn environment_at(options: &Options) -> io::Result<Vec<(String, String)>> {
        let mut origins = Origins { systems: Vec::new(), storage: String::new() };
        for (number, site) in sites() {
            let address = address(options.address, number)?;
            if address.port() == 0 {
                return Err(io::Error::new(io::ErrorKind::InvalidInput, "its ports are known once it runs"));
            }
            origins.add(site, address);
        }
        Ok(variables(&origins, options))
    }

    /// The environment in which the shipped routes talk to this sandbox.
    pub fn environment(&self) -> Vec<(String, String)> {
        variables(&self.shared.origins, &self.shared.options)
    }

    /// `http://host:port` of a system's API.
    pub fn origin(&self, system: System) -> &str {
        self.shared.origins.of(system)
    }

    /// `http://host:port` of the S3 endpoint.
    pub fn storage_origin(&self) -> &str {
        &self.shared.origins.storage
    }

    /// Every listener's name and origin.
    pub fn origins(&self) -> Vec<(String, &str)> {
        let systems = self.shared.origins.systems.iter().map(|(system, origin)| (system.to_string(), origin.as_str()));
        systems.chain([("storage".to_owned(), self.storage_origin())]).collect()
    }

    /// One line per listener, for people.
    pub fn describe(&self) -> Vec<String> {
        self.origins().into_iter().map(|(name, origin)| format!("{name:<15} {origin}")).collect()
    }

    /// The files whose bytes arrived completely, in the order in which they were begun. The newest 65,536
    /// uploads are remembered.
    pub fn objects(&self) -> Vec<StoredObject> {
        self.shared.uploads().stored()
    }

    /// Every upload that was begun and not taken back, with or without bytes.
    pub fn announced(&self) -> Vec<Announced> {
        self.shared.uploads().announced()
    }

    /// Every request, in the order in which they were answered (or lost); the newest 8192 of them.
    pub fn journal(&self) -> Vec<Exchange> {
        self.shared.journal()
    }

    /// Lets something go wrong. Faults of the same system and step take their turns in the order given.
    pub fn script(&self, fault: Fault) {
        self.shared.script(fault);
    }

    /// Forgets objects, journal and faults.
    pub fn clear(&self) {
        self.shared.clear();
    }

    /// Connections that are open: a connection's requests are all in the journal once it is gone.
    pub fn connections(&self) -> usize {
        self.tasks.len().saturating_sub(self.shared.origins.systems.len().saturating_add(1))
    }

    /// Closes all listeners and connections and waits until they are closed.
    pub async fn stop(self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// Who listens, in the order of the ports.
fn sites() -> impl Iterator<Item = (u16, Site)> {
    (0_u16..).zip(System::ALL.into_iter().map(Site::System).chain([Site::Storage]))
}

/// The environment in which the shipped routes talk to a sandbox at `origins`.
fn variables(origins: &Origins, options: &Options) -> Vec<(String, String)> {
    let storage = origins.storage.as_str();
    let mut variables = vec![
        ("KUSTOMER_URL", origins.of(System::Kustomer)),
        ("KUSTOMER_API_KEY", state::KUSTOMER_API_KEY),
        ("KUSTOMER_STORAGE", storage),
        ("FLOWKIWI_URL", origins.of(System::Flowkiwi)),
        ("FLOWKIWI_TOKEN", state::FLOWKIWI_TOKEN),
        ("FLOWKIWI_ORGANIZATION_ID", state::FLOWKIWI_ORGANIZATION_ID),
        ("KLINKCX_URL", origins.of(System::KlinkCx)),
        ("KLINKCX_TOKEN", state::KLINKCX_TOKEN),
        ("TEAMWORK_DESK_URL", origins.of(System::TeamworkDesk)),
        ("TEAMWORK_DESK_API_KEY", state::TEAMWORK_DESK_API_KEY),
        ("TEAMWORK_DESK_STORAGE", storage),
        ("CONNECT_URL", origins.of(System::AmazonConnect)),
        ("CONNECT_INSTANCE_ID", state::CONNECT_INSTANCE_ID),
        ("CONNECT_STORAGE", storage),
        ("AWS_REGION", state::REGION),
        ("AWS_ACCESS_KEY_ID", state::AWS_ACCESS_KEY_ID),
        ("AWS_SECRET_ACCESS_KEY", state::AWS_SECRET_ACCESS_KEY),
        ("TIDEGATE_ALLOW_PRIVATE", "127.0.0.0/8"),
    ];
    if let Some(token) = &options.session_token {
        variables.push(("AWS_SESSION_TOKEN", token));
    }
    variables.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// The address of the listener with that number.
fn address(base: Option<SocketAddr>, number: u16) -> io::Result<SocketAddr> {
    let base = base.unwrap_or_else(|| SocketAddr::from((Ipv4Addr::LOCALHOST, 0)));
    if !base.ip().is_loopback() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "the sandbox listens on loopback only"));
    }
    let port = match base.port() {
        0 => Some(0),
        first => first.checked_add(number),
    };
    let port = port.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "the ports after this one run out"))?;
    Ok(SocketAddr::new(base.ip(), port))
}
