use std::time::Duration;

use super::*;
use crate::url::OriginPattern;

fn cors(origins: AllowedOrigins) -> Cors {
    Cors {
        origins,
        credentials: false,
        max_age: Duration::from_secs(600),
        allow_headers: Vec::new(),
        expose: Vec::new(),
        private_network: false,
    }
}

/// Web origins and patterns, separated by spaces.
fn listed(patterns: &str) -> Cors {
    let rule = |text| AllowedOrigin::Web(OriginPattern::parse(text).expect("a pattern"));
    cors(AllowedOrigins::Listed(patterns.split(' ').map(rule).collect()))
}

const RULE: &str = "https://app.example.com https://*.apps.example.net http://localhost:3000 https://intern.example.com:8443 \
                    http://[::1]:8080 https://192.0.2.7 https://xn--bcher-kva.example https://*.dev.example.com:444";

/// An `Origin`, and whether the rule above allows it.
const TABLE: [(&str, bool); 76] = [
    ("https://app.example.com", true),
    ("http://localhost:3000", true),
    ("https://intern.example.com:8443", true),
    ("http://[::1]:8080", true),
    ("https://192.0.2.7", true),
    ("https://xn--bcher-kva.example", true),
    ("https://a.apps.example.net", true),
    ("https://a.b.apps.example.net", true),
    ("https://xn--e1afmkfd.apps.example.net", true),
    ("https://a.dev.example.com:444", true),
    // Names that begin or end like an allowed one.
    ("https://evil-app.example.com", false),
    ("https://evilapp.example.com", false),
    ("https://example.com", false),
    ("https://app.example.com.evil", false),
    ("https://app.example.com.evil.example", false),
    ("https://app.example.comevil", false),
    ("https://app.example.co", false),
    ("https://pp.example.com", false),
    ("https://apps.example.net", false),
    ("https://.apps.example.net", false),
    ("https://evilapps.example.net", false),
    ("https://evil-apps.example.net", false),
    ("https://a.apps.example.net.evil", false),
    ("https://a..apps.example.net", false),
    ("https://-.apps.example.net", false),
    ("https://*.apps.example.net", false),
    ("https://%61.apps.example.net", false),
    ("https://a.xapps.example.net", false),
    ("https://evil.example/.apps.example.net", false),
    ("https://evil.example?.apps.example.net", false),
    ("https://evil.example#.apps.example.net", false),
    ("https://evil.example\\.apps.example.net", false),
    ("https://evil.example:443.apps.example.net", false),
    ("https://192.0.2.70", false),
    ("https://192.0.2", false),
    // The scheme counts.
    ("http://app.example.com", false),
    ("https://localhost:3000", false),
    ("http://a.apps.example.net", false),
    ("ws://app.example.com", false),
    ("ftp://app.example.com", false),
    ("app.example.com", false),
    ("//app.example.com", false),
    ("https:app.example.com", false),
    ("https:/app.example.com", false),
    // The port counts.
    ("https://app.example.com:8443", false),
    ("https://app.example.com:80", false),
    ("http://localhost", false),
    ("http://localhost:30000", false),
    ("http://localhost:3001", false),
    ("https://intern.example.com", false),
    ("https://a.apps.example.net:444", false),
    ("https://a.dev.example.com", false),
    ("http://[::1]", false),
    // Browsers write an origin in one way only.
    ("https://app.example.com:443", false),
    ("https://app.example.com:0443", false),
    ("https://app.example.com:", false),
    ("https://app.example.com/", false),
    ("https://app.example.com//", false),
    ("https://app.example.com/upload", false),
    ("https://app.example.com.", false),
    ("https://App.example.com", false),
    ("HTTPS://app.example.com", false),
    (" https://app.example.com", false),
    ("https://app.example.com https://evil.example", false),
    ("https://app.example.com, https://evil.example", false),
    ("http://[0:0:0:0:0:0:0:1]:8080", false),
    ("http://::1:8080", false),
    ("http://[::1%25lo]:8080", false),
    // User information.
    ("https://app.example.com@evil.example", false),
    ("https://user@app.example.com", false),
    // Unicode never stands in the field, and look-alikes are other names.
    ("https://bücher.example", false),
    ("https://аpp.example.com", false),
    ("https://app。example.com", false),
    // No origin at all.
    ("null", false),
    ("NULL", false),
    ("", false),
];

#[test]
fn an_origin_is_compared_exactly() {
    let cors = listed(RULE);
    for (origin, allowed) in TABLE {
        let expected = if allowed { OriginVerdict::Allowed(origin) } else { OriginVerdict::Refused };
        assert_eq!(cors.judge(Some(origin)), expected, "{origin:?}");
    }
}

#[test]
fn a_request_without_an_origin_is_no_pages() {
    for cors in [listed(RULE), cors(AllowedOrigins::Any), cors(AllowedOrigins::Listed(Vec::new()))] {
        assert_eq!(cors.judge(None), OriginVerdict::NoPage);
    }
}

#[test]
fn null_is_allowed_only_where_it_is_written() {
    let null = cors(AllowedOrigins::Listed(vec![AllowedOrigin::Null]));
    for (origin, expected) in [
        ("null", OriginVerdict::Allowed("null")),
        ("Null", OriginVerdict::Refused),
        ("null ", OriginVerdict::Refused),
        ("https://null", OriginVerdict::Refused),
        ("https://app.example.com", OriginVerdict::Refused),
    ] {
        assert_eq!(null.judge(Some(origin)), expected, "{origin:?}");
    }
}

#[test]
fn an_app_is_compared_byte_for_byte() {
    let app = cors(AllowedOrigins::Listed(vec![AllowedOrigin::App("capacitor://localhost".to_owned())]));
    for (origin, allowed) in [
        ("capacitor://localhost", true),
        ("Capacitor://localhost", false),
        ("capacitor://localhost/", false),
        ("capacitor://localhost:80", false),
        ("http://localhost", false),
    ] {
        assert_eq!(matches!(app.judge(Some(origin)), OriginVerdict::Allowed(_)), allowed, "{origin:?}");
    }
}

#[test]
fn an_asterisk_allows_all_and_is_answered_as_such() {
    for origin in ["https://anybody.example", "null", "capacitor://localhost"] {
        assert_eq!(cors(AllowedOrigins::Any).judge(Some(origin)), OriginVerdict::Allowed("*"));
    }
}

#[test]
fn an_empty_list_refuses_every_page() {
    assert_eq!(cors(AllowedOrigins::Listed(Vec::new())).judge(Some("https://app.example.com")), OriginVerdict::Refused);
}

#[test]
fn nothing_but_what_is_listed_passes() {
    let cors = listed("https://*.example.com");
    proptest::proptest!(|(origin in "(https?://)?[a-z.:@/%*-]{0,12}(example|\\.example)?\\.com[:/.]?[0-9a-z]{0,3}")| {
        let passes = cors.judge(Some(&origin)) == OriginVerdict::Allowed(origin.as_str());
        let host = origin.strip_prefix("https://").and_then(|host| host.strip_suffix(".example.com"));
        let expected = host.is_some_and(|labels| labels.split('.').all(|label| {
            !label.is_empty()
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
        }));
        proptest::prop_assert_eq!(passes, expected, "{:?}", origin);
    });
}
