//! The request target (RFC 9112 section 3.2) and the authority in it and in `Host`.

use super::HeadRefusal;

/// Checks a target: origin form, absolute form of `http` or `https`, or `*` of OPTIONS.
pub(super) fn check_target(target: &[u8], method: &[u8]) -> Result<(), HeadRefusal> {
    let passes = match target {
        b"*" => method == b"OPTIONS",
        [b'/', ..] => is_path_and_query(target),
        _ => is_absolute(target),
    };
    if passes { Ok(()) } else { Err(HeadRefusal::Target) }
}

fn is_absolute(target: &[u8]) -> bool {
    let Some(rest) = strip_scheme(target, b"http://").or_else(|| strip_scheme(target, b"https://")) else {
        return false;
    };
    let end = rest.iter().position(|byte| matches!(byte, b'/' | b'?')).unwrap_or(rest.len());
    let (authority, path) = rest.split_at_checked(end).unwrap_or((rest, b""));
    is_authority(authority) && is_path_and_query(path)
}

fn strip_scheme<'a>(target: &'a [u8], scheme: &[u8]) -> Option<&'a [u8]> {
    let (start, rest) = target.split_at_checked(scheme.len())?;
    start.eq_ignore_ascii_case(scheme).then_some(rest)
}

/// Whether path and query hold what browsers send, which is a little more than RFC 3986 allows (`|` in a path, `{` in a query), and
/// nothing that servers read in several ways: a fragment, and in the path a backslash, which some take for a slash.
#[must_use]
pub fn is_path_and_query(text: &[u8]) -> bool {
    let query_at = memchr::memchr(b'?', text).unwrap_or(text.len());
    let (path, query) = text.split_at_checked(query_at).unwrap_or((text, b""));
    let is_common = |byte: &u8| byte.is_ascii_graphic() && !matches!(byte, b'#' | b'"' | b'<' | b'>');
    path.iter().all(|byte| is_common(byte) && !matches!(byte, b'\\' | b'`')) && query.iter().all(is_common)
}

/// Whether this is a host with an optional port (RFC 3986 section 3.2) in a spelling that everyone reads alike: a name or an
/// IPv4 address of letters, digits, `-`, `.` and `_`, or an IPv6 address in brackets; no user information, no empty port.
#[must_use]
pub fn is_authority(text: &[u8]) -> bool {
    let (host, port) = match text {
        [b'[', ..] => {
            let Some(end) = memchr::memchr(b']', text) else { return false };
            let (host, rest) = text.split_at_checked(end.saturating_add(1)).unwrap_or((text, b""));
            match rest {
                [] => (host, None),
                [b':', port @ ..] => (host, Some(port)),
                _ => return false,
            }
        }
        _ => match memchr::memchr(b':', text) {
            Some(at) => {
                let (host, rest) = text.split_at_checked(at).unwrap_or((text, b""));
                (host, rest.split_first().map(|(_, port)| port))
            }
            None => (text, None),
        },
    };
    is_host(host) && port.is_none_or(is_port)
}

fn is_host(host: &[u8]) -> bool {
    if let [b'[', address @ .., b']'] = host {
        return std::str::from_utf8(address).is_ok_and(|text| text.parse::<std::net::Ipv6Addr>().is_ok());
    }
    !host.is_empty() && host.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_'))
}

fn is_port(port: &[u8]) -> bool {
    let digits_only = !port.is_empty() && port.iter().all(u8::is_ascii_digit);
    digits_only && std::str::from_utf8(port).is_ok_and(|text| text.parse::<u16>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_the_forms_of_the_rfc_and_what_browsers_send() {
        for target in [
            "/",
            "/kustomer/media/a.png?filename=b",
            "/a%20b/c|d?x={y}|^`\\z",
            "/~!$&'()*+,;=:@-._?/?",
            "http://gateway.example/a",
            "HTTPS://gateway.example:8443",
            "http://[::1]:80/a?b",
            "http://127.0.0.1?x",
        ] {
            assert_eq!(check_target(target.as_bytes(), b"PUT"), Ok(()), "{target}");
        }
        assert_eq!(check_target(b"*", b"OPTIONS"), Ok(()));
    }

    #[test]
    fn refuses_what_servers_read_in_several_ways() {
        for target in [
            "*",
            "a",
            "gateway.example:443",
            "/a#b",
            "/a?b#c",
            "/a\\b",
            "/a`b",
            "/a\"b",
            "/<a>",
            "/\u{e4}",
            "ftp://gateway.example/a",
            "http:/a",
            "http://",
            "http:///a",
            "http://user@gateway.example/a",
            "http://user:password@gateway.example/a",
            "http://gateway.example:/a",
            "http://gateway.example:99999/a",
            "http://gateway.example:8o/a",
            "http://[::1/a",
            "http://[::1]a/",
            "http://::1/a",
            "http://a%62/",
            "//gateway.example\\a",
        ] {
            assert_eq!(check_target(target.as_bytes(), b"PUT"), Err(HeadRefusal::Target), "{target}");
        }
    }

    #[test]
    fn a_host_is_a_name_or_an_address_and_perhaps_a_port() {
        for host in ["a", "a.b-c_d", "a.example.:80", "127.0.0.1:8080", "[::1]", "[2001:db8::1]:443", "a:0", "a:65535"]
        {
            assert!(is_authority(host.as_bytes()), "{host}");
        }
        for host in [
            "",
            ":80",
            "a:",
            "a:65536",
            "a:-1",
            "a:+1",
            "a b",
            "a,b",
            "a/b",
            "a@b",
            "a?b",
            "a#b",
            "[a]",
            "[::1",
            "::1",
            "[::1]:",
            "[::1]x",
            "[fe80::1%25eth0]",
            "a\u{e4}",
            "a%41",
            "a:80:80",
            "[]",
            "\\a",
        ] {
            assert!(!is_authority(host.as_bytes()), "{host}");
        }
    }
}
