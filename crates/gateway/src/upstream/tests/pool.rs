//! The pool of transfers: what it keeps, and for how long.

use std::net::Ipv4Addr;
use std::sync::Arc;

use rules::url::{Origin, Scheme};
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Duration, advance};

use crate::upstream::pool::TransferPool;
use crate::upstream::stream::UpstreamStream;
use crate::upstream::{MAX_IDLE_PER_ORIGIN, POOL_IDLE};

fn origin(host: &str) -> Origin {
    Origin { scheme: Scheme::Http, host: host.to_owned(), port: 80 }
}

async fn pair(listener: &TcpListener) -> (UpstreamStream, TcpStream) {
    let address = listener.local_addr().expect("an address");
    let (ours, theirs) = tokio::join!(TcpStream::connect(address), listener.accept());
    (UpstreamStream::plain(ours.expect("a connection")), theirs.expect("a connection").0)
}

async fn listener() -> TcpListener {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port")
}

#[tokio::test]
async fn gives_a_living_connection_to_the_same_origin_only() {
    let pool = Arc::new(TransferPool::default());
    let (stream, _peer) = pair(&listener().await).await;
    pool.put(&origin("a"), stream);
    assert!(pool.take(&origin("b")).is_none());
    assert!(pool.take(&origin("a")).is_some());
    assert!(pool.take(&origin("a")).is_none(), "it was taken");
}

#[tokio::test]
async fn does_not_give_a_connection_that_was_closed_or_holds_unread_bytes() {
    let pool = Arc::new(TransferPool::default());
    let listener = listener().await;
    let (closed, peer) = pair(&listener).await;
    drop(peer);
    pool.put(&origin("a"), closed);
    let (talking, mut peer) = pair(&listener).await;
    peer.write_all(b"HTTP/1.1 200 OK\r\n").await.expect("written");
    pool.put(&origin("a"), talking);
    assert!(pool.take(&origin("a")).is_none());
    assert_eq!(pool.len(), 0);
}

#[tokio::test]
async fn keeps_a_bounded_number() {
    let pool = Arc::new(TransferPool::default());
    let listener = listener().await;
    let mut peers = Vec::new();
    for _ in 0..=MAX_IDLE_PER_ORIGIN {
        let (stream, peer) = pair(&listener).await;
        pool.put(&origin("a"), stream);
        peers.push(peer);
    }
    assert_eq!(pool.len(), MAX_IDLE_PER_ORIGIN);
}

#[tokio::test]
async fn closes_connections_that_nobody_took() {
    let pool = Arc::new(TransferPool::default());
    let (stream, _peer) = pair(&listener().await).await;
    tokio::time::pause();
    pool.put(&origin("a"), stream);
    // The reaper's first look comes right when the time is up.
    tokio::task::yield_now().await;
    advance(POOL_IDLE + Duration::from_millis(1)).await;
    tokio::task::yield_now().await;
    assert_eq!(pool.len(), 0);
}
