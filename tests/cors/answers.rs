//! What every answer to a page says, whatever became of its request.

use harness::Rules;
use http::Request;
use http::request::Builder;
use sandbox::peer::Reply;

use crate::support::{CORS, PAGE, PROTOCOLS, Stage, question, readable_by, stored, told};

/// Requests of every kind, and what they come to.
fn requests() -> Vec<(&'static str, Builder, u16)> {
    vec![
        ("stored", Request::put("/files/a.txt"), 201),
        ("malformed-request", Request::post("/files").header("upload-length", "+1"), 400),
        ("unknown-parameter", Request::put("/files/a.txt?colour=red"), 400),
        ("digest-mismatch", Request::put("/files/a.txt").header("content-md5", "1B2M2Y8AsgTpgAmY7PhCfg=="), 400),
        ("malformed-form", Request::post("/files").header("content-type", "multipart/form-data"), 400),
        ("method-not-allowed", Request::delete("/files/a.txt"), 405),
        ("method-not-allowed", Request::get("/files"), 405),
        ("file-too-large", Request::put("/files/a.txt").header("upload-length", "99"), 400),
        ("type-refused", Request::put("/files/a.txt").header("content-type", "image/png"), 415),
        ("expectation-unknown", Request::put("/files/a.txt").header("expect", "200-ok"), 417),
        ("extension-refused", Request::put("/files/a.exe"), 422),
        ("name-refused", Request::put("/files/a%2Fb"), 422),
        ("coding-not-supported", Request::put("/files/a.txt").header("content-encoding", "gzip"), 501),
    ]
}

const ACCEPT: &str = "accept: { size: { max: 10B }, types: { deny: [image/png] }, extensions: { deny: [exe] } }";

#[tokio::test]
async fn every_answer_can_be_read_by_the_page_that_asked() {
    let replies = (0..8).map(|_| stored());
    let stage = Stage::new(&format!("{CORS}\n{ACCEPT}"), replies).await;
    for protocol in PROTOCOLS {
        for (problem, request, status) in requests() {
            let answer = stage.send(protocol, request.header("origin", PAGE), "x").await;
            assert_eq!(answer.status, status, "{problem}: {answer:?}");
            assert_eq!(told(&answer), readable_by(PAGE), "{problem} over {protocol:?}");
        }
    }
}

#[tokio::test]
async fn a_page_reads_for_how_long_it_must_wait() {
    for protocol in PROTOCOLS {
        let stage =
            Stage::new(&format!("{CORS}\nlimits: {{ client: {{ requests: 1/h, burst: 1 }} }}"), [stored()]).await;
        for status in [201, 429] {
            let answer = stage.send(protocol, Request::put("/files/a.txt").header("origin", PAGE), "x").await;
            assert_eq!((answer.status, told(&answer)), (status, readable_by(PAGE)), "{protocol:?}: {answer:?}");
            assert_eq!(answer.header("retry-after").is_some(), status == 429);
        }
    }
}

#[tokio::test]
async fn an_answer_to_nobodys_page_only_says_that_origins_matter() {
    let stage = Stage::new(&format!("{CORS}\n{ACCEPT}"), (0..8).map(|_| stored())).await;
    for protocol in PROTOCOLS {
        for (problem, request, status) in requests() {
            let answer = stage.send(protocol, request, "x").await;
            assert_eq!(answer.status, status, "{problem}: {answer:?}");
            assert_eq!(told(&answer), ["vary: Origin"], "{problem} over {protocol:?}");
        }
    }
}

#[tokio::test]
async fn no_answer_of_a_route_without_cors_speaks_to_browsers() {
    let stage = Stage::new(ACCEPT, (0..8).map(|_| stored())).await;
    for protocol in PROTOCOLS {
        for (problem, request, status) in requests() {
            let answer = stage.send(protocol, request.header("origin", PAGE), "x").await;
            assert_eq!((answer.status, told(&answer)), (status, Vec::new()), "{problem} over {protocol:?}");
        }
    }
}

#[tokio::test]
async fn a_large_file_is_refused_at_once_and_the_page_reads_why() {
    let stage = Stage::new(&format!("{CORS}\n{ACCEPT}"), []).await;
    let head = format!("PUT /files/a.txt HTTP/1.1\r\nHost: a\r\nOrigin: {PAGE}\r\nContent-Length: 1000000000\r\n\r\nx");
    let (answer, _connection) = stage.raw(&head).await;
    assert_eq!((answer.status, answer.problem().as_str()), (413, "file-too-large"));
    assert_eq!(told(&answer), readable_by(PAGE));
    stage.nothing_sent();
}

#[tokio::test]
async fn a_head_that_was_not_read_to_its_path_has_no_route_and_speaks_to_nobody() {
    let stage = Stage::new(CORS, []).await;
    let long = || Request::post(format!("/files?filename={}", "a".repeat(9000))).header("origin", PAGE);
    let [http1, http2] = PROTOCOLS;
    let answer = stage.send(http1, long(), "x").await;
    assert_eq!((answer.status, told(&answer)), (414, Vec::new()), "the gate before the routes refused it");
    let answer = stage.send(http2, long(), "x").await;
    assert_eq!((answer.status, told(&answer)), (414, readable_by(PAGE)));
}

#[tokio::test]
async fn upstream_trouble_can_be_read_by_the_page() {
    for (reply, status) in [(Reply::empty(500), 502), (Reply::empty(401), 502), (Reply::empty(422), 422)] {
        for protocol in PROTOCOLS {
            let stage = Stage::new(CORS, [reply.clone()]).await;
            let answer = stage.send(protocol, Request::put("/files/a.txt").header("origin", PAGE), "x").await;
            assert_eq!((answer.status, told(&answer)), (status, readable_by(PAGE)), "{protocol:?}");
        }
    }
}

#[tokio::test]
async fn a_full_gateway_says_so_to_the_page_and_still_answers_preflights() {
    let stage = Stage::with(Rules::default().settings("limits: { uploads: 1 }"), CORS, []).await;
    let mut holder = harness::RawConnection::open(stage.rig.address()).await.expect("the gateway listens");
    holder.send("PUT /files/a.txt HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nx").await.expect("it is sent");
    while stage.count(r#"tidegate_uploads_in_flight{route="files"}"#).await == 0 {
        tokio::task::yield_now().await;
    }
    for protocol in PROTOCOLS {
        assert_eq!(stage.send(protocol, question("/files", PAGE, "POST"), "").await.status, 204);
        let answer = stage.send(protocol, Request::put("/files/b.txt").header("origin", PAGE), "x").await;
        assert_eq!((answer.status, answer.header("retry-after")), (503, Some("1")));
        assert_eq!(told(&answer), readable_by(PAGE));
    }
}

#[tokio::test]
async fn credentials_and_exposed_headers_are_the_rules_choice() {
    let cors = format!("cors: {{ origins: {PAGE}, credentials: true, expose: [ETag] }}");
    let stage = Stage::new(&cors, [stored(), stored()]).await;
    for protocol in PROTOCOLS {
        let answer = stage.send(protocol, Request::put("/files/a.txt").header("origin", PAGE), "x").await;
        assert_eq!(answer.status, 201);
        assert_eq!(answer.header("access-control-allow-credentials"), Some("true"));
        let exposed = answer.header("access-control-expose-headers").expect("is told");
        assert!(exposed.ends_with("X-Request-Id, ETag"), "{exposed}");
    }
}
