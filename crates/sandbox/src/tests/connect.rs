//! Amazon Connect, and with it the S3 endpoint for presigned PUTs.

use serde_json::{Value, json};
use time::OffsetDateTime;

use super::{Client, Reply, pairs, send, split, tampered};
use crate::sigv4::{PathEncoding, Scope, Signable, amz_date, hex_sha256};
use crate::{Fault, FaultKind, ObjectState, Options, Sandbox, Step, System};

const QUERY: &str = "associatedResourceArn=arn%3Aaws%3Acases%3Aus-east-1%3A123456789012%3Adomain%2Fd1%2Fcase%2Fc1";
const FILES: &str = "/attached-files/11111111-2222-3333-4444-555555555555";
const TOKEN: &str = "caller/session+token=";

async fn sandbox(signs_length: bool) -> Sandbox {
    let options = Options {
        session_token: Some(TOKEN.into()),
        connect_signs_length: signs_length,
        connect_file_limit: 1000,
        ..Options::default()
    };
    Sandbox::start(options).await.expect("loopback ports")
}

/// Signs as a caller does and sends.
async fn call(sandbox: &Sandbox, method: &str, path: &str, body: &str) -> Reply {
    let origin = sandbox.origin(System::AmazonConnect);
    let now = OffsetDateTime::now_utc();
    let (scope, date) = (Scope::new(now, "us-east-1", "connect"), amz_date(now));
    let host = origin.strip_prefix("http://").expect("an origin");
    let fields = [("host", host), ("x-amz-date", date.as_str()), ("x-amz-security-token", TOKEN)];
    let headers: Vec<(String, String)> = fields.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
    let request = Signable {
        method,
        path,
        query: QUERY,
        headers: &headers,
        signed: &["host", "x-amz-date", "x-amz-security-token"],
        payload: &hex_sha256(body.as_bytes()),
        encoding: PathEncoding::Twice,
    };
    let secret = sandbox.environment().into_iter().find(|(name, _)| name == "AWS_SECRET_ACCESS_KEY");
    let signature = request.signature(&secret.expect("a secret").1, &date, &scope);
    let authorization = format!(
        "AWS4-HMAC-SHA256 Credential=AKIASANDBOXCALLER001/{}, SignedHeaders=host;x-amz-date;x-amz-security-token, Signature={signature}",
        scope.name()
    );
    let headers = [
        ("X-Amz-Date", date.as_str()),
        ("X-Amz-Security-Token", TOKEN),
        ("Authorization", authorization.as_str()),
        ("Content-Type", "application/json"),
    ];
    send(origin, method, &format!("{path}?{QUERY}"), &headers, body.as_bytes()).await
}

fn announcement(token: &str, name: &str) -> Value {
    json!({ "FileName": name, "FileSizeInBytes": 3, "FileUseCaseType": "ATTACHMENT", "ClientToken": token })
}

async fn start(sandbox: &Sandbox, body: &Value) -> Reply {
    call(sandbox, "PUT", FILES, &body.to_string()).await
}

async fn put(url: &str, headers: &[(String, String)], body: &[u8]) -> Reply {
    let (origin, target) = split(url);
    let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let mut client = Client::connect(&origin).await;
    if headers.iter().any(|(name, _)| *name == "Content-Length") {
        client.head("PUT", &target, &headers).await;
        client.write(body).await;
        return client.reply().await.expect("an answer");
    }
    client.request("PUT", &target, &headers, body).await
}

/// Starts and gives id, URL and headers.
async fn granted(sandbox: &Sandbox, token: &str, name: &str) -> (String, String, Vec<(String, String)>) {
    let reply = start(sandbox, &announcement(token, name)).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    let answer = reply.json();
    let target = &answer["UploadUrlMetadata"];
    let text = |value: &Value| value.as_str().expect("a string").to_owned();
    (text(&answer["FileId"]), text(&target["Url"]), pairs(&target["HeadersToInclude"]))
}

#[tokio::test]
async fn takes_a_file_and_scans_it() {
    for signs_length in [false, true] {
        let sandbox = sandbox(signs_length).await;
        for (name, verdict) in [("a b.pdf", "APPROVED"), ("Eicar.txt", "REJECTED")] {
            let (id, url, headers) = granted(&sandbox, name, name).await;
            let file = format!("{FILES}/{id}");
            assert_eq!(call(&sandbox, "POST", &file, "").await.status, 400, "there are no bytes yet");
            let stored = put(&url, &headers, b"abc").await;
            assert_eq!(stored.status, 200, "{}", stored.text());
            assert_eq!(stored.header("etag"), "\"900150983cd24fb0d6963f7d28e17f72\"");
            for _ in 0..2 {
                assert_eq!(call(&sandbox, "POST", &file, "").await.status, 200);
            }
            let batch = json!({ "FileIds": [id] }).to_string();
            let mut seen = Vec::new();
            for _ in 0..3 {
                let answer = call(&sandbox, "POST", FILES, &batch).await.json();
                seen.push(answer["Files"][0]["FileStatus"].as_str().unwrap_or_default().to_owned());
            }
            assert_eq!(seen, ["PROCESSING", "PROCESSING", verdict]);
            assert_eq!(call(&sandbox, "GET", &file, "").await.json()["FileStatus"], verdict);
        }
        let states: Vec<ObjectState> = sandbox.objects().iter().map(|object| object.state).collect();
        assert_eq!(states, [ObjectState::Approved, ObjectState::Rejected]);
    }
}

#[tokio::test]
async fn answers_a_repeated_start_with_the_same_file() {
    let sandbox = sandbox(false).await;
    let (first, ..) = granted(&sandbox, "t", "a.pdf").await;
    let (again, ..) = granted(&sandbox, "t", "a.pdf").await;
    assert_eq!(first, again);
    assert_eq!(start(&sandbox, &announcement("t", "b.pdf")).await.status, 409);
    assert_eq!(sandbox.announced().len(), 1);
    assert_eq!(call(&sandbox, "DELETE", &format!("{FILES}/{first}"), "").await.status, 200);
    let gone = call(&sandbox, "POST", &format!("{FILES}/{first}"), "").await;
    assert_eq!(gone.status, 404);
    assert!(gone.header("x-amzn-errortype").starts_with("ResourceNotFoundException:"), "{:?}", gone.headers);
}

#[tokio::test]
async fn refuses_announcements_that_the_model_does_not_allow() {
    let sandbox = sandbox(false).await;
    for (member, value, reason) in [
        ("FileSizeInBytes", json!(0), Some("INVALID_FILE_SIZE")),
        ("FileSizeInBytes", json!(1001), Some("INVALID_FILE_SIZE")),
        ("FileSizeInBytes", json!("3"), None),
        ("FileName", json!("a\u{7}.pdf"), Some("INVALID_FILE_NAME")),
        ("FileName", json!("a.exe"), Some("INVALID_FILE_TYPE")),
        ("UrlExpiryInSeconds", json!(4), None),
        ("UrlExpiryInSeconds", json!(301), None),
        ("FileUseCaseType", json!("VOICE_RECORDING"), None),
        ("Tags", json!({}), None),
        ("CreatedBy", json!("me"), None),
        ("ContentType", json!("a/b"), None),
    ] {
        let mut body = announcement("t", "a.pdf");
        body[member] = value;
        let reply = start(&sandbox, &body).await;
        assert_eq!(reply.status, 400, "{body}");
        let found = &reply.json()["Reason"]["AttachedFileInvalidRequestExceptionReason"];
        assert_eq!(found.as_str(), reason, "{body}");
        assert!(reply.json()["Message"].is_string());
    }
    let reply = send(sandbox.origin(System::AmazonConnect), "PUT", &format!("{FILES}?{QUERY}"), &[], b"{}").await;
    assert_eq!((reply.status, reply.json()["message"].is_string()), (403, true));
}

#[tokio::test]
async fn refuses_a_put_with_other_headers_than_were_signed() {
    let sandbox = sandbox(true).await;
    let (_, url, headers) = granted(&sandbox, "t", "a.pdf").await;
    for name in ["x-amz-server-side-encryption", "Content-Type"] {
        for value in [None, Some("other")] {
            let reply = put(&url, &tampered(&headers, name, value), b"abc").await;
            assert_eq!(reply.status, 403, "{name} {value:?}");
            assert!(reply.text().contains("SignatureDoesNotMatch"), "{}", reply.text());
        }
    }
    let longer = tampered(&headers, "Content-Length", Some("4"));
    assert_eq!(put(&url, &longer, b"abcd").await.status, 403);
    let mut unsigned = headers.clone();
    unsigned.push(("x-amz-acl".into(), "public-read".into()));
    assert!(put(&url, &unsigned, b"abc").await.text().contains("not signed: x-amz-acl"));
    unsigned[3] = ("Authorization".into(), "Bearer x".into());
    assert_eq!(put(&url, &unsigned, b"abc").await.status, 400);
    let other = url.replace("a.pdf?", "b.pdf?");
    assert_eq!(put(&other, &headers, b"abc").await.status, 403);
    assert!(sandbox.objects().is_empty());
    assert_eq!(put(&url, &headers, b"abc").await.status, 200);
}

#[tokio::test]
async fn refuses_chunked_late_and_unmeasured_puts() {
    let sandbox = sandbox(false).await;
    let (_, url, headers) = granted(&sandbox, "t", "a.pdf").await;
    let (origin, target) = split(&url);
    let mut client = Client::connect(&origin).await;
    client.head("PUT", &target, &[("Transfer-Encoding", "chunked")]).await;
    assert_eq!(client.reply().await.expect("an answer").status, 501);
    let mut client = Client::connect(&origin).await;
    client.head("PUT", &target, &[]).await;
    assert_eq!(client.reply().await.expect("an answer").status, 411);
    let mut digest = headers;
    digest.push(("Content-MD5".into(), "kAFQmDzST7DWlj99KOF/cg==".into()));
    assert!(put(&url, &digest, b"abd").await.text().contains("BadDigest"));
    assert_eq!(put(&url, &digest, b"abc").await.status, 200);
    sandbox.script(Fault::once(System::AmazonConnect, Step::Prepare, FaultKind::Expired));
    let (_, url, headers) = granted(&sandbox, "u", "a.pdf").await;
    let late = put(&url, &headers, b"abc").await;
    assert_eq!(late.status, 403);
    assert!(late.text().contains("Request has expired"), "{}", late.text());
}

#[tokio::test]
async fn refuses_to_complete_a_file_of_another_size() {
    let sandbox = sandbox(false).await;
    let (id, url, headers) = granted(&sandbox, "t", "a.pdf").await;
    assert_eq!(put(&url, &headers, b"abcd").await.status, 200);
    let reply = call(&sandbox, "POST", &format!("{FILES}/{id}"), "").await;
    assert_eq!(reply.status, 400);
    assert_eq!(reply.json()["Reason"]["AttachedFileInvalidRequestExceptionReason"], "INVALID_FILE_SIZE");
}
