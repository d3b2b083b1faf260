//! Notion: create, then send the file in one part.

use sandbox::peer::Reply;

use crate::example::{Example, json};

const CREATE: &str = "/v1/file_uploads";
const SEND: &str = "/v1/file_uploads/b52b8ed6/send";

async fn notion() -> Example {
    Example::start("notion.yaml", &[("NOTION_TOKEN", "ntn_token"), ("NOTION_URL", "{peer}")]).await
}

fn created(example: &Example, expiry: &str) -> Reply {
    let body = r#"{ "object": "file_upload", "id": "b52b8ed6", "status": "pending", "expiry_time": EXPIRY,
        "upload_url": "{peer}/v1/file_uploads/b52b8ed6/send" }"#;
    json(example, 200, &body.replace("EXPIRY", expiry)).at(CREATE)
}

fn sent(example: &Example, status: &str) -> Reply {
    let body = r#"{ "object": "file_upload", "id": "b52b8ed6", "status": "STATUS", "expiry_time": "2099-01-01T00:00:00.000Z" }"#;
    json(example, 200, &body.replace("STATUS", status)).at(SEND)
}

#[tokio::test]
async fn creates_an_upload_and_sends_it_with_the_same_type() {
    let example = notion().await;
    let expiry = r#""2099-01-01T00:00:00.000Z""#;
    [created(&example, expiry), sent(&example, "uploaded")].into_iter().for_each(|reply| example.peer.push(reply));
    let answer = example.put("/notion/file/%C3%BC.txt").await;
    insta::assert_snapshot!("notion", example.transcript(&answer));
}

#[tokio::test]
async fn an_expiry_of_null_is_none() {
    let example = notion().await;
    [created(&example, "null"), sent(&example, "uploaded")].into_iter().for_each(|reply| example.peer.push(reply));
    assert_eq!(example.put("/notion/file/a.txt").await.status, 201);
}

#[tokio::test]
async fn errors_have_a_code_and_a_message() {
    let example = notion().await;
    let expiry = r#""2099-01-01T00:00:00.000Z""#;
    let error = |status: u16, path: &str, code: &str, message: &str| {
        let body = format!(r#"{{ "object": "error", "status": {status}, "code": "{code}", "message": "{message}" }}"#);
        json(&example, status, &body).at(path)
    };
    let table = vec![
        (
            vec![error(400, CREATE, "validation_error", "body failed validation")],
            "502 upstream-refused upstream no | 400 validation_error | body failed validation | -",
        ),
        (
            vec![error(401, CREATE, "unauthorized", "API token is invalid.")],
            "502 upstream-refused gateway no | 401 unauthorized | API token is invalid. | -",
        ),
        (
            vec![created(&example, expiry), error(413, SEND, "validation_error", "File too large")],
            "422 upstream-refused-file client no | 413 validation_error | File too large | -",
        ),
        (
            vec![created(&example, expiry), sent(&example, "failed")],
            "502 upstream-misbehaved upstream unknown | 200 - | - | -",
        ),
    ];
    example.fails("/notion/file/a.txt", table).await;
}
