//! Connections of one client: one that opens thousands must not take the places of all others.
//!
//! A client is an address here (of IPv6 a network), as nothing more is known when a connection is accepted. Proxies that the
//! configuration trusts are not counted: their connections are many clients'.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use rules::config::Config;

use crate::fairuse::ClientKey;

/// Who has how many connections open. It holds those who have one, so it is no larger than `limits.connections`.
#[derive(Debug)]
pub(super) struct PerClient {
    most: Option<usize>,
    proxies: Vec<ipnet::IpNet>,
    open: Arc<Mutex<HashMap<ClientKey, usize>>>,
}

/// One of a client's connections, until dropped.
#[derive(Debug)]
pub(super) struct ClientPlace(Option<(Arc<PerClient>, ClientKey)>);

impl PerClient {
    /// Counts under the limit of this configuration.
    pub(super) fn new(config: &Config) -> Arc<Self> {
        Self::counting(config, Arc::default())
    }

    /// The same counts under the limit of another configuration.
    pub(super) fn under(&self, config: &Config) -> Arc<Self> {
        Self::counting(config, Arc::clone(&self.open))
    }

    fn counting(config: &Config, open: Arc<Mutex<HashMap<ClientKey, usize>>>) -> Arc<Self> {
        let proxies = config.clients.proxies.as_ref().map(|proxies| proxies.networks.clone()).unwrap_or_default();
        Arc::new(Self { most: config.limits.connections_per_client, proxies, open })
    }

    /// A place for a connection from this address; nothing when its client has as many as it may.
    pub(super) fn take(self: &Arc<Self>, peer: IpAddr) -> Option<ClientPlace> {
        let Some(most) = self.most else { return Some(ClientPlace(None)) };
        let address = peer.to_canonical();
        if self.proxies.iter().any(|network| network.contains(&address)) {
            return Some(ClientPlace(None));
        }
        let client = ClientKey::new(address, None);
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let count = open.entry(client).or_insert(0);
        // An entry that was just made has room: the limit is at least one.
        if *count >= most {
            return None;
        }
        *count = count.saturating_add(1);
        Some(ClientPlace(Some((Arc::clone(self), client))))
    }
}

impl Drop for ClientPlace {
    fn drop(&mut self) {
        let Some((counts, client)) = &self.0 else { return };
        let mut open = counts.open.lock().unwrap_or_else(PoisonError::into_inner);
        let left = open.get(client).map_or(0, |count| count.saturating_sub(1));
        if left == 0 {
            open.remove(client);
        } else {
            open.insert(*client, left);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::tests::config;

    fn counts(most: usize) -> Arc<PerClient> {
        let mut config = config();
        config.limits.connections_per_client = Some(most);
        PerClient::new(&config)
    }

    fn address(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn a_client_has_so_many_and_others_have_their_own() {
        let counts = counts(2);
        let held = [counts.take(address("192.0.2.1")), counts.take(address("::ffff:192.0.2.1"))];
        assert!(held.iter().all(Option::is_some));
        assert!(counts.take(address("192.0.2.1")).is_none());
        assert!(counts.take(address("192.0.2.2")).is_some());
        drop(held);
        assert!(counts.take(address("192.0.2.1")).is_some());
        assert!(counts.open.lock().expect("no panic").is_empty(), "nobody is remembered who has none open");
    }

    #[test]
    fn a_network_of_ipv6_is_one_client() {
        let counts = counts(1);
        let _held = counts.take(address("2001:db8::1")).expect("the first");
        assert!(counts.take(address("2001:db8::2:3")).is_none());
        assert!(counts.take(address("2001:db8:0:1::1")).is_some());
    }

    #[test]
    fn a_trusted_proxy_is_not_counted() {
        let mut config = config();
        config.limits.connections_per_client = Some(1);
        let field = rules::config::ForwardedField::XForwardedFor;
        let networks = vec!["10.0.0.0/8".parse().expect("a network")];
        config.clients.proxies = Some(rules::config::Proxies { networks, field });
        let counts = PerClient::new(&config);
        let held: Vec<_> = (0..3).map(|_| counts.take(address("10.1.2.3"))).collect();
        assert!(held.iter().all(Option::is_some));
    }
}
