use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};
use tokio::time::advance;
use wire::http1::gate::HeadRefusal;

use super::*;
use crate::budget::Budget;
use crate::server::buffers::ConnectionBuffers;

const TIMES: HeadTimes = HeadTimes { head: Duration::from_secs(10), keep_alive: Duration::from_secs(60) };
const HEADS: HeadLimits = HeadLimits { bytes: 32 * 1024, line: 16 * 1024, fields: 64, target: 8 * 1024 };
const HEAD: &str = "PUT /a HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n";

struct Bench {
    client: DuplexStream,
    gate: Gate<DuplexStream>,
    refusal: Refusal,
    budget: Arc<Budget>,
}

fn bench() -> Bench {
    bench_with(Budget::new(1024 * 1024))
}

fn bench_with(budget: Arc<Budget>) -> Bench {
    let (client, server) = duplex(64 * 1024);
    let refusal = Refusal::default();
    let buffers = ConnectionBuffers::take(&budget, false).expect("memory is free");
    let io = ReadPace::new(server, buffers);
    let times = GateTimes { heads: TIMES, write: Duration::from_secs(30) };
    Bench { client, gate: Gate::new(io, HEADS, times, Arc::clone(&refusal)), refusal, budget }
}

impl Bench {
    async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.client.write_all(bytes.as_ref()).await.expect("there is room");
    }

    /// What hyper gets at the next read.
    async fn read(&mut self) -> String {
        let mut buffer = vec![0; 64 * 1024];
        let len = self.gate.read(&mut buffer).await.expect("it can be read");
        String::from_utf8_lossy(&buffer[..len]).into_owned()
    }

    /// What hyper gets until nothing more comes for a while.
    async fn read_all(&mut self) -> String {
        let mut all = String::new();
        while let Ok(read) = tokio::time::timeout(Duration::from_millis(1), self.read()).await {
            if read.is_empty() {
                break;
            }
            all.push_str(&read);
        }
        all
    }
}

#[tokio::test(start_paused = true)]
async fn hands_over_what_passes_as_it_came() {
    let mut bench = bench();
    bench.send(format!("{HEAD}abc")).await;
    assert_eq!(bench.read().await, format!("{HEAD}abc"), "head and body in one read");
    let chunked = "POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
    bench.send(chunked).await;
    assert_eq!(bench.read().await, chunked);
}

#[tokio::test(start_paused = true)]
async fn a_head_that_comes_byte_by_byte_is_held_back_until_it_is_whole() {
    let mut bench = bench();
    let (last, first) = HEAD.as_bytes().split_last().expect("it is not empty");
    for byte in first {
        bench.send([*byte]).await;
        assert_eq!(bench.read_all().await, "");
    }
    bench.send([*last]).await;
    bench.send("ab").await;
    assert_eq!(bench.read_all().await, format!("{HEAD}ab"));
    assert!(bench.gate.held.is_empty() && bench.gate.held.capacity() == 0, "nothing is kept for later");
}

#[tokio::test(start_paused = true)]
async fn the_next_request_is_not_handed_over_with_the_one_before() {
    let mut bench = bench();
    bench.send(format!("{HEAD}abc{HEAD}def")).await;
    assert_eq!(bench.read().await, format!("{HEAD}abc"));
    assert_eq!(bench.read_all().await, format!("{HEAD}def"));
}

#[tokio::test(start_paused = true)]
async fn another_head_stands_for_a_refused_one_and_nothing_follows_it() {
    let mut bench = bench();
    bench.send(format!("{HEAD}abcGET / HTTP/1.1\nHost: a\r\n\r\n{HEAD}def")).await;
    assert_eq!(bench.read().await, format!("{HEAD}abc"));
    assert_eq!(bench.refusal.get(), None, "the request before is not concerned");
    assert_eq!(bench.read_all().await.as_bytes(), SUBSTITUTE);
    assert_eq!(bench.refusal.get(), Some(&RefusedHead::Head(HeadRefusal::BareLineFeed)));
    bench.send(HEAD).await;
    assert_eq!(bench.read_all().await, "");
}

#[tokio::test(start_paused = true)]
async fn broken_chunks_end_the_body_with_an_error() {
    let mut bench = bench();
    bench.send("POST /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc").await;
    let mut buffer = vec![0; 1024];
    let error = bench.gate.read(&mut buffer).await.expect_err("the chunk is longer than it says");
    assert_eq!(error.kind(), io::ErrorKind::InvalidData);
}

#[tokio::test(start_paused = true)]
async fn what_is_held_back_is_paid_for() {
    let mut bench = bench();
    let part = format!("PUT /a HTTP/1.1\r\nX: {}", "a".repeat(10_000));
    bench.send(&part).await;
    assert_eq!(bench.read_all().await, "");
    let paid = bench.budget.used();
    assert!(paid > 2 * part.len(), "{paid}");
    bench.send("\r\n\r\n").await;
    assert_eq!(bench.read_all().await.len(), part.len() + 4);
    drop(bench.gate);
    assert_eq!(bench.budget.used(), 0);

    let mut poor = bench_with(Budget::new(24 * 1024));
    poor.send(&part).await;
    assert_eq!(poor.read_all().await.as_bytes(), SUBSTITUTE);
    assert_eq!(poor.refusal.get(), Some(&RefusedHead::NoMemory));
}

#[tokio::test(start_paused = true)]
async fn without_memory_the_request_before_is_still_answered() {
    let mut poor = bench_with(Budget::new(24 * 1024));
    poor.send(format!("{HEAD}abc{}", "PUT /a HTTP/1.1\r\n".repeat(500))).await;
    assert_eq!(poor.read().await, format!("{HEAD}abc"));
    assert_eq!((poor.read_all().await.as_str(), poor.refusal.get()), ("", None));
}

#[tokio::test(start_paused = true)]
async fn ends_a_silent_connection_after_the_head_limit_without_a_word() {
    let mut bench = bench();
    let began = Instant::now();
    assert_eq!(bench.read().await, "");
    assert!(began.elapsed() >= TIMES.head && began.elapsed() < TIMES.head + Duration::from_secs(1));
    assert_eq!(bench.refusal.get(), None);
}

#[tokio::test(start_paused = true)]
async fn counts_a_head_from_its_first_byte_and_not_from_its_last() {
    let mut bench = bench();
    advance(Duration::from_secs(8)).await;
    bench.send("P").await;
    assert_eq!(bench.read_all().await, "");
    let began = Instant::now();
    advance(Duration::from_secs(8)).await;
    bench.send("U").await;
    assert_eq!(bench.read().await.as_bytes(), SUBSTITUTE);
    assert!(began.elapsed() <= TIMES.head, "{:?}", began.elapsed());
    assert_eq!(bench.refusal.get(), Some(&RefusedHead::TooSlow(TIMES.head)));
}

#[tokio::test(start_paused = true)]
async fn lets_a_body_take_its_time_and_an_idle_connection_the_keep_alive_limit() {
    let mut bench = bench();
    bench.send(HEAD).await;
    assert_eq!(bench.read().await, HEAD);
    let body = tokio::time::timeout(Duration::from_secs(500), bench.read()).await;
    assert!(body.is_err(), "a body has limits of its own");
    bench.send("abc").await;
    assert_eq!(bench.read().await, "abc");
    advance(Duration::from_secs(500)).await;
    let began = Instant::now();
    assert_eq!(bench.read().await, "", "the limit counts from when a further request is asked for");
    assert!(began.elapsed() >= TIMES.keep_alive, "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn discards_what_a_refused_client_still_sends_before_it_closes() {
    let mut bench = bench();
    bench.send("GET /\0").await;
    assert_eq!(bench.read().await.as_bytes(), SUBSTITUTE);
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
    assert_eq!(bench.read().await.as_bytes(), SUBSTITUTE);
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
