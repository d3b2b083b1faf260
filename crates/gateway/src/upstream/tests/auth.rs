//! Credentials: the vectors of AWS's own client, and what each kind puts into a head.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rules::config::{Auth, SecretRef, Target, TextOrSecret};
use rules::run::{HeaderText, NoAnswer, StepRequest};
use rules::url::Scheme;
use wire::http1::RequestFraming;

use super::{step, target, text, url, variable, with_auth};
use crate::secrets::Secrets;
use crate::upstream::head::{OutgoingHead, Payload};

const ARN_QUERY: &str = "?associatedResourceArn=arn%3Aaws%3Acases%3Aus-east-1%3A123456789012%3Adomain%2Fd1%2Fcase%2Fc1";
const FILES: &str = "/attached-files/11111111-2222-3333-4444-555555555555";

fn env(name: &str) -> SecretRef {
    SecretRef::Env(name.to_owned())
}

fn sigv4(service: &str, session_token: Option<&str>) -> Auth {
    Auth::SigV4 {
        service: service.to_owned(),
        region: "us-east-1".to_owned(),
        access_key_id: env("KEY_ID"),
        secret_access_key: env("KEY"),
        session_token: session_token.map(env),
    }
}

/// 2026-01-02T03:04:05Z.
fn then() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_767_323_045)
}

/// The head as it goes out, in text.
fn head_of(request: &StepRequest, payload: Payload<'_>) -> Result<String, NoAnswer> {
    let (secrets, _missing) = Secrets::read(&super::config(&[&request.target]), &variable);
    let head = OutgoingHead::new(request, payload, Some("00-a-b-01"), &secrets, then())?;
    Ok(text(&head.to_bytes(RequestFraming::None)?).to_owned())
}

fn connect_request(service: &str, method: &str, path: &str) -> StepRequest {
    let mut request = step(&with_auth(sigv4(service, None)), method, 0, "");
    request.url = url(Scheme::Https, "connect.us-east-1.amazonaws.com", 443, &format!("{path}{ARN_QUERY}"));
    request
}

#[test]
fn signs_a_json_body_as_aws_does() {
    let mut request = connect_request("connect", "PUT", FILES);
    request.headers.push(("Content-Type".to_owned(), HeaderText::Plain("application/json".to_owned())));
    let body = br#"{"FileName":"a.pdf","FileSizeInBytes":3,"FileUseCaseType":"ATTACHMENT","ClientToken":"t-1"}"#;
    let head = head_of(&request, Payload::Known(body)).expect("signed");
    assert!(head.contains("SignedHeaders=content-type;host;x-amz-date, "), "{head}");
    assert!(head.contains("Signature=121754823be4c050f71dde444d8542e4479ab056c7379e2af210ab3d237fbb65\r\n"), "{head}");
    assert!(head.contains("x-amz-date: 20260102T030405Z\r\n"), "{head}");
    assert!(!head.contains("x-amz-content-sha256"), "{head}");
}

#[test]
fn encodes_the_path_twice_for_services_other_than_s3() {
    let request = connect_request("connect", "POST", &format!("{FILES}/a%2Fb%20c"));
    let head = head_of(&request, Payload::Known(b"")).expect("signed");
    assert!(head.starts_with(&format!("POST {FILES}/a%2Fb%20c?")), "the path on the wire is encoded once: {head}");
    assert!(head.contains("SignedHeaders=host;x-amz-date, "), "{head}");
    assert!(head.contains("Signature=f7aeaa876f9c2afd7fc18c6533da963dd2ee0b5138b23449ee7a3f00cad69935\r\n"), "{head}");
}

#[test]
fn tells_s3_the_hash_of_a_small_body_and_that_a_streamed_one_is_unsigned() {
    let request = connect_request("s3", "PUT", "/bucket/key");
    let known = head_of(&request, Payload::Known(b"")).expect("signed");
    let empty = "x-amz-content-sha256: e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\r\n";
    assert!(known.contains(empty), "{known}");
    let streamed = head_of(&request, Payload::Streamed).expect("signed");
    assert!(streamed.contains("x-amz-content-sha256: UNSIGNED-PAYLOAD\r\n"), "{streamed}");
    assert!(streamed.contains("SignedHeaders=host;x-amz-content-sha256;x-amz-date, "), "{streamed}");
}

#[test]
fn signs_the_session_token_if_it_has_a_value() {
    let mut request = connect_request("connect", "POST", FILES);
    request.target = with_auth(sigv4("connect", Some("TOKEN")));
    let head = head_of(&request, Payload::Known(b"")).expect("signed");
    assert!(head.contains("x-amz-security-token: t0ken/+\r\n"), "{head}");
    assert!(head.contains("SignedHeaders=host;x-amz-date;x-amz-security-token, "), "{head}");
    request.target = with_auth(sigv4("connect", Some("EMPTY")));
    let head = head_of(&request, Payload::Known(b"")).expect("signed");
    assert!(!head.contains("x-amz-security-token"), "{head}");
}

#[test]
fn writes_each_kind_of_credential() {
    let basic = Auth::Basic { username: TextOrSecret::Text("user".to_owned()), password: env("TOKEN") };
    let header = Auth::Header { name: "X-Key".to_owned(), prefix: "Token ".to_owned(), value: env("TOKEN") };
    let cases = [
        (Auth::Bearer(env("TOKEN")), "\r\nAuthorization: Bearer t0ken/+\r\n"),
        (basic, "\r\nAuthorization: Basic dXNlcjp0MGtlbi8r\r\n"),
        (header, "\r\nX-Key: Token t0ken/+\r\n"),
        (Auth::Query { name: "key".to_owned(), value: env("TOKEN") }, "GET /a?b=c&key=t0ken%2F%2B HTTP/1.1\r\n"),
    ];
    for (auth, expected) in cases {
        let head = head_of(&step(&with_auth(auth), "GET", 80, "/a?b=c"), Payload::Known(b"")).expect("authorized");
        assert!(head.contains(expected), "{expected} in {head}");
    }
}

#[test]
fn lets_the_target_s_credentials_replace_a_field_of_the_rule() {
    let mut request = step(&with_auth(Auth::Bearer(env("TOKEN"))), "GET", 80, "/");
    request.headers.push(("authorization".to_owned(), HeaderText::Plain("Bearer mine".to_owned())));
    let head = head_of(&request, Payload::Known(b"")).expect("authorized");
    assert!(!head.contains("mine"), "{head}");
    assert_eq!(head.to_lowercase().matches("authorization").count(), 1, "{head}");
}

#[test]
fn names_a_secret_without_a_value_and_one_that_no_header_can_carry() {
    for (name, problem) in [("UNSET", "has no value"), ("EMPTY", "has no value"), ("BROKEN", "a control character")] {
        let request = step(&with_auth(Auth::Bearer(env(name))), "GET", 80, "/");
        let Err(NoAnswer::NoCredentials(why)) = head_of(&request, Payload::Known(b"")) else {
            panic!("{name} was sent");
        };
        assert!(why.contains(name) && why.contains(problem), "{why}");
        assert!(!why.contains("evil"), "the value stands in the error: {why}");
    }
}

#[test]
fn adds_its_own_fields_only_where_they_are_not_written_and_the_url_is_the_target_s_own() {
    let target: Arc<Target> = Arc::new(target());
    let own = head_of(&step(&target, "GET", 80, "/"), Payload::Known(b"")).expect("a head");
    assert!(own.starts_with("GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n"), "{own}");
    assert!(own.contains(concat!("\r\nUser-Agent: tidegate/", env!("CARGO_PKG_VERSION"), "\r\n")), "{own}");
    assert!(own.contains("\r\nAccept: application/json") && own.contains("\r\ntraceparent: 00-a-b-01\r\n"), "{own}");

    let mut learned = step(&target, "PUT", 8443, "/");
    learned.learned_url = true;
    learned.headers.push(("user-agent".to_owned(), HeaderText::Plain("custom".to_owned())));
    let learned = head_of(&learned, Payload::Streamed).expect("a head");
    assert_eq!(learned, "PUT / HTTP/1.1\r\nHost: 127.0.0.1:8443\r\nuser-agent: custom\r\n\r\n");
}

#[test]
fn refuses_to_write_a_learned_value_that_would_break_the_head() {
    let mut request = step(&Arc::new(target()), "GET", 80, "/");
    request.headers.push(("X".to_owned(), HeaderText::Plain("a\r\nHost: evil".to_owned())));
    assert!(matches!(head_of(&request, Payload::Known(b"")), Err(NoAnswer::Misbehaved(_))));
}
