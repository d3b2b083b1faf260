//! A hostile network: it answers every name as the attacker wishes, and remembers what was dialled.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::future::BoxFuture;
use gateway::upstream::Resolve;
use tokio::net::{TcpListener, TcpStream};

/// Where honest peers seem to live. What is dialled there goes to the same port on loopback.
pub(crate) const PUBLIC: IpAddr = IpAddr::V4(Ipv4Addr::new(93, 184, 215, 14));

/// A name server and a dialler.
#[derive(Default)]
pub(crate) struct HostileNetwork {
    /// Answers by name, in order; the last one stays.
    answers: Mutex<HashMap<String, Vec<Vec<IpAddr>>>>,
    asked: Mutex<Vec<String>>,
    dialled: Mutex<Vec<SocketAddr>>,
}

impl HostileNetwork {
    pub(crate) fn new() -> Arc<Self> {
        Arc::default()
    }

    /// What the name server says of a name, from now on.
    pub(crate) fn answer(&self, name: &str, answers: impl IntoIterator<Item = Vec<IpAddr>>) {
        lock(&self.answers).insert(name.to_owned(), answers.into_iter().collect());
    }

    /// How often a name was asked for.
    pub(crate) fn asked(&self, name: &str) -> usize {
        lock(&self.asked).iter().filter(|asked| *asked == name).count()
    }

    /// Every dial to anything but the honest peers.
    pub(crate) fn forbidden_dials(&self) -> Vec<SocketAddr> {
        lock(&self.dialled).iter().filter(|address| address.ip() != PUBLIC).copied().collect()
    }

    /// The number of dials to honest peers.
    pub(crate) fn honest_dials(&self) -> usize {
        lock(&self.dialled).iter().filter(|address| address.ip() == PUBLIC).count()
    }
}

impl Resolve for HostileNetwork {
    fn resolve<'a>(&'a self, host: &'a str, port: u16) -> BoxFuture<'a, io::Result<Vec<SocketAddr>>> {
        lock(&self.asked).push(host.to_owned());
        // A name that nobody scripted is loopback: what `getaddrinfo` makes of `0x7f.1` is what an attacker hopes for.
        let mut answers = lock(&self.answers);
        let found = match answers.get_mut(host) {
            Some(list) if list.len() > 1 => list.remove(0),
            Some(list) => list.first().cloned().unwrap_or_default(),
            None => vec![IpAddr::V4(Ipv4Addr::LOCALHOST)],
        };
        Box::pin(async move { Ok(found.into_iter().map(|ip| SocketAddr::new(ip, port)).collect()) })
    }

    fn connect(&self, address: SocketAddr) -> BoxFuture<'static, io::Result<TcpStream>> {
        lock(&self.dialled).push(address);
        let real =
            if address.ip() == PUBLIC { SocketAddr::from((Ipv4Addr::LOCALHOST, address.port())) } else { address };
        Box::pin(TcpStream::connect(real))
    }
}

/// Listens on loopback and counts who comes.
pub(crate) struct Trap {
    pub(crate) port: u16,
    caught: Arc<AtomicUsize>,
}

impl Trap {
    pub(crate) async fn set() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)).await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let caught = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&caught);
        tokio::spawn(async move {
            while listener.accept().await.is_ok() {
                counter.fetch_add(1, Ordering::Relaxed);
            }
        });
        Self { port, caught }
    }

    pub(crate) fn caught(&self) -> usize {
        self.caught.load(Ordering::Relaxed)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
