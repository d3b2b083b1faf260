//! Destinations that a rule writes out: one that no request could ever reach is a mistake, found before a file is sent.
//!
//! Names are judged when they are dialled, as only the answer of a name server can tell; addresses and `localhost` are judged
//! here as well.

use std::net::{IpAddr, Ipv4Addr};

use ipnet::IpNet;

use super::rule::RuleCheck;
use crate::egress;
use crate::source::{Node, Span, Style};

impl RuleCheck<'_> {
    /// Reports a host that is an address which this target may not dial. `private` are the target's own networks.
    pub(super) fn destination(&mut self, node: &Node, place: Span, host: &str, private: &[IpNet]) {
        // Without a sound main file nobody knows what it permits.
        let Some(permitted) = self.permitted else { return };
        let networks: Vec<_> = permitted.iter().chain(private).copied().collect();
        let Some(address) = address_of(host, &networks) else { return };
        let Err(refused) = egress::permit(address, &networks) else { return };
        let computed = node.as_scalar().is_some_and(|scalar| scalar.style == Style::Computed);
        // The value of a variable is not repeated.
        let message = if computed {
            format!("this gives an address that is {}, which is not dialled", refused.class)
        } else {
            format!("`{host}` is {}, which is not dialled", refused.class)
        };
        self.problems.error(if computed { node.span } else { place }, message).hint(
            "if it is meant, name the network in the target's `allow-private`, or in `egress.allow-private` of the main file",
        );
    }
}

/// The address that a host stands for without any name server. `localhost` is loopback of either family (RFC 6761 section
/// 6.3), so one permitted loopback network is enough for it.
fn address_of(host: &str, networks: &[IpNet]) -> Option<IpAddr> {
    if let Ok(address) = host.parse() {
        return Some(address);
    }
    let is_local = host == "localhost" || host.ends_with(".localhost");
    let has_loopback = networks.iter().any(|network| network.addr().to_canonical().is_loopback());
    (is_local && !has_loopback).then_some(IpAddr::V4(Ipv4Addr::LOCALHOST))
}
