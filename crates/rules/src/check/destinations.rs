//! Destinations that a rule writes out: one that no request could ever reach is a mistake, found before a file is sent.
//!
//! Names are judged when they are dialled, as only the answer of a name server can tell; addresses and `localhost` are judged
//! here as well.

use std::net::{IpAddr, Ipv4Addr};

use ipnet::IpNet;

use super::rule::RuleCheck;
use crate::diagnostics::Problems;
use crate::egress;
use crate::schema::values::networks;
use crate::source::{Node, Span, Style};

/// Bits of the shortest prefix that is one network: 10.0.0.0/8 and fc00::/7 are the largest private ones.
const NARROWEST_NOT_WIDE: u8 = 7;

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

/// Warns of a network so large that it holds the Internet: it opens every private network at once.
pub(super) fn warn_of_wide_networks(node: Option<&Node>, problems: &mut Problems) {
    for item in node.map(Node::one_or_more).unwrap_or_default() {
        let wide = |network: &IpNet| network.prefix_len() < NARROWEST_NOT_WIDE;
        let networks = item.text().and_then(|text| networks(text).ok()).unwrap_or_default();
        if let Some(network) = networks.iter().find(|network| wide(network)) {
            problems
                .warning(item.span, format!("`{network}` opens every private network in it at once"))
                .hint("name the networks that upstreams live in, such as `10.1.0.0/16`");
        }
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
