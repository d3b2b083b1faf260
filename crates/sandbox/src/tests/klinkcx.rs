//! KlinkCX.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::json;
use tokio::io::AsyncWriteExt;

use super::{Reply, sandbox, send};
use crate::{Sandbox, System};

const AUTH: (&str, &str) = ("Authorization", "Bearer kpt_klinkcx-sandbox-token");
const JSON: (&str, &str) = ("Content-Type", "application/json");
const FILES: &str = "/api/v1/media-manager/files";
const PIXEL: &str = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg==";

async fn create(sandbox: &Sandbox, body: &str) -> Reply {
    send(sandbox.origin(System::KlinkCx), "POST", FILES, &[AUTH, JSON], body.as_bytes()).await
}

#[tokio::test]
async fn takes_the_documented_example_shows_it_and_deletes_it() {
    let sandbox = sandbox().await;
    let body = json!({
        "fileName": "red-pixel.png", "mimeType": "image/png", "title": "Red Pixel Test", "description": "A tiny test",
        "altText": "Alt text", "isPrivate": false, "folderId": "019b666f-5b1e-738e-b88f-6e08c466a4f7",
        "data": PIXEL, "isFavorite": true, "sortOrder": 0,
    });
    let reply = create(&sandbox, &body.to_string()).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    let data = &reply.json()["data"];
    assert_eq!((&data["upload"]["fileSize"], &data["folderId"]), (&json!(70), &json!(null)));
    assert_eq!(data["uploadId"], data["upload"]["id"]);
    let objects = sandbox.objects();
    assert_eq!(objects.len(), 1);
    assert_eq!(objects[0].content.as_deref(), Some(BASE64_STANDARD.decode(PIXEL).expect("base64").as_slice()));
    assert_eq!(objects[0].fields["folderId"], "019b666f-5b1e-738e-b88f-6e08c466a4f7");
    let path = format!("{FILES}/{}", objects[0].id);
    let origin = sandbox.origin(System::KlinkCx);
    assert_eq!(send(origin, "GET", &path, &[AUTH], b"").await.json()["data"]["id"], data["id"]);
    assert_eq!(send(origin, "DELETE", &path, &[AUTH], b"").await.status, 200);
    assert_eq!(send(origin, "DELETE", &path, &[AUTH], b"").await.status, 404);
    assert!(sandbox.objects().is_empty());
}

#[tokio::test]
async fn refuses_wrong_types_and_base64_that_is_not_standard() {
    let sandbox = sandbox().await;
    let whole = json!({ "data": "QUJD", "fileName": "a.txt", "mimeType": "text/plain" });
    for (member, value) in [
        ("isPrivate", json!("false")),
        ("isFavorite", json!(1)),
        ("sortOrder", json!("0")),
        ("folderId", json!("not-a-uuid")),
        ("title", json!(5)),
        ("alttext", json!("x")),
        ("data", json!("QUJ")),
        ("data", json!("data:text/plain;base64,QUJD")),
        ("data", json!("QUJD\nQUJD")),
        ("data", json!("-_-_")),
        ("data", json!("")),
        ("data", json!(["QUJD"])),
        ("fileName", json!(null)),
    ] {
        let mut body = whole.clone();
        body[member] = value;
        let reply = create(&sandbox, &body.to_string()).await;
        assert_eq!(reply.status, 422, "{body}");
        assert!(reply.json()["errors"][member][0].is_string(), "{}", reply.text());
    }
    assert_eq!(create(&sandbox, "{").await.status, 400);
    let reply = send(sandbox.origin(System::KlinkCx), "POST", FILES, &[JSON], b"{}").await;
    assert_eq!((reply.status, &reply.json()["message"]), (401, &json!("Unauthenticated.")));
    assert!(sandbox.objects().is_empty());
}

#[tokio::test]
async fn decodes_a_long_file_from_a_chunked_body() {
    let sandbox = sandbox().await;
    let content: Vec<u8> = (0..300_001_u32).map(|number| number.to_le_bytes()[0]).collect();
    let body = json!({ "fileName": "a.bin", "data": BASE64_STANDARD.encode(&content), "mimeType": "a/b" }).to_string();
    let mut client = super::Client::connect(sandbox.origin(System::KlinkCx)).await;
    client.head("POST", FILES, &[AUTH, JSON, ("Transfer-Encoding", "chunked")]).await;
    for piece in body.as_bytes().chunks(77_777) {
        client.write(format!("{:x}\r\n", piece.len()).as_bytes()).await;
        client.write(piece).await;
        client.write(b"\r\n").await;
    }
    client.write(b"0\r\n\r\n").await;
    let reply = client.reply().await.expect("an answer");
    assert_eq!(reply.json()["data"]["upload"]["fileSize"], 300_001);
    assert_eq!(sandbox.objects()[0].content.as_deref(), Some(content.as_slice()));
}

#[tokio::test]
async fn stores_nothing_without_the_last_chunk() {
    let sandbox = sandbox().await;
    let body = json!({ "fileName": "a.bin", "data": "QUJD", "mimeType": "a/b" }).to_string();
    for end in ["", "\r\n", "\r\n0\r\n"] {
        let mut client = super::Client::connect(sandbox.origin(System::KlinkCx)).await;
        client.head("POST", FILES, &[AUTH, JSON, ("Transfer-Encoding", "chunked")]).await;
        client.write(format!("{:x}\r\n{body}{end}", body.len()).as_bytes()).await;
        client.stream.get_mut().shutdown().await.expect("an open socket");
        assert!(client.reply().await.is_err(), "there is no answer to half a message");
    }
    let journal = sandbox.journal();
    assert_eq!(journal.len(), 3);
    assert!(journal.iter().all(|exchange| exchange.status.is_none() && !exchange.body_complete));
    assert!(sandbox.objects().is_empty());
}
