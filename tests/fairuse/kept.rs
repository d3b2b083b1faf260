//! A refusal whose body is short and on its way costs its client no connection, and nothing within the body is a request.

use std::sync::Arc;

use harness::{Answer, RawConnection, Rules};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::stage::{Protocol, Stage};

/// The longest body that is read over.
const LONGEST: usize = 64 * 1024;

fn head(len: usize) -> String {
    format!("PUT /files/a HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len}\r\n\r\n")
}

fn request(body: &[u8]) -> Vec<u8> {
    [head(body.len()).as_bytes(), body].concat()
}

fn full() -> Rules {
    Rules::default().settings("limits: { uploads: 1 }")
}

fn is_overloaded(answer: &Answer) -> bool {
    (answer.status, answer.problem().as_str()) == (503, "overloaded") && answer.header("connection").is_none()
}

/// One connection holds the only place; the other asks in vain, again and again, and is let in on the same connection when it can be.
async fn is_kept<S: AsyncRead + AsyncWrite + Unpin>(
    stage: &Stage,
    mut holder: RawConnection<S>,
    mut asking: RawConnection<S>,
) {
    holder.send([head(10).as_bytes(), b"01234"].concat()).await.expect("it is sent");
    stage.until(1).await;
    // In one piece; the first body is a request, word for word.
    let pipelined = [request(&request(b"hidden")), request(b"second")].concat();
    asking.send(pipelined).await.expect("it is sent");
    for _ in 0..2 {
        let answer = asking.answer().await.expect("an answer");
        assert!(is_overloaded(&answer) && answer.header("retry-after").is_some(), "{answer:?}");
    }
    // Answered before its body comes, which comes in pieces, with the next head behind it.
    asking.send(head(LONGEST)).await.expect("it is sent");
    assert!(is_overloaded(&asking.answer().await.expect("an answer before the body")));
    let rest = [vec![7; LONGEST], request(b"third")].concat();
    for part in rest.chunks(10_000) {
        asking.send(part).await.expect("the connection is open");
    }
    assert!(is_overloaded(&asking.answer().await.expect("an answer")));
    holder.send("56789").await.expect("it is sent");
    assert_eq!(holder.answer().await.expect("an answer").status, 201);
    stage.until(0).await;
    asking.send(request(b"at last")).await.expect("the connection is open");
    let answer = asking.answer().await.expect("an answer");
    assert_eq!((answer.status, answer.header("connection")), (201, None), "{answer:?}");
    let stored: Vec<_> = stage.peer.requests().iter().map(|request| request.size).collect();
    assert_eq!(stored, [10, 7], "nothing that was refused went on");
    let refused = "tidegate_uploads_total{outcome=\"refused\",reason=\"overloaded\",route=\"files\"}";
    assert_eq!(stage.metric(refused).await, 4.0);
    assert_eq!(stage.metric("tidegate_received_bytes_total{route=\"files\"}").await, 17.0);
}

#[tokio::test]
async fn a_connection_outlives_refusals_in_cleartext() {
    let stage = Stage::with(full(), "").await;
    is_kept(&stage, stage.connect(1).await, stage.connect(2).await).await;
}

#[tokio::test]
async fn a_connection_outlives_refusals_over_tls() {
    let (listener, roots, _folder) = tls_listener();
    let stage = Stage::with(full().listener(&listener), "").await;
    is_kept(&stage, connect_tls(&stage, &roots).await, connect_tls(&stage, &roots).await).await;
}

#[tokio::test]
async fn every_refusal_before_the_body_keeps_the_connection() {
    let stage = Stage::with(full(), "cors: { origins: [ 'https://page.example' ] }\n").await;
    let mut connection = stage.connect(1).await;
    for (method, path, field, problem) in [
        ("PUT", "/nowhere", "", "no-such-route"),
        ("DELETE", "/files/a", "", "method-not-allowed"),
        ("PUT", "/files/a", "Origin: https://other.example\r\n", "forbidden"),
    ] {
        let head = format!("{method} {path} HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n{field}\r\nabc");
        connection.send(head).await.expect("the connection is open");
        let answer = connection.answer().await.expect("an answer");
        assert_eq!((answer.problem().as_str(), answer.header("connection")), (problem, None), "{answer:?}");
    }
    connection.send(request(b"abc")).await.expect("the connection is open");
    assert_eq!(connection.answer().await.expect("an answer").status, 201);
}

#[tokio::test]
async fn what_is_long_or_not_announced_or_awaited_or_dubious_still_ends_the_connection() {
    let stage = Stage::with(full(), "").await;
    let _holder = stage.half(Protocol::Http1, 1).await;
    let long = format!("Content-Length: {}\r\n", LONGEST + 1);
    for (fields, problem) in [
        (long.as_str(), "overloaded"),
        ("Transfer-Encoding: chunked\r\n", "overloaded"),
        ("Content-Length: 3\r\nExpect: 100-continue\r\n", "overloaded"),
        ("Content-Length: 3\r\nExpect: tea\r\n", "expectation-unknown"),
        ("Content-Length: 3\r\nUpload-Length: x\r\n", "malformed-request"),
        ("Content-Length: 3\r\nContent-Encoding: br\r\n", "coding-not-supported"),
    ] {
        let mut connection = stage.connect(2).await;
        connection.send(format!("PUT /files/a HTTP/1.1\r\nHost: a\r\n{fields}\r\n")).await.expect("it is sent");
        let answer = connection.answer().await.expect("an answer");
        assert_eq!((answer.problem().as_str(), answer.header("connection")), (problem, Some("close")), "{fields}");
        // The gateway may have closed already.
        let _sent = connection.send(request(b"abc")).await;
        assert!(connection.is_closed().await, "{fields}: a second answer came");
    }
}

#[tokio::test]
async fn a_client_that_ends_its_connection_is_not_kept() {
    let stage = Stage::with(full(), "").await;
    let _holder = stage.half(Protocol::Http1, 1).await;
    let mut connection = stage.connect(2).await;
    let last = "PUT /files/a HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 3\r\n\r\nabc";
    connection.send([last.as_bytes(), &request(b"abc")].concat()).await.expect("it is sent");
    let answer = connection.answer().await.expect("an answer");
    assert_eq!((answer.status, answer.header("connection")), (503, Some("close")));
    assert!(connection.is_closed().await);
}

/// Reading on for a refused stream must cost the others neither their window nor their connection.
#[tokio::test]
async fn refused_streams_do_not_touch_the_others_of_their_connection() {
    let stage = Stage::with(full(), "").await;
    let stream = TcpStream::connect(stage.rig.address()).await.expect("the gateway listens");
    let (mut client, connection) = h2::client::handshake(stream).await.expect("HTTP/2");
    let connection = tokio::spawn(connection);
    let ask = || http::Request::put("http://gateway/files/a").body(()).expect("a request");
    client = client.ready().await.expect("it is open");
    let (stored, mut upload) = client.send_request(ask(), false).expect("it is sent");
    upload.send_data("01234".into(), false).expect("it is sent");
    stage.until(1).await;
    for number in 0..300 {
        client = client.ready().await.expect("the connection is open");
        let (answer, mut body) = client.send_request(ask(), false).expect("it is sent");
        body.send_data(vec![7; 10_000].into(), number % 2 == 0).expect("it is sent");
        assert_eq!(answer.await.expect("an answer").status(), 503, "stream {number}");
    }
    upload.send_data("56789".into(), true).expect("it is sent");
    assert_eq!(stored.await.expect("an answer").status(), 201);
    connection.abort();
}

fn tls_listener() -> (String, RootCertStore, TempDir) {
    let folder = tempfile::tempdir().expect("a folder");
    let server = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let path = |name: &str, text: String| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).expect("it is written");
        path.display().to_string()
    };
    let (cert, key) = (path("cert", server.cert.pem()), path("key", server.signing_key.serialize_pem()));
    let listener =
        format!("{{ address: \"127.0.0.1:0\", tls: {{ cert: {{ file: '{cert}' }}, key: {{ file: '{key}' }} }} }}");
    let mut roots = RootCertStore::empty();
    roots.add(server.cert.der().clone()).expect("a certificate");
    (listener, roots, folder)
}

async fn connect_tls(stage: &Stage, roots: &RootCertStore) -> RawConnection<TlsStream<TcpStream>> {
    let config = ClientConfig::builder().with_root_certificates(roots.clone()).with_no_client_auth();
    let stream = TcpStream::connect(stage.rig.address()).await.expect("the gateway listens");
    let name = ServerName::try_from("localhost").expect("a name");
    RawConnection::over(TlsConnector::from(Arc::new(config)).connect(name, stream).await.expect("a handshake"))
}
