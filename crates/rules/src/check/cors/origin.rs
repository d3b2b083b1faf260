//! One origin as people write it, and what they mean by the ways in which they miswrite it.

use crate::config::AllowedOrigin;
use crate::url::OriginPattern;

/// What was written.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Written {
    /// `*`.
    Any,
    /// An origin or a pattern.
    One(AllowedOrigin),
}

/// What is wrong with it. The message does not quote it, the hint may.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Mistake {
    pub(super) message: &'static str,
    pub(super) hint: String,
}

/// Schemes whose pages have another origin than their address, or that have no pages.
const WITHOUT_ORIGIN: [&str; 9] = ["file", "data", "blob", "about", "javascript", "ws", "wss", "ftp", "filesystem"];

/// Reads one origin.
pub(super) fn read(text: &str) -> Result<Written, Mistake> {
    match text {
        "*" => return Ok(Written::Any),
        "null" => return Ok(Written::One(AllowedOrigin::Null)),
        _ => {}
    }
    let Some((scheme, rest)) = text.split_once("://") else { return Err(without_scheme(text)) };
    if WITHOUT_ORIGIN.contains(&scheme.to_ascii_lowercase().as_str()) {
        return mistake(
            "no page has this origin",
            "pages of local files and sandboxed frames send `null`; others the `https://` or `http://` origin that they came from",
        );
    }
    check_rest(scheme, rest)?;
    if ["http", "https"].iter().any(|web| scheme.eq_ignore_ascii_case(web)) {
        return web(scheme, rest, text).map(|pattern| Written::One(AllowedOrigin::Web(pattern)));
    }
    app(scheme, rest, text).map(|text| Written::One(AllowedOrigin::App(text)))
}

fn mistake<T>(message: &'static str, hint: impl Into<String>) -> Result<T, Mistake> {
    Err(Mistake { message, hint: hint.into() })
}

fn without_scheme(text: &str) -> Mistake {
    let host = text.trim_start_matches("//");
    let hint = match text {
        _ if text.eq_ignore_ascii_case("null") => "write `null` in lower case, as browsers do".to_owned(),
        _ if host.is_empty() || host.contains([':', '/', '?', '#', '@']) => {
            "write scheme, host and perhaps a port, such as `https://app.example.com`".to_owned()
        }
        _ => format!("write `https://{host}`"),
    };
    Mistake { message: "this origin has no scheme", hint }
}

/// What no origin has, whatever its scheme.
fn check_rest(scheme: &str, rest: &str) -> Result<(), Mistake> {
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, after) = rest.split_at_checked(end).unwrap_or((rest, ""));
    if authority.contains('@') {
        return mistake("an origin has no user information", "write scheme, host and perhaps a port alone");
    }
    let short = format!("write `{scheme}://{authority}`");
    match after {
        "" => Ok(()),
        "/" => mistake("an origin has no trailing slash", short),
        _ => mistake(
            "an origin has no path, query or fragment",
            format!("{short}: all pages of an origin are alike to a browser"),
        ),
    }
}

fn web(scheme: &str, authority: &str, text: &str) -> Result<OriginPattern, Mistake> {
    let host = authority.split(':').next().unwrap_or_default();
    if authority.is_empty() {
        return mistake("this origin has no host", "write a host, such as `https://app.example.com`");
    }
    if !authority.is_ascii() {
        return mistake(
            "this host is not in the form that browsers send",
            "write its ASCII form, which begins with `xn--`; the browser's developer tools show it in the header `Origin`",
        );
    }
    if authority == "*" {
        return mistake(
            "this would allow everybody's pages",
            "write `\"*\"` if that is meant, or the hosts of your pages",
        );
    }
    if authority.ends_with(":*") {
        return mistake("a port is compared exactly", "write the ports one by one; without one it is the scheme's own");
    }
    if host.ends_with('.') {
        let bare = host.trim_end_matches('.');
        return mistake("a host that ends in a dot is another origin", format!("write `{scheme}://{bare}`"));
    }
    let wildcards = host.matches('*').count();
    if wildcards > 1 || (wildcards == 1 && !host.starts_with("*.")) {
        return mistake(
            "`*` can only be the whole first label",
            "write `https://*.example.com`, which stands for one label or more, or list the hosts one by one",
        );
    }
    OriginPattern::parse(text).or_else(|error| {
        // The parser's own words name the host of a wildcard; the hint may.
        let message = if wildcards == 1 { "this wildcard would match hosts of anybody" } else { "this is no origin" };
        mistake(
            message,
            format!(
                "{error}; write such as `https://app.example.com`, `http://localhost:3000` or `https://*.example.com`"
            ),
        )
    })
}

/// Apps and extensions have schemes of their own; their origins are compared as they stand.
fn app(scheme: &str, authority: &str, text: &str) -> Result<String, Mistake> {
    if scheme.contains('*') {
        return mistake(
            "the scheme is compared exactly",
            format!("write `https://{authority}`, and `http://…` beside it if pages come from there"),
        );
    }
    if authority.contains('*') {
        return mistake(
            "only `https` and `http` origins take `*`",
            "write the origin out, such as `capacitor://localhost`",
        );
    }
    let starts = scheme.starts_with(|c: char| c.is_ascii_lowercase());
    let sound = scheme.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "+-.".contains(c));
    let host = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-._:".contains(c);
    if !starts || !sound || authority.is_empty() || !authority.chars().all(host) {
        return mistake(
            "this is no origin",
            "write scheme, host and perhaps a port, such as `https://app.example.com`; for an app, what it sends as `Origin`",
        );
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_browsers_write_and_patterns_of_it() {
        for (text, shown) in [
            ("null", "null"),
            ("https://app.example.com", "https://app.example.com"),
            ("HTTPS://App.Example.com:443", "https://app.example.com"),
            ("http://localhost:3000", "http://localhost:3000"),
            ("http://[::1]:8080", "http://[::1]:8080"),
            ("https://*.example.com:8443", "https://*.example.com:8443"),
            ("https://xn--bcher-kva.example", "https://xn--bcher-kva.example"),
            ("capacitor://localhost", "capacitor://localhost"),
            ("chrome-extension://abcdefghijklmnop", "chrome-extension://abcdefghijklmnop"),
        ] {
            let Ok(Written::One(allowed)) = read(text) else { panic!("{text} is one origin") };
            assert_eq!(allowed.text(), shown);
        }
        assert_eq!(read("*"), Ok(Written::Any));
    }

    #[test]
    fn refuses_what_is_no_origin() {
        for text in [
            "",
            "app.example.com",
            "//app.example.com",
            "Null",
            "https://",
            "https://app.example.com/",
            "https://app.example.com/upload",
            "https://app.example.com?x",
            "https://app.example.com#x",
            "https://user@app.example.com",
            "https://app.example.com.",
            "https://app.example.com.:8443",
            "https://app.example.com:*",
            "https://app.example.com:0",
            "https://app.example.com:65536",
            "https://*",
            "https://*.com",
            "https://*.10.0.0.1",
            "https://*app.example.com",
            "https://app.*.example.com",
            "https://app-*.example.com",
            "https://*.*.example.com",
            "https://bücher.example",
            "*://app.example.com",
            "file://",
            "file:///home",
            "ws://app.example.com",
            "capacitor://*",
            "Capacitor://localhost",
            "capacitor://",
            "1app://localhost",
        ] {
            assert!(read(text).is_err(), "{text:?} is no origin");
        }
    }
}
