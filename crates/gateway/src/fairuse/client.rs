//! Who counts as one client.

use std::hash::{BuildHasher as _, RandomState};
use std::net::IpAddr;
use std::sync::LazyLock;

use http::HeaderMap;
use rules::config::Proxies;
use rules::fair_use::client_address;

/// Bytes of an IPv6 address that name a client: a network of this size is the least that a customer of an access provider gets, so
/// whoever has one has all of its addresses.
const IPV6_PREFIX: usize = 8;

/// One client: who it proved to be, else where it comes from. Kept as 128 bits of a hash whose keys are chosen at start, so that a long
/// name takes no more room than an address and no client can choose whom it shares a place with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct ClientKey {
    hash: (u64, u64),
    is_address: bool,
}

/// Secret keys of the hash, one for each half.
static KEYS: LazyLock<(RandomState, RandomState)> = LazyLock::new(Default::default);

impl ClientKey {
    /// The client at an address; `identity` is the provider that vouches for it and its name there.
    pub(crate) fn new(address: IpAddr, identity: Option<(&str, &str)>) -> Self {
        match (identity, address.to_canonical()) {
            (Some(identity), _) => Self::of(("identity", identity), false),
            (None, IpAddr::V4(address)) => Self::of(("address", address.octets()), true),
            (None, IpAddr::V6(address)) => {
                let octets = address.octets();
                Self::of(("network", octets.first_chunk::<IPV6_PREFIX>()), true)
            }
        }
    }

    /// The client of a request: who it proved to be, else the address of its connection, or the one that a trusted proxy says.
    pub(crate) fn of_request(
        peer: IpAddr,
        headers: &HeaderMap,
        proxies: Option<&Proxies>,
        identity: Option<(&str, &str)>,
    ) -> Self {
        let address = proxies.map_or(peer, |proxies| {
            // What is no text is nonsense, which ends the reading.
            let fields = headers.get_all(proxies.field.name()).iter().map(|value| value.to_str().unwrap_or("?"));
            client_address(proxies, peer, fields)
        });
        Self::new(address, identity)
    }

    /// One of so many places for clients that have none of their own.
    pub(super) fn shared(self, places: u64) -> Self {
        let place = self.hash.0.checked_rem(places).unwrap_or(0);
        Self { hash: (place, place), is_address: self.is_address }
    }

    /// Whether nobody vouches for it: addresses can be had by the million, identities cannot.
    pub(super) fn is_address(self) -> bool {
        self.is_address
    }

    fn of(what: impl std::hash::Hash, is_address: bool) -> Self {
        Self { hash: (KEYS.0.hash_one(&what), KEYS.1.hash_one(&what)), is_address }
    }
}
