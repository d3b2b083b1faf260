//! Linear: GraphQL answers 200 for errors too.

use sandbox::peer::Reply;

use crate::example::{Example, json};

const STORE: &str = "/uploads/0c1f/a.txt";

async fn linear() -> Example {
    let variables = [("LINEAR_API_KEY", "lin_api_key"), ("LINEAR_URL", "{peer}"), ("LINEAR_STORAGE", "{peer}")];
    Example::start("linear.yaml", &variables).await
}

fn ticket(example: &Example) -> Reply {
    let body = r#"{ "data": { "fileUpload": { "success": true, "uploadFile": {
        "uploadUrl": "{peer}/uploads/0c1f/a.txt?X-Goog-Signature=5f3a&X-Goog-Expires=60",
        "assetUrl": "https://uploads.linear.app/0c1f/a.txt",
        "headers": [
            { "key": "x-goog-content-length-range", "value": "32,32" },
            { "key": "content-type", "value": "text/plain; charset=utf-8" }
        ] } } } }"#;
    json(example, 200, body).at("/graphql")
}

#[tokio::test]
async fn puts_the_file_with_the_headers_of_the_answer() {
    let example = linear().await;
    [ticket(&example), Reply::empty(200).at(STORE)].into_iter().for_each(|reply| example.peer.push(reply));
    let answer = example.put("/linear/asset/%22a%22.txt").await;
    insta::assert_snapshot!("linear", example.transcript(&answer));
}

#[tokio::test]
async fn errors_come_with_status_200_or_as_xml_of_the_storage() {
    let example = linear().await;
    let graphql = |status: u16, body: &str| json(&example, status, body).at("/graphql");
    let denied = "<?xml version='1.0' encoding='UTF-8'?><Error><Code>ExpiredToken</Code><Message>Invalid argument.</Message></Error>";
    let table = vec![
        (
            vec![graphql(200, r#"{ "data": { "fileUpload": { "success": false, "uploadFile": null } } }"#)],
            "502 upstream-misbehaved upstream no | 200 - | - | -",
        ),
        (
            vec![graphql(200, r#"{ "data": { "fileUpload": { "success": true, "uploadFile": null } } }"#)],
            "502 upstream-misbehaved upstream no | 200 - | - | -",
        ),
        (
            vec![graphql(
                200,
                r#"{ "data": null, "errors": [{ "message": "Entity too big", "extensions": { "code": "INVALID_INPUT", "userPresentableMessage": "The file is too big." } }] }"#,
            )],
            "502 upstream-refused upstream no | 200 INVALID_INPUT | The file is too big. | -",
        ),
        (
            vec![graphql(
                400,
                r#"{ "errors": [{ "message": "Variable \"$size\" got invalid value", "extensions": { "code": "GRAPHQL_VALIDATION_FAILED" } }] }"#,
            )],
            "502 upstream-refused upstream no | 400 GRAPHQL_VALIDATION_FAILED | Variable \"$size\" got invalid value | -",
        ),
        (
            vec![graphql(401, r#"{ "errors": [{ "message": "Authentication required" }] }"#)],
            "502 upstream-refused gateway no | 401 - | Authentication required | -",
        ),
        (
            vec![ticket(&example), Reply { body: denied.into(), ..Reply::empty(400).at(STORE) }],
            "502 upstream-refused upstream no | 400 ExpiredToken | Invalid argument. | -",
        ),
    ];
    example.fails("/linear/asset/a.txt", table).await;
}
