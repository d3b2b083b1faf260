//! Questions of browsers before a request.

use http::Request;

use crate::support::{CORS, PAGE, PROTOCOLS, STRANGER, Stage, question, readable_by, told};

const ALLOWED_HEADERS: &str = "access-control-allow-headers: Content-Type, Content-Disposition, Upload-Length, Repr-Digest, \
     Content-Digest, Content-MD5, Idempotency-Key, Authorization, X-Api-Key, X-Request-Id, traceparent, tracestate";
const PREFLIGHT_VARY: &str = "vary: Origin, Access-Control-Request-Method, Access-Control-Request-Headers";

#[tokio::test]
async fn a_preflight_is_told_what_its_path_takes() {
    let stage = Stage::new(CORS, []).await;
    for protocol in PROTOCOLS {
        for (path, methods) in [("/files", "POST"), ("/files/a%20b.png", "PUT"), ("/files?title=x", "POST")] {
            for page in [PAGE, "https://a.example.net"] {
                let asked = question(path, page, methods).header("access-control-request-headers", "content-type");
                let answer = stage.send(protocol, asked, "").await;
                assert_eq!((answer.status, answer.body.len()), (204, 0), "{path} {protocol:?}");
                let expected = [
                    ALLOWED_HEADERS.to_owned(),
                    format!("access-control-allow-methods: {methods}"),
                    format!("access-control-allow-origin: {page}"),
                    "access-control-max-age: 600".to_owned(),
                    PREFLIGHT_VARY.to_owned(),
                ];
                assert_eq!(told(&answer), expected, "{path} {protocol:?}");
                assert!(answer.header("tidegate-upload-id").is_some());
            }
        }
    }
    stage.nothing_sent();
}

#[tokio::test]
async fn a_method_that_the_path_does_not_take_is_not_among_those_told() {
    let stage = Stage::new(CORS, []).await;
    for protocol in PROTOCOLS {
        let answer = stage.send(protocol, question("/files", PAGE, "DELETE"), "").await;
        assert_eq!(answer.status, 204);
        assert_eq!(answer.header("access-control-allow-methods"), Some("POST"));
    }
}

#[tokio::test]
async fn the_rules_own_settings_are_told() {
    let cors = "cors:\n  origins: https://app.example.com\n  credentials: true\n  max-age: 2h\n  allow-headers: [X-Team]\n  expose: [ETag]";
    let stage = Stage::new(cors, []).await;
    for protocol in PROTOCOLS {
        let answer = stage.send(protocol, question("/files", PAGE, "POST"), "").await;
        assert_eq!(answer.header("access-control-allow-credentials"), Some("true"));
        assert_eq!(answer.header("access-control-max-age"), Some("7200"));
        let headers = answer.header("access-control-allow-headers").expect("is told");
        assert!(headers.ends_with("tracestate, X-Team"), "{headers}");
    }
}

#[tokio::test]
async fn everybody_is_told_so_where_everybody_is_allowed() {
    let stage = Stage::new("cors: { origins: '*' }", []).await;
    for protocol in PROTOCOLS {
        for page in [STRANGER, "null", "capacitor://localhost"] {
            let answer = stage.send(protocol, question("/files", page, "POST"), "").await;
            assert_eq!((answer.status, answer.header("access-control-allow-origin")), (204, Some("*")));
            assert_eq!(answer.header("access-control-allow-credentials"), None);
        }
    }
}

#[tokio::test]
async fn a_page_that_is_not_allowed_gets_no_consent() {
    let stage = Stage::new(CORS, []).await;
    for protocol in PROTOCOLS {
        for page in [STRANGER, "null", "http://app.example.com", "https://app.example.com:8443", "https://example.net"]
        {
            let answer = stage.send(protocol, question("/files", page, "POST"), "").await;
            assert_eq!((answer.status, answer.problem().as_str()), (403, "forbidden"), "{page}");
            assert_eq!(told(&answer), [PREFLIGHT_VARY], "{page}");
        }
    }
}

#[tokio::test]
async fn a_preflight_is_counted_apart_and_is_no_upload() {
    let stage = Stage::new(CORS, []).await;
    for protocol in PROTOCOLS {
        stage.send(protocol, question("/files", PAGE, "POST"), "").await;
        stage.send(protocol, question("/files", STRANGER, "POST"), "").await;
        stage.send(protocol, question("/files", PAGE, "POST"), "").await;
    }
    assert_eq!(stage.count(r#"tidegate_preflights_total{route="files",verdict="allowed"}"#).await, 4);
    assert_eq!(stage.count(r#"tidegate_preflights_total{route="files",verdict="refused"}"#).await, 2);
    let refused = r#"tidegate_uploads_total{outcome="refused",reason="forbidden",route="files"}"#;
    assert_eq!(stage.count(refused).await, 0);
    assert_eq!(stage.count(r#"tidegate_upload_duration_seconds_count{outcome="refused",route="files"}"#).await, 0);
    stage.nothing_sent();
}

#[tokio::test]
async fn a_connection_goes_on_after_a_preflight() {
    let stage = Stage::new(CORS, [crate::support::stored()]).await;
    let ask = format!(
        "OPTIONS /files/a.txt HTTP/1.1\r\nHost: a\r\nOrigin: {PAGE}\r\nAccess-Control-Request-Method: PUT\r\n\r\n"
    );
    let (answer, mut connection) = stage.raw(&ask).await;
    assert_eq!((answer.status, answer.header("connection")), (204, None));
    let put = format!("PUT /files/a.txt HTTP/1.1\r\nHost: a\r\nOrigin: {PAGE}\r\nContent-Length: 1\r\n\r\nx");
    connection.send(put).await.expect("the connection is open");
    assert_eq!(connection.answer().await.expect("an answer").status, 201);
}

#[tokio::test]
async fn a_preflight_with_a_body_ends_its_connection() {
    let stage = Stage::new(CORS, []).await;
    let ask = format!(
        "OPTIONS /files HTTP/1.1\r\nHost: a\r\nOrigin: {PAGE}\r\nAccess-Control-Request-Method: POST\r\nContent-Length: 40\r\n\r\n"
    );
    let (answer, mut connection) = stage.raw(&format!("{ask}POST /files HTTP/1.1\r\nHost: a\r\n\r\nxxxxx")).await;
    assert_eq!((answer.status, answer.header("connection")), (204, Some("close")));
    assert!(connection.is_closed().await);
    stage.nothing_sent();
}

#[tokio::test]
async fn options_that_is_no_preflight_is_a_wrong_method_as_ever() {
    let stage = Stage::new(CORS, []).await;
    for protocol in PROTOCOLS {
        let without_method = Request::options("/files").header("origin", PAGE);
        let answer = stage.send(protocol, without_method, "").await;
        assert_eq!((answer.status, answer.header("allow")), (405, Some("POST")));
        assert_eq!(told(&answer), readable_by(PAGE));
        let without_origin = Request::options("/files").header("access-control-request-method", "POST");
        let answer = stage.send(protocol, without_origin, "").await;
        assert_eq!((answer.status, told(&answer)), (405, vec!["vary: Origin".to_owned()]));
        let elsewhere = stage.send(protocol, question("/elsewhere", PAGE, "POST"), "").await;
        assert_eq!((elsewhere.status, told(&elsewhere)), (404, Vec::new()));
    }
}

#[tokio::test]
async fn a_route_without_cors_says_nothing_to_browsers() {
    let stage = Stage::new("", [crate::support::stored(), crate::support::stored()]).await;
    for protocol in PROTOCOLS {
        let answer = stage.send(protocol, question("/files", PAGE, "POST"), "").await;
        assert_eq!((answer.status, answer.problem().as_str(), told(&answer)), (405, "method-not-allowed", Vec::new()));
        let answer = stage.send(protocol, Request::put("/files/a.txt").header("origin", STRANGER), "x").await;
        assert_eq!((answer.status, told(&answer)), (201, Vec::new()));
    }
}

#[tokio::test]
async fn a_private_network_is_opened_only_where_the_rule_says_so_and_the_browser_asks() {
    let field = "access-control-allow-private-network";
    for (keys, asks, expected) in
        [("", true, None), (", private-network: true", true, Some("true")), (", private-network: true", false, None)]
    {
        let stage = Stage::new(&format!("cors: {{ origins: {PAGE}{keys} }}"), []).await;
        for protocol in PROTOCOLS {
            let mut asked = question("/files", PAGE, "POST");
            if asks {
                asked = asked.header("access-control-request-private-network", "true");
            }
            let answer = stage.send(protocol, asked, "").await;
            assert_eq!((answer.status, answer.header(field)), (204, expected), "{keys:?} {asks}");
            let stranger =
                question("/files", STRANGER, "POST").header("access-control-request-private-network", "true");
            assert_eq!(stage.send(protocol, stranger, "").await.header(field), None);
        }
    }
}
