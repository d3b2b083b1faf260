//! Too much, too slow, too late.

use std::time::Duration;

use harness::{RawConnection, Rules};
use sandbox::peer::{Reply, Then, When};

use crate::support::{PLAIN, Stage, put, stored};

const HALF: &str = "PUT /files/half.png HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n12345";

/// An upload that stands still in its middle, seen by the gateway.
async fn half_sent(stage: &Stage) -> RawConnection {
    let mut connection = stage.open().await;
    connection.send(HALF).await.expect("it is sent");
    stage.uploads_until(|uploads| uploads.iter().any(|upload| upload["received_bytes"] == 5)).await;
    connection
}

#[tokio::test]
async fn one_upload_more_than_the_limit_is_told_to_come_back() {
    let stage = Stage::with(Rules::default().settings("limits: { uploads: 1 }"), PLAIN, [stored(), stored()]).await;
    let mut first = half_sent(&stage).await;
    stage.expect("overloaded.uploads", &stage.send(put("a"), "x").await);
    first.send("67890").await.expect("it is sent");
    assert_eq!(first.answer().await.expect("an answer").status, 201);
    stage.uploads_until(<[_]>::is_empty).await;
    assert_eq!(stage.send(put("a"), "x").await.status, 201);
}

#[tokio::test]
async fn an_upload_that_memory_cannot_fund_is_refused_before_its_body() {
    let stage = Stage::with(Rules::default().settings("limits: { memory: 1MiB }"), PLAIN, []).await;
    // Connections may take seven eighths of the budget; what is left funds two uploads.
    let mut connections = Vec::new();
    loop {
        let mut connection = stage.open().await;
        let _sent = connection.send("GET /x HTTP/1.1\r\nHost: a\r\n\r\n").await;
        if !connection.answer().await.is_ok_and(|answer| answer.status == 404) {
            break;
        }
        connections.push(connection);
        assert!(connections.len() < 128, "a budget of 1 MiB cannot pay for so many connections");
    }
    let refused = async {
        for (others, connection) in connections.iter_mut().enumerate() {
            connection.send(HALF).await.expect("it is sent");
            tokio::select! {
                answer = connection.answer() => return answer.expect("an answer"),
                _ = stage.uploads_until(|uploads| uploads.len() == others + 1) => {}
            }
        }
        panic!("every upload was funded");
    };
    stage.expect("overloaded.memory", &refused.await);
    let scrape = stage.scrape().await;
    let value = |name: &str| -> f64 {
        let line = scrape.lines().find(|line| line.starts_with(name)).unwrap_or_else(|| panic!("no {name}"));
        line.rsplit(' ').next().and_then(|value| value.parse().ok()).expect("a number")
    };
    assert!(value("tidegate_buffer_bytes ") <= value("tidegate_buffer_limit_bytes "), "{scrape}");
    assert!(value("tidegate_rejected_requests_total{reason=\"memory-limit\"}") >= 1.0, "{scrape}");
}

#[tokio::test]
async fn an_upload_over_a_limit_of_its_client_is_told_which_and_for_how_long() {
    let limits = "limits: { client: { uploads: 1, requests: 1/min, burst: 2 } }\n";
    let stage = Stage::plain(limits, [stored(), stored()]).await;
    let mut first = half_sent(&stage).await;
    stage.expect("rate-limited.uploads", &stage.send(put("a"), "x").await);
    first.send("67890").await.expect("it is sent");
    assert_eq!(first.answer().await.expect("an answer").status, 201);
    assert_eq!(stage.send(put("a"), "x").await.status, 201);
    stage.rig.pass(Duration::from_secs(1));
    let refused = stage.send(put("a"), "x").await;
    assert!((50..60).contains(&refused.header("retry-after").and_then(|told| told.parse().ok()).unwrap_or(0)));
    assert_eq!(refused.problem(), "rate-limited");
}

#[tokio::test]
async fn a_body_that_stands_still_is_too_slow() {
    let settings = Rules::default().settings("timeouts: { idle: 1s }");
    let stage = Stage::with(settings, PLAIN, [stored()]).await;
    let (answer, mut connection) = stage.raw(HALF).await;
    stage.expect("client-too-slow.idle", &answer);
    assert!(connection.is_closed().await);
    stage.nothing_stored();
}

#[tokio::test]
async fn a_body_below_the_minimum_rate_is_too_slow() {
    let settings = Rules::default().settings("timeouts: { min-rate: 1MiB/s, min-rate-grace: 100ms }");
    let stage = Stage::with(settings, PLAIN, [stored()]).await;
    stage.expect("client-too-slow.min-rate", &stage.raw(HALF).await.0);
    stage.nothing_stored();
}

#[tokio::test]
async fn waiting_for_a_slow_upstream_is_not_the_clients_fault() {
    let settings = Rules::default().settings("timeouts: { min-rate: 1MiB/s, min-rate-grace: 100ms, answer: 600ms }");
    let stage = Stage::with(settings, PLAIN, [Reply::none(When::BodyComplete, Then::Stall)]).await;
    assert_eq!(stage.send(put("a"), "x").await.problem(), "upstream-timeout");
}

#[tokio::test]
async fn a_head_that_does_not_end_in_time_is_told_so_and_counted() {
    let settings = Rules::default().settings("timeouts: { head: 200ms }");
    let stage = Stage::with(settings, PLAIN, []).await;
    let mut connection = stage.open().await;
    connection.send("PUT /files/a HTTP/1.1\r\nHost").await.expect("it is sent");
    stage.expect("client-too-slow.head", &connection.answer().await.expect("an answer"));
    assert!(connection.is_closed().await);
    let mut silent = stage.open().await;
    assert!(silent.is_closed().await, "a connection that says nothing is closed without a word");
    let scrape = stage.scrape().await;
    assert!(scrape.contains("tidegate_rejected_requests_total{reason=\"head-too-slow\"} 1\n"), "{scrape}");
}

#[tokio::test]
async fn a_draining_gateway_takes_no_new_upload_and_finishes_those_in_flight() {
    let stage = Stage::new(PLAIN, [stored()]).await;
    let mut idle = stage.open().await;
    idle.send("GET /x HTTP/1.1\r\nHost: a\r\n\r\n").await.expect("it is sent");
    assert_eq!(idle.answer().await.expect("an answer").status, 404);
    let mut first = half_sent(&stage).await;
    assert_eq!(stage.admin("/readyz").await.status, 200);

    let meanwhile = async {
        crate::support::eventually("draining", async || (stage.admin("/readyz").await.status == 503).then_some(()))
            .await;
        assert_eq!(stage.admin("/healthz").await.status, 200);
        idle.send("PUT /files/a HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx").await.expect("it is sent");
        let refused = idle.answer().await.expect("an answer");
        stage.expect("draining.new-upload", &refused);
        assert!(idle.is_closed().await);
        assert!(RawConnection::open(stage.rig.address()).await.is_err(), "the listener is closed");
        first.send("67890").await.expect("it is sent");
        let answer = first.answer().await.expect("an answer");
        assert_eq!((answer.status, answer.header("connection")), (201, Some("close")));
    };
    let (aborted, ()) = tokio::join!(stage.rig.drain(Duration::from_secs(30)), meanwhile);
    assert_eq!(aborted, 0);
}

#[tokio::test]
async fn an_upload_that_outlives_the_drain_is_aborted_and_told_so() {
    let stage = Stage::new(PLAIN, [stored()]).await;
    let mut first = half_sent(&stage).await;
    let (aborted, answer) = tokio::join!(stage.rig.drain(Duration::from_millis(50)), first.answer());
    assert_eq!(aborted, 1);
    stage.expect("draining.aborted", &answer.expect("an answer"));
    stage.nothing_stored();
}
