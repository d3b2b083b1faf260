//! URLs, patterns of origins and addresses: where the gateway may go. The input: a URL, a pattern, and an address as text or
//! as 4 or 16 bytes.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;
use rules::egress::permit;
use rules::url::{Origin, OriginPattern, Url};

use crate::fields::Fields;

/// A URL that passes has one reading, which is that of other parsers; a pattern takes whole labels; an address that passes
/// is public by the standard library's word, in whatever wrapping it comes.
pub fn url_check(input: &[u8]) {
    let mut fields = Fields::of(input);
    let (url, pattern) = (fields.text(), fields.text());
    let address = fields.rest();
    let url = Url::parse(&url).ok().inspect(|parsed| check_url(parsed, &url));
    if let Ok(parsed) = OriginPattern::parse(&pattern) {
        assert_eq!(OriginPattern::parse(&parsed.to_string()), Ok(parsed.clone()), "a pattern reads as it is shown");
        if let Some(url) = &url {
            check_pattern(&parsed, &url.origin);
        }
    }
    let text = std::str::from_utf8(address).ok().and_then(|text| text.trim().parse::<IpAddr>().ok());
    let bytes = <[u8; 16]>::try_from(address).map(IpAddr::from).ok();
    let short = <[u8; 4]>::try_from(address).map(IpAddr::from).ok();
    text.into_iter().chain(bytes).chain(short).for_each(check_address);
}

fn check_url(url: &Url, text: &str) {
    let whole = format!("{}{}", url.origin, url.path_and_query);
    assert_eq!(Url::parse(&whole).as_ref(), Ok(url), "a URL reads as it is written");
    assert_eq!(Origin::parse(&url.origin.to_string()).as_ref(), Ok(&url.origin));
    assert!(url.path_and_query.starts_with('/') && url.path_and_query.bytes().all(|byte| byte.is_ascii_graphic()));
    assert!(!text.contains(['@', '#', '\\']) || url.path_and_query.contains('@'), "nothing hides the host");
    let other: http::Uri = whole.parse().unwrap_or_else(|error| panic!("{whole}: {error}"));
    let authority = other.authority().expect("it is absolute");
    assert_eq!(authority.host().trim_matches(['[', ']']), url.origin.host, "another parser sees the same host");
    assert_eq!(authority.port_u16().unwrap_or(url.origin.scheme.default_port()), url.origin.port);
    assert_eq!(other.path_and_query().map(http::uri::PathAndQuery::as_str), Some(url.path_and_query.as_str()));
    if let Some(address) = inet_aton(&url.origin.host) {
        assert_eq!(url.origin.host.parse(), Ok(address), "a host that C takes for an address is written as one");
    }
    if let Ok(address) = url.origin.host.parse() {
        check_address(address);
    }
}

/// What `inet_aton` of C takes: one to four numbers, decimal, octal or hexadecimal, the last one for all the rest.
fn inet_aton(host: &str) -> Option<Ipv4Addr> {
    let numbers: Vec<u64> = host.split('.').map(number).collect::<Option<_>>()?;
    let (last, others) = numbers.split_last()?;
    let rest_bits = 8 * (4 - u32::try_from(others.len()).ok()?.min(3));
    if others.len() > 3 || *last >= 1 << rest_bits || others.iter().any(|number| *number > 255) {
        return None;
    }
    let high = others.iter().fold(0, |sum, number| sum << 8 | number);
    u32::try_from((high << rest_bits) | last).ok().map(Ipv4Addr::from)
}

fn number(text: &str) -> Option<u64> {
    let lower = text.to_ascii_lowercase();
    match (lower.strip_prefix("0x"), lower.strip_prefix('0')) {
        (Some(""), _) => None,
        (Some(hex), _) => u64::from_str_radix(hex, 16).ok(),
        (None, Some("")) => Some(0),
        (None, Some(octal)) => u64::from_str_radix(octal, 8).ok(),
        (None, None) => lower.parse().ok(),
    }
    .filter(|number| u32::try_from(*number).is_ok() && !text.contains('+'))
}

fn check_pattern(pattern: &OriginPattern, origin: &Origin) {
    let exact: Vec<&str> = pattern.host.split('.').collect();
    let host: Vec<&str> = origin.host.split('.').collect();
    let fits = match exact.as_slice() {
        ["*", suffix @ ..] => host.len() > suffix.len() && host.ends_with(suffix),
        all => host == all,
    };
    let expected = fits && pattern.scheme == origin.scheme && pattern.port == origin.port;
    assert_eq!(pattern.matches(origin), expected, "{pattern} against {origin}: whole labels match, and nothing else");
}

fn check_address(address: IpAddr) {
    let verdict = permit(address, &[]);
    if verdict.is_ok() {
        assert!(is_public(address), "{address} is dialled, but it is not public");
    } else if let IpAddr::V4(address) = address {
        let mapped = IpAddr::V6(address.to_ipv6_mapped());
        assert!(permit(mapped, &[]).is_err(), "{mapped} is {address}");
    }
    let itself = [IpNet::from(address)];
    assert!(permit(address, &itself).is_ok(), "a network that the operator names is permitted");
    assert!(verdict.is_ok() || permit(address, &[elsewhere(address)]).is_err(), "and only that");
}

/// A network that does not hold the address.
fn elsewhere(address: IpAddr) -> IpNet {
    let other = match address {
        IpAddr::V4(Ipv4Addr::LOCALHOST) => Ipv4Addr::new(8, 8, 8, 8),
        _ => Ipv4Addr::LOCALHOST,
    };
    let is_carried = address.to_string().ends_with("127.0.0.1") || carried(address).contains(&other);
    if is_carried { IpNet::from(IpAddr::from(Ipv4Addr::new(9, 9, 9, 9))) } else { IpNet::from(IpAddr::from(other)) }
}

/// By the standard library where it knows, and by the registries (RFC 6890) where it does not tell in its stable part.
fn is_public(address: IpAddr) -> bool {
    let listed = |networks: &[&str]| {
        networks.iter().any(|network| network.parse::<IpNet>().expect("a network").contains(&address))
    };
    match address {
        IpAddr::V4(v4) => {
            let known = v4.is_private() || v4.is_loopback() || v4.is_link_local() || v4.is_multicast();
            let useless = v4.is_unspecified() || v4.is_broadcast() || v4.is_documentation();
            let more = ["0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.88.99.0/24", "198.18.0.0/15", "240.0.0.0/4"];
            !known && !useless && !listed(&more)
        }
        IpAddr::V6(v6) => {
            let known = v6.is_loopback() || v6.is_unspecified() || v6.is_multicast() || v6.is_unique_local();
            let useless = v6.is_unicast_link_local();
            let more = ["fec0::/10", "2001:db8::/32", "3fff::/20", "100::/64", "64:ff9b:1::/48", "5f00::/16"];
            let carried_is_public = carried(address).into_iter().all(|v4| is_public(v4.into()));
            !known && !useless && !listed(&more) && carried_is_public
        }
    }
}

/// The IPv4 addresses that hosts and routers may take out of an IPv6 one: mapped and compatible (RFC 4291), NAT64 (RFC 6052),
/// 6to4 (RFC 3056), Teredo (RFC 4380).
fn carried(address: IpAddr) -> Vec<Ipv4Addr> {
    let IpAddr::V6(v6) = address else { return Vec::new() };
    let octets = v6.octets();
    let at = |from: usize| {
        let four: [u8; 4] = octets[from..from + 4].try_into().expect("four of sixteen");
        Ipv4Addr::from(four)
    };
    let within = |network: &str| network.parse::<ipnet::Ipv6Net>().expect("a network").contains(&v6);
    let is_plain = v6 != Ipv6Addr::LOCALHOST && v6 != Ipv6Addr::UNSPECIFIED;
    let mut found = Vec::new();
    if (within("::/96") && is_plain) || within("::ffff:0:0/96") || within("64:ff9b::/96") {
        found.push(at(12));
    }
    if within("2002::/16") {
        found.push(at(2));
    }
    if within("2001::/32") {
        found.push(Ipv4Addr::from(!u32::from(at(12))));
    }
    found
}
