//! The scripted peer.

use std::io;

use serde_json::json;

use super::Client;
use crate::peer::{Reply, ScriptedPeer, Then, UNSCRIPTED, When};

#[tokio::test]
async fn replies_in_order_and_by_path_and_records_what_came() {
    let replies = [Reply::json(201, &json!({ "n": 1 })).at("/second"), Reply::empty(204).with("X-Mixed", "a")];
    let peer = ScriptedPeer::start(replies).await.expect("a port");
    let mut client = Client::connect(&peer.origin()).await;
    let first = client.request("PUT", "/first?q=1", &[("X-CaSe", "v")], b"abc").await;
    assert_eq!((first.status, first.header("x-mixed")), (204, "a"));
    assert_eq!(client.request("PUT", "/second", &[], b"").await.json(), json!({ "n": 1 }));
    assert_eq!(client.request("PUT", "/third", &[], b"").await.status, UNSCRIPTED);
    let requests = peer.requests();
    assert_eq!(requests.len(), 3);
    assert_eq!((requests[0].target.as_str(), requests[0].headers[1].0.as_str()), ("/first?q=1", "X-CaSe"));
    assert_eq!((requests[0].body.as_deref(), requests[0].complete), (Some(b"abc".as_slice()), true));
    assert_eq!((requests[0].connection, requests[2].connection), (1, 1));
    peer.stop().await;
}

#[tokio::test]
async fn replies_before_the_body_and_resets() {
    let replies = [
        Reply::empty(403).after(When::Head).then(Then::Close),
        Reply::empty(400).after(When::Bytes(2)).then(Then::Reset),
        Reply::none(When::Bytes(1), Then::Reset),
        Reply::none(When::Head, Then::Close),
        Reply::empty(200).after(When::Bytes(1)),
    ];
    let peer = ScriptedPeer::start(replies).await.expect("a port");
    for status in [403, 400] {
        let mut client = Client::connect(&peer.origin()).await;
        client.head("PUT", "/", &[("Content-Length", "1000")]).await;
        client.write(b"ab").await;
        assert_eq!(client.reply().await.expect("an early answer").status, status);
    }
    let mut client = Client::connect(&peer.origin()).await;
    client.head("PUT", "/", &[("Content-Length", "1000")]).await;
    client.write(b"a").await;
    assert_eq!(client.reply().await.expect_err("a reset").kind(), io::ErrorKind::ConnectionReset);
    let mut client = Client::connect(&peer.origin()).await;
    client.head("PUT", "/", &[("Content-Length", "1000")]).await;
    assert_eq!(client.rest().await.expect("a close"), b"");
    let mut client = Client::connect(&peer.origin()).await;
    client.head("PUT", "/", &[("Content-Length", "3")]).await;
    client.write(b"a").await;
    assert_eq!(client.reply().await.expect("an early answer").status, 200);
    client.write(b"bc").await;
    assert_eq!(client.request("PUT", "/", &[], b"").await.status, UNSCRIPTED);
    let complete: Vec<bool> = peer.requests().iter().map(|request| request.complete).collect();
    assert_eq!(complete, [false, false, false, false, true, true]);
}

#[tokio::test]
async fn keeps_only_the_digest_of_a_long_body() {
    let peer = ScriptedPeer::start([Reply::empty(200)]).await.expect("a port");
    let mut client = Client::connect(&peer.origin()).await;
    assert_eq!(client.request("PUT", "/", &[], &vec![0; 1024 * 1024 + 1]).await.status, 200);
    let request = peer.requests().pop().expect("a request");
    assert_eq!((request.size, request.body, request.complete), (1024 * 1024 + 1, None, true));
    assert_eq!(request.sha256, crate::sigv4::hex_sha256(&vec![0; 1024 * 1024 + 1]));
}
