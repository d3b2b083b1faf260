//! Who may have the admin side do something.
//!
//! It has no authentication, so an attacker would have an operator's browser ask. A page of another origin cannot send a PUT or DELETE, as
//! the browser asks first and is told nothing. A page whose name was pointed at this address would be of the same origin: so where a
//! browser asks, the address bar must show an address or `localhost`, which no foreign page's does.

use std::net::IpAddr;

use http::header::{HOST, ORIGIN};
use http::uri::Authority;
use http::{HeaderMap, StatusCode};

use super::respond::{Answer, text};

/// The refusal of a request to do something; none if it may.
pub(super) fn refuse(headers: &HeaderMap) -> Option<Answer> {
    let refusal =
        || text(StatusCode::FORBIDDEN, "a page may do this only if it was opened by address or as localhost\n");
    (!may_ask(headers)).then(refusal)
}

/// Whether a request comes from no browser, or from a page of this listener that was not opened by a name. Browsers say `Origin` with
/// whatever is not a plain read (Fetch standard, section 3.2).
fn may_ask(headers: &HeaderMap) -> bool {
    let Some(origin) = headers.get(ORIGIN) else { return true };
    let of_page = origin.to_str().ok().and_then(|origin| origin.split_once("://")).map(|(_, authority)| authority);
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    of_page.is_some() && of_page == host && host.is_some_and(is_no_foreign_name)
}

fn is_no_foreign_name(host: &str) -> bool {
    let Ok(authority) = host.parse::<Authority>() else { return false };
    let host = authority.host();
    let address = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    host == "localhost" || address.parse::<IpAddr>().is_ok()
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn a_page_may_ask_only_if_it_is_ours_and_was_opened_by_address() {
        let cases = [
            (None, "tidegate-admin.internal:9464", true),
            (Some("http://127.0.0.1:9464"), "127.0.0.1:9464", true),
            (Some("http://localhost:9464"), "localhost:9464", true),
            (Some("http://[::1]:9464"), "[::1]:9464", true),
            (Some("https://10.1.2.3"), "10.1.2.3", true),
            (Some("http://127.0.0.1:8080"), "127.0.0.1:9464", false),
            (Some("http://rebound.example.com:9464"), "rebound.example.com:9464", false),
            (Some("http://localhost.example.com:9464"), "localhost.example.com:9464", false),
            (Some("http://evil.example.com"), "127.0.0.1:9464", false),
            (Some("null"), "127.0.0.1:9464", false),
            (Some("http://a@127.0.0.1"), "127.0.0.1", false),
        ];
        for (origin, host, may) in cases {
            let mut headers = HeaderMap::new();
            headers.insert(HOST, HeaderValue::from_static(host));
            if let Some(origin) = origin {
                headers.insert(ORIGIN, HeaderValue::from_static(origin));
            }
            assert_eq!(may_ask(&headers), may, "{origin:?} at {host}");
        }
    }
}
