use super::*;
use crate::config::FileRefusal;
use crate::failure::{Blame, UpstreamError, Violation};

fn failure_with(errors: ErrorRules, given: Answer) -> Failure {
    let mut create = create();
    create.request.target = Arc::new(Target { errors, ..target() });
    let mut run = begin(route(vec![create, store()]));
    run.sent(0);
    run.answered(given, now(0));
    run.failure(0)
}

fn failure(given: Answer) -> Failure {
    failure_with(ErrorRules::default(), given)
}

#[test]
fn statuses_are_mapped_and_blamed_as_the_contract_says() {
    let table = [
        (400, Problem::UpstreamRefused, Blame::Upstream),
        (401, Problem::UpstreamRefused, Blame::Gateway),
        (403, Problem::UpstreamRefused, Blame::Gateway),
        (404, Problem::UpstreamRefused, Blame::Upstream),
        (413, Problem::UpstreamRefusedFile, Blame::Client),
        (415, Problem::UpstreamRefusedFile, Blame::Client),
        (422, Problem::UpstreamRefusedFile, Blame::Client),
        (500, Problem::UpstreamFailed, Blame::Upstream),
        (503, Problem::UpstreamBusy, Blame::Upstream),
        (301, Problem::UpstreamMisbehaved, Blame::Upstream),
        (304, Problem::UpstreamMisbehaved, Blame::Upstream),
        (999, Problem::UpstreamMisbehaved, Blame::Upstream),
    ];
    for (status, problem, blame) in table {
        let failure = failure(answer(status, ""));
        assert_eq!((failure.problem, failure.blame, failure.committed), (problem, blame, Committed::No), "{status}");
        assert_eq!(failure.upstream.map(|upstream| upstream.status), Some(status));
        assert_eq!(failure.step.as_deref(), Some("create"));
    }
}

#[test]
fn usual_error_shapes_are_understood_without_a_word_in_the_rule() {
    let said = |code: Option<&str>, message: Option<&str>| UpstreamError {
        status: 400,
        code: code.map(ToOwned::to_owned),
        message: message.map(ToOwned::to_owned),
    };
    let table = [
        (
            "<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code><Message>Policy expired.</Message></Error>",
            said(Some("AccessDenied"), Some("Policy expired.")),
        ),
        (r#"{"type": "about:blank", "title": "Bad", "detail": "too bad"}"#, said(None, Some("too bad"))),
        (
            r#"{"errors": [{"status": "400", "code": "x", "title": "no such thing"}]}"#,
            said(Some("x"), Some("no such thing")),
        ),
        (r#"{"error": {"type": "invalid", "message": "not so"}}"#, said(Some("invalid"), Some("not so"))),
        (r#"{"error": "invalid_auth"}"#, said(Some("invalid_auth"), Some("invalid_auth"))),
        (r#"{"Message": "no", "__type": "com.amazon#Oops"}"#, said(Some("Oops"), Some("no"))),
        (r#"{"message": "Unauthenticated."}"#, said(None, Some("Unauthenticated."))),
        ("<html>nope</html>", said(None, None)),
        ("", said(None, None)),
    ];
    for (body, expected) in table {
        assert_eq!(failure(answer(400, body)).upstream, Some(expected), "{body}");
    }
}

#[test]
fn complaints_about_fields_have_one_shape() {
    let violation = |field: &str, message: &str| Violation { field: field.to_owned(), message: message.to_owned() };
    let table = [
        (r#"{"violations": [{"propertyPath": "name", "message": "is blank"}]}"#, vec![violation("name", "is blank")]),
        (
            r#"{"errors": {"data": ["is required", "is odd"], "x": "no"}}"#,
            vec![violation("data", "is required"), violation("data", "is odd"), violation("x", "no")],
        ),
        (r#"{"errors": [{"source": {"pointer": "/data/a"}, "detail": "no"}]}"#, vec![violation("/data/a", "no")]),
        (r#"{"errors": [{"title": "of the request"}]}"#, vec![]),
        (r#"{"errors": "text"}"#, vec![]),
    ];
    for (body, expected) in table {
        assert_eq!(failure(answer(400, body)).violations, expected, "{body}");
    }
}

#[test]
fn the_rules_own_places_win_and_name_refusals_of_the_file() {
    let errors = || ErrorRules {
        code: vec![text("${ json.missing }"), text("${ json.reason }")],
        detail: vec![text("${ headers['x-why'] }")],
        violations: Vec::new(),
        refuses_file: vec![
            FileRefusal { status: Some(400), codes: vec!["BAD_SIZE".to_owned()] },
            FileRefusal { status: Some(409), codes: Vec::new() },
        ],
    };
    let given = |status, reason: &str| {
        answer_with(status, &[("x-why", "because")], &format!(r#"{{"reason": "{reason}", "message": "other"}}"#))
    };
    let refused = failure_with(errors(), given(400, "BAD_SIZE"));
    assert_eq!((refused.problem, refused.blame), (Problem::UpstreamRefusedFile, Blame::Client));
    assert_eq!(refused.upstream.and_then(|upstream| upstream.message).as_deref(), Some("because"));
    assert_eq!(failure_with(errors(), given(400, "OTHER")).problem, Problem::UpstreamRefused);
    assert_eq!(failure_with(errors(), given(409, "OTHER")).problem, Problem::UpstreamRefusedFile);
}

#[test]
fn a_predicate_is_false_on_what_is_no_json_and_never_a_crash() {
    let outcome = |body: &str| {
        let mut create = create();
        create.expect.that = Some(text("${ json.ok }"));
        let mut run = begin(route(vec![create, store()]));
        run.sent(0);
        run.answered(answer(200, body), now(0));
        match run.next(now(0)) {
            Action::Fail(failure) => Some(failure.problem),
            _ => None,
        }
    };
    assert_eq!(outcome(r#"{"ok": true, "id": 1, "url": "https://b.storage.example.com/"}"#), None);
    assert_eq!(outcome(r#"{"ok": false, "error": "invalid_auth"}"#), Some(Problem::UpstreamRefused));
    assert_eq!(outcome(r#"{"ok": false}"#), Some(Problem::UpstreamMisbehaved));
    assert_eq!(outcome("<html>"), Some(Problem::UpstreamMisbehaved));
}

#[test]
fn an_answer_that_lacks_what_is_needed_misbehaves() {
    for body in ["", "{}", "[]", "null", r#"{"id": 1}"#, r#"{"id": null, "url": null}"#, r#"{"url": {}, "id": 1}"#] {
        let mut run = begin(route(vec![create(), store()]));
        run.sent(0);
        run.answered(answer(201, body), now(0));
        let failure = run.failure(0);
        assert_eq!((failure.problem, failure.committed), (Problem::UpstreamMisbehaved, Committed::No), "{body}");
    }
}

#[test]
fn a_number_beyond_64_bits_misbehaves_where_it_is_used() {
    let given = |id: &str| answer(201, &format!(r#"{{"id": {id}, "url": "https://b.storage.example.com/k"}}"#));
    for (id, good) in [("18446744073709551615", true), ("-9223372036854775807", true), ("18446744073709551616", false)]
    {
        let mut create = create();
        create.undo = None;
        let mut run = begin(route(vec![create, store(), finish()]));
        run.sent(0);
        run.answered(given(id), now(0));
        run.transfer(0);
        run.transferred(transferred(answer(200, "")), now(0));
        match run.next(now(0)) {
            Action::Send(request) => assert!(good && request.url.path() == format!("/files/{id}/done")),
            Action::Fail(failure) => assert!(!good && failure.problem == Problem::UpstreamMisbehaved, "{id}"),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn no_signed_url_of_an_upstream_reaches_the_failure() {
    let body = r#"{"message": "PUT https://b.storage.example.com/k?X-Amz-Signature=5ecret failed, token=5ecret123"}"#;
    let failure = failure(answer(400, body));
    let shown = failure.problem_json(&Uuid::nil(), Some("r")).to_string();
    assert!(!shown.contains("5ecret"), "{shown}");
}

/// A compressed answer would have to be unpacked, and a small one can unpack to anything.
#[test]
fn a_compressed_answer_is_not_read() {
    let coded = |coding: &str| {
        let mut coded = answer(400, r#"{"message": "told"}"#);
        coded.headers.push(("Content-Encoding".to_owned(), coding.as_bytes().to_vec()));
        failure(coded).upstream.and_then(|upstream| upstream.message)
    };
    assert_eq!(coded("identity").as_deref(), Some("told"));
    for coding in ["gzip", "identity, br", "GZIP", "x-unknown"] {
        assert_eq!(coded(coding), None, "{coding}");
    }
}
