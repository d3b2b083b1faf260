use std::future::{pending, poll_fn};

use http::StatusCode;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};
use tokio::time::{Instant, advance};
use tokio_util::sync::CancellationToken;
use wire::http1::gate::HeadRefusal;

use super::*;
use crate::budget::Budget;
use crate::ingress::BodyTrouble;
use crate::ingress::drain::MAX_TIME;
use crate::ingress::refused::RefusedHead;

const TIMES: HeadTimes = HeadTimes { head: Duration::from_secs(10), keep_alive: Duration::from_secs(60) };
const HEADS: HeadLimits = HeadLimits { bytes: 32 * 1024, line: 16 * 1024, fields: 64, target: 8 * 1024 };
const HEAD: &str = "PUT /a HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n";
const CHUNKED: &str = "POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";

struct Bench {
    client: DuplexStream,
    conversation: Conversation<DuplexStream>,
    budget: Arc<Budget>,
}

fn bench() -> Bench {
    bench_with(Budget::new(1016 * 1024))
}

fn bench_with(budget: Arc<Budget>) -> Bench {
    let (client, server) = duplex(64 * 1024);
    let buffers = ConnectionBuffers::take(&budget, false).expect("memory is free");
    let means = Http1Means { lender: ReadBuffers::new(&budget), drains: Drains::default() };
    let line = Line::new(server, Arc::clone(&means.lender), buffers, HEADS, TIMES);
    Bench { client, conversation: Conversation::with(line, Duration::from_secs(30), &means), budget }
}

impl Bench {
    async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.client.write_all(bytes.as_ref()).await.expect("there is room");
    }

    async fn next(&mut self) -> Option<Asked> {
        self.conversation.next(pin!(pending())).await.expect("it can be read")
    }

    /// The next request.
    async fn request(&mut self) -> Request<ClientBody> {
        let Asked { request, .. } = self.next().await.expect("a request comes");
        assert_eq!(request.extensions().get::<RefusedHead>(), None);
        request
    }

    /// Why the next head is refused; nothing follows it.
    async fn refusal(&mut self) -> RefusedHead {
        let Asked { request, form } = self.next().await.expect("a refusal comes");
        assert_eq!(form, Form::LAST);
        self.send(HEAD).await;
        self.ends().await;
        *request.extensions().get::<RefusedHead>().expect("it is refused")
    }

    async fn hears_nothing(&mut self) {
        assert!(timeout(Duration::from_millis(1), self.next()).await.is_err());
    }

    async fn ends(&mut self) {
        assert!(self.next().await.is_none());
    }

    /// What the client hears when a request that came in this form is answered, and whether the connection goes on.
    async fn answered(&mut self, form: Form, answer: Response<Bytes>, is_last: bool) -> (String, bool) {
        let goes_on = self.conversation.answer(form, answer, is_last).await.expect("it can be written");
        let mut heard = vec![0; 8 * 1024];
        let len = self.client.read(&mut heard).await.expect("something is said");
        heard.truncate(len);
        (String::from_utf8(heard).expect("it is text"), goes_on)
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
async fn a_request_is_what_its_client_sent() {
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
        bench.ends().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_short_body_that_nobody_takes_is_read_over_to_the_next_request() {
    for (now, later) in [("abc", ""), ("a", "bc"), ("", "abc")] {
        let mut bench = bench();
        bench.send(format!("{HEAD}{now}")).await;
        assert!(leave(bench.request().await));
        assert!(bench.conversation.answer(again(), busy(), false).await.expect("it can be written"));
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
        assert!(bench.next().await.is_none(), "{why}");
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
        if let Ok(next) = timeout(Duration::from_millis(500), bench.next()).await {
            assert!(next.is_none());
            ended = Some(began.elapsed());
            break;
        }
    }
    let after = ended.expect("it ends");
    assert!(after >= MAX_TIME && after <= MAX_TIME + Duration::from_secs(1), "{after:?}");
    // Nor is it listened to once more.
    let closing = Instant::now();
    bench.conversation.close().await.expect("it closes");
    assert!(closing.elapsed() < Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_ends_within_a_body_that_nobody_takes_listens_on() {
    let mut bench = bench();
    bench.send(HEAD).await;
    assert!(leave(bench.request().await));
    let began = Instant::now();
    bench.conversation.close().await.expect("it closes");
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
    bench.ends().await;
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
async fn the_part_of_a_head_that_came_is_paid_for() {
    let mut bench = bench();
    let idle = bench.budget.used();
    let part = format!("PUT /a HTTP/1.1\r\nHost: a\r\nX: {}", "a".repeat(10_000));
    bench.send(&part).await;
    bench.hears_nothing().await;
    assert!(bench.budget.used() >= idle + part.len() - 4096, "{}", bench.budget.used());
    bench.send("\r\n\r\n").await;
    assert_eq!(bench.request().await.headers()["x"].len(), 10_000);
    drop(bench.conversation);
    assert_eq!(bench.budget.used(), 0);

    let mut poor = bench_with(Budget::new(16 * 1024));
    poor.send(&part).await;
    assert_eq!(poor.refusal().await, RefusedHead::NoMemory);
}

#[tokio::test(start_paused = true)]
async fn without_memory_a_body_still_comes_in_small_parts() {
    let budget = Budget::new(16 * 1024);
    let mut poor = bench_with(Arc::clone(&budget));
    let body = vec![7; 50_000];
    poor.send(format!("PUT /a HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n", body.len())).await;
    poor.send(&body).await;
    let mut read = poor.request().await.into_body();
    let mut all = Vec::new();
    while let Some(part) = data(&mut read).await {
        let part = part.expect("the body is sound");
        assert!(part.len() <= 8 * 1024 && budget.used() <= 16 * 1024);
        all.extend(part);
    }
    assert_eq!(all, body);
}

#[tokio::test(start_paused = true)]
async fn ends_a_silent_connection_after_the_head_limit_without_a_word() {
    let mut bench = bench();
    let began = Instant::now();
    bench.ends().await;
    assert!(began.elapsed() >= TIMES.head && began.elapsed() < TIMES.head + Duration::from_secs(1));
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
    assert!(bench.next().await.is_none(), "the limit counts from when a further request is asked for");
    assert!(began.elapsed() >= TIMES.keep_alive, "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn discards_what_a_refused_client_still_sends_before_it_closes() {
    let mut bench = bench();
    bench.send("GET /\0").await;
    assert!(bench.next().await.is_some());
    let Bench { mut client, conversation, .. } = bench;
    let closing = tokio::spawn(conversation.close());
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
    assert!(bench.next().await.is_some());
    let began = Instant::now();
    bench.conversation.close().await.expect("it closes");
    assert!(began.elapsed() >= MAX_TIME && began.elapsed() < MAX_TIME * 2, "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_client_that_takes_no_answers_is_given_up_and_a_slow_one_is_not() {
    let bench = bench();
    let Bench { mut client, conversation, .. } = bench;
    let began = Instant::now();
    // More than the connection holds: each part that is taken renews the limit.
    let writing = tokio::spawn(async move { conversation.write(&[7; 64 * 1024 + 100][..]).await });
    let mut taken = vec![0; 16];
    for _ in 0..5 {
        tokio::time::sleep(Duration::from_secs(20)).await;
        client.read_exact(&mut taken).await.expect("something was written");
    }
    let error = writing.await.expect("no panic").expect_err("nothing more is taken");
    assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    assert!(began.elapsed() >= Duration::from_secs(5 * 20 + 30), "{:?}", began.elapsed());
}

/// The form of an answer to `GET` in HTTP/1.1.
fn again() -> Form {
    Form::of(&Request::new(()).into_parts().0)
}

fn busy() -> Response<Bytes> {
    let mut answer = Response::new(Bytes::from_static(b"busy"));
    *answer.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    answer.headers_mut().insert("x-name", http::HeaderValue::from_bytes(b"\xc3\xbc").expect("a sound value"));
    answer
}

/// An answer without the time at which it was made, which must be there.
fn timeless(answer: &str) -> String {
    let (before, date) = answer.split_once("date: ").expect("every answer has a date");
    let (date, after) = date.split_once("\r\n").expect("a line ends");
    assert!(date.ends_with(" GMT") && date.len() == 29, "{date}");
    format!("{before}{after}")
}

#[tokio::test(start_paused = true)]
async fn an_answer_has_its_length_its_time_and_its_fields() {
    let mut bench = bench();
    let (answer, goes_on) = bench.answered(again(), busy(), false).await;
    let expected = "HTTP/1.1 503 Service Unavailable\r\nx-name: \u{fc}\r\ncontent-length: 4\r\n\r\nbusy";
    assert_eq!((timeless(&answer).as_str(), goes_on), (expected, true));

    let mut nothing = Response::new(Bytes::new());
    *nothing.status_mut() = StatusCode::NO_CONTENT;
    assert_eq!(timeless(&bench.answered(again(), nothing, false).await.0), "HTTP/1.1 204 No Content\r\n\r\n");
}

#[tokio::test(start_paused = true)]
async fn an_answer_says_whether_its_connection_goes_on() {
    let keeps = "connection: keep-alive\r\n";
    let ends = "connection: close\r\n";
    for (sent, is_last, said) in [
        ("GET / HTTP/1.1\r\nHost: a", false, ""),
        ("GET / HTTP/1.1\r\nHost: a", true, ends),
        ("GET / HTTP/1.1\r\nHost: a\r\nConnection: x, Close", false, ends),
        ("GET / HTTP/1.1\r\nHost: a\r\nConnection: x\r\nConnection: close", false, ends),
        ("GET / HTTP/1.0", false, ends),
        ("GET / HTTP/1.0\r\nConnection: Keep-Alive", false, keeps),
        ("GET / HTTP/1.0\r\nConnection: keep-alive", true, ends),
        ("GET / HTTP/1.0\r\nConnection: keep-alive, close", false, ends),
        ("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 3", false, ends),
    ] {
        let mut bench = bench();
        bench.send(format!("{sent}\r\n\r\n")).await;
        let Asked { form, .. } = bench.next().await.expect("a request comes");
        let (answer, goes_on) = bench.answered(form, Response::new(Bytes::from_static(b"yes")), is_last).await;
        let expected = format!("HTTP/1.1 200 OK\r\ncontent-length: 3\r\n{said}\r\nyes");
        assert_eq!((timeless(&answer), goes_on), (expected, said != ends), "{sent}, last: {is_last}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_closes_is_the_last() {
    let mut bench = bench();
    let mut closing = busy();
    closing.headers_mut().insert("connection", http::HeaderValue::from_static("close"));
    let (answer, goes_on) = bench.answered(again(), closing, false).await;
    assert!(!goes_on && answer.matches("connection: close\r\n").count() == 1, "{answer}");
}

#[tokio::test(start_paused = true)]
async fn the_answer_to_head_announces_what_it_does_not_bring() {
    let mut bench = bench();
    bench.send("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    let Asked { form, .. } = bench.next().await.expect("a request comes");
    let (answer, _) = bench.answered(form, busy(), false).await;
    assert!(answer.contains("content-length: 4\r\n") && answer.ends_with("\r\n\r\n"), "{answer}");
}

#[tokio::test(start_paused = true)]
async fn an_answer_does_not_stand_in_the_middle_of_an_interim_one() {
    let mut bench = bench();
    bench.send(HEAD.replace("\r\n\r\n", "\r\nExpect: 100-continue\r\n\r\n")).await;
    let Asked { request, form } = bench.next().await.expect("a request comes");
    // Only so much can be said before the client listens.
    let filler = vec![b'.'; 64 * 1024 - 10];
    bench.conversation.write(&filler[..]).await.expect("there is room");
    let mut body = request.into_body();
    assert!(timeout(Duration::from_millis(1), data(&mut body)).await.is_err());
    drop(body);
    bench.client.read_exact(&mut filler.clone()).await.expect("it was written");
    let (heard, goes_on) = bench.answered(form, busy(), false).await;
    assert!(heard.starts_with("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 503 ") && !goes_on, "{heard}");
}

/// A conversation in which every request is answered with its target, and what ends it.
struct Held {
    client: DuplexStream,
    draining: CancellationToken,
    closing: CancellationToken,
    conversation: tokio::task::JoinHandle<io::Result<()>>,
}

fn hold() -> Held {
    let Bench { client, conversation, .. } = bench();
    let (draining, closing) = (CancellationToken::new(), CancellationToken::new());
    let holding = {
        let (draining, closing) = (draining.clone(), closing.clone());
        async move {
            let say = |request: Request<ClientBody>| async move { Response::new(request.uri().to_string().into()) };
            conversation.hold(&draining, &closing, say).await
        }
    };
    Held { client, draining, closing, conversation: tokio::spawn(holding) }
}

impl Held {
    async fn send(&mut self, bytes: &str) {
        self.client.write_all(bytes.as_bytes()).await.expect("there is room");
    }

    /// The next answer's content, of so many bytes, and whether it is the last.
    async fn hears(&mut self, len: usize) -> (String, bool) {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(self.client.read_u8().await.expect("an answer comes"));
        }
        let mut content = vec![0; len];
        self.client.read_exact(&mut content).await.expect("it has a content");
        let is_last = String::from_utf8_lossy(&head).contains("connection: close\r\n");
        (String::from_utf8(content).expect("it is text"), is_last)
    }

    /// The connection closes, without another word.
    async fn ends(mut self) {
        let mut rest = String::new();
        self.client.read_to_string(&mut rest).await.expect("it closes properly");
        assert_eq!(rest, "");
        self.conversation.await.expect("no panic").expect("it ended well");
    }
}

fn get(target: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n")
}

#[tokio::test(start_paused = true)]
async fn requests_that_came_at_once_are_answered_in_their_order() {
    let mut held = hold();
    held.send(&format!("{}{}{}", get("/1"), get("/2"), "GET /3 HTTP/1.0\r\n\r\n")).await;
    for (content, is_last) in [("/1", false), ("/2", false), ("/3", true)] {
        assert_eq!(held.hears(2).await, (content.to_owned(), is_last));
    }
    held.ends().await;
}

#[tokio::test(start_paused = true)]
async fn a_client_that_shut_its_sending_side_is_answered() {
    let mut held = hold();
    held.send(&get("/1")).await;
    held.client.shutdown().await.expect("it can be shut");
    assert_eq!(held.hears(2).await.0, "/1");
    held.ends().await;
}

#[tokio::test(start_paused = true)]
async fn the_first_request_during_a_drain_is_the_last() {
    let mut held = hold();
    held.send(&get("/1")).await;
    assert_eq!(held.hears(2).await, ("/1".to_owned(), false));
    held.draining.cancel();
    held.send(&get("/2")).await;
    assert_eq!(held.hears(2).await, ("/2".to_owned(), true));
    held.ends().await;
}

#[tokio::test(start_paused = true)]
async fn at_the_end_of_a_drain_only_a_connection_that_had_its_answers_is_closed() {
    let mut idle = hold();
    idle.send(&get("/1")).await;
    assert_eq!(idle.hears(2).await.0, "/1");
    idle.draining.cancel();
    idle.closing.cancel();
    idle.ends().await;

    let (mut fresh, mut begun) = (hold(), hold());
    begun.send(&get("/1")).await;
    assert_eq!(begun.hears(2).await.0, "/1");
    begun.send("GET /2 HTT").await;
    tokio::task::yield_now().await;
    for held in [&fresh, &begun] {
        held.draining.cancel();
        held.closing.cancel();
    }
    tokio::time::sleep(TIMES.head / 2).await;
    fresh.send(&get("/1")).await;
    begun.send("P/1.1\r\nHost: a\r\n\r\n").await;
    assert_eq!(fresh.hears(2).await, ("/1".to_owned(), true));
    assert_eq!(begun.hears(2).await, ("/2".to_owned(), true));
    fresh.ends().await;
    begun.ends().await;
}
