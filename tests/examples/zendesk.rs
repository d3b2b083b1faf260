//! Zendesk: the raw file, its name in the query.

use sandbox::peer::Reply;

use crate::example::{Example, json};

async fn zendesk() -> Example {
    let variables =
        [("ZENDESK_URL", "{peer}"), ("ZENDESK_EMAIL", "bot@example.com"), ("ZENDESK_API_TOKEN", "zendesk-token")];
    Example::start("zendesk.yaml", &variables).await
}

fn stored(example: &Example, size: usize) -> Reply {
    let body = r#"{ "upload": { "token": "6bk3gql82em5nmf", "expires_at": "2099-01-01T00:00:00Z", "attachment": {
        "id": 9007199254740993, "file_name": "a.txt", "content_type": "text/plain", "size": SIZE,
        "content_url": "https://acme.zendesk.com/attachments/token/x/?name=a.txt", "malware_scan_result": "not_scanned"
    } } }"#;
    json(example, 201, &body.replace("SIZE", &size.to_string()))
}

#[tokio::test]
async fn names_the_file_in_the_query() {
    let example = zendesk().await;
    example.peer.push(stored(&example, 32));
    let answer = example.put("/zendesk/upload/a%20b+c%26d%3D%22%C3%BC%22.txt").await;
    insta::assert_snapshot!("zendesk", example.transcript(&answer));
}

#[tokio::test]
async fn puts_a_file_beside_an_earlier_one() {
    let example = zendesk().await;
    example.peer.push(stored(&example, 32));
    let answer = example.post_form("/zendesk/upload", &[("token", "6bk3gql82em5nmf")], "a.txt").await;
    insta::assert_snapshot!("zendesk_beside", example.transcript(&answer));
}

#[tokio::test]
async fn errors_are_texts_or_maps() {
    let example = zendesk().await;
    let table = vec![
        (
            vec![json(&example, 422, r#"{ "error": "AttachmentTooBig", "description": "50 MB at most" }"#)],
            "422 upstream-refused-file client no | 422 AttachmentTooBig | 50 MB at most | -",
        ),
        (
            vec![json(&example, 400, r#"{ "error": "AttachmentTooBig", "description": "50 MB at most" }"#)],
            "422 upstream-refused-file client no | 400 AttachmentTooBig | 50 MB at most | -",
        ),
        (
            vec![json(&example, 403, r#"{ "error": { "title": "Forbidden", "message": "You do not have access" } }"#)],
            "502 upstream-refused gateway no | 403 Forbidden | You do not have access | -",
        ),
        (
            vec![json(&example, 401, r#"{ "error": "Couldn't authenticate you" }"#)],
            "502 upstream-refused gateway no | 401 Couldn't authenticate you | Couldn't authenticate you | -",
        ),
        (vec![stored(&example, 31)], "502 upstream-misbehaved upstream yes | null - | - | -"),
    ];
    example.fails("/zendesk/upload/a.txt", table).await;
}
