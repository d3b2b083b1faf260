//! OpenAI: a form whose optional fields have brackets in their names.

use sandbox::peer::Reply;

use crate::example::{Example, json};

async fn openai() -> Example {
    Example::start("openai.yaml", &[("OPENAI_API_KEY", "sk-key"), ("OPENAI_URL", "{peer}")]).await
}

fn stored(example: &Example, bytes: usize) -> Reply {
    let body = r#"{ "id": "file-abc123", "object": "file", "bytes": BYTES, "created_at": 1677610602,
        "filename": "a.txt", "purpose": "user_data" }"#;
    json(example, 200, &body.replace("BYTES", &bytes.to_string()))
}

#[tokio::test]
async fn sends_a_purpose_and_the_file() {
    let example = openai().await;
    example.peer.push(stored(&example, 32));
    let answer = example.put("/openai/file/a.txt").await;
    insta::assert_snapshot!("openai", example.transcript(&answer));
}

#[tokio::test]
async fn an_expiry_is_two_fields_with_brackets() {
    let example = openai().await;
    example.peer.push(stored(&example, 32));
    let fields = [("purpose", "fine-tune"), ("expires_after_seconds", "3600")];
    let answer = example.post_form("/openai/file", &fields, "a.jsonl").await;
    insta::assert_snapshot!("openai_expiring", example.transcript(&answer));
}

#[tokio::test]
async fn errors_have_a_code_or_a_type() {
    let example = openai().await;
    let error = |status: u16, code: &str| {
        let body = r#"{ "error": { "message": "Invalid file format.", "type": "invalid_request_error", "param": "file", "code": CODE } }"#;
        json(&example, status, &body.replace("CODE", code))
    };
    let table = vec![
        (
            vec![error(400, "null")],
            "502 upstream-refused upstream no | 400 invalid_request_error | Invalid file format. | -",
        ),
        (
            vec![error(401, "\"invalid_api_key\"")],
            "502 upstream-refused gateway no | 401 invalid_api_key | Invalid file format. | -",
        ),
        (
            vec![error(429, "\"rate_limit_exceeded\"").with("Retry-After", "1")],
            "503 upstream-busy upstream no | 429 rate_limit_exceeded | Invalid file format. | -",
        ),
        (vec![stored(&example, 0)], "502 upstream-misbehaved upstream yes | null - | - | -"),
    ];
    example.fails("/openai/file/a.txt", table).await;
}

#[tokio::test]
async fn parameters_are_checked_before_anything_is_sent() {
    let example = openai().await;
    for query in ["purpose=other", "expires_after_seconds=60", "expires_after_seconds=9999999"] {
        let answer = example.put(&format!("/openai/file/a.txt?{query}")).await;
        assert_eq!((answer.status, answer.problem().as_str()), (400, "invalid-parameter"), "{query}");
    }
    assert_eq!(example.peer.requests(), []);
}
