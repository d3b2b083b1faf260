//! The client of steps against a peer that plays from a script.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener as StdListener};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use rules::run::{HeaderText, NoAnswer};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::{step, target, upstreams};
use crate::budget::Budget;
use crate::memory::UploadMemory;
use crate::upstream::MAX_ANSWER_BODY;

/// Reads a whole request: the head, and as much body as it announces.
async fn read_request(stream: &mut TcpStream) -> String {
    let mut request = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&request).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let announced =
                head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
            if body.len() >= announced.unwrap_or(0) {
                return text;
            }
        }
        let mut piece = [0; 4096];
        let read = stream.read(&mut piece).await.expect("a request");
        assert!(read > 0, "the request broke off: {text}");
        request.extend_from_slice(&piece[..read]);
    }
}

/// Answers the first request of each connection with these bytes and closes; gives the requests.
async fn peer(answer: &'static [u8]) -> (u16, tokio::task::JoinHandle<String>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let request = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("a connection");
        let request = read_request(&mut stream).await;
        stream.write_all(answer).await.expect("an answer");
        request
    });
    (port, request)
}

#[tokio::test]
async fn sends_a_request_and_reads_its_answer() {
    let answer = b"HTTP/1.1 201 Created\r\nX-Id: 7\r\nContent-Length: 8\r\n\r\n{\"a\": 1}";
    let (port, request) = peer(answer).await;
    let target = Arc::new(target());
    let mut create = step(&target, "POST", port, "/files?b=%20");
    create.headers.push(("Content-Type".to_owned(), HeaderText::Plain("application/json".to_owned())));
    create.body = Some(Bytes::from_static(b"{}"));
    let answer = upstreams(&target).send(&create, Some("00-trace"), &UploadMemory::plenty()).await.expect("an answer");
    assert_eq!((answer.status, &answer.body[..]), (201, &b"{\"a\": 1}"[..]));
    assert!(answer.headers.contains(&("x-id".to_owned(), b"7".to_vec())), "{answer:?}");
    let request = request.await.expect("a request");
    assert!(request.starts_with("POST /files?b=%20 HTTP/1.1\r\n"), "{request}");
    let lower = request.to_lowercase();
    for field in [format!("host: 127.0.0.1:{port}"), "content-length: 2".to_owned(), "traceparent: 00-trace".to_owned()]
    {
        assert_eq!(lower.matches(&format!("\r\n{field}\r\n")).count(), 1, "{field} in {request}");
    }
    assert!(request.ends_with("\r\n\r\n{}"), "{request}");
}

#[tokio::test]
async fn announces_an_empty_body_only_where_a_body_is_usual() {
    for (method, announces) in [("POST", true), ("PUT", true), ("PATCH", true), ("GET", false), ("DELETE", false)] {
        let (port, request) = peer(b"HTTP/1.1 204 No Content\r\n\r\n").await;
        let target = Arc::new(target());
        upstreams(&target)
            .send(&step(&target, method, port, "/"), None, &UploadMemory::plenty())
            .await
            .expect("an answer");
        let request = request.await.expect("a request").to_lowercase();
        assert_eq!(request.contains("\r\ncontent-length: 0\r\n"), announces, "{request}");
        assert!(!request.contains("transfer-encoding"), "{request}");
    }
}

#[tokio::test]
async fn does_not_follow_a_redirect() {
    let (port, _request) =
        peer(b"HTTP/1.1 307 Elsewhere\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n").await;
    let target = Arc::new(target());
    let answer = upstreams(&target).send(&step(&target, "GET", port, "/"), None, &UploadMemory::plenty()).await;
    assert_eq!(answer.expect("the redirect itself").status, 307);
}

#[tokio::test]
async fn refuses_answers_that_are_too_large_or_no_http() {
    let body = [b"HTTP/1.1 200 OK\r\n\r\n".to_vec(), vec![b'a'; MAX_ANSWER_BODY + 1]].concat();
    let fields = format!("HTTP/1.1 200 OK\r\n{}\r\n", "A: b\r\n".repeat(101)).into_bytes();
    let head = format!("HTTP/1.1 200 OK\r\nA: {}\r\n\r\n", "b".repeat(64 * 1024)).into_bytes();
    for answer in [body, fields, head, b"SSH-2.0-OpenSSH_9.2\r\n".to_vec()] {
        let answer: &'static [u8] = answer.leak();
        let (port, _request) = peer(answer).await;
        let target = Arc::new(target());
        let result = upstreams(&target).send(&step(&target, "GET", port, "/"), None, &UploadMemory::plenty()).await;
        assert!(matches!(result, Err(NoAnswer::Misbehaved(_))), "{:?}: {result:?}", &answer[..17]);
    }
}

#[tokio::test]
async fn takes_an_answer_out_of_the_budget_until_the_upload_ends() {
    // Ten bytes of bodies, and two heads of the one field `content-length`.
    let whole = 10 + 2 * ("content-length".len() + 1);
    let budget = Budget::new(u64::try_from(whole).expect("a small number"));
    let memory = UploadMemory::out_of(&budget).expect("memory");
    let target = Arc::new(target());
    for (body, fits) in [("12345678", true), ("123", false)] {
        let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        let (port, _request) = peer(answer.leak().as_bytes()).await;
        let result = upstreams(&target).send(&step(&target, "GET", port, "/"), None, &memory).await;
        assert_eq!(result.is_ok(), fits, "{body}: {result:?}");
        assert!(fits || matches!(result, Err(NoAnswer::NoMemory)), "{result:?}");
    }
    assert_eq!(budget.used(), whole - 2);
    drop(memory);
    assert_eq!(budget.used(), 0);
}

#[tokio::test]
async fn tells_an_answer_that_broke_off_from_one_that_never_began() {
    for answer in [&b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab"[..], b"HTTP/1.1 20", b""] {
        let (port, _request) = peer(answer).await;
        let target = Arc::new(target());
        let result = upstreams(&target).send(&step(&target, "GET", port, "/"), None, &UploadMemory::plenty()).await;
        assert!(matches!(result, Err(NoAnswer::Broken(_))), "a fresh connection is never stale: {result:?}");
    }
}

#[tokio::test]
async fn limits_the_time_of_the_whole_answer() {
    for answer in [&b""[..], b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab"] {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let target = Arc::new(target());
        let mut request = step(&target, "GET", port, "/");
        request.timeout = Some(Duration::from_millis(100));
        let peer = async {
            let (mut stream, _) = listener.accept().await.expect("a connection");
            let _request = read_request(&mut stream).await;
            stream.write_all(answer).await.expect("the beginning of an answer");
            // Held open until the client closes.
            let mut rest = Vec::new();
            let _read = stream.read_to_end(&mut rest).await;
        };
        let upstreams = upstreams(&target);
        let memory = UploadMemory::plenty();
        let (result, ()) = tokio::join!(upstreams.send(&request, None, &memory), peer);
        assert_eq!(result.expect_err("no answer"), NoAnswer::Timeout);
    }
}

#[tokio::test]
async fn says_stale_when_a_pooled_connection_was_closed_before_the_request_was_written() {
    let listener = StdListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let (close, closing) = std::sync::mpsc::channel::<()>();
    let (closed, is_closed) = std::sync::mpsc::channel::<()>();
    let peer = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a connection");
        let mut head = [0; 4096];
        let _read = stream.read(&mut head).expect("a request");
        stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").expect("an answer");
        closing.recv().expect("a word");
        drop(stream);
        closed.send(()).expect("a listener");
    });
    let target = Arc::new(target());
    let upstreams = upstreams(&target);
    upstreams.send(&step(&target, "GET", port, "/"), None, &UploadMemory::plenty()).await.expect("an answer");
    // The runtime is not given a chance to see the closure before the next request is handed to the connection.
    close.send(()).expect("a peer");
    is_closed.recv().expect("a word");
    let result = upstreams.send(&step(&target, "POST", port, "/"), None, &UploadMemory::plenty()).await;
    assert_eq!(result.expect_err("no answer"), NoAnswer::StaleConnection);
    peer.join().expect("the peer ended well");
}
