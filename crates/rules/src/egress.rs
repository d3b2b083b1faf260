//! Which addresses may be dialled: public ones, and private networks that the operator named.
//!
//! An attacker who controls an upstream's answer, or a DNS name, points the gateway at itself, at its cloud's metadata
//! service or at neighbours. IPv6 offers ways to spell an IPv4 address; all of them are unwrapped first. What this cannot know
//! is a NAT64 prefix of the operator's own (RFC 6052 section 2.2): such a network has to filter at its translator.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// Why an address is not dialled, such as "loopback" or "link-local".
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{address} is {class}")]
pub struct RefusedAddress {
    /// The address as resolved.
    pub address: IpAddr,
    /// Its class in words.
    pub class: &'static str,
}

/// Decides on one resolved address.
///
/// An IPv4-mapped IPv6 address is dialled as IPv4 (RFC 4291 section 2.5.5.2), so networks of either family speak for it. A
/// tunnel's address goes elsewhere than the IPv4 address that it carries: it is refused for what it carries, but a permitted
/// IPv4 network does not open it.
///
/// # Errors
/// The address is not public and no network in `allowed` holds it; or it is a cloud's metadata service, which only a network
/// of this one address opens.
pub fn permit(address: IpAddr, allowed: &[IpNet]) -> Result<(), RefusedAddress> {
    let plain = address.to_canonical();
    let carried = carried_address(plain);
    let metadata = METADATA.iter().any(|service| *service == plain || *service == carried);
    let opens = |network: &IpNet| {
        let holds = network.contains(&address) || network.contains(&plain);
        holds && (!metadata || network.prefix_len() == network.max_prefix_len())
    };
    if allowed.iter().any(opens) {
        return Ok(());
    }
    if metadata {
        return Err(RefusedAddress { address, class: "a cloud's metadata service" });
    }
    let class = class_of(carried).or_else(|| class_of(plain));
    class.map_or(Ok(()), |class| Err(RefusedAddress { address, class }))
}

/// Where clouds hand their machines credentials. They lie within networks that operators permit for other reasons (a VPN's
/// 100.64.0.0/10, ULAs), and Azure's in public space, so they are known by name.
const METADATA: &[IpAddr] = &[
    // AWS, Google, Azure, Oracle, DigitalOcean and most others.
    IpAddr::V4(Ipv4Addr::new(169, 254, 169, 254)),
    // Tencent.
    IpAddr::V4(Ipv4Addr::new(169, 254, 0, 23)),
    // Credentials of ECS tasks, and of EKS pods.
    IpAddr::V4(Ipv4Addr::new(169, 254, 170, 2)),
    IpAddr::V4(Ipv4Addr::new(169, 254, 170, 23)),
    // Alibaba.
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
    // Oracle's older one.
    IpAddr::V4(Ipv4Addr::new(192, 0, 0, 192)),
    // Azure's WireServer.
    IpAddr::V4(Ipv4Addr::new(168, 63, 129, 16)),
    // AWS and EKS over IPv6.
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23)),
    // Google over IPv6, Oracle and others over link-local IPv6.
    IpAddr::V6(Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254)),
    IpAddr::V6(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0xa9fe, 0xa9fe)),
];

/// IANA IPv4 Special-Purpose Address Registry (RFC 6890 and its successors), and multicast.
const SPECIAL_V4: &[(Ipv4Addr, u8, &str)] = &[
    (Ipv4Addr::new(0, 0, 0, 0), 8, "unspecified (RFC 1122)"),
    (Ipv4Addr::new(10, 0, 0, 0), 8, "private (RFC 1918)"),
    (Ipv4Addr::new(100, 64, 0, 0), 10, "shared by a carrier's NAT (RFC 6598)"),
    (Ipv4Addr::new(127, 0, 0, 0), 8, "loopback"),
    (Ipv4Addr::new(169, 254, 0, 0), 16, "link-local"),
    (Ipv4Addr::new(172, 16, 0, 0), 12, "private (RFC 1918)"),
    (Ipv4Addr::new(192, 0, 0, 0), 24, "reserved for protocols (RFC 6890)"),
    (Ipv4Addr::new(192, 0, 2, 0), 24, "for documentation (RFC 5737)"),
    (Ipv4Addr::new(192, 31, 196, 0), 24, "for AS112 (RFC 7535)"),
    (Ipv4Addr::new(192, 52, 193, 0), 24, "for AMT relays (RFC 7450)"),
    (Ipv4Addr::new(192, 88, 99, 0), 24, "for 6to4 relays (RFC 7526)"),
    (Ipv4Addr::new(192, 168, 0, 0), 16, "private (RFC 1918)"),
    (Ipv4Addr::new(192, 175, 48, 0), 24, "for AS112 (RFC 7534)"),
    (Ipv4Addr::new(198, 18, 0, 0), 15, "for benchmarks (RFC 2544)"),
    (Ipv4Addr::new(198, 51, 100, 0), 24, "for documentation (RFC 5737)"),
    (Ipv4Addr::new(203, 0, 113, 0), 24, "for documentation (RFC 5737)"),
    (Ipv4Addr::new(224, 0, 0, 0), 4, "multicast"),
    (Ipv4Addr::new(240, 0, 0, 0), 4, "reserved or broadcast (RFC 1112)"),
];

/// IANA IPv6 Special-Purpose Address Registry, multicast, and what lies outside global unicast (2000::/3). 2001::/23 holds
/// Teredo (RFC 4380), ORCHID (RFC 4843, 7343), benchmarks (RFC 5180) and drone ids (RFC 9374): no upstream lives there. Of
/// NAT64, 64:ff9b::/96 is open for public IPv4 addresses, as networks without IPv4 reach those through it (RFC 6052, 6147).
const SPECIAL_V6: &[(Ipv6Addr, u8, &str)] = &[
    (Ipv6Addr::UNSPECIFIED, 128, "unspecified"),
    (Ipv6Addr::LOCALHOST, 128, "loopback"),
    (Ipv6Addr::new(0x64, 0xff9b, 1, 0, 0, 0, 0, 0), 48, "for local NAT64 (RFC 8215)"),
    (Ipv6Addr::new(0x100, 0, 0, 0, 0, 0, 0, 0), 64, "discarded (RFC 6666)"),
    (Ipv6Addr::new(0x100, 0, 0, 1, 0, 0, 0, 0), 64, "a dummy prefix (RFC 9780)"),
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23, "reserved for protocols (RFC 2928)"),
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32, "for documentation (RFC 3849)"),
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16, "a 6to4 tunnel (RFC 7526)"),
    (Ipv6Addr::new(0x2620, 0x4f, 0x8000, 0, 0, 0, 0, 0), 48, "for AS112 (RFC 7534)"),
    (Ipv6Addr::new(0x3ffe, 0, 0, 0, 0, 0, 0, 0), 16, "of the former 6bone (RFC 3701)"),
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20, "for documentation (RFC 9637)"),
    (Ipv6Addr::new(0x5f00, 0, 0, 0, 0, 0, 0, 0), 16, "for segment routing (RFC 9602)"),
    (Ipv6Addr::new(0xfc00, 0, 0, 0, 0, 0, 0, 0), 7, "private (RFC 4193)"),
    (Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0), 10, "link-local"),
    (Ipv6Addr::new(0xfec0, 0, 0, 0, 0, 0, 0, 0), 10, "site-local (RFC 3879)"),
    (Ipv6Addr::new(0xff00, 0, 0, 0, 0, 0, 0, 0), 8, "multicast"),
];

fn class_of(address: IpAddr) -> Option<&'static str> {
    match address {
        IpAddr::V4(address) => {
            let holds = |base, len| Ipv4Net::new(base, len).is_ok_and(|net| net.contains(&address));
            SPECIAL_V4.iter().find(|(base, len, _)| holds(*base, *len)).map(|(.., class)| *class)
        }
        IpAddr::V6(address) => {
            let holds = |base, len| Ipv6Net::new(base, len).is_ok_and(|net| net.contains(&address));
            let listed = SPECIAL_V6.iter().find(|(base, len, _)| holds(*base, *len)).map(|(.., class)| *class);
            let [first, second, ..] = address.segments();
            let global = first & 0xe000 == 0x2000 || (first == 0x64 && second == 0xff9b);
            listed.or((!global).then_some("not global unicast"))
        }
    }
}

/// The IPv4 address inside an IPv6 one: mapped (RFC 4291), compatible, NAT64 (RFC 6052, 8215), 6to4 (RFC 3056), Teredo
/// (RFC 4380, inverted), ISATAP (RFC 5214). Any other address is itself.
fn carried_address(address: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = address else { return address };
    let pair = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        IpAddr::V4(Ipv4Addr::new(a, b, c, d))
    };
    match v6.segments() {
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => address,
        [0, 0, 0, 0, 0, 0xffff | 0, high, low] | [0, 0, 0, 0, 0xffff, 0, high, low] => pair(high, low),
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] | [0x64, 0xff9b, 1, _, _, _, high, low] => pair(high, low),
        [0x2002, high, low, ..] => pair(high, low),
        [0x2001, 0, _, _, _, _, high, low] => pair(!high, !low),
        [_, _, _, _, 0x0000 | 0x0200, 0x5efe, high, low] => pair(high, low),
        _ => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str, allowed: &[IpNet]) -> Option<&'static str> {
        permit(text.parse().expect(text), allowed).err().map(|refusal| refusal.class)
    }

    #[test]
    fn public_addresses_pass() {
        for text in ["8.8.8.8", "52.95.110.1", "100.128.0.1", "172.32.0.1", "192.0.1.1", "2600:1f18::1", "2a00:1450::1"]
        {
            assert_eq!(refused(text, &[]), None, "{text}");
        }
        assert_eq!(refused("64:ff9b::8.8.8.8", &[]), None, "NAT64 of a public address");
        assert_eq!(refused("::ffff:8.8.8.8", &[]), None, "mapped public address");
    }

    #[test]
    fn special_addresses_are_refused() {
        for text in [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "100.64.0.1",
            "100.127.255.255",
            "127.0.0.1",
            "127.255.255.254",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.170",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "239.255.255.255",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::127.0.0.1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "::ffff:0:127.0.0.1",
            "64:ff9b::10.0.0.1",
            "64:ff9b:1::1",
            "64:ff9b:1::8.8.8.8",
            "100::1",
            "2001::1",
            "2001:db8::1",
            "2001:10::1",
            "2001:2::1",
            "2001:20::1",
            "2002:808:808::1",
            "2002:7f00:1::",
            "2002:a9fe:a9fe::1",
            "2001:0:4136:e378:8000:63bf:80ff:fffe",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "fec0::1",
            "ff02::1",
            "3ffe::1",
            "3fff::1",
            "168.63.129.16",
            "100.100.100.200",
            "::8.8.8.8",
            "fd00:ec2::254",
            "5f00::1",
            "4000::1",
            "2001:db8::5efe:10.0.0.1",
            "2600::5efe:10.0.0.1",
        ] {
            assert!(refused(text, &[]).is_some(), "{text} must be refused");
        }
    }

    #[test]
    fn a_named_network_is_permitted_and_nothing_else() {
        let loopback = ["127.0.0.0/8".parse().expect("a network")];
        assert_eq!(refused("127.0.0.1", &loopback), None);
        assert_eq!(refused("::ffff:127.0.0.1", &loopback), None);
        assert_eq!(refused("::1", &loopback), Some("loopback"));
        assert_eq!(refused("10.0.0.1", &loopback), Some("private (RFC 1918)"));
        assert_eq!(refused("0.0.0.0", &loopback), Some("unspecified (RFC 1122)"), "it would reach loopback");
    }

    /// Whoever answers for a name could cross from one private network into another by an address that only looks like one
    /// of the permitted network.
    #[test]
    fn a_permitted_ipv4_network_does_not_open_ipv6_addresses_that_carry_it() {
        let tens = ["10.0.0.0/8".parse().expect("a network")];
        assert_eq!(refused("10.0.0.1", &tens), None);
        for text in [
            "fd12::5efe:10.0.0.1",
            "fe80::5efe:10.0.0.1",
            "::10.0.0.1",
            "::ffff:0:10.0.0.1",
            "64:ff9b::10.0.0.1",
            "64:ff9b:1::10.0.0.1",
            "2002:a00:1::",
            "2001:0:4136:e378:8000:63bf:f5ff:fffe",
        ] {
            assert!(refused(text, &tens).is_some(), "{text}");
        }
        let translated = ["64:ff9b::a00:0/104".parse().expect("a network")];
        assert_eq!(refused("64:ff9b::10.0.0.1", &translated), None, "named as it is dialled");
    }

    #[test]
    fn a_metadata_service_is_opened_by_its_own_address_alone() {
        let networks = |text: &str| text.split(' ').map(|word| word.parse().expect(word)).collect::<Vec<IpNet>>();
        let wide = networks("0.0.0.0/0 ::/0 169.254.0.0/16 100.64.0.0/10 fd00::/8 168.63.0.0/16 fe80::/10");
        for text in ["169.254.169.254", "::ffff:a9fe:a9fe", "100.100.100.200", "fd00:ec2::254", "168.63.129.16"] {
            assert_eq!(refused(text, &wide), Some("a cloud's metadata service"), "{text}");
        }
        assert_eq!(refused("169.254.1.1", &wide), None);
        assert_eq!(refused("169.254.169.254", &networks("169.254.169.254/32")), None);
        assert_eq!(refused("fd00:ec2::254", &networks("fd00:ec2::254/128")), None);
    }
}
