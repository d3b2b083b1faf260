//! Limits under a clock that stands still unless it is moved.

mod honesty;
mod pacing;
mod strangers;

use std::future::poll_fn;
use std::net::{IpAddr, Ipv4Addr};
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt as _;
use rules::config::{Allowance, Quota, RequestRate};
use rules::failure::Problem;

use super::*;
use crate::budget::Budget;

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);
/// The one route.
const ROUTE: &str = "route";

/// Limits, and the metrics that they show in.
struct Stage {
    fair_use: FairUse,
    metrics: Metrics,
}

impl Stage {
    fn new(route: Allowance, client: Allowance) -> Self {
        Self::remembering(65_536, route, client)
    }

    fn remembering(clients: usize, route: Allowance, client: Allowance) -> Self {
        let mut config = crate::upstream::tests::config(&[]);
        config.clients.remembered = clients;
        let limits = rules::config::FairUse { route, client };
        config.routes =
            config.routes.iter().map(|route| Arc::new(Route { limits: limits.clone(), ..(**route).clone() })).collect();
        let metrics = Metrics::new(Budget::new(1), "0", "0").expect("every series has its own name");
        metrics.add_routes(&config.routes);
        Self { fair_use: FairUse::new(&config, &metrics, Clock::default()), metrics }
    }

    fn each(client: Allowance) -> Self {
        Self::new(Allowance::default(), client)
    }

    fn ask(&self, client: &ClientKey, announced: Option<u64>) -> Result<Grant, Failure> {
        self.fair_use.admit(ROUTE, client, announced)
    }

    #[track_caller]
    fn refused(&self, client: &ClientKey, announced: Option<u64>) -> Failure {
        let failure = self.ask(client, announced).expect_err("it is over a limit");
        assert_eq!(failure.problem, Problem::RateLimited);
        failure
    }

    fn pass(&self, time: Duration) {
        self.fair_use.clock().advance(time);
    }

    #[track_caller]
    fn shows(&self, line: &str) {
        let text = self.metrics.text().expect("the families can be written");
        assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
    }
}

fn address(last: u8) -> ClientKey {
    ClientKey::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, last)), None)
}

fn uploads(most: u32) -> Allowance {
    Allowance { uploads: Some(most), ..Allowance::default() }
}

fn requests(count: u32, per: Duration, burst: u32) -> Allowance {
    Allowance { requests: Some(RequestRate { count, per, burst }), ..Allowance::default() }
}

fn quota(requests: Option<u64>, bytes: Option<u64>) -> Allowance {
    Allowance { quotas: vec![Quota { requests, bytes, per: HOUR }], ..Allowance::default() }
}

/// Sends all of a body through a meter.
async fn stream(meter: &mut Meter, chunks: impl IntoIterator<Item = usize>) -> Result<(), Refusal> {
    for len in chunks {
        meter.take(Bytes::from(vec![7; len]))?;
        let mut left = len;
        while let Some(piece) = poll_fn(|cx| meter.poll_give(cx)).await {
            left -= piece.len();
        }
        assert_eq!(left, 0, "every byte passes once");
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_client_has_its_uploads_at_once_and_others_have_theirs() {
    let stage = Stage::each(uploads(2));
    let first = stage.ask(&address(1), None).expect("none is under way");
    let _second = stage.ask(&address(1), None).expect("one is under way");
    let failure = stage.refused(&address(1), None);
    assert_eq!(failure.detail, "a client of this route may have 2 uploads under way at once");
    assert_eq!(failure.retry_after_seconds(), Some(1));
    let _other = stage.ask(&address(2), None).expect("it is another client");
    drop(first);
    stage.ask(&address(1), None).expect("one has ended");
    stage.shows("tidegate_limited_requests_total{limit=\"uploads\",route=\"route\",scope=\"client\"} 1");
}

#[tokio::test(start_paused = true)]
async fn all_clients_share_what_the_route_has() {
    let stage = Stage::new(uploads(2), uploads(2));
    let _first = stage.ask(&address(1), None).expect("none is under way");
    let second = stage.ask(&address(2), None).expect("one is under way");
    assert!(stage.refused(&address(3), None).detail.starts_with("all clients of this route together"));
    // What the route refused took nothing of the client's own share.
    drop(second);
    let _third = stage.ask(&address(3), None).expect("one has ended");
    stage.shows("tidegate_limited_requests_total{limit=\"uploads\",route=\"route\",scope=\"route\"} 1");
}

#[tokio::test(start_paused = true)]
async fn a_place_is_free_again_however_its_upload_ends() {
    let stage = Stage::new(uploads(1), uploads(1));
    let grant = || stage.ask(&address(1), None).expect("the one before has ended");
    drop(grant());
    grant().cancel();
    let panicked = AssertUnwindSafe(async {
        let _held = grant();
        panic!("a bug");
    });
    panicked.catch_unwind().await.expect_err("it panics");
    let held = grant();
    let forgotten = tokio::spawn(async move {
        let _held = held;
        std::future::pending::<()>().await;
    });
    tokio::task::yield_now().await;
    stage.refused(&address(1), None);
    forgotten.abort();
    forgotten.await.expect_err("it was killed");
    drop(grant());
}

#[tokio::test(start_paused = true)]
async fn requests_come_in_a_burst_and_then_evenly() {
    let stage = Stage::each(requests(60, SECOND * 60, 3));
    let ask = || stage.ask(&address(1), None).map(drop);
    assert!((0..3).all(|_| ask().is_ok()));
    let failure = stage.refused(&address(1), None);
    assert_eq!(
        (failure.retry_after, &*failure.detail),
        (Some(SECOND), "a client of this route may send 60 requests per minute")
    );
    stage.pass(SECOND - Duration::from_nanos(1));
    stage.refused(&address(1), None);
    stage.pass(Duration::from_nanos(1));
    ask().expect("its time has come");
    stage.refused(&address(1), None);
    // A long quiet time gives no more than the burst.
    stage.pass(HOUR);
    assert_eq!((0..10).filter(|_| ask().is_ok()).count(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_refused_request_costs_nothing() {
    let stage = Stage::new(requests(1, SECOND * 60, 1), requests(10, SECOND * 60, 10));
    stage.ask(&address(1), None).map(drop).expect("it is the first");
    for _ in 0..50 {
        stage.refused(&address(1), None);
        stage.refused(&address(2), None);
    }
    // The route refused; neither client's own ten were used up by that.
    for _ in 0..9 {
        stage.pass(SECOND * 60);
        stage.ask(&address(1), None).map(drop).expect("the route has one each minute");
    }
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_request_is_as_if_it_had_never_come() {
    let stage = Stage::each(Allowance { requests: requests(1, HOUR, 1).requests, ..quota(Some(1), Some(10)) });
    for _ in 0..5 {
        stage.ask(&address(1), Some(10)).expect("nothing was taken").cancel();
    }
    stage.ask(&address(1), Some(10)).map(drop).expect("nothing was taken");
    stage.refused(&address(1), Some(10));
}

#[tokio::test(start_paused = true)]
async fn bytes_are_charged_as_announced_and_settled_as_received() {
    let stage = Stage::each(quota(None, Some(1000)));
    let client = address(1);
    let grant = stage.ask(&client, Some(900)).expect("it fits");
    // While it is under way, its announced size is spoken for.
    assert_eq!(stage.refused(&client, Some(101)).retry_after, Some(HOUR));
    let mut meter = grant.meter(&HeldBack::default());
    stream(&mut meter, [300, 100]).await.expect("it was announced");
    drop(grant);
    stage.refused(&client, Some(601));
    stage.ask(&client, Some(600)).map(drop).expect("400 of 1000 were received");
    let too_large = stage.ask(&client, Some(1001)).expect_err("it never fits");
    assert_eq!((too_large.problem, too_large.retry_after), (Problem::FileTooLarge, None));
}

#[tokio::test(start_paused = true)]
async fn a_body_of_unknown_size_is_cut_where_the_quota_ends() {
    let stage = Stage::new(quota(None, Some(100)), quota(None, Some(50)));
    let grant = stage.ask(&address(1), None).expect("nothing was taken");
    let mut meter = grant.meter(&HeldBack::default());
    let refusal = stream(&mut meter, [30, 20, 1]).await.expect_err("it passes the quota");
    assert_eq!((refusal.scope, refusal.wait), (Scope::Client, HOUR));
    drop(grant);
    stage.refused(&address(1), None);
    stage.shows("tidegate_limited_requests_total{limit=\"quota-bytes\",route=\"route\",scope=\"client\"} 2");
    stage.pass(HOUR);
    let grant = stage.ask(&address(1), Some(10)).expect("a new window has begun");
    // More than announced is charged as well.
    stream(&mut grant.meter(&HeldBack::default()), [10, 40]).await.expect("it fits");
    stage.refused(&address(1), Some(1));
}

#[tokio::test(start_paused = true)]
async fn a_route_without_limits_remembers_nobody() {
    let stage = Stage::new(Allowance::default(), Allowance::default());
    for last in 0..=255 {
        let grant = stage.ask(&address(last), Some(u64::MAX)).expect("nothing is limited");
        stream(&mut grant.meter(&HeldBack::default()), [1 << 20]).await.expect("nothing is limited");
    }
    stage.shows("tidegate_tracked_clients 0");
    stage.fair_use.admit("no such route", &address(1), None).map(drop).expect("nothing is limited");
}

#[test]
fn what_was_taken_of_a_limit_that_is_the_same_counts_under_another_configuration() {
    let (few, others) = (address(1), address(2));
    let one = || Allowance { uploads: Some(1), ..Allowance::default() };
    let two = || Allowance { uploads: Some(2), ..Allowance::default() };
    let stage = Stage::new(two(), one());
    let held = stage.ask(&few, None).expect("it is the first");
    let config = |route, client| {
        let mut config = crate::upstream::tests::config(&[]);
        let limits = rules::config::FairUse { route, client };
        config.routes =
            config.routes.iter().map(|route| Arc::new(Route { limits: limits.clone(), ..(**route).clone() })).collect();
        config
    };
    let under = |before: &FairUse, config| {
        let next = before.under(&config, &stage.metrics);
        next.forget_others();
        next
    };
    let same = under(&stage.fair_use, config(two(), one()));
    assert!(same.admit(ROUTE, &few, None).is_err(), "the client has its one");
    let mut other = Some(same.admit(ROUTE, &others, None).expect("the route has two"));
    // The limit of each client is another one now, and begins anew; the route's is full as before.
    let changed = under(&same, config(two(), two()));
    assert!(changed.admit(ROUTE, &few, None).is_err(), "the route has its two");
    other.take();
    let again = changed.admit(ROUTE, &few, None);
    assert!(again.is_ok(), "of another limit nothing was taken");
    drop((held, again));
    assert!(changed.admit(ROUTE, &few, None).is_ok() && changed.admit(ROUTE, &others, None).is_ok());
}
