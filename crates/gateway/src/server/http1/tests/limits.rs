//! How long each part of a conversation may take.

use tokio::time::{Instant, advance};

use super::*;
use crate::ingress::drain::MAX_TIME;

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
