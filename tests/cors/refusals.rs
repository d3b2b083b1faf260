//! Pages that are not allowed: what they send has no effect, also where a browser would not have asked before.

use http::Request;

use crate::support::{CORS, PAGE, PROTOCOLS, STRANGER, Stage, stored, told};

/// A form as any page can post it to anywhere without a preflight.
const FORM: &str = "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.txt\"\r\n\r\nx\r\n--b--\r\n";
const FORM_TYPE: &str = "multipart/form-data; boundary=b";

#[tokio::test]
async fn a_form_from_a_strangers_page_has_no_effect() {
    let stage = Stage::new(CORS, []).await;
    for protocol in PROTOCOLS {
        for page in [STRANGER, "null", "https://example.net", "http://app.example.com", "https://APP.example.com", ""] {
            let request = Request::post("/files").header("origin", page).header("content-type", FORM_TYPE);
            let answer = stage.send(protocol, request, FORM).await;
            assert_eq!((answer.status, answer.problem().as_str()), (403, "forbidden"), "{page:?} over {protocol:?}");
            assert_eq!(told(&answer), ["vary: Origin"], "{page:?}");
            assert_eq!(answer.json()["committed"], "no");
        }
    }
    stage.nothing_sent();
    let refused = r#"tidegate_uploads_total{outcome="refused",reason="forbidden",route="files"}"#;
    assert_eq!(stage.count(refused).await, 12);
}

#[tokio::test]
async fn the_same_form_passes_from_an_allowed_page_and_from_no_page() {
    let stage = Stage::new(CORS, (0..4).map(|_| stored())).await;
    for protocol in PROTOCOLS {
        for page in [Some(PAGE), None] {
            let mut request = Request::post("/files").header("content-type", FORM_TYPE);
            if let Some(page) = page {
                request = request.header("origin", page);
            }
            assert_eq!(stage.send(protocol, request, FORM).await.status, 201, "{page:?} over {protocol:?}");
        }
    }
    assert_eq!(stage.peer.requests().len(), 4);
}

#[tokio::test]
async fn a_stranger_is_refused_before_a_byte_of_the_body_and_in_place_of_the_100() {
    let stage = Stage::new(CORS, []).await;
    for more in ["", "Expect: 100-continue\r\n"] {
        let head = format!(
            "POST /files HTTP/1.1\r\nHost: a\r\nOrigin: {STRANGER}\r\nContent-Type: {FORM_TYPE}\r\nContent-Length: 999999\r\n{more}\r\n"
        );
        let (answer, mut connection) = stage.raw(&head).await;
        assert_eq!((answer.status, answer.header("connection")), (403, Some("close")), "{more:?}");
        connection.finish().await.expect("nothing more comes");
        assert!(connection.is_closed().await);
    }
    stage.nothing_sent();
}

#[tokio::test]
async fn an_origin_field_that_no_browser_writes_is_refused() {
    let stage = Stage::new(CORS, []).await;
    for origins in [
        format!("Origin: {PAGE}\r\nOrigin: {PAGE}\r\n"),
        format!("Origin: {PAGE}\r\nOrigin: {STRANGER}\r\n"),
        format!("Origin: {PAGE} {STRANGER}\r\n"),
        format!("Origin: {PAGE}, {PAGE}\r\n"),
        format!("Origin: {PAGE}\u{e9}\r\n"),
        "Origin:\r\n".to_owned(),
    ] {
        let head = format!("PUT /files/a.txt HTTP/1.1\r\nHost: a\r\n{origins}Content-Length: 1\r\n\r\nx");
        let (answer, _connection) = stage.raw(&head).await;
        assert!(matches!(answer.status, 400 | 403), "{origins:?}: {answer:?}");
        assert_eq!(answer.header("access-control-allow-origin"), None, "{origins:?}");
    }
    stage.nothing_sent();
}

#[tokio::test]
async fn an_empty_list_keeps_every_page_out_and_no_client_that_is_none() {
    let stage = Stage::new("cors: { origins: [] }", (0..2).map(|_| stored())).await;
    for protocol in PROTOCOLS {
        let from_page = Request::put("/files/a.txt").header("origin", PAGE);
        assert_eq!(stage.send(protocol, from_page, "x").await.status, 403);
        assert_eq!(stage.send(protocol, Request::put("/files/a.txt"), "x").await.status, 201);
    }
    assert_eq!(stage.peer.requests().len(), 2);
}

#[tokio::test]
async fn null_passes_only_where_it_is_written() {
    for (origins, status) in [("null", 201), ("[null]", 201), ("'null'", 201), ("https://app.example.com", 403)] {
        let stage = Stage::new(&format!("cors: {{ origins: {origins} }}"), [stored()]).await;
        let answer = stage.send(PROTOCOLS[0], Request::put("/files/a.txt").header("origin", "null"), "x").await;
        assert_eq!(answer.status, status, "{origins}");
        let allowed = (status == 201).then_some("null");
        assert_eq!(answer.header("access-control-allow-origin"), allowed);
    }
}
