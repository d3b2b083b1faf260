//! What is read as a request, what of its body, and what may follow it.

use tokio::time::Instant;
use wire::http1::gate::HeadRefusal;

use super::*;
use crate::ingress::drain::MAX_TIME;

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
