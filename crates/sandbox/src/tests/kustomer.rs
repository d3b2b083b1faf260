//! Kustomer, and with it the S3 form endpoint.

use serde_json::json;

use super::{Client, FORM, Reply, form, pairs, sandbox, send, split, tampered};
use crate::{Fault, FaultKind, ObjectState, Sandbox, Step, System};

const AUTH: (&str, &str) = ("Authorization", "Bearer kustomer-sandbox-api-key");
const JSON: (&str, &str) = ("Content-Type", "application/json");

async fn create(sandbox: &Sandbox, body: &str) -> Reply {
    send(sandbox.origin(System::Kustomer), "POST", "/v1/media", &[AUTH, JSON], body.as_bytes()).await
}

async fn granted(sandbox: &Sandbox) -> (String, Vec<(String, String)>) {
    let reply = create(sandbox, r#"{"name":"a.png","contentType":"image/png","contentLength":3}"#).await;
    assert_eq!(reply.status, 201, "{}", reply.text());
    let upload = &reply.json()["meta"]["upload"];
    (upload["url"].as_str().expect("a URL").to_owned(), pairs(&upload["fields"]))
}

async fn post(url: &str, body: &[u8]) -> Reply {
    let (origin, target) = split(url);
    send(&origin, "POST", &target, &[("Content-Type", FORM)], body).await
}

#[tokio::test]
async fn takes_a_file_through_its_own_policy() {
    let sandbox = sandbox().await;
    let (url, fields) = granted(&sandbox).await;
    let names: Vec<&str> = fields.iter().map(|(name, _)| name.as_str()).collect();
    let documented = [
        "key",
        "acl",
        "Content-Type",
        "X-Amz-Meta-Attachment-Id",
        "bucket",
        "X-Amz-Algorithm",
        "X-Amz-Credential",
        "X-Amz-Date",
        "Policy",
        "X-Amz-Signature",
    ];
    assert_eq!(names, documented);
    let reply = post(&url, &form(&fields, b"abc")).await;
    assert_eq!((reply.status, reply.text().as_str()), (204, ""));
    let objects = sandbox.objects();
    let [object] = objects.as_slice() else { panic!("one object, not {objects:?}") };
    assert_eq!((object.system, object.name.as_str(), object.size), (System::Kustomer, "a.png", 3));
    assert_eq!(object.sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_eq!(object.content.as_deref(), Some(b"abc".as_slice()));
    assert_eq!((object.state, object.writes), (ObjectState::Stored, 1));
    let path = format!("/v1/media/{}", object.id);
    let shown = send(sandbox.origin(System::Kustomer), "GET", &path, &[AUTH], b"").await;
    assert_eq!(shown.json()["data"]["attributes"]["uploaded"], json!(true));
}

#[tokio::test]
async fn refuses_wrongly_typed_unknown_and_missing_members() {
    let sandbox = sandbox().await;
    for (body, parameter) in [
        (r#"{"name":"a.png","contentType":"image/png","contentLength":"3"}"#, "contentLength"),
        (r#"{"name":"a.png","contentType":"image/png","contentLength":3.5}"#, "contentLength"),
        (r#"{"name":"a.png","contentType":"image/png","contentLength":-1}"#, "contentLength"),
        (r#"{"name":"a.png","contentType":"image/png"}"#, "contentLength"),
        (r#"{"name":1,"contentType":"image/png","contentLength":3}"#, "name"),
        (r#"{"name":"a.png","contentType":"image/png","contentLength":3,"context":"x"}"#, "context"),
    ] {
        let reply = create(&sandbox, body).await;
        assert_eq!(reply.status, 400, "{body}");
        let error = &reply.json()["errors"][0];
        assert_eq!((&error["status"], &error["source"]["parameters"]), (&json!("400"), &json!(parameter)), "{body}");
    }
    for name in ["a.exe", "a.PS1", "a.exe. ."] {
        let body = json!({ "name": name, "contentType": "a/b", "contentLength": 3 }).to_string();
        assert_eq!(create(&sandbox, &body).await.status, 400, "{name}");
    }
    let origin = sandbox.origin(System::Kustomer);
    let reply = send(origin, "POST", "/v1/media", &[("Authorization", "Bearer x"), JSON], b"{}").await;
    assert_eq!((reply.status, &reply.json()["errors"][0]["status"]), (401, &json!("401")));
    assert!(sandbox.announced().is_empty());
}

#[tokio::test]
async fn refuses_every_field_that_was_changed_left_out_or_added() {
    let sandbox = sandbox().await;
    let (url, fields) = granted(&sandbox).await;
    for (name, _) in &fields {
        for value in [Some("tampered"), None] {
            let body = form(&tampered(&fields, name, value), b"abc");
            if name == "bucket" && value.is_none() {
                continue; // The URL names the bucket as well.
            }
            let reply = post(&url, &body).await;
            assert!(matches!(reply.status, 400 | 403), "{name} {value:?}: {} {}", reply.status, reply.text());
        }
    }
    let mut extra = fields.clone();
    extra.insert(0, ("success_action_status".into(), "201".into()));
    let reply = post(&url, &form(&extra, b"abc")).await;
    assert_eq!(reply.status, 403);
    assert!(reply.text().contains("Extra input fields: success_action_status"), "{}", reply.text());
    assert!(sandbox.objects().is_empty());
    extra[0].0 = "x-ignore-this".into();
    assert_eq!(post(&url, &form(&extra, b"abc")).await.status, 204);
}

#[tokio::test]
async fn refuses_a_file_of_another_size() {
    let sandbox = sandbox().await;
    let (url, fields) = granted(&sandbox).await;
    for (content, code) in [("abcd", "EntityTooLarge"), ("ab", "EntityTooSmall"), ("", "EntityTooSmall")] {
        let reply = post(&url, &form(&fields, content.as_bytes())).await;
        assert_eq!(reply.status, 400);
        assert!(reply.text().contains(&format!("<Code>{code}</Code>")), "{}", reply.text());
    }
    assert!(sandbox.objects().is_empty());
}

#[tokio::test]
async fn refuses_an_expired_policy() {
    let sandbox = sandbox().await;
    sandbox.script(Fault::once(System::Kustomer, Step::Prepare, FaultKind::Expired));
    let (url, fields) = granted(&sandbox).await;
    let reply = post(&url, &form(&fields, b"abc")).await;
    assert_eq!(reply.status, 403);
    assert!(reply.text().contains("Policy expired."), "{}", reply.text());
}

#[tokio::test]
async fn refuses_chunked_forms_other_bodies_and_a_second_credential() {
    let sandbox = sandbox().await;
    let (url, fields) = granted(&sandbox).await;
    let (origin, target) = split(&url);
    let mut client = Client::connect(&origin).await;
    client.head("POST", &target, &[("Content-Type", FORM), ("Transfer-Encoding", "chunked")]).await;
    let reply = client.reply().await.expect("an early answer");
    assert_eq!((reply.status, reply.header("connection")), (411, "close"));
    assert!(reply.text().contains("MissingContentLength"));
    let body = form(&fields, b"abc");
    let reply = send(&origin, "POST", &target, &[("Content-Type", "image/png")], &body).await;
    assert_eq!(reply.status, 412);
    let reply = send(&origin, "POST", &target, &[("Content-Type", FORM), AUTH], &body).await;
    assert_eq!(reply.status, 400);
    let mut large = fields.clone();
    large.insert(0, ("x-ignore-large".into(), "x".repeat(21 * 1024)));
    assert!(post(&url, &form(&large, b"abc")).await.text().contains("MaxPostPreDataLengthExceeded"));
    assert!(sandbox.objects().is_empty());
}

#[tokio::test]
async fn refuses_a_file_before_its_fields_and_forms_that_do_not_end() {
    let sandbox = sandbox().await;
    let (url, fields) = granted(&sandbox).await;
    assert_eq!(post(&url, &form(&[], b"abc")).await.status, 403);
    let whole = form(&fields, b"abc");
    let cut = whole.strip_suffix(b"--\r\n").expect("a closing delimiter");
    let longer = [&whole, b"x".as_slice()].concat();
    for body in [cut, &longer, b"x"] {
        let reply = post(&url, body).await;
        assert_eq!(reply.status, 400);
        assert!(reply.text().contains("MalformedPOSTRequest"), "{}", reply.text());
    }
    assert!(sandbox.objects().is_empty());
}

#[tokio::test]
async fn stores_nothing_of_a_body_that_ends_early() {
    for resets in [false, true] {
        let sandbox = sandbox().await;
        let (url, fields) = granted(&sandbox).await;
        let (origin, target) = split(&url);
        let body = form(&fields, b"abc");
        let mut client = Client::connect(&origin).await;
        // One byte more is announced than ever comes: the form is whole, the message is not.
        let length = (body.len() + 1).to_string();
        client.head("POST", &target, &[("Content-Type", FORM), ("Content-Length", &length)]).await;
        client.write(&body).await;
        if resets {
            client.stream.get_mut().set_zero_linger().expect("a socket option");
        }
        drop(client);
        let exchange = loop {
            if let Some(exchange) = sandbox.journal().into_iter().find(|exchange| exchange.step == Step::Store) {
                break exchange;
            }
            tokio::task::yield_now().await;
        };
        assert_eq!((exchange.status, exchange.body_complete), (None, false));
        assert!(sandbox.objects().is_empty());
    }
}

#[tokio::test]
async fn points_elsewhere_and_spoils_the_storage_when_told_to() {
    let sandbox = sandbox().await;
    let elsewhere = FaultKind::PointElsewhere { origin: "http://169.254.169.254".into() };
    sandbox.script(Fault::once(System::Kustomer, Step::Prepare, elsewhere));
    let (url, _) = granted(&sandbox).await;
    assert_eq!(url, "http://169.254.169.254/kustomer-sandbox-attachments");
    let (url, fields) = granted(&sandbox).await;
    let busy = FaultKind::Fail { status: 503, retry_after: None };
    sandbox.script(Fault::once(System::TeamworkDesk, Step::Store, FaultKind::DropReply));
    sandbox.script(Fault::once(System::Kustomer, Step::Store, busy));
    let reply = post(&url, &form(&fields, b"abc")).await;
    assert_eq!(reply.status, 503);
    assert!(reply.text().contains("<Code>SlowDown</Code>"), "{}", reply.text());
    assert!(sandbox.objects().is_empty());
    assert_eq!(post(&url, &form(&fields, b"abc")).await.status, 204, "the other system's fault still waits");
}
