use std::time::Duration;

use super::*;
use crate::config::{Allowance, FairUse, Quota, RequestRate};
use crate::failure::Problem;

const HOUR: Duration = Duration::from_secs(3600);

fn at(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn a_window_begins_with_its_first_request_and_ends_after_its_time() {
    let quota = Quota { requests: Some(2), bytes: None, per: HOUR };
    let mut window = Window::default();
    for moment in [100, 3000] {
        assert_eq!(window.refusal(&quota, 0, at(moment)), None);
        window.charge(&quota, 0, at(moment));
    }
    assert_eq!(window.refusal(&quota, 0, at(3600)), Some((Limit::QuotaRequests(quota), at(100))));
    assert_eq!(window.refusal(&quota, 0, at(3699)), Some((Limit::QuotaRequests(quota), at(1))));
    assert_eq!(window.refusal(&quota, 0, at(3700)), None);
    window.charge(&quota, 0, at(5000));
    assert!(!window.is_idle(&quota, at(5000 + 3599)) && window.is_idle(&quota, at(5000 + 3600)));
}

#[test]
fn bytes_are_charged_as_announced_and_settled_in_their_own_window() {
    let quota = Quota { requests: None, bytes: Some(1000), per: HOUR };
    let mut window = Window::default();
    let begun = window.charge(&quota, 900, at(0));
    assert_eq!(window.refusal(&quota, 100, at(1)), None);
    assert_eq!(window.refusal(&quota, 101, at(1)), Some((Limit::QuotaBytes(quota), at(3599))));
    window.give_back(begun, 0, 850);
    assert_eq!(window.refusal(&quota, 950, at(2)), None);
    assert!(window.refusal(&quota, 951, at(2)).is_some());
    // What ends late must not fill the purse of the next window.
    let next = window.charge(&quota, 1000, at(3600));
    window.give_back(begun, 0, 50);
    assert!(window.refusal(&quota, 1, at(3601)).is_some());
    assert_ne!(begun, next);
}

#[test]
fn bytes_that_were_not_announced_are_cut_where_the_quota_ends() {
    let quota = Quota { requests: None, bytes: Some(10), per: HOUR };
    let mut window = Window::default();
    assert_eq!(window.refusal(&quota, 0, at(0)), None);
    window.charge(&quota, 0, at(0));
    assert_eq!(window.charge_more(&quota, 10, at(1)), Ok(()));
    assert_eq!(window.charge_more(&quota, 1, at(2)), Err((Limit::QuotaBytes(quota), at(3598))));
    // A further request of unknown size has no room for a single byte.
    assert!(window.refusal(&quota, 0, at(2)).is_some());
    assert_eq!(window.charge_more(&quota, 1, at(3600)), Ok(()));
}

#[test]
fn numbers_at_the_end_of_their_range_do_not_wrap() {
    let quota = Quota { requests: Some(u64::MAX), bytes: Some(u64::MAX - 1), per: Duration::MAX };
    let mut window = Window::default();
    assert_eq!(window.refusal(&quota, u64::MAX, Duration::MAX), Some((Limit::QuotaBytes(quota), at(0))));
    window.charge(&quota, u64::MAX, Duration::MAX);
    assert!(window.charge_more(&quota, u64::MAX, Duration::MAX).is_err());
    window.give_back(Duration::MAX, 5, 5);
    let mut pace = Pace::default();
    assert_eq!(pace.reserve(usize::MAX, 0, Duration::MAX), Duration::MAX);
}

#[test]
fn bytes_pass_at_their_rate_however_they_are_cut() {
    for (rate, piece) in [(1024, 64), (1_000_000, 10_000), (10 << 20, 64 << 10), (3 << 30, 64 << 10), (7919, 1013)] {
        let mut pace = Pace::default();
        let mut now = at(50);
        let begun = now;
        for _ in 0..1000 {
            // Whoever waits is woken late, by less than what is made up for.
            let from = pace.reserve(piece, rate, now);
            now = if from > now { from + Duration::from_micros(900) } else { now };
        }
        let passed = 999.0 * piece as f64;
        let fair = passed / rate as f64;
        let took = (now - begun).as_secs_f64();
        assert!(took <= fair + 0.002 && took >= fair - 0.011, "{rate}: {took} in place of {fair}");
    }
}

#[test]
fn a_quiet_time_saves_nothing_up() {
    let mut pace = Pace::default();
    pace.reserve(1000, 1000, at(10));
    assert!(pace.is_idle(at(20)) && !pace.is_idle(at(10)));
    let first = pace.reserve(1000, 1000, at(100));
    let second = pace.reserve(1000, 1000, at(100));
    assert_eq!(first, at(100));
    assert!(second >= at(100) + Duration::from_millis(990), "{second:?}");
}

#[test]
fn pieces_are_small_enough_to_move_evenly() {
    assert_eq!(longest_piece(16 << 10, 1), 1 << 10);
    assert_eq!(longest_piece(16 << 20, 512), 2 << 10);
    assert_eq!(longest_piece(u64::MAX, 0), 64 << 10);
    assert_eq!(longest_piece(0, u32::MAX), 256);
}

#[test]
fn a_refusal_names_its_limit_and_says_when_to_come_back() {
    let rate = RequestRate { count: 100, per: Duration::from_secs(60), burst: 5 };
    let quota = Quota { requests: Some(1), bytes: None, per: HOUR * 24 };
    let table = [
        (Scope::Client, Limit::Uploads(4), "a client of this route may have 4 uploads under way at once"),
        (Scope::Route, Limit::Requests(rate), "all clients of this route together may send 100 requests per minute"),
        (Scope::Client, Limit::QuotaRequests(quota), "a client of this route may send 1 request in 24h"),
        (
            Scope::Route,
            Limit::QuotaBytes(Quota { bytes: Some(9), per: Duration::from_millis(1500), ..quota }),
            "all clients of this route together may send 9 bytes in 1500ms",
        ),
    ];
    for (scope, limit, detail) in table {
        let failure = Refusal { scope, limit, wait: Duration::from_millis(1500) }.failure();
        assert_eq!((failure.problem, &*failure.detail), (Problem::RateLimited, detail));
        assert_eq!(failure.retry_after_seconds(), Some(2));
        assert!(failure.retryable());
    }
    let at_once = Refusal { scope: Scope::Route, limit: Limit::Uploads(1), wait: Duration::ZERO };
    assert_eq!(at_once.failure().retry_after_seconds(), Some(1));
}

#[test]
fn what_no_window_can_hold_is_too_large_and_not_told_to_wait() {
    let quotas = [
        Quota { requests: Some(1), bytes: None, per: HOUR },
        Quota { requests: None, bytes: Some(50), per: HOUR },
        Quota { requests: None, bytes: Some(70), per: HOUR },
    ];
    assert!(never_fits(&quotas, 50).is_none());
    let failure = never_fits(&quotas, 51).expect("it never fits");
    assert_eq!((failure.problem, failure.retry_after), (Problem::FileTooLarge, None));
    assert!(never_fits(&quotas[..1], u64::MAX).is_none());
}

#[test]
fn a_client_behind_proxies_is_the_last_address_that_is_no_proxy() {
    use crate::config::{ForwardedField, Proxies};
    // The peer, the fields, the client. 203.0.113.9 stands for what a client made up.
    let networks = ["10.0.0.0/8", "fd00::/8"].map(|network| network.parse().expect("a network")).to_vec();
    let x_forwarded_for: [(&str, &[&str], &str); 13] = [
        ("192.0.2.1", &["198.51.100.1"], "192.0.2.1"),
        ("10.0.0.1", &[], "10.0.0.1"),
        ("10.0.0.1", &["198.51.100.1"], "198.51.100.1"),
        ("::ffff:10.0.0.1", &["::ffff:198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", &["203.0.113.9, 198.51.100.1, 10.0.0.2"], "198.51.100.1"),
        ("10.0.0.1", &["203.0.113.9", "198.51.100.1", "10.0.0.2"], "198.51.100.1"),
        ("10.0.0.1", &["10.0.0.3,, 10.0.0.2 ,"], "10.0.0.3"),
        ("10.0.0.1", &["198.51.100.1:4711"], "198.51.100.1"),
        ("fd00::1", &["[2001:db8::1]:4711"], "2001:db8::1"),
        ("10.0.0.1", &["2001:db8::1, [2001:db8::2]"], "2001:db8::2"),
        ("10.0.0.1", &["198.51.100.1, unknown"], "10.0.0.1"),
        ("10.0.0.1", &["198.51.100.1, ?, 10.0.0.2"], "10.0.0.2"),
        ("10.0.0.1", &["203.0.113.9, \", 198.51.100.1"], "198.51.100.1"),
    ];
    let forwarded: [(&str, &[&str], &str); 11] = [
        ("10.0.0.1", &["for=198.51.100.1;proto=https"], "198.51.100.1"),
        ("10.0.0.1", &["proto=https;FOR=\"[2001:db8::1]:4711\""], "2001:db8::1"),
        ("10.0.0.1", &["for=203.0.113.9", "for=198.51.100.1, for=10.0.0.2"], "198.51.100.1"),
        ("10.0.0.1", &["for=_hidden"], "10.0.0.1"),
        ("10.0.0.1", &["198.51.100.1"], "10.0.0.1"),
        ("10.0.0.1", &["for=198.51.100.1;for=203.0.113.9"], "10.0.0.1"),
        ("10.0.0.1", &["by=\"a, for=203.0.113.9\""], "10.0.0.1"),
        ("10.0.0.1", &["for=203.0.113.9, for=\"198.51.100.1"], "10.0.0.1"),
        // What a client opens, the proxy's own words must not end up in.
        ("10.0.0.1", &["for=203.0.113.9;x=\", for=198.51.100.1"], "10.0.0.1"),
        ("10.0.0.1", &["for=203.0.113.9;x=\"\\\", for=198.51.100.1"], "198.51.100.1"),
        ("192.0.2.1", &["for=198.51.100.1"], "192.0.2.1"),
    ];
    let tables = [(ForwardedField::XForwardedFor, &x_forwarded_for[..]), (ForwardedField::Forwarded, &forwarded[..])];
    for (field, table) in tables {
        let proxies = Proxies { networks: networks.clone(), field };
        for (peer, fields, expected) in table {
            let peer = peer.parse().expect("an address");
            let address = client_address(&proxies, peer, fields.iter().copied());
            assert_eq!(address.to_string(), *expected, "{field:?} {fields:?} from {peer}");
        }
    }
}

#[test]
fn what_is_limited_can_be_told_in_sentences() {
    let quota = Quota { requests: Some(5), bytes: Some(1 << 20), per: Duration::from_secs(90) };
    let client = Allowance { uploads: Some(2), quotas: vec![quota], ..Allowance::default() };
    let route = Allowance { bytes_per_second: Some(2048), ..Allowance::default() };
    let expected = [
        "a client of this route may have 2 uploads under way at once",
        "a client of this route may send 5 requests in 90s",
        "a client of this route may send 1048576 bytes in 90s",
        "all clients of this route together may send 2048 bytes per second",
    ];
    assert_eq!(sentences(&FairUse { route, client }), expected);
    assert!(sentences(&FairUse::default()).is_empty());
}
