//! Which addresses may be dialled: public ones, and private networks that the operator named.

use std::net::IpAddr;

use ipnet::IpNet;

/// Why an address is not dialled, such as "loopback" or "link-local".
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{address} is {class}")]
pub struct RefusedAddress {
    /// The address as resolved.
    pub address: IpAddr,
    /// Its class in words.
    pub class: &'static str,
}

/// Decides on one resolved address. IPv4-mapped, NAT64, 6to4 and Teredo addresses count as the IPv4 address that they carry.
///
/// # Errors
/// The address is not public and no network in `allowed` holds it.
pub fn permit(address: IpAddr, allowed: &[IpNet]) -> Result<(), RefusedAddress> {
    todo!("{address} {allowed:?}")
}
