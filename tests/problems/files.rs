//! The file itself: its size, its type, its digest.

use harness::content;

use crate::support::{PLAIN, Stage, post, put, stored};

fn chunked(body: &str) -> String {
    format!("POST /files HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n{body}")
}

/// A rule whose upstream takes bodies of unknown length.
fn unknown_size(more: &str) -> String {
    format!("{}{more}", PLAIN.replace("url: '{peer}'", "url: '{peer}', chunked: true"))
}

#[tokio::test]
async fn a_file_that_is_too_large_is_refused_before_its_first_byte() {
    let stage =
        Stage::plain("accept: { size: { max: 10B, by-type: { 'video/*': 20B } } }\n", [stored(), stored()]).await;
    // No byte of the body is sent, so the answer cannot have waited for one.
    let (answer, _) = stage.raw("PUT /files/a.png HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\n").await;
    stage.expect("file-too-large.announced", &answer);
    assert_eq!(stage.send(put("a.png"), "0123456789").await.status, 201);
    let video = |len: usize| stage.send(put("a.mp4").header("content-type", "video/mp4"), vec![b'x'; len]);
    assert_eq!(video(20).await.status, 201);
    assert_eq!(video(21).await.problem(), "file-too-large");
}

#[tokio::test]
async fn a_file_of_unknown_size_that_grows_too_large_is_not_committed() {
    let stage = Stage::new(&unknown_size("accept: { size: { max: 10B } }\n"), [stored(), stored()]).await;
    let (answer, _) = stage.raw(chunked("8\r\n01234567\r\n3\r\n890\r\n0\r\n\r\n")).await;
    stage.expect("file-too-large.counted", &answer);
    stage.nothing_stored();
    assert_eq!(stage.raw(chunked("a\r\n0123456789\r\n0\r\n\r\n")).await.0.status, 201);
}

#[tokio::test]
async fn an_empty_file_is_fine_unless_the_rule_wants_a_byte() {
    let stage = Stage::new(PLAIN, [stored()]).await;
    assert_eq!(stage.send(put("a"), "").await.status, 201);
    let stage = Stage::new(&unknown_size("accept: { size: { min: 1B } }\n"), [stored()]).await;
    stage.expect("empty-file.announced", &stage.send(put("a"), "").await);
    let (answer, _) = stage.raw(chunked("0\r\n\r\n")).await;
    stage.expect("empty-file.counted", &answer);
    stage.nothing_stored();
}

#[tokio::test]
async fn a_file_that_is_too_small_is_refused() {
    let stage = Stage::new(&unknown_size("accept: { size: { min: 10B } }\n"), [stored()]).await;
    stage.expect("file-too-small.announced", &stage.send(put("a"), "123456789").await);
    assert!(stage.peer.requests().is_empty());
    stage.expect("file-too-small.counted", &stage.raw(chunked("1\r\nx\r\n0\r\n\r\n")).await.0);
    stage.nothing_stored();
}

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x02\0\0\0";
const JPEG: &[u8] = b"\xff\xd8\xff\xe0\0\x10JFIF\0\x01\x01\0\0\x01\0\x01\0\0";
const ZIP: &[u8] = b"PK\x03\x04\x14\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x05\0\0\0a.txt";
const DOCX: &str = "application/vnd.openxmlformats-officedocument.wordprocessingml.document";

#[tokio::test]
async fn types_are_allowed_and_denied() {
    let stage = Stage::plain("accept: { types: { allow: ['image/*'], deny: [image/svg+xml] } }\n", [stored()]).await;
    let typed = |media_type: &'static str| put("a").header("content-type", media_type);
    stage.expect("type-refused.not-allowed", &stage.send(typed("text/html"), "x").await);
    stage.expect("type-refused.denied", &stage.send(typed("Image/SVG+xml; charset=utf-8"), "x").await);
    assert_eq!(stage.send(put("a"), "x").await.problem(), "type-refused", "no type is application/octet-stream");
    assert_eq!(stage.send(typed("image/png"), "x").await.status, 201);
}

#[tokio::test]
async fn a_file_that_is_not_what_it_is_declared_to_be_is_refused() {
    let more = "accept: { types: { deny: [application/zip], detect: must-match } }\n";
    let stage = Stage::plain(more, (0..4).map(|_| stored())).await;
    let declared = |media_type: &'static str| put("a").header("content-type", media_type);
    stage.expect("type-mismatch.jpeg-as-png", &stage.send(declared("image/png"), JPEG).await);
    assert_eq!(stage.send(declared("text/plain"), PNG).await.problem(), "type-mismatch");
    assert!(stage.peer.requests().is_empty());
    for (media_type, body) in [("image/png", PNG), ("text/csv", b"a,b\n1,2\n"), ("application/octet-stream", PNG)] {
        let answer = stage.send(declared(media_type), body).await;
        assert_eq!(answer.status, 201, "{media_type}: {answer:?}");
    }
    // What the first bytes show may be denied although something else was declared.
    assert_eq!(stage.send(declared("application/octet-stream"), ZIP).await.problem(), "type-refused");
}

#[tokio::test]
async fn a_container_passes_for_the_types_that_are_built_on_it() {
    let stage = Stage::plain("accept: { types: { detect: must-match } }\n", [stored(), stored()]).await;
    for media_type in [DOCX, "application/zip"] {
        let answer = stage.send(put("a").header("content-type", media_type), ZIP).await;
        assert_eq!((answer.status, &answer.json()["file"]["type"]), (201, &media_type.into()), "{answer:?}");
    }
    assert_eq!(stage.send(put("a").header("content-type", "image/png"), ZIP).await.problem(), "type-mismatch");
}

#[tokio::test]
async fn what_the_first_bytes_show_can_take_the_place_of_what_was_declared() {
    let more = "accept: { size: { max: 10B, by-type: { 'image/*': 100B } }, types: { allow: ['image/*'], detect: prefer-detected } }\n";
    let stage = Stage::plain(more, [stored()]).await;
    let answer = stage.send(post().header("content-type", "text/plain"), PNG).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    assert_eq!(answer.json()["file"]["type"], "image/png");
    assert_eq!(answer.json()["file"]["name"], "unnamed.png");
    assert_eq!(stage.send(post().header("content-type", "image/png"), ZIP).await.problem(), "type-refused");
}

#[tokio::test]
async fn a_file_that_does_not_match_its_digest_is_never_committed() {
    let stage = Stage::new(PLAIN, (0..9).map(|_| stored())).await;
    let other = content::repr_digest(b"another file");
    stage.expect("digest-mismatch.repr-digest", &stage.send(put("a").header("repr-digest", &other), "x").await);
    stage.expect("digest-mismatch.content-digest", &stage.send(put("a").header("content-digest", &other), "x").await);
    let md5 = "1B2M2Y8AsgTpgAmY7PhCfg==";
    stage.expect("digest-mismatch.content-md5", &stage.send(put("a").header("content-md5", md5), "x").await);
    stage.nothing_stored();

    let right = content::repr_digest(b"x");
    for (name, value) in [
        ("repr-digest", right.clone()),
        ("content-digest", right.clone()),
        ("repr-digest", format!("unixsum=:AAAA:, {right}, crc32c=:YWJjZA==:")),
        ("repr-digest", "id-sha-256=:AAAA:".to_owned()),
    ] {
        let answer = stage.send(put("a").header(name, &value), "x").await;
        assert_eq!(answer.status, 201, "{name}: {value}: {answer:?}");
        let knows = value.contains(&right);
        assert_eq!(answer.header("repr-digest").is_some(), knows, "what was verified is shown: {value}");
    }
}

#[tokio::test]
async fn sizes_that_disagree_are_refused_before_the_upstream_hears_of_the_file() {
    let stage = Stage::new(PLAIN, []).await;
    stage.expect("length-mismatch.announcements", &stage.send(put("a").header("upload-length", "2"), "x").await);
    assert!(stage.peer.requests().is_empty());
}

#[tokio::test]
async fn a_body_that_ends_short_or_runs_over_is_never_committed() {
    let stage = Stage::new(PLAIN, [stored(), stored()]).await;
    let announced = |body: &str| {
        format!("POST /files HTTP/1.1\r\nHost: a\r\nUpload-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n{body}")
    };
    stage.expect("length-mismatch.short", &stage.raw(announced("3\r\nabc\r\n0\r\n\r\n")).await.0);
    stage.expect("length-mismatch.over", &stage.raw(announced("4\r\nabcd\r\n1\r\ne\r\n0\r\n\r\n")).await.0);
    stage.nothing_stored();
}

#[tokio::test]
async fn the_receipt_tells_what_was_stored() {
    let rule =
        PLAIN.replace("{ id: '${ store.json.id }' }", "{ id: '${ store.json.id }', url: '${ store.json.url }' }");
    let reply = sandbox::peer::Reply::json(
        201,
        &serde_json::json!({ "id": 9_007_199_254_740_993_u64, "url": "https://files.example.com/9?v=1" }),
    );
    let stage = Stage::new(&format!("{rule}digests: [sha-256]\n"), [reply]).await;
    let answer = stage.send(put("a%20b.png").header("content-type", "image/png"), PNG).await;
    stage.expect_receipt("receipt.stored", &answer);
    assert_eq!(answer.json()["file"]["digests"]["sha-256"], content::sha256_hex(PNG));
    assert_eq!(answer.header("repr-digest"), Some(content::repr_digest(PNG).as_str()));
}
