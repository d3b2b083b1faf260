use super::*;
use crate::config::Poll;

#[test]
fn an_idempotent_step_has_three_attempts() {
    let mut create = create();
    create.retry = RetryClass::Idempotent;
    let mut run = begin(route(vec![create, store()]));
    for attempt in 1..=3 {
        let at = u64::from(attempt) * 10;
        assert_eq!(run.sent(at).attempt, attempt);
        run.answered(answer(500, ""), now(at));
        if attempt < 3 {
            let (pause, retry) = run.pause(at);
            assert_eq!(retry, Some(RetryReason::Failed));
            assert!(pause >= Duration::from_millis(50) && pause <= Duration::from_secs(2), "{pause:?}");
        }
    }
    assert_eq!(problem_of(run).0, Problem::UpstreamFailed);
}

#[test]
fn a_step_that_is_not_idempotent_is_sent_again_only_if_nothing_was_done() {
    let nothing_done = [answer_with(503, &[("retry-after", "1")], ""), answer_with(429, &[("retry-after", "1")], "")];
    for given in nothing_done {
        let mut run = begin(route(vec![create(), store()]));
        run.sent(0);
        run.answered(given, now(0));
        assert_eq!(run.pause(0), (Duration::from_secs(1), Some(RetryReason::Busy)));
        assert_eq!(run.sent(1).attempt, 2);
    }
    for given in [answer(500, ""), answer(503, ""), answer(502, "")] {
        let mut run = begin(route(vec![create(), store()]));
        run.sent(0);
        run.answered(given, now(0));
        assert_eq!(run.failure(0).committed, Committed::No);
    }
}

#[test]
fn a_busy_upstream_tells_the_client_when_to_come_back() {
    let mut run = begin(route(vec![create(), store()]));
    run.sent(0);
    run.answered(answer_with(429, &[("retry-after", "Tue, 01 Jan 2030 00:01:00 GMT")], ""), now(0));
    let failure = run.failure(0);
    assert_eq!((failure.problem, failure.retry_after_seconds()), (Problem::UpstreamBusy, Some(60)));
}

#[test]
fn every_step_dials_once_more_and_no_more() {
    let mut run = begin(route(vec![create(), store()]));
    run.sent(0);
    run.not_answered(NoAnswer::StaleConnection, now(0));
    assert_eq!(run.sent(0).attempt, 2);
    run.not_answered(NoAnswer::StaleConnection, now(0));
    assert_eq!(problem_of(run), (Problem::UpstreamFailed, Committed::No, Some("create".to_owned())));
}

#[test]
fn an_object_whose_answer_was_lost_may_exist() {
    let mut run = begin(route(vec![create(), store()]));
    run.sent(0);
    run.not_answered(NoAnswer::Timeout, now(0));
    assert_eq!(problem_of(run), (Problem::UpstreamTimeout, Committed::Unknown, Some("create".to_owned())));

    let ask = step("ask", http::Method::GET, "/ask", Body::None);
    let mut run = begin(route(vec![ask, step("store", http::Method::PUT, "/put", Body::File)]));
    run.sent(0);
    run.not_answered(NoAnswer::Timeout, now(0));
    assert_eq!(problem_of(run).1, Committed::No);
}

fn scanned(otherwise_processing: bool) -> Run {
    let mut scan = step("scan", http::Method::GET, "/files/1", Body::None);
    scan.poll = Some(Poll {
        until: text("${ json.state == 'ready' }"),
        fail_when: Some(text("${ scan.json.state == 'rejected' }")),
        fail_refuses_file: true,
        every: Duration::from_secs(1),
        within: Duration::from_secs(2),
        otherwise_processing,
    });
    let mut run = begin(route(vec![step("store", http::Method::PUT, "/put", Body::File), scan]));
    run.transfer(0);
    run.transferred(transferred(answer(200, "")), now(0));
    run
}

fn polled(run: &mut Run, at: u64, state: &str) {
    run.sent(at);
    run.answered(answer(200, &format!(r#"{{"state": "{state}"}}"#)), now(at));
}

#[test]
fn polls_until_the_condition_holds() {
    let mut run = scanned(false);
    polled(&mut run, 0, "busy");
    assert_eq!(run.pause(0), (Duration::from_secs(1), None));
    polled(&mut run, 1, "ready");
    assert!(!run.receipt(1).processing);
}

#[test]
fn polling_that_fails_blames_the_file_and_past_its_time_ends_as_the_rule_says() {
    let mut run = scanned(false);
    polled(&mut run, 0, "rejected");
    assert_eq!(problem_of(run), (Problem::UpstreamRefusedFile, Committed::Yes, Some("scan".to_owned())));

    for processing in [true, false] {
        let mut run = scanned(processing);
        for second in 0..=2 {
            polled(&mut run, second, "busy");
        }
        if processing {
            assert!(run.receipt(2).processing);
        } else {
            assert_eq!(problem_of(run).0, Problem::UpstreamTimeout);
        }
    }
}

#[test]
fn a_stale_url_is_fetched_again_once_after_the_first_is_taken_back() {
    let mut create = create();
    create.expires = Some(text("${ create.json.until }"));
    let gives = |until: u64, id: u64| {
        let until = now(until).wall.unix_timestamp();
        answer(201, &format!(r#"{{"id": {id}, "url": "https://b.storage.example.com/{id}", "until": {until}}}"#))
    };
    let mut run = begin(route(vec![create, store()]));
    run.sent(0);
    run.answered(gives(5, 1), now(0));
    assert!(run.transfer(3).request.url.path() == "/1" && run.is_fresh(now(3)), "five seconds are enough at three");
    assert!(!run.is_fresh(now(4)), "a fifth of its life is kept for skewed clocks");
    let undo = run.sent(4);
    assert_eq!((undo.method.as_str(), undo.url.path()), ("DELETE", "/files/1"));
    run.answered(answer(204, ""), now(4));
    assert_eq!(run.sent(4).method.as_str(), "POST");
    run.answered(gives(9, 2), now(4));
    assert_eq!(run.transfer(5).request.url.path(), "/2");
    assert!(!run.is_fresh(now(9)));
    let failure = run.failure(9);
    assert_eq!((failure.problem, failure.committed), (Problem::UpstreamMisbehaved, Committed::No));
    assert_eq!(run.take_undo().len(), 1);
}

#[test]
fn a_skipped_step_is_not_sent_and_its_answer_is_undefined() {
    let mut skipped = step("skipped", http::Method::GET, "/skipped", Body::None);
    skipped.when = Some(text("${ file.size > 100 }"));
    let mut route = route(vec![skipped, step("store", http::Method::PUT, "/put", Body::File)]);
    route.result = Tree::Leaf(text("${ skipped.json.x | default('nothing') }"));
    let mut run = begin(route);
    run.transfer(0);
    run.transferred(transferred(answer(200, "")), now(0));
    assert_eq!(run.receipt(0).result, "nothing");
}

#[test]
fn the_same_seed_gives_the_same_run_and_a_missing_key_is_made_once() {
    let key = |seed: [u8; 16], given: Option<&str>| {
        let mut create = create();
        create.request.headers = vec![written("Idempotency-Key", "${ upload.idempotency_key }")];
        create.retry = RetryClass::Idempotent;
        let mut offer = offer("a", Some(3));
        offer.idempotency_key = given.map(ToOwned::to_owned);
        let admission = admit(&Arc::new(route(vec![create, store()])), offer).expect("admitted");
        let mut run = Run::begin(&plan(admission).expect("planned"), seed);
        let first = header(&run.sent(0), "idempotency-key").map(ToOwned::to_owned);
        run.answered(answer(500, ""), now(0));
        assert_eq!(header(&run.sent(9), "idempotency-key").map(ToOwned::to_owned), first, "stable over retries");
        first.expect("a key")
    };
    assert_eq!(key(SEED, None), key(SEED, None));
    assert_ne!(key(SEED, None), key([8; 16], None));
    assert!(Uuid::try_parse(&key(SEED, None)).is_ok());
    assert_eq!(key(SEED, Some("mine")), "mine");
}

#[test]
fn an_undo_that_was_interrupted_is_not_lost() {
    let mut create = create();
    create.expires = Some(text("${ create.json.until }"));
    let mut run = begin(route(vec![create, store()]));
    run.sent(0);
    let until = now(5).wall.unix_timestamp();
    let body = format!(r#"{{"id": 1, "url": "https://b.storage.example.com/1", "until": {until}}}"#);
    run.answered(answer(201, &body), now(0));
    assert_eq!(run.sent(6).method.as_str(), "DELETE");
    run.abort(TransferTrouble::ClientGone);
    let undo: Vec<_> = run.take_undo().into_iter().map(|undo| undo.request.url.path().to_owned()).collect();
    assert_eq!(undo, ["/files/1"]);
}
