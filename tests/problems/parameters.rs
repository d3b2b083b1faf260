//! Parameters: unknown, missing, wrong, doubled; every complaint at once.

use harness::forms;
use serde_json::json;

use crate::support::{Stage, post, put, stored};

const RULE: &str = "
route: files
path: /files
params:
  owner: {}
  title: { required: false, max-bytes: 8 }
  kind: { enum: [photo, scan], default: photo }
  pages: { type: integer, min: 1, max: 99, required: false }
  scale: { type: number, min: 0, required: false }
  private: { type: boolean, default: false }
  folder: { format: uuid, required: false }
  code: { pattern: '[a-z]+', required: false }
targets:
  api: { url: '{peer}' }
steps:
  - id: store
    request: POST /v1/files
    target: api
    json:
      data: ${ file.base64 }
      owner: ${ params.owner }
      title: ${ params.title | default(omit) }
      kind: ${ params.kind }
      pages: ${ params.pages | default(omit) }
      private: ${ params.private }
    expect: 201
";

#[tokio::test]
async fn all_complaints_come_at_once() {
    let stage = Stage::new(RULE, []).await;
    let query = "tilte=x&colour=red&title=far-too-long&kind=film&pages=100&scale=-1&private=yes&folder=7&code=A1";
    let answer = stage.send(put(&format!("a.png?{query}")), "x").await;
    stage.expect("unknown-parameter.and-all-others", &answer);
    assert!(stage.peer.requests().is_empty());
}

#[tokio::test]
async fn a_missing_one_is_named() {
    let stage = Stage::new(RULE, []).await;
    stage.expect("missing-parameter.owner", &stage.send(put("a.png"), "x").await);
}

#[tokio::test]
async fn a_wrong_value_is_not_repeated_in_the_answer() {
    let stage = Stage::new(RULE, []).await;
    let answer = stage.send(put("a.png?owner=me&kind=film-of-my-secret-holiday"), "x").await;
    stage.expect("invalid-parameter.enum", &answer);
}

#[tokio::test]
async fn values_of_a_wrong_type_are_refused() {
    let stage = Stage::new(RULE, []).await;
    let wrong = [
        "pages=1.0",
        "pages=01",
        "pages=+1",
        "pages=",
        "pages=1e1",
        "pages=0",
        "scale=NaN",
        "scale=1e999",
        "scale=",
        "private=TRUE",
        "private=1",
        "kind=PHOTO",
        "kind=",
        "folder=123e4567e89b12d3a456426614174000",
        "code=",
        "code=ab1",
        "title=123456789",
    ];
    for query in wrong {
        let answer = stage.send(put(&format!("a.png?owner=me&{query}")), "x").await;
        assert_eq!(answer.problem(), "invalid-parameter", "{query}: {answer:?}");
        let name = query.split('=').next().expect("a name");
        assert_eq!(answer.json()["violations"][0]["field"], format!("params.{name}"), "{query}");
    }
}

#[tokio::test]
async fn one_that_is_given_twice_is_refused_wherever_it_stands() {
    let stage = Stage::new(RULE, []).await;
    stage.expect("invalid-parameter.twice", &stage.send(put("a.png?owner=a&owner=a"), "x").await);
    let form = |fields: &[(&str, &str)]| forms::form(fields, "a.png", "image/png", b"x");
    let in_form = || post().header("content-type", forms::content_type());
    let answer = stage.send(in_form(), form(&[("owner", "a"), ("owner", "b")])).await;
    assert_eq!(answer.problem(), "invalid-parameter");
    let in_both = http::Request::post("/files?owner=a").header("content-type", forms::content_type());
    let answer = stage.send(in_both, form(&[("owner", "a")])).await;
    assert_eq!(answer.problem(), "invalid-parameter");
}

#[tokio::test]
async fn given_values_and_defaults_reach_the_upstream_typed() {
    let stage = Stage::new(RULE, [stored(), stored()]).await;
    let answer = stage.send(put("a.png?owner=J%C3%BCrgen+B%2B&pages=7&private=true&title="), "x").await;
    assert_eq!(answer.status, 201, "{answer:?}");
    let form = forms::form(&[("owner", "J\u{fc}rgen"), ("title", "two\r\nlns")], "a.png", "image/png", b"x");
    let answer = stage.send(post().header("content-type", forms::content_type()), form).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    let sent: Vec<serde_json::Value> = stage
        .peer
        .requests()
        .iter()
        .map(|request| serde_json::from_slice(request.body.as_deref().unwrap_or_default()).expect("JSON"))
        .collect();
    let expected = [
        json!({ "data": "eA==", "owner": "J\u{fc}rgen B+", "title": "", "kind": "photo", "pages": 7, "private": true }),
        json!({ "data": "eA==", "owner": "J\u{fc}rgen", "title": "two\r\nlns", "kind": "photo", "private": false }),
    ];
    assert_eq!(sent, expected);
}

#[tokio::test]
async fn filename_is_reserved_for_the_name() {
    let stage = Stage::new(RULE, [stored()]).await;
    let answer = stage.send(http::Request::post("/files?owner=me&filename=b.png"), "x").await;
    assert_eq!((answer.status, &answer.json()["file"]["name"]), (201, &json!("b.png")));
    let twice = stage.send(http::Request::post("/files?owner=me&filename=a&filename=a"), "x").await;
    assert_eq!(twice.problem(), "invalid-parameter");
    let in_form = post().header("content-type", forms::content_type());
    let body = forms::form(&[("owner", "me"), ("filename", "b.png")], "a.png", "image/png", b"x");
    stage.expect("unknown-parameter.filename-in-a-form", &stage.send(in_form, body).await);
}
