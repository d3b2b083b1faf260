//! Bytes per second, by the clock that tokio's timers go by: accounts, not wall time.

use tokio::time::Instant;

use super::*;

fn bytes_per_second(rate: u64) -> Allowance {
    Allowance { bytes_per_second: Some(rate), ..Allowance::default() }
}

/// How long uploads take that begin together, each of a client and with so many chunks of 50,000 bytes.
async fn take_together(stage: &Stage, uploads: &[(u8, usize)]) -> Duration {
    let begun = Instant::now();
    let streams = uploads.iter().map(async |(client, chunks)| {
        let grant = stage.ask(&address(*client), None).expect("nothing is refused");
        stream(&mut grant.meter(&HeldBack::default()), std::iter::repeat_n(50_000, *chunks))
            .await
            .expect("nothing is cut");
    });
    futures::future::join_all(streams).await;
    begun.elapsed()
}

/// Timers fire up to a millisecond late, what was not used is made up for by ten, and the last piece waits for nothing.
#[track_caller]
fn assert_near(took: Duration, fair: f64) {
    let took = took.as_secs_f64();
    assert!(took <= fair + 0.002 && took >= fair - 0.2, "{took} s in place of {fair} s");
}

#[tokio::test(start_paused = true)]
async fn one_upload_moves_at_the_rate_of_its_client() {
    let stage = Stage::each(bytes_per_second(100_000));
    assert_near(take_together(&stage, &[(1, 20)]).await, 10.0);
}

#[tokio::test(start_paused = true)]
async fn fast_rates_are_exact_although_timers_are_coarse() {
    let stage = Stage::each(bytes_per_second(1_000_000_000));
    let took = take_together(&stage, &[(1, 20_000)]).await.as_secs_f64();
    assert!((0.985..1.003).contains(&took), "{took}");
}

#[tokio::test(start_paused = true)]
async fn uploads_of_one_client_share_its_rate_and_those_of_others_do_not() {
    let stage = Stage::each(bytes_per_second(100_000));
    assert_near(take_together(&stage, &[(1, 5), (1, 5), (1, 5), (2, 20)]).await, 10.0);
    let stage = Stage::each(bytes_per_second(100_000));
    assert_near(take_together(&stage, &[(1, 10); 4]).await, 20.0);
}

#[tokio::test(start_paused = true)]
async fn many_small_uploads_do_not_slip_through() {
    let stage = Stage::each(bytes_per_second(100_000));
    assert_near(take_together(&stage, &[(1, 1); 100]).await, 50.0);
    let begun = Instant::now();
    for _ in 0..20 {
        take_together(&stage, &[(1, 1)]).await;
    }
    assert_near(begun.elapsed(), 10.0);
}

#[tokio::test(start_paused = true)]
async fn all_clients_share_the_rate_of_the_route() {
    let stage = Stage::new(bytes_per_second(200_000), bytes_per_second(100_000));
    assert_near(take_together(&stage, &[(1, 10), (2, 10), (3, 10), (4, 10)]).await, 10.0);
    // Alone, each is held by its own.
    let stage = Stage::new(bytes_per_second(200_000), bytes_per_second(100_000));
    assert_near(take_together(&stage, &[(1, 10)]).await, 5.0);
}

#[tokio::test(start_paused = true)]
async fn says_whether_bytes_wait_for_their_time() {
    let stage = Stage::each(bytes_per_second(16_000));
    let grant = stage.ask(&address(1), None).expect("nothing is refused");
    let mut meter = grant.meter(&HeldBack::default());
    meter.take(Bytes::from_static(&[7; 1500])).expect("nothing is cut");
    let piece = poll_fn(|cx| meter.poll_give(cx)).now_or_never().flatten().expect("the first piece may pass");
    assert_eq!(piece.len(), 1000);
    assert!(!meter.is_waiting());
    assert!(poll_fn(|cx| meter.poll_give(cx)).now_or_never().is_none());
    assert!(meter.is_waiting());
    assert_eq!(poll_fn(|cx| meter.poll_give(cx)).await.map(|piece| piece.len()), Some(500));
    assert!(!meter.is_waiting());
    assert!(poll_fn(|cx| meter.poll_give(cx)).await.is_none());
}
