//! Connections to upstreams that turn out dead, and answers that are no HTTP.

use harness::{Answer, Rig, Rules, content};
use sandbox::peer::{Recorded, Reply, ScriptedPeer, Then, When};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::routes::{CHUNKED_RAW, Route, peer_rule};
use crate::shape::{Client, Protocol, Shape, Upload, send_whole};
use crate::watch::{Watch, until};

/// One step, `PUT /{name}`, of the raw file with its length.
const ROUTE: Route = Route { path: "/one", ..CHUNKED_RAW };

fn start(origin: &str) -> Rig {
    Rules::default().variable("PEER_URL", origin).route(&peer_rule("one", "/one", "", "body: file")).start()
}

fn upload(name: &str, protocol: Protocol, size: usize) -> Upload {
    ROUTE.upload(Shape::put(protocol), name, content::bytes(size))
}

/// A peer that has one connection in the gateway's pool, and meets the next request on it with a reset.
async fn peer_that_resets_a_used_connection(after: When) -> (ScriptedPeer, Rig) {
    let replies = [Reply::empty(200), Reply::none(after, Then::Reset), Reply::empty(200)];
    let peer = ScriptedPeer::start(replies).await.expect("the peer starts");
    let rig = start(&peer.origin());
    let first = send_whole(rig.address(), &upload("first", Protocol::Http1, 70)).await.expect("an answer");
    assert_eq!(first.status, 201);
    (peer, rig)
}

/// Name, connection and completeness of what the peer saw.
fn seen(peer: &ScriptedPeer) -> Vec<(String, u64, bool)> {
    let seen = |request: Recorded| (request.target, request.connection, request.complete);
    peer.requests().into_iter().map(seen).collect()
}

#[tokio::test]
async fn what_a_dead_connection_took_is_sent_again_while_all_of_it_is_held() {
    for protocol in [Protocol::Http1, Protocol::Http2] {
        let (peer, rig) = peer_that_resets_a_used_connection(When::Bytes(99)).await;
        let second = upload("second", protocol, 1000);
        let mut client = Client::begin(rig.address(), &second).await.expect("a connection");
        client.send(second.file.slice(..500)).await.expect("the gateway listens");
        // The second attempt is there before the client goes on: only what was held can have been sent again.
        let again = async || (peer.requests().get(2)?.size == 500).then_some(());
        until("the second attempt", again).await.expect("it comes");
        client.send(second.file.slice(500..)).await.expect("the gateway listens");
        client.end().await.expect("the gateway listens");
        assert_eq!(client.answer().await.expect("an answer").status, 201, "{protocol:?}");
        let expected = [("/first", 1, true), ("/second", 1, false), ("/second", 2, true)];
        let seen = seen(&peer);
        assert_eq!(seen, expected.map(|(name, at, whole)| (name.to_owned(), at, whole)), "{protocol:?}");
        let stored = peer.requests().last().map(|request| request.sha256.clone());
        assert_eq!(stored, Some(content::sha256_hex(&second.file)), "{protocol:?}");
    }
}

#[tokio::test]
async fn what_a_dead_connection_took_whole_is_not_sent_again() {
    let (peer, rig) = peer_that_resets_a_used_connection(When::BodyComplete).await;
    let answer = send_whole(rig.address(), &upload("second", Protocol::Http1, 70)).await.expect("an answer");
    check(&answer, 502, "upstream-failed", "unknown");
    assert_eq!(seen(&peer).len(), 2, "the peer may have the file");
}

#[tokio::test]
async fn what_is_too_much_to_hold_is_not_sent_again() {
    let (peer, rig) = peer_that_resets_a_used_connection(When::Bytes(200_000)).await;
    let second = upload("second", Protocol::Http1, 400_000);
    let mut client = Client::begin(rig.address(), &second).await.expect("a connection");
    client.send(second.file.slice(..300_000)).await.expect("the gateway listens");
    check(&client.answer().await.expect("an answer"), 502, "upstream-failed", "no");
    assert_eq!(seen(&peer).len(), 2);
}

#[tokio::test]
async fn a_fresh_connection_that_breaks_is_not_tried_again() {
    let peer = ScriptedPeer::start([Reply::none(When::Bytes(10), Then::Reset)]).await.expect("the peer starts");
    let rig = start(&peer.origin());
    let first = upload("first", Protocol::Http1, 1000);
    let mut client = Client::begin(rig.address(), &first).await.expect("a connection");
    client.send(first.file.slice(..500)).await.expect("the gateway listens");
    check(&client.answer().await.expect("an answer"), 502, "upstream-failed", "no");
    assert_eq!(seen(&peer).len(), 1);
}

#[tokio::test]
async fn an_answer_that_is_no_http_makes_no_sense() {
    let garbage: [&'static [u8]; 6] = [
        b"SSH-2.0-OpenSSH_9.6\r\n\r\n",
        b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00\r\n\r\n",
        b"HTTP/1.1 2OO OK\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nxx",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nnot a chunk\r\n",
        b"HTTP/2 200\r\n\r\n",
    ];
    for answer in garbage {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let rig = start(&format!("http://{}", listener.local_addr().expect("it is bound")));
        let upstream = async {
            let (mut stream, _) = listener.accept().await.expect("the gateway connects");
            // Head and body are told apart by nobody here: all of it fits one buffer.
            let mut seen = Vec::new();
            while !seen.ends_with(&content::bytes(70)) {
                stream.read_buf(&mut seen).await.expect("the gateway sends");
            }
            stream.write_all(answer).await.expect("the gateway listens");
            let _until_closed = stream.read_buf(&mut seen).await;
        };
        let first = upload("first", Protocol::Http1, 70);
        let (heard, ()) = tokio::join!(send_whole(rig.address(), &first), upstream);
        check(&heard.expect("an answer"), 502, "upstream-misbehaved", "unknown");
        let ends: Vec<_> = Watch::new(rig.admin()).all_ends().await.into_iter().collect();
        assert_eq!(ends, [("failed upstream-misbehaved".to_owned(), 1)], "{}", String::from_utf8_lossy(answer));
    }
}

fn check(answer: &Answer, status: u16, problem: &str, committed: &str) {
    let json = answer.json();
    let said = (answer.status, answer.problem(), json["committed"].as_str().unwrap_or_default().to_owned());
    assert_eq!(said, (status, problem.to_owned(), committed.to_owned()), "{json}");
}
