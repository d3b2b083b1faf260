//! Slack: errors are status 200 with `"ok": false`.

use sandbox::peer::{Recorded, Reply};

use crate::example::{Example, json};

const TICKET: &str = "/api/files.getUploadURLExternal";
const STORE: &str = "/upload/v1/CwABAAAAXAoAAVnX";
const COMPLETE: &str = "/api/files.completeUploadExternal";

async fn slack() -> Example {
    let variables = [("SLACK_TOKEN", "xoxb-0-token"), ("SLACK_URL", "{peer}"), ("SLACK_STORAGE", "{peer}")];
    Example::start("slack.yaml", &variables).await
}

fn ticket(example: &Example) -> Reply {
    let body = r#"{ "ok": true, "upload_url": "{peer}/upload/v1/CwABAAAAXAoAAVnX", "file_id": "F123ABC456" }"#;
    json(example, 200, body).at(TICKET)
}

fn stored() -> Reply {
    Reply { body: "OK - 32".into(), ..Reply::empty(200).at(STORE) }
}

fn completed(example: &Example) -> Reply {
    json(example, 200, r#"{ "ok": true, "files": [{ "id": "F123ABC456", "title": "a title" }] }"#).at(COMPLETE)
}

#[tokio::test]
async fn sends_three_requests_and_no_field_that_was_not_given() {
    let example = slack().await;
    [ticket(&example), stored(), completed(&example)].into_iter().for_each(|reply| example.peer.push(reply));
    let answer = example.put("/slack/file/a%20b%26c.txt").await;
    insta::assert_snapshot!("slack", example.transcript(&answer));
}

#[tokio::test]
async fn shares_the_file_where_the_caller_says() {
    let example = slack().await;
    [ticket(&example), stored(), completed(&example)].into_iter().for_each(|reply| example.peer.push(reply));
    let fields = [
        ("title", "A \"title\" & more"),
        ("alt_txt", "ünïcode = 100%"),
        ("channel_id", "C0123"),
        ("thread_ts", "1700000000.123456"),
        ("initial_comment", "see\r\nbelow"),
    ];
    let answer = example.post_form("/slack/file", &fields, "a.txt").await;
    insta::assert_snapshot!("slack_shared", example.transcript(&answer));
}

#[tokio::test]
async fn a_token_goes_to_the_api_alone() {
    let example = slack().await;
    [ticket(&example), stored(), completed(&example)].into_iter().for_each(|reply| example.peer.push(reply));
    example.put("/slack/file/a.txt").await;
    let with_token = |request: &Recorded| request.header("authorization") == Some("Bearer xoxb-0-token");
    assert_eq!(example.peer.requests().iter().map(with_token).collect::<Vec<_>>(), [true, false, true]);
}

#[tokio::test]
async fn ok_false_is_a_refusal() {
    let example = slack().await;
    let no =
        |error: &str, path: &str| json(&example, 200, &format!(r#"{{ "ok": false, "error": "{error}" }}"#)).at(path);
    let table = vec![
        (
            vec![no("invalid_auth", TICKET)],
            "502 upstream-refused upstream no | 200 invalid_auth | invalid_auth | -",
        ),
        (
            vec![no("file_upload_size_restricted", TICKET)],
            "422 upstream-refused-file client no | 200 file_upload_size_restricted | file_upload_size_restricted | -",
        ),
        (
            vec![json(&example, 200, r#"{ "ok": false, "error": "invalid_arguments", "response_metadata": { "messages": ["[ERROR] missing required field: length"] } }"#).at(TICKET)],
            "502 upstream-refused upstream no | 200 invalid_arguments | [ERROR] missing required field: length | -",
        ),
        (
            vec![Reply { body: "<html>".into(), ..Reply::empty(200).at(TICKET) }],
            "502 upstream-misbehaved upstream no | 200 - | - | -",
        ),
        (
            vec![ticket(&example), Reply { body: "bad length".into(), ..Reply::empty(400).at(STORE) }],
            "502 upstream-refused upstream no | 400 - | bad length | -",
        ),
        (
            vec![ticket(&example), stored(), no("channel_not_found", COMPLETE)],
            "502 upstream-refused upstream yes | 200 channel_not_found | channel_not_found | -",
        ),
        (
            vec![ticket(&example), stored(), Reply::empty(500).at(COMPLETE)],
            "502 upstream-failed upstream yes | 500 - | - | -",
        ),
        (
            vec![json(&example, 200, r#"{ "ok": true, "upload_url": "https://evil.example/x", "file_id": "F1" }"#).at(TICKET)],
            "502 upstream-not-allowed upstream no | null - | - | -",
        ),
    ];
    example.fails("/slack/file/a.txt", table).await;
}
