//! Slow and silent sides, in memory and with a paused clock.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use rules::run::{NoAnswer, TransferStage, TransferTrouble};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, DuplexStream, ReadBuf, duplex};
use tokio::sync::mpsc::channel;
use tokio::time::{Instant, sleep, timeout};
use wire::envelope::Envelope;

use super::{Live, Ready, STORED, Verification, read_rest, request};
use crate::memory::UploadMemory;
use crate::transfer::answer::AnswerReader;
use crate::transfer::exchange::{Exchange, Exchanged, Terms};
use crate::transfer::feed::FileFeed;
use crate::transfer::outbox::Outbox;
use crate::transfer::{FileSource, Progress, Replay, Side};
use crate::upstream::tests::{ANSWER_LIMIT, IDLE_LIMIT, target};

const LONG: Duration = Duration::from_secs(24 * 60 * 60);

/// An exchange over a pipe; its head is the letter `H`.
async fn exchange(
    mut stream: impl AsyncRead + AsyncWrite + Unpin + Send,
    file_len: Option<u64>,
    source: &mut dyn FileSource,
    progress: &Progress,
) -> Result<Exchanged, (TransferTrouble, TransferStage)> {
    let request = request(&Arc::new(target()), 80, Envelope::raw(), file_len);
    let verify = Verification::default();
    let mut feed = FileFeed::open(&request, &verify, progress, Replay::default(), source).expect("a feed");
    let mut outbox = Outbox::default();
    outbox.push_head(Bytes::from_static(b"H"), file_len == Some(0));
    let terms =
        Terms { is_chunked: file_len.is_none(), is_reused: false, idle_limit: IDLE_LIMIT, answer_limit: ANSWER_LIMIT };
    let answer = AnswerReader::new(&http::Method::PUT, UploadMemory::plenty());
    Exchange::new(&mut stream, &mut feed, outbox, answer, progress, terms).run().await
}

async fn expect(peer: &mut DuplexStream, bytes: &[u8]) {
    let mut seen = vec![0; bytes.len()];
    peer.read_exact(&mut seen).await.expect("bytes");
    assert_eq!(seen, bytes);
}

/// Nothing comes, however long one waits.
async fn expect_silence(peer: &mut DuplexStream) {
    assert!(timeout(LONG, peer.read_u8()).await.is_err(), "a byte or an end came");
}

#[tokio::test(start_paused = true)]
async fn withholds_the_last_byte_until_the_file_is_known_to_have_ended() {
    for (file_len, sent, tail) in [(Some(3), &b"Hab"[..], &b"c"[..]), (None, b"H2\r\nab\r\n", b"1\r\nc\r\n0\r\n\r\n")] {
        let (ours, mut peer) = duplex(1024);
        let (send, chunks) = channel(4);
        let mut source = Live { chunks };
        let progress = Progress::default();
        let script = async {
            send.try_send(Ok(Bytes::from_static(b"abc"))).expect("a transfer");
            expect(&mut peer, sent).await;
            expect_silence(&mut peer).await;
            assert_eq!(progress.stage(), TransferStage::Withheld);
            assert_eq!(progress.waiting_for(), Some(Side::Client));
            drop(send);
            expect(&mut peer, tail).await;
            assert_eq!(progress.stage(), TransferStage::Released);
            peer.write_all(STORED).await.expect("an answer");
        };
        let (exchanged, ()) = tokio::join!(exchange(ours, file_len, &mut source, &progress), script);
        assert_eq!(exchanged.map(|exchanged| exchanged.answer.status).map_err(|(why, _)| format!("{why:?}")), Ok(201));
        assert!(progress.stall(Side::Client) >= LONG, "the wait for the client was counted");
    }
}

#[tokio::test(start_paused = true)]
async fn asks_for_no_more_of_the_file_while_the_upstream_takes_nothing_and_gives_up_after_the_idle_limit() {
    let (ours, mut peer) = duplex(1024);
    let mut source = Ready::zeros(1000, 64 * 1024);
    let progress = Progress::default();
    let began = Instant::now();
    let result = exchange(ours, Some(1000 * 64 * 1024), &mut source, &progress).await;
    assert!(matches!(result, Err((TransferTrouble::Upstream(NoAnswer::Timeout), TransferStage::Withheld))));
    assert_eq!(source.taken, 1, "one chunk in flight");
    assert_eq!(began.elapsed(), IDLE_LIMIT);
    assert_eq!(progress.stall(Side::Upstream), IDLE_LIMIT);
    assert_eq!(read_rest(&mut peer).await.len(), 1024, "what the pipe held, and no more");
}

#[tokio::test(start_paused = true)]
async fn bears_an_upstream_that_is_slow_but_moves() {
    let (ours, mut peer) = duplex(64);
    let mut source = Ready::zeros(8, 64);
    let progress = Progress::default();
    let script = async {
        let mut seen = 0;
        let mut piece = [0; 64];
        while seen < 1 + 8 * 64 {
            // Just within the limit, over and over: the limit is on standing still, not on the whole.
            sleep(IDLE_LIMIT - Duration::from_millis(1)).await;
            seen += peer.read(&mut piece).await.expect("bytes");
        }
        peer.write_all(STORED).await.expect("an answer");
    };
    let (exchanged, ()) = tokio::join!(exchange(ours, Some(8 * 64), &mut source, &progress), script);
    assert!(exchanged.is_ok_and(|exchanged| exchanged.is_usable));
}

#[tokio::test(start_paused = true)]
async fn limits_the_wait_for_the_answer_from_when_the_request_was_sent() {
    let (ours, mut peer) = duplex(1024);
    let (send, chunks) = channel(4);
    let mut source = Live { chunks };
    let progress = Progress::default();
    let script = async {
        // The client's own slowness does not count.
        sleep(ANSWER_LIMIT * 3).await;
        send.try_send(Ok(Bytes::from_static(b"abc"))).expect("a transfer");
        drop(send);
        expect(&mut peer, b"Habc").await;
        let sent = Instant::now();
        assert!(peer.read_u8().await.is_err(), "the connection is closed");
        assert_eq!(sent.elapsed(), ANSWER_LIMIT);
    };
    let (result, ()) = tokio::join!(exchange(ours, Some(3), &mut source, &progress), script);
    assert!(matches!(result, Err((TransferTrouble::Upstream(NoAnswer::Timeout), TransferStage::Released))));
}

#[tokio::test(start_paused = true)]
async fn tells_an_early_answer_whose_body_never_ends_as_far_as_it_came() {
    let (ours, mut peer) = duplex(1024);
    let (send, chunks) = channel(4);
    let mut source = Live { chunks };
    let progress = Progress::default();
    let script = async {
        send.try_send(Ok(Bytes::from_static(b"abc"))).expect("a transfer");
        expect(&mut peer, b"Habc").await;
        peer.write_all(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 99\r\n\r\npart").await.expect("an answer");
        assert!(peer.read_u8().await.is_err(), "the connection is closed");
    };
    let (result, ()) = tokio::join!(exchange(ours, Some(9), &mut source, &progress), script);
    let Err((TransferTrouble::EarlyAnswer(answer), TransferStage::Withheld)) = result else {
        panic!("no early answer")
    };
    assert_eq!((answer.status, &answer.body[..]), (403, &b"part"[..]));
}

#[tokio::test(start_paused = true)]
async fn notices_an_upstream_that_goes_while_the_client_is_silent() {
    let (ours, mut peer) = duplex(1024);
    let (send, chunks) = channel(4);
    let mut source = Live { chunks };
    let progress = Progress::default();
    let script = async {
        send.try_send(Ok(Bytes::from_static(b"abc"))).expect("a transfer");
        expect(&mut peer, b"Habc").await;
        drop(peer);
    };
    let (result, ()) = tokio::join!(exchange(ours, Some(9), &mut source, &progress), script);
    assert!(matches!(result, Err((TransferTrouble::Upstream(NoAnswer::Broken(_)), TransferStage::Withheld))));
    drop(send);
}

#[tokio::test(start_paused = true)]
async fn leaves_a_chunk_with_the_client_while_the_one_before_it_waits() {
    let (ours, mut peer) = duplex(10);
    let (send, chunks) = channel(1);
    let mut source = Live { chunks };
    let progress = Progress::default();
    let script = async {
        send.try_send(Ok(Bytes::from_static(&[b'.'; 100]))).expect("a transfer");
        sleep(Duration::from_secs(1)).await;
        send.try_send(Ok(Bytes::from_static(&[b'.'; 100]))).expect("the first was taken");
        sleep(Duration::from_secs(1)).await;
        assert_eq!(send.capacity(), 0, "the second was not");
        assert_eq!(progress.waiting_for(), Some(Side::Upstream));
        drop(send);
        expect(&mut peer, b"H").await;
        expect(&mut peer, &[b'.'; 200]).await;
        peer.write_all(STORED).await.expect("an answer");
    };
    let (exchanged, ()) = tokio::join!(exchange(ours, Some(200), &mut source, &progress), script);
    assert!(exchanged.is_ok());
    assert_eq!(progress.sent(), 200);
}

#[tokio::test(start_paused = true)]
async fn counts_the_last_bytes_as_withheld_until_the_stream_took_one_of_them() {
    let (ours, mut peer) = duplex(4);
    let mut source = Ready::new(["abcdef"]);
    let progress = Progress::default();
    peer.write_all(b"HTTP").await.expect("the pipe is empty");
    let script = async {
        peer.write_all(b"/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n").await.expect("an answer");
        assert_eq!(read_rest(&mut peer).await, b"Habc");
    };
    let (result, ()) = tokio::join!(exchange(ours, Some(6), &mut source, &progress), script);
    let Err((TransferTrouble::EarlyAnswer(answer), stage)) = result else { panic!("no early answer") };
    assert_eq!((answer.status, stage), (503, TransferStage::Withheld));
}

/// A peer that answers in the very moment in which the last byte is handed over.
struct Prompt {
    seen: Vec<u8>,
    answer: &'static [u8],
}

impl AsyncRead for Prompt {
    fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if !self.seen.ends_with(b"abc") {
            return Poll::Pending;
        }
        buf.put_slice(std::mem::take(&mut self.answer));
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Prompt {
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.seen.extend_from_slice(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[tokio::test]
async fn does_not_take_a_prompt_answer_for_an_early_one() {
    let peer = Prompt { seen: Vec::new(), answer: STORED };
    let result = exchange(peer, Some(3), &mut Ready::new(["abc"]), &Progress::default()).await;
    assert_eq!(result.map(|exchanged| exchanged.answer.status).map_err(|(why, _)| format!("{why:?}")), Ok(201));
}
