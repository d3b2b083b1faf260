//! The pool of transfers: what it keeps, and for how long.

use std::net::Ipv4Addr;
use std::sync::Arc;

use rules::url::{Origin, Scheme};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Duration, advance};

use crate::upstream::POOL_IDLE;
use crate::upstream::pool::{Bounds, TransferPool};
use crate::upstream::stream::UpstreamStream;

/// Small ones.
const BOUNDS: Bounds = Bounds { per_origin: 4, in_all: 6 };

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

/// Keeps a new connection, which closes when what this gives is dropped.
async fn keep(pool: &Arc<TransferPool>, host: &str, listener: &TcpListener) -> TcpStream {
    let (stream, peer) = pair(listener).await;
    pool.put(&origin(host), stream);
    peer
}

/// Whether the gateway closed it.
fn was_closed(peer: &TcpStream) -> bool {
    matches!(peer.try_read(&mut [0; 1]), Ok(0))
}

/// Asks again, as the runtime may not have heard of it yet.
async fn closes(peer: &TcpStream) {
    while !was_closed(peer) {
        peer.readable().await.expect("it can be read");
    }
}

#[tokio::test]
async fn gives_the_connection_that_was_used_last() {
    let pool = Arc::new(TransferPool::default());
    let listener = listener().await;
    let mut peers = [keep(&pool, "a", &listener).await, keep(&pool, "a", &listener).await];
    let mut taken = pool.take(&origin("a")).expect("it is alive");
    taken.write_all(b"x").await.expect("written");
    let mut byte = [0; 1];
    peers[1].read_exact(&mut byte).await.expect("the second was used last");
    pool.put(&origin("a"), taken);
    let mut taken = pool.take(&origin("a")).expect("it is alive");
    taken.write_all(b"y").await.expect("written");
    peers[1].read_exact(&mut byte).await.expect("and is again");
}

#[tokio::test]
async fn keeps_a_bounded_number_and_lets_the_longest_idle_go() {
    let pool = Arc::new(TransferPool::bounded(BOUNDS));
    let listener = listener().await;
    let other = keep(&pool, "b", &listener).await;
    let mut peers = Vec::new();
    for _ in 0..=BOUNDS.per_origin {
        peers.push(keep(&pool, "a", &listener).await);
    }
    assert_eq!(pool.len(), BOUNDS.per_origin + 1);
    closes(&peers[0]).await;
    assert!(!peers[1..].iter().chain([&other]).any(was_closed));
}

#[tokio::test]
async fn hosts_that_are_not_asked_again_do_not_keep_out_those_that_are() {
    let pool = Arc::new(TransferPool::bounded(BOUNDS));
    let listener = listener().await;
    let mut peers = Vec::new();
    for host in 0..BOUNDS.in_all {
        peers.push(keep(&pool, &host.to_string(), &listener).await);
    }
    let busy = keep(&pool, "busy", &listener).await;
    assert_eq!(pool.len(), BOUNDS.in_all);
    closes(&peers[0]).await;
    assert!(!peers[1..].iter().chain([&busy]).any(was_closed));
    assert!(pool.take(&origin("busy")).is_some() && pool.take(&origin("0")).is_none());
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
