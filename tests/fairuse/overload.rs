//! More than the gateway can take: those who are in go on, everybody else hears so at once.

use harness::content::{bytes, sha256_hex};
use harness::{RawConnection, Rules};

use crate::stage::{Protocol, Stage};

/// Uploads that fit.
const PLACES: usize = 8;
/// Requests beyond them, more than are heard out at once.
const CROWD: usize = 480;
/// Of each upload.
const SIZE: usize = 256 * 1024;
const PARTS: usize = 16;

/// What everybody in the crowd sends: some wait to be asked, some send all that they have.
fn request(number: usize) -> (String, usize) {
    let (expect, sent) = match number % 3 {
        0 => ("Expect: 100-continue\r\n", 0),
        1 => ("", 10_000),
        _ => ("", 0),
    };
    (format!("PUT /files/a HTTP/1.1\r\nHost: a\r\nContent-Length: 10000000\r\n{expect}\r\n"), sent)
}

#[tokio::test]
async fn a_full_gateway_refuses_a_crowd_and_finishes_what_it_took() {
    let rules = Rules::default().settings(&format!("limits: {{ uploads: {PLACES} }}"));
    let stage = Stage::with(rules, "").await;
    let content = bytes(SIZE);
    let mut uploads = Vec::new();
    for client in 0..PLACES {
        let protocol = if client % 2 == 0 { Protocol::Http1 } else { Protocol::Http2 };
        uploads.push(stage.open(protocol, 1, Some(SIZE)).await);
    }
    stage.until(PLACES).await;

    let mut crowd = Vec::new();
    for (round, part) in content.chunks(SIZE / PARTS).enumerate() {
        // Between any two parts of the uploads, a part of the crowd comes.
        for number in 0..CROWD / PARTS {
            let (head, sent) = request(round + number);
            let mut connection = RawConnection::open(stage.rig.address()).await.expect("the gateway listens");
            connection.send(head).await.expect("it is sent");
            let _cut_off = connection.send(vec![7; sent]).await;
            let answer = connection.answer().await.expect("an answer");
            assert_eq!((answer.status, answer.problem().as_str()), (503, "overloaded"), "{answer:?}");
            assert!(answer.header("retry-after").is_some() && answer.header("tidegate-upload-id").is_some());
            assert_eq!(answer.header("connection"), Some("close"));
            // Kept open by the client, so that refused bodies add up.
            crowd.push(connection);
        }
        for upload in &mut uploads {
            upload.send(part, round + 1 == PARTS).await.expect("it goes on");
        }
    }
    for upload in uploads {
        assert_eq!(upload.answer().await.status, 201);
    }
    let stored = stage.peer.requests();
    assert_eq!(stored.len(), PLACES, "nothing of the crowd reached the upstream");
    let digest = sha256_hex(&content);
    assert!(stored.iter().all(|request| request.complete && request.sha256 == digest));
    let received = stage.metric("tidegate_received_bytes_total{route=\"files\"}").await;
    assert_eq!(received, (PLACES * SIZE) as f64, "no byte of the crowd was taken for a file");
    let refused = "tidegate_uploads_total{outcome=\"refused\",reason=\"overloaded\",route=\"files\"}";
    assert_eq!(stage.metric(refused).await, crowd.len() as f64);
    assert_eq!(stage.upload(Protocol::Http1, 1, b"x").await.status, 201, "there is room again");
}

#[tokio::test]
async fn everybody_beyond_those_that_are_heard_out_is_answered_as_well() {
    let stage = Stage::limited("{ client: { uploads: 1 } }").await;
    let _held = stage.half(Protocol::Http1, 1).await;
    let mut crowd = Vec::new();
    for _ in 0..CROWD {
        let mut connection = RawConnection::open(stage.rig.address()).await.expect("the gateway listens");
        connection
            .send("PUT /files/a HTTP/1.1\r\nHost: a\r\nContent-Length: 10000000\r\n\r\n")
            .await
            .expect("it is sent");
        assert_eq!(connection.answer().await.expect("an answer").status, 429);
        // Kept open: nobody's body ends.
        crowd.push(connection);
    }
}
