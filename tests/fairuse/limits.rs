//! Each limit, for a client and for a route, over both protocols.

use std::time::Duration;

use harness::Rules;

use crate::stage::{PROTOCOLS, Protocol, Stage, refused};

/// Two clients.
const ANNA: u8 = 1;
const BERT: u8 = 2;

/// The keys under which a limit can stand, and who shares it.
const SCOPES: [(&str, bool, &str); 2] =
    [("client", false, "a client of this route may"), ("route", true, "all clients of this route together may")];

/// Whether the other client is refused as well.
async fn other_client(stage: &Stage, protocol: Protocol, is_shared: bool, says: &str) {
    let answer = stage.upload(protocol, BERT, b"0123456789").await;
    if is_shared {
        refused(&answer, says);
    } else {
        assert_eq!(answer.status, 201, "{answer:?}");
    }
}

#[tokio::test]
async fn uploads_at_once() {
    for (scope, is_shared, says) in SCOPES {
        for protocol in PROTOCOLS {
            let stage = Stage::limited(&format!("{{ {scope}: {{ uploads: 2 }} }}")).await;
            let mut first = stage.half(protocol, ANNA).await;
            let second = stage.half(protocol, ANNA).await;
            let answer = stage.upload(protocol, ANNA, b"0123456789").await;
            assert_eq!(refused(&answer, &format!("{says} have 2 uploads")), 1);
            other_client(&stage, protocol, is_shared, says).await;

            // A place is free when an upload ends, well or badly.
            first.send(b"56789", true).await.expect("it is sent");
            assert_eq!(first.answer().await.status, 201);
            assert_eq!(stage.upload(protocol, ANNA, b"0123456789").await.status, 201);
            second.vanish();
            stage.until(0).await;
            let _both = (stage.half(protocol, ANNA).await, stage.half(protocol, ANNA).await);
            let series =
                format!("tidegate_limited_requests_total{{limit=\"uploads\",route=\"files\",scope=\"{scope}\"}}");
            let expected = if is_shared { 2.0 } else { 1.0 };
            assert_eq!(stage.metric(&series).await, expected);
        }
    }
}

#[tokio::test]
async fn requests_per_time() {
    for (scope, is_shared, says) in SCOPES {
        for protocol in PROTOCOLS {
            let stage = Stage::limited(&format!("{{ {scope}: {{ requests: 2/h, burst: 3 }} }}")).await;
            for _ in 0..3 {
                assert_eq!(stage.upload(protocol, ANNA, b"0123456789").await.status, 201);
            }
            let told = refused(
                &stage.upload(protocol, ANNA, b"0123456789").await,
                &format!("{says} send 2 requests per hour"),
            );
            assert!(told <= 1800, "{told}");
            other_client(&stage, protocol, is_shared, says).await;
            // One minute less than told is too early, though nearly all of it passes in no time here.
            stage.rig.pass(Duration::from_secs(told - 60));
            refused(&stage.upload(protocol, ANNA, b"0123456789").await, says);
            stage.rig.pass(Duration::from_secs(60));
            assert_eq!(stage.upload(protocol, ANNA, b"0123456789").await.status, 201);
        }
    }
}

#[tokio::test]
async fn requests_in_a_window() {
    for (scope, is_shared, says) in SCOPES {
        for protocol in PROTOCOLS {
            let stage = Stage::limited(&format!("{{ {scope}: {{ quota: [ {{ requests: 2, per: 24h }} ] }} }}")).await;
            for _ in 0..2 {
                assert_eq!(stage.upload(protocol, ANNA, b"0123456789").await.status, 201);
            }
            let told =
                refused(&stage.upload(protocol, ANNA, b"0123456789").await, &format!("{says} send 2 requests in 24h"));
            assert!((86_300..=86_400).contains(&told), "{told}");
            other_client(&stage, protocol, is_shared, says).await;
            stage.rig.pass(Duration::from_secs(told));
            assert_eq!(stage.upload(protocol, ANNA, b"0123456789").await.status, 201);
        }
    }
}

#[tokio::test]
async fn bytes_in_a_window() {
    for (scope, is_shared, says) in SCOPES {
        for protocol in PROTOCOLS {
            let stage = Stage::limited(&format!("{{ {scope}: {{ quota: [ {{ bytes: 25B, per: 1h }} ] }} }}")).await;
            // An upload that is lost in its middle costs what was received of it: here 5 of 10 bytes.
            stage.half(protocol, ANNA).await.vanish();
            stage.until(0).await;
            assert_eq!(stage.upload(protocol, ANNA, b"0123456789").await.status, 201);
            refused(&stage.upload(protocol, ANNA, b"0123456789a").await, &format!("{says} send 25 bytes in 1h"));
            assert_eq!(stage.upload(protocol, ANNA, b"0123456789").await.status, 201);
            let told = refused(&stage.upload(protocol, ANNA, b"0").await, says);
            other_client(&stage, protocol, is_shared, says).await;
            stage.rig.pass(Duration::from_secs(told));
            assert_eq!(stage.upload(protocol, ANNA, b"0").await.status, 201);
            // Nobody is told to wait for what can never be.
            let answer = stage.upload(protocol, ANNA, &[7; 26]).await;
            assert_eq!((answer.status, answer.problem().as_str()), (413, "file-too-large"));
        }
    }
}

#[tokio::test]
async fn a_body_of_unknown_size_is_cut_at_the_end_of_the_quota_and_nothing_is_stored() {
    for protocol in PROTOCOLS {
        let stage = Stage::limited("{ client: { quota: [ { bytes: 25B, per: 1h } ] } }").await;
        let mut open = stage.open(protocol, ANNA, None).await;
        let (part, rest): (&[u8], &[u8]) = match protocol {
            Protocol::Http1 => (b"14\r\n01234567890123456789\r\n", b"a\r\n0123456789\r\n0\r\n\r\n"),
            Protocol::Http2 => (b"01234567890123456789", b"0123456789"),
        };
        open.send(part, false).await.expect("it is sent");
        stage.uploads_until(|uploads| uploads.iter().any(|upload| upload["received_bytes"] == 20)).await;
        // The refusal may come before the last of it was sent.
        let _sent = open.send(rest, true).await;
        refused(&open.answer().await, "send 25 bytes in 1h");
        stage.until(0).await;
        let whole = stage.peer.requests().into_iter().filter(|request| request.complete).count();
        assert_eq!(whole, 0, "{:?}", stage.peer.requests());
    }
}

#[tokio::test]
async fn a_refusal_comes_in_place_of_the_100_and_closes_nothing_that_can_go_on() {
    let stage = Stage::limited("{ client: { requests: 1/h } }").await;
    assert_eq!(stage.upload(Protocol::Http1, ANNA, b"x").await.status, 201);
    let mut connection = harness::RawConnection::open(stage.rig.address()).await.expect("the gateway listens");
    let head = "PUT /files/a HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n";
    connection.send(head).await.expect("it is sent");
    refused(&connection.answer().await.expect("an answer"), "1 request per hour");
    assert!(connection.is_closed().await, "the body was never asked for, so what follows is not trusted");
    assert_eq!(stage.peer.requests().len(), 1);
    assert_eq!(stage.metric("tidegate_received_bytes_total{route=\"files\"}").await, 1.0);
}

#[tokio::test]
async fn a_request_without_room_costs_its_client_nothing() {
    let rules = Rules::default().settings("limits: { uploads: 1 }");
    let stage = Stage::with(rules, "limits: { client: { quota: [ { requests: 3, per: 1h } ] } }\n").await;
    let mut first = stage.half(Protocol::Http1, ANNA).await;
    for _ in 0..5 {
        let answer = stage.upload(Protocol::Http1, ANNA, b"x").await;
        assert_eq!((answer.status, answer.problem().as_str()), (503, "overloaded"));
    }
    first.send(b"56789", true).await.expect("it is sent");
    assert_eq!(first.answer().await.status, 201);
    for _ in 0..2 {
        assert_eq!(stage.upload(Protocol::Http1, ANNA, b"x").await.status, 201);
    }
    refused(&stage.upload(Protocol::Http1, ANNA, b"x").await, "3 requests in 1h");
}

#[tokio::test]
async fn the_main_file_says_what_holds_where_a_route_does_not() {
    let defaults = "fair-use: { client: { requests: 1/h }, route: { quota: [ { requests: 2, per: 1h } ] } }";
    let stage = Stage::with(Rules::default().settings(defaults), "").await;
    assert_eq!(stage.upload(Protocol::Http1, ANNA, b"x").await.status, 201);
    refused(&stage.upload(Protocol::Http1, ANNA, b"x").await, "a client of this route may send 1 request per hour");
    assert_eq!(stage.upload(Protocol::Http1, BERT, b"x").await.status, 201);
    refused(&stage.upload(Protocol::Http1, 3, b"x").await, "together may send 2 requests in 1h");

    let stage = Stage::with(Rules::default().settings(defaults), "limits: { client: {} }\n").await;
    for _ in 0..2 {
        assert_eq!(stage.upload(Protocol::Http1, ANNA, b"x").await.status, 201);
    }
    refused(&stage.upload(Protocol::Http1, ANNA, b"x").await, "together may send 2 requests in 1h");
}

#[tokio::test]
async fn behind_a_trusted_proxy_each_of_its_clients_is_one() {
    let send = async |stage: &Stage, peer: u8, forwarded: &str| {
        let mut connection = stage.connect(peer).await;
        let head = format!("PUT /files/a HTTP/1.1\r\nHost: a\r\n{forwarded}\r\nContent-Length: 1\r\n\r\nx");
        connection.send(head).await.expect("it is sent");
        connection.answer().await.expect("an answer").status
    };
    let rules = Rules::default().settings("fair-use: { proxies: { networks: 127.0.0.9 } }");
    let stage = Stage::with(rules, "limits: { client: { requests: 1/h } }\n").await;
    let (carla, dora) = ("X-Forwarded-For: 203.0.113.5, 198.51.100.1", "X-Forwarded-For: 203.0.113.5, 198.51.100.2");
    assert_eq!(send(&stage, 9, carla).await, 201);
    assert_eq!(send(&stage, 9, dora).await, 201);
    assert_eq!(send(&stage, 9, "X-Forwarded-For: 203.0.113.6, 198.51.100.1").await, 429);
    assert_eq!(send(&stage, 9, "Forwarded: for=198.51.100.3\r\nX-Forwarded-For: 198.51.100.1").await, 429);
    // From anywhere else the field is only what a client says of itself.
    assert_eq!(send(&stage, ANNA, "X-Forwarded-For: 198.51.100.4").await, 201);
    assert_eq!(send(&stage, ANNA, "X-Forwarded-For: 198.51.100.5").await, 429);
}
