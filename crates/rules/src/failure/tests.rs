use super::*;

#[test]
fn every_problem_has_the_contracts_status_and_a_name_of_its_own() {
    let contract = [
        (
            400,
            "malformed-request malformed-form unknown-parameter missing-parameter invalid-parameter digest-mismatch length-mismatch empty-file file-too-small",
        ),
        (401, "unauthenticated"),
        (403, "forbidden"),
        (404, "no-such-route"),
        (405, "method-not-allowed"),
        (408, "client-too-slow"),
        (409, "idempotency-conflict"),
        (411, "length-required"),
        (413, "file-too-large"),
        (414, "target-too-long"),
        (415, "type-refused type-mismatch"),
        (417, "expectation-unknown"),
        (422, "extension-refused name-refused upstream-refused-file"),
        (429, "rate-limited"),
        (431, "head-too-large"),
        (499, "client-gone"),
        (500, "internal"),
        (501, "coding-not-supported"),
        (502, "upstream-refused upstream-failed upstream-misbehaved upstream-unreachable upstream-not-allowed"),
        (503, "overloaded draining upload-cancelled upstream-busy"),
        (504, "upstream-timeout"),
    ];
    let mut expected: Vec<_> =
        contract.iter().flat_map(|(status, names)| names.split(' ').map(|name| (*status, name))).collect();
    let mut table: Vec<_> = Problem::ALL.iter().map(|problem| (problem.status(), problem.name())).collect();
    expected.sort_unstable();
    table.sort_unstable();
    assert_eq!(table, expected);
}

#[test]
fn writes_the_contracts_members_in_their_order() {
    let mut failure = Failure::new(Problem::UpstreamRefused, "step `store` was refused").at_step("store");
    failure.upstream = Some(UpstreamError { status: 403, code: Some("AccessDenied".to_owned()), message: None });
    failure.violations.push(Violation { field: "name".to_owned(), message: "is taken".to_owned() });
    let text = failure.problem_json(&Uuid::nil(), Some("r")).to_string();
    assert_eq!(
        text,
        r#"{"type":"urn:tidegate:problem:upstream-refused","title":"The upstream refused the request","status":502,"detail":"step `store` was refused","upload_id":"00000000-0000-0000-0000-000000000000","route":"r","step":"store","blame":"upstream","retryable":false,"committed":"no","upstream":{"status":403,"code":"AccessDenied"},"violations":[{"field":"name","message":"is taken"}]}"#
    );
    let bare = Failure::new(Problem::NoSuchRoute, "x").problem_json(&Uuid::nil(), None);
    assert_eq!((&bare["route"], &bare["step"]), (&Value::Null, &Value::Null));
    assert!(bare.get("upstream").is_none() && bare.get("violations").is_none());
}

#[test]
fn a_file_that_may_exist_is_never_called_retryable() {
    let failure = Failure::new(Problem::UpstreamTimeout, "x");
    assert!(failure.retryable());
    assert!(!failure.committed(Committed::Unknown).retryable());
}

#[test]
fn retry_after_is_rounded_up() {
    let mut failure = Failure::new(Problem::Overloaded, "x");
    assert_eq!(failure.retry_after_seconds(), Some(5));
    failure.retry_after = Some(Duration::from_millis(1001));
    assert_eq!(failure.retry_after_seconds(), Some(2));
    failure.retry_after = Some(Duration::ZERO);
    assert_eq!(failure.retry_after_seconds(), Some(1));
}
