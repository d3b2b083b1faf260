//! Airtable: base64 inside JSON; the answer holds the new attachment last under a key that the caller may not know.

use sandbox::peer::Reply;

use crate::example::{Example, json};

const TARGET: &str = "/airtable/attachment/a.txt?base_id=appABC&record_id=recDEF&field=My%20files%2F1";

async fn airtable() -> Example {
    Example::start("airtable.yaml", &[("AIRTABLE_TOKEN", "pat.token"), ("AIRTABLE_URL", "{peer}")]).await
}

#[tokio::test]
async fn sends_the_file_inside_json_and_finds_the_newest_attachment() {
    let example = airtable().await;
    let body = r#"{ "id": "recDEF", "createdTime": "2026-01-01T00:00:00.000Z", "fields": { "fld00000000000000": [
        { "id": "attOld", "url": "https://v5.airtableusercontent.com/old", "filename": "old.txt", "size": 1, "type": "text/plain" },
        { "id": "attNew", "url": "https://v5.airtableusercontent.com/new", "filename": "a.txt", "size": 32, "type": "text/plain" }
    ] } }"#;
    example.peer.push(json(&example, 200, body));
    let answer = example.put(TARGET).await;
    insta::assert_snapshot!("airtable", example.transcript(&answer));
}

#[tokio::test]
async fn errors_are_texts_or_maps() {
    let example = airtable().await;
    let table = vec![
        (
            vec![json(&example, 422, r#"{ "error": { "type": "INVALID_ATTACHMENT", "message": "The file is bad" } }"#)],
            "422 upstream-refused-file client no | 422 INVALID_ATTACHMENT | The file is bad | -",
        ),
        (
            vec![json(&example, 404, r#"{ "error": "NOT_FOUND" }"#)],
            "502 upstream-refused upstream no | 404 NOT_FOUND | NOT_FOUND | -",
        ),
        (
            vec![json(&example, 200, r#"{ "id": "recDEF", "fields": {} }"#)],
            "502 upstream-misbehaved upstream yes | null - | - | -",
        ),
        (vec![Reply::empty(502)], "502 upstream-failed upstream unknown | 502 - | - | -"),
    ];
    example.fails(TARGET, table).await;
}

#[tokio::test]
async fn a_path_cannot_be_left_by_a_parameter() {
    let example = airtable().await;
    for target in [
        "/airtable/attachment/a.txt?base_id=app%2F..&record_id=recDEF&field=x",
        "/airtable/attachment/a.txt?base_id=appABC&record_id=recDEF&field=..",
    ] {
        let answer = example.put(target).await;
        assert_eq!((answer.status, answer.problem().as_str()), (400, "invalid-parameter"), "{}", answer.json());
        assert_eq!(answer.json()["blame"], "client");
    }
    assert_eq!(example.peer.requests(), []);
}
