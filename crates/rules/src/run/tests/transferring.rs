use super::*;
use crate::failure::Blame;
use crate::fair_use::{Limit, Refusal, Scope};

fn streaming() -> Run {
    let mut run = begin(route(vec![create(), store(), finish()])).created();
    run.transfer(1);
    run
}

#[test]
fn a_good_upload_sends_every_step_once_and_ends_with_the_result() {
    let mut run = begin(route(vec![create(), store(), finish()]));
    let create = run.sent(0);
    assert_eq!((create.method.as_str(), full_url(&create.url).as_str()), ("POST", "https://api.example.com/files"));
    assert_eq!(body_of(&create), r#"{"name":"a b.png","size":3}"#);
    assert_eq!(header(&create, "content-type"), Some("application/json"));
    assert_eq!(full_url(&run.sent(0).url), full_url(&create.url), "the same action until it is reported");
    run.answered(answer(201, CREATED), now(1));
    let store = run.transfer(1);
    assert_eq!(full_url(&store.request.url), "https://b.storage.example.com/k?sig=a%2Fb");
    assert!(store.request.learned_url && store.request.body.is_none());
    assert_eq!((store.body_len, store.file_len), (Some(3), Some(3)));
    assert_eq!(header(&store.request, "content-type"), Some("image/png"));
    run.transferred(transferred(answer(200, "")), now(2));
    let finish = run.sent(2);
    assert_eq!(full_url(&finish.url), "https://api.example.com/files/9007199254740993/done");
    assert!(finish.body.is_none());
    run.answered(answer(200, "{}"), now(3));
    let receipt = run.receipt(3);
    assert_eq!(receipt.result.to_string(), r#"{"id":9007199254740993}"#);
    assert!(!receipt.processing);
    assert!(run.take_undo().is_empty(), "nothing is taken back of a good upload");
}

#[test]
fn each_trouble_with_the_body_is_the_contracts_problem_and_commits_nothing() {
    let early = |status| TransferTrouble::EarlyAnswer(answer(status, ""));
    let refusal = Refusal { scope: Scope::Client, limit: Limit::Uploads(9), wait: Duration::from_secs(60) };
    let table = [
        (TransferTrouble::ClientGone, Problem::ClientGone),
        (TransferTrouble::ClientTooSlow("slow".to_owned()), Problem::ClientTooSlow),
        (TransferTrouble::EndedShort { expected: 3, received: 2 }, Problem::LengthMismatch),
        (TransferTrouble::RanOver { expected: 3 }, Problem::LengthMismatch),
        (TransferTrouble::WrongLength("x".to_owned()), Problem::LengthMismatch),
        (TransferTrouble::TooLarge { limit: 2 }, Problem::FileTooLarge),
        (TransferTrouble::OverLimit(refusal), Problem::RateLimited),
        (TransferTrouble::TooSmall { limit: 1, received: 0 }, Problem::EmptyFile),
        (TransferTrouble::TooSmall { limit: 9, received: 3 }, Problem::FileTooSmall),
        (TransferTrouble::Digest("sha-256".to_owned()), Problem::DigestMismatch),
        (TransferTrouble::MalformedForm("x".to_owned()), Problem::MalformedForm),
        (TransferTrouble::MalformedRequest("x".to_owned()), Problem::MalformedRequest),
        (TransferTrouble::Cancelled, Problem::UploadCancelled),
        (TransferTrouble::Draining, Problem::Draining),
        (early(403), Problem::UpstreamRefused),
        (early(413), Problem::UpstreamRefusedFile),
        (early(500), Problem::UpstreamFailed),
        (early(503), Problem::UpstreamBusy),
        (early(302), Problem::UpstreamMisbehaved),
        (TransferTrouble::Upstream(NoAnswer::Broken("reset".to_owned())), Problem::UpstreamFailed),
        (TransferTrouble::Upstream(NoAnswer::Timeout), Problem::UpstreamTimeout),
        (TransferTrouble::Upstream(NoAnswer::Misbehaved("x".to_owned())), Problem::UpstreamMisbehaved),
        (TransferTrouble::Upstream(NoAnswer::NoCredentials("x".to_owned())), Problem::Internal),
    ];
    for (trouble, problem) in table {
        let mut run = streaming();
        run.not_transferred(trouble.clone(), TransferStage::Withheld, now(2));
        let store = Some("store".to_owned());
        assert_eq!(problem_of(run), (problem, Committed::No, store), "{trouble:?}");
    }
}

#[test]
fn after_the_release_nobody_knows_and_an_early_success_is_none() {
    let mut run = streaming();
    run.not_transferred(TransferTrouble::Upstream(NoAnswer::Timeout), TransferStage::Released, now(2));
    assert_eq!(problem_of(run).1, Committed::Unknown);

    let mut run = streaming();
    run.not_transferred(TransferTrouble::EarlyAnswer(answer(200, "")), TransferStage::Withheld, now(2));
    let (problem, committed, _) = problem_of(run);
    assert_eq!((problem, committed), (Problem::UpstreamMisbehaved, Committed::Unknown));
}

#[test]
fn the_transfer_dials_once_more_only_while_nothing_is_lost() {
    let unreachable = || TransferTrouble::Upstream(NoAnswer::Unreachable("refused".to_owned()));
    let mut run = streaming();
    run.not_transferred(unreachable(), TransferStage::NothingSent, now(2));
    assert_eq!(run.pause(1), (Duration::from_secs(1), Some(RetryReason::Unreachable)), "time did not pass yet");
    assert_eq!(run.transfer(2).request.attempt, 2);
    run.not_transferred(unreachable(), TransferStage::NothingSent, now(3));
    assert_eq!(problem_of(run).0, Problem::UpstreamUnreachable);

    let mut run = streaming();
    run.not_transferred(TransferTrouble::Upstream(NoAnswer::Broken(String::new())), TransferStage::Replayable, now(2));
    assert_eq!(run.transfer(2).request.attempt, 2);

    let mut run = streaming();
    run.not_transferred(
        TransferTrouble::Upstream(NoAnswer::NotAllowed("::1".to_owned())),
        TransferStage::NothingSent,
        now(2),
    );
    assert_eq!(problem_of(run).0, Problem::UpstreamNotAllowed);
}

#[test]
fn a_final_answer_decides_what_is_committed() {
    let table = [
        (answer(403, "<Error><Code>AccessDenied</Code></Error>"), Problem::UpstreamRefused, Committed::No),
        (answer(400, "<Error><Code>EntityTooLarge</Code></Error>"), Problem::UpstreamRefusedFile, Committed::No),
        (answer(500, ""), Problem::UpstreamFailed, Committed::Unknown),
        (answer(307, ""), Problem::UpstreamMisbehaved, Committed::Unknown),
        (answer(429, ""), Problem::UpstreamBusy, Committed::No),
    ];
    for (given, problem, committed) in table {
        let mut run = streaming();
        run.transferred(transferred(given.clone()), now(2));
        assert_eq!(problem_of(run), (problem, committed, Some("store".to_owned())), "{given:?}");
    }
}

#[test]
fn a_failed_check_means_that_the_file_is_there() {
    let mut store = store();
    store.check = vec![text("${ store.json.hash == file.sha256.hex }")];
    let good = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    for (hash, fails) in [(good, false), ("other", true)] {
        let mut run = begin(route(vec![create(), store.clone()])).created();
        run.transfer(1);
        run.transferred(transferred(answer(200, &format!(r#"{{"hash": "{hash}"}}"#))), now(2));
        if fails {
            assert_eq!(problem_of(run), (Problem::UpstreamMisbehaved, Committed::Yes, Some("store".to_owned())));
        } else {
            run.receipt(2);
        }
    }
}

#[test]
fn whatever_was_begun_is_taken_back_latest_first() {
    let mut finish = finish();
    finish.undo = Some(Undo {
        request: step("finish", http::Method::POST, "/undone", Body::None).request,
        statuses: vec![(200, 200)],
    });
    let mut last = step("last", http::Method::GET, "/last", Body::None);
    last.expect.statuses = vec![(200, 200)];
    let mut run = begin(route(vec![create(), store(), finish, last])).created();
    run.transfer(1);
    run.transferred(transferred(answer(200, "")), now(2));
    run.sent(2);
    run.answered(answer(200, "{}"), now(2));
    run.sent(2);
    run.answered(answer(404, ""), now(2));
    let failure = run.failure(3);
    assert_eq!((failure.committed, failure.step.as_deref()), (Committed::Yes, Some("last")));
    let undo: Vec<_> =
        run.take_undo().into_iter().map(|undo| (full_url(&undo.request.url), undo.removes_file)).collect();
    let expected = [
        ("https://api.example.com/undone".to_owned(), false),
        ("https://api.example.com/files/9007199254740993".to_owned(), true),
    ];
    assert_eq!(undo, expected);
    assert!(run.take_undo().is_empty());
}

#[test]
fn a_vanished_client_between_the_stages_is_cancelled_and_undone() {
    let mut run = begin(route(vec![create(), store()])).created();
    run.abort(TransferTrouble::ClientGone);
    assert_eq!(run.failure(1).problem, Problem::ClientGone);
    assert_eq!(run.take_undo().len(), 1);
}

#[test]
fn a_url_to_anywhere_else_is_not_allowed_and_the_step_is_taken_back() {
    for url in [
        "https://evil.example.org/k",
        "http://b.storage.example.com/k",
        "https://b.storage.example.com:8443/k",
        "https://b.storage.example.com@evil.org/k",
        "https://user@b.storage.example.com/k",
        "https://storage.example.com/k",
        "https://b.storage.example.com\\\\.evil.org/k",
        "//b.storage.example.com/k",
        "/k",
        "file:///etc/passwd",
        "",
    ] {
        let mut run = begin(route(vec![create(), store()]));
        run.sent(0);
        run.answered(answer(201, &format!(r#"{{"id": 1, "url": "{url}"}}"#)), now(0));
        let failure = run.failure(0);
        assert_eq!((failure.problem, failure.blame), (Problem::UpstreamNotAllowed, Blame::Upstream), "{url}");
        assert_eq!(run.take_undo().len(), 1, "{url}");
    }
}

#[test]
fn an_unknown_size_is_sent_chunked_where_the_target_takes_it() {
    let mut store = step("store", http::Method::PUT, "/put", Body::File);
    store.request.target = Arc::new(Target { chunked: true, ..target() });
    let mut run = begin_with(route(vec![store]), offer("a", None));
    let request = run.transfer(0);
    assert_eq!((request.body_len, request.file_len), (None, None));
}
