//! Who is one client, and what a flood of addresses does.

use std::net::Ipv6Addr;

use super::*;

/// Fewest that the configuration takes, so that a flood is small.
const REMEMBERED: usize = 64;

fn ip(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

fn key(text: &str) -> ClientKey {
    ClientKey::new(ip(text), None)
}

fn named(provider: &str, subject: &str) -> ClientKey {
    ClientKey::new(ip("192.0.2.1"), Some((provider, subject)))
}

/// One of very many clients, each with a network of its own.
fn stranger(number: u64) -> ClientKey {
    ClientKey::new(Ipv6Addr::from_bits(u128::from(number) << 64).into(), None)
}

#[test]
fn a_client_is_who_it_proved_to_be_else_its_network() {
    let same = [
        (key("192.0.2.1"), key("::ffff:192.0.2.1")),
        (key("2001:db8:0:1::1"), key("2001:db8:0:1:ffff::2")),
        (named("keys", "a"), ClientKey::new(ip("198.51.100.7"), Some(("keys", "a")))),
    ];
    for (one, other) in same {
        assert_eq!(one, other);
    }
    let different = [
        (key("192.0.2.1"), key("192.0.2.2")),
        (key("2001:db8:0:1::1"), key("2001:db8:0:2::1")),
        (named("keys", "a"), key("192.0.2.1")),
        (named("keys", "a"), named("jwt", "a")),
        (named("keys", "a"), named("keys", "b")),
        // The border between provider and subject is part of the name.
        (named("ab", "c"), named("a", "bc")),
    ];
    for (one, other) in different {
        assert_ne!(one, other);
    }
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_addresses_fills_no_memory_and_makes_nobody_forgotten() {
    let stage = Stage::remembering(REMEMBERED, Allowance::default(), quota(Some(2), None));
    let known = address(1);
    for _ in 0..2 {
        stage.ask(&known, None).map(drop).expect("its quota is two");
    }
    let comes_and_is_let_in = |number: u64| {
        // Time passes, so that places are looked through again and again.
        stage.pass(Duration::from_millis(1));
        stage.ask(&stranger(number), None).is_ok()
    };
    let strangers = || (1..=10_000).filter(|number| comes_and_is_let_in(*number)).count();
    let let_in = strangers();
    // Each has one request here: those with a place of their own, and two for each of the shared ones.
    assert!(let_in <= REMEMBERED * 3 / 4 + 2 * 64, "{let_in}");
    stage.shows("tidegate_tracked_clients 48");
    // Coming again with the same addresses gives each place its second request and no more.
    assert!(strangers() <= REMEMBERED * 3 / 4);
    stage.refused(&known, None);
    // Identities cannot be had by the million: there is room for them.
    let staff = named("keys", "staff");
    for _ in 0..2 {
        stage.ask(&staff, None).map(drop).expect("it has a place of its own");
    }
    stage.refused(&staff, None);
    stage.shows("tidegate_tracked_clients 49");

    stage.pass(HOUR);
    stage.ask(&known, None).map(drop).expect("its window has ended");
    stage.pass(HOUR);
    stage.ask(&stranger(10_001), None).map(drop).expect("places are free");
    stage.shows("tidegate_tracked_clients 1");
}

#[tokio::test(start_paused = true)]
async fn places_whose_count_means_nothing_are_free_for_others() {
    let stage = Stage::remembering(REMEMBERED, Allowance::default(), requests(10, SECOND, 10));
    for number in 0..10_000 {
        stage.pass(Duration::from_millis(100));
        stage.ask(&stranger(number), None).map(drop).expect("each is alone in its place");
    }
    stage.pass(HOUR);
    let held: Vec<_> = (0..48).map(|number| stage.ask(&stranger(number), None).expect("there is room")).collect();
    stage.pass(HOUR);
    // Full of uploads under way: a newcomer shares a place, and they keep theirs.
    stage.ask(&stranger(77), None).map(drop).expect("a shared place is free");
    stage.shows("tidegate_tracked_clients 48");
    drop(held);
    stage.pass(SECOND * 2);
    stage.ask(&stranger(77), None).map(drop).expect("there is room");
    stage.shows("tidegate_tracked_clients 1");
}

#[tokio::test(start_paused = true)]
async fn clients_of_two_routes_are_counted_apart() {
    let mut config = crate::upstream::tests::config(&[]);
    let limits = rules::config::FairUse { client: uploads(1), ..rules::config::FairUse::default() };
    let route =
        |name: &str| Arc::new(Route { name: name.into(), limits: limits.clone(), ..(*config.routes[0]).clone() });
    let routes = vec![route("a"), route("b")];
    config.routes = routes;
    let metrics = Metrics::new(Budget::new(1), "0", "0").expect("every series has its own name");
    let fair_use = FairUse::new(&config, &metrics, Clock::default());
    let _one = fair_use.admit("a", &address(1), None).expect("it is the first there");
    let _other = fair_use.admit("b", &address(1), None).expect("it is the first there");
    assert!(fair_use.admit("a", &address(1), None).is_err());
}

#[tokio::test(start_paused = true)]
async fn threads_that_compete_get_no_more_than_there_is() {
    let stage = Stage::remembering(REMEMBERED, uploads(7), Allowance { uploads: Some(5), ..quota(Some(1000), None) });
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let stage = &stage;
            scope.spawn(move || {
                let client = address(thread % 2);
                for _ in 0..500 {
                    let held: Vec<_> = (0..3).filter_map(|_| stage.ask(&client, None).ok()).collect();
                    drop(held);
                }
            });
        }
    });
    let rest: Vec<_> = (0..10).filter_map(|_| stage.ask(&address(9), None).ok()).collect();
    assert_eq!(rest.len(), 5);
}
