//! Origins that lead, or would lead with a careless parser, to an address inside. `{p}` is the port of a listener that counts.

/// How an origin is told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is no URL that may be used: no reading of it is tried.
    NoUrl,
    /// It is an address, or a name for one, that is not dialled.
    Address,
}
use Verdict::{Address, NoUrl};

/// The table.
pub(crate) const SPELLINGS: &[(&str, Verdict)] = &[
    // Plain addresses of each class.
    ("http://127.0.0.1:{p}", Address),
    ("http://127.255.255.254:{p}", Address),
    ("http://0.0.0.0:{p}", Address),
    ("http://0.1.2.3:{p}", Address),
    ("http://10.0.0.1:{p}", Address),
    ("http://172.16.0.1:{p}", Address),
    ("http://172.31.255.255:{p}", Address),
    ("http://192.168.1.1:{p}", Address),
    ("http://169.254.169.254", Address),
    ("http://169.254.170.2", Address),
    ("http://100.64.0.1:{p}", Address),
    ("http://100.100.100.200", Address),
    ("http://168.63.129.16", Address),
    ("http://192.0.0.192:{p}", Address),
    ("http://192.0.2.1:{p}", Address),
    ("http://192.88.99.1:{p}", Address),
    ("http://198.18.0.1:{p}", Address),
    ("http://198.51.100.1:{p}", Address),
    ("http://203.0.113.1:{p}", Address),
    ("http://224.0.0.1:{p}", Address),
    ("http://240.0.0.1:{p}", Address),
    ("http://255.255.255.255:{p}", Address),
    ("http://[::]:{p}", Address),
    ("http://[::1]:{p}", Address),
    ("http://[0:0:0:0:0:0:0:1]:{p}", Address),
    ("http://[0000:0000:0000:0000:0000:0000:0000:0001]:{p}", Address),
    ("http://[fc00::1]:{p}", Address),
    ("http://[fd00:ec2::254]:{p}", Address),
    ("http://[FD00:EC2::254]:{p}", Address),
    ("http://[fe80::1]:{p}", Address),
    ("http://[fec0::1]:{p}", Address),
    ("http://[ff02::1]:{p}", Address),
    ("http://[2001:db8::1]:{p}", Address),
    ("http://[100::1]:{p}", Address),
    ("http://[3fff::1]:{p}", Address),
    ("http://[5f00::1]:{p}", Address),
    ("http://[2001:10::1]:{p}", Address),
    // IPv4 inside IPv6.
    ("http://[::127.0.0.1]:{p}", Address),
    ("http://[::ffff:127.0.0.1]:{p}", Address),
    ("http://[::ffff:7f00:1]:{p}", Address),
    ("http://[::FFFF:A9FE:A9FE]", Address),
    ("http://[0:0:0:0:0:ffff:10.0.0.1]:{p}", Address),
    ("http://[::ffff:0:127.0.0.1]:{p}", Address),
    ("http://[64:ff9b::127.0.0.1]:{p}", Address),
    ("http://[64:ff9b::a9fe:a9fe]:{p}", Address),
    ("http://[64:ff9b:1::10.0.0.1]:{p}", Address),
    ("http://[2002:7f00:1::]:{p}", Address),
    ("http://[2002:808:808::]:{p}", Address),
    ("http://[2001:0:4136:e378:8000:63bf:80ff:fffe]:{p}", Address),
    ("http://[fe80::5efe:10.0.0.1]:{p}", Address),
    // Names for them.
    ("http://localhost:{p}", Address),
    ("http://LOCALHOST:{p}", Address),
    ("http://localhost.:{p}", Address),
    ("http://files.localhost:{p}", Address),
    ("hTTp://127.0.0.1:{p}", Address),
    // Numbers that are addresses to some parsers.
    ("http://2130706433:{p}", NoUrl),
    ("http://017700000001:{p}", NoUrl),
    ("http://0x7f000001:{p}", NoUrl),
    ("http://0X7F.0.0.1:{p}", NoUrl),
    ("http://0x7f.1:{p}", NoUrl),
    ("http://0177.0.0.1:{p}", NoUrl),
    ("http://127.0.0.01:{p}", NoUrl),
    ("http://127.1:{p}", NoUrl),
    ("http://127.0.1:{p}", NoUrl),
    ("http://0:{p}", NoUrl),
    ("http://2852039166", NoUrl),
    ("http://425.510.425.510", NoUrl),
    ("http://127.0.0.1.:{p}", NoUrl),
    ("http://127.0.0.1..:{p}", NoUrl),
    ("http://127.0.0.1.0:{p}", NoUrl),
    // Characters that other parsers fold, decode or drop.
    ("http://１２７.０.０.１:{p}", NoUrl),
    ("http://127。0。0。1:{p}", NoUrl),
    ("http://①②⑦.⓪.⓪.①:{p}", NoUrl),
    ("http://ⓛocalhost:{p}", NoUrl),
    ("http://127%2e0%2e0%2e1:{p}", NoUrl),
    ("http://%31%32%37.0.0.1:{p}", NoUrl),
    ("http://127.0.0.1%00.example.net:{p}", NoUrl),
    ("http://127.0.0.1\u{0}.example.net:{p}", NoUrl),
    ("http://127.0.0.1\t:{p}", NoUrl),
    ("http://127.0.0.1 :{p}", NoUrl),
    ("http://127.0.0.1\r\n:{p}", NoUrl),
    ("ht\ttp://127.0.0.1:{p}", NoUrl),
    // Authorities that are read from the wrong end.
    ("http://good.example.net@127.0.0.1:{p}", NoUrl),
    ("http://good.example.net:80@127.0.0.1:{p}", NoUrl),
    ("http://127.0.0.1:{p}@good.example.net", NoUrl),
    ("http://good.example.net\\@127.0.0.1:{p}", NoUrl),
    ("http://127.0.0.1:{p}\\.example.net", NoUrl),
    ("http://good.example.net#@127.0.0.1:{p}", NoUrl),
    ("http:\\\\127.0.0.1:{p}", NoUrl),
    ("http:127.0.0.1:{p}", NoUrl),
    ("http:/127.0.0.1:{p}", NoUrl),
    ("//127.0.0.1:{p}", NoUrl),
    ("http:///127.0.0.1:{p}", NoUrl),
    // Brackets and zones.
    ("http://::1:{p}", NoUrl),
    ("http://[::1:{p}", NoUrl),
    ("http://[127.0.0.1]:{p}", NoUrl),
    ("http://[localhost]:{p}", NoUrl),
    ("http://[::1%25lo]:{p}", NoUrl),
    ("http://[::1%lo]:{p}", NoUrl),
    ("http://[::1]a:{p}", NoUrl),
    ("http://[v1.127.0.0.1]:{p}", NoUrl),
    // Ports.
    ("http://127.0.0.1:", NoUrl),
    ("http://127.0.0.1:0", NoUrl),
    ("http://127.0.0.1:65536", NoUrl),
    ("http://127.0.0.1:+{p}", NoUrl),
    ("http://127.0.0.1:{p}:80", NoUrl),
    // Schemes.
    ("gopher://127.0.0.1:{p}", NoUrl),
    ("file://127.0.0.1:{p}", NoUrl),
    ("ftp://127.0.0.1:{p}", NoUrl),
    ("unix://127.0.0.1:{p}", NoUrl),
];

/// The table with a port in it.
pub(crate) fn origins(port: u16) -> impl Iterator<Item = (String, Verdict)> {
    SPELLINGS.iter().map(move |(text, verdict)| (text.replace("{p}", &port.to_string()), *verdict))
}
