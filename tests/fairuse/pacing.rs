//! Bytes per second over real sockets. How exact the pace is, the gateway's own tests show under a clock that stands still; here it
//! must only never be too fast, and nobody be blamed for the wait.

use std::time::Instant;

use harness::Rules;
use harness::content::{bytes, sha256_hex};

use crate::stage::{PROTOCOLS, Protocol, Stage};

/// Bytes per second.
const RATE: usize = 64 * 1024;
const SIZE: usize = 160 * 1024;

#[tokio::test]
async fn a_shaped_upload_is_slow_by_the_gateways_will_and_ends_well() {
    // Far stricter than the shaped pace, on both sides: were the wait counted, each of these would end the upload.
    let settings = "timeouts: { min-rate: 10MiB/s, min-rate-grace: 500ms, idle: 1s, answer: 2s }";
    for protocol in PROTOCOLS {
        let rules = Rules::default().settings(settings);
        let stage = Stage::with(rules, "limits: { client: { bytes: 64KiB/s } }\n").await;
        let content = bytes(SIZE);
        let begun = Instant::now();
        let watch = async {
            stage
                .uploads_until(|uploads| {
                    uploads.iter().any(|upload| {
                        upload["slow_side"] == "gateway"
                            && upload["throttled_seconds"].as_f64().is_some_and(|seconds| seconds > 0.2)
                    })
                })
                .await;
        };
        let (answer, ()) = tokio::join!(stage.upload(protocol, 1, &content), watch);
        assert_eq!(answer.status, 201, "{answer:?}");
        // A piece at the beginning and what is made up for pass at once.
        let fair = (SIZE - RATE / 16 - RATE / 100) as f64 / RATE as f64;
        assert!(begun.elapsed().as_secs_f64() >= fair, "{:?}", begun.elapsed());
        assert_eq!(stage.peer.requests()[0].sha256, sha256_hex(&content));
        let throttled = stage.metric("tidegate_throttled_seconds_total{route=\"files\"}").await;
        let upstream = stage.metric("tidegate_stall_seconds_total{route=\"files\",side=\"upstream\"}").await;
        assert!(throttled > 1.0, "{throttled} s throttled, {upstream} s for the upstream");
    }
}

#[tokio::test]
async fn a_client_that_vanishes_while_it_is_held_back_frees_its_place() {
    for protocol in PROTOCOLS {
        let stage = Stage::limited("{ client: { uploads: 1, bytes: 1KiB/s } }").await;
        let mut open = stage.open(protocol, 1, Some(1 << 20)).await;
        open.send(&bytes(8 * 1024), false).await.expect("it is sent");
        stage.uploads_until(|uploads| uploads.iter().any(|upload| upload["slow_side"] == "gateway")).await;
        open.vanish();
        stage.until(0).await;
        stage.half(protocol, 1).await;
    }
}

#[tokio::test]
async fn a_form_is_held_back_as_a_raw_body_is() {
    let stage = Stage::limited("{ route: { bytes: 64KiB/s } }").await;
    let content = bytes(64 * 1024);
    let mut body = b"--x\r\nContent-Disposition: form-data; name=f; filename=a\r\n\r\n".to_vec();
    body.extend_from_slice(&content);
    body.extend_from_slice(b"\r\n--x--\r\n");
    let request = http::Request::post("/files").header("content-type", "multipart/form-data; boundary=x").body(body);
    let begun = Instant::now();
    let answer = harness::client::http1(stage.rig.address(), request.expect("a request")).await.expect("an answer");
    assert_eq!(answer.status, 201, "{answer:?}");
    assert!(begun.elapsed().as_millis() >= 900, "{:?}", begun.elapsed());
    assert_eq!(stage.peer.requests()[0].sha256, sha256_hex(&content));
    assert!(stage.metric("tidegate_throttled_seconds_total{route=\"files\"}").await > 0.5);
    // The route's share is used up for a moment: the next upload waits for its turn as well, and passes.
    assert_eq!(stage.upload(Protocol::Http2, 2, b"x").await.status, 201);
}
