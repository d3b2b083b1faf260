//! Flowkiwi.

use serde_json::json;

use super::{Client, FORM, Reply, form, send};
use crate::{Fault, FaultKind, Options, Sandbox, Step, System};

const AUTH: (&str, &str) = ("Authorization", "Bearer flowkiwi-sandbox-token");
const ORGANIZATION: (&str, &str) = ("x-flowkiwi-organization-id", "0196f0aa-5b1e-738e-b88f-6e08c466a4f7");
const TYPE: (&str, &str) = ("Content-Type", FORM);
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\x01\0\0\0\0\x10\x08\x06\0\0\0";

async fn sandbox() -> Sandbox {
    let options = Options { flowkiwi_file_limit: 64, ..Options::default() };
    Sandbox::start(options).await.expect("loopback ports")
}

async fn upload(sandbox: &Sandbox, headers: &[(&str, &str)], body: &[u8]) -> Reply {
    send(sandbox.origin(System::Flowkiwi), "POST", "/rest/api/medias", headers, body).await
}

#[tokio::test]
async fn stores_a_file_and_tells_its_hash_and_dimensions() {
    let sandbox = sandbox().await;
    let reply = upload(&sandbox, &[AUTH, ORGANIZATION, TYPE], &form(&[], PNG)).await;
    assert_eq!(reply.status, 201, "{}", reply.text());
    assert!(reply.header("content-type").starts_with("application/ld+json"));
    let media = reply.json();
    assert_eq!(media["dimensions"], json!({ "width": 256, "height": 16 }));
    assert_eq!((&media["type"], &media["mimeType"]), (&json!("image"), &json!("image/png")));
    let objects = sandbox.objects();
    assert_eq!(objects.len(), 1);
    assert_eq!((media["hash"].as_str(), objects[0].size), (Some(objects[0].sha256.as_str()), PNG.len() as u64));
    assert_eq!(objects[0].content, None);
}

#[tokio::test]
async fn wants_token_organisation_and_exactly_one_file() {
    let sandbox = sandbox().await;
    let body = form(&[], PNG);
    assert_eq!(upload(&sandbox, &[ORGANIZATION, TYPE], &body).await.status, 401);
    assert_eq!(upload(&sandbox, &[AUTH, TYPE], &body).await.status, 400);
    let other = ("X-Flowkiwi-Organization-Id", "other");
    assert_eq!(
        upload(&sandbox, &[AUTH, other, TYPE], &body).await.json()["missingPermissions"][0],
        "identity:organization:access"
    );
    let extra = form(&[("title".into(), "x".into())], PNG);
    assert_eq!(upload(&sandbox, &[AUTH, ORGANIZATION, TYPE], &extra).await.status, 400);
    let empty = b"--XyZ--\r\n";
    assert_eq!(
        upload(&sandbox, &[AUTH, ORGANIZATION, TYPE], empty).await.json()["violations"][0]["propertyPath"],
        "file"
    );
    assert_eq!(upload(&sandbox, &[AUTH, ORGANIZATION, ("Content-Type", "image/png")], PNG).await.status, 415);
    assert!(sandbox.objects().is_empty());
}

#[tokio::test]
async fn limits_files_by_their_type() {
    let sandbox = sandbox().await;
    let body = form(&[], &[0; 65]);
    let reply = upload(&sandbox, &[AUTH, ORGANIZATION, TYPE], &body).await;
    assert_eq!(reply.status, 422);
    let problem = reply.json();
    assert_eq!(problem["violations"][0]["code"], "df8637af-d466-48c6-a59d-e7126250a654");
    assert_eq!(problem["@type"], "ConstraintViolation");
    let video = String::from_utf8_lossy(&body).replace("image/png", "video/mp4");
    assert_eq!(upload(&sandbox, &[AUTH, ORGANIZATION, TYPE], video.as_bytes()).await.status, 201);
}

#[tokio::test]
async fn reports_another_hash_when_told_to() {
    let sandbox = sandbox().await;
    sandbox.script(Fault::once(System::Flowkiwi, Step::Store, FaultKind::WrongHash));
    sandbox.script(Fault::once(System::Flowkiwi, Step::Store, FaultKind::Base64Hash));
    sandbox.script(Fault::once(System::Flowkiwi, Step::Store, FaultKind::MissingPermission("identity:x".into())));
    let body = form(&[], b"abc");
    let wrong = upload(&sandbox, &[AUTH, ORGANIZATION, TYPE], &body).await.json();
    assert_ne!(wrong["hash"], "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    let base64 = upload(&sandbox, &[AUTH, ORGANIZATION, TYPE], &body).await.json();
    assert_eq!(base64["hash"], "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=");
    let denied = upload(&sandbox, &[AUTH, ORGANIZATION, TYPE], &body).await;
    assert_eq!((denied.status, &denied.json()["missingPermissions"]), (403, &json!(["identity:x"])));
}

#[tokio::test]
async fn finds_the_end_of_the_file_wherever_the_body_is_cut() {
    let sandbox = Sandbox::start(Options { keep_objects: true, ..Options::default() }).await.expect("loopback ports");
    let content = b"\r\n--XyY\r\n--Xy\r\n\r\n\r--XyZ--\n--XyZ\r\n--";
    let body = form(&[], content);
    let mut client = Client::connect(sandbox.origin(System::Flowkiwi)).await;
    for piece in 1..=body.len() {
        let headers = [AUTH, ORGANIZATION, TYPE, ("Transfer-Encoding", "chunked")];
        client.head("POST", "/rest/api/medias", &headers).await;
        let mut chunked = Vec::new();
        for part in body.chunks(piece) {
            chunked.extend_from_slice(format!("{:X};x=y\r\n", part.len()).as_bytes());
            chunked.extend_from_slice(part);
            chunked.extend_from_slice(b"\r\n");
        }
        chunked.extend_from_slice(b"0\r\nTrailer: x\r\n\r\n");
        client.write(&chunked).await;
        let reply = client.reply().await.expect("an answer");
        assert_eq!(reply.status, 201, "in pieces of {piece}: {}", reply.text());
    }
    let objects = sandbox.objects();
    assert_eq!(objects.len(), body.len());
    assert!(objects.iter().all(|object| object.content.as_deref() == Some(content.as_slice())));
}
