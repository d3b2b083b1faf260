//! Jira: one form; the issue is part of the gateway's own path, and the answer is a list.

use sandbox::peer::Reply;

use crate::example::{Example, json};

async fn jira() -> Example {
    let variables = [("JIRA_URL", "{peer}"), ("JIRA_EMAIL", "bot@example.com"), ("JIRA_API_TOKEN", "jira-token")];
    Example::start("jira.yaml", &variables).await
}

fn stored(example: &Example, size: usize) -> Reply {
    let body = r#"[{ "id": "10001", "filename": "a.txt", "size": SIZE, "mimeType": "text/plain",
        "content": "https://acme.atlassian.net/rest/api/3/attachment/content/10001" }]"#;
    json(example, 200, &body.replace("SIZE", &size.to_string()))
}

#[tokio::test]
async fn posts_a_form_to_the_issue_of_its_own_path() {
    let example = jira().await;
    example.peer.push(stored(&example, 32));
    let answer = example.post_form("/jira/issues/OPS-7/attachments", &[], "a%22b.txt").await;
    insta::assert_snapshot!("jira", example.transcript(&answer));
}

#[tokio::test]
async fn an_issue_cannot_leave_its_segment() {
    let example = jira().await;
    example.peer.push(stored(&example, 32));
    let answer = example.put("/jira/issues/OPS%2F7%3Fx=1/attachments/a.txt").await;
    assert_eq!(answer.status, 201);
    assert_eq!(example.peer.requests()[0].target, "/rest/api/3/issue/OPS%2F7%3Fx%3D1/attachments");
}

#[tokio::test]
async fn errors_are_lists_maps_or_plain_text() {
    let example = jira().await;
    let target = "/jira/issues/OPS-7/attachments/a.txt";
    let plain = |status: u16, text: &str| Reply { body: text.to_owned().into(), ..Reply::empty(status) };
    let table = vec![
        (
            vec![json(&example, 404, r#"{ "errorMessages": ["Issue does not exist"], "errors": {} }"#)],
            "502 upstream-refused upstream no | 404 - | Issue does not exist | -",
        ),
        (
            vec![json(&example, 400, r#"{ "errorMessages": [], "errors": { "file": "is not attached" } }"#)],
            "502 upstream-refused upstream no | 400 - | - | file: is not attached",
        ),
        (vec![plain(403, "XSRF check failed")], "502 upstream-refused gateway no | 403 - | XSRF check failed | -"),
        (vec![plain(413, "")], "422 upstream-refused-file client no | 413 - | - | -"),
        (vec![stored(&example, 33)], "502 upstream-misbehaved upstream yes | null - | - | -"),
        (vec![json(&example, 200, "[]")], "502 upstream-misbehaved upstream yes | null - | - | -"),
    ];
    example.fails(target, table).await;
}
