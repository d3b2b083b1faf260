//! The bytes on the wire when all goes well.

use rules::run::TransferStage;
use rules::url::Scheme;
use tokio::io::AsyncWriteExt as _;
use tokio::sync::mpsc::channel;
use wire::digest::{Algorithm, DigestSet};
use wire::envelope::{Encoding, Envelope};

use super::{Live, Ready, STORED, Scene, answer, done, read_request, read_rest};
use crate::transfer::Side;
use crate::upstream::tests::{tls_listener, trusting, url};

fn envelope(prefix: &'static str, encoding: Encoding, suffix: &'static str) -> Envelope {
    Envelope { prefix: prefix.into(), encoding, suffix: suffix.into() }
}

/// Sends a file in these chunks and gives what the upstream got.
async fn sent(envelope: Envelope, chunks: &[&str], known: bool, wire_len: usize) -> (String, String) {
    let scene = Scene::new().await;
    let len: usize = chunks.iter().map(|chunk| chunk.len()).sum();
    let request = scene.request(envelope, known.then_some(len as u64));
    let mut source = Ready::new(chunks.iter().copied());
    let peer = async {
        let mut stream = scene.accept().await;
        let request = read_request(&mut stream, wire_len).await;
        answer(&mut stream, STORED).await;
        request
    };
    let (end, request) = tokio::join!(scene.transfer(&request, &mut source), peer);
    let transferred = done(end);
    assert_eq!(transferred.file_len, len as u64);
    assert_eq!((transferred.answer.status, &transferred.answer.body[..]), (201, &b"ok"[..]));
    assert_eq!(scene.progress.received(), len as u64);
    assert_eq!(scene.progress.stage(), TransferStage::Released);
    request
}

#[tokio::test]
async fn writes_a_raw_file_with_its_exact_length() {
    let (head, body) = sent(Envelope::raw(), &["hello ", "wor", "ld"], true, 11).await;
    assert!(head.starts_with("PUT /file HTTP/1.1\r\nHost: 127.0.0.1:"), "{head}");
    assert!(head.ends_with("\r\nContent-Length: 11\r\n\r\n"), "{head}");
    assert_eq!(body, "hello world");
}

#[tokio::test]
async fn writes_a_form_around_the_file() {
    let form = envelope("--b\r\nfile:\r\n\r\n", Encoding::Identity, "\r\n--b--\r\n");
    let (head, body) = sent(form, &["x", "y"], true, 25).await;
    assert!(head.contains("\r\nContent-Length: 25\r\n"), "{head}");
    assert_eq!(body, "--b\r\nfile:\r\n\r\nxy\r\n--b--\r\n");
}

#[tokio::test]
async fn writes_base64_across_odd_chunks() {
    let json = envelope("{\"f\":\"", Encoding::Base64, "\"}");
    let (head, body) = sent(json, &["f", "oob", "ar", "!"], true, 20).await;
    assert!(head.contains("\r\nContent-Length: 20\r\n"), "{head}");
    assert_eq!(body, "{\"f\":\"Zm9vYmFyIQ==\"}");
}

#[tokio::test]
async fn writes_chunks_when_the_size_is_not_known() {
    let form = envelope("<", Encoding::Identity, ">");
    let (head, body) = sent(form, &["a long first chunk that is sent at once"], false, 57).await;
    assert!(head.contains("\r\nTransfer-Encoding: chunked\r\n") && !head.contains("Content-Length"), "{head}");
    assert_eq!(dechunked(&body), "<a long first chunk that is sent at once>");
    assert!(body.ends_with("\r\n0\r\n\r\n"), "{body}");
}

fn dechunked(body: &str) -> String {
    let mut decoder = wire::http1::chunked::ChunkedDecoder::new();
    let mut input = bytes::BytesMut::from(body);
    let mut file = Vec::new();
    while let Some(piece) = decoder.decode(&mut input).expect("well chunked") {
        file.extend_from_slice(&piece);
    }
    assert!(decoder.is_complete(), "{body}");
    String::from_utf8(file).expect("text")
}

#[tokio::test]
async fn writes_an_empty_file_of_known_and_of_unknown_size() {
    let (head, _) = sent(Envelope::raw(), &[], true, 0).await;
    assert!(head.ends_with("\r\nContent-Length: 0\r\n\r\n"), "{head}");
    let (head, body) = sent(Envelope::raw(), &[], false, 5).await;
    assert!(head.contains("\r\nTransfer-Encoding: chunked\r\n"), "{head}");
    assert_eq!(body, "0\r\n\r\n");
    let (_, body) = sent(envelope("<", Encoding::Identity, ">"), &[], true, 2).await;
    assert_eq!(body, "<>");
}

#[tokio::test]
async fn writes_ten_thousand_tiny_chunks_without_losing_one() {
    let text: String = ('a'..='z').cycle().take(10_000).collect();
    let chunks: Vec<&str> = text.split_inclusive(|_: char| true).collect();
    assert_eq!(chunks.len(), 10_000);
    let (_, body) = sent(Envelope::raw(), &chunks, true, 10_000).await;
    assert_eq!(body, text);
}

#[tokio::test]
async fn computes_what_is_asked_for_and_counts_body_bytes_without_framing() {
    let mut scene = Scene::new().await;
    scene.verify.digests = DigestSet::default().with(Algorithm::Sha256).with(Algorithm::Crc64Nvme);
    let request = scene.request(envelope("<", Encoding::Identity, ">"), None);
    let mut source = Ready::new(["abc"]);
    let peer = async {
        let mut stream = scene.accept().await;
        let mut seen = String::new();
        while !seen.ends_with("\r\n0\r\n\r\n") {
            seen.push(char::from(tokio::io::AsyncReadExt::read_u8(&mut stream).await.expect("more")));
        }
        answer(&mut stream, STORED).await;
    };
    let (end, ()) = tokio::join!(scene.transfer(&request, &mut source), peer);
    let digests = done(end).digests;
    let sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    assert_eq!(digests.hex(Algorithm::Sha256).as_deref(), Some(sha256));
    assert!(digests.get(Algorithm::Crc64Nvme).is_some());
    assert_eq!(scene.progress.sent(), 5, "the envelope and the file");
}

#[tokio::test]
async fn passes_interim_answers_over() {
    let scene = Scene::new().await;
    let request = scene.raw(6);
    let (send, chunks) = channel(4);
    let mut source = Live { chunks };
    send.try_send(Ok("abc".into())).expect("a transfer");
    let peer = async {
        let mut stream = scene.accept().await;
        let (_, body) = read_request(&mut stream, 3).await;
        answer(&mut stream, b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </>\r\n\r\n").await;
        send.try_send(Ok("def".into())).expect("a transfer");
        drop(send);
        let mut rest = [0; 3];
        tokio::io::AsyncReadExt::read_exact(&mut stream, &mut rest).await.expect("the rest");
        assert_eq!((body.as_bytes(), &rest), (&b"abc"[..], b"def"));
        answer(&mut stream, STORED).await;
    };
    let (end, ()) = tokio::join!(scene.transfer(&request, &mut source), peer);
    assert_eq!(done(end).answer.status, 201);
}

#[tokio::test]
async fn reads_an_answer_that_ends_with_the_connection_and_does_not_keep_that() {
    let scene = Scene::new().await;
    for body in ["HTTP/1.1 200 OK\r\n\r\nbye", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nbye"] {
        let peer = async {
            let mut stream = scene.accept().await;
            read_request(&mut stream, 1).await;
            answer(&mut stream, body.as_bytes()).await;
            stream
        };
        let request = scene.raw(1);
        let mut source = Ready::new(["x"]);
        let transfer = async {
            let end = scene.transfer(&request, &mut source).await;
            assert_eq!(&done(end).answer.body[..], b"bye");
        };
        if body.contains("Length") {
            let ((), mut stream) = tokio::join!(transfer, peer);
            assert!(read_rest(&mut stream).await.is_empty(), "our side is closed, not kept");
        } else {
            tokio::join!(transfer, async { drop(peer.await) });
        }
    }
}

#[tokio::test]
async fn reuses_a_connection_whose_answer_was_complete() {
    let scene = Scene::new().await;
    let peer = async {
        let mut stream = scene.accept().await;
        for _ in 0..3 {
            read_request(&mut stream, 3).await;
            answer(&mut stream, STORED).await;
        }
    };
    let transfers = async {
        for _ in 0..3 {
            done(scene.transfer(&scene.raw(3), &mut Ready::new(["abc"])).await);
        }
    };
    tokio::join!(peer, transfers);
    assert_eq!(scene.progress.waiting_for(), None);
    assert_eq!(scene.progress.stall(Side::Client), std::time::Duration::ZERO, "the file was always there");
}

#[tokio::test]
async fn streams_over_tls_and_reuses_that_connection() {
    const LEN: usize = 4 << 20;
    let (tls, listener, acceptor) = tls_listener().await;
    let (target, upstreams) = trusting(&tls.ca_pem, tls.address);
    let mut scene = Scene::new().await;
    (scene.target, scene.upstreams) = (target, upstreams);
    let mut request = scene.raw(LEN as u64);
    request.request.url = url(Scheme::Https, "files.example", 443, "/file");
    let peer = async {
        let (stream, _) = listener.accept().await.expect("a connection");
        let mut stream = acceptor.accept(stream).await.expect("a handshake");
        for _ in 0..2 {
            let (head, body) = read_request(&mut stream, LEN).await;
            assert!(head.contains("\r\nHost: files.example\r\n"), "{head}");
            assert!(body.bytes().all(|byte| byte == 0));
            stream.write_all(STORED).await.expect("an answer");
            stream.flush().await.expect("an answer");
        }
    };
    let transfers = async {
        for _ in 0..2 {
            let transferred = done(scene.transfer(&request, &mut Ready::zeros(64, LEN / 64)).await);
            assert_eq!(transferred.answer.status, 201);
        }
    };
    tokio::join!(peer, transfers);
}
