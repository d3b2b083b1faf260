//! URLs as the gateway uses them: scheme, host, port, path with query, and nothing that could hide a destination.
//!
//! An attacker who controls an upstream's answer tries user information (`https://good@evil/`), backslashes and tabs that
//! other parsers drop, and numbers that are addresses (`0x7f.1`). All of these are refused here; what is left has one reading.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

/// Longest URL in bytes: presigned URLs with session tokens have about 2 KiB, and servers refuse heads over 8 KiB.
const MAX_URL_LEN: usize = 8 * 1024;

/// `http` or `https`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// Cleartext.
    Http,
    /// TLS.
    Https,
}

/// Scheme, host and port.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Origin {
    /// `http` or `https`.
    pub scheme: Scheme,
    /// Lower case; an IPv6 literal without brackets.
    pub host: String,
    /// Always there, the scheme's default where the text has none.
    pub port: u16,
}

/// A parsed URL. Its `Display` hides the query, which may be a signature.
#[derive(Clone, PartialEq, Eq)]
pub struct Url {
    /// Scheme, host and port.
    pub origin: Origin,
    /// Path and query as sent on the wire; begins with `/`.
    pub path_and_query: String,
}

/// Which origins a learned URL may have: an origin whose host may be `*.` and a suffix, matching whole labels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OriginPattern {
    /// `http` or `https`.
    pub scheme: Scheme,
    /// Lower case; `*.example.com` matches one or more labels before `example.com`.
    pub host: String,
    /// Always there.
    pub port: u16,
}

/// Why a text is no URL or origin that may be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct UrlError(pub String);

impl Scheme {
    /// The port where a URL names none.
    pub fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }

    /// As written before `://`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}

impl Origin {
    /// Parses `https://host[:port]`; a single trailing slash is allowed.
    ///
    /// # Errors
    /// Another scheme, user information, a path, a query, a fragment, a malformed host or port.
    pub fn parse(text: &str) -> Result<Self, UrlError> {
        let (scheme, rest) = split_scheme(text)?;
        let authority = only_authority(rest)?;
        let (host, port) = split_authority(authority, scheme)?;
        Ok(Self { scheme, host: checked_host(host)?, port })
    }

    /// The `Host` field: without the port where it is the scheme's default; IPv6 in brackets.
    pub fn authority(&self) -> String {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        if self.port == self.scheme.default_port() { host } else { format!("{host}:{}", self.port) }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme.as_str(), self.authority())
    }
}

impl Url {
    /// Parses an absolute URL; a fragment is refused, spaces and control characters are refused.
    ///
    /// # Errors
    /// As for [`Origin::parse`], with path and query allowed; characters that no URL has (RFC 3986), a text over 8 KiB.
    pub fn parse(text: &str) -> Result<Self, UrlError> {
        if text.len() > MAX_URL_LEN {
            return Err(UrlError(format!("the URL has {} bytes, {MAX_URL_LEN} are allowed", text.len())));
        }
        let (scheme, rest) = split_scheme(text)?;
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, target) = rest.split_at_checked(end).unwrap_or((rest, ""));
        let (host, port) = split_authority(authority, scheme)?;
        let origin = Origin { scheme, host: checked_host(host)?, port };
        Self::at(origin, target)
    }

    /// A URL of an origin and a path with query, checked as in [`Url::parse`].
    ///
    /// # Errors
    /// A fragment, or characters that no URL has.
    pub fn at(origin: Origin, path_and_query: &str) -> Result<Self, UrlError> {
        check_target(path_and_query)?;
        let slash = if path_and_query.starts_with('/') { "" } else { "/" };
        Ok(Self { origin, path_and_query: format!("{slash}{path_and_query}") })
    }

    /// The path without the query.
    pub fn path(&self) -> &str {
        self.path_and_query.split('?').next().unwrap_or_default()
    }
}

impl OriginPattern {
    /// Parses `https://*.example.com[:port]`.
    ///
    /// # Errors
    /// As for [`Origin::parse`]; a wildcard elsewhere than as the first label, or before a public suffix of one label.
    pub fn parse(text: &str) -> Result<Self, UrlError> {
        let (scheme, rest) = split_scheme(text)?;
        let (host, port) = split_authority(only_authority(rest)?, scheme)?;
        let Some(suffix) = host.strip_prefix("*.") else {
            if host.contains('*') {
                return Err(UrlError("`*` can only be the whole first label, as in `*.example.com`".to_owned()));
            }
            return Ok(Self { scheme, host: checked_host(host)?, port });
        };
        let suffix = checked_host(suffix)?;
        if !suffix.contains('.') || suffix.contains(':') || suffix.parse::<Ipv4Addr>().is_ok() {
            return Err(UrlError(format!("`*.{suffix}` would match hosts of anybody")));
        }
        Ok(Self { scheme, host: format!("*.{suffix}"), port })
    }

    /// Whether an origin matches.
    pub fn matches(&self, origin: &Origin) -> bool {
        let host = match self.host.strip_prefix('*') {
            Some(suffix) => origin.host.strip_suffix(suffix).is_some_and(|labels| !labels.is_empty()),
            None => origin.host == self.host,
        };
        host && self.scheme == origin.scheme && self.port == origin.port
    }
}

impl fmt::Display for OriginPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&Origin { scheme: self.scheme, host: self.host.clone(), port: self.port }, f)
    }
}

impl fmt::Debug for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let query = if self.path_and_query.contains('?') { "?…" } else { "" };
        write!(f, "{}{}{query}", self.origin, self.path())
    }
}

fn split_scheme(text: &str) -> Result<(Scheme, &str), UrlError> {
    let Some((scheme, rest)) = text.split_once("://") else {
        return Err(UrlError("a URL begins with `https://` or `http://`".to_owned()));
    };
    if scheme.eq_ignore_ascii_case("https") {
        Ok((Scheme::Https, rest))
    } else if scheme.eq_ignore_ascii_case("http") {
        Ok((Scheme::Http, rest))
    } else {
        Err(UrlError("only `https` and `http` URLs can be used".to_owned()))
    }
}

fn only_authority(rest: &str) -> Result<&str, UrlError> {
    let authority = rest.strip_suffix('/').unwrap_or(rest);
    if authority.contains(['/', '?', '#']) {
        return Err(UrlError("an origin has no path, query or fragment".to_owned()));
    }
    Ok(authority)
}

fn split_authority(authority: &str, scheme: Scheme) -> Result<(&str, u16), UrlError> {
    if authority.contains('@') {
        return Err(UrlError("a URL with user information (`user@host`) is refused".to_owned()));
    }
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (inside, after) = rest.split_once(']').ok_or_else(|| UrlError("the `[` is never closed".to_owned()))?;
            if inside.parse::<Ipv6Addr>().is_err() {
                return Err(UrlError("only an IPv6 address can stand in brackets".to_owned()));
            }
            match after.strip_prefix(':') {
                Some(port) => (inside, Some(port)),
                None if after.is_empty() => (inside, None),
                None => return Err(UrlError("only a port can follow `]`".to_owned())),
            }
        }
        None => match authority.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (authority, None),
        },
    };
    let port = match port {
        None => scheme.default_port(),
        Some(text) => parse_port(text)?,
    };
    Ok((host, port))
}

fn parse_port(text: &str) -> Result<u16, UrlError> {
    let digits = !text.is_empty() && text.len() <= 5 && text.bytes().all(|byte| byte.is_ascii_digit());
    let port = digits.then(|| text.parse::<u16>().ok()).flatten().filter(|port| *port != 0);
    port.ok_or_else(|| UrlError("the port is no number from 1 to 65535".to_owned()))
}

/// A DNS name or an address in its usual form. A last label that begins with a digit is an address to some parsers and a
/// name to others (WHATWG URL, "ends in a number"), so only the dotted quad is let through.
fn checked_host(host: &str) -> Result<String, UrlError> {
    if let Ok(address) = host.parse::<Ipv6Addr>() {
        return Ok(address.to_string());
    }
    let host = host.to_ascii_lowercase();
    if host.parse::<Ipv4Addr>().is_ok() {
        return Ok(host);
    }
    let name = host.strip_suffix('.').unwrap_or(&host);
    let label_is_sound = |label: &str| {
        let inner = label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
        inner && (1..=63).contains(&label.len()) && !label.starts_with('-') && !label.ends_with('-')
    };
    let ends_in_number = name.rsplit('.').next().is_some_and(|label| label.starts_with(|c: char| c.is_ascii_digit()));
    if name.len() > 253 || ends_in_number || !name.split('.').all(label_is_sound) {
        return Err(UrlError("the host is no DNS name or IP address".to_owned()));
    }
    Ok(name.to_owned())
}

/// RFC 3986 without fragment; `|`, `{`, `}`, `^`, `"`, `<`, `>`, `` ` `` and `\` are no URL characters either, but `|` and `^`
/// do stand in signed queries of some vendors and cannot be misread, so they pass.
fn check_target(target: &str) -> Result<(), UrlError> {
    if target.contains('#') {
        return Err(UrlError("a URL with a fragment is refused".to_owned()));
    }
    let sound = |c: char| c.is_ascii_graphic() && !matches!(c, '\\' | '"' | '<' | '>' | '`' | '{' | '}');
    if !target.chars().all(sound) {
        return Err(UrlError("the URL has a character that must be percent-encoded".to_owned()));
    }
    let complete = |rest: &str| rest.as_bytes().get(..2).is_some_and(|pair| pair.iter().all(u8::is_ascii_hexdigit));
    if !target.split('%').skip(1).all(complete) {
        return Err(UrlError("the URL has a broken percent-encoding".to_owned()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_urls_into_one_reading() {
        let table = [
            ("https://h", "h", 443, "/"),
            ("HTTPS://Example.COM/a/B?c=D%2f", "example.com", 443, "/a/B?c=D%2f"),
            ("http://h:8080?x", "h", 8080, "/?x"),
            ("http://[::1]:81/a", "::1", 81, "/a"),
            ("https://127.0.0.1/", "127.0.0.1", 443, "/"),
            ("https://my_bucket.s3.amazonaws.com/k", "my_bucket.s3.amazonaws.com", 443, "/k"),
            ("https://h./x", "h", 443, "/x"),
        ];
        for (text, host, port, target) in table {
            let url = Url::parse(text).expect(text);
            assert_eq!((url.origin.host.as_str(), url.origin.port, url.path_and_query.as_str()), (host, port, target));
        }
    }

    #[test]
    fn refuses_odd_spellings() {
        for text in [
            "",
            "ftp://h/",
            "//h/",
            "https:/h",
            "https://",
            "https://u@h/",
            "https://u:p@h/",
            "https://good.com\\@evil.com/",
            "https://good.com\\evil/",
            "https://h/a b",
            "https://h/a\tb",
            "https://h/\r\nX: y",
            "https://h/#f",
            "https://h/é",
            "https://é/",
            "https://h:0/",
            "https://h:65536/",
            "https://h:+1/",
            "https://h:/",
            "https://[::1/",
            "https://[::1]x/",
            "https://[fe80::1%25eth0]/",
            "https://0x7f.1/",
            "https://2130706433/",
            "https://127.1/",
            "https://127.0.0.01/",
            "https://1.2.3.4.5/",
            "https://a..b/",
            "https://-a/",
            "https://h/%zz",
            "https://h/%2",
            " https://h/",
            "https://h%2eevil.com/",
        ] {
            assert!(Url::parse(text).is_err(), "{text:?} must be refused");
        }
    }

    #[test]
    fn an_origin_is_nothing_but_an_origin() {
        assert_eq!(Origin::parse("https://H:443/").expect("parses").to_string(), "https://h");
        assert_eq!(Origin::parse("http://[::1]:443").expect("parses").authority(), "[::1]:443");
        for text in ["https://h/a", "https://h?x", "https://h#", "https://u@h", "https://h//"] {
            assert!(Origin::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_wildcard_matches_whole_labels_only() {
        let pattern = OriginPattern::parse("https://*.amazonaws.com").expect("parses");
        let table = [
            ("https://s3.amazonaws.com", true),
            ("https://b.s3.eu-west-1.amazonaws.com", true),
            ("https://amazonaws.com", false),
            ("https://evilamazonaws.com", false),
            ("https://s3.amazonaws.com.evil.com", false),
            ("http://s3.amazonaws.com", false),
            ("https://s3.amazonaws.com:444", false),
        ];
        for (origin, expected) in table {
            assert_eq!(pattern.matches(&Origin::parse(origin).expect("parses")), expected, "{origin}");
        }
        for text in ["https://*", "https://*.com", "https://a.*.com", "https://a*.example.com", "https://*.0.0.1"] {
            assert!(OriginPattern::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn hides_the_query_when_shown() {
        let url = Url::parse("https://h/a?X-Amz-Signature=abc").expect("parses");
        assert_eq!(url.to_string(), "https://h/a?…");
        assert_eq!(format!("{url:?}"), "https://h/a?…");
    }
}
