//! How an answer is written.

use super::*;

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
