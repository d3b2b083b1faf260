//! The client's address behind proxies of the operator's own.
//!
//! Anybody can write these fields, so nothing is believed but what a trusted proxy added: the list is read from its end, and the first
//! address that is no such proxy is the client. What a client wrote itself stands before that and is never reached.

use std::net::{IpAddr, SocketAddr};

use crate::config::{ForwardedField, Proxies};

/// The address of the client whose connection came from `peer`; `fields` are the values of the field that the proxies write, in
/// the order in which they stand in the request.
#[must_use]
pub fn client_address<'a>(proxies: &Proxies, peer: IpAddr, fields: impl DoubleEndedIterator<Item = &'a str>) -> IpAddr {
    let mut nearest = peer.to_canonical();
    for element in fields.rev().flat_map(|field| elements(proxies.field, field).into_iter().rev()) {
        if !proxies.trust(nearest) {
            break;
        }
        // A name, `unknown` or nonsense: the proxy that passed it on is the last that is known.
        let Some(address) = address(proxies.field, element) else { break };
        nearest = address.to_canonical();
    }
    nearest
}

impl Proxies {
    fn trust(&self, address: IpAddr) -> bool {
        self.networks.iter().any(|network| network.contains(&address))
    }
}

/// The elements of a list; empty ones are none (RFC 9110, section 5.6.1).
///
/// In `Forwarded`, commas may be quoted. A client that opens a quote and never closes it would have the proxy's own words swallowed by
/// it, so a field with half a quote says nothing.
fn elements(field: ForwardedField, text: &str) -> Vec<&str> {
    let elements: Vec<_> = match field {
        ForwardedField::XForwardedFor => text.split(',').map(str::trim).collect(),
        ForwardedField::Forwarded if !text.matches('"').count().is_multiple_of(2) => vec!["?"],
        ForwardedField::Forwarded => split(text, ',').collect(),
    };
    elements.into_iter().filter(|element| !element.is_empty()).collect()
}

fn split(text: &str, at: char) -> impl Iterator<Item = &str> {
    let mut is_quoted = false;
    let parts = text.split(move |c: char| {
        is_quoted ^= c == '"';
        c == at && !is_quoted
    });
    parts.map(str::trim)
}

fn address(field: ForwardedField, element: &str) -> Option<IpAddr> {
    match field {
        ForwardedField::XForwardedFor => node(element),
        // RFC 7239, section 4: `for=192.0.2.43;proto=https`, `for="[2001:db8::1]:4711"`.
        ForwardedField::Forwarded => {
            let mut values = split(element, ';').filter_map(|pair| {
                let (name, value) = pair.split_once('=')?;
                name.trim().eq_ignore_ascii_case("for").then(|| value.trim())
            });
            let value = values.next()?;
            // Two of them contradict each other.
            values.next().is_none().then(|| unquoted(value).and_then(node)).flatten()
        }
    }
}

fn unquoted(value: &str) -> Option<&str> {
    match value.strip_prefix('"') {
        Some(rest) => rest.strip_suffix('"'),
        None => Some(value),
    }
}

/// An address, perhaps in brackets, perhaps with a port.
fn node(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    bare.parse().ok().or_else(|| text.parse::<SocketAddr>().ok().map(|address| address.ip()))
}
