//! Answers of upstreams that want to cost: in bytes, in fields, in time, in interim answers.
//!
//! The steps' client and the transfer's reader are two programs, so each attack is made on both.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use rules::run::NoAnswer;
use rules::url::Url;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use super::{ScriptedResolver, step, target, upstreams};
use crate::memory::UploadMemory;
use crate::upstream::fetch::{FetchError, FetchTerms, Fetcher};
use crate::upstream::{MAX_ANSWER_BODY, MAX_ANSWER_FIELDS, MAX_ANSWER_HEAD, MAX_INTERIM_ANSWERS};

/// Bytes that a hostile peer sends at most: whoever reads them all has no bound.
const FLOOD: usize = 32 * 1024 * 1024;

/// What a peer does once it has a request.
#[derive(Clone)]
struct Attack {
    name: &'static str,
    /// Sent once.
    begin: Bytes,
    /// Sent again and again.
    repeat: Bytes,
    /// Between two repetitions.
    pause: Option<Duration>,
}

impl Attack {
    fn flood(name: &'static str, begin: &str, repeat: impl Into<Bytes>) -> Self {
        Self { name, begin: begin.to_owned().into(), repeat: repeat.into(), pause: None }
    }

    /// No attack: one answer, and silence.
    fn answer(text: &str) -> Self {
        Self { pause: Some(Duration::from_secs(600)), ..Self::flood("an answer", text, "x") }
    }

    /// One byte at a time: each read makes progress, so that an idle limit alone would never end it.
    fn drip(name: &'static str, begin: &str, repeat: &'static str) -> Self {
        let pause = Some(Duration::from_millis(20));
        Self { pause, ..Self::flood(name, begin, repeat) }
    }
}

const OK: &str = "HTTP/1.1 200 OK\r\n";

fn floods() -> Vec<Attack> {
    let small = Bytes::from(vec![b'a'; 4096]);
    vec![
        Attack::flood("a body without end", &format!("{OK}\r\n"), small.clone()),
        Attack::flood("a length that is kept", &format!("{OK}Content-Length: {FLOOD}\r\n\r\n"), small.clone()),
        Attack::flood(
            "chunks without end",
            &format!("{OK}Transfer-Encoding: chunked\r\n\r\n"),
            "4\r\nabcd\r\n".repeat(400),
        ),
        Attack::flood(
            "one chunk without end",
            &format!("{OK}Transfer-Encoding: chunked\r\n\r\nfffffffffff\r\n"),
            small.clone(),
        ),
        Attack::flood("extensions without end", &format!("{OK}Transfer-Encoding: chunked\r\n\r\n1;"), small.clone()),
        Attack::flood(
            "trailers without end",
            &format!("{OK}Transfer-Encoding: chunked\r\n\r\n0\r\n"),
            "A: b\r\n".repeat(600),
        ),
        Attack::flood("fields without end", OK, "A: b\r\n".repeat(600)),
        Attack::flood("a field without end", &format!("{OK}A: "), small.clone()),
        Attack::flood("a name without end", OK, small.clone()),
        Attack::flood("a status line without end", "HTTP/1.1 200 ", small.clone()),
        Attack::flood("interim answers without end", "", "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n".repeat(100)),
        Attack::flood("100s without end", "", "HTTP/1.1 100 Continue\r\n\r\n".repeat(100)),
        Attack::flood("no HTTP without end", "SSH-2.0-OpenSSH_9.2\r\n", small),
    ]
}

fn drips() -> Vec<Attack> {
    vec![
        Attack::drip("a dripping head", OK, "A"),
        Attack::drip("dripping interim answers", "", "HTTP/1.1 103 Early Hints\r\n\r\n"),
        Attack::drip("a dripping body", &format!("{OK}Content-Length: 1000000\r\n\r\n"), "a"),
        Attack::drip("a dripping body without a length", &format!("{OK}\r\n"), "a"),
        Attack::drip("dripping chunks", &format!("{OK}Transfer-Encoding: chunked\r\n\r\n"), "1\r\na\r\n"),
        Attack::drip("dripping trailers", &format!("{OK}Transfer-Encoding: chunked\r\n\r\n0\r\n"), "A: b\r\n"),
    ]
}

/// A peer that attacks whoever comes first, and tells how many bytes it got rid of.
async fn attacker(attack: Attack) -> (u16, JoinHandle<usize>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let sent = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("a connection");
        read_head(&mut stream).await;
        if stream.write_all(&attack.begin).await.is_err() {
            return 0;
        }
        let mut sent = attack.begin.len();
        let step = if attack.pause.is_some() { 1 } else { attack.repeat.len() };
        for piece in attack.repeat.chunks(step.max(1)).cycle() {
            if let Some(pause) = attack.pause {
                tokio::time::sleep(pause).await;
            }
            if sent >= FLOOD || stream.write_all(piece).await.is_err() {
                break;
            }
            sent += piece.len();
        }
        sent
    });
    (port, sent)
}

async fn read_head(stream: &mut TcpStream) {
    let mut head = Vec::new();
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        head.push(stream.read_u8().await.expect("a head"));
    }
}

#[test]
fn the_bounds_are_what_the_manual_says() {
    assert_eq!((MAX_ANSWER_BODY, MAX_ANSWER_HEAD), (1024 * 1024, 32 * 1024));
    assert_eq!((MAX_ANSWER_FIELDS, MAX_INTERIM_ANSWERS), (100, 16));
    let transfers = wire::http1::ResponseLimits::default();
    let both = (transfers.head_bytes, transfers.fields, transfers.interim);
    assert_eq!(
        both,
        (MAX_ANSWER_HEAD, MAX_ANSWER_FIELDS, MAX_INTERIM_ANSWERS),
        "steps and transfers are bounded alike"
    );
}

#[tokio::test]
async fn a_step_stops_reading_an_answer_that_floods() {
    for attack in floods() {
        let name = attack.name;
        let (port, sent) = attacker(attack).await;
        let target = Arc::new(target());
        let answer = upstreams(&target).send(&step(&target, "GET", port, "/"), None, &UploadMemory::plenty()).await;
        assert!(matches!(answer, Err(NoAnswer::Misbehaved(_))), "{name}: {answer:?}");
        let sent = sent.await.expect("the peer ended well");
        assert!(sent < FLOOD, "{name}: all of {sent} bytes were taken");
    }
}

#[tokio::test]
async fn a_step_s_time_limit_holds_for_answers_that_drip() {
    for attack in drips() {
        let name = attack.name;
        let (port, sent) = attacker(attack).await;
        let target = Arc::new(target());
        let mut request = step(&target, "GET", port, "/");
        request.timeout = Some(Duration::from_millis(300));
        let answer = upstreams(&target).send(&request, None, &UploadMemory::plenty()).await;
        assert!(matches!(answer, Err(NoAnswer::Timeout)), "{name}: {answer:?}");
        sent.await.expect("the connection was closed");
    }
}

#[tokio::test]
async fn a_transfer_stops_reading_an_answer_that_floods() {
    for attack in floods() {
        let name = attack.name;
        let (port, sent) = attacker(attack).await;
        let why = crate::transfer::tests::sent_to(port, None).await;
        assert!(matches!(why, NoAnswer::Misbehaved(_)), "{name}: {why:?}");
        let sent = sent.await.expect("the peer ended well");
        assert!(sent < FLOOD, "{name}: all of {sent} bytes were taken");
    }
}

#[tokio::test]
async fn a_transfer_s_answer_has_a_time_limit_in_all_when_it_drips() {
    for attack in drips() {
        let name = attack.name;
        let (port, sent) = attacker(attack).await;
        let why = crate::transfer::tests::sent_to(port, Some(Duration::from_millis(300))).await;
        assert!(matches!(why, NoAnswer::Timeout), "{name}: {why:?}");
        sent.await.expect("the connection was closed");
    }
}

#[tokio::test]
async fn a_few_interim_answers_do_no_harm() {
    let interim = "HTTP/1.1 103 Early Hints\r\n\r\n".repeat(MAX_INTERIM_ANSWERS);
    let begin = format!("{interim}HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    let (port, _sent) = attacker(Attack::answer(&begin)).await;
    let target = Arc::new(target());
    let answer = upstreams(&target).send(&step(&target, "GET", port, "/"), None, &UploadMemory::plenty()).await;
    assert_eq!(answer.expect("an answer").status, 200);
}

fn fetcher(answer_timeout: Duration, allow_private: &str) -> Fetcher {
    let terms = FetchTerms {
        allow_private: vec![allow_private.parse().expect("a network")],
        ca_file: None,
        connect_timeout: Duration::from_secs(3),
        answer_timeout,
    };
    Fetcher::new(&terms, ScriptedResolver::new(Vec::new())).expect("a fetcher")
}

#[tokio::test]
async fn a_document_is_fetched_under_the_same_bounds() {
    let url = |port: u16| Url::parse(&format!("http://127.0.0.1:{port}/keys?a=b")).expect("a URL");
    let honest = "HTTP/1.1 302 Found\r\nCache-Control: max-age=60\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 2\r\n\r\n{}";
    let (port, _sent) = attacker(Attack::answer(honest)).await;
    let fetched = fetcher(Duration::from_secs(30), "127.0.0.0/8").get(&url(port)).await.expect("a document");
    assert_eq!((fetched.status, &fetched.body[..]), (302, &b"{}"[..]), "a redirect is an answer");
    assert!(fetched.headers.contains(&("cache-control".to_owned(), b"max-age=60".to_vec())), "{fetched:?}");

    let refused = fetcher(Duration::from_secs(30), "10.0.0.0/8").get(&url(port)).await;
    assert!(matches!(refused, Err(FetchError::NotAllowed(_))), "{refused:?}");
    for attack in floods() {
        let (name, (port, _sent)) = (attack.name, attacker(attack).await);
        let flooded = fetcher(Duration::from_secs(30), "127.0.0.0/8").get(&url(port)).await;
        assert!(matches!(flooded, Err(FetchError::Failed(_))), "{name}: {flooded:?}");
    }
    for attack in drips() {
        let (name, (port, _sent)) = (attack.name, attacker(attack).await);
        let dripped = fetcher(Duration::from_millis(300), "127.0.0.0/8").get(&url(port)).await;
        assert_eq!(dripped.expect_err(name), FetchError::Timeout, "{name}");
    }
}
