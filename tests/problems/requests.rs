//! Refusals by the request's head alone.

use http::Request;

use crate::support::{PLAIN, Stage, post, put, stored};

/// Heads that break a rule, each with a body of one byte. All are refused before the upstream hears of them.
const MALFORMED: [(&str, &str); 23] = [
    ("malformed-request.two-hosts", "POST /files HTTP/1.1\r\nHost: a\r\nHost: a"),
    ("malformed-request.no-host", "POST /files HTTP/1.1\r\nX: a"),
    ("malformed-request.host-with-user", "POST /files HTTP/1.1\r\nHost: u@a"),
    ("malformed-request.host-with-space", "POST /files HTTP/1.1\r\nHost: a b"),
    ("malformed-request.host-against-target", "POST http://b/files HTTP/1.1\r\nHost: a"),
    ("malformed-request.path-encoding", "PUT /files/a%zz.png HTTP/1.1\r\nHost: a"),
    ("malformed-request.query-encoding", "POST /files?filename=%2 HTTP/1.1\r\nHost: a"),
    ("malformed-request.query-not-utf8", "POST /files?filename=%ff HTTP/1.1\r\nHost: a"),
    ("malformed-request.upload-length", "POST /files HTTP/1.1\r\nHost: a\r\nUpload-Length: +1"),
    (
        "malformed-request.upload-length-too-large",
        "POST /files HTTP/1.1\r\nHost: a\r\nUpload-Length: 18446744073709551616",
    ),
    (
        "malformed-request.upload-length-twice",
        "POST /files HTTP/1.1\r\nHost: a\r\nUpload-Length: 1\r\nUpload-Length: 1",
    ),
    (
        "malformed-request.names-disagree",
        "POST /files?filename=b.png HTTP/1.1\r\nHost: a\r\nContent-Disposition: attachment; filename=\"a.png\"",
    ),
    (
        "malformed-request.disposition",
        "POST /files HTTP/1.1\r\nHost: a\r\nContent-Disposition: attachment; filename=\"a.png",
    ),
    (
        "malformed-request.disposition-twice",
        "POST /files HTTP/1.1\r\nHost: a\r\nContent-Disposition: attachment; filename=a\r\nContent-Disposition: attachment; filename=a",
    ),
    (
        "malformed-request.ext-value",
        "POST /files HTTP/1.1\r\nHost: a\r\nContent-Disposition: attachment; filename*=UTF-8''%zz",
    ),
    ("malformed-request.media-type", "POST /files HTTP/1.1\r\nHost: a\r\nContent-Type: image"),
    (
        "malformed-request.media-type-twice",
        "POST /files HTTP/1.1\r\nHost: a\r\nContent-Type: image/png\r\nContent-Type: image/png",
    ),
    ("malformed-request.repr-digest", "POST /files HTTP/1.1\r\nHost: a\r\nRepr-Digest: sha-256=abc"),
    ("malformed-request.repr-digest-length", "POST /files HTTP/1.1\r\nHost: a\r\nRepr-Digest: sha-256=:YWJj:"),
    ("malformed-request.content-digest", "POST /files HTTP/1.1\r\nHost: a\r\nContent-Digest: sha-512"),
    ("malformed-request.content-md5", "POST /files HTTP/1.1\r\nHost: a\r\nContent-MD5: abc"),
    (
        "malformed-request.idempotency-key-twice",
        "POST /files HTTP/1.1\r\nHost: a\r\nIdempotency-Key: a\r\nIdempotency-Key: b",
    ),
    (
        "malformed-request.expect-twice",
        "POST /files HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nExpect: 100-continue",
    ),
];

#[tokio::test]
async fn refuses_malformed_heads_before_the_upstream_hears_of_them() {
    let stage = Stage::new(PLAIN, []).await;
    for (name, head) in MALFORMED {
        let (answer, _) = stage.raw(format!("{head}\r\nContent-Length: 1\r\n\r\nx")).await;
        stage.expect(name, &answer);
    }
    assert!(stage.peer.requests().is_empty());
}

#[tokio::test]
async fn a_route_that_demands_a_digest_says_how_to_bring_it() {
    let stage = Stage::plain("require: [digest]\n", []).await;
    let answer = stage.send(put("a.bin"), "x").await;
    stage.expect("malformed-request.digest-missing", &answer);
}

#[tokio::test]
async fn a_body_that_breaks_its_chunked_framing_is_the_clients_mistake() {
    let rule = PLAIN.replace("url: '{peer}'", "url: '{peer}', chunked: true");
    let stage = Stage::new(&rule, [stored()]).await;
    let head = "POST /files HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    let (answer, mut connection) = stage.raw(format!("{head}3\r\nabc\r\nzz\r\nabc")).await;
    stage.expect("malformed-request.chunk-size", &answer);
    assert!(connection.is_closed().await);
    stage.nothing_stored();
}

#[tokio::test]
async fn a_path_of_no_route_is_not_found() {
    let stage = Stage::new(PLAIN, []).await;
    for path in ["/", "/file", "/files/a/b", "/files/", "//files", "/FILES", "/files%2Fa"] {
        let answer = stage.send(Request::post(path), "x").await;
        assert_eq!(answer.problem(), "no-such-route", "{path}");
    }
    stage.expect("no-such-route.post", &stage.send(Request::post("/nothing"), "x").await);
}

#[tokio::test]
async fn a_method_that_a_path_does_not_take_is_named_beside_those_that_it_takes() {
    let stage = Stage::new(PLAIN, []).await;
    stage.expect("method-not-allowed.get", &stage.send(Request::get("/files"), "").await);
    stage.expect("method-not-allowed.put-without-name", &stage.send(Request::put("/files"), "x").await);
    stage.expect("method-not-allowed.post-with-name", &stage.send(Request::post("/files/a.png"), "x").await);
    for method in ["DELETE", "PATCH", "OPTIONS", "BREW"] {
        let (answer, _) = stage.raw(format!("{method} /files HTTP/1.1\r\nHost: a\r\n\r\n")).await;
        assert_eq!(
            (answer.problem().as_str(), answer.header("allow")),
            ("method-not-allowed", Some("POST")),
            "{method}"
        );
    }
}

#[tokio::test]
async fn head_is_answered_as_get_is_but_without_a_body() {
    let stage = Stage::new(PLAIN, []).await;
    let mut connection = stage.open().await;
    connection.send("HEAD /files HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await.expect("it is sent");
    let error = connection.answer().await.expect_err("the announced body does not come");
    assert_eq!(error.kind(), std::io::ErrorKind::UnexpectedEof);
}

#[tokio::test]
async fn connect_is_no_upload() {
    let stage = Stage::new(PLAIN, []).await;
    let (answer, _) = stage.raw("CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n").await;
    stage.expect("malformed-request.connect", &answer);
    assert_eq!(stage.peer.requests(), []);
}

#[tokio::test]
async fn a_path_that_ends_in_a_rest_takes_both_methods() {
    let rule = PLAIN.replace("path: /files", "path: /files/{key...}").replace("/v1/files", "/v1/${ path.key }");
    let stage = Stage::new(&rule, [stored(), stored()]).await;
    for method in ["PUT", "POST"] {
        let request = Request::builder().method(method).uri("/files/a%20b/c/d%20e.png");
        let answer = stage.send(request, "x").await;
        assert_eq!((answer.status, &answer.json()["file"]["name"]), (201, &"d e.png".into()), "{answer:?}");
    }
    let answer = stage.send(Request::get("/files/a/b"), "").await;
    assert_eq!(answer.header("allow"), Some("PUT, POST"));
    assert_eq!(stage.send(Request::put("/files"), "x").await.problem(), "no-such-route");
    let targets: Vec<_> = stage.peer.requests().into_iter().map(|request| request.target).collect();
    // Encoded as one segment: what the client put into its path cannot reach another path upstream.
    assert_eq!(targets, ["/v1/a%20b%2Fc%2Fd%20e.png", "/v1/a%20b%2Fc%2Fd%20e.png"]);
}

#[tokio::test]
async fn a_target_that_is_too_long_is_refused() {
    let stage = Stage::new(PLAIN, []).await;
    let answer = stage.send(Request::post(format!("/files?filename={}", "a".repeat(9000))), "x").await;
    stage.expect("target-too-long.query", &answer);
}

#[tokio::test]
async fn an_expectation_that_is_not_known_is_refused() {
    let stage = Stage::new(PLAIN, []).await;
    stage.expect("expectation-unknown.other", &stage.send(put("a.png").header("expect", "200-ok"), "x").await);
}

#[tokio::test]
async fn a_coding_that_is_not_plain_is_refused() {
    let stage = Stage::new(PLAIN, []).await;
    stage.expect("coding-not-supported.content", &stage.send(put("a").header("content-encoding", "gzip"), "x").await);
    let head = "POST /files HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n";
    stage.expect("coding-not-supported.transfer", &stage.raw(head).await.0);
    assert!(stage.peer.requests().is_empty());
}

#[tokio::test]
async fn plain_codings_pass() {
    let stage = Stage::new(PLAIN, [stored()]).await;
    assert_eq!(stage.send(put("a").header("content-encoding", "identity"), "x").await.status, 201);
}

#[tokio::test]
async fn a_size_that_a_step_needs_is_asked_for_with_the_ways_to_give_it() {
    let stage = Stage::new(PLAIN, [stored()]).await;
    let head = "POST /files HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n";
    let (answer, _) = stage.raw(format!("{head}\r\n1\r\nx\r\n0\r\n\r\n")).await;
    stage.expect("length-required.chunked", &answer);
    assert!(stage.peer.requests().is_empty());

    let (answer, _) = stage.raw(format!("{head}Upload-Length: 1\r\n\r\n1\r\nx\r\n0\r\n\r\n")).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    assert_eq!(stage.peer.requests()[0].header("content-length"), Some("1"));
}

/// RFC 9112, section 6.3, would let it pass as an empty file; a client that forgot its body means no empty file.
#[tokio::test]
async fn a_request_that_says_nothing_of_a_body_is_asked_for_its_length() {
    let stage = Stage::new(PLAIN, []).await;
    let (answer, _) = stage.raw("POST /files HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert_eq!((answer.status, answer.problem().as_str()), (411, "length-required"), "{answer:?}");
}

#[tokio::test]
async fn a_refusal_comes_in_the_place_of_100_continue() {
    let stage = Stage::plain("accept: { extensions: { deny: [exe] } }\n", [stored()]).await;
    let expecting = |name: &str| {
        format!("PUT /files/{name} HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nExpect: 100-continue\r\n\r\n")
    };
    let (answer, mut connection) = stage.raw(expecting("a.exe")).await;
    assert_eq!((answer.status, answer.problem().as_str()), (422, "extension-refused"));
    assert!(connection.is_closed().await, "the body that may come is no request");

    let (answer, mut connection) = stage.raw(expecting("a.png")).await;
    assert_eq!(answer.status, 100);
    connection.send("x").await.expect("the body is sent");
    assert_eq!(connection.answer().await.expect("an answer").status, 201);
}

#[tokio::test]
async fn echoes_the_clients_request_id_on_every_answer() {
    let stage = Stage::new(PLAIN, [stored()]).await;
    for (request, status) in
        [(put("a.png"), 201), (post().header("upload-length", "x"), 400), (Request::get("/x"), 404)]
    {
        let answer = stage.send(request.header("x-request-id", "req-42"), "x").await;
        assert_eq!((answer.status, answer.header("x-request-id")), (status, Some("req-42")));
        crate::support::upload_id(&answer);
    }
}

#[tokio::test]
async fn http_1_0_is_served_and_closed() {
    let stage = Stage::new(PLAIN, [stored()]).await;
    let (answer, mut connection) = stage.raw("PUT /files/a.png HTTP/1.0\r\nContent-Length: 1\r\n\r\nx").await;
    assert_eq!(answer.status, 201, "{answer:?}");
    assert!(connection.is_closed().await);
}
