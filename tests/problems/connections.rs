//! When a connection is kept and when it is closed, and what is refused before a request is handed on.

use harness::{RawConnection, Rules, client};
use http::Request;

use crate::support::{PLAIN, Stage, stored};

/// A request that must never be answered, because it stands behind framing that nobody can trust.
const SMUGGLED: &str = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n";

#[tokio::test]
async fn ambiguous_framing_is_refused_and_nothing_behind_it_is_read_as_a_request() {
    let stage = Stage::new(PLAIN, []).await;
    let (answer, mut connection) = stage
        .raw(format!("POST /files HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{SMUGGLED}"))
        .await;
    stage.expect("malformed-request.ambiguous-framing", &answer);
    assert!(connection.is_closed().await);
    let ambiguous = [
        "POST /files HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
        "POST /files HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
        "POST /files HTTP/1.1\r\nHost: a\r\nContent-Length: 1, 2\r\n\r\nxx",
        "POST /files HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, gzip\r\n\r\n",
        "POST /files HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST /files HTTP/1.1\r\nHost: a\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
        "POST /files HTTP/1.1\r\nHost: a\r\n Folded: x\r\n\r\n",
        "GET /files HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        "GET /files HTTP/1.1\r\n\r\n",
        "GET /files HTTP/1.1\r\nHost: a\r\nExpect: other\r\n\r\n",
    ];
    for head in ambiguous {
        let (answer, mut connection) = stage.raw(format!("{head}{SMUGGLED}")).await;
        assert!(matches!(answer.status, 400 | 417 | 501), "{head:?}: {answer:?}");
        assert!(connection.is_closed().await, "{head:?}");
    }
    assert!(stage.peer.requests().is_empty());
}

#[tokio::test]
async fn heads_that_cannot_be_parsed_are_counted_by_their_reason_alone() {
    let stage = Stage::with(Rules::default().settings("limits: { head-size: 4KiB, head-fields: 16 }"), PLAIN, []).await;
    let (answer, mut connection) = stage.raw("GET\r\n\r\n").await;
    assert_eq!(answer.status, 400);
    assert!(connection.is_closed().await);
    let long = format!("GET /files HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "a".repeat(400 << 10));
    stage.expect("head-too-large.size", &stage.raw(long).await.0);
    let many = format!("GET /files HTTP/1.1\r\nHost: a\r\n{}\r\n", "X: a\r\n".repeat(40));
    stage.expect("head-too-large.fields", &stage.raw(many).await.0);
    let scrape = crate::support::eventually("the counts", async || {
        let scrape = stage.scrape().await;
        scrape.contains("tidegate_rejected_requests_total{reason=\"head-too-large\"} 2\n").then_some(scrape)
    })
    .await;
    assert!(scrape.contains("tidegate_rejected_requests_total{reason=\"malformed-head\"} 1\n"), "{scrape}");
    assert!(
        !scrape.contains("route=\"none\",outcome=\"refused\"") && !scrape.contains("outcome=\"refused\",reason"),
        "{scrape}"
    );
}

#[tokio::test]
async fn a_connection_is_kept_after_an_answer_to_a_body_that_was_read() {
    let stage = Stage::new(PLAIN, [stored(), stored()]).await;
    let mut connection = stage.open().await;
    for name in ["a", "b"] {
        connection
            .send(format!("PUT /files/{name} HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx"))
            .await
            .expect("it is sent");
        let answer = connection.answer().await.expect("an answer");
        assert_eq!((answer.status, answer.header("connection")), (201, None), "{answer:?}");
    }
    connection.send("GET /nothing HTTP/1.1\r\nHost: a\r\n\r\n").await.expect("it is sent");
    assert_eq!(connection.answer().await.expect("an answer").header("connection"), None);
}

#[tokio::test]
async fn one_connection_more_than_the_limit_is_closed() {
    let stage = Stage::with(Rules::default().settings("limits: { connections: 1 }"), PLAIN, []).await;
    let mut first = stage.open().await;
    first.send("GET /x HTTP/1.1\r\nHost: a\r\n\r\n").await.expect("it is sent");
    assert_eq!(first.answer().await.expect("an answer").status, 404);
    let mut second = stage.open().await;
    assert!(second.is_closed().await);
    let scrape = stage.scrape().await;
    assert!(scrape.contains("tidegate_rejected_requests_total{reason=\"connection-limit\"} 1\n"), "{scrape}");
    assert!(scrape.contains("tidegate_connections{listener=\"127.0.0.1:0\"} 1\n"), "{scrape}");
}

#[tokio::test]
async fn one_connection_more_than_a_client_may_have_is_closed_and_others_are_not_concerned() {
    let rules = Rules::default().settings("limits: { connections-per-client: 1 }");
    let stage = Stage::with(rules, PLAIN, []).await;
    let mut first = stage.open().await;
    first.send("GET /x HTTP/1.1\r\nHost: a\r\n\r\n").await.expect("it is sent");
    assert_eq!(first.answer().await.expect("an answer").status, 404);
    let mut second = stage.open().await;
    second.send("GET /x HTTP/1.1\r\nHost: a\r\n\r\n").await.expect("it is sent");
    let answer = second.answer().await.expect("an answer, as the first bytes show that it is HTTP/1");
    assert_eq!((answer.status, answer.problem().as_str()), (503, "overloaded"), "{answer:?}");
    let socket = tokio::net::TcpSocket::new_v4().expect("a socket");
    socket.bind("127.0.0.2:0".parse().expect("an address")).expect("all of 127.0.0.0/8 is this machine");
    let mut other = RawConnection::over(socket.connect(stage.rig.address()).await.expect("the gateway listens"));
    other.send("GET /x HTTP/1.1\r\nHost: a\r\n\r\n").await.expect("it is sent");
    assert_eq!(other.answer().await.expect("an answer").status, 404);
    let scrape = stage.scrape().await;
    let counted = "tidegate_rejected_requests_total{reason=\"client-connection-limit\"} 1\n";
    assert!(scrape.contains(counted), "{scrape}");
    drop(first);
    crate::support::eventually("a place", async || {
        let mut again = stage.open().await;
        again.send("GET /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await.ok()?;
        (again.answer().await.ok()?.status == 404).then_some(())
    })
    .await;
}

/// No request was read, so there is no upload id. A listener that may speak HTTP/2 only closes, as the test above shows.
#[tokio::test]
async fn one_connection_more_than_the_limit_hears_so_where_only_http_1_is_spoken() {
    let rules = Rules::default().listener("{ address: \"127.0.0.1:0\" }").settings("limits: { connections: 1 }");
    let stage = Stage::with(rules, PLAIN, []).await;
    let mut first = stage.open().await;
    first.send("GET /x HTTP/1.1\r\nHost: a\r\n\r\n").await.expect("it is sent");
    assert_eq!(first.answer().await.expect("an answer").status, 404);
    let mut second = stage.open().await;
    let answer = second.answer().await.expect("an answer");
    assert_eq!((answer.status, answer.problem().as_str()), (503, "overloaded"), "{answer:?}");
    assert_eq!((answer.header("retry-after"), answer.header("connection")), (Some("1"), Some("close")));
    second.finish().await.expect("it is closed");
    assert!(second.is_closed().await);
}

#[tokio::test]
async fn http_2_hears_the_same_problems() {
    let stage = Stage::plain("accept: { size: { max: 4B } }\n", [stored()]).await;
    let send = async |request: http::request::Builder, body: &str| {
        client::http2(stage.rig.address(), request.body(body.as_bytes().to_vec()).expect("a request"))
            .await
            .expect("an answer")
    };
    assert_eq!(send(Request::put("/files/a"), "x").await.status, 201);
    for (request, body, problem) in [
        (Request::put("/files/a"), "12345", "file-too-large"),
        (Request::put("/files/a").header("content-encoding", "br"), "x", "coding-not-supported"),
        (Request::put("/files/a%2Fb"), "x", "name-refused"),
        (Request::put("/files/a").header("host", "elsewhere"), "x", "malformed-request"),
        (Request::get("/files"), "", "method-not-allowed"),
        (Request::get("/x"), "", "no-such-route"),
    ] {
        let answer = send(request, body).await;
        assert_eq!(answer.problem(), problem, "{answer:?}");
        assert_eq!(answer.header("connection"), None, "HTTP/2 has no such field");
        crate::support::upload_id(&answer);
    }
}
