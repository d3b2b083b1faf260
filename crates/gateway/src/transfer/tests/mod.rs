//! The transfer against peers that play from scripts: over loopback where the socket matters, in memory where time does.

mod replay;
mod timing;
mod trouble;
mod written;

use std::collections::VecDeque;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use rules::config::Target;
use rules::run::{NoAnswer, TransferRequest, TransferStage, TransferTrouble, Transferred};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::Receiver;
use wire::envelope::Envelope;

use super::{FileSource, Progress, Replay, TransferEnd, TransferOrder, Verification, transfer};
use crate::memory::UploadMemory;
use crate::upstream::Upstreams;
use crate::upstream::tests::{step, target, upstreams};

/// A complete answer that leaves the connection open.
const STORED: &[u8] = b"HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\nok";

/// A file that comes as the test sends it; it ends when the sender is dropped.
struct Live {
    chunks: Receiver<Result<Bytes, TransferTrouble>>,
}

impl FileSource for Live {
    fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, TransferTrouble>> {
        self.chunks.poll_recv(cx).map(Option::transpose)
    }
}

/// A file that is there, chunk by chunk, and counts how much of it was asked for.
#[derive(Default)]
struct Ready {
    chunks: VecDeque<Bytes>,
    taken: usize,
    /// Comes after the chunks, in place of the end.
    trouble: Option<TransferTrouble>,
}

impl Ready {
    fn new<'a>(chunks: impl IntoIterator<Item = &'a str>) -> Self {
        let chunks = chunks.into_iter().map(|chunk| Bytes::copy_from_slice(chunk.as_bytes())).collect();
        Self { chunks, taken: 0, trouble: None }
    }

    fn failing(chunk: &str, trouble: TransferTrouble) -> Self {
        Self { trouble: Some(trouble), ..Self::new([chunk]) }
    }

    /// A large file in chunks that share their memory.
    fn zeros(count: usize, chunk_len: usize) -> Self {
        let chunk = Bytes::from(vec![0; chunk_len]);
        Self { chunks: std::iter::repeat_n(chunk, count).collect(), taken: 0, trouble: None }
    }
}

impl FileSource for Ready {
    fn poll_chunk(&mut self, _: &mut Context<'_>) -> Poll<Result<Option<Bytes>, TransferTrouble>> {
        let chunk = self.chunks.pop_front();
        self.taken += usize::from(chunk.is_some());
        match (chunk, &self.trouble) {
            (None, Some(trouble)) => Poll::Ready(Err(trouble.clone())),
            (chunk, _) => Poll::Ready(Ok(chunk)),
        }
    }
}

fn request(target: &Arc<Target>, port: u16, envelope: Envelope, file_len: Option<u64>) -> TransferRequest {
    let body_len = file_len.map(|len| envelope.body_len(len).expect("a countable body"));
    TransferRequest { request: step(target, "PUT", port, "/file"), envelope, body_len, file_len }
}

/// One gateway with one upstream at a port of this machine.
struct Scene {
    listener: TcpListener,
    target: Arc<Target>,
    upstreams: Upstreams,
    verify: Verification,
    progress: Progress,
}

impl Scene {
    async fn new() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
        let target = Arc::new(target());
        let upstreams = upstreams(&target);
        Self { listener, target, upstreams, verify: Verification::default(), progress: Progress::default() }
    }

    async fn accept(&self) -> TcpStream {
        self.listener.accept().await.expect("a connection").0
    }

    fn request(&self, envelope: Envelope, file_len: Option<u64>) -> TransferRequest {
        request(&self.target, self.listener.local_addr().expect("an address").port(), envelope, file_len)
    }

    fn raw(&self, file_len: u64) -> TransferRequest {
        self.request(Envelope::raw(), Some(file_len))
    }

    async fn transfer(&self, request: &TransferRequest, source: &mut dyn FileSource) -> TransferEnd {
        self.attempt(request, source, false, Replay::default()).await
    }

    async fn attempt(
        &self,
        request: &TransferRequest,
        source: &mut dyn FileSource,
        fresh_connection: bool,
        replay: Replay,
    ) -> TransferEnd {
        let order = TransferOrder {
            request,
            verify: &self.verify,
            progress: &self.progress,
            fresh_connection,
            traceparent: None,
            memory: &UploadMemory::plenty(),
            replay,
        };
        transfer(&self.upstreams, order, source, || true).await
    }
}

/// Reads exactly one request with this many body bytes (framing included) and gives head and body.
async fn read_request(stream: &mut (impl AsyncRead + Unpin), body_len: usize) -> (String, String) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.expect("a head"));
    }
    let mut body = vec![0; body_len];
    stream.read_exact(&mut body).await.expect("a body");
    (String::from_utf8(head).expect("text"), String::from_utf8(body).expect("text"))
}

/// Reads to the end, which may be a reset.
async fn read_rest(stream: &mut (impl AsyncRead + Unpin)) -> Vec<u8> {
    let mut rest = Vec::new();
    let _end_or_reset = stream.read_to_end(&mut rest).await;
    rest
}

async fn answer(stream: &mut TcpStream, bytes: &[u8]) {
    stream.write_all(bytes).await.expect("an answer");
}

/// Why there is no answer to a small file that is sent to a port of this machine. A limit is the target's.
pub(crate) async fn sent_to(port: u16, answer_limit: Option<std::time::Duration>) -> NoAnswer {
    let target = Arc::new(Target { timeout: answer_limit, ..target() });
    let upstreams = upstreams(&target);
    let request = request(&target, port, Envelope::raw(), Some(3));
    let order = TransferOrder {
        request: &request,
        verify: &Verification::default(),
        progress: &Progress::default(),
        fresh_connection: false,
        traceparent: None,
        memory: &UploadMemory::plenty(),
        replay: Replay::default(),
    };
    match transfer(&upstreams, order, &mut Ready::new(["abc"]), || true).await {
        TransferEnd::Failed { trouble: TransferTrouble::Upstream(why), .. } => why,
        other => panic!("an answer: {other:?}"),
    }
}

#[track_caller]
fn done(end: TransferEnd) -> Transferred {
    match end {
        TransferEnd::Done(transferred) => transferred,
        other => panic!("not done: {other:?}"),
    }
}

#[track_caller]
fn failed(end: TransferEnd) -> (TransferTrouble, TransferStage, Replay) {
    match end {
        TransferEnd::Failed { trouble, stage, replay } => (trouble, stage, replay),
        other => panic!("not failed: {other:?}"),
    }
}
