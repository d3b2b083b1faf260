use std::future::poll_fn;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};
use tokio::time::{Instant, advance, timeout};
use wire::http1::gate::HeadRefusal;

use super::*;
use crate::budget::Budget;
use crate::ingress::BodyTrouble;
use crate::server::buffers::ConnectionBuffers;

const TIMES: HeadTimes = HeadTimes { head: Duration::from_secs(10), keep_alive: Duration::from_secs(60) };
const HEADS: HeadLimits = HeadLimits { bytes: 32 * 1024, line: 16 * 1024, fields: 64, target: 8 * 1024 };
const HEAD: &str = "PUT /a HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n";
const CHUNKED: &str = "POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";

struct Bench {
    client: DuplexStream,
    gate: Gate<DuplexStream>,
    slot: Slot,
    budget: Arc<Budget>,
}

fn bench() -> Bench {
    bench_with(Budget::new(1024 * 1024))
}

fn bench_with(budget: Arc<Budget>) -> Bench {
    let (client, server) = duplex(64 * 1024);
    let slot = Slot::default();
    let buffers = ConnectionBuffers::take(&budget, false).expect("memory is free");
    let times = GateTimes { heads: TIMES, write: Duration::from_secs(30) };
    let means = GateMeans { lender: ReadBuffers::new(&budget), drains: Drains::default() };
    Bench { client, gate: Gate::new(server, buffers, HEADS, times, means, slot.clone()), slot, budget }
}

impl Bench {
    async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.client.write_all(bytes.as_ref()).await.expect("there is room");
    }

    /// What hyper gets at the next read.
    async fn read(&mut self) -> String {
        let mut buffer = vec![0; 8 * 1024];
        let len = self.gate.read(&mut buffer).await.expect("it can be read");
        String::from_utf8_lossy(&buffer[..len]).into_owned()
    }

    /// The next request, with a head that hyper got in its place.
    async fn request(&mut self) -> Request<ClientBody> {
        let substitute = self.read().await;
        assert!(substitute.ends_with("\r\nHost: gate.invalid\r\n\r\n"), "{substitute}");
        match self.slot.take() {
            Some(Arrived::Request(request)) => *request,
            other => panic!("{other:?}"),
        }
    }

    /// Why the next head is refused; nothing follows it.
    async fn refusal(&mut self) -> RefusedHead {
        assert_eq!(self.read().await.as_bytes(), request::LAST);
        let refused = match self.slot.take() {
            Some(Arrived::Refused(why)) => why,
            other => panic!("{other:?}"),
        };
        self.send(HEAD).await;
        assert_eq!(self.read().await, "");
        refused
    }

    async fn hears_nothing(&mut self) {
        assert!(timeout(Duration::from_millis(1), self.read()).await.is_err());
        assert!(self.slot.take().is_none());
    }
}

/// The next bytes of a body.
async fn data(body: &mut ClientBody) -> Option<Result<Vec<u8>, BodyTrouble>> {
    poll_fn(|cx| body.poll_data(cx)).await.map(|data| data.map(|data| data.to_vec()))
}

/// Leaves a body to its connection, as a refusal does. Whether the next request may follow it.
fn leave(request: Request<ClientBody>) -> bool {
    match request.into_body() {
        ClientBody::Http1(body) => body.leave(),
        other => panic!("{other:?}"),
    }
}

async fn whole(request: Request<ClientBody>) -> Vec<u8> {
    let (mut body, mut all) = (request.into_body(), Vec::new());
    while let Some(part) = data(&mut body).await {
        all.extend(part.expect("the body is sound"));
    }
    all
}

#[tokio::test(start_paused = true)]
async fn a_request_is_what_its_client_sent_and_hyper_reads_another() {
    let mut bench = bench();
    let head = "\r\nPUT /a/b?c=d HTTP/1.1\r\nHost: h\r\nX-Name: \u{ff}\r\nx-name: second\r\nContent-Length: 3\r\n\r\n";
    bench.send(format!("{head}abc")).await;
    let request = bench.request().await;
    assert_eq!((request.method().as_str(), request.uri().to_string().as_str()), ("PUT", "/a/b?c=d"));
    assert_eq!(request.version(), http::Version::HTTP_11);
    let names: Vec<_> = request.headers().get_all("x-name").iter().map(http::HeaderValue::as_bytes).collect();
    assert_eq!(names, ["\u{ff}".as_bytes(), b"second"]);
    assert_eq!(whole(request).await, b"abc");
}

#[tokio::test(start_paused = true)]
async fn hyper_learns_how_to_answer_and_whether_to_end() {
    for (sent, expected) in [
        ("GET / HTTP/1.1\r\nHost: a", "GET / HTTP/1.1\r\n"),
        ("HEAD / HTTP/1.1\r\nHost: a", "HEAD / HTTP/1.1\r\n"),
        ("DELETE / HTTP/1.1\r\nHost: a\r\nConnection: x, Close", "GET / HTTP/1.1\r\nConnection: close\r\n"),
        ("HEAD / HTTP/1.1\r\nHost: a\r\nConnection: close", "HEAD / HTTP/1.1\r\nConnection: close\r\n"),
        ("GET / HTTP/1.0", "GET / HTTP/1.0\r\n"),
        ("HEAD / HTTP/1.0\r\nConnection: keep-alive", "HEAD / HTTP/1.0\r\nConnection: keep-alive\r\n"),
    ] {
        let mut bench = bench();
        bench.send(format!("{sent}\r\n\r\n")).await;
        assert_eq!(bench.read().await.replace("Host: gate.invalid\r\n", ""), format!("{expected}\r\n"), "{sent}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_head_that_comes_byte_by_byte_is_held_back_until_it_is_whole() {
    let mut bench = bench();
    let (last, first) = HEAD.as_bytes().split_last().expect("it is not empty");
    for byte in first {
        bench.send([*byte]).await;
        bench.hears_nothing().await;
    }
    bench.send([*last]).await;
    bench.send("abc").await;
    let request = bench.request().await;
    assert_eq!(request.headers()["content-length"], "3");
    assert_eq!(whole(request).await, b"abc");
}

#[tokio::test(start_paused = true)]
async fn requests_in_one_piece_are_taken_one_after_the_other() {
    let mut bench = bench();
    bench.send(format!("{HEAD}abc{CHUNKED}2;x=y\r\nde\r\n1\r\nf\r\n0\r\nX: y\r\n\r\n{HEAD}ghi")).await;
    for expected in [b"abc", b"def", b"ghi"] {
        let request = bench.request().await;
        assert_eq!(whole(request).await, expected);
    }
    bench.hears_nothing().await;
}

#[tokio::test(start_paused = true)]
async fn nothing_follows_a_body_that_was_not_read_to_its_end() {
    for sent in [format!("{HEAD}ab"), format!("{CHUNKED}3\r\nabc\r\n{HEAD}")] {
        let mut bench = bench();
        bench.send(sent).await;
        let mut body = bench.request().await.into_body();
        data(&mut body).await.expect("there is some").expect("it is sound");
        drop(body);
        bench.send(HEAD).await;
        assert_eq!(bench.read().await, "");
    }
}

#[tokio::test(start_paused = true)]
async fn a_short_body_that_nobody_takes_is_read_over_to_the_next_request() {
    for (now, later) in [("abc", ""), ("a", "bc"), ("", "abc")] {
        let mut bench = bench();
        bench.send(format!("{HEAD}{now}")).await;
        assert!(leave(bench.request().await));
        bench.gate.write_all(b"HTTP/1.1 503 Busy").await.expect("there is room");
        bench.gate.flush().await.expect("it is written");
        bench.send(format!("{later}{HEAD}def")).await;
        assert_eq!(whole(bench.request().await).await, b"def", "{now} and {later}");
        bench.hears_nothing().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_within_a_body_that_nobody_takes_is_none() {
    let mut bench = bench();
    let hidden = format!("{HEAD}abc").repeat(3);
    bench.send(format!("PUT /a HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n", hidden.len())).await;
    assert!(leave(bench.request().await));
    for byte in hidden.bytes() {
        bench.send([byte]).await;
        bench.hears_nothing().await;
    }
    bench.send(format!("{HEAD}def")).await;
    assert_eq!(whole(bench.request().await).await, b"def");
}

#[tokio::test(start_paused = true)]
async fn nothing_follows_a_body_that_is_not_read_over() {
    let with = |more: &str| HEAD.replace("\r\n\r\n", &format!("\r\n{more}\r\n\r\n"));
    let long = HEAD.replace(": 3", &format!(": {}", 64 * 1024 + 1));
    for (head, why) in [
        (CHUNKED.to_owned(), "chunks end where they please"),
        (with("Expect: 100-continue"), "the client may send its body or not"),
        (long, "a new connection costs less"),
    ] {
        let mut bench = bench();
        bench.send(&head).await;
        assert!(!leave(bench.request().await), "{why}");
        bench.send(HEAD).await;
        assert_eq!(bench.read().await, "", "{why}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_longest_body_that_is_read_over_holds_no_memory_meanwhile() {
    let mut bench = bench();
    let idle = bench.budget.used();
    let len = 64 * 1024;
    bench.send(format!("PUT /a HTTP/1.1\r\nHost: a\r\nContent-Length: {len}\r\n\r\n")).await;
    assert!(leave(bench.request().await));
    for _ in 0..len / 1024 {
        bench.send([7; 1024]).await;
        bench.hears_nothing().await;
        assert_eq!(bench.budget.used(), idle);
    }
    bench.send(format!("{HEAD}def")).await;
    assert_eq!(whole(bench.request().await).await, b"def");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_trickles_a_body_that_nobody_takes_does_not_keep_its_connection() {
    let mut bench = bench();
    bench.send(HEAD.replace(": 3", ": 1000")).await;
    assert!(leave(bench.request().await));
    let began = Instant::now();
    let mut ended = None;
    for _ in 0..100 {
        // The connection may have ended.
        let _sent = bench.client.write_all(b"x").await;
        let mut buffer = [0; 8];
        if let Ok(read) = timeout(Duration::from_millis(500), bench.gate.read(&mut buffer)).await {
            ended = Some((read.expect("it can be read"), began.elapsed()));
            break;
        }
    }
    let (len, after) = ended.expect("it ends");
    assert_eq!(len, 0);
    assert!(after >= MAX_TIME && after <= MAX_TIME + Duration::from_secs(1), "{after:?}");
    // Nor is it listened to once more.
    let closing = Instant::now();
    bench.gate.shutdown().await.expect("it closes");
    assert!(closing.elapsed() < Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_ends_within_a_body_that_nobody_takes_listens_on() {
    let mut bench = bench();
    bench.send(HEAD).await;
    assert!(leave(bench.request().await));
    let began = Instant::now();
    bench.gate.shutdown().await.expect("it closes");
    assert!(began.elapsed() >= MAX_TIME, "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn nothing_follows_a_refused_head() {
    let mut bench = bench();
    bench.send(format!("{HEAD}abcGET / HTTP/1.1\nHost: a\r\n\r\n{HEAD}def")).await;
    assert_eq!(whole(bench.request().await).await, b"abc");
    assert_eq!(bench.refusal().await, RefusedHead::Head(HeadRefusal::BareLineFeed));
}

#[tokio::test(start_paused = true)]
async fn broken_chunks_end_the_body_with_an_error_and_the_connection_with_it() {
    let mut bench = bench();
    bench.send(format!("{CHUNKED}1\r\nabc{HEAD}")).await;
    let mut body = bench.request().await.into_body();
    assert_eq!(data(&mut body).await.expect("some came").expect("it is sound"), b"a");
    let trouble = data(&mut body).await;
    assert!(matches!(trouble, Some(Err(BodyTrouble::Framing(_)))), "{trouble:?}");
    assert!(matches!(data(&mut body).await, Some(Err(BodyTrouble::Gone))), "it never ends well");
    assert_eq!(bench.read().await, "");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_goes_in_the_middle_of_a_body_is_gone() {
    let mut bench = bench();
    bench.send(format!("{HEAD}ab")).await;
    let mut body = bench.request().await.into_body();
    drop(bench.client);
    assert_eq!(data(&mut body).await.expect("some came").expect("it is sound"), b"ab");
    for _ in 0..2 {
        let trouble = data(&mut body).await;
        assert!(matches!(trouble, Some(Err(BodyTrouble::Gone))), "{trouble:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_waits_is_told_to_go_on_when_its_body_is_asked_for() {
    let mut bench = bench();
    bench.send(HEAD.replace("\r\n\r\n", "\r\nExpect: 100-continue\r\n\r\n")).await;
    let request = bench.request().await;
    let mut heard = vec![0; 64];
    assert!(timeout(Duration::from_millis(1), bench.client.read(&mut heard)).await.is_err(), "nobody asked yet");
    let reading = tokio::spawn(whole(request));
    let len = bench.client.read(&mut heard).await.expect("something is said");
    assert_eq!(&heard[..len], b"HTTP/1.1 100 Continue\r\n\r\n");
    bench.send("abc").await;
    assert_eq!(reading.await.expect("no panic"), b"abc");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_waits_and_sends_all_the_same_is_told_nothing() {
    let mut bench = bench();
    bench.send(HEAD.replace("\r\n\r\n", "\r\nExpect: 100-continue\r\n\r\nabc")).await;
    assert_eq!(whole(bench.request().await).await, b"abc");
    assert!(timeout(Duration::from_millis(1), bench.client.read(&mut [0])).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn the_next_head_waits_until_the_answer_was_written() {
    let mut bench = bench();
    bench.send(format!("{HEAD}abc{HEAD}def")).await;
    assert_eq!(whole(bench.request().await).await, b"abc");
    bench.gate.write_all(b"HTTP/1.1 200").await.expect("there is room");
    bench.hears_nothing().await;
    bench.gate.flush().await.expect("it is written");
    assert_eq!(whole(bench.request().await).await, b"def");
}

#[tokio::test(start_paused = true)]
async fn the_part_of_a_head_that_came_is_paid_for() {
    let mut bench = bench();
    let idle = bench.budget.used();
    let part = format!("PUT /a HTTP/1.1\r\nHost: a\r\nX: {}", "a".repeat(10_000));
    bench.send(&part).await;
    bench.hears_nothing().await;
    assert!(bench.budget.used() >= idle + part.len() - 4096, "{}", bench.budget.used());
    bench.send("\r\n\r\n").await;
    assert_eq!(bench.request().await.headers()["x"].len(), 10_000);
    drop(bench.gate);
    assert_eq!(bench.budget.used(), 0);

    let mut poor = bench_with(Budget::new(24 * 1024));
    poor.send(&part).await;
    assert_eq!(poor.refusal().await, RefusedHead::NoMemory);
}

#[tokio::test(start_paused = true)]
async fn without_memory_a_body_still_comes_in_small_parts() {
    let budget = Budget::new(24 * 1024);
    let mut poor = bench_with(Arc::clone(&budget));
    let body = vec![7; 50_000];
    poor.send(format!("PUT /a HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n", body.len())).await;
    poor.send(&body).await;
    let mut read = poor.request().await.into_body();
    let mut all = Vec::new();
    while let Some(part) = data(&mut read).await {
        let part = part.expect("the body is sound");
        assert!(part.len() <= 8 * 1024 && budget.used() <= 24 * 1024);
        all.extend(part);
    }
    assert_eq!(all, body);
}

#[tokio::test(start_paused = true)]
async fn ends_a_silent_connection_after_the_head_limit_without_a_word() {
    let mut bench = bench();
    let began = Instant::now();
    assert_eq!(bench.read().await, "");
    assert!(began.elapsed() >= TIMES.head && began.elapsed() < TIMES.head + Duration::from_secs(1));
    assert!(bench.slot.take().is_none());
}

#[tokio::test(start_paused = true)]
async fn counts_a_head_from_its_first_byte_and_not_from_its_last() {
    let mut bench = bench();
    advance(Duration::from_secs(8)).await;
    bench.send("P").await;
    bench.hears_nothing().await;
    let began = Instant::now();
    advance(Duration::from_secs(8)).await;
    bench.send("U").await;
    assert_eq!(bench.refusal().await, RefusedHead::TooSlow(TIMES.head));
    assert!(began.elapsed() <= TIMES.head, "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn lets_a_body_take_its_time_and_an_idle_connection_the_keep_alive_limit() {
    let mut bench = bench();
    bench.send(HEAD).await;
    let mut body = bench.request().await.into_body();
    let waited = timeout(Duration::from_secs(500), data(&mut body)).await;
    assert!(waited.is_err(), "a body has limits of its own");
    bench.send("abc").await;
    assert_eq!(data(&mut body).await.expect("it came").expect("it is sound"), b"abc");
    advance(Duration::from_secs(500)).await;
    let began = Instant::now();
    assert_eq!(bench.read().await, "", "the limit counts from when a further request is asked for");
    assert!(began.elapsed() >= TIMES.keep_alive, "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn discards_what_a_refused_client_still_sends_before_it_closes() {
    let mut bench = bench();
    bench.send("GET /\0").await;
    assert_eq!(bench.read().await.as_bytes(), request::LAST);
    let Bench { mut client, mut gate, .. } = bench;
    let closing = tokio::spawn(async move { gate.shutdown().await });
    let mut answer = Vec::new();
    for _ in 0..100 {
        client.write_all(&[7; 16 * 1024]).await.expect("it is read");
    }
    client.read_to_end(&mut answer).await.expect("the writing side is closed first");
    drop(client);
    closing.await.expect("no panic").expect("it closes");
}

#[tokio::test(start_paused = true)]
async fn does_not_listen_for_ever_to_a_refused_client() {
    let mut bench = bench();
    bench.send("GET /\0").await;
    assert_eq!(bench.read().await.as_bytes(), request::LAST);
    let began = Instant::now();
    bench.gate.shutdown().await.expect("it closes");
    assert!(began.elapsed() >= MAX_TIME && began.elapsed() < MAX_TIME * 2, "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_client_that_takes_no_answers_is_given_up_and_a_slow_one_is_not() {
    let mut bench = bench();
    bench.gate.write_all(&[7; 64 * 1024]).await.expect("there is room");
    let mut taken = vec![0; 16];
    for _ in 0..5 {
        advance(Duration::from_secs(20)).await;
        bench.client.read_exact(&mut taken).await.expect("something was written");
        bench.gate.write_all(&taken).await.expect("a part was taken");
    }
    let began = Instant::now();
    let error = bench.gate.write_all(&taken).await.expect_err("nothing is taken");
    assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    assert!(began.elapsed() >= Duration::from_secs(30), "{:?}", began.elapsed());
}
