//! The same uploads over HTTP/2 and TLS: one stream after another on each connection.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context, ensure};
use bytes::Bytes;
use h2::client::{Builder, SendRequest};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;

use super::message::Request;
use super::{Load, shares};

/// Of the windows of what comes back: answers are short.
const WINDOW: u32 = 1024 * 1024;

/// Sends all uploads of `load` on the calling thread.
pub(super) fn run(load: &Load, address: SocketAddr, tls: Arc<ClientConfig>) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let request = Arc::new(Request::of(load.job));
    let pieces: Arc<Vec<Bytes>> = Arc::new(pieces(&request, load));
    let connector = TlsConnector::from(tls);
    runtime.block_on(async move {
        let mut clients = JoinSet::new();
        for share in shares(load.uploads, load.connections) {
            let (connector, request, pieces) = (connector.clone(), Arc::clone(&request), Arc::clone(&pieces));
            clients.spawn(async move { client(address, &connector, &request, &pieces, share).await });
        }
        while let Some(ended) = clients.join_next().await {
            ended??;
        }
        Ok(())
    })
}

/// The body as pieces that are cheap to clone: every repetition of the tile is the same one.
fn pieces(request: &Request, load: &Load) -> Vec<Bytes> {
    let mut last: Option<Bytes> = None;
    let mut pieces = vec![Bytes::from(request.prefix.clone())];
    for piece in load.content.pieces() {
        let again = last.take().filter(|before| before.len() == piece.len());
        let piece = again.unwrap_or_else(|| Bytes::copy_from_slice(piece));
        last = Some(piece.clone());
        pieces.push(piece);
    }
    pieces.push(Bytes::from(request.suffix.clone()));
    pieces.retain(|piece| !piece.is_empty());
    pieces
}

async fn client(
    address: SocketAddr,
    connector: &TlsConnector,
    request: &Request,
    pieces: &[Bytes],
    uploads: usize,
) -> anyhow::Result<()> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let stream = connector.connect(ServerName::try_from("localhost")?, stream).await?;
    ensure!(stream.get_ref().1.alpn_protocol() == Some(b"h2"), "the peer does not speak HTTP/2");
    let mut builder = Builder::new();
    builder.initial_window_size(WINDOW).initial_connection_window_size(WINDOW);
    let (mut sender, connection) = builder.handshake(stream).await?;
    let driver = tokio::spawn(connection);
    for _ in 0..uploads {
        sender = upload(sender, request, pieces).await?;
    }
    drop(sender);
    driver.abort();
    Ok(())
}

async fn upload(sender: SendRequest<Bytes>, request: &Request, pieces: &[Bytes]) -> anyhow::Result<SendRequest<Bytes>> {
    let mut sender = sender.ready().await?;
    let len: usize = pieces.iter().map(Bytes::len).sum();
    let mut head = http::Request::builder()
        .method(request.method)
        .uri(format!("https://localhost{}", request.target))
        .header("content-length", len);
    for (name, value) in &request.fields {
        head = head.header(*name, value);
    }
    let (answer, mut stream) = sender.send_request(head.body(())?, false)?;
    for piece in pieces {
        let mut piece = piece.clone();
        while !piece.is_empty() {
            stream.reserve_capacity(piece.len());
            let granted = std::future::poll_fn(|context| stream.poll_capacity(context)).await;
            let granted = granted.context("the peer reset the stream")??;
            stream.send_data(piece.split_to(granted.min(piece.len())), false)?;
        }
    }
    stream.send_data(Bytes::new(), true)?;
    let answer = answer.await?;
    let status = answer.status();
    let mut body = answer.into_body();
    let mut text = Vec::new();
    while let Some(data) = body.data().await {
        let data = data?;
        body.flow_control().release_capacity(data.len())?;
        text.extend_from_slice(&data);
    }
    ensure!(status.is_success(), "the answer is {status}: {}", String::from_utf8_lossy(&text).trim());
    Ok(sender)
}
