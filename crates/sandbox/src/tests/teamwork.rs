//! Teamwork Desk.

use serde_json::{Value, json};

use super::{Client, FORM, Reply, form, pairs, sandbox, send, split};
use crate::{ObjectState, Sandbox, System};

const AUTH: (&str, &str) = ("Authorization", "Bearer teamwork-sandbox-api-key");
const JSON: (&str, &str) = ("Content-Type", "application/json");
const REF: &str = "/desk/api/v2/files/ref.json";

async fn reference(sandbox: &Sandbox, body: &Value) -> Reply {
    let body = body.to_string();
    send(sandbox.origin(System::TeamworkDesk), "POST", REF, &[AUTH, JSON], body.as_bytes()).await
}

fn whole() -> Value {
    json!({ "type": "attachment", "filename": "päper <1>.png", "mimeType": "image/png", "disposition": "attachment" })
}

async fn activate(sandbox: &Sandbox, id: u64) -> Reply {
    let path = format!("/desk/api/v2/files/{id}.json");
    send(sandbox.origin(System::TeamworkDesk), "PATCH", &path, &[AUTH, JSON], b"").await
}

#[tokio::test]
async fn takes_a_file_in_three_steps_and_not_in_two() {
    let sandbox = sandbox().await;
    let reply = reference(&sandbox, &whole()).await;
    assert_eq!(reply.status, 201, "{}", reply.text());
    let answer = reply.json();
    let id = answer["file"]["id"].as_u64().expect("an integer");
    assert!(id > 1 << 53 && id % 2 == 1, "{id} must not survive a double");
    let fields = pairs(&answer["params"]);
    let names: Vec<&str> = fields.iter().map(|(name, _)| name.as_str()).collect();
    let documented = [
        "Content-Type",
        "bucket",
        "key",
        "policy",
        "success_action_status",
        "x-amz-algorithm",
        "x-amz-credential",
        "x-amz-date",
        "x-amz-signature",
    ];
    assert_eq!(names, documented);
    assert_eq!(activate(&sandbox, id).await.status, 409);
    let (origin, target) = split(answer["url"].as_str().expect("a URL"));
    let stored = send(&origin, "POST", &target, &[("Content-Type", FORM)], &form(&fields, b"abc")).await;
    assert_eq!(stored.status, 201);
    assert!(stored.text().contains("<Bucket>teamwork-desk-sandbox</Bucket>"), "{}", stored.text());
    assert!(stored.text().contains("päper &lt;1&gt;.png</Key>"), "{}", stored.text());
    assert_eq!(sandbox.objects()[0].state, ObjectState::Temp);
    let active = activate(&sandbox, id).await.json();
    assert_eq!((&active["file"]["state"], &active["file"]["size"]), (&json!("active"), &json!(3)));
    assert_eq!(active["file"]["id"].as_u64(), Some(id));
    assert_eq!(activate(&sandbox, id).await.status, 200, "a second PATCH changes nothing");
    assert_eq!(sandbox.objects()[0].state, ObjectState::Active);
}

#[tokio::test]
async fn words_validation_as_a_map_and_everything_else_as_a_list() {
    let sandbox = sandbox().await;
    for (member, value) in [
        ("type", json!("x")),
        ("filename", json!(7)),
        ("mimeType", json!(null)),
        ("disposition", json!("inline")),
        ("size", json!(3)),
    ] {
        let mut body = whole();
        body[member] = value;
        let reply = reference(&sandbox, &body).await;
        assert_eq!(reply.status, 400, "{body}");
        assert!(reply.json()["errors"][member][0].is_string(), "{}", reply.text());
    }
    let missing = activate(&sandbox, 5).await;
    assert_eq!(missing.status, 404);
    assert!(missing.json()["errors"][0]["detail"].is_string());
}

#[tokio::test]
async fn wants_the_activating_call_to_say_that_it_has_no_body() {
    let sandbox = sandbox().await;
    let mut client = Client::connect(sandbox.origin(System::TeamworkDesk)).await;
    client.head("PATCH", "/desk/api/v2/files/5.json", &[AUTH, JSON]).await;
    assert_eq!(client.reply().await.expect("an answer").status, 411);
    let reply = client.request("PATCH", "/desk/api/v2/files/5.json", &[AUTH, JSON], b"{}").await;
    assert_eq!(reply.status, 400);
    let connections: Vec<u64> = sandbox.journal().iter().map(|exchange| exchange.connection).collect();
    assert_eq!(connections.first(), connections.last(), "the connection stays open");
}
